/**
 * The prefixes of one forwarding table with their next hops: what main knows beside the trie, to answer what covers a prefix
 * that goes. Not shared.
 *
 * Main only. An open-addressing hash of (length, prefix) in one typed array, at most three quarters full: 8 bytes a slot for
 * IPv4 and 20 for IPv6. What covers a prefix is asked for length by length, of the lengths that are in use.
 */
import { FibEntry } from './prefix-trie.js';

const SMALLEST = 64;

export class PrefixSet {
  private readonly keyWords: number;
  /** Words of a slot: the key, then length << 24 | next hop, 0 = free. */
  private readonly slotWords: number;
  private slots: Int32Array;
  private mask = SMALLEST - 1;
  private count = 0;
  /** Prefixes of each length. */
  private readonly lengths = new Int32Array(129);
  private readonly masked: Int32Array;

  /** `keyWords`: 1 for IPv4, 4 for IPv6. */
  constructor(keyWords: number) {
    this.keyWords = keyWords;
    this.slotWords = keyWords + 1;
    this.slots = new Int32Array(SMALLEST * this.slotWords);
    this.masked = new Int32Array(keyWords);
  }

  get size(): number {
    return this.count;
  }

  /** Bytes it takes. */
  get bytes(): number {
    return this.slots.byteLength;
  }

  /** Next hop of prefix `key`/`length`; 0 = not in the set. Bits of `key` beyond the length are 0. */
  get(key: Int32Array, length: number): number {
    return this.slots[this.find(key, length) + this.keyWords] & FibEntry.NEXT_HOP;
  }

  /** Puts a prefix in, or gives it another next hop; returns the one it had, 0 = none. */
  set(key: Int32Array, length: number, nextHop: number): number {
    let at = this.find(key, length);
    const old = this.slots[at + this.keyWords] & FibEntry.NEXT_HOP;
    if (old === 0) {
      if ((this.count + 1) * 4 > (this.mask + 1) * 3) {
        this.grow();
        at = this.find(key, length);
      }
      for (let i = 0; i < this.keyWords; i++) this.slots[at + i] = key[i];
      this.count++;
      this.lengths[length]++;
    }
    this.slots[at + this.keyWords] = (length << FibEntry.LENGTH_SHIFT) | nextHop;
    return old;
  }

  /** Takes a prefix out; returns its next hop, 0 = it was not in the set. */
  delete(key: Int32Array, length: number): number {
    const { slots, mask, slotWords, keyWords } = this;
    let hole = this.find(key, length);
    const old = slots[hole + keyWords] & FibEntry.NEXT_HOP;
    if (old === 0) return 0;
    this.count--;
    this.lengths[length]--;
    // What follows in the run moves up if its home is not behind the hole, so that no marks of deleted slots are needed.
    for (let next = this.after(hole); slots[next + keyWords] !== 0; next = this.after(next)) {
      const home = this.hash(slots, next, slots[next + keyWords] >>> FibEntry.LENGTH_SHIFT);
      if (((next / slotWords - home) & mask) < (((next - hole) / slotWords) & mask)) continue;
      slots.copyWithin(hole, next, next + slotWords);
      hole = next;
    }
    slots.fill(0, hole, hole + slotWords);
    return old;
  }

  /** The leaf (length << 24 | next hop) of the longest prefix, of 1 bit or more, that covers `key`/`length`; 0 = none. */
  covering(key: Int32Array, length: number): number {
    this.masked.set(key);
    for (let shorter = length - 1; shorter > 0; shorter--) {
      this.masked[shorter >> 5] &= ~(-1 >>> (shorter & 31));
      if (this.lengths[shorter] === 0) continue;
      const leaf = this.slots[this.find(this.masked, shorter) + this.keyWords];
      if (leaf !== 0) return leaf;
    }
    return 0;
  }

  /** Calls `visit` with the next hop of every prefix. */
  forEachNextHop(visit: (nextHop: number) => void): void {
    for (let at = this.keyWords; at < this.slots.length; at += this.slotWords) {
      if (this.slots[at] !== 0) visit(this.slots[at] & FibEntry.NEXT_HOP);
    }
  }

  /** First word of the slot that has a prefix, or of the free one it would take. */
  private find(key: Int32Array, length: number): number {
    const { slots, keyWords } = this;
    let at = this.hash(key, 0, length) * this.slotWords;
    for (; slots[at + keyWords] !== 0; at = this.after(at)) {
      if (slots[at + keyWords] >>> FibEntry.LENGTH_SHIFT !== length) continue;
      let i = 0;
      while (i < keyWords && slots[at + i] === key[i]) i++;
      if (i === keyWords) return at;
    }
    return at;
  }

  private after(at: number): number {
    const next = at + this.slotWords;
    return next === this.slots.length ? 0 : next;
  }

  /** Number of the slot that a key belongs in. */
  private hash(words: Int32Array, at: number, length: number): number {
    let h = length;
    for (let i = at; i < at + this.keyWords; i++) {
      h = Math.imul(h ^ words[i], 0x2c1b3c6d);
      h ^= h >>> 15;
    }
    h = Math.imul(h, 0x297a2d39);
    return (h ^ (h >>> 15)) & this.mask;
  }

  private grow(): void {
    const { slots: old, slotWords, keyWords } = this;
    this.slots = new Int32Array(old.length * 2);
    this.mask = this.mask * 2 + 1;
    for (let from = 0; from < old.length; from += slotWords) {
      const leaf = old[from + keyWords];
      if (leaf === 0) continue;
      let at = this.hash(old, from, leaf >>> FibEntry.LENGTH_SHIFT) * slotWords;
      while (this.slots[at + keyWords] !== 0) at = this.after(at);
      for (let i = 0; i < slotWords; i++) this.slots[at + i] = old[from + i];
    }
  }
}
