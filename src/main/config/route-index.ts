/**
 * Where the routes of a prefix are in a state's list, without walking it: a configuration may have a hundred thousand. Main only.
 *
 * The list stays the truth. What was appended since the last search is taken in; a list that got shorter, or has something else at a
 * place that the index knows, is indexed anew.
 */
import type { RouteSpec } from './state.js';

/** What tells prefixes apart; the family shows in the network. */
export type Prefix = Pick<RouteSpec, 'rdomain' | 'network' | 'length'>;

interface Index {
  /** Places by prefix, ascending. */
  places: Map<string, number[]>;
  /** Routes taken in, and the last of them. */
  count: number;
  last: RouteSpec | undefined;
}

const indices = new WeakMap<readonly RouteSpec[], Index>();

function keyOf({ rdomain, network, length }: Prefix): string {
  return `${rdomain} ${network}/${length}`;
}

/** Places of the routes of a prefix, ascending. */
export function placesOf(routes: readonly RouteSpec[], prefix: Prefix): readonly number[] {
  const key = keyOf(prefix);
  const known = indices.get(routes);
  const grown = known !== undefined && known.count <= routes.length && routes[known.count - 1] === known.last;
  let index = grown ? takeIn(known, routes) : build(routes);
  let places = index.places.get(key) ?? [];
  if (!places.every((at) => keyOf(routes[at] as RouteSpec) === key)) {
    index = build(routes);
    places = index.places.get(key) ?? [];
  }
  return places;
}

function build(routes: readonly RouteSpec[]): Index {
  const index: Index = { places: new Map(), count: 0, last: undefined };
  indices.set(routes, index);
  return takeIn(index, routes);
}

function takeIn(index: Index, routes: readonly RouteSpec[]): Index {
  for (; index.count < routes.length; index.count++) {
    const key = keyOf(routes[index.count] as RouteSpec);
    const places = index.places.get(key);
    if (places === undefined) index.places.set(key, [index.count]);
    else places.push(index.count);
  }
  index.last = routes[index.count - 1];
  return index;
}
