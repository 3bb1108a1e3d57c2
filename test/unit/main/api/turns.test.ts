/** Turns of the event loop: so many go on in each, in order, and others are heard in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Turns } from '../../../../src/main/api/turns.js';

test('so many at once, the others turn by turn, in the order they came', async () => {
  const turns = new Turns(3);
  const went: number[] = [];
  const all = Array.from({ length: 8 }, (_, n) => turns.next().then(() => went.push(n)));
  const seen: number[] = [];
  for (let n = 0; n < 3; n++) {
    // What was to go on without waiting has done so before the next turn.
    await Promise.resolve().then(() => {});
    seen.push(went.length);
    await turn();
  }
  await Promise.all(all);
  assert.deepEqual(went, [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(seen, [3, 6, 8]);
});

test('who comes alone waits for nobody', async () => {
  const turns = new Turns(1);
  let immediates = 0;
  for (let n = 0; n < 3; n++) {
    const counting = turn().then(() => immediates++);
    await turns.next();
    assert.equal(immediates, n, 'it went on in its own turn');
    await counting;
  }
});
