/**
 * IPv6 forwarding table: longest prefix match from an address to a next hop (spec B §6.3), one record in the heap that main
 * writes and every worker reads.
 *
 * Host routes (/128) are in an exact hash that is asked first, all other prefixes in a trie with levels of 16 and 8 bits and then
 * of 4: further down the Internet's prefixes lie far apart, and a node of 16 entries is one cache line. A subtree of few prefixes
 * is one line too, a range block (range-block.ts). With 230 000 prefixes like the Internet's (test/support/prefixes.ts) the table takes
 * 10 MiB, 93 of 100 prefixes are in blocks, and a look-up reads 3.3 lines below /24 (counted, 21 November 2026).
 *
 * `makeFib6Lookup` is the reader's side; loads are plain and ordered by addresses, as in fib4.ts. `Fib6` is the writer's side,
 * on main alone. A change is seen address by address, each with the old next hop or the new.
 *
 * Addresses are four int32 words, first word first, in host order: 2001:db8:: is 0x20010db8, 0, 0, 0.
 */
import { Kind } from '../layout/heap.js';
import { checkNextHop } from './fib4.js';
import { HostSet, makeHostLookup, mayBeHost } from './host-set.js';
import { PrefixSet } from './prefix-set.js';
import { FibEntry, type FibMemory, type FibReclaimer, PrefixTrie } from './prefix-trie.js';
import { pieceOf } from './range-block.js';

/** Words of the record. W: main. R: workers. */
const enum Fib6Head {
  KIND = 0,
  /** First word of the trie's root. */
  ROOT = 1,
  /** Next hop of ::/0; 0 = none. */
  DEFAULT = 2,
  /** Table of the host routes (host-set.ts); 0 = there are none. */
  HOSTS = 3,
  /** Key of its hash. */
  HOST_KEY = 4,
  /** Which addresses may be host routes: eight words. */
  HOST_FILTER = 8,
  WORDS = 16,
}

const STRIDES: readonly number[] = [16, 8, ...Array.from({ length: 26 }, () => 4)];

/** Finds the next hop of an address in the table whose record is at `root`; 0 = no route. */
export type Fib6Lookup = (root: number, w0: number, w1: number, w2: number, w3: number) => number;

/**
 * What a look-up remembers of the one before: where the first 32 bits of an address lead in a table. An operator's own prefixes are in one
 * /32 or a few, and half of the way to them is that. It is good as long as its reader may hold what it has found, and to be voided then.
 */
export const enum Fib6Near {
  /** Record of the table; 0 = nothing is remembered. */
  ROOT = 0,
  /** The first word of the address. */
  WORD = 1,
  /** The entry behind them: a leaf, a node or a range block. */
  ENTRY = 2,
  WORDS = 4,
}

/** The look-up over one heap, with a memory that the caller voids, or without. */
export function makeFib6Lookup(heap: Int32Array, near?: Int32Array): Fib6Lookup {
  const host = makeHostLookup(heap);
  const memory = near ?? new Int32Array(Fib6Near.WORDS);
  const kept = near === undefined ? 0 : -1;

  /** The entry behind the first 32 bits of an address, or its leaf if fewer bits of it, or 31 behind those, lead to one. */
  const above = (root: number, w0: number, w1: number): number => {
    let entry = heap[heap[root + Fib6Head.ROOT] + (w0 >>> 16)];
    let shift = 12;
    if (entry < 0 && (entry & FibEntry.RANGES) === 0) {
      entry = heap[(entry & FibEntry.ADDRESS) + ((w0 >>> 8) & 0xff)];
      shift = 4;
    }
    for (; shift >= 0 && entry < 0; shift -= 4) {
      if ((entry & FibEntry.RANGES) !== 0)
        return pieceOf(heap, entry & FibEntry.BLOCK_ADDRESS, ((w0 << (28 - shift)) | ((w1 >>> 4) >>> shift)) >>> 1);
      entry = heap[(entry & FibEntry.ADDRESS) + ((w0 >>> shift) & 0xf)];
    }
    memory[Fib6Near.ROOT] = root & kept;
    memory[Fib6Near.WORD] = w0;
    memory[Fib6Near.ENTRY] = entry;
    return entry;
  };

  /** The leaf of an address. Short, so that it is compiled into its callers. */
  const find = (root: number, w0: number, w1: number, w2: number, w3: number): number => {
    const same = memory[Fib6Near.WORD] === w0 && memory[Fib6Near.ROOT] === root;
    let entry = same ? memory[Fib6Near.ENTRY] : above(root, w0, w1);
    let shift = 28;
    let word = w1;
    let next = w2;
    let last = w3;
    while (entry < 0) {
      // The 31 bits from the four at `shift` on.
      if ((entry & FibEntry.RANGES) !== 0)
        return pieceOf(heap, entry & FibEntry.BLOCK_ADDRESS, ((word << (28 - shift)) | ((next >>> 4) >>> shift)) >>> 1);
      entry = heap[(entry & FibEntry.ADDRESS) + ((word >>> shift) & 0xf)];
      shift -= 4;
      if (shift >= 0) continue;
      shift = 28;
      word = next;
      next = last;
      last = 0;
    }
    return entry;
  };
  return (root, w0, w1, w2, w3) => {
    if (mayBeHost(heap, root + Fib6Head.HOST_FILTER, w0, w1)) {
      const hosts = heap[root + Fib6Head.HOSTS];
      const nextHop = hosts === 0 ? 0 : host(hosts, heap[root + Fib6Head.HOST_KEY], w0, w1, w2, w3);
      if (nextHop !== 0) return nextHop;
    }
    const nextHop = find(root, w0, w1, w2, w3) & FibEntry.NEXT_HOP;
    return nextHop !== 0 ? nextHop : heap[root + Fib6Head.DEFAULT];
  };
}

export class Fib6 {
  /** First word of the record: what look-ups are given. */
  readonly root: number;
  private readonly memory: FibMemory;
  private readonly reclaimer: FibReclaimer;
  private readonly trie: PrefixTrie;
  private readonly hosts: HostSet;
  private readonly prefixes = new PrefixSet(4);
  private readonly key = new Int32Array(4);

  /** An empty table of 256 KiB; `hostKey` is any random int32, for the hash of host routes. Throws what `memory.allocate` does. */
  constructor(memory: FibMemory, reclaimer: FibReclaimer, hostKey: number) {
    this.memory = memory;
    this.reclaimer = reclaimer;
    this.trie = new PrefixTrie(memory, reclaimer, STRIDES, true);
    try {
      this.root = memory.allocate(Fib6Head.WORDS);
    } catch (error) {
      this.trie.close();
      throw error;
    }
    const { heap } = memory;
    heap[this.root + Fib6Head.KIND] = Kind.FIB6;
    heap[this.root + Fib6Head.ROOT] = this.trie.root;
    heap[this.root + Fib6Head.HOST_KEY] = hostKey;
    this.hosts = new HostSet(memory, reclaimer, this.root + Fib6Head.HOSTS, this.root + Fib6Head.HOST_FILTER, hostKey);
  }

  /** Prefixes in the table, host routes too. */
  get size(): number {
    return this.prefixes.size;
  }

  /** Bytes of shared memory, without what waits for a grace period. */
  get bytes(): number {
    return (this.trie.words + this.hosts.words + Fib6Head.WORDS) * 4;
  }

  /** Bytes of main's own memory. */
  get privateBytes(): number {
    return this.prefixes.bytes;
  }

  /** Next hop of exactly this prefix; 0 = it is not in the table. */
  get(w0: number, w1: number, w2: number, w3: number, length: number): number {
    return this.prefixes.get(this.masked(w0, w1, w2, w3, length), length);
  }

  /**
   * Adds a prefix, or replaces its next hop: then every address goes from the old to the new one, with nothing between. A
   * deletion and an addition of one prefix are to be given as one `insert` (row B83). Bits beyond `length` (0 … 128) are
   * ignored; `nextHop` is 1 … 2^24-1. Returns the next hop it had, 0 = it is new. Throws RangeError, or what
   * `memory.allocate` does; then nothing has changed.
   */
  insert(w0: number, w1: number, w2: number, w3: number, length: number, nextHop: number): number {
    checkNextHop(nextHop);
    const key = this.masked(w0, w1, w2, w3, length);
    if (length === 0) Atomics.store(this.memory.heap, this.root + Fib6Head.DEFAULT, nextHop);
    else if (length === 128) this.hosts.set(key, nextHop);
    else this.trie.set(key, length, nextHop);
    return this.prefixes.set(key, length, nextHop);
  }

  /** Removes a prefix; what covers it takes its addresses. Returns the next hop it had, 0 = it was not in the table. */
  remove(w0: number, w1: number, w2: number, w3: number, length: number): number {
    const key = this.masked(w0, w1, w2, w3, length);
    const old = this.prefixes.delete(key, length);
    if (old === 0) return 0;
    if (length === 0) Atomics.store(this.memory.heap, this.root + Fib6Head.DEFAULT, 0);
    else if (length === 128) this.hosts.delete(key);
    else this.trie.clear(key, length, this.prefixes.covering(key, length));
    return old;
  }

  /** Gives the memory back after a grace period; no worker may find `root` any more. `released` hears the next hop of each prefix. */
  close(released: (nextHop: number) => void = () => {}): void {
    this.prefixes.forEachNextHop(released);
    this.trie.close();
    this.hosts.close();
    this.reclaimer.retire(Fib6Head.WORDS * 4, () => this.memory.release(this.root, Fib6Head.WORDS));
  }

  private masked(w0: number, w1: number, w2: number, w3: number, length: number): Int32Array {
    if (!Number.isInteger(length) || length < 0 || length > 128) throw new RangeError(`no prefix length: ${length}`);
    const { key } = this;
    key[0] = w0;
    key[1] = w1;
    key[2] = w2;
    key[3] = w3;
    if (length < 128) {
      const word = length >> 5;
      key[word] &= ~(-1 >>> (length & 31));
      key.fill(0, word + 1);
    }
    return key;
  }
}
