/**
 * `arp` and `ndp`: OpenBSD's words for neighbours. What they add is live and no part of the configuration.
 */
import { parseMac } from '../../shared/wire/ethernet.js';
import { addressWords, type Family, familyOf, formatAddress } from '../config/address.js';
import { allAddresses } from '../config/link-local.js';
import { linkOf } from '../config/routes.js';
import { parseZoned, type Zoned, zoned } from '../config/zone.js';
import type { Live } from '../control/interface-table.js';
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import type { Neighbour, NeighbourState } from '../stack/neighbours.js';
import { takeDomain } from './ip-table.js';
import { apart, Words } from './words.js';

/** Runs the words after `arp`: `[-n] [-V RDOMAIN] -a | ADDR | -d ADDR | -ad | -s ADDR MAC`. Throws ControlError. */
export function arp(router: Router, args: readonly string[], json: boolean): string {
  return neighbourWords(router, args, json, 'inet');
}

/** The same of `ndp`. */
export function ndp(router: Router, args: readonly string[], json: boolean): string {
  return neighbourWords(router, args, json, 'inet6');
}

function neighbourWords(router: Router, args: readonly string[], json: boolean, family: Family): string {
  const words = new Words(apart(args, 'and', 'V'));
  let rdomain = 0;
  let how = '';
  let all = false;
  const operands: string[] = [];
  while (words.more) {
    const word = words.take('word');
    if (word === '-V') rdomain = takeDomain(words);
    else if (/^-[and]+$/.test(word)) {
      all ||= word.includes('a');
      if (word.includes('d')) how = 'd';
    } else if (word === '-s') how = 's';
    else if (word.startsWith('-')) throw new ControlError('EINVAL', `${word}: unknown word`);
    else operands.push(word);
  }
  const listed = router.stack
    .neighbours()
    .filter((n) => (n.family === 4 ? 'inet' : 'inet6') === family && rdomainOf(router, n) === rdomain);
  const needed = all ? [] : ['address', ...(how === 's' ? ['link-layer address'] : [])];
  const [address = '', lladdr = ''] = operands;
  if (how === 's' && all) throw new ControlError('EINVAL', '-s and -a exclude each other');
  const missing = needed[operands.length];
  if (missing !== undefined) throw new ControlError('EINVAL', `${missing} missing`);
  if (operands.length > needed.length) throw new ControlError('EINVAL', `unexpected word ${operands[needed.length]}`);
  if (how === 'd' && all) {
    for (const neighbour of listed) router.stack.deleteNeighbour(neighbour.index, neighbour.words);
    return '';
  }
  if (how === 'd' || how === 's') {
    change(router, how, rdomain, family, address, lladdr);
    return '';
  }
  const found = all ? listed : listed.filter(isAt(router, parseZoned(address)));
  if (!all && found.length === 0) throw new ControlError('ESRCH', `${address}: no entry`);
  if (json) return `${JSON.stringify(found.map((n) => describe(router, n)))}\n`;
  return display(router, found, family);
}

/** Whether an interface has an entry for an address, whatever its state. */
export function isNeighbour(router: Router, dev: string, address: string): boolean {
  return router.stack.neighbours().some(isAt(router, { ...parseZoned(address), zone: dev }));
}

function change(router: Router, how: string, rdomain: number, family: Family, address: string, lladdr: string): void {
  const wanted = parseZoned(address);
  if (familyOf(wanted.address) !== family) throw new ControlError('EINVAL', `${address}: not an ${family} address`);
  const words = addressWords(wanted.address);
  if (how === 'd') {
    const known = router.stack
      .neighbours()
      .filter((n) => rdomainOf(router, n) === rdomain)
      .filter(isAt(router, wanted));
    if (known.length === 0) throw new ControlError('ESRCH', `${address}: no entry`);
    for (const neighbour of known) router.stack.deleteNeighbour(neighbour.index, neighbour.words);
    return;
  }
  const mac = parseMac(lladdr);
  if (mac === undefined) throw new ControlError('EINVAL', `${lladdr}: not a MAC address`);
  const spec = linkOf(router.state, rdomain, wanted);
  if (spec === undefined) throw new ControlError('ENETUNREACH', `${address}: on no network of rdomain ${rdomain}`);
  const own = ownerOf(router, rdomain, wanted.address);
  if (own !== undefined) throw new ControlError('EINVAL', `${address}: an address of ${own}, not of a neighbour`);
  const bytes = Uint8Array.of(mac.hi, mac.hi >> 8, mac.lo, mac.lo >> 8, mac.lo >> 16, mac.lo >> 24);
  router.stack.addStatic(router.table.get(spec.name).index, words, bytes);
}

/** The interface of the domain whose own address that is. */
function ownerOf(router: Router, rdomain: number, address: string): string | undefined {
  const has = ({ spec, lladdr }: Live): boolean => allAddresses(spec, lladdr).some((own) => own.address === address);
  return router.table.all().find((live) => live.spec.rdomain === rdomain && has(live))?.name;
}

/** Whether a neighbour has an address, on the link of its zone if it has one. */
function isAt(router: Router, { address, zone }: Zoned): (neighbour: Neighbour) => boolean {
  return ({ index, words }) => formatAddress(words) === address && (zone === '' || router.table.nameOf(index) === zone);
}

function rdomainOf(router: Router, neighbour: Neighbour): number {
  return router.table.at(neighbour.index)?.spec.rdomain ?? -1;
}

function describe(router: Router, neighbour: Neighbour): Record<string, unknown> {
  return {
    address: formatAddress(neighbour.words),
    lladdr: lladdrText(neighbour),
    interface: router.table.nameOf(neighbour.index),
    state: neighbour.state,
    expiresMs: neighbour.dueMs ?? null,
  };
}

function lladdrText({ lladdr }: Neighbour): string {
  if (lladdr === undefined) return '(incomplete)';
  return [...lladdr].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Columns of an address. */
const ADDRESS_WIDTH = 36;

/** As arp(8) and ndp(8) print them: a heading, a line each. */
function display(router: Router, neighbours: readonly Neighbour[], family: Family): string {
  const inet = family === 'inet';
  const head = `${(inet ? 'Host' : 'Neighbor').padEnd(ADDRESS_WIDTH)} ${(inet ? 'Ethernet Address' : 'Linklayer Address').padEnd(17)} ${'Netif'.padStart(6)} ${'Expire'.padEnd(9)} ${inet ? 'Flags' : 'S Flags'}\n`;
  const lines = neighbours.map((n) => {
    const name = router.table.nameOf(n.index).padStart(6);
    const flags = inet ? n.state : `${STATE_LETTERS[n.state]} ${n.router ? 'R' : ''}`;
    const address = zoned(formatAddress(n.words), router.table.nameOf(n.index));
    const line = `${address.padEnd(ADDRESS_WIDTH)} ${lladdrText(n).padEnd(17)} ${name} ${expiry(n).padEnd(9)} ${flags}`;
    return `${line.trimEnd()}\n`;
  });
  return head + lines.join('');
}

/** ndp(8)'s letters for the states; it has none for one that failed. */
const STATE_LETTERS: Record<NeighbourState, string> = {
  incomplete: 'I',
  reachable: 'R',
  stale: 'S',
  delay: 'D',
  probe: 'P',
  failed: 'N',
  static: 'R',
};

/** `permanent`, `29s`, `1m5s`, or `expired` for one that only news will change. */
function expiry({ state, dueMs }: Neighbour): string {
  if (state === 'static') return 'permanent';
  if (dueMs === undefined) return 'expired';
  const seconds = Math.max(0, Math.ceil(dueMs / 1000));
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
