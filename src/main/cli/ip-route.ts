/**
 * `ip route add|append|replace|change|del`: routes in iproute2's words, SRv6 among them, applied to a draft (ip-route(8); spec B §2,
 * §3.1). What ifconfig and route have words for gives the same state as they do. Main only.
 */
import { BITS, type Family, familyOf, networkOf, parsePrefix } from '../config/address.js';
import { isLinkLocal } from '../config/link-local.js';
import { placesOf } from '../config/route-index.js';
import { checkGateways, defaultMetric, isDomain, reaches, viaOf } from '../config/routes.js';
import type { EncapSpec, SidSpec } from '../config/seg6.js';
import type { RouteSpec, State } from '../config/state.js';
import { parseZoned, splitZone, zoned } from '../config/zone.js';
import { ControlError } from '../errors.js';
import { readEncap, readSid } from './ip-encap.js';
import { deviceOf } from './ip-link.js';
import { takeTable } from './ip-table.js';
import type { Draft, Words } from './words.js';

const TYPES: Readonly<Record<string, RouteSpec['kind']>> = {
  unicast: 'gateway',
  unreachable: 'reject',
  blackhole: 'blackhole',
  prohibit: 'prohibit',
};

/** Words of a route that say nothing which is not so here anyway. */
const IGNORED = ['proto', 'protocol', 'scope', 'pref'];

/** What a command says of a route. */
interface Wanted {
  destination: string;
  family: Family;
  network: string;
  length: number;
  rdomain: number;
  kind: RouteSpec['kind'];
  gateways: string[];
  dev: string;
  /** Several next hops, each with words of its own. */
  multipath: boolean;
  /** -1 = not said. */
  metric: number;
  sid: SidSpec | undefined;
  encap: EncapSpec | undefined;
}

/** Throws ControlError: EINVAL, ENODEV, EEXIST, ESRCH, ENETUNREACH, and those of encapsulations. */
export function changeRoute(draft: Draft, command: string, said: Family | undefined, words: Words): void {
  if (!['add', 'append', 'replace', 'change', 'del'].includes(command)) {
    throw new ControlError('EINVAL', `ip route ${command}: unknown command`);
  }
  const wanted = readRoute(draft, words, said, command !== 'del');
  const { routes } = draft.state;
  if (command === 'del') {
    deleteRoute(routes, wanted);
    return;
  }
  const made = checkGateways(complete(draft, wanted));
  const at = placesOf(routes, made).find((place) => routes[place]?.metric === made.metric) ?? routes.length;
  const old = routes[at];
  if (command === 'change' && old === undefined) throw new ControlError('ESRCH', 'No such route');
  if (old === undefined) routes.push(made);
  else if (command === 'replace' || command === 'change') routes[at] = made;
  else if (command === 'append' && canJoin(old, made)) {
    routes[at] = checkGateways({ ...old, gateways: [...old.gateways, ...made.gateways] });
  } else throw new ControlError('EEXIST', 'File exists');
}

/** Whether the gateways of one route can be more of the other's. */
function canJoin(old: RouteSpec, more: RouteSpec): boolean {
  const both = old.kind === 'gateway' && more.kind === 'gateway' && old.dev === more.dev;
  return both && !more.gateways.some((gateway) => old.gateways.includes(gateway));
}

/** Takes out the route of the lowest metric that is as said, or of several next hops those that are. */
function deleteRoute(routes: RouteSpec[], wanted: Wanted): void {
  const { metric, dev, sid, encap } = wanted;
  // What route(8) or a list of next hops made has the interface in its gateways.
  const isOne = (kept: string): boolean =>
    wanted.gateways.some((gateway) => kept === gateway || kept === zoned(gateway, dev));
  const metricAt = (place: number): number => (routes[place] as RouteSpec).metric;
  const places = placesOf(routes, wanted).toSorted((a, b) => metricAt(a) - metricAt(b));
  const at = places.find((place) => {
    const r = routes[place] as RouteSpec;
    if (metric !== -1 && r.metric !== metric) return false;
    if (r.kind !== wanted.kind && wanted.kind !== 'gateway') return false;
    if (sid !== undefined && r.sid?.action !== sid.action) return false;
    if (encap !== undefined && r.encap === undefined) return false;
    if (dev !== '' && r.dev !== '' && r.dev !== dev) return false;
    return wanted.gateways.length <= r.gateways.filter(isOne).length;
  });
  const old = routes[at ?? routes.length];
  if (at === undefined || old === undefined) throw new ControlError('ESRCH', 'No such process');
  const left = wanted.gateways.length === 0 ? [] : old.gateways.filter((gateway) => !isOne(gateway));
  if (left.length === 0) routes.splice(at, 1);
  else routes[at] = { ...old, gateways: left };
}

/** `[TYPE] DEST [via GW] [dev IF] [table T|vrf V] [metric N] [encap …] [nexthop via GW …]`. */
function readRoute(draft: Draft, words: Words, said: Family | undefined, resolves: boolean): Wanted {
  const { state } = draft;
  const type = Object.hasOwn(TYPES, words.peek) ? words.take('type') : 'unicast';
  const to = words.take('destination');
  const destination = to === 'to' ? words.take('destination') : to;
  const prefix = destination === 'default' || destination === 'any' ? undefined : parsePrefix(destination);
  const wanted: Wanted = {
    destination,
    family: prefix?.family ?? said ?? 'inet',
    network: '',
    length: 0,
    rdomain: 0,
    kind: TYPES[type] as RouteSpec['kind'],
    gateways: [],
    dev: '',
    multipath: false,
    metric: -1,
    sid: undefined,
    encap: undefined,
  };
  while (words.more) {
    const word = words.take('word');
    if (word === 'via') {
      if (!wanted.multipath && wanted.gateways.length > 0) throw new ControlError('EINVAL', 'duplicate "via"');
      wanted.gateways.push(takeGateway(words));
    } else if (word === 'weight') takeWeight(words);
    else if (word === 'dev' || word === 'oif') takeDevice(wanted, deviceOf(state, words.take('interface')).name);
    else if (word === 'table') wanted.rdomain = takeTable(words);
    else if (word === 'vrf') wanted.rdomain = takeVrf(state, words);
    else if (word === 'metric' || word === 'preference' || word === 'priority') {
      wanted.metric = words.takeNumber(word, 0, 0xffff_ffff);
    } else if (word === 'encap') takeEncap(draft, words, wanted, resolves);
    else if (IGNORED.includes(word)) words.take(word);
    else if (word === 'nexthop') wanted.multipath = true;
    else if (word !== 'onlink') throw new ControlError('EINVAL', `${word}: unknown word`);
  }
  if (prefix === undefined && said === undefined)
    wanted.family = familyOf(splitZone(wanted.gateways[0] ?? '').address) ?? wanted.family;
  const { family } = wanted;
  if (said !== undefined && said !== family) throw new ControlError('EINVAL', `${destination}: not an ${said} address`);
  if (wanted.gateways.some((gateway) => familyOf(splitZone(gateway).address) !== family)) {
    throw new ControlError('EINVAL', `${wanted.gateways.join(' ')}: not an ${family} address`);
  }
  if (wanted.sid !== undefined && family === 'inet') throw new ControlError('EINVAL', 'a SID is an IPv6 route');
  wanted.length = prefix === undefined ? 0 : prefix.length === -1 ? BITS[family] : prefix.length;
  wanted.network = networkOf(prefix?.address ?? (family === 'inet' ? '0.0.0.0' : '::'), wanted.length);
  // The kernel clears the bits behind an IPv6 prefix, and refuses those behind an IPv4 one.
  if (family === 'inet' && prefix !== undefined && prefix.address !== wanted.network) {
    throw new ControlError('EINVAL', 'Invalid prefix for given prefix length');
  }
  return wanted;
}

/** The interface of the route, or of one link-local next hop among several. */
function takeDevice(wanted: Wanted, dev: string): void {
  const last = wanted.gateways.at(-1) ?? '';
  if (wanted.multipath && isLinkLocal(last)) wanted.gateways.splice(-1, 1, zoned(splitZone(last).address, dev));
  else wanted.dev = dev;
}

/** Next hops share alike. Throws EOPNOTSUPP for any other weight than 1. */
function takeWeight(words: Words): void {
  const weight = words.takeNumber('weight', 1, 256);
  if (weight !== 1) throw new ControlError('EOPNOTSUPP', `weight ${weight}: next hops share alike`);
}

/** `via` may name the family of the address: `via inet6 fe80::1`. */
function takeGateway(words: Words): string {
  const word = words.take('gateway');
  const { address, zone } = parseZoned(word === 'inet' || word === 'inet6' ? words.take('gateway') : word);
  return zoned(address, zone);
}

/** The table of a VRF by its name. Throws in iproute2's words. */
export function takeVrf(state: State, words: Words): number {
  const name = words.take('vrf');
  const vrf = state.interfaces.get(name);
  if (vrf?.type !== 'vrf') throw new ControlError('EINVAL', `argument "${name}" is wrong: Invalid VRF`);
  return vrf.rdomain;
}

function takeEncap(draft: Draft, words: Words, wanted: Wanted, resolves: boolean): void {
  const type = words.take('encap');
  if (type === 'seg6') wanted.encap = readEncap(words, wanted.family);
  else if (type === 'seg6local') wanted.sid = readSid(draft, words, resolves);
  else throw new ControlError('EOPNOTSUPP', `encap ${type} is not supported`);
  wanted.kind = wanted.sid === undefined ? 'encap' : 'sid';
}

/** The route as it is kept. Throws when it cannot be; a configuration may have one that rests until its network is there. */
function complete(draft: Draft, wanted: Wanted): RouteSpec {
  const { family, network, length, rdomain, sid, encap } = wanted;
  const base = {
    family,
    network,
    length,
    rdomain,
    metric: wanted.metric === -1 ? defaultMetric(family) : wanted.metric,
  };
  if (sid !== undefined || encap !== undefined) {
    const dev = deviceOfEncap(draft, wanted);
    const gateways = wanted.gateways.slice(0, 1);
    return { ...base, kind: wanted.kind, gateways, dev, ...(sid === undefined ? { encap } : { sid }) } as RouteSpec;
  }
  if (wanted.kind !== 'gateway') return { ...base, kind: wanted.kind, gateways: [], dev: '' };
  // On a point-to-point link the interface alone says where to.
  const far = draft.state.interfaces
    .get(wanted.dev)
    ?.addresses.find((a) => a.family === family && a.destination !== '')?.destination;
  const gateways = wanted.gateways.length === 0 && far !== undefined ? [far] : wanted.gateways;
  if (gateways.length === 0) {
    if (wanted.dev === '') throw new ControlError('EINVAL', `${wanted.destination}: via missing`);
    if (draft.state.interfaces.get(wanted.dev)?.type === 'veb') {
      throw new ControlError('EINVAL', `${wanted.dev}: a veb has no layer 3`);
    }
    return { ...base, kind: 'device', gateways: [], dev: wanted.dev };
  }
  return { ...base, kind: 'gateway', gateways, dev: deviceOfGateways(draft, wanted, gateways) };
}

/** The interface an encapsulated route goes with: a loopback's would be lost, as upstream turns them into refusals (spec B §1.2). */
function deviceOfEncap({ state, loading }: Draft, { dev, gateways, rdomain }: Wanted): string {
  const [gateway] = gateways;
  if (loading !== true && gateway !== undefined && viaOf(state, { rdomain, dev }, gateway) === undefined) {
    throw new ControlError('ENETUNREACH', `${gateway}: Nexthop has invalid gateway`);
  }
  const found = dev === '' && gateway !== undefined ? (reaches(state, rdomain, gateway)?.name ?? '') : dev;
  if (found === '') throw new ControlError('ENODEV', 'No such device');
  const type = state.interfaces.get(found)?.type;
  if (type === 'lo') throw new ControlError('EINVAL', `${found}: a route with an encapsulation cannot be a loopback's`);
  if (type === 'veb') throw new ControlError('EINVAL', `${found}: a veb has no layer 3`);
  return found;
}

/**
 * The interface that must be named: none where the gateway's network says it. A table that is no domain has its gateways in table 0,
 * and an interface that the operator names may be of any domain: that is how routes lead from one to another.
 */
function deviceOfGateways(draft: Draft, { dev, rdomain, multipath }: Wanted, gateways: readonly string[]): string {
  const { state } = draft;
  // What is written in a configuration is what was kept.
  if (draft.loading === true && dev !== '') return dev;
  const plain = gateways.map((gateway) => {
    // A link-local gateway without a zone is on the link that is named.
    const said = gateway.includes('%') || !isLinkLocal(gateway);
    return said ? viaOf(state, { rdomain, dev: '' }, gateway)?.name : undefined;
  });
  if (plain.every((name) => name !== undefined && (dev === '' || multipath || name === dev))) return '';
  const table0 = gateways.map((gateway) => (isDomain(state, rdomain) ? undefined : reaches(state, 0, gateway)?.name));
  const named = dev === '' ? (table0[0] ?? '') : dev;
  for (const gateway of draft.loading === true ? [] : gateways) {
    if (named === '' || viaOf(state, { rdomain, dev: named }, gateway) === undefined) {
      throw new ControlError('ENETUNREACH', `${gateway}: Nexthop has invalid gateway`);
    }
  }
  return named;
}
