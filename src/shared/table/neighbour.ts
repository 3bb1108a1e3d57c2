/**
 * The neighbour table: which link-layer address an IP address has on an interface (RFC 826, RFC 4861 §5.1), as workers look it up.
 *
 * Main alone writes it. An entry is immutable but for USED: a new binding is a new entry in the old one's place, published with one
 * store, and the old one is retired. Chains hang from buckets; a reader sees the old chain or the new one. Entries that are not
 * resolved are not in it: their state is main's own (main/stack/neighbours.ts).
 */
import { Kind } from '../layout/heap.js';

/** Words of the table's record. W: main. R: workers. */
export const enum NeighbourTable {
  KIND = 0,
  /** Buckets less one; a power of two less one. */
  MASK = 1,
  /** Key of the hash. */
  KEY = 2,
  /** The first bucket: the address of its first entry; 0 = empty. */
  BUCKETS = 16,
}

/** Words of an entry. W: main. R: workers, but for USED. */
export const enum Neighbour {
  KIND = 0,
  /** The next entry of the bucket; 0 = none. */
  NEXT = 1,
  /** Interface index, with the family: | 1 << 16 for IPv6. */
  INTERFACE = 2,
  /** The IP address, four words in host order; IPv4 in the first alone. */
  ADDRESS = 3,
  /** First two bytes of the link-layer address, last four. */
  HI = 7,
  LO = 8,
  /** 1 while nobody has confirmed it lately: whoever uses it sets USED. */
  STALE = 9,
  /** 1 once a packet went to it while it was stale. W: workers. R: main. */
  USED = 32,
  WORDS = 64,
}

/** Bit of `INTERFACE` for an IPv6 neighbour. */
export const INET6 = 1 << 16;

/** Bucket of a key. */
export function neighbourBucket(
  heap: Int32Array,
  table: number,
  where: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
): number {
  let h = heap[table + NeighbourTable.KEY] ^ Math.imul(where, 0x9e3779b1);
  h = Math.imul(h ^ a0, 0x85ebca6b);
  // IPv4 has one word: three multiplications fewer.
  if ((where & INET6) !== 0) {
    h = Math.imul(h ^ (h >>> 13) ^ a1, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 15) ^ a2, 0x27d4eb2f);
    h = Math.imul(h ^ (h >>> 13) ^ a3, 0x165667b1);
  }
  h ^= h >>> 15;
  return table + NeighbourTable.BUCKETS + ((h ^ (h >>> 16)) & heap[table + NeighbourTable.MASK]);
}

/** The entry for an address at `where` (interface index, INET6 or'ed in), or 0. Any thread, within a read section. */
export function lookupNeighbour(
  heap: Int32Array,
  table: number,
  where: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
): number {
  return neighbourIn(heap, neighbourBucket(heap, table, where, a0, a1, a2, a3), where, a0, a1, a2, a3);
}

/** The same of an address whose bucket is known. */
export function neighbourIn(
  heap: Int32Array,
  bucket: number,
  where: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
): number {
  let entry = heap[bucket];
  while (entry !== 0) {
    if (
      heap[entry + Neighbour.ADDRESS] === a0 &&
      heap[entry + Neighbour.INTERFACE] === where &&
      ((where & INET6) === 0 ||
        (heap[entry + Neighbour.ADDRESS + 1] === a1 &&
          heap[entry + Neighbour.ADDRESS + 2] === a2 &&
          heap[entry + Neighbour.ADDRESS + 3] === a3))
    ) {
      return entry;
    }
    entry = heap[entry + Neighbour.NEXT];
  }
  return 0;
}

/** Words of a table with `buckets` buckets, a power of two. */
export function neighbourTableWords(buckets: number): number {
  return NeighbourTable.BUCKETS + buckets;
}

/** Prepares an empty table at `table`. Main only. */
export function neighbourTableInit(heap: Int32Array, table: number, buckets: number, key: number): void {
  heap.fill(0, table, table + neighbourTableWords(buckets));
  heap[table + NeighbourTable.KIND] = Kind.NEIGHBOURS;
  heap[table + NeighbourTable.MASK] = buckets - 1;
  heap[table + NeighbourTable.KEY] = key;
}

/**
 * Publishes the finished entry at `entry`, in the place of `old` where that is not 0. Main only; `old` is then to be retired.
 */
export function publishNeighbour(heap: Int32Array, table: number, entry: number, old: number): void {
  const bucket = bucketOf(heap, table, entry);
  if (old === 0) {
    heap[entry + Neighbour.NEXT] = heap[bucket];
    Atomics.store(heap, bucket, entry);
    return;
  }
  heap[entry + Neighbour.NEXT] = heap[old + Neighbour.NEXT];
  Atomics.store(heap, linkTo(heap, bucket, old), entry);
}

/** Takes `entry` out of its chain. Main only; it is then to be retired. */
export function unlinkNeighbour(heap: Int32Array, table: number, entry: number): void {
  Atomics.store(heap, linkTo(heap, bucketOf(heap, table, entry), entry), heap[entry + Neighbour.NEXT]);
}

function bucketOf(heap: Int32Array, table: number, entry: number): number {
  const a = entry + Neighbour.ADDRESS;
  return neighbourBucket(
    heap,
    table,
    heap[entry + Neighbour.INTERFACE],
    heap[a],
    heap[a + 1],
    heap[a + 2],
    heap[a + 3],
  );
}

/** The word that leads to `entry`: its bucket, or the NEXT of the one before. */
function linkTo(heap: Int32Array, bucket: number, entry: number): number {
  let link = bucket;
  while (heap[link] !== entry) link = heap[link] + Neighbour.NEXT;
  return link;
}
