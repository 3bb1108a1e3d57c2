/**
 * The way to main: packets that need more than a worker does (house.md, "Threads"). Two bounded rings, so that a flood of one kind
 * leaves the other its room; what they refuse is drop(punt-full). Runs on a worker.
 */
import { Drop } from '../shared/counter/drop-reason.js';
import { Work, workLane } from '../shared/layout/counters.js';
import { Control } from '../shared/layout/heap.js';
import { Meta, SlotOwner } from '../shared/layout/packet.js';
import { TraceEvent } from '../shared/layout/trace.js';
import { Cast, PuntError, PuntReason, PuntVia, PuntWord } from '../shared/ring/punt-reason.js';
import type { RingProducer } from '../shared/ring/ring.js';
import { write16, write32 } from '../shared/wire/network-order.js';
import { type Context, DONE } from './context.js';
import { drop, dropCopy } from './drop.js';
import { beginAt } from './frame.js';
import { keepFrame } from './slots.js';

/** Hands frame `i`, received on interface `index`, whose network header is at byte `network`, to main. */
export function punt(ctx: Context, i: number, index: number, reason: PuntReason, network: number, cast: Cast): void {
  const offset = network - ctx.meta[(ctx.slots[i] << Meta.SHIFT) + Meta.OFFSET];
  if ((reason >= PuntReason.TTL && reason <= PuntReason.OPTION) || reason === PuntReason.ERROR) ctx.failed = true;
  const ring = ctx.punts[reason === PuntReason.ARP || reason === PuntReason.ND ? 0 : 1];
  put(ctx, i, index, ring, reason | (cast << PuntWord.CAST_SHIFT) | (offset << PuntWord.OFFSET_SHIFT));
}

/** Hands frame `i`, a packet that interface `index` made for a routing domain, to main, which knows no neighbour for it yet. */
export function puntOutput(ctx: Context, i: number, index: number, rdomain: number): void {
  const word = PuntReason.OUTPUT | (Cast.OWN << PuntWord.CAST_SHIFT) | (rdomain << PuntWord.OFFSET_SHIFT);
  put(ctx, i, index, ctx.punts[1], word);
}

/**
 * Has main answer frame `i`, a packet at byte `ip` that came in on interface `index`, with an ICMP error of its family; it is booked as
 * `reason`.
 */
export function puntError(
  ctx: Context,
  i: number,
  index: number,
  ip: number,
  type: number,
  code: number,
  rest: number,
  reason: Drop,
): void {
  const at = ip - PuntError.BYTES;
  beginAt(ctx, i, at);
  ctx.u8[at + PuntError.TYPE] = type;
  ctx.u8[at + PuntError.CODE] = code;
  write16(ctx.u8, at + PuntError.DROP, reason);
  write32(ctx.u8, at + PuntError.REST, rest);
  punt(ctx, i, index, PuntReason.ERROR, ip, Cast.UNICAST);
}

/** Has main send frame `i`, a packet at byte `ip` whose TTL is one less by now, to the neighbour that stands in front of it. */
export function puntVia(ctx: Context, i: number, index: number, ip: number, out: number): void {
  const at = ip - PuntVia.BYTES;
  beginAt(ctx, i, at);
  write32(ctx.u8, at + PuntVia.OUT, out);
  punt(ctx, i, index, PuntReason.VIA, ip, Cast.UNICAST);
}

function put(ctx: Context, i: number, index: number, ring: RingProducer, word: number): void {
  if (ring.room(1) < 1) {
    ring.refuse(1);
    refuse(ctx, i, index, Drop.PUNT_FULL);
    return;
  }
  const from = ctx.slots[i];
  const slot = keepFrame(ctx, i);
  if (slot === -1) {
    refuse(ctx, i, index, Drop.NO_SLOT);
    return;
  }
  const m = slot << Meta.SHIFT;
  ctx.destination[i] = DONE;
  ctx.meta[m + Meta.INGRESS] = index;
  ctx.meta[m + Meta.EGRESS] = ctx.workList.writeTrail(ctx, i, from, slot) ? word | PuntWord.TRAIL : word;
  ring.push(slot);
  ctx.owner[slot] = SlotOwner.QUEUED;
  ctx.punted++;
  if (ctx.tracing) ctx.tracer.event(TraceEvent.PUNT, index, word & PuntWord.REASON_MASK);
}

/** Ends frame `i`; where main is to have a copy, that alone. */
function refuse(ctx: Context, i: number, index: number, reason: Drop): void {
  if (ctx.shared[i] === 0) drop(ctx, i, index, reason);
  else dropCopy(ctx, index, reason);
}

/** Publishes what this burst punted and rings main. */
export function flushPunts(ctx: Context): void {
  if (ctx.punted === 0) return;
  ctx.counters[workLane(ctx.views.sizes.threads, ctx.me) + Work.HANDED_OUT] += ctx.punted;
  ctx.punted = 0;
  ctx.punts[0].publish();
  ctx.punts[1].publish();
  Atomics.add(ctx.heap, Control.MAIN_BELL, 1);
  Atomics.notify(ctx.heap, Control.MAIN_BELL);
}
