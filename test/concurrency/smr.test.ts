/**
 * A124, A127, A129: readers in real threads against main, which replaces, retires and poisons records without pause. The same
 * harness with reclaimers that free too early must be caught, or the test could not fail.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slab } from '../../src/main/memory/slab.js';
import { Control, SLAB_BASE, Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { Reclaimer } from '../../src/shared/smr/reclaimer.js';
import { BOX_MS, didOperations, SEED, startThread, waitUntil, withSeed } from '../support/stress.js';
import { RECORD_KIND, type ReaderTask, Rec, recordWord, Told } from './threads/smr-reader.js';

/** Tries of a mutant. */
const MOST_ROUNDS = 40;
const READERS = 2;
const RECORDS = 512;
const BYTES = Rec.WORDS * 4;

/** How the harness gets rid of a record. */
interface Freeing {
  retire(free: () => void): void;
  poll(): void;
}

/** The real one. */
function correct(heap: Int32Array): Freeing & { reclaimer: Reclaimer } {
  const reclaimer = new Reclaimer(heap, READERS, 1 << 30, () => {});
  return { reclaimer, retire: (free) => reclaimer.retire(BYTES, free), poll: () => reclaimer.poll() };
}

/** Frees at once. */
function immediate(heap: Int32Array): Freeing {
  const { retire, poll } = correct(heap);
  return {
    retire: (free) => {
      retire(() => {});
      free();
    },
    poll,
  };
}

/** Waits, but for the epoch before the one that the readers must have announced. */
function oneEpochEarly(heap: Int32Array): Freeing {
  const waiting: { target: number; free: () => void }[] = [];
  const passed = (target: number): boolean => {
    for (let w = 0; w < READERS; w++) {
      const seen = Atomics.load(heap, threadBlock(w) + Thread.EPOCH);
      if (seen !== 0 && ((seen - target) | 0) < 0) return false;
    }
    return true;
  };
  return {
    retire: (free) => {
      const before = heap[Control.EPOCH];
      Atomics.store(heap, Control.EPOCH, (before + 1) | 0 || 1);
      waiting.push({ target: before, free });
    },
    poll: () => {
      while (waiting[0] !== undefined && passed(waiting[0].target)) waiting.shift()?.free();
    },
  };
}

interface Outcome {
  readonly violations: number;
  readonly followed: number;
  readonly replaced: number;
  readonly heap: Int32Array;
}

/** Replaces the record for `ms` while the readers follow the pointer; epochs begin at `epoch`. */
async function churn<F extends Freeing>(
  make: (heap: Int32Array) => F,
  epoch: number,
  ms: number,
): Promise<[Outcome, F]> {
  const heap = new Int32Array(new SharedArrayBuffer((SLAB_BASE + (RECORDS + 1) * Rec.WORDS) * 4));
  heap[Control.EPOCH] = epoch;
  const pointer = new Int32Array(new SharedArrayBuffer(Told.WORDS * 4));
  const slab = new Slab('heap', heap, SLAB_BASE);
  slab.poison = true;
  const freeing = make(heap);
  let serial = 0;
  const publish = (): void => {
    const at = slab.allocate(Rec.WORDS);
    serial++;
    heap[at + Rec.KIND] = RECORD_KIND;
    heap[at + Rec.SERIAL] = serial;
    for (let n = Rec.FIRST; n < Rec.WORDS; n++) heap[at + n] = recordWord(serial, n);
    const old = pointer[Told.POINTER];
    Atomics.store(pointer, Told.POINTER, at);
    if (old !== 0) freeing.retire(() => slab.release(old, Rec.WORDS));
  };
  publish();
  const told = Array.from({ length: READERS }, () => new Int32Array(new SharedArrayBuffer(Told.WORDS * 4)));
  const threads = told.map((words, me) => {
    const task: ReaderTask = { heap, me, told: words, pointer, seed: SEED + me };
    return startThread(new URL('./threads/smr-reader.js', import.meta.url), task);
  });
  await waitUntil(() => told.every((words) => Atomics.load(words, Told.STARTED) === 1), 'readers started');
  for (const until = performance.now() + ms; performance.now() < until; ) {
    if (slab.usedWords < RECORDS * Rec.WORDS) publish();
    freeing.poll();
  }
  Atomics.store(heap, Control.STOP, 1);
  await Promise.all(threads.map((thread) => thread.done));
  const sum = (word: Told): number => told.reduce((all, words) => all + words[word], 0);
  return [{ violations: sum(Told.VIOLATIONS), followed: sum(Told.FOLLOWED), replaced: serial, heap }, freeing];
}

for (const epoch of [1, 0x7fffffff - 200, -200]) {
  test(`A124 A129 no reader meets a freed record, epochs from ${epoch}`, (t) =>
    withSeed(async () => {
      const [outcome, { reclaimer }] = await churn(correct, epoch, BOX_MS / 4);
      assert.equal(outcome.violations, 0);
      assert.ok(outcome.replaced > 300, `only ${outcome.replaced} records replaced, the epochs may not have wrapped`);
      assert.ok(outcome.followed > 1000);
      didOperations(t, outcome.followed + outcome.replaced);
      // All readers are offline now, so everything is free to go (A127).
      reclaimer.poll();
      assert.equal(reclaimer.status().deferredObjects, 0);
      reclaimer.close();
    }));
}

/** Runs a mutant until it is caught, as chance wants some tries. */
async function caught(mutant: typeof immediate): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const [{ violations }] = await churn(mutant, 1, BOX_MS / 8);
    if (violations > 0) return;
  }
  assert.fail(`not caught in ${MOST_ROUNDS} rounds`);
}

test('the harness catches a reclaimer that frees at once', () =>
  withSeed(async () => {
    await caught(immediate);
  }));

test('the harness catches a reclaimer that frees one epoch early', () =>
  withSeed(async () => {
    await caught(oneEpochEarly);
  }));
