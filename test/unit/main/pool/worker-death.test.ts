/** What a dead worker leaves (main/pool/worker-death.ts): what comes home, and what stays where the next one finds it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryHost } from '../../../../src/main/memory/memory-host.js';
import { reclaimSlots, returningSlots } from '../../../../src/main/pool/worker-death.js';
import { If, ifRecord } from '../../../../src/shared/layout/heap.js';
import { Ring } from '../../../../src/shared/layout/rings.js';
import { RingConsumer } from '../../../../src/shared/ring/ring.js';
import { returnRing } from '../../../../src/shared/ring/slot-cache.js';
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
  assert.equal(reclaimSlots(memory, ctx.me, returningSlots(memory, ctx.me)), 0);
  assert.equal(memory.cache.freeFrames, before);
  // Ended behind that store: they are in its hands.
  assert.equal(new RingConsumer(memory.views.rings, base).popList(ctx.slots, 2), 2);
  assert.equal(reclaimSlots(memory, ctx.me, returningSlots(memory, ctx.me)), 2);
  assert.equal(memory.cache.freeFrames, before + 2);
});

test('a worker that dies while it takes its slots home: those it had not kept come home, those on their way do too', () => {
  const { ctx, memory } = new OfflineRouter();
  const { views, returnRings, me } = memory;
  const slots = Array.from({ length: 3 }, () => ctx.cache.takeFrame());
  // Main gives two of them back, and a third that it has not published.
  for (const slot of slots.slice(0, 2)) memory.cache.give(slot);
  memory.cache.flush();
  memory.cache.give(slots[2] as number);
  // The worker has taken the first off the ring.
  const ring = new RingConsumer(views.rings, returnRings[returnRing(views.sizes.threads, me, ctx.me)] as number);
  assert.equal(ring.popList(new Int32Array(1), 1), 1);
  const before = returningSlots(memory, ctx.me);
  memory.cache.flush();
  assert.equal(reclaimSlots(memory, ctx.me, before), 1);
  const onRing = new Int32Array(4);
  assert.equal(ring.popList(onRing, 4), 3);
  assert.deepEqual([...onRing.subarray(0, 3)].sort(), [...slots].sort());
});
