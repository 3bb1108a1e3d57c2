/**
 * A learning table between canaries, and looks into its words.
 */
import assert from 'node:assert/strict';
import {
  type Address,
  addresses,
  bucketsFor,
  type Learned,
  learn,
  lookupOne,
  removeWhere,
  Table,
  tableInit,
  tableWords,
} from '../../../src/shared/table/etherbridge.js';

const CANARY = 0x7ab1e;
const MARGIN = 16;
const BUCKET_WORDS = 16;

/** Thread number that the tests lock with. */
export const ME = 3;

/** A port's interface index and generation as the table stores them. */
export function portValue(index: number, generation = 1): number {
  return index | (generation << 16);
}

export class TestTable {
  readonly h: Int32Array;
  readonly t = MARGIN;
  readonly buckets: number;

  constructor(max: number, timeout = 240, buckets = bucketsFor(max), key0 = 0x1234567, key1 = -0x7654321) {
    this.buckets = buckets;
    this.h = new Int32Array(new SharedArrayBuffer((tableWords(buckets) + 2 * MARGIN) * 4)).fill(CANARY);
    tableInit(this.h, this.t, buckets, max, timeout, key0, key1);
  }

  get count(): number {
    return this.h[this.t + Table.COUNT];
  }

  /** Learns station `n`. */
  learn(n: number, value: number, now: number): Learned {
    return learn(this.h, this.t, lo(n), hi(n), value, now, ME);
  }

  /** Looks station `n` up. */
  lookup(n: number, now: number): number {
    return lookupOne(this.h, this.t, lo(n), hi(n), now);
  }

  remove(n: number): number {
    return removeWhere(this.h, this.t, ME, (a) => a.lo === lo(n) && a.hi === hi(n));
  }

  /** Every address by its station's number. */
  byStation(): Map<number, Address> {
    return new Map(addresses(this.h, this.t).map((a) => [a.lo & 0xffff, a]));
  }

  /** Index of the first word of bucket `n`. */
  bucket(n: number): number {
    return this.t + Table.BUCKETS + n * BUCKET_WORDS;
  }

  /** Sum of the buckets' PASSED words. */
  passed(): number {
    let sum = 0;
    for (let b = 0; b < this.buckets; b++) sum += this.h[this.bucket(b) + 1];
    return sum;
  }

  /** No bucket is locked, and nothing outside the table was written. */
  assertUnlocked(): void {
    for (let b = 0; b < this.buckets; b++) assert.equal(this.h[this.bucket(b)], 0, `bucket ${b} is locked`);
    for (let i = 0; i < MARGIN; i++) {
      assert.equal(this.h[i], CANARY);
      assert.equal(this.h[this.h.length - 1 - i], CANARY);
    }
  }

  /** As made: no address, no lock, and no bucket thinks that an entry passed it by. */
  assertEmpty(): void {
    this.assertUnlocked();
    for (let b = 0; b < this.buckets; b++) assert.equal(this.h[this.bucket(b) + 1], 0, `bucket ${b} was passed by`);
    assert.equal(addresses(this.h, this.t).length, 0);
    assert.equal(this.count, 0);
  }
}

/** Low word of station `n`'s address. */
export function lo(n: number): number {
  return n | 0x5e000000;
}

/** High half of station `n`'s address. */
export function hi(n: number): number {
  return 0x0002 | ((n & 7) << 8);
}
