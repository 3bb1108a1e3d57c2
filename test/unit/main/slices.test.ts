import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atOnce, inSlices, type Work } from '../../../src/main/slices.js';

/** Work of `steps` steps of `ms` milliseconds; `closed` hears of its end, however it comes. */
function* work(steps: number, ms: number, closed: () => void): Work<number> {
  try {
    for (let n = 0; n < steps; n++) {
      for (const end = performance.now() + ms; performance.now() < end; );
      yield;
    }
    return steps;
  } finally {
    closed();
  }
}

test('work at once, and in slices, comes to the same; other things have their turns between slices', async () => {
  assert.equal(atOnce(work(3, 0, () => {})), 3);
  let turns = 0;
  let over = false;
  const others = (async (): Promise<void> => {
    while (!over) {
      turns++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  assert.equal(await inSlices(work(10, 4, () => {})), 10);
  over = true;
  await others;
  // Each step is longer than a slice may be.
  assert.ok(turns >= 10, `${turns} turns`);
});

test('work that is not wanted any more ends between two slices, and closes what it has open', async () => {
  let closed = 0;
  let asked = 0;
  const done = await inSlices(
    work(10, 4, () => closed++),
    () => ++asked < 3,
  );
  assert.deepEqual([done, asked, closed], [undefined, 3, 1]);
});

test('what the work throws, the caller gets', async () => {
  const fails = function* (): Work<void> {
    yield;
    throw new Error('no');
  };
  assert.throws(() => atOnce(fails()), /no/);
  await assert.rejects(inSlices(fails()), /no/);
});
