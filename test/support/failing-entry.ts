/**
 * A worker that fails when it is told to, in place of src/workers/entry.ts. A test tells it by the clock (`Router.advanceClock`): once it has
 * been moved ahead by HANG worker 0 hangs, and says so by a heap of HUNG KiB; by THROW worker 1 throws. Only the first thread of each does so.
 */
import { Control, Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { addressOf } from '../../src/shared/sys/libc.js';
import { Context, type WorkerTask } from '../../src/workers/context.js';
import { makeLoop } from '../../src/workers/loop.js';

/** Milliseconds that the clock is ahead. */
export const HANG = 1;
export const THROW = 2;
export const HUNG = -1;

export function run(task: WorkerTask): void {
  const ctx = new Context(task, addressOf);
  const loop = makeLoop(ctx);
  if (ctx.heap[threadBlock(task.me) + Thread.THREAD_ID] === 0) failWhenTold(ctx);
  loop.forward();
}

/** Has `ctx` fail in the middle of a turn. */
function failWhenTold(ctx: Context): void {
  let turn = ctx.turn;
  Object.defineProperty(ctx, 'turn', {
    get: () => turn,
    set: (value: number) => {
      turn = value;
      const ahead = ctx.heap[Control.CLOCK_SHIFT];
      if (ahead === THROW && ctx.me === 1) throw new Error('told to');
      if (ahead < HANG || ctx.me !== 0) return;
      ctx.heap[ctx.block + Thread.HEAP_KIB] = HUNG;
      while (ctx.heap[ctx.block + Thread.HEAP_KIB] === HUNG) Atomics.load(ctx.heap, Control.STOP);
    },
  });
}
