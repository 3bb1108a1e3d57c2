/**
 * Next hops: what a forwarding table's leaves name by index, in the heap. One change of a next hop re-points every prefix that
 * uses it (spec B §6.3).
 *
 * An index is a word in one array; the word is the address of a record, which never changes. To change a next hop main builds
 * another record and publishes it with one store; the old one is freed after a grace period (copy on write: a worker that has
 * a record has all of it for the rest of its burst, without a retry and without a lock). Workers read with plain loads that
 * the addresses order: the array from the table's record, the next hop's record from the array.
 *
 * Index 0 is "no route": its record has kind NONE, so a worker need not ask before it follows an index. On main each index has
 * a count of its users: prefixes, and ECMP groups that have it as a member. When the last one lets go, the index is free for
 * another next hop after a grace period, because a worker may have read it from a leaf just before.
 */
import { Kind } from '../layout/heap.js';
import { FibEntry, type FibMemory, type FibReclaimer } from './prefix-trie.js';

/** Words of the table's record. W: main. R: workers. */
const enum NextHops {
  KIND = 0,
  /** First word of the array; a longer one takes its place when it is full. */
  ARRAY = 1,
  WORDS = 16,
}

/** What a next hop does with a packet. */
export const enum NextHopKind {
  /** No route. */
  NONE = 0,
  /** An address of ours. */
  LOCAL = 1,
  /** The destination is on the link. */
  CONNECTED = 2,
  GATEWAY = 3,
  BROADCAST = 4,
  /** Drop, and say so. */
  REJECT = 5,
  /** Drop in silence. */
  BLACKHOLE = 6,
  /** One of several, see `NextHopGroup`. */
  ECMP = 7,
  /** A local SID (table/sid.ts). */
  SID = 8,
  /** Into an outer header (table/sid.ts). */
  ENCAP = 9,
  /** As REJECT, by order of the administrator. */
  PROHIBIT = 10,
  /** An address that all routers of a network of ours have (RFC 4291 §2.6.1): main answers, from another. */
  ANYCAST = 11,
}

/** Whether what a next hop of that kind is given ends here. */
export function isHere(kind: NextHopKind): boolean {
  return kind === NextHopKind.LOCAL || kind === NextHopKind.ANYCAST;
}

/** Words of a next hop's record. W: main, before it is published. R: workers. */
export const enum NextHop {
  /** A `NextHopKind`. */
  KIND = 0,
  /** Interface it leaves by; 0 = none. */
  INTERFACE = 1,
  /** That interface's generation: with another one the next hop is dead. */
  GENERATION = 2,
  /** Largest packet in bytes, of ENCAP the outer one; 0 = the interface's. */
  MTU = 3,
  /** Gateway: four words as in fib6.ts; an IPv4 one is the first. */
  GATEWAY = 4,
  /** Bucket of the neighbour table that the gateway is in; 0 = to be looked up. */
  NEIGHBOUR = 8,
  /** For whoever makes the next hop; of SID and ENCAP as table/sid.ts says. */
  FLAGS = 9,
  /** Routing domain that a SID looks in next, or that ENCAP's outer packet is routed in. */
  TABLE = 10,
  /** SID: its counters (`sidLane` of layout/counters.ts); 0 = none. */
  COUNTER = 11,
  /** ENCAP: bytes that come in front of the packet; they stand behind the record. */
  OVERHEAD = 12,
  /** ENCAP: id of the HMAC key; 0 = none. */
  KEY = 13,
  WORDS = 16,
}

/** Words of the record of an ECMP group. W: main, before it is published. R: workers. */
const enum NextHopGroup {
  /** NextHopKind.ECMP. */
  KIND = 0,
  /** Buckets - 1: a power of two, 64 at most. */
  MASK = 1,
  /** The first bucket: the index of a member. */
  BUCKETS = 16,
}

/** Most buckets of a group, and so most members. */
export const BUCKETS_MAX = 64;

/** A next hop in numbers; what is left out is 0. `gateway` has one word for IPv4 and four for IPv6. */
export interface NextHopSpec {
  readonly kind: Exclude<NextHopKind, NextHopKind.NONE | NextHopKind.ECMP>;
  readonly interface?: number;
  readonly generation?: number;
  readonly mtu?: number;
  readonly gateway?: readonly number[];
  readonly neighbour?: number;
  readonly flags?: number;
  readonly table?: number;
  readonly counter?: number;
  readonly key?: number;
  /** ENCAP: the outer header, four bytes a word as they lie in memory. */
  readonly header?: readonly number[];
}

/** A member of a group: its index and its share, 1 or more. */
export interface Member {
  readonly index: number;
  readonly weight: number;
}

/** The record of next hop `index` in the table whose record is at `table`. */
export type NextHopRecord = (table: number, index: number) => number;

/** Finds records in one heap. */
export function makeNextHopRecord(heap: Int32Array): NextHopRecord {
  return (table, index) => heap[heap[table + NextHops.ARRAY] + index];
}

/** The member that a flow takes in the ECMP group whose record is at `group`; `flowHash` as flow-hash.ts gives it. */
export function pickMember(heap: Int32Array, group: number, flowHash: number): number {
  return heap[group + NextHopGroup.BUCKETS + (flowHash & heap[group + NextHopGroup.MASK])];
}

/** What main knows of an index. */
interface Known {
  users: number;
  /** Words of its record. */
  words: number;
  /** Indices of its members, if it is a group. */
  members: readonly number[];
}

export class NextHopTable {
  /** First word of the table's record: what workers are given. */
  readonly root: number;
  private readonly memory: FibMemory;
  private readonly heap: Int32Array;
  private readonly reclaimer: FibReclaimer;
  private array: number;
  private capacity: number;
  /** By index; undefined while an index is free, or waits to be. */
  private readonly known: (Known | undefined)[] = [];
  private readonly free: number[] = [];

  /** An empty table with room for `capacity` next hops (a power of two) before it grows. Throws what `memory.allocate` does. */
  constructor(memory: FibMemory, reclaimer: FibReclaimer, capacity = 1024) {
    this.memory = memory;
    this.heap = memory.heap;
    this.reclaimer = reclaimer;
    this.capacity = capacity;
    this.array = memory.allocate(capacity);
    const none = memory.allocate(NextHop.WORDS);
    this.heap[none + NextHop.KIND] = NextHopKind.NONE;
    this.heap.fill(none, this.array, this.array + capacity);
    this.known.push({ users: 1, words: NextHop.WORDS, members: [] });
    this.root = memory.allocate(NextHops.WORDS);
    this.heap[this.root + NextHops.KIND] = Kind.NEXT_HOPS;
    this.heap[this.root + NextHops.ARRAY] = this.array;
  }

  /** Next hops in use. */
  get size(): number {
    return this.known.reduce((sum, known) => sum + (known === undefined ? 0 : 1), -1);
  }

  /** Users of an index; 0 = it is free. */
  users(index: number): number {
    return this.known[index]?.users ?? 0;
  }

  /** A new next hop with one user, its maker. Returns its index. Throws what `memory.allocate` does, or RangeError at 2^24. */
  add(spec: NextHopSpec): number {
    return this.publishNew(() => this.build(spec), recordWords(spec), []);
  }

  /** A new ECMP group of 1 … 64 members with one user, its maker; it is a user of its members. Throws as `add`. */
  addGroup(members: readonly Member[]): number {
    const buckets = spread(members);
    this.checkMembers(members);
    const words = NextHopGroup.BUCKETS + buckets.length;
    const indices = members.map(({ index }) => index);
    const index = this.publishNew(() => this.buildGroup(buckets), words, indices);
    for (const member of indices) this.hold(member);
    return index;
  }

  /** Gives an index another next hop: from one store on, every prefix that uses it goes there. Throws as `add`; then nothing has changed. */
  change(index: number, spec: NextHopSpec): void {
    const known = this.live(index);
    this.republish(index, known, this.build(spec), recordWords(spec), []);
  }

  /** Gives an index another group of members, in the same way. */
  changeGroup(index: number, members: readonly Member[]): void {
    const known = this.live(index);
    const buckets = spread(members);
    this.checkMembers(members);
    if (members.some((member) => member.index === index)) throw new RangeError(`next hop ${index} in its own group`);
    for (const member of members) this.hold(member.index);
    const indices = members.map((member) => member.index);
    try {
      this.republish(index, known, this.buildGroup(buckets), NextHopGroup.BUCKETS + buckets.length, indices);
    } catch (error) {
      for (const member of indices) this.release(member);
      throw error;
    }
  }

  /** One more user of an index. */
  hold(index: number): void {
    this.live(index).users++;
  }

  /** One user less; with the last one the index is free after a grace period. */
  release(index: number): void {
    const known = this.live(index);
    if (--known.users > 0) return;
    this.known[index] = undefined;
    const record = this.heap[this.array + index];
    this.reclaimer.retire(known.words * 4, () => {
      Atomics.store(this.heap, this.array + index, this.heap[this.array]);
      this.memory.release(record, known.words);
      this.free.push(index);
    });
    for (const member of known.members) this.release(member);
  }

  private live(index: number): Known {
    const known = index > 0 ? this.known[index] : undefined;
    if (known === undefined) throw new RangeError(`no next hop: ${index}`);
    return known;
  }

  private checkMembers(members: readonly Member[]): void {
    for (const { index } of members) {
      this.live(index);
      const record = this.heap[this.array + index];
      if (this.heap[record + NextHop.KIND] === NextHopKind.ECMP) throw new RangeError(`group ${index} in a group`);
    }
  }

  private publishNew(build: () => number, words: number, members: readonly number[]): number {
    if (this.free.length === 0 && this.known.length === this.capacity) this.grow();
    const record = build();
    const index = this.free.pop() ?? this.known.length;
    this.known[index] = { users: 1, words, members };
    Atomics.store(this.heap, this.array + index, record);
    return index;
  }

  private republish(index: number, known: Known, record: number, words: number, members: readonly number[]): void {
    const { words: oldWords, members: oldMembers } = known;
    const old = this.heap[this.array + index];
    Atomics.store(this.heap, this.array + index, record);
    known.words = words;
    known.members = members;
    this.reclaimer.retire(oldWords * 4, () => this.memory.release(old, oldWords));
    for (const member of oldMembers) this.release(member);
  }

  private build(spec: NextHopSpec): number {
    const { heap } = this;
    const header = spec.header ?? [];
    const record = this.memory.allocate(recordWords(spec));
    heap[record + NextHop.KIND] = spec.kind;
    heap[record + NextHop.INTERFACE] = spec.interface ?? 0;
    heap[record + NextHop.GENERATION] = spec.generation ?? 0;
    heap[record + NextHop.MTU] = spec.mtu ?? 0;
    heap.set(spec.gateway ?? [], record + NextHop.GATEWAY);
    heap[record + NextHop.NEIGHBOUR] = spec.neighbour ?? 0;
    heap[record + NextHop.FLAGS] = spec.flags ?? 0;
    heap[record + NextHop.TABLE] = spec.table ?? 0;
    heap[record + NextHop.COUNTER] = spec.counter ?? 0;
    heap[record + NextHop.OVERHEAD] = header.length << 2;
    heap[record + NextHop.KEY] = spec.key ?? 0;
    heap.set(header, record + NextHop.WORDS);
    return record;
  }

  private buildGroup(buckets: readonly number[]): number {
    const record = this.memory.allocate(NextHopGroup.BUCKETS + buckets.length);
    this.heap[record + NextHopGroup.KIND] = NextHopKind.ECMP;
    this.heap[record + NextHopGroup.MASK] = buckets.length - 1;
    this.heap.set(buckets, record + NextHopGroup.BUCKETS);
    return record;
  }

  /** A longer array with the same records. */
  private grow(): void {
    const { array: old, capacity } = this;
    if (capacity * 2 > FibEntry.NEXT_HOP + 1) throw new RangeError('2^24 next hops');
    const array = this.memory.allocate(capacity * 2);
    this.heap.copyWithin(array, old, old + capacity);
    this.heap.fill(this.heap[old], array + capacity, array + capacity * 2);
    Atomics.store(this.heap, this.root + NextHops.ARRAY, array);
    this.array = array;
    this.capacity = capacity * 2;
    this.reclaimer.retire(capacity * 4, () => this.memory.release(old, capacity));
  }
}

/** Words of the record that a spec becomes. */
function recordWords(spec: NextHopSpec): number {
  return NextHop.WORDS + (spec.header?.length ?? 0);
}

/**
 * Buckets for members by weight: as many as the weights' sum over their common divisor if that is a power of two up to 64,
 * else 64. Each member has at least one; what is left over goes to those whose share was cut most. Throws RangeError.
 */
function spread(members: readonly Member[]): number[] {
  const valid = ({ weight }: Member): boolean => Number.isInteger(weight) && weight > 0 && weight <= 0xffff;
  if (members.length === 0 || members.length > BUCKETS_MAX || !members.every(valid)) {
    throw new RangeError('a group has 1 to 64 members with weights of 1 to 65535');
  }
  const divisor = members.map(({ weight }) => weight).reduce(commonDivisor);
  const total = members.reduce((sum, { weight }) => sum + weight / divisor, 0);
  const size = total <= BUCKETS_MAX && (total & (total - 1)) === 0 ? total : BUCKETS_MAX;
  // A member's exact share, of which it has `count`: the next bucket goes to who lacks most.
  const shares = members.map(({ index, weight }) => ({ index, exact: (weight / divisor / total) * size, count: 1 }));
  for (let left = size - members.length; left > 0; left--) {
    shares.reduce((most, share) => (share.exact - share.count > most.exact - most.count ? share : most)).count++;
  }
  return shares.flatMap(({ index, count }) => Array.from({ length: count }, () => index));
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
