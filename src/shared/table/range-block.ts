/**
 * Range blocks: one cache line of the heap in place of a small subtree of the prefix trie (prefix-trie.ts). A block is a step
 * function of the 31 bits of the address behind the way to it: the first keys of its pieces, in order, and the leaf of each.
 *
 * The reader's side is `pieceOf`: seven loads of one line that wait for nothing but each other's line. On main `Pieces` is the
 * same function as numbers that can be changed. Keys are 31 bits wide so that the difference of two always has the right sign.
 *
 * What must hold: first keys never change once a block is published; leaves do, each by one store. Two pieces side by side with
 * one leaf are one piece only if they are of one prefix, so that a prefix can be taken out of a block without more room.
 */
import { FibEntry } from './prefix-trie.js';

/** Words of a block. W: main. R: workers. */
export const enum RangeBlock {
  /** First keys of pieces 1 … 7; that of piece 0 is 0. Pieces that are not used begin at the highest key and repeat the last leaf. */
  KEYS = 0,
  LEAVES = 8,
  WORDS = 16,
}

/** Most pieces of a block. */
export const BLOCK_PIECES = 8;
/** Bits of a key. */
export const KEY_BITS = 31;
const LAST_KEY = 0x7fffffff;

/** The leaf of `key` in the block at `block`. */
export function pieceOf(heap: Int32Array, block: number, key: number): number {
  const before =
    ((key - heap[block]) >> 31) +
    ((key - heap[block + 1]) >> 31) +
    ((key - heap[block + 2]) >> 31) +
    ((key - heap[block + 3]) >> 31) +
    ((key - heap[block + 4]) >> 31) +
    ((key - heap[block + 5]) >> 31) +
    ((key - heap[block + 6]) >> 31);
  return heap[block + RangeBlock.LEAVES + BLOCK_PIECES - 1 + before];
}

/** The 31 bits of `address` behind its first `start`; bits beyond its end are 0. */
export function rangeKey(address: Int32Array, start: number): number {
  const word = start >> 5;
  const shift = start & 31;
  const next = shift === 0 || word + 1 >= address.length ? 0 : address[word + 1] >>> (32 - shift);
  return ((address[word] << shift) | next) >>> 1;
}

/** First key of piece `n` in the block at `block`. */
function firstKey(heap: Int32Array, block: number, n: number): number {
  return n === 0 ? 0 : heap[block + RangeBlock.KEYS + n - 1];
}

/** Gives the leaf `rest` to what prefix `from` … `to` of `length` has in the block at `block`. Main only. */
export function uncoverBlock(
  heap: Int32Array,
  block: number,
  from: number,
  to: number,
  length: number,
  rest: number,
): void {
  for (let n = 0; n < BLOCK_PIECES; n++) {
    const first = firstKey(heap, block, n);
    const at = block + RangeBlock.LEAVES + n;
    if (first >= from && first <= to && heap[at] >>> FibEntry.LENGTH_SHIFT === length) Atomics.store(heap, at, rest);
  }
}

/** Writes `leaf`, of a prefix of `length` that covers the whole block, where no longer prefix is. Main only. */
export function coverBlock(heap: Int32Array, block: number, length: number, leaf: number): void {
  for (let at = block + RangeBlock.LEAVES; at < block + RangeBlock.WORDS; at++) {
    if (heap[at] >>> FibEntry.LENGTH_SHIFT <= length) Atomics.store(heap, at, leaf);
  }
}

/** Whether no leaf of the block at `block` is longer than the way to it, `start`. */
export function blockUnneeded(heap: Int32Array, block: number, start: number): boolean {
  for (let at = block + RangeBlock.LEAVES; at < block + RangeBlock.WORDS; at++) {
    if (heap[at] >>> FibEntry.LENGTH_SHIFT > start) return false;
  }
  return true;
}

/** A step function of the keys behind `start` bits, in main's own memory. Main only. */
export class Pieces {
  private readonly start: number;
  private readonly keys: number[] = [];
  private readonly leaves: number[] = [];

  constructor(start: number) {
    this.start = start;
  }

  /** One leaf for all keys. */
  static of(start: number, leaf: number): Pieces {
    const pieces = new Pieces(start);
    pieces.push(0, leaf);
    return pieces;
  }

  /** What the block at `block` says. */
  static from(heap: Int32Array, block: number, start: number): Pieces {
    const pieces = new Pieces(start);
    for (let n = 0; n < BLOCK_PIECES; n++) {
      const key = firstKey(heap, block, n);
      if (n > 0 && key === firstKey(heap, block, n - 1)) continue;
      pieces.push(key, heap[block + RangeBlock.LEAVES + n]);
    }
    return pieces;
  }

  get count(): number {
    return this.keys.length;
  }

  /** First key of piece `n`; the highest key behind the last. */
  key(n: number): number {
    return n < this.keys.length ? (this.keys[n] as number) : LAST_KEY;
  }

  /** The leaf of piece `n`; the last one behind the last. */
  leaf(n: number): number {
    return this.leaves[Math.min(n, this.leaves.length - 1)] as number;
  }

  /** The same with `leaf` of a prefix of `length`, the keys `from` … `to`, where no longer prefix is. */
  with(from: number, to: number, length: number, leaf: number): Pieces {
    const changed = new Pieces(this.start);
    for (let n = 0; n < this.keys.length; n++) {
      const old = this.leaves[n] as number;
      const first = this.keys[n] as number;
      const last = this.last(n);
      if (first > to || last < from || old >>> FibEntry.LENGTH_SHIFT > length) {
        changed.push(first, old);
        continue;
      }
      if (first < from) changed.push(first, old);
      changed.push(Math.max(first, from), leaf);
      if (last > to) changed.push(to + 1, old);
    }
    return changed;
  }

  /** The part whose keys begin with the `bits` bits `field`, as a function of the keys behind those. */
  part(field: number, bits: number): Pieces {
    const part = new Pieces(this.start + bits);
    const width = 1 << (KEY_BITS - bits);
    const from = field * width;
    for (let n = 0; n < this.keys.length; n++) {
      const first = this.keys[n] as number;
      if (first > from + (width - 1)) break;
      if (this.last(n) >= from) part.push((Math.max(first, from) - from) << bits, this.leaves[n] as number);
    }
    return part;
  }

  private last(n: number): number {
    return n + 1 < this.keys.length ? (this.keys[n + 1] as number) - 1 : LAST_KEY;
  }

  private push(key: number, leaf: number): void {
    if (this.leaves.length > 0 && this.leaves[this.leaves.length - 1] === leaf && this.within(key, leaf)) return;
    this.keys.push(key);
    this.leaves.push(leaf);
  }

  /** Whether `key` is not where a prefix of this leaf's length begins. */
  private within(key: number, leaf: number): boolean {
    const bits = (leaf >>> FibEntry.LENGTH_SHIFT) - this.start;
    return bits <= 0 || (key & ((1 << (KEY_BITS - bits)) - 1)) !== 0;
  }
}

/** Writes `pieces`, `BLOCK_PIECES` at most, to the block at `block`, which no reader can reach. Main only. */
export function writeBlock(heap: Int32Array, block: number, pieces: Pieces): void {
  for (let n = 0; n < BLOCK_PIECES; n++) {
    if (n > 0) heap[block + RangeBlock.KEYS + n - 1] = pieces.key(n);
    heap[block + RangeBlock.LEAVES + n] = pieces.leaf(n);
  }
}
