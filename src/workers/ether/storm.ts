/**
 * The storm limit of a port: at most so many of its frames a second are flooded, so that a loop of wires costs no more than
 * that. A token bucket of one second's worth for each worker, which has its share of the port's limit. Runs on a worker.
 */
import { If, ifRecord } from '../../shared/layout/heap.js';
import type { Context } from '../context.js';

/** How many frames of port `index` may be flooded at `now` (milliseconds). */
export function refillStorm(ctx: Context, index: number, now: number): number {
  const limit = ctx.heap[ifRecord(index) + If.STORM_LIMIT];
  const earned = ((now - ctx.stormAt[index]) * limit) / 1000;
  ctx.stormAt[index] = now;
  ctx.stormTokens[index] = Math.min(limit, ctx.stormTokens[index] + earned);
  return ctx.stormTokens[index];
}
