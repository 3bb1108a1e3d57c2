/** Sequence numbers of tunnels: gaps, late and double ones, restarts, and what happens when there is no room (shared/table/sequence.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  breakSequenceLocks,
  forgetSequences,
  initSequences,
  makeTrack,
  makeTrackNext,
  readSequences,
  SEQUENCE_TABLE_WORDS,
  type SequenceCounts,
  STREAMS_MOST,
  Stream,
  untracked,
} from '../../../../src/shared/table/sequence.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);
const AT = 16;
const WHERE = 7 | (3 << 16);

class Followed {
  readonly heap = new Int32Array(new SharedArrayBuffer((AT + SEQUENCE_TABLE_WORDS) * 4));
  private readonly track = makeTrack(this.heap);

  constructor() {
    initSequences(this.heap, AT, 0x1234567);
  }

  /** Numbers of one stream. */
  come(numbers: readonly number[], { source = 1, session = 5, seconds = 10, where = WHERE, me = 0 } = {}): void {
    for (const n of numbers) this.track(AT, me, seconds, where, session, source, 0, 0, 0, n | 0);
  }

  all(): SequenceCounts[] {
    return readSequences(this.heap, AT);
  }

  /** received, lost, reordered, duplicate, restarts of the only stream. */
  counts(): number[] {
    const [one, ...more] = this.all();
    assert.equal(more.length, 0);
    return [one.received, one.lost, one.reordered, one.duplicate, one.restarts];
  }
}

/** The counts that numbers give from nothing. */
function countsOf(...numbers: number[]): number[] {
  const followed = new Followed();
  followed.come(numbers);
  return followed.counts();
}

test('A122 numbers in a row; one missing, one late, one twice; across the end of the numbers', () => {
  assert.deepEqual(countsOf(100, 101, 102), [3, 0, 0, 0, 0]);
  assert.deepEqual(countsOf(100, 102), [2, 1, 0, 0, 0]);
  assert.deepEqual(countsOf(100, 102, 101), [3, 0, 1, 0, 0]);
  assert.deepEqual(countsOf(100, 101, 101, 100), [4, 0, 0, 2, 0]);
  assert.deepEqual(countsOf(100, 102, 101, 101), [4, 0, 1, 1, 0]);
  assert.deepEqual(countsOf(0xfffffffe, 0xffffffff, 0, 1), [4, 0, 0, 0, 0]);
  assert.deepEqual(countsOf(0xfffffffe, 2, 0xffffffff), [3, 2, 1, 0, 0]);
  assert.deepEqual(countsOf(0, 40, 39, 39, 8, 8), [6, 37, 2, 2, 0]);
});

test('A122 a sender that begins anew is no loss, a long gap is', () => {
  assert.deepEqual(countsOf(500_000, 500_001, 0, 1), [4, 0, 0, 0, 1]);
  assert.deepEqual(countsOf(1, 1_000_001, 1_000_002), [3, 999_999, 0, 0, 0]);
  assert.deepEqual(countsOf(1, 0x7fffffff), [2, 0, 0, 0, 1]);
});

test('A122 random orders: what comes within the window is counted as a plain reader counts it', () => {
  const swaps = fc.array(fc.tuple(fc.nat(199), fc.nat(30)), { maxLength: 60 });
  const lost = fc.uniqueArray(fc.nat(199), { maxLength: 40 });
  fc.assert(
    fc.property(swaps, lost, fc.integer(), (pairs, missing, start) => {
      const order = Array.from({ length: 200 }, (_, n) => n);
      for (const [a, by] of pairs) {
        const b = Math.min(199, a + by);
        [order[a], order[b]] = [order[b] as number, order[a] as number];
      }
      const come = [0, ...order.filter((n) => n !== 0 && n !== 199 && !missing.includes(n)), 199];
      let most = 0;
      let late = 0;
      for (const n of come) {
        if (n < most) late++;
        if (n < most - 60) return;
        most = Math.max(most, n);
      }
      assert.deepEqual(countsOf(...come.map((n) => n + start)), [come.length, 200 - come.length, late, 0, 0]);
    }),
    { seed, numRuns: 300 },
  );
});

test('A122 numbers that come in runs are counted as one by one', () => {
  const run = fc.tuple(fc.integer({ min: -90, max: 90 }), fc.integer({ min: 1, max: 130 }));
  fc.assert(
    fc.property(fc.array(run, { maxLength: 30 }), fc.integer(), fc.boolean(), (runs, start, alone) => {
      const [inRuns, apart] = [new Followed(), new Followed()];
      inRuns.come([start]);
      apart.come([start]);
      const stream = inRuns.heap.findIndex((word, n) => n >= AT && word === WHERE) - Stream.INTERFACE;
      const trackNext = makeTrackNext(inRuns.heap, alone);
      let next = start + 1;
      for (const [jump, n] of runs) {
        const first = next + (Math.abs(jump) < 45 ? 0 : jump);
        trackNext(AT, 0, 10, stream, first | 0, n);
        apart.come(Array.from({ length: n }, (_, k) => first + k));
        next = first + n;
      }
      assert.deepEqual(inRuns.heap, apart.heap);
    }),
    { seed, numRuns: 300 },
  );
});

test('A122 streams of other sources, sessions and interfaces are apart', () => {
  const followed = new Followed();
  followed.come([1, 2]);
  followed.come([50, 51], { source: 2 });
  followed.come([70], { session: 6 });
  followed.come([90], { where: 8 | (3 << 16) });
  assert.deepEqual(
    followed
      .all()
      .map((s) => [s.interface & 0xffff, s.session, s.source[0], s.received, s.lost])
      .sort(),
    [
      [7, 5, 1, 2, 0],
      [7, 5, 2, 2, 0],
      [7, 6, 1, 1, 0],
      [8, 5, 1, 1, 0],
    ],
  );
});

test('the table is bounded: what finds no place is counted; who is silent for long makes room', () => {
  const followed = new Followed();
  const sources = Array.from({ length: STREAMS_MOST * 2 }, (_, n) => n * 7919);
  for (const source of sources) followed.come([1], { source });
  const tracked = followed.all().length;
  assert.ok(tracked > STREAMS_MOST * 0.8 && tracked <= STREAMS_MOST, `${tracked}`);
  assert.equal(untracked(followed.heap, AT), sources.length - tracked);
  for (const source of sources) followed.come([1], { source: source + 1, seconds: 10 + 301 });
  assert.ok(followed.all().length >= tracked);
  assert.ok(followed.all().filter((s) => (s.source[0] - 1) % 7919 === 0).length > STREAMS_MOST * 0.8);
});

test('a packet that finds the lock taken is received all the same; a dead worker holds no lock', () => {
  const followed = new Followed();
  followed.come([1, 2]);
  const lock = followed.heap.findIndex((word, n) => n >= AT && word === WHERE) - Stream.INTERFACE;
  const bucket = AT + 64 + Math.floor((lock - AT - 64) / (4 * Stream.WORDS)) * 4 * Stream.WORDS;
  followed.heap[bucket] = 2;
  followed.come([3]);
  followed.heap[bucket] = 0;
  followed.come([4]);
  assert.deepEqual(followed.counts(), [4, 0, 0, 0, 0]);
  followed.heap[bucket] = 2;
  breakSequenceLocks(followed.heap, AT, 0);
  assert.equal(followed.heap[bucket], 2);
  breakSequenceLocks(followed.heap, AT, 1);
  assert.equal(followed.heap[bucket], 0);
});

test('an interface that is gone is forgotten', () => {
  const followed = new Followed();
  followed.come([1]);
  followed.come([1], { where: 8 | (3 << 16) });
  forgetSequences(followed.heap, AT, 7);
  assert.deepEqual(
    followed.all().map((s) => s.interface & 0xffff),
    [8],
  );
});

test('counts go beyond 2^32', () => {
  const followed = new Followed();
  for (let n = 0; n < 300; n++) followed.come([n * 0xffffff]);
  assert.equal(followed.counts()[1], 299 * 0xfffffe);
});
