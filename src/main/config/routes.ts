/**
 * Every route that a state implies, as plain values: of addresses, of their networks, and those the operator made. Two states'
 * routes are compared to find what changes in the tables (control/routing.ts). Main only.
 */
import { addressWords, BITS, broadcastOf, contains, type Family, networkOf } from './address.js';
import type { InterfaceSpec, RouteSpec, State } from './state.js';

/** One way on. */
export interface Hop {
  readonly kind: 'local' | 'connected' | 'gateway' | 'broadcast' | 'reject' | 'blackhole';
  /** Interface it leaves by, or whose address it is; empty for reject and blackhole. */
  readonly dev: string;
  /** Address of the next router; empty = the destination itself. */
  readonly gateway: string;
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
}

/** What tells routes of one table apart. */
export function routeKey(route: Pick<Route, 'rdomain' | 'network' | 'length'>): string {
  return `${route.rdomain} ${route.network}/${route.length}`;
}

/**
 * The routes of `state`, by key. Where two want one key, the earlier in this order wins: addresses, static routes, other ends of
 * point-to-point links, networks, broadcasts.
 */
export function routesOf(state: State): Map<string, Route> {
  const routes = new Map<string, Route>();
  const put = (route: Route): void => {
    const key = routeKey(route);
    if (!routes.has(key)) routes.set(key, route);
  };
  const made = (spec: InterfaceSpec, kind: Hop['kind'], family: Family, network: string, length: number): void =>
    put({
      rdomain: spec.rdomain,
      family,
      network,
      length,
      hops: [{ kind, dev: spec.name, gateway: '' }],
      static: false,
    });
  const addresses = [...state.interfaces.values()].flatMap((spec) =>
    spec.addresses.map((address) => ({ spec, address })),
  );
  for (const { spec, address } of addresses) made(spec, 'local', address.family, address.address, BITS[address.family]);
  for (const { rdomain, family, network, length, kind, gateways } of state.routes) {
    const hops = gateways.flatMap((gateway): Hop[] => {
      const dev = reaches(state, rdomain, gateway);
      return dev === undefined ? [] : [{ kind: 'gateway', dev: dev.name, gateway }];
    });
    if (kind !== 'gateway')
      put({ rdomain, family, network, length, hops: [{ kind, dev: '', gateway: '' }], static: true });
    else if (hops.length > 0) put({ rdomain, family, network, length, hops, static: true });
  }
  for (const { spec, address } of addresses) {
    const { family, length, destination } = address;
    const network = networkOf(address.address, length);
    if (destination !== '') made(spec, 'connected', family, destination, BITS[family]);
    else if (spec.type === 'lo') {
      if (length < BITS[family]) put({ ...loopback(spec, family), network, length });
    } else if (length < BITS[family]) {
      made(spec, 'connected', family, network, length);
      if (family === 'inet' && length <= 30) made(spec, 'broadcast', family, broadcastOf(address.address, length), 32);
    }
  }
  return routes;
}

/** The rest of a loopback's network goes nowhere. */
function loopback(spec: InterfaceSpec, family: Family): Route {
  const hops: Hop[] = [{ kind: 'reject', dev: '', gateway: '' }];
  return { rdomain: spec.rdomain, family, network: '', length: 0, hops, static: false };
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
    if (spec.rdomain !== rdomain || spec.type === 'lo') continue;
    for (const { address, length, destination } of spec.addresses) {
      const bits =
        destination === gateway ? 128 : destination === '' && contains(address, length, gateway) ? length : -1;
      if (bits > longest) [best, longest] = [spec, bits];
    }
  }
  return best;
}

/** Takes out gateways that no network of theirs reaches any more, and routes that have none left: they go with the address. */
export function dropUnreachable(state: State): void {
  const left = state.routes.flatMap((route): RouteSpec[] => {
    if (route.kind !== 'gateway') return [route];
    const gateways = route.gateways.filter((gateway) => reaches(state, route.rdomain, gateway) !== undefined);
    return gateways.length === 0 ? [] : [{ ...route, gateways }];
  });
  state.routes.splice(0, state.routes.length, ...left);
}
