/** What a dead worker leaves (main/pool/worker-death.ts): what comes home, and what stays where the next one finds it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryHost } from '../../../../src/main/memory/memory-host.js';
import { reclaimSlots } from '../../../../src/main/pool/worker-death.js';
import { If, ifRecord } from '../../../../src/shared/layout/heap.js';
import { Ring } from '../../../../src/shared/layout/rings.js';
import { RingConsumer } from '../../../../src/shared/ring/ring.js';
import { OfflineRouter } from '../../../support/offline-router.js';
import { A, B, frame } from '../../../support/rig.js';

test('a worker that dies while it takes frames from a ring: the ring still has them, and no slot is two frames', async () => {
  const router = new OfflineRouter();
  await router.ifconfig('mem0 create up');
  const { ctx, memory } = router;
  const { index } = router.table.get('mem0');
  const host = new MemoryHost(memory, router.table.get('mem0'));
  const base = memory.views.heap[ifRecord(index) + If.RX_RING];
  for (let mark = 0; mark < 3; mark++) assert.ok(host.send(frame(A, B, { mark })));
  const before = memory.cache.freeFrames;
  // Ended between its first entry and the store that gives the ring its room back.
  ctx.slots[0] = memory.views.rings[base + Ring.ENTRIES] as number;
  assert.equal(reclaimSlots(memory, ctx.me, new Set()), 0);
  assert.equal(memory.cache.freeFrames, before);
  // Ended behind that store: they are in its hands.
  assert.equal(new RingConsumer(memory.views.rings, base).popList(ctx.slots, 2), 2);
  assert.equal(reclaimSlots(memory, ctx.me, new Set()), 2);
  assert.equal(memory.cache.freeFrames, before + 2);
});
