/**
 * `ip`: iproute2's words for addresses, links, neighbours and routes (ip(8)), a thin translation onto OpenBSD's words for the same,
 * applied to a draft. What asks is in ip-display.ts. Main only.
 *
 * A table is a routing domain: `main` and 254 are domain 0, N is domain N.
 */
import { BITS, type Family, familyOf, networkOf, parsePrefix } from '../config/address.js';
import { reaches } from '../config/routes.js';
import { type InterfaceSpec, RDOMAIN, type State } from '../config/state.js';
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import { ifconfig } from './ifconfig.js';
import { arp, ndp } from './neighbour.js';
import { route } from './route.js';
import { type Draft, Words } from './words.js';

/** What `ip` is about; any beginning of a word stands for it, the first in this order that fits. */
const OBJECTS = ['address', 'addr', 'link', 'neighbour', 'neighbor', 'route'] as const;

/** The words after `ip`, taken apart. */
export interface IpCommand {
  readonly object: 'address' | 'link' | 'neighbour' | 'route';
  readonly command: string;
  /** -4 or -6; undefined where nobody said. */
  readonly family: Family | undefined;
  readonly rest: readonly string[];
}

/** Takes the words after `ip` apart. Throws EINVAL for an object there is not. */
export function parseIp(args: readonly string[]): IpCommand {
  const words = new Words(args);
  let family: Family | undefined;
  while (words.peek.startsWith('-')) {
    const option = words.take('option');
    if (option === '-4') family = 'inet';
    else if (option === '-6') family = 'inet6';
    else throw new ControlError('EINVAL', `${option}: unknown option`);
  }
  const word = words.take('object');
  const long = OBJECTS.find((object) => object.startsWith(word));
  if (long === undefined) throw new ControlError('EINVAL', `${word}: unknown object`);
  const object = long === 'addr' ? 'address' : long === 'neighbor' ? 'neighbour' : long;
  const spelled = words.more ? words.take('command') : 'show';
  const command = { delete: 'del', list: 'show', ls: 'show', lst: 'show' }[spelled] ?? spelled;
  return { object, command, family, rest: words.rest() };
}

/** Whether these words only ask. */
export function isIpQuery(args: readonly string[]): boolean {
  return parseIp(args).command === 'show';
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
  else if (object === 'link' && command === 'set') setLink(draft, words);
  else if (object === 'route') changeRoute(draft, command, family, words);
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
    else local = word === 'local' ? words.take('address') : word;
  }
  if (local === '') throw new ControlError('EINVAL', 'address missing');
  const { address, family, length } = parsePrefix(local);
  const spec = interfaceOf(draft.state, dev);
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

/** `[dev] IF` and then any of `up`, `down`, `mtu N`, `address MAC`, `netns NAME`, `alias TEXT`. */
function setLink(draft: Draft, words: Words): void {
  const ours: Record<string, string> = { mtu: 'mtu', address: 'lladdr', netns: 'netns', alias: 'description' };
  const first = words.take('interface');
  const dev = first === 'dev' ? words.take('interface') : first;
  interfaceOf(draft.state, dev);
  const told: string[] = [];
  while (words.more) {
    const word = words.take('word');
    if (word === 'up' || word === 'down') told.push(word);
    else if (Object.hasOwn(ours, word)) told.push(ours[word] as string, words.take(word));
    else throw new ControlError('EINVAL', `${word}: unknown word`);
  }
  ifconfig(draft, [dev, ...told]);
}

/** What a route command says. */
interface Wanted {
  readonly destination: string;
  readonly family: Family;
  readonly rdomain: number;
  readonly kind: 'unicast' | 'blackhole' | 'unreachable';
  readonly gateways: readonly string[];
}

function changeRoute(draft: Draft, command: string, family: Family | undefined, words: Words): void {
  if (!['add', 'append', 'replace', 'change', 'del'].includes(command)) {
    throw new ControlError('EINVAL', `ip route ${command}: unknown command`);
  }
  const wanted = readRoute(draft.state, words, family);
  const { destination, rdomain, kind, gateways } = wanted;
  const run = (verb: string, ...more: string[]): void =>
    route(draft, ['-T', String(rdomain), verb, `-${wanted.family}`, destination, ...more]);
  if (command === 'del') {
    for (const gateway of gateways.length === 0 ? [''] : gateways) run('delete', ...(gateway === '' ? [] : [gateway]));
    return;
  }
  const verb = command === 'change' || (command === 'replace' && hasRoute(draft.state, wanted)) ? 'change' : 'add';
  if (kind !== 'unicast') {
    run(verb, kind === 'blackhole' ? '-blackhole' : '-reject');
    return;
  }
  const [first, ...others] = gateways;
  if (first === undefined) throw new ControlError('EINVAL', `${destination}: via missing`);
  run(verb, first, ...(command === 'append' ? ['-mpath'] : []));
  for (const gateway of others) run('add', gateway, '-mpath');
}

/** `[blackhole|unreachable] DEST [via GW] [dev IF] [table N] [nexthop via GW …]`; `dev` alone leads to its other end. */
function readRoute(state: State, words: Words, said: Family | undefined): Wanted {
  let kind: Wanted['kind'] = 'unicast';
  if (words.peek === 'blackhole' || words.peek === 'unreachable') kind = words.take('type') as Wanted['kind'];
  else if (words.peek === 'unicast') words.take('type');
  const to = words.take('destination');
  const destination = to === 'to' ? words.take('destination') : to;
  const gateways: string[] = [];
  let dev = '';
  let rdomain: number = RDOMAIN.min;
  while (words.more) {
    const word = words.take('word');
    if (word === 'via') gateways.push(takeGateway(words));
    else if (word === 'dev') dev = words.take('interface');
    else if (word === 'table') rdomain = takeTable(words);
    // Of a route's own words these alone change nothing here.
    else if (word === 'proto' || word === 'protocol' || word === 'weight') words.take(word);
    else if (word !== 'nexthop' && word !== 'onlink') throw new ControlError('EINVAL', `${word}: unknown word`);
  }
  const network = destination === 'default' || destination === 'any' ? undefined : parsePrefix(destination);
  const family = network?.family ?? said ?? familyOf(gateways[0] ?? '') ?? 'inet';
  if (said !== undefined && said !== family) throw new ControlError('EINVAL', `${destination}: not an ${said} address`);
  if (
    network !== undefined &&
    network.length !== -1 &&
    networkOf(network.address, network.length) !== network.address
  ) {
    throw new ControlError('EINVAL', `${destination}: bits behind the prefix`);
  }
  if (dev !== '') checkDevice(state, interfaceOf(state, dev), rdomain, family, gateways);
  return { destination: network === undefined ? 'default' : destination, family, rdomain, kind, gateways };
}

/** `via` may name the family of the address: `via inet6 fe80::1`. */
function takeGateway(words: Words): string {
  const word = words.take('gateway');
  return word === 'inet' || word === 'inet6' ? words.take('gateway') : word;
}

/** A table by number or name, as a routing domain. Throws EINVAL. */
export function takeTable(words: Words): number {
  if (words.peek !== 'main' && words.peek !== '254') return words.takeNumber('table', RDOMAIN.min, RDOMAIN.max);
  words.take('table');
  return 0;
}

/** `dev` must be where the gateway is; without one, the gateway is the other end of a point-to-point link. */
function checkDevice(state: State, spec: InterfaceSpec, rdomain: number, family: Family, gateways: string[]): void {
  if (gateways.length === 0) {
    const far = spec.addresses.find((a) => a.family === family && a.destination !== '');
    if (far !== undefined) gateways.push(far.destination);
  }
  for (const gateway of gateways) {
    const reached = reaches(state, rdomain, gateway);
    if (reached !== undefined && reached !== spec) {
      throw new ControlError('ENETUNREACH', `${gateway}: on a network of ${reached.name}, not of ${spec.name}`);
    }
  }
}

function hasRoute(state: State, { destination, family, rdomain }: Wanted): boolean {
  const network = destination === 'default' ? undefined : parsePrefix(destination);
  const length = network === undefined ? 0 : network.length === -1 ? BITS[family] : network.length;
  const address = network?.address ?? (family === 'inet' ? '0.0.0.0' : '::');
  return state.routes.some((r) => r.rdomain === rdomain && r.network === address && r.length === length);
}

/** `neigh add|replace ADDR lladdr MAC dev IF`, `neigh del ADDR dev IF`: now, with no trace in the configuration. Throws ControlError. */
export function ipNeighbour(router: Router, args: readonly string[]): string {
  const { command, rest } = parseIp(args);
  const words = new Words(rest);
  let [address, lladdr, dev] = ['', '', ''];
  while (words.more) {
    const word = words.take('word');
    if (word === 'dev') dev = words.take('interface');
    else if (word === 'lladdr') lladdr = words.take('address');
    else if (word === 'nud') words.take('state');
    else address = word === 'to' ? words.take('address') : word;
  }
  const spec = interfaceOf(router.state, dev);
  const family = familyOf(address);
  if (family === undefined) throw new ControlError('EINVAL', `${address}: not an IP address`);
  const reached = reaches(router.state, spec.rdomain, address);
  if (reached !== undefined && reached !== spec) {
    throw new ControlError('EINVAL', `${address}: on a network of ${reached.name}, not of ${dev}`);
  }
  const run = family === 'inet' ? arp : ndp;
  const domain = ['-V', String(spec.rdomain)];
  if (command === 'del') return run(router, [...domain, '-d', address], false);
  if (command === 'add' || command === 'replace') return run(router, [...domain, '-s', address, lladdr], false);
  throw new ControlError('EINVAL', `ip neighbour ${command}: unknown command`);
}

function interfaceOf(state: State, name: string): InterfaceSpec {
  if (name === '') throw new ControlError('EINVAL', 'dev missing');
  const spec = state.interfaces.get(name);
  if (spec === undefined) throw new ControlError('ENODEV', `${name}: no such interface`);
  return spec;
}
