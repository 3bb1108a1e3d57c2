/**
 * Where a frame of the burst begins, moved: link headers come off and go on without a copy. Runs on a worker.
 */
import { Meta } from '../shared/layout/packet.js';
import type { Context } from './context.js';

/** Lets frame `i` begin at byte `at`; its offloads, which count from the frame's beginning, follow. */
export function beginAt(ctx: Context, i: number, at: number): void {
  const { meta } = ctx;
  const m = (ctx.slots[i] << Meta.SHIFT) | 0;
  const moved = at - meta[m + Meta.OFFSET];
  if (moved === 0) return;
  meta[m + Meta.OFFSET] = at;
  ctx.length[i] -= moved;
  meta[m + Meta.LENGTH] = ctx.length[i];
  const word0 = meta[m + Meta.VNET0];
  if (word0 === 0) return;
  // hdr_len and csum_start are the high halves of their words; an unset hdr_len stays so.
  if (word0 >>> 16 !== 0) meta[m + Meta.VNET0] -= moved << 16;
  meta[m + Meta.VNET1] -= moved << 16;
}

/** Lets frame `i` be `bytes` bytes long: padding behind the packet goes. */
export function cutTo(ctx: Context, i: number, bytes: number): void {
  ctx.length[i] = bytes;
  ctx.meta[(ctx.slots[i] << Meta.SHIFT) + Meta.LENGTH] = bytes;
}

/** So many bytes less stand in front of the packet that the offloads of frame `i` are of. */
export function lessInFront(ctx: Context, i: number, bytes: number): void {
  const word = (ctx.slots[i] << Meta.SHIFT) + Meta.VNET2;
  if (ctx.meta[word] >>> 16 !== 0) ctx.meta[word] -= bytes << 16;
}
