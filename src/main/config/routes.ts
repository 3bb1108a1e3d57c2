/**
 * Every route that a state implies, as plain values: of addresses, of their networks, and those the operator made. Two states'
 * routes are compared to find what changes in the tables (control/routing.ts). Main only.
 */
import { isDeepStrictEqual } from 'node:util';
import { BUCKETS_MAX } from '../../shared/table/next-hop.js';
import { ControlError } from '../errors.js';
import { addressWords, BITS, broadcastOf, contains, type Family, networkOf } from './address.js';
import { hasLinkLocal, isLinkLocal } from './link-local.js';
import type { EncapSpec, SidSpec } from './seg6.js';
import type { AddressSpec, InterfaceSpec, RouteSpec, State } from './state.js';
import { resolveUnderlays } from './underlay.js';
import { splitZone, type Zoned } from './zone.js';

/** One way on. */
export interface Hop {
  readonly kind:
    | 'local'
    | 'anycast'
    | 'connected'
    | 'gateway'
    | 'broadcast'
    | 'reject'
    | 'blackhole'
    | 'prohibit'
    | 'sid'
    | 'encap';
  /** Interface it leaves by, or whose address it is; of a SID or encapsulation, the one it goes with; empty for the three that refuse. */
  readonly dev: string;
  /** Address of the next router; empty = the destination itself. Of a SID or encapsulation it is shown, and leads nowhere. */
  readonly gateway: string;
  /** Of a SID. */
  readonly sid?: SidSpec;
  /** Of an encapsulation. */
  readonly encap?: LiveEncap;
}

/** An encapsulation that can be used. */
export interface LiveEncap extends EncapSpec {
  /** Source of the outer header, never empty. */
  readonly source: string;
  /** Table that it is looked up in. */
  readonly underlay: number;
}

/** Where packets to a network go. */
export interface Route {
  readonly rdomain: number;
  readonly family: Family;
  readonly network: string;
  readonly length: number;
  /** Several share the traffic. */
  readonly hops: readonly Hop[];
  /** Whether the operator made it. */
  readonly static: boolean;
  /** Of a route that the operator made; 0 for others. */
  readonly metric: number;
  /** Interface whose link it is on: of a link-local address or network of an interface. Such a route is in no table. */
  readonly zone?: string;
}

/** Bits of the longest network whose routers share an anycast address: those of links between two have none (RFC 6164 §5). */
const ANYCAST_BITS = 126;

/** The metric of a route that nobody gave one, as Linux has it. */
export function defaultMetric(family: Family): number {
  return family === 'inet6' ? 1024 : 0;
}

/** What tells routes of one table apart. */
export function routeKey(route: Pick<Route, 'rdomain' | 'network' | 'length' | 'zone'>): string {
  const zone = route.zone === undefined ? '' : `%${route.zone}`;
  return `${route.rdomain} ${route.network}${zone}/${route.length}`;
}

/** Whether two routes are the same in all; what a route shares with the one before it is not looked into. */
export function sameRoute(a: Route, b: Route): boolean {
  if (a === b) return true;
  const { hops } = b;
  return (
    a.rdomain === b.rdomain &&
    a.network === b.network &&
    a.length === b.length &&
    a.static === b.static &&
    a.metric === b.metric &&
    a.hops.length === hops.length &&
    a.hops.every((hop, n) => sameHop(hop, hops[n] as Hop))
  );
}

function sameHop(a: Hop, b: Hop): boolean {
  if (a.kind !== b.kind || a.dev !== b.dev || a.gateway !== b.gateway) return false;
  if (a.sid !== b.sid && !isDeepStrictEqual(a.sid, b.sid)) return false;
  if (a.encap === b.encap) return true;
  if (a.encap === undefined || b.encap === undefined) return false;
  const { segs, ...encap } = a.encap;
  const { segs: otherSegs, ...other } = b.encap;
  return (segs === otherSegs || isDeepStrictEqual(segs, otherSegs)) && isDeepStrictEqual(encap, other);
}

/** Whether two maps have the same routes, in whatever order. */
export function sameRoutes(a: ReadonlyMap<string, Route>, b: ReadonlyMap<string, Route>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, route] of a) {
    const other = b.get(key);
    if (other === undefined || !sameRoute(route, other)) return false;
  }
  return true;
}

/**
 * The routes of `state`, by key. Where two want one key, the earlier in this order wins: addresses, static routes, other ends of
 * point-to-point links, networks, broadcasts, and the anycast addresses of their routers (RFC 4291 §2.6.1), which the operator did not ask for.
 */
export function routesOf(state: State): Map<string, Route> {
  const routes = new Map<string, Route>();
  for (const route of allRoutes(state)) {
    const key = routeKey(route);
    if (!routes.has(key)) routes.set(key, route);
  }
  return routes;
}

/** Every route that can be used, in the order of precedence above. Throws ControlError for one that cannot be. */
export function allRoutes(state: State): Route[] {
  const routes: Route[] = [];
  const put = (route: Route): void => {
    routes.push(route);
  };
  const made = (spec: InterfaceSpec, kind: Hop['kind'], family: Family, network: string, length: number): void =>
    put({
      rdomain: spec.rdomain,
      family,
      network,
      length,
      hops: [{ kind, dev: spec.name, gateway: '' }],
      static: false,
      metric: 0,
      ...(isLinkLocal(network) ? { zone: spec.name } : {}),
    });
  const addresses = [...state.interfaces.values()].flatMap((spec) =>
    spec.addresses.map((address) => ({ spec, address })),
  );
  for (const { spec, address } of addresses) made(spec, 'local', address.family, address.address, BITS[address.family]);
  const byMetric = state.routes.toSorted((a, b) => a.metric - b.metric);
  for (const route of byMetric) {
    const { rdomain, family, network, length, metric } = route;
    const hops = hopsOf(state, route);
    if (hops.length > 0) put({ rdomain, family, network, length, hops, static: true, metric });
  }
  for (const { spec, address } of addresses) {
    const { family, length, destination } = address;
    const network = networkOf(address.address, length);
    if (destination !== '') made(spec, 'connected', family, destination, BITS[family]);
    else if (spec.type === 'lo' || spec.type === 'vrf') {
      if (length < BITS[family] && !isLinkLocal(network)) put({ ...loopback(spec, family), network, length });
    } else if (length < BITS[family]) {
      made(spec, 'connected', family, network, length);
      if (family === 'inet' && length <= 30) made(spec, 'broadcast', family, broadcastOf(address.address, length), 32);
    }
  }
  for (const { spec, address } of addresses) {
    const shared = anycastOf(state, address);
    if (shared !== '' && !isLinkLocal(shared)) made(spec, 'anycast', 'inet6', shared, BITS.inet6);
  }
  for (const spec of state.interfaces.values()) {
    const own = hasLinkLocal(spec) && !spec.addresses.some((a) => isLinkLocal(a.address));
    if (own) made(spec, 'connected', 'inet6', 'fe80::', 64);
  }
  return resolveUnderlays(state, routes);
}

/** The address that all routers of an address's network have (RFC 4291 §2.6.1); empty if there is none, or we are no router. */
export function anycastOf(state: State, { family, address, length, destination }: AddressSpec): string {
  const routes = family === 'inet6' && state.settings['net.inet6.ip6.forwarding'] === 1;
  return routes && destination === '' && length <= ANYCAST_BITS ? networkOf(address, length) : '';
}

/** Throws EINVAL for a route of more gateways than a group of next hops has members. Returns the route. */
export function checkGateways(route: RouteSpec): RouteSpec {
  if (route.gateways.length <= BUCKETS_MAX) return route;
  throw new ControlError('EINVAL', `${route.network}/${route.length}: no more than ${BUCKETS_MAX} gateways`);
}

/** The ways on of a route that the operator made; none while its interface is down, or nothing reaches its gateways. Throws EINVAL for too many. */
function hopsOf(state: State, route: RouteSpec): Hop[] {
  const { kind, dev, gateways } = route;
  if (dev !== '' && state.interfaces.get(dev)?.up !== true) return [];
  const shown = splitZone(gateways[0] ?? '').address;
  switch (kind) {
    case 'gateway':
      checkGateways(route);
      return gateways.flatMap((gateway): Hop[] => {
        const out = viaOf(state, route, gateway);
        return out === undefined ? [] : [{ kind, dev: out.name, gateway: splitZone(gateway).address }];
      });
    case 'device':
      return [{ kind: 'connected', dev, gateway: '' }];
    case 'sid':
      return route.sid === undefined ? [] : [{ kind, dev, gateway: shown, sid: route.sid }];
    case 'encap': {
      const source = route.encap === undefined ? '' : outerSource(state, route.encap, dev);
      return route.encap === undefined || source === ''
        ? []
        : [{ kind, dev, gateway: shown, encap: { ...route.encap, source, underlay: route.encap.table } }];
    }
    default:
      return [{ kind, dev: '', gateway: '' }];
  }
}

/**
 * The interface that a route's gateway is behind: the one it names, whatever its domain, or one of the route's own domain, of a
 * link-local gateway its zone.
 */
export function viaOf(
  state: State,
  { rdomain, dev }: Pick<RouteSpec, 'rdomain' | 'dev'>,
  gateway: string,
): InterfaceSpec | undefined {
  if (gateway.includes('%')) return zoneOf(state, rdomain, splitZone(gateway).zone);
  if (dev === '') return reaches(state, rdomain, gateway);
  const spec = state.interfaces.get(dev);
  return spec !== undefined && (isLinkLocal(gateway) || isOnLink(spec, gateway) > -1) ? spec : undefined;
}

function zoneOf(state: State, rdomain: number, zone: string): InterfaceSpec | undefined {
  const spec = state.interfaces.get(zone);
  const is = spec?.rdomain === rdomain && spec.type !== 'lo' && spec.type !== 'vrf' && hasLinkLocal(spec);
  return is ? spec : undefined;
}

/** Whether any interface is in that domain: a table that none uses stands beside table 0. */
export function isDomain(state: State, rdomain: number): boolean {
  for (const spec of state.interfaces.values()) if (spec.rdomain === rdomain) return true;
  return false;
}

/**
 * The source of outer headers: the route's own, the router's, else a global address of `dev` or of any interface that runs in the
 * underlay; a tenant's address would lead answers astray (spec B §2.8). Empty = there is none.
 */
function outerSource(state: State, encap: EncapSpec, dev: string): string {
  if (encap.tunsrc !== '') return encap.tunsrc;
  if (state.seg6.tunsrc !== '') return state.seg6.tunsrc;
  const underlay = isDomain(state, encap.table) ? encap.table : 0;
  const named = state.interfaces.get(dev);
  for (const spec of [...(named === undefined ? [] : [named]), ...state.interfaces.values()]) {
    if (spec.rdomain !== underlay || !spec.up) continue;
    const global = spec.addresses.find((a) => a.family === 'inet6' && a.address !== '::1' && !isLinkLocal(a.address));
    if (global !== undefined) return global.address;
  }
  return '';
}

/** The rest of a loopback's network, or a VRF's, goes nowhere. */
function loopback(spec: InterfaceSpec, family: Family): Route {
  const hops: Hop[] = [{ kind: 'reject', dev: '', gateway: '' }];
  return { rdomain: spec.rdomain, family, network: '', length: 0, hops, static: false, metric: 0 };
}

/** Orders routes for display: by address, IPv4 first, shorter prefixes first. */
export function byNetwork(a: Route, b: Route): number {
  const [left, right] = [addressWords(a.network), addressWords(b.network)];
  if (left.length !== right.length) return left.length - right.length;
  for (let n = 0; n < left.length; n++) {
    if (left[n] !== right[n]) return ((left[n] as number) >>> 0) - ((right[n] as number) >>> 0);
  }
  return a.length - b.length;
}

/** The interface of `rdomain` on whose network `gateway` is, if any. */
export function reaches(state: State, rdomain: number, gateway: string): InterfaceSpec | undefined {
  let best: InterfaceSpec | undefined;
  let longest = -1;
  for (const spec of state.interfaces.values()) {
    if (spec.rdomain !== rdomain || spec.type === 'lo' || spec.type === 'vrf') continue;
    const bits = isOnLink(spec, gateway);
    if (bits > longest) [best, longest] = [spec, bits];
  }
  return best;
}

/**
 * The interface of a domain that an address is beyond: of a link-local one its zone, or the only one there is; of another the one on
 * whose network it is. Undefined if there is none. Throws EINVAL for a link-local address that may be on several links.
 */
export function linkOf(state: State, rdomain: number, { address, zone }: Zoned): InterfaceSpec | undefined {
  if (!isLinkLocal(address)) return reaches(state, rdomain, address);
  const links = [...state.interfaces.values()].filter((spec) => spec.rdomain === rdomain && hasLinkLocal(spec));
  if (zone !== '') return links.find(({ name }) => name === zone);
  const stations = links.filter(({ type }) => type !== 'lo' && type !== 'vrf');
  if (stations.length > 1) throw new ControlError('EINVAL', `${address}: on which link? ${address}%INTERFACE`);
  return stations[0];
}

/** Bits of the longest network of an interface that an address is on, 128 if it is the other end of its link; -1 = it is on none. */
function isOnLink(spec: InterfaceSpec, gateway: string): number {
  let longest = -1;
  for (const { address, length, destination } of spec.addresses) {
    if (destination === gateway) return 128;
    if (destination === '' && length > longest && contains(address, length, gateway)) longest = length;
  }
  return longest;
}

/** Takes out gateways that no network of theirs reaches any more, and routes that have none left: they go with the address. */
export function dropUnreachable(state: State): void {
  const left = state.routes.flatMap((route): RouteSpec[] => {
    if (route.kind !== 'gateway') return [route];
    const gateways = route.gateways.filter((gateway) => viaOf(state, route, gateway) !== undefined);
    return gateways.length === 0 ? [] : [{ ...route, gateways }];
  });
  state.routes.splice(0, state.routes.length, ...left);
}
