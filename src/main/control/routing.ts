/**
 * Live routes: the forwarding tables of every routing domain, and the next hops they share. Main only.
 *
 * Tables come from the routes that two states imply (config/routes.ts): what is in both is not touched. A prefix whose next hop
 * changes goes from one to the other with one store, so no packet misses it meanwhile (B83).
 */
import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Control, Rdomain, rdomainBlock } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import { Fib4 } from '../../shared/table/fib4.js';
import { Fib6 } from '../../shared/table/fib6.js';
import { INET6, neighbourBucket } from '../../shared/table/neighbour.js';
import { NextHopKind, type NextHopSpec, NextHopTable } from '../../shared/table/next-hop.js';
import { OwnSourceSet, OwnSources } from '../../shared/table/own-sources.js';
import { addressWords } from '../config/address.js';
import { type Hop, type Route, sameRoute } from '../config/routes.js';
import type { Memory } from '../memory/memory.js';
import { EncapPaths } from './encap-paths.js';
import type { InterfaceTable } from './interface-table.js';
import { encapNextHop, SidCounters, type SidCounts, sidNextHop } from './srv6.js';

const KIND: Record<Hop['kind'], NextHopSpec['kind']> = {
  local: NextHopKind.LOCAL,
  anycast: NextHopKind.ANYCAST,
  connected: NextHopKind.CONNECTED,
  gateway: NextHopKind.GATEWAY,
  broadcast: NextHopKind.BROADCAST,
  reject: NextHopKind.REJECT,
  blackhole: NextHopKind.BLACKHOLE,
  prohibit: NextHopKind.PROHIBIT,
  sid: NextHopKind.SID,
  encap: NextHopKind.ENCAP,
};

/** Domains whose IPv4 tables have a root of 256 KiB; of more than these the roots have 1 KiB, and look-ups take a load more. */
const WIDE_MOST = 64;

/** The tables of one routing domain. */
interface Tables {
  inet?: Fib4;
  inet6?: Fib6;
}

export class Routing {
  /** The ways of outer packets. */
  readonly encapPaths: EncapPaths;
  private readonly memory: Memory;
  private readonly interfaces: InterfaceTable;
  private readonly reclaimer: Reclaimer;
  private readonly fibMemory;
  private readonly nextHops: NextHopTable;
  private readonly tables = new Map<number, Tables>();
  private readonly sidCounters: SidCounters;
  private readonly ownSources: OwnSourceSet;
  /** Counter numbers of the SIDs that are counted, by route. */
  private readonly counters = new Map<string, number>();

  constructor(memory: Memory, interfaces: InterfaceTable, reclaimer: Reclaimer) {
    this.memory = memory;
    this.interfaces = interfaces;
    this.reclaimer = reclaimer;
    const { heap } = memory.views;
    this.fibMemory = {
      heap,
      allocate: (words: number) => memory.heap.allocate(words),
      release: (at: number, words: number) => memory.heap.release(at, words),
    };
    this.nextHops = new NextHopTable(this.fibMemory, reclaimer);
    this.encapPaths = new EncapPaths(this.nextHops);
    this.sidCounters = new SidCounters(memory.views);
    this.ownSources = new OwnSourceSet(heap, memory.heap.allocate(OwnSources.WORDS));
    heap[Control.OWN_SOURCES] = this.ownSources.root;
    heap[Control.NEXT_HOPS] = this.nextHops.root;
    heap[Control.FLOW_KEY0] = randomInt(2 ** 31);
    heap[Control.FLOW_KEY1] = randomInt(2 ** 31);
  }

  /** Brings the tables from the routes `before` to `after`, both by key. Throws ENOMEM; what was done until then stays. */
  apply(before: ReadonlyMap<string, Route>, after: ReadonlyMap<string, Route>): void {
    const encaps = [...after.values()].filter(({ hops }) => hops.some(({ kind }) => kind === 'encap')).length;
    // A superframe that was encapsulated by a route that is gone may still be on its way: the word never goes back to 0.
    this.memory.views.heap[Control.ENCAPS] = Math.max(encaps, Math.min(this.memory.views.heap[Control.ENCAPS], 1));
    for (const [key, route] of after) {
      if (route.zone !== undefined) continue; // Of its link alone: main knows by the interface.
      const old = before.get(key);
      // An interface of the same name may be another one by now.
      if (old === undefined || !sameRoute(old, route) || this.isStale(route)) this.put(route);
    }
    for (const [key, route] of before) if (!after.has(key) && route.zone === undefined) this.remove(route);
  }

  /** Whether what the table has for `route` leads to interfaces that are gone. */
  private isStale(route: Route): boolean {
    const installed = this.installed.get(keyOf(route));
    return installed !== undefined && !isDeepStrictEqual(installed, this.generationsOf(route));
  }

  private readonly installed = new Map<string, readonly number[]>();

  private generationsOf(route: Route): number[] {
    const generation = (name: string): number => (name === '' ? 0 : (this.interfaces.find(name)?.generation ?? 0));
    return route.hops.flatMap(({ dev, sid }) => [generation(dev), generation(sid?.vrf || sid?.oif || '')]);
  }

  /** What a SID that is counted has counted; undefined for other routes. */
  countsOf(route: Pick<Route, 'rdomain' | 'network' | 'length'>): SidCounts | undefined {
    const number = this.counters.get(keyOf(route));
    return number === undefined ? undefined : this.sidCounters.read(number);
  }

  /** All SIDs that are counted. */
  countedSids(): (SidCounts & { readonly rdomain: number; readonly prefix: string })[] {
    return [...this.counters].map(([key, number]) => {
      const [rdomain = '', prefix = ''] = key.split(' ');
      return { rdomain: Number(rdomain), prefix, ...this.sidCounters.read(number) };
    });
  }

  private put(route: Route): void {
    const before = this.counters.get(keyOf(route));
    this.counters.delete(keyOf(route));
    if (route.hops.some((hop) => hop.sid?.count === true)) this.counters.set(keyOf(route), this.sidCounters.take());
    const specs = route.hops.map((hop) => this.specOf(hop, route));
    const members = specs.map((spec) => this.nextHops.add(spec));
    let index = members[0] as number;
    if (members.length > 1) {
      index = this.nextHops.addGroup(members.map((member) => ({ index: member, weight: 1 })));
      for (const member of members) this.nextHops.release(member);
    }
    const words = addressWords(route.network);
    if (isOwn(route)) this.ownSources.add(words[0] as number, keyOf(route));
    const old = this.insert(route, words, index);
    if (!isOwn(route)) this.ownSources.delete(words[0] as number, keyOf(route));
    if (old !== 0) this.nextHops.release(old);
    if (before !== undefined) this.closeCounter(before);
    this.installed.set(keyOf(route), this.generationsOf(route));
    this.encapPaths.set(keyOf(route), route, specs, members);
  }

  private insert({ rdomain, family, length }: Route, words: Int32Array, index: number): number {
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
    if (family === 'inet') return this.fib4(rdomain).insert(w0, length, index);
    return this.fib6(rdomain).insert(w0, w1, w2, w3, length, index);
  }

  private remove(route: Route): void {
    const { rdomain, family, length } = route;
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = addressWords(route.network);
    const tables = this.tables.get(rdomain);
    const old =
      family === 'inet'
        ? (tables?.inet?.remove(w0, length) ?? 0)
        : (tables?.inet6?.remove(w0, w1, w2, w3, length) ?? 0);
    if (old !== 0) this.nextHops.release(old);
    this.ownSources.delete(w0, keyOf(route));
    this.installed.delete(keyOf(route));
    this.encapPaths.delete(keyOf(route));
    const number = this.counters.get(keyOf(route));
    this.counters.delete(keyOf(route));
    if (number !== undefined) this.closeCounter(number);
    this.closeEmpty(rdomain);
  }

  /** The counters of a SID that no table leads to any more go to another when no worker counts there. */
  private closeCounter(number: number): void {
    this.reclaimer.retire(0, () => this.sidCounters.give(number));
  }

  private specOf(hop: Hop, { family, ...route }: Route): NextHopSpec {
    if (hop.encap !== undefined) {
      const mtu = this.encapPaths.limitOf(hop.encap);
      return { ...encapNextHop(hop.encap), mtu, interface: this.interfaces.find(hop.dev)?.index ?? 0 };
    }
    if (hop.sid !== undefined) {
      const refers = hop.sid.vrf || hop.sid.oif;
      const referred = refers === '' ? undefined : this.interfaces.find(refers);
      return sidNextHop(hop.sid, route.rdomain, referred, this.counters.get(keyOf(route)) ?? 0);
    }
    const live = hop.dev === '' ? undefined : this.interfaces.get(hop.dev);
    const gateway = hop.gateway === '' ? [] : [...addressWords(hop.gateway)];
    if (family === 'inet' && gateway.length > 1) throw new RangeError('an IPv6 gateway of an IPv4 route');
    const [index, generation] = [live?.index ?? 0, live?.generation ?? 0];
    const neighbour = gateway.length === 0 ? 0 : this.bucketOf(index, gateway);
    return { kind: KIND[hop.kind], interface: index, generation, gateway, neighbour };
  }

  /** Bucket of the neighbour table that a gateway's entry is in whenever there is one. */
  private bucketOf(index: number, gateway: readonly number[]): number {
    const { heap } = this.memory.views;
    const [g0 = 0, g1 = 0, g2 = 0, g3 = 0] = gateway;
    const where = gateway.length === 4 ? index | INET6 : index;
    return neighbourBucket(heap, heap[Control.NEIGHBOURS], where, g0, g1, g2, g3);
  }

  private fib4(rdomain: number): Fib4 {
    const tables = this.tablesOf(rdomain);
    if (tables.inet === undefined) {
      tables.inet = new Fib4(this.fibMemory, this.reclaimer, this.tables.size > WIDE_MOST ? 8 : 16);
      Atomics.store(this.memory.views.heap, rdomainBlock(rdomain) + Rdomain.FIB4, tables.inet.root);
    }
    return tables.inet;
  }

  private fib6(rdomain: number): Fib6 {
    const tables = this.tablesOf(rdomain);
    if (tables.inet6 === undefined) {
      tables.inet6 = new Fib6(this.fibMemory, this.reclaimer, randomInt(2 ** 31));
      Atomics.store(this.memory.views.heap, rdomainBlock(rdomain) + Rdomain.FIB6, tables.inet6.root);
    }
    return tables.inet6;
  }

  private tablesOf(rdomain: number): Tables {
    const tables = this.tables.get(rdomain) ?? {};
    this.tables.set(rdomain, tables);
    return tables;
  }

  /** A domain without routes has no tables. */
  private closeEmpty(rdomain: number): void {
    const { heap } = this.memory.views;
    const tables = this.tablesOf(rdomain);
    if (tables.inet?.size === 0) {
      Atomics.store(heap, rdomainBlock(rdomain) + Rdomain.FIB4, 0);
      tables.inet.close();
      delete tables.inet;
    }
    if (tables.inet6?.size === 0) {
      Atomics.store(heap, rdomainBlock(rdomain) + Rdomain.FIB6, 0);
      tables.inet6.close();
      delete tables.inet6;
    }
  }
}

function keyOf(route: Pick<Route, 'rdomain' | 'network' | 'length'>): string {
  return `${route.rdomain} ${route.network}/${route.length}`;
}

/** Whether no IPv4 packet may come from a route's network: an address of ours, or a broadcast. */
function isOwn({ family, hops }: Route): boolean {
  return family === 'inet' && hops.some(({ kind }) => kind === 'local' || kind === 'broadcast');
}
