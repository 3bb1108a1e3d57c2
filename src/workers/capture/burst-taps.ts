/**
 * Taps on whole bursts: what a device received, and what it is about to send (spec A §8.2). Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Direction } from '../../shared/layout/capture.js';
import { BURST, type Context } from '../context.js';
import { dropCopy } from '../drop.js';

/**
 * Shows the burst, received by device `index`, to `list`, that device's captures as they were loaded once (not 0). Frames that one of them
 * drops leave the burst; the others move up.
 */
export function tapReceived(ctx: Context, index: number, list: number): void {
  const { slots, length, tapPlace, taps } = ctx;
  let kept = 0;
  for (let i = 0; i < ctx.n; i++) {
    const slot = slots[i];
    if (taps.frame(list, i, index, Direction.IN)) {
      dropCopy(ctx, index, Drop.FILDROP);
      ctx.bytes -= length[i];
      // A TAP reads into its slot again.
      if (!ctx.borrowed) ctx.cache.give(slot);
      continue;
    }
    slots[kept] = slot;
    length[kept] = length[i];
    tapPlace[kept] = tapPlace[i];
    kept++;
  }
  slots.fill(-1, kept, ctx.n);
  ctx.n = kept;
}

/** Shows the `n` frames that wait for device `index` to `list`, that device's captures, likewise; that they are sent is settled. */
export function tapSent(ctx: Context, index: number, n: number, list: number): void {
  for (let k = 0; k < n; k++) ctx.taps.frame(list, ctx.egressList[index * BURST + k], index, Direction.OUT);
}
