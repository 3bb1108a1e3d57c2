/**
 * A worker that leaks memory, in place of src/workers/entry.ts: by and by, or, with SMROUTER_LEAK=fast, as much as it can get at once. The
 * first thread of each worker does so once the clock has been moved ahead (`Router.advanceClock`), those that come after it are sound.
 */
import { Control, Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { addressOf } from '../../src/shared/sys/libc.js';
import { Context, type WorkerTask } from '../../src/workers/context.js';
import { makeLoop } from '../../src/workers/loop.js';

/** What it adds at a time, in words, and how much it keeps by and by. */
const STEP = 1 << 19;
const STEPS = 10;

export function run(task: WorkerTask): void {
  const ctx = new Context(task, addressOf);
  const loop = makeLoop(ctx);
  if (ctx.heap[threadBlock(task.me) + Thread.THREAD_ID] === 0) leakEachTurn(ctx, process.env.SMROUTER_LEAK === 'fast');
  loop.forward();
}

/** Makes `ctx` grow by a step whenever the loop counts a turn. */
function leakEachTurn(ctx: Context, fast: boolean): void {
  const kept: number[][] = [];
  let turn = ctx.turn;
  Object.defineProperty(ctx, 'turn', {
    get: () => turn,
    set: (value: number) => {
      turn = value;
      if (ctx.heap[Control.CLOCK_SHIFT] === 0) return;
      do {
        if (fast || kept.length < STEPS) kept.push(Array.from({ length: STEP }, (_, n) => n + turn));
      } while (fast);
    },
  });
}
