/**
 * Frames for a queue that another worker owns (memory ports; later XDP): over a ring to that worker, which sends them.
 *
 * The sender puts the egress into the frame's meta and gives the slot away; from then on the frame is the other's, its
 * counters included. What the ring refuses is `drop(ring-full)`.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, Work, workLane } from '../../shared/layout/counters.js';
import { If, ifRecord } from '../../shared/layout/heap.js';
import { Meta, SlotOwner } from '../../shared/layout/packet.js';
import { TraceEvent } from '../../shared/layout/trace.js';
import { ringDoorbell } from '../../shared/ring/doorbell.js';
import { BURST, type Context, count } from '../context.js';
import { dropCopy } from '../drop.js';
import { keepFrame, setTag } from '../slots.js';

/** Hands the list of interface `index`, `n` frames, to worker `owner`. */
export function handOver(ctx: Context, index: number, owner: number, n: number): void {
  const ring = ctx.toWorker[owner];
  const generation = ctx.heap[ifRecord(index) + If.GENERATION];
  const list = index * BURST;
  if (ctx.tracing) ctx.tracer.event(TraceEvent.HANDED, index, owner);
  for (let k = 0; k < n; k++) {
    if (ring === undefined || ring.room(1) < 1) {
      ring?.refuse(1);
      dropCopy(ctx, index, Drop.RING_FULL);
      continue;
    }
    const slot = keepFrame(ctx, ctx.egressList[list + k]);
    if (slot === -1) {
      count(ctx, index, Lane.QUEUED, 1);
      dropCopy(ctx, index, Drop.NOBUF);
      continue;
    }
    if (ctx.tagged) setTag(ctx, slot, list + k);
    if (ctx.ingress !== 0) ctx.meta[(slot << Meta.SHIFT) + Meta.INGRESS] = ctx.ingress;
    ctx.meta[(slot << Meta.SHIFT) + Meta.EGRESS] = index | (generation << 16);
    ring.push(slot);
    ctx.owner[slot] = SlotOwner.QUEUED;
    ctx.handed[owner]++;
  }
}

/** Publishes what this burst handed over and wakes who sleeps. */
export function flushHandOver(ctx: Context): void {
  for (let w = 0; w < ctx.workers; w++) {
    if (ctx.handed[w] === 0) continue;
    ctx.counters[workLane(ctx.views.sizes.threads, ctx.me) + Work.HANDED_OUT] += ctx.handed[w];
    ctx.handed[w] = 0;
    if (ctx.toWorker[w]?.publish()) ringDoorbell(ctx.heap, w);
  }
}
