/** Frames put into the hands of a worker without a thread, as if a ring had brought them. */
import { Meta, SlotOwner } from '../../src/shared/layout/packet.js';
import type { OfflineRouter } from './offline-router.js';

/** Puts `n` frames of 60 bytes and more, each one byte longer, in hand. Returns their slots. */
export function inHand({ ctx, memory }: OfflineRouter, n: number): number[] {
  const slots = Array.from({ length: n }, () => memory.cache.takeFrame());
  slots.forEach((slot, i) => {
    ctx.owner[slot] = SlotOwner.QUEUED;
    ctx.slots[i] = slot;
    ctx.length[i] = 60 + i;
    ctx.meta.fill(0, (slot << Meta.SHIFT) + Meta.LENGTH, (slot + 1) << Meta.SHIFT);
    ctx.meta[(slot << Meta.SHIFT) + Meta.LENGTH] = 60 + i;
  });
  ctx.n = n;
  ctx.borrowed = false;
  ctx.fromList = false;
  return slots;
}
