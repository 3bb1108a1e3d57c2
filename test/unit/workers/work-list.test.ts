/** The work list of a worker (workers/work-list.ts): order, trails, bounds, and what main finds of it when the thread dies. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { reclaimSlots, returningSlots } from '../../../src/main/pool/worker-death.js';
import { total } from '../../../src/shared/counter/books.js';
import { Drop } from '../../../src/shared/counter/drop-reason.js';
import { Lane } from '../../../src/shared/layout/counters.js';
import { SlotOwner } from '../../../src/shared/layout/packet.js';
import { HOPS_MOST, Hop } from '../../../src/workers/work-list.js';
import { inHand } from '../../support/in-hand.js';
import { OfflineRouter } from '../../support/offline-router.js';

const [PORT, OTHER] = [5, 6];
let router: OfflineRouter;
beforeEach(() => {
  router = new OfflineRouter();
});

const burst = (n: number): number[] => inHand(router, n);
const dropped = (index: number, reason: Drop): number => total(router.memory.views, index, Lane.DROPS + reason);

test('frames come back in their order, those of one way together', () => {
  const { ctx } = router;
  const [a, b, c, d] = burst(4);
  [PORT, PORT, OTHER, PORT].forEach((index, i) => void ctx.workList.defer(ctx, i, index, Hop.VEB_INPUT));
  assert.equal(ctx.workList.length, 4);
  assert.deepEqual([...ctx.slots.slice(0, 4)], [-1, -1, -1, -1], 'they are no longer in hand');
  const taken: unknown[] = [];
  for (let what = ctx.workList.take(ctx); what !== -1; what = ctx.workList.take(ctx)) {
    taken.push([what & 0xffff, what >> 16, ctx.n, ctx.bytes, [...ctx.slots.slice(0, ctx.n)]]);
    assert.ok(ctx.fromList);
    ctx.slots.fill(-1, 0, ctx.n);
  }
  assert.deepEqual(taken, [
    [PORT, Hop.VEB_INPUT, 2, 121, [a, b]],
    [OTHER, Hop.VEB_INPUT, 1, 62, [c]],
    [PORT, Hop.VEB_INPUT, 1, 63, [d]],
  ]);
});

test('A106 so many hops and no more; out of one rport once', () => {
  const { ctx } = router;
  burst(1);
  for (let hop = 0; hop < HOPS_MOST; hop++) {
    ctx.workList.defer(ctx, 0, PORT, Hop.STACK_INPUT);
    assert.notEqual(ctx.workList.take(ctx), -1);
  }
  ctx.workList.defer(ctx, 0, PORT, Hop.STACK_INPUT);
  assert.equal(dropped(PORT, Drop.LOOP), 1);
  burst(1);
  for (const index of [PORT, OTHER]) {
    ctx.workList.defer(ctx, 0, index, Hop.RPORT);
    ctx.workList.take(ctx);
  }
  ctx.workList.defer(ctx, 0, PORT, Hop.RPORT);
  assert.equal(dropped(PORT, Drop.LOOP), 2);
  burst(1);
  ctx.workList.defer(ctx, 0, PORT, Hop.RPORT);
  assert.equal(ctx.workList.length, 1, 'a trail is of its frame alone');
});

test('slots on the list of a thread that dies come home, those in hand too, and those given away do not', () => {
  const { ctx, memory } = router;
  const before = memory.cache.freeFrames;
  burst(3);
  for (let i = 0; i < 3; i++) ctx.workList.defer(ctx, i, i === 0 ? OTHER : PORT, Hop.RPORT);
  ctx.workList.take(ctx);
  const given = ctx.slots[0] as number;
  ctx.slots[0] = -1;
  assert.equal(reclaimSlots(memory, ctx.me, returningSlots(memory, ctx.me)), 2);
  assert.equal(memory.cache.freeFrames, before - 1, 'but for the one that is in a ring');
  assert.equal(ctx.owner[given], SlotOwner.QUEUED);
});
