/**
 * `ip`: iproute2's words for addresses, links, neighbours and routes (ip(8)), a thin translation onto OpenBSD's words for the same,
 * applied to a draft. What asks is in ip-display.ts. Main only.
 *
 * A table is a routing domain: `main` and 254 are domain 0, N is domain N.
 */
import { BITS, type Family, familyOf, parsePrefix } from '../config/address.js';
import { isLinkLocal } from '../config/link-local.js';
import { reaches } from '../config/routes.js';
import { zoned } from '../config/zone.js';
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import { ifconfig } from './ifconfig.js';
import { changeLink, deviceOf } from './ip-link.js';
import { changeRoute } from './ip-route.js';
import { changeRule } from './ip-rule.js';
import { changeSeg6 } from './ip-sr.js';
import { arp, isNeighbour, ndp } from './neighbour.js';
import { type Draft, Words } from './words.js';

/** What `ip` is about; any beginning of a word stands for it, the first in this order that fits. */
const OBJECTS = ['address', 'addr', 'link', 'neighbour', 'neighbor', 'route', 'rule', 'vrf', 'sr'] as const;

/** The words after `ip`, taken apart. */
export interface IpCommand {
  readonly object: Exclude<(typeof OBJECTS)[number], 'addr' | 'neighbor'>;
  readonly command: string;
  /** -4 or -6; undefined where nobody said. */
  readonly family: Family | undefined;
  readonly rest: readonly string[];
  readonly json: boolean;
  /** -d: everything there is to tell. */
  readonly details: boolean;
  /** -s: counters too. */
  readonly statistics: boolean;
}

/** Takes the words after `ip` apart. Throws EINVAL for an object there is not. */
export function parseIp(args: readonly string[]): IpCommand {
  const words = new Words(args);
  let family: Family | undefined;
  const said = { json: false, details: false, statistics: false };
  while (words.peek.startsWith('-')) {
    const option = words.take('option');
    if (option === '-4') family = 'inet';
    else if (option === '-6') family = 'inet6';
    else if (option === '-j' || option === '-json') said.json = true;
    else if (option === '-d' || option === '-details') said.details = true;
    else if (option === '-s' || option === '-stats' || option === '-statistics') said.statistics = true;
    // One line or the numbers of protocols: as they are anyway.
    else if (option !== '-n' && option !== '-N') throw new ControlError('EINVAL', `${option}: unknown option`);
  }
  const word = words.take('object');
  const long = OBJECTS.find((object) => object.startsWith(word));
  if (long === undefined) throw new ControlError('EINVAL', `${word}: unknown object`);
  const object = long === 'addr' ? 'address' : long === 'neighbor' ? 'neighbour' : long;
  const spelled = words.more ? words.take('command') : 'show';
  const command = { delete: 'del', list: 'show', ls: 'show', lst: 'show' }[spelled] ?? spelled;
  return { object, command, family, rest: words.rest(), ...said };
}

/** Whether these words only ask. */
export function isIpQuery(args: readonly string[]): boolean {
  const { object, command, rest } = parseIp(args);
  if (object === 'sr') return command === 'show' || rest.length === 0 || rest[0] === 'show';
  return command === 'show';
}

/** Whether these words change neighbours, which are live and no part of the configuration. */
export function isIpNeighbour(args: readonly string[]): boolean {
  return parseIp(args).object === 'neighbour';
}

/**
 * Applies `addr add|replace|del`, `link set` and `route add|append|replace|change|del` to a draft. Throws ControlError: EINVAL, and
 * as the OpenBSD word that stands for it; EEXIST for an address that the interface has already.
 */
export function ip(draft: Draft, args: readonly string[]): void {
  const { object, command, family, rest } = parseIp(args);
  const words = new Words(rest);
  if (object === 'address') changeAddress(draft, command, words);
  else if (object === 'link') changeLink(draft, command, words);
  else if (object === 'route') changeRoute(draft, command, family, words);
  else if (object === 'rule') changeRule(draft, command, family, rest);
  else if (object === 'sr') changeSeg6(draft, command, words);
  else throw new ControlError('EINVAL', `ip ${object} ${command}: unknown command`);
}

/** `ADDR[/LEN] [peer ADDR] [brd +|ADDR] [scope S] dev IF`; without a length it is a host's. */
function changeAddress(draft: Draft, command: string, words: Words): void {
  if (!['add', 'replace', 'change', 'del'].includes(command)) {
    throw new ControlError('EINVAL', `ip address ${command}: unknown command`);
  }
  let dev = '';
  let peer = '';
  let local = '';
  while (words.more) {
    const word = words.take('word');
    if (word === 'dev') dev = words.take('interface');
    else if (word === 'peer') peer = words.take('address');
    // The broadcast address and the scope follow from the address.
    else if (word === 'brd' || word === 'broadcast' || word === 'scope') words.take(word);
    else if (word === 'nodad')
      throw new ControlError(
        'EOPNOTSUPP',
        'nodad: not for one address; sysctl net.inet6.ip6.dad_count=0 leaves duplicate address detection out',
      );
    else local = word === 'local' ? words.take('address') : word;
  }
  if (local === '') throw new ControlError('EINVAL', 'address missing');
  const { address, family, length } = parsePrefix(local);
  const spec = deviceOf(draft.state, dev);
  if (command === 'del') {
    ifconfig(draft, [dev, family, address, 'delete']);
    return;
  }
  if (command === 'add' && spec.addresses.some((a) => a.address === address)) {
    throw new ControlError('EEXIST', `${address}: an address of ${dev} already`);
  }
  const far = peer === '' ? undefined : parsePrefix(peer);
  const bits = far === undefined || far.length === -1 ? length : far.length;
  const own = `${address}/${bits === -1 ? BITS[family] : bits}`;
  ifconfig(draft, [dev, family, own, ...(far === undefined ? [] : [far.address]), 'alias']);
}

/**
 * `neigh add|replace ADDR lladdr MAC dev IF`, `neigh del ADDR dev IF`: now, with no trace in the configuration. Throws ControlError:
 * EEXIST where `add` finds one.
 */
export function ipNeighbour(router: Router, args: readonly string[]): string {
  const { command, rest } = parseIp(args);
  if (!['add', 'replace', 'del'].includes(command)) {
    throw new ControlError('EINVAL', `ip neighbour ${command}: unknown command`);
  }
  const words = new Words(rest);
  let [address, lladdr, dev] = ['', '', ''];
  while (words.more) {
    const word = words.take('word');
    if (word === 'dev') dev = words.take('interface');
    else if (word === 'lladdr') lladdr = words.take('address');
    else if (word === 'nud') words.take('state');
    else if (word === 'proxy') {
      const instead =
        'sysctl net.ipv6.conf.IF.proxy_ndp=1 (ipv4, proxy_arp) answers for what another interface leads to';
      throw new ControlError('EOPNOTSUPP', `no proxy for one address: ${instead}`);
    } else address = word === 'to' ? words.take('address') : word;
  }
  if (address === '') throw new ControlError('EINVAL', 'address missing');
  if (command !== 'del' && lladdr === '') throw new ControlError('EINVAL', 'lladdr missing');
  const spec = deviceOf(router.state, dev);
  const family = familyOf(address);
  if (family === undefined) throw new ControlError('EINVAL', `${address}: not an IP address`);
  const reached = isLinkLocal(address) ? spec : reaches(router.state, spec.rdomain, address);
  if (reached !== undefined && reached !== spec) {
    throw new ControlError('EINVAL', `${address}: on a network of ${reached.name}, not of ${dev}`);
  }
  const run = family === 'inet' ? arp : ndp;
  const domain = ['-V', String(spec.rdomain)];
  if (command === 'del') return run(router, [...domain, '-d', zoned(address, dev)], false);
  if (command === 'add' && isNeighbour(router, dev, address)) throw new ControlError('EEXIST', 'File exists');
  return run(router, [...domain, '-s', zoned(address, dev), lladdr], false);
}
