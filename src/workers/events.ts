/**
 * What a worker tells main: two words on its event ring, and a tap on main's bell. Never a frame.
 */
import { Control } from '../shared/layout/heap.js';
import { WorkerEvent } from '../shared/ring/worker-event.js';
import type { Context } from './context.js';

/** Tells main that the device of interface `index` of that generation went away. False: no room now, say it again. */
export function reportGone(ctx: Context, index: number, generation: number): boolean {
  if (ctx.events.room(2) < 2) return false;
  ctx.events.push(WorkerEvent.GONE);
  ctx.events.push(index | (generation << 16));
  ctx.events.publish();
  Atomics.add(ctx.heap, Control.MAIN_BELL, 1);
  Atomics.notify(ctx.heap, Control.MAIN_BELL);
  return true;
}
