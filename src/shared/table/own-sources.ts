/**
 * Which IPv4 addresses may be ours: a bit for each hash of an address of the router's, or of a broadcast address of its networks, in
 * any routing domain. Nearly every packet's source is none of them, and then its look-up in the forwarding table is spared. A bit that is
 * set proves nothing.
 *
 * Main alone writes; a bit is set before the address can be found in a table, and cleared after it cannot.
 */
import { Kind } from '../layout/heap.js';

/** Words of the record. W: main. R: workers. */
export const enum OwnSources {
  KIND = 0,
  /** The first of 8192 bits. */
  BITS = 16,
  WORDS = 272,
}

function hash(address: number): number {
  return Math.imul(address, 0x9e3779b1) >>> 19;
}

/** Whether `address`, in host order, may be one of those in the record at `table`. */
export function mayBeOwn(heap: Int32Array, table: number, address: number): boolean {
  const bit = hash(address);
  return ((heap[table + OwnSources.BITS + (bit >>> 5)] >>> (bit & 31)) & 1) !== 0;
}

/** The writer's side, on main. */
export class OwnSourceSet {
  /** First word of the record. */
  readonly root: number;
  private readonly heap: Int32Array;
  /** Addresses of each bit, by where they are said to be. */
  private readonly bits = new Map<number, Set<string>>();

  /** An empty set at `root`, a record of `OwnSources.WORDS`. */
  constructor(heap: Int32Array, root: number) {
    this.heap = heap;
    this.root = root;
    heap.fill(0, root, root + OwnSources.WORDS);
    heap[root + OwnSources.KIND] = Kind.OWN_SOURCES;
  }

  /** Adds an address, which `key` names. */
  add(address: number, key: string): void {
    const bit = hash(address);
    const keys = this.bits.get(bit) ?? new Set();
    this.bits.set(bit, keys.add(key));
    const at = this.root + OwnSources.BITS + (bit >>> 5);
    Atomics.store(this.heap, at, this.heap[at] | (1 << (bit & 31)));
  }

  /** Removes what `key` names, if it is there. */
  delete(address: number, key: string): void {
    const bit = hash(address);
    const keys = this.bits.get(bit);
    if (keys?.delete(key) !== true || keys.size > 0) return;
    this.bits.delete(bit);
    const at = this.root + OwnSources.BITS + (bit >>> 5);
    Atomics.store(this.heap, at, this.heap[at] & ~(1 << (bit & 31)));
  }
}
