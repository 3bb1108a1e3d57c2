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
 * What must hold: a node that readers can reach has no garbage in it at any instant. A new one is filled first and published
 * with one store of the entry above it. One that is not needed any more is replaced by a leaf with one store, and freed after
 * a grace period. A node is there only as long as a prefix longer than the way to it goes through it. No store takes an
 * address from one next hop to another by way of a third, or of none.
 */

/** Parts of an entry, and of a prefix with its next hop in general. */
export const enum FibEntry {
  LENGTH_SHIFT = 24,
  /** Next hop of a leaf. */
  NEXT_HOP = 0xffffff,
  /** First word of a child. */
  ADDRESS = 0x7fffffff,
  CHILD = -2147483648,
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
  private used = 0;

  /** An empty trie whose levels take `strides` bits each. No level may cross a 32-bit word. Throws what `allocate` does. */
  constructor(memory: FibMemory, reclaimer: FibReclaimer, strides: readonly number[]) {
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
    this.root = this.allocate(0);
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
      if (entry >= 0) {
        const child = this.branch(key, level + 1, target, length, entry, leaf);
        Atomics.store(this.heap, at, FibEntry.CHILD | child);
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
    for (let level = 0; level < target; level++) {
      const at = node + this.field(key, level);
      this.path[level] = at;
      node = this.heap[at] & FibEntry.ADDRESS;
    }
    this.uncover(node + this.field(key, target), this.span(target, length), target, length, rest);
    let level = target;
    while (level > 0 && this.unneeded(node, level)) {
      const at = this.path[level - 1];
      Atomics.store(this.heap, at, this.heap[node]);
      this.retire(node, level);
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

  /** New nodes for levels `first` … `last`, all with `entry` but for `leaf` on its prefix. Returns the topmost, unpublished. */
  private branch(key: Int32Array, first: number, last: number, length: number, entry: number, leaf: number): number {
    const nodes: number[] = [];
    try {
      for (let level = first; level <= last; level++) nodes.push(this.allocate(level));
    } catch (error) {
      for (const [i, node] of nodes.entries()) this.release(node, first + i);
      throw error;
    }
    for (const [i, node] of nodes.entries()) {
      const level = first + i;
      const at = node + this.field(key, level);
      this.heap.fill(entry, node, node + (1 << this.bits[level]));
      if (level === last) this.heap.fill(leaf, at, at + this.span(level, length));
      else this.heap[at] = FibEntry.CHILD | (nodes[i + 1] as number);
    }
    return nodes[0] as number;
  }

  /** Writes `leaf` to `count` entries from `at`, and below them, where no longer prefix is. */
  private cover(at: number, count: number, level: number, length: number, leaf: number): void {
    for (let i = at; i < at + count; i++) {
      const entry = this.heap[i];
      if (entry < 0) this.cover(entry & FibEntry.ADDRESS, 1 << this.bits[level + 1], level + 1, length, leaf);
      else if (entry >>> FibEntry.LENGTH_SHIFT <= length) Atomics.store(this.heap, i, leaf);
    }
  }

  /** Writes `rest` to those of `count` entries from `at`, and below them, that are of the prefix of `length`. */
  private uncover(at: number, count: number, level: number, length: number, rest: number): void {
    for (let i = at; i < at + count; i++) {
      const entry = this.heap[i];
      if (entry < 0) this.uncover(entry & FibEntry.ADDRESS, 1 << this.bits[level + 1], level + 1, length, rest);
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

  private allocate(level: number): number {
    const words = 1 << this.bits[level];
    const node = this.memory.allocate(words);
    this.used += words;
    return node;
  }

  private release(node: number, level: number): void {
    const words = 1 << this.bits[level];
    this.used -= words;
    this.memory.release(node, words);
  }

  private retire(node: number, level: number): void {
    const words = 1 << this.bits[level];
    this.used -= words;
    this.reclaimer.retire(words * 4, () => this.memory.release(node, words));
  }

  private releaseAll(node: number, level: number): void {
    const words = 1 << this.bits[level];
    for (let i = node; i < node + words; i++) {
      const entry = this.heap[i];
      if (entry < 0) this.releaseAll(entry & FibEntry.ADDRESS, level + 1);
    }
    this.release(node, level);
  }
}
