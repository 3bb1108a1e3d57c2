/**
 * Captures at every place there is (spec A §8), over memory ports, in this thread: exact bytes, exact counters, balanced books.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { total } from '../../src/shared/counter/books.js';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Direction, FilterDrop } from '../../src/shared/layout/capture.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { attach, captureCounts, captured } from '../support/captures.js';
import { A, B, frame, Rig } from '../support/rig.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('A11 a capture on the bridge that excludes IN and OUT still sees what enters it', async () => {
  const rig = await Rig.bridge(2);
  attach(rig.router, 'veb0', { number: 3, exclude: Direction.IN | Direction.OUT });
  const sent = frame(B, A, { mark: 7 });
  rig.send('mem0', sent);
  const [one, ...more] = captured(rig.router);
  assert.deepEqual(more, []);
  assert.equal(one?.bytes, hex(sent));
  assert.equal(one?.direction, Direction.NONE);
  assert.equal(one?.interface, 'veb0');
  assert.equal(rig.host('mem1').receive().length, 1);
});

for (const [row, mode, records] of [
  ['A12 mode capture: captured', FilterDrop.CAPTURE, 1],
  ['A13 mode drop: not captured', FilterDrop.DROP, 0],
] as const) {
  test(`${row}, counted, not spanned, not learned, not forwarded`, async () => {
    const rig = await Rig.bridge(2, 'mem2 create up', 'veb0 addspan mem2');
    attach(rig.router, 'veb0', { number: 0, mode });
    rig.send('mem0', frame(B, A));
    assert.equal(captured(rig.router).length, records);
    assert.deepEqual(captureCounts(rig.router, 0), [1, records, 0]);
    const { views } = rig.router.memory;
    const veb = rig.router.table.get('veb0');
    assert.equal(total(views, veb.index, Lane.IPACKETS), 1);
    assert.deepEqual(rig.router.vebs.list(veb), []);
    assert.equal(rig.host('mem1').receive().length, 0);
    assert.equal(rig.host('mem2').receive().length, 0);
    assert.equal(total(views, rig.router.table.get('mem0').index, Lane.DROPS + Drop.FILDROP), 1);
    assert.deepEqual(rig.router.books().errors, []);
  });
}
