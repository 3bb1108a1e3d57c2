/**
 * A packet is copied into a record byte by byte as it is, whatever its length and wherever it lies (workers/capture/taps.ts).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Direction } from '../../../src/shared/layout/capture.js';
import { If, ifRecord } from '../../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../../src/shared/layout/packet.js';
import { CaptureBench } from '../../support/captures.js';
import { OfflineRouter } from '../../support/offline-router.js';

test('every length and every even place of a frame', async () => {
  const router = new OfflineRouter();
  await router.ifconfig('mem0 create up');
  const bench = new CaptureBench(router);
  const capture = bench.attach('mem0');
  const { ctx, table } = router;
  const { index } = table.get('mem0');
  ctx.taps.seeToFilters();
  const slot = ctx.cache.takeSuperframe();
  ctx.slots[0] = slot;
  const lengths = [...Array.from({ length: 300 }, (_, n) => n + 1), 1500, 1513, 1514, 1515, 9000, 65_549];
  for (const shift of [0, 2, 4, 6]) {
    const at = (ctx.slotOffset[slot] as number) + Slot.HEADROOM + shift;
    for (const length of lengths) {
      for (let n = -8; n < length + 8; n++) ctx.u8[at + n] = (n * 7 + length) & 255;
      ctx.meta[(slot << Meta.SHIFT) + Meta.OFFSET] = at;
      ctx.meta[(slot << Meta.SHIFT) + Meta.LENGTH] = length;
      ctx.taps.frame(ctx.heap[ifRecord(index) + If.CAPTURE] as number, 0, index, Direction.IN);
      ctx.taps.publish();
      const [packet, ...more] = bench.take(capture);
      assert.equal(more.length, 0);
      assert.equal(packet?.bytes, Buffer.from(ctx.u8.slice(at, at + length)).toString('hex'), `${length} at ${shift}`);
    }
  }
});
