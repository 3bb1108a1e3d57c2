/**
 * IPv4 forwarding table: longest prefix match from an address to a next hop (spec B §6.3), one record in the heap that main
 * writes and every worker reads.
 *
 * `makeFib4Lookup` is the reader's side: two dependent loads for prefixes of up to 24 bits, three beyond, when the root has 16
 * bits. Loads are plain; each is ordered by the address that the one before gave. `Fib4` is the writer's side, on main alone.
 * Within a burst a worker may keep what it found; a change is seen address by address, each with the old next hop or the new.
 *
 * Addresses are int32 in host order: 10.0.0.1 is 0x0a000001.
 */
import { Kind } from '../layout/heap.js';
import { PrefixSet } from './prefix-set.js';
import { FibEntry, type FibMemory, type FibReclaimer, PrefixTrie } from './prefix-trie.js';

/** Words of the record. W: main. R: workers. */
const enum Fib4Head {
  KIND = 0,
  /** How far an address is shifted to index the root. */
  SHIFT = 1,
  /** First word of the root. */
  ROOT = 2,
  /** Next hop of 0.0.0.0/0; 0 = none. */
  DEFAULT = 3,
  WORDS = 16,
}

/** Bits that a level below the root takes. */
const BLOCK_BITS = 8;

/** Finds the next hop of an address in the table whose record is at `root`; 0 = no route. */
export type Fib4Lookup = (root: number, address: number) => number;

/** The look-up over one heap. */
export function makeFib4Lookup(heap: Int32Array): Fib4Lookup {
  return (root, address) => {
    let shift = heap[root + Fib4Head.SHIFT];
    let entry = heap[heap[root + Fib4Head.ROOT] + (address >>> shift)];
    while (entry < 0) {
      shift -= BLOCK_BITS;
      entry = heap[(entry & FibEntry.ADDRESS) + ((address >>> shift) & 255)];
    }
    const nextHop = entry & FibEntry.NEXT_HOP;
    return nextHop !== 0 ? nextHop : heap[root + Fib4Head.DEFAULT];
  };
}

/** Bits of the root: tiny tables, all others, and one table of a full Internet feed. */
export type Fib4RootBits = 8 | 16 | 24;

export class Fib4 {
  /** First word of the record: what look-ups are given. */
  readonly root: number;
  private readonly memory: FibMemory;
  private readonly reclaimer: FibReclaimer;
  private readonly trie: PrefixTrie;
  private readonly prefixes = new PrefixSet(1);
  private readonly key = new Int32Array(1);

  /** An empty table. A root takes 4 << `rootBits` bytes. Throws what `memory.allocate` does. */
  constructor(memory: FibMemory, reclaimer: FibReclaimer, rootBits: Fib4RootBits = 16) {
    this.memory = memory;
    this.reclaimer = reclaimer;
    const strides: number[] = [rootBits];
    for (let bits: number = rootBits; bits < 32; bits += BLOCK_BITS) strides.push(BLOCK_BITS);
    this.trie = new PrefixTrie(memory, reclaimer, strides);
    try {
      this.root = memory.allocate(Fib4Head.WORDS);
    } catch (error) {
      this.trie.close();
      throw error;
    }
    const { heap } = memory;
    heap[this.root + Fib4Head.KIND] = Kind.FIB4;
    heap[this.root + Fib4Head.SHIFT] = 32 - rootBits;
    heap[this.root + Fib4Head.ROOT] = this.trie.root;
  }

  /** Prefixes in the table. */
  get size(): number {
    return this.prefixes.size;
  }

  /** Bytes of shared memory, without what waits for a grace period. */
  get bytes(): number {
    return (this.trie.words + Fib4Head.WORDS) * 4;
  }

  /** Bytes of main's own memory. */
  get privateBytes(): number {
    return this.prefixes.bytes;
  }

  /** Next hop of exactly this prefix; 0 = it is not in the table. */
  get(prefix: number, length: number): number {
    return this.prefixes.get(this.masked(prefix, length), length);
  }

  /**
   * Adds a prefix, or replaces its next hop: then every address goes from the old to the new one, with nothing between. A
   * deletion and an addition of one prefix are to be given as one `insert` (row B83). Bits beyond `length` (0 … 32) are
   * ignored; `nextHop` is 1 … 2^24-1. Returns the next hop it had, 0 = it is new. Throws RangeError, or what
   * `memory.allocate` does; then nothing has changed.
   */
  insert(prefix: number, length: number, nextHop: number): number {
    checkNextHop(nextHop);
    const key = this.masked(prefix, length);
    if (length === 0) Atomics.store(this.memory.heap, this.root + Fib4Head.DEFAULT, nextHop);
    else this.trie.set(key, length, nextHop);
    return this.prefixes.set(key, length, nextHop);
  }

  /** Removes a prefix; what covers it takes its addresses. Returns the next hop it had, 0 = it was not in the table. */
  remove(prefix: number, length: number): number {
    const key = this.masked(prefix, length);
    const old = this.prefixes.delete(key, length);
    if (old === 0) return 0;
    if (length === 0) Atomics.store(this.memory.heap, this.root + Fib4Head.DEFAULT, 0);
    else this.trie.clear(key, length, this.prefixes.covering(key, length));
    return old;
  }

  /** Gives the memory back after a grace period; no worker may find `root` any more. `released` hears the next hop of each prefix. */
  close(released: (nextHop: number) => void = () => {}): void {
    this.prefixes.forEachNextHop(released);
    this.trie.close();
    this.reclaimer.retire(Fib4Head.WORDS * 4, () => this.memory.release(this.root, Fib4Head.WORDS));
  }

  private masked(prefix: number, length: number): Int32Array {
    if (!Number.isInteger(length) || length < 0 || length > 32) throw new RangeError(`no prefix length: ${length}`);
    this.key[0] = length === 0 ? 0 : prefix & (-1 << (32 - length));
    return this.key;
  }
}

/** Throws RangeError unless it is 1 … 2^24-1. */
export function checkNextHop(nextHop: number): void {
  if (Number.isInteger(nextHop) && nextHop > 0 && nextHop <= FibEntry.NEXT_HOP) return;
  throw new RangeError(`no next hop: ${nextHop}`);
}
