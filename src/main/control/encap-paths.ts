/**
 * The ways that outer packets of encapsulations take: which routes use which, so that what a router on the way says of a packet finds
 * them (main/stack/tunnel-errors.ts), and how long a packet may be there. Main only.
 *
 * A path is an underlay, an outer source and a list of segments, however much of the list the SRH carries. What is said of one holds for the
 * routes that take it now and for those that come.
 */
import type { NextHopSpec, NextHopTable } from '../../shared/table/next-hop.js';
import { addressWords } from '../config/address.js';
import type { LiveEncap, Route } from '../config/routes.js';
import type { OuterHeader, StackTunnel } from '../stack/environment.js';
import { carriedSegments } from './srv6.js';

/** A route that takes a path. */
export interface PathUser extends StackTunnel {
  /** Table that outer packets are looked up in, and what for. */
  readonly underlay: number;
  readonly first: Int32Array;
}

/** The same with its next hop. */
interface Entry extends PathUser {
  readonly index: number;
  readonly spec: NextHopSpec;
  /** Source and last segment. */
  readonly ends: string;
  /** Segments that the SRH carries, and all of them. */
  readonly carried: string;
  readonly segments: readonly string[];
}

export class EncapPaths {
  private readonly routes = new Map<string, readonly Entry[]>();
  /** Of all routes, by path and by ends. */
  private readonly byPath = new Map<string, Set<Entry>>();
  private readonly byEnds = new Map<string, Set<Entry>>();
  private readonly limits = new Map<string, number>();

  constructor(private readonly nextHops: NextHopTable) {}

  /** A route has been put into its table: its next hops `members` as `specs` say. */
  set(key: string, route: Route, specs: readonly NextHopSpec[], members: readonly number[]): void {
    this.delete(key);
    const entries = route.hops.flatMap(({ encap }, n): Entry[] =>
      encap === undefined ? [] : [entryOf(route, encap, specs[n] as NextHopSpec, members[n] as number)],
    );
    if (entries.length === 0) return;
    this.routes.set(key, entries);
    for (const entry of entries) {
      put(this.byPath, entry.path, entry);
      put(this.byEnds, entry.ends, entry);
    }
  }

  /** A route is not in its table any more. */
  delete(key: string): void {
    for (const entry of this.routes.get(key) ?? []) {
      take(this.byPath, entry.path, entry);
      take(this.byEnds, entry.ends, entry);
    }
    this.routes.delete(key);
  }

  /** Most bytes of an outer packet, as somebody on the way has said; 0 = nobody has. */
  limitOf(encap: LiveEncap): number {
    return this.limits.get(pathOf(encap)) ?? 0;
  }

  /** Sets that, 0 = no more, for all that takes a path now and later. Throws what `NextHopTable.change` does; later routes have it then. */
  limit(path: string, mtu: number): void {
    if (mtu === 0) this.limits.delete(path);
    else this.limits.set(path, mtu);
    for (const { index, spec } of this.byPath.get(path) ?? []) this.nextHops.change(index, { ...spec, mtu });
  }

  /** The routes whose outer packets are like one that was seen on its way, perhaps without an SRH that PSP has taken off (RFC 8986 §4.16.1). */
  find({ source, destination, segments }: OuterHeader): PathUser[] {
    const last = segments === undefined ? destination : (segments.at(-1) as Int32Array);
    const carried = segments?.map(textOf).join();
    const found = this.byEnds.get(`${textOf(source)} ${textOf(last)}`) ?? [];
    return [...found].filter((entry) => {
      if (carried === undefined) return true;
      return entry.carried === carried && entry.segments.includes(textOf(destination));
    });
  }
}

function entryOf(route: Route, encap: LiveEncap, spec: NextHopSpec, index: number): Entry {
  const segments = encap.segs.map((segment) => textOf(addressWords(segment)));
  const carried = carriedSegments(encap.mode, segments.length, encap.hmac !== 0);
  return {
    path: pathOf(encap),
    rdomain: route.rdomain,
    network: addressWords(route.network),
    length: route.length,
    overhead: (spec.header?.length ?? 0) * 4,
    underlay: encap.underlay,
    first: addressWords(encap.segs[0] as string),
    index,
    spec,
    ends: `${textOf(addressWords(encap.source))} ${segments.at(-1)}`,
    carried: segments.slice(segments.length - carried).join(),
    segments,
  };
}

function pathOf({ underlay, source, segs }: LiveEncap): string {
  return `table ${underlay} from ${source} by ${segs.join(' ')}`;
}

function textOf(words: Int32Array): string {
  return words.join(':');
}

function put(map: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([entry]));
  else set.add(entry);
}

function take(map: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const set = map.get(key);
  set?.delete(entry);
  if (set?.size === 0) map.delete(key);
}
