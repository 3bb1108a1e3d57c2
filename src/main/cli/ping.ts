/**
 * `ping [-V RDOMAIN] [-c N] [-I SRC] ADDR[%IF]`: echo requests from the router itself; prints what ping(8) prints, once it has ended.
 */
import { addressWords, canonical, familyOf, formatAddress } from '../config/address.js';
import { allAddresses, isLinkLocal } from '../config/link-local.js';
import { linkOf } from '../config/routes.js';
import { parseZoned, splitZone, type Zoned, zoned } from '../config/zone.js';
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import type { PingEvent } from '../stack/ping.js';
import { takeDomain } from './ip-table.js';
import { apart, Words } from './words.js';

/** Most requests of one command: each takes a second. */
const COUNT_MOST = 60;
const COUNT = 4;

/** Runs the words after `ping`. Throws ControlError. */
export async function ping(router: Router, args: readonly string[], json: boolean): Promise<string> {
  const words = new Words(apart(args, 'n', 'VcI'));
  let rdomain = 0;
  let count = COUNT;
  let source = '';
  let asked: Zoned = { address: '', zone: '' };
  while (words.more) {
    const word = words.take('word');
    if (word === '-V') rdomain = takeDomain(words);
    else if (word === '-c') count = words.takeNumber('count', 1, COUNT_MOST);
    else if (word === '-I') source = canonical(words.take('source'));
    else if (word === '-n') continue;
    else if (word.startsWith('-')) throw new ControlError('EINVAL', `${word}: unknown option`);
    else if (asked.address !== '') throw new ControlError('EINVAL', `unexpected word ${word}`);
    else asked = parseZoned(word);
  }
  const { address } = asked;
  if (address === '') throw new ControlError('EINVAL', 'address missing');
  if (source !== '' && familyOf(source) !== familyOf(address))
    throw new ControlError('EINVAL', `${source}: of another family`);
  if (source !== '' && !isOwn(router, rdomain, source))
    throw new ControlError('EADDRNOTAVAIL', `${source}: not an address of ours in rdomain ${rdomain}`);
  const link = isLinkLocal(address) ? linkOf(router.state, rdomain, asked) : undefined;
  const to = zoned(address, link?.name ?? asked.zone);
  const from = source === '' ? {} : { source: addressWords(source) };
  const unreachable = new ControlError('ENETUNREACH', `${to}: no route, or no address to ask from`);
  const scope = link === undefined ? {} : { scope: router.table.get(link.name).index };
  // It rejects where there is no address to ask from.
  const report = await router.stack
    .ping({ rdomain, destination: addressWords(address), count, ...scope, ...from })
    .catch((error: unknown) => {
      throw error instanceof ControlError ? error : unreachable;
    });
  if (report.source === undefined) throw unreachable;
  if (report.events.every((event) => event.kind === 'unsent' && event.reason === 'no-route')) throw unreachable;
  const events = report.events.map(plain);
  const { sent, received } = report;
  if (json) return `${JSON.stringify({ sent, received, source: formatAddress(report.source), events })}\n`;
  const heading = `PING ${to} (${to}): 56 data bytes`;
  const lines = [heading, ...report.events.flatMap((event) => line(event, to)), '', `--- ${to} ping statistics ---`];
  const loss = sent === 0 ? 0 : ((sent - received) / sent) * 100;
  lines.push(`${sent} packets transmitted, ${received} packets received, ${loss.toFixed(1)}% packet loss`);
  const times = report.events.flatMap((event) => (event.kind === 'reply' ? [event.rttMs] : []));
  if (times.length > 0) lines.push(`round-trip min/avg/max/std-dev = ${summary(times)} ms`);
  return `${lines.join('\n')}\n`;
}

/** Whether an interface of the domain has that address. */
function isOwn(router: Router, rdomain: number, address: string): boolean {
  const inDomain = router.table.all().filter(({ spec }) => spec.rdomain === rdomain);
  return inDomain.some(({ spec, lladdr }) => allAddresses(spec, lladdr).some((own) => own.address === address));
}

/** Least, mean, most and standard deviation of a list, in milliseconds. */
function summary(times: readonly number[]): string {
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  const variance = times.reduce((sum, ms) => sum + (ms - mean) ** 2, 0) / times.length;
  return [Math.min(...times), mean, Math.max(...times), Math.sqrt(variance)].map((ms) => ms.toFixed(3)).join('/');
}

/** An event with addresses as text. */
function plain(event: PingEvent): Record<string, unknown> {
  return 'from' in event ? { ...event, from: formatAddress(event.from) } : { ...event };
}

function line(event: PingEvent, to: string): string[] {
  const { address, zone } = splitZone(to);
  const hops = familyOf(address) === 'inet' ? 'ttl' : 'hlim';
  switch (event.kind) {
    case 'reply':
    case 'duplicate': {
      const again = event.kind === 'duplicate' ? ' DUP!' : '';
      const from = zoned(formatAddress(event.from), zone);
      return [
        `${event.bytes} bytes from ${from}: icmp_seq=${event.sequence} ${hops}=${event.ttl} time=${event.rttMs.toFixed(3)} ms${again}`,
      ];
    }
    case 'error':
      return [
        `From ${zoned(formatAddress(event.from), zone)}: icmp_seq=${event.sequence} type ${event.type} code ${event.code}`,
      ];
    case 'unsent':
      return [`icmp_seq=${event.sequence} not sent: ${event.reason}`];
    default:
      return [];
  }
}
