/**
 * Multibit leaf-pushed trie of prefixes: the writer's side of the forwarding tables (fib4.ts and fib6.ts have the readers).
 *
 * Main only. A node has one entry for each value of the next few bits of the address; the root has the most. An entry (spec B
 * §6.3) is an int32: negative = the address of a child node in bits 0–30; else a leaf, the length of its prefix in bits 24–30
 * and its next hop in bits 0–23; 0 = no route. A leaf is pushed down to every entry it covers, so a look-up never turns back.
 * The length in it lets a prefix be written without a look at others: it takes the entries whose length is not greater. (The
 * spec stores the length plus one, to tell a default route from none. Here the default route is a word of the table's head:
 * pushed into a full table it would rewrite every node.)
 *
 * With range blocks a subtree of few prefixes is one cache line (range-block.ts), marked by bit 0 of its entry: it takes the place of
 * nodes as long as eight pieces are enough and its prefixes end within 31 bits. When they are not, nodes take its place, with
 * blocks below them; they stay until no prefix goes through them.
 *
 * What must hold: a node that readers can reach has no garbage in it at any instant. A new one is filled first and published
 * with one store of the entry above it. One that is not needed any more is replaced by a leaf with one store, and freed after
 * a grace period. A node is there only as long as a prefix longer than the way to it goes through it. No store takes an
 * address from one next hop to another by way of a third, or of none.
 */

import {
  BLOCK_PIECES,
  blockUnneeded,
  coverBlock,
  KEY_BITS,
  Pieces,
  RangeBlock,
  rangeKey,
  uncoverBlock,
  writeBlock,
} from './range-block.js';

/** Parts of an entry, and of a prefix with its next hop in general. */
export const enum FibEntry {
  LENGTH_SHIFT = 24,
  /** Next hop of a leaf. */
  NEXT_HOP = 0xffffff,
  /** First word of a child. */
  ADDRESS = 0x7fffffff,
  CHILD = -2147483648,
  /** Of an entry with CHILD: it is a range block. Nodes and blocks begin on cache lines. */
  RANGES = 1,
  BLOCK_ADDRESS = 0x7ffffffe,
}

/** Where nodes come from: the heap, and a `Slab` over it. `allocate` returns words on a cache line, or throws. */
export interface FibMemory {
  readonly heap: Int32Array;
  allocate(words: number): number;
  release(at: number, words: number): void;
}

/** Who frees what readers may still hold: `Reclaimer`. */
export interface FibReclaimer {
  retire(bytes: number, free: () => void): void;
}

/** Longest prefix that a trie holds: the length has seven bits. */
export const TRIE_LENGTH_MAX = 127;

export class PrefixTrie {
  /** First word of the root. */
  readonly root: number;
  private readonly memory: FibMemory;
  private readonly heap: Int32Array;
  private readonly reclaimer: FibReclaimer;
  /** Bits of each level, and how many there are above it. */
  private readonly bits: readonly number[];
  private readonly starts: readonly number[];
  /** Level that a length ends in. */
  private readonly levels = new Uint8Array(TRIE_LENGTH_MAX + 1);
  /** Entries on the way to the prefix at hand, by level of the node they are in. */
  private readonly path: Int32Array;
  /** Whether there are range blocks. */
  private readonly ranges: boolean;
  /** Nodes and blocks of a change that is not published yet, and the words of each. */
  private readonly fresh: number[] = [];
  private used = 0;

  /**
   * An empty trie whose levels take `strides` bits each, with range blocks or without. No level may cross a 32-bit word.
   * Throws what `allocate` does.
   */
  constructor(memory: FibMemory, reclaimer: FibReclaimer, strides: readonly number[], ranges = false) {
    this.ranges = ranges;
    this.memory = memory;
    this.heap = memory.heap;
    this.reclaimer = reclaimer;
    this.bits = strides;
    this.path = new Int32Array(strides.length);
    const starts: number[] = [];
    let start = 0;
    for (const [level, bits] of strides.entries()) {
      starts.push(start);
      this.levels.fill(level, start + 1, start + bits + 1);
      start += bits;
    }
    this.starts = starts;
    this.root = this.allocate(1 << this.bits[0]);
  }

  /** Words of all nodes, those that wait for a grace period left out. */
  get words(): number {
    return this.used;
  }

  /**
   * Writes prefix `key`/`length`, new or not: `length` is 1 … `TRIE_LENGTH_MAX`, `key` has no bit set beyond it, `nextHop` is
   * 1 … 2^24-1. Throws what `allocate` does, and then has changed nothing.
   */
  set(key: Int32Array, length: number, nextHop: number): void {
    const leaf = (length << FibEntry.LENGTH_SHIFT) | nextHop;
    const target = this.levels[length];
    let node = this.root;
    for (let level = 0; level < target; level++) {
      const at = node + this.field(key, level);
      const entry = this.heap[at];
      if (entry >= 0 || isBlock(entry)) {
        Atomics.store(this.heap, at, this.replacement(key, level + 1, length, entry, leaf));
        if (entry < 0) this.retire(entry & FibEntry.BLOCK_ADDRESS, RangeBlock.WORDS);
        return;
      }
      node = entry & FibEntry.ADDRESS;
    }
    this.cover(node + this.field(key, target), this.span(target, length), target, length, leaf);
  }

  /** Takes out prefix `key`/`length`, which is in the trie. Its addresses get the leaf `rest`, of a shorter prefix; 0 = none. */
  clear(key: Int32Array, length: number, rest: number): void {
    const target = this.levels[length];
    let node = this.root;
    let level = 0;
    for (; level < target; level++) {
      const at = node + this.field(key, level);
      this.path[level] = at;
      const entry = this.heap[at];
      if (isBlock(entry)) {
        if (!this.clearBlock(at, level + 1, key, length, rest)) return;
        break;
      }
      node = entry & FibEntry.ADDRESS;
    }
    if (level === target) this.uncover(node + this.field(key, target), this.span(target, length), target, length, rest);
    while (level > 0 && this.unneeded(node, level)) {
      const at = this.path[level - 1];
      Atomics.store(this.heap, at, this.heap[node]);
      this.retire(node, 1 << this.bits[level]);
      level--;
      node = this.nodeAbove(level);
    }
  }

  /** Gives everything back after a grace period. No pointer may lead to the root any more. */
  close(): void {
    this.reclaimer.retire(this.used * 4, () => this.releaseAll(this.root, 0));
  }

  /** The node of level `level` on the path of `clear`. */
  private nodeAbove(level: number): number {
    return level === 0 ? this.root : this.heap[this.path[level - 1]] & FibEntry.ADDRESS;
  }

  /** The bits of `key` that index a node of `level`. */
  private field(key: Int32Array, level: number): number {
    const start = this.starts[level];
    const bits = this.bits[level];
    return (key[start >> 5] >>> (32 - (start & 31) - bits)) & ((1 << bits) - 1);
  }

  /** Entries that a prefix of `length` takes in a node of `level`. */
  private span(level: number, length: number): number {
    return 1 << (this.starts[level] + this.bits[level] - length);
  }

  /**
   * The entry that takes the place of `entry`, a leaf or a block behind which `level` begins, with `leaf` on prefix
   * `key`/`length`. Nothing of it is published. Throws what `allocate` does, and then has taken nothing.
   */
  private replacement(key: Int32Array, level: number, length: number, entry: number, leaf: number): number {
    this.fresh.length = 0;
    try {
      if (!this.ranges) return this.branch(key, level, length, entry, leaf);
      const start = this.starts[level];
      const pieces =
        entry < 0 ? Pieces.from(this.heap, entry & FibEntry.BLOCK_ADDRESS, start) : Pieces.of(start, entry);
      return this.subtree(pieces, level, key, length, leaf);
    } catch (error) {
      for (let i = 0; i < this.fresh.length; i += 2) this.release(this.fresh[i] as number, this.fresh[i + 1] as number);
      throw error;
    }
  }

  /** New nodes from `level` on, all with `entry` but for `leaf` on its prefix. Returns the entry of the topmost. */
  private branch(key: Int32Array, level: number, length: number, entry: number, leaf: number): number {
    const node = this.allocateFresh(1 << this.bits[level]);
    const at = node + this.field(key, level);
    this.heap.fill(entry, node, node + (1 << this.bits[level]));
    if (level === this.levels[length]) this.heap.fill(leaf, at, at + this.span(level, length));
    else this.heap[at] = this.branch(key, level + 1, length, entry, leaf);
    return FibEntry.CHILD | node;
  }

  /** The entry of a new subtree at `level` that says what `pieces` say, but for `leaf` on prefix `key`/`length`. */
  private subtree(pieces: Pieces, level: number, key: Int32Array, length: number, leaf: number): number {
    const bits = length - this.starts[level];
    if (bits <= KEY_BITS) {
      const from = rangeKey(key, this.starts[level]);
      return this.split(pieces.with(from, from | lowBits(KEY_BITS - bits), length, leaf), level);
    }
    const node = this.allocateFresh(1 << this.bits[level]);
    const way = this.field(key, level);
    for (let field = 0; field < 1 << this.bits[level]; field++) {
      const part = pieces.part(field, this.bits[level]);
      this.heap[node + field] =
        field === way ? this.subtree(part, level + 1, key, length, leaf) : this.split(part, level + 1);
    }
    return FibEntry.CHILD | node;
  }

  /** The entry that says what `pieces` say at `level`: a leaf, a block, or a node with those below. */
  private split(pieces: Pieces, level: number): number {
    if (pieces.count === 1) return pieces.leaf(0);
    if (pieces.count <= BLOCK_PIECES) {
      const block = this.allocateFresh(RangeBlock.WORDS);
      writeBlock(this.heap, block, pieces);
      return FibEntry.CHILD | FibEntry.RANGES | block;
    }
    const bits = this.bits[level];
    const node = this.allocateFresh(1 << bits);
    for (let field = 0; field < 1 << bits; field++) {
      this.heap[node + field] = this.split(pieces.part(field, bits), level + 1);
    }
    return FibEntry.CHILD | node;
  }

  /** Takes prefix `key`/`length` out of the block of entry `at`, behind which `level` begins. True if the block is gone. */
  private clearBlock(at: number, level: number, key: Int32Array, length: number, rest: number): boolean {
    const block = this.heap[at] & FibEntry.BLOCK_ADDRESS;
    const start = this.starts[level];
    const from = rangeKey(key, start);
    uncoverBlock(this.heap, block, from, from | lowBits(KEY_BITS - (length - start)), length, rest);
    if (!blockUnneeded(this.heap, block, start)) return false;
    Atomics.store(this.heap, at, this.heap[block + RangeBlock.LEAVES]);
    this.retire(block, RangeBlock.WORDS);
    return true;
  }

  /** Writes `leaf` to `count` entries from `at`, and below them, where no longer prefix is. */
  private cover(at: number, count: number, level: number, length: number, leaf: number): void {
    for (let i = at; i < at + count; i++) {
      const entry = this.heap[i];
      if (isBlock(entry)) coverBlock(this.heap, entry & FibEntry.BLOCK_ADDRESS, length, leaf);
      else if (entry < 0) this.cover(entry & FibEntry.ADDRESS, 1 << this.bits[level + 1], level + 1, length, leaf);
      else if (entry >>> FibEntry.LENGTH_SHIFT <= length) Atomics.store(this.heap, i, leaf);
    }
  }

  /** Writes `rest` to those of `count` entries from `at`, and below them, that are of the prefix of `length`. */
  private uncover(at: number, count: number, level: number, length: number, rest: number): void {
    for (let i = at; i < at + count; i++) {
      const entry = this.heap[i];
      if (isBlock(entry)) uncoverBlock(this.heap, entry & FibEntry.BLOCK_ADDRESS, 0, lowBits(KEY_BITS), length, rest);
      else if (entry < 0) this.uncover(entry & FibEntry.ADDRESS, 1 << this.bits[level + 1], level + 1, length, rest);
      else if (entry >>> FibEntry.LENGTH_SHIFT === length) Atomics.store(this.heap, i, rest);
    }
  }

  /** Whether all entries of a node are one leaf from above. Two prefixes that end in it could make them equal too. */
  private unneeded(node: number, level: number): boolean {
    const start = this.starts[level];
    for (let i = node; i < node + (1 << this.bits[level]); i++) {
      const entry = this.heap[i];
      if (entry < 0 || entry >>> FibEntry.LENGTH_SHIFT > start) return false;
    }
    return true;
  }

  private allocate(words: number): number {
    const at = this.memory.allocate(words);
    this.used += words;
    return at;
  }

  private allocateFresh(words: number): number {
    const at = this.allocate(words);
    this.fresh.push(at, words);
    return at;
  }

  private release(at: number, words: number): void {
    this.used -= words;
    this.memory.release(at, words);
  }

  private retire(at: number, words: number): void {
    this.used -= words;
    this.reclaimer.retire(words * 4, () => this.memory.release(at, words));
  }

  private releaseAll(node: number, level: number): void {
    const words = 1 << this.bits[level];
    for (let i = node; i < node + words; i++) {
      const entry = this.heap[i];
      if (isBlock(entry)) this.release(entry & FibEntry.BLOCK_ADDRESS, RangeBlock.WORDS);
      else if (entry < 0) this.releaseAll(entry & FibEntry.ADDRESS, level + 1);
    }
    this.release(node, words);
  }
}

/** Whether an entry leads to a range block. */
function isBlock(entry: number): boolean {
  return entry < 0 && (entry & FibEntry.RANGES) !== 0;
}

/** The lowest `bits` bits, 0 … 31. */
function lowBits(bits: number): number {
  return bits === 31 ? 0x7fffffff : (1 << bits) - 1;
}
