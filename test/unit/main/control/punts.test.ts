/** What a worker leaves to main, from its end of the ring to main's (workers/punt.ts, main/control/punts.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Punt, Punts } from '../../../../src/main/control/punts.js';
import { total } from '../../../../src/shared/counter/books.js';
import { Drop } from '../../../../src/shared/counter/drop-reason.js';
import { Lane } from '../../../../src/shared/layout/counters.js';
import { Meta, Slot } from '../../../../src/shared/layout/packet.js';
import { Cast, PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { flushPunts, punt } from '../../../../src/workers/punt.js';
import { inHand } from '../../../support/in-hand.js';
import { naiveChecksum } from '../../../support/naive-ip.js';
import { OfflineRouter } from '../../../support/offline-router.js';

const PORT = 5;
const ETHER = 14;

/** Puts frames in hand that begin at the headroom and are full of `fill`. */
function frames(router: OfflineRouter, n: number, fill: number): void {
  const { ctx } = router;
  for (const slot of inHand(router, n)) {
    const at = (ctx.slotOffset[slot] as number) + Slot.HEADROOM;
    ctx.meta[(slot << Meta.SHIFT) + Meta.OFFSET] = at;
    ctx.u8.fill(fill, at, at + 200);
  }
}

function offer(router: OfflineRouter, i: number, reason: PuntReason, cast: Cast = Cast.UNICAST): void {
  const { ctx } = router;
  const at = ctx.meta[((ctx.slots[i] as number) << Meta.SHIFT) + Meta.OFFSET] as number;
  punt(ctx, i, PORT, reason, at + ETHER, cast);
}

test('main has a copy of the frame, where its packet begins, why and how it came; the slot is home again', () => {
  const router = new OfflineRouter();
  const before = router.memory.cache.freeFrames;
  frames(router, 1, 7);
  offer(router, 0, PuntReason.TTL, Cast.BROADCAST);
  assert.equal(router.ctx.slots[0], -1, 'it is no longer in hand');
  flushPunts(router.ctx);
  const got: Punt[] = [];
  assert.equal(
    new Punts(router.memory).turn((one) => void got.push(one)),
    false,
  );
  const [{ reason, index, network, cast, bytes }] = got as [Punt];
  assert.deepEqual([got.length, reason, index, network, cast], [1, PuntReason.TTL, PORT, ETHER, Cast.BROADCAST]);
  assert.deepEqual([bytes.length, new Set(bytes)], [60, new Set([7])]);
  assert.equal(router.memory.cache.freeFrames, before);
});

test('a partial checksum is whole when main has the packet', () => {
  const router = new OfflineRouter();
  frames(router, 1, 3);
  const { ctx } = router;
  const m = (ctx.slots[0] as number) << Meta.SHIFT;
  ctx.meta.set([1, 34 << 16, 6], m + Meta.VNET0);
  offer(router, 0, PuntReason.LOCAL);
  flushPunts(ctx);
  new Punts(router.memory).turn(({ bytes }) => {
    // What stood in the field was the sum of a pseudo-header: with it, all that follows sums up to nothing.
    const plain = Uint8Array.from(bytes.slice(34));
    const field = plain.slice(6, 8);
    plain.set([3, 3], 6);
    assert.deepEqual([...field], [naiveChecksum(plain) >> 8, naiveChecksum(plain) & 255]);
  });
});

test('neighbours come first, each ring has its budget a turn, and a full one refuses without touching the other', () => {
  const router = new OfflineRouter();
  const { ctx } = router;
  const refused = (): number => total(router.memory.views, PORT, Lane.DROPS + Drop.PUNT_FULL);
  let put = 0;
  while (refused() === 0) {
    frames(router, 1, 1);
    offer(router, 0, PuntReason.LOCAL);
    put++;
  }
  frames(router, 2, 2);
  offer(router, 0, PuntReason.ARP);
  offer(router, 1, PuntReason.ND);
  assert.equal(refused(), 1, 'ARP and ND have a ring of their own');
  flushPunts(ctx);
  const punts = new Punts(router.memory);
  const order: PuntReason[] = [];
  assert.equal(
    punts.turn(({ reason }) => void order.push(reason)),
    true,
    'there is more',
  );
  assert.deepEqual(order.slice(0, 3), [PuntReason.ARP, PuntReason.ND, PuntReason.LOCAL]);
  assert.equal(order.length, 66, 'two of the one, 64 of the other');
  while (punts.turn(({ reason }) => void order.push(reason)));
  assert.equal(order.length, 2 + put - 1);
});
