/**
 * Numbers of flows as they arrive: loss, duplication and reordering are counted exactly, as a model that forgets nothing does.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { SequenceTracker, windowFor } from '../../load/sequence-tracker.js';

type Counts = { first: number; reordered: number; duplicated: number; stale: number };

function counts({ first, reordered, duplicated, stale }: Counts): Counts {
  return { first, reordered, duplicated, stale };
}

/** Remembers every number of every flow. */
function model(arrivals: readonly (readonly [number, number])[], window: number): Counts {
  const seen = new Map<number, Set<number>>();
  const count = { first: 0, reordered: 0, duplicated: 0, stale: 0 };
  for (const [flow, sequence] of arrivals) {
    const numbers = seen.get(flow) ?? new Set();
    seen.set(flow, numbers);
    const newest = Math.max(-1, ...numbers);
    if (newest - sequence >= window) count.stale++;
    else if (numbers.has(sequence)) count.duplicated++;
    else {
      count.first++;
      if (sequence < newest) count.reordered++;
    }
    // A stale number changes nothing: it is never asked for again.
    numbers.add(sequence);
  }
  return count;
}

function track(arrivals: readonly (readonly [number, number])[], window: number): Counts {
  const tracker = new SequenceTracker(3, window);
  for (const [flow, sequence] of arrivals) tracker.arrived(flow, sequence);
  return counts(tracker);
}

test('in order: first arrivals and nothing else, far beyond the window and beyond 32 bits', () => {
  const tracker = new SequenceTracker(1, 32);
  for (let n = 2 ** 32 - 500; n < 2 ** 32 + 500; n++) tracker.arrived(0, n);
  assert.deepEqual(counts(tracker), { first: 1000, reordered: 0, duplicated: 0, stale: 0 });
});

test('one lost, one twice, two exchanged, one too old to tell', () => {
  const sequence = [0, 1, 3, 4, 4, 6, 5, 100, 6].map((n) => [1, n] as const);
  assert.deepEqual(track(sequence, 64), { first: 7, reordered: 1, duplicated: 1, stale: 1 });
});

test('after a jump nothing of the window before is taken for a number in it', () => {
  for (const jump of [1, 31, 32, 33, 63, 64, 65, 1000]) {
    const inOrder = Array.from({ length: 200 }, (_, n) => n);
    const skipped = Array.from({ length: Math.min(jump, 32) - 1 }, (_, n) => 199 + jump - 1 - n);
    const arrivals = [...inOrder, 199 + jump, ...skipped].map((n) => [0, n] as const);
    const expected = { first: 201 + skipped.length, reordered: skipped.length, duplicated: 0, stale: 0 };
    assert.deepEqual(track(arrivals, 32), expected, `a jump of ${jump}`);
  }
});

test('a number of one flow is none of another', () => {
  const arrivals = [0, 1, 2].flatMap((flow) => [0, 1, 40, 2].map((n) => [flow, n] as const));
  assert.deepEqual(track(arrivals, 64), { first: 12, reordered: 3, duplicated: 0, stale: 0 });
});

test('any arrivals are counted as by the model', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant(1) },
    { weight: 3, arbitrary: fc.integer({ min: -40, max: 40 }) },
    { weight: 1, arbitrary: fc.integer({ min: -200, max: 200 }) },
    // The edges of the window.
    { weight: 3, arbitrary: fc.constantFrom(-33, -32, -31, -30, 31, 32, 33, 64) },
  );
  const arrivals = fc.array(fc.tuple(fc.nat(2), step), { maxLength: 300 }).map((steps) => {
    const at = [0, 0, 0];
    return steps.map(([flow, by]) => {
      at[flow] = Math.max(0, (at[flow] as number) + by);
      return [flow, at[flow] as number] as const;
    });
  });
  fc.assert(
    fc.property(arrivals, (list) => {
      assert.deepEqual(track(list, 32), model(list, 32));
    }),
    { numRuns: 500 },
  );
});

test('the window is a power of two that bounds the memory', () => {
  for (const flows of [1, 2, 3, 100, 2048, 2049, 65_536]) {
    const window = windowFor(flows);
    assert.equal(Math.log2(window) % 1, 0);
    assert.ok(window >= 2048 && window <= 65_536 && window * flows <= 2 ** 27, `${flows} flows: ${window}`);
  }
});
