/**
 * The end of a burst: frames have waited for their outputs in lists, one for each egress interface; each list now goes to
 * its device in one call, and then every slot that nobody kept goes home.
 *
 * Frames keep their order on each egress, so no flow is reordered.
 */
import { Lane } from '../shared/layout/counters.js';
import { If, IfType, ifRecord } from '../shared/layout/heap.js';
import { BURST, type Context, count } from './context.js';
import { flushHandOver, handOver } from './device/hand-over.js';
import { memorySend } from './device/memory.js';
import { tapSend } from './device/tap.js';

/** Adds frame `i` to those that leave by interface `index`. */
export function queueFrame(ctx: Context, i: number, index: number): void {
  const waiting = ctx.egressCount[index];
  if (waiting === 0) ctx.egress[ctx.egresses++] = index;
  ctx.egressList[index * BURST + waiting] = i;
  ctx.egressCount[index] = waiting + 1;
}

/** Sends everything that waits, then releases the burst. */
export function finishBurst(ctx: Context): void {
  for (let e = 0; e < ctx.egresses; e++) {
    const index = ctx.egress[e];
    send(ctx, index, ctx.egressCount[index]);
    ctx.egressCount[index] = 0;
  }
  ctx.egresses = 0;
  flushHandOver(ctx);
  releaseBurst(ctx);
}

/** Gives the list of interface `index` to its device, or to the worker that owns the device's queue. */
function send(ctx: Context, index: number, n: number): void {
  const record = ifRecord(index);
  if (ctx.heap[record + If.TYPE] === IfType.MEMORY) {
    const owner = ctx.heap[record + If.OWNER];
    if (owner !== ctx.me) {
      handOver(ctx, index, owner, n);
      return;
    }
    count(ctx, index, Lane.QUEUED, n);
    memorySend(ctx, index, n);
  } else {
    count(ctx, index, Lane.QUEUED, n);
    tapSend(ctx, index, n);
  }
}

/** Slots that outputs did not keep: a TAP reads into them again, others go home. */
function releaseBurst(ctx: Context): void {
  if (!ctx.borrowed) {
    for (let i = 0; i < ctx.n; i++) {
      const slot = ctx.slots[i];
      if (slot !== -1) ctx.cache.give(slot);
    }
  }
  ctx.n = 0;
  ctx.cache.flush();
}
