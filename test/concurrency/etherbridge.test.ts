/** The learning table under real threads: A93, and a mix of all that workers and main do to it at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addresses,
  addStatic,
  BucketBusy,
  bucketsFor,
  Learned,
  learn,
  lookupOne,
  removeWhere,
  sweep,
  Table,
  tableInit,
  tableWords,
} from '../../src/shared/table/etherbridge.js';
import { BOX_MS, didOperations, SEED, startThread, waitUntil, withSeed } from '../support/stress.js';
import { keyHi, keyLo, type LearnerTask, portOf, Shared } from './threads/bridge-learner.js';

/** A bucket as etherbridge.ts lays it out: the lock, the count of those that passed, and entries of four words. */
const BUCKET_WORDS = 16;
const LOCK = 0;
const PASSED = 1;
const FIRST = 4;
const ENTRY_WORDS = 4;

const TABLE = 16;
/** A timeout that no clock of a test reaches: a learner may be put aside while main counts seconds. */
const NEVER = 1 << 30;
const MAIN = 2;
const LEARNER = new URL('./threads/bridge-learner.js', import.meta.url);
const KNOWN_PORTS = (k: number): number[] => [portOf(k, 0), portOf(k, 1)];

/** A table of at most `max` addresses in a memory of its own, and learners on it. */
class Bench {
  readonly heap: Int32Array;
  readonly shared = new Int32Array(new SharedArrayBuffer(Shared.WORDS * 4));
  readonly told: Int32Array[] = [];
  private readonly threads: Promise<void>[] = [];

  constructor(max: number, timeout: number, random: (below: number) => number) {
    const buckets = bucketsFor(max);
    this.heap = new Int32Array(new SharedArrayBuffer((TABLE + tableWords(buckets)) * 4));
    tableInit(this.heap, TABLE, buckets, max, timeout, random(2 ** 31), random(2 ** 31));
    this.shared[Shared.NOW] = 10;
  }

  learner(keys: number, storm: boolean): void {
    const me = this.told.length;
    const told = new Int32Array(new SharedArrayBuffer(Shared.WORDS * 4));
    this.told.push(told);
    const { heap, shared } = this;
    const task: LearnerTask = { heap, table: TABLE, me, shared, told, keys, storm, seed: SEED + me };
    this.threads.push(startThread(LEARNER, task).done);
  }

  /** Every learner has tried to learn something. */
  private running(): Promise<void> {
    return waitUntil(
      () => this.told.every((told) => told.subarray(Shared.ANSWERS, Shared.FOUND).some((n) => n > 0)),
      'the learners run',
    );
  }

  /** Runs `body` while the learners do, and lets them end whatever it throws. */
  async during(body: () => void): Promise<void> {
    try {
      await this.running();
      body();
    } finally {
      await this.join();
    }
  }

  private async join(): Promise<void> {
    Atomics.store(this.shared, Shared.STOP, 1);
    await Promise.all(this.threads);
  }

  /** What the learners did that changed the table or found something in it. */
  operations(): number {
    return this.told.reduce(
      (sum, told) => told.subarray(Shared.ANSWERS, Shared.FOUND + 1).reduce((all, n) => all + n, sum),
      0,
    );
  }

  /** Word `word` of each bucket. */
  ofBuckets(word: number): number[] {
    const { heap } = this;
    return Array.from(
      { length: heap[TABLE + Table.MASK] + 1 },
      (_, b) => heap[TABLE + Table.BUCKETS + b * BUCKET_WORDS + word],
    );
  }
}

test('A93 under a storm of moves of one address between two ports a look-up never misses', (t) =>
  withSeed(async (random) => {
    const bench = new Bench(32, NEVER, random);
    const { heap, shared } = bench;
    for (let k = 1; k < 20; k++) learn(heap, TABLE, keyLo(k), keyHi(k), portOf(k, 0), 10, MAIN);
    bench.learner(1, true);
    let sides = 0;
    let looked = 0;
    await bench.during(() => {
      for (const until = performance.now() + BOX_MS / 3; performance.now() < until; shared[Shared.NOW]++) {
        for (let n = 0; n < 10_000; n++, looked++) {
          const value = lookupOne(heap, TABLE, keyLo(0), keyHi(0), shared[Shared.NOW]);
          const side = KNOWN_PORTS(0).indexOf(value);
          if (side === -1) assert.fail(`a look-up gave ${value}`);
          sides |= 1 << side;
        }
      }
    });
    didOperations(t, looked + bench.operations());
    assert.equal(sides, 3, 'it was seen on both ports');
    assert.ok(bench.told[0][Shared.ANSWERS + Learned.MOVED] > 1000);
  }));

/** One random thing that only main does. */
function meddle(heap: Int32Array, now: number, keys: number, random: (below: number) => number): void {
  const k = random(keys);
  const isKey = (a: { lo: number; hi: number }): boolean => a.lo === keyLo(k) && a.hi === keyHi(k);
  const choice = random(100);
  if (choice < 30) addStatic(heap, TABLE, keyLo(k), keyHi(k), portOf(k, random(2)), now, MAIN);
  else if (choice < 70) removeWhere(heap, TABLE, MAIN, isKey);
  else if (choice < 90) removeWhere(heap, TABLE, MAIN, (a) => a.isStatic && random(2) === 0);
  else if (choice < 99) sweep(heap, TABLE, now, MAIN);
  else removeWhere(heap, TABLE, MAIN, () => true);
}

/** Nothing is locked, the count is right, every entry is found, and the last one to leave leaves no trace. */
function assertWhole(bench: Bench, keys: number): void {
  const { heap, shared } = bench;
  const listed = addresses(heap, TABLE);
  assert.equal(heap[TABLE + Table.COUNT], listed.length);
  assert.ok(bench.ofBuckets(LOCK).every((lock) => lock === 0));
  assert.equal(new Set(listed.map((a) => `${a.lo} ${a.hi}`)).size, listed.length, 'no address is listed twice');
  for (const a of listed) assert.equal(lookupOne(heap, TABLE, a.lo, a.hi, a.seen), a.value);
  for (let k = 0; k < keys; k++) {
    const value = lookupOne(heap, TABLE, keyLo(k), keyHi(k), shared[Shared.NOW]);
    assert.ok(value === 0 || KNOWN_PORTS(k).includes(value));
  }
  assert.equal(
    removeWhere(heap, TABLE, MAIN, () => true),
    listed.length,
  );
  assert.equal(heap[TABLE + Table.COUNT], 0);
  for (const word of [LOCK, PASSED]) assert.ok(bench.ofBuckets(word).every((value) => value === 0));
  for (let word = FIRST; word < BUCKET_WORDS; word++) {
    if (word % ENTRY_WORDS !== 3) assert.ok(bench.ofBuckets(word).every((value) => value === 0));
  }
}

// As many addresses as fit, twice as many (always full), and few that all meet in a small table.
for (const [max, keys] of [
  [300, 300],
  [100, 200],
  [16, 24],
] as const) {
  test(`a table of ${max} under two learners of ${keys} addresses and main stays whole`, (t) =>
    withSeed(async (random) => {
      const bench = new Bench(max, 8, random);
      const { heap, shared } = bench;
      bench.learner(keys, false);
      bench.learner(keys, false);
      let busy = 0;
      let meddled = 0;
      await bench.during(() => {
        for (const until = performance.now() + BOX_MS / 3; performance.now() < until; meddled++) {
          if (random(50) === 0) shared[Shared.NOW] += random(4);
          try {
            meddle(heap, shared[Shared.NOW], keys, random);
          } catch (error) {
            // Two learners and main on two cores: one may be put aside while it holds a lock.
            if (!(error instanceof BucketBusy)) throw error;
            busy++;
          }
          const k = random(keys);
          const value = lookupOne(heap, TABLE, keyLo(k), keyHi(k), shared[Shared.NOW]);
          if (value !== 0) assert.ok(KNOWN_PORTS(k).includes(value), `address ${k} on ${value}`);
        }
      });
      didOperations(t, meddled + bench.operations());
      assert.ok(busy < 5, `main gave up ${busy} times`);
      for (const told of bench.told) {
        assert.equal(told[Shared.WRONG], 0);
        assert.ok(told[Shared.FOUND] > 0);
      }
      assertWhole(bench, keys);
    }));
}
