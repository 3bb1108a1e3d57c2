/**
 * The ends of a frame's way. Every frame is sent, consumed, or dropped with a reason; nothing else frees one.
 *
 * These count; the slot itself goes back when the burst ends (`burst.ts`), because a frame may wait in several outputs.
 */
import type { Drop } from '../shared/counter/drop-reason.js';
import { Lane } from '../shared/layout/counters.js';
import { TraceEvent } from '../shared/layout/trace.js';
import { type Context, count, DONE } from './context.js';

/** Ends frame `i` of the burst with `reason`, counted on interface `index`. */
export function drop(ctx: Context, i: number, index: number, reason: Drop): void {
  ctx.destination[i] = DONE;
  ctx.failed = true;
  count(ctx, index, Lane.DROPS + reason, 1);
  if (ctx.tracing) ctx.tracer.event(TraceEvent.DROP, index, reason);
}

/** Ends a copy that was never made, or was refused by an output: counted like a drop, the frame itself goes on. */
export function dropCopy(ctx: Context, index: number, reason: Drop): void {
  count(ctx, index, Lane.DROPS + reason, 1);
  if (ctx.tracing) ctx.tracer.event(TraceEvent.DROP_COPY, index, reason);
}

/** Ends frame `i` at interface `index`: nobody wants more of it. */
export function consume(ctx: Context, i: number, index: number): void {
  ctx.destination[i] = DONE;
  count(ctx, index, Lane.CONSUMED, 1);
  if (ctx.tracing) ctx.tracer.event(TraceEvent.CONSUME, index);
}
