/**
 * Which table the outer packet of an encapsulation is looked up in (spec B §2.8 item 9, B69): the one its route names, by default table 0.
 * Where that has no way to the first segment but the route's own table does, as the operators of Linux write it, it is that one. With
 * `srv6.compat=linux` a route's own table is looked in first. Main only.
 */
import { BITS, type Family, networkOf } from './address.js';
import type { Hop, Route } from './routes.js';
import type { State } from './state.js';

/** Kinds that lead somewhere. */
const LEADS: readonly Hop['kind'][] = ['local', 'connected', 'gateway', 'sid'];

/** Replaces the table of each encapsulation in `routes`. */
export function resolveUnderlays(state: State, routes: readonly Route[]): Route[] {
  if (!routes.some((route) => route.hops.some((hop) => hop.encap !== undefined))) return [...routes];
  const leads = ways(state, routes);
  const own = state.settings['srv6.compat'] === 'linux';
  const found = new Map<string, number>();
  const tableOf = (rdomain: number, wanted: number, segment: string): number => {
    if (wanted !== 0 || rdomain === 0) return wanted;
    const key = `${rdomain} ${segment}`;
    const known = found.get(key);
    if (known !== undefined) return known;
    const first = own ? rdomain : 0;
    const second = own ? 0 : rdomain;
    const table = !leads(first, segment) && leads(second, segment) ? second : first;
    found.set(key, table);
    return table;
  };
  return routes.map((route) => {
    if (!route.hops.some((hop) => hop.encap !== undefined)) return route;
    const hops = route.hops.map((hop): Hop => {
      if (hop.encap === undefined) return hop;
      const underlay = tableOf(route.rdomain, hop.encap.table, hop.encap.segs[0] as string);
      return { ...hop, encap: { ...hop.encap, underlay } };
    });
    return { ...route, hops };
  });
}

/** A function that says whether a table has a way to an IPv6 address; table 0 has those of its policy rules too. */
function ways(state: State, routes: readonly Route[]): (table: number, address: string) => boolean {
  const family: Family = 'inet6';
  const tables = new Map<number, Map<number, Set<string>>>();
  for (const route of routes) {
    if (route.family !== family || !LEADS.includes(route.hops[0]?.kind as Hop['kind'])) continue;
    const lengths = tables.get(route.rdomain) ?? new Map<number, Set<string>>();
    tables.set(route.rdomain, lengths);
    lengths.set(route.length, (lengths.get(route.length) ?? new Set()).add(route.network));
  }
  const has = (table: number, address: string): boolean =>
    [...(tables.get(table) ?? [])].some(([length, networks]) =>
      networks.has(length === BITS[family] ? address : networkOf(address, length)),
    );
  const rules = state.rules.filter((rule) => rule.family === family);
  return (table, address) =>
    has(table, address) ||
    (table === 0 && rules.some((r) => networkOf(address, r.length) === r.network && has(r.table, address)));
}
