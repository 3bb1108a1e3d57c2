/**
 * Memory for forwarding tables in unit tests: a heap of its own with one reader's epoch that the test moves, a poisoning slab,
 * and the real reclaimer.
 */
import { Slab } from '../../../src/main/memory/slab.js';
import { SLAB_BASE, Thread, threadBlock } from '../../../src/shared/layout/heap.js';
import { announce, offline, online } from '../../../src/shared/smr/reader.js';
import { Reclaimer } from '../../../src/shared/smr/reclaimer.js';
import type { FibMemory } from '../../../src/shared/table/prefix-trie.js';

export class FibBench {
  readonly heap: Int32Array;
  readonly slab: Slab;
  readonly memory: FibMemory;
  readonly reclaimer: Reclaimer;

  /** `words` for the slabs. */
  constructor(words = 1 << 21) {
    this.heap = new Int32Array(new SharedArrayBuffer((SLAB_BASE + words) * 4));
    const { heap } = this;
    this.slab = new Slab('heap', heap, SLAB_BASE);
    this.slab.poison = true;
    this.memory = {
      heap,
      allocate: (count) => this.slab.allocate(count),
      release: (at, count) => this.slab.release(at, count),
    };
    this.reclaimer = new Reclaimer(heap, 1, 1 << 30, () => {});
  }

  /** The reader is within a burst that began now. */
  online(): void {
    online(this.heap, threadBlock(0));
  }

  /** The reader's burst ends and another one begins. */
  announce(): void {
    announce(this.heap, threadBlock(0), this.heap[threadBlock(0) + Thread.EPOCH]);
  }

  /** The reader sleeps. */
  offline(): void {
    offline(this.heap, threadBlock(0));
  }
}

/** Longest prefix match by one hash for each prefix length: what the tables must say. */
export class BruteForce {
  private readonly lengths = new Map<number, Map<string, number>>();
  private readonly masks: Int32Array;

  /** `words`: 1 for IPv4, 4 for IPv6. */
  constructor(words: number) {
    this.masks = new Int32Array(words);
  }

  set(address: readonly number[], length: number, nextHop: number): void {
    const prefixes = this.lengths.get(length) ?? new Map<string, number>();
    this.lengths.set(length, prefixes);
    prefixes.set(this.key(address, length), nextHop);
  }

  delete(address: readonly number[], length: number): void {
    this.lengths.get(length)?.delete(this.key(address, length));
  }

  /** 0 = no route. */
  lookup(address: readonly number[]): number {
    for (let length = 32 * this.masks.length; length >= 0; length--) {
      const nextHop = this.lengths.get(length)?.get(this.key(address, length));
      if (nextHop !== undefined) return nextHop;
    }
    return 0;
  }

  private key(address: readonly number[], length: number): string {
    this.masks.set(address);
    for (let word = 0; word < this.masks.length; word++) {
      const bits = Math.min(32, Math.max(0, length - 32 * word));
      this.masks[word] &= bits === 0 ? 0 : -1 << (32 - bits);
    }
    return this.masks.join();
  }
}
