/** Where a frame begins and ends, moved (workers/frame.ts): the offloads count from its beginning, and follow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meta, Slot } from '../../../src/shared/layout/packet.js';
import { beginAt, cutTo } from '../../../src/workers/frame.js';
import { inHand } from '../../support/in-hand.js';
import { OfflineRouter } from '../../support/offline-router.js';

test('a link header comes off and goes on; an unset header length stays unset', () => {
  const router = new OfflineRouter();
  const { ctx } = router;
  for (const [vnet, off] of [
    [
      [0x00360101, (34 << 16) | 1448, 16],
      [0x00280101, (20 << 16) | 1448, 16],
    ],
    [
      [0x00000001, 34 << 16, 6],
      [0x00000001, 20 << 16, 6],
    ],
    [
      [0, 0, 0],
      [0, 0, 0],
    ],
  ] as const) {
    const [slot] = inHand(router, 1);
    const m = (slot as number) << Meta.SHIFT;
    const start = (ctx.slotOffset[slot as number] as number) + Slot.HEADROOM;
    ctx.meta[m + Meta.OFFSET] = start;
    ctx.meta.set(vnet, m + Meta.VNET0);
    const seen = (): number[] => [...ctx.meta.slice(m + Meta.VNET0, m + Meta.VNET0 + 3)];
    beginAt(ctx, 0, start + 14);
    assert.deepEqual([ctx.meta[m + Meta.OFFSET], ctx.length[0], ctx.meta[m + Meta.LENGTH]], [start + 14, 46, 46]);
    assert.deepEqual(seen(), off);
    beginAt(ctx, 0, start);
    assert.deepEqual([ctx.meta[m + Meta.OFFSET], ctx.length[0], ctx.meta[m + Meta.LENGTH]], [start, 60, 60]);
    assert.deepEqual(seen(), vnet);
    cutTo(ctx, 0, 42);
    assert.deepEqual([ctx.length[0], ctx.meta[m + Meta.LENGTH]], [42, 42]);
  }
});
