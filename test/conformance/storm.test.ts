/** The storm limit of a port: floods above it are dropped, known unicast is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { A, B, BROADCAST, frame, Rig } from '../support/rig.js';

test('a port floods up to its limit in one second, and what is known goes on', async () => {
  const rig = await Rig.bridge(3, 'veb0 stormlimit mem0 20');
  rig.send('mem1', frame(BROADCAST, B));
  rig.counts('mem0', 'mem2');
  for (let n = 0; n < 50; n++) rig.send('mem0', frame(BROADCAST, A));
  const [flooded = 0] = rig.counts('mem2');
  assert.ok(flooded >= 20 && flooded < 50, `${flooded} floods`);
  assert.equal(rig.drops('mem0', Drop.STORM), 50 - flooded);
  rig.counts('mem1');
  rig.send('mem0', frame(B, A));
  assert.deepEqual(rig.counts('mem1', 'mem2'), [1, 0]);
  rig.send('mem1', frame(BROADCAST, B));
  assert.deepEqual(rig.counts('mem0', 'mem2'), [1, 1]);
  assert.deepEqual(rig.bookErrors(), []);
});

test('-stormlimit takes the limit away', async () => {
  const rig = await Rig.bridge(2, 'veb0 stormlimit mem0 1', 'veb0 -stormlimit mem0');
  for (let n = 0; n < 50; n++) rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem1'), [50]);
  assert.equal(rig.drops('mem0', Drop.STORM), 0);
});
