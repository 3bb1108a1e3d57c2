/**
 * Poison mode: freed records are overwritten by main, and a reader that meets one says so. In a correct program it never
 * happens; the stress tests run with it on and assert that.
 */
import { Thread } from '../shared/layout/heap.js';
import type { Context } from './context.js';

/** Notes that a record of interface `index` (-1: the worker's own poll list) had been freed under this reader. */
export function reportPoison(ctx: Context, index: number): void {
  ctx.heap[ctx.block + Thread.POISONED] = index;
}
