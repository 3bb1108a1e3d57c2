/**
 * Memory ports: two rings of slots to a host in this process (tests, benches, the lab without root).
 *
 * The host fills a slot and its meta, puts the slot on RX_RING and rings the doorbell; it takes slots from TX_RING and
 * gives them back to their homes. One worker owns both rings' inner ends.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord } from '../../shared/layout/heap.js';
import { Meta, Slot } from '../../shared/layout/packet.js';
import { RingConsumer, RingProducer } from '../../shared/ring/ring.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { vnetCheck, wirePackets } from '../../shared/wire/vnet.js';
import { BURST, type Context } from '../context.js';
import { dropCopy } from '../drop.js';
import { keepFrame } from '../slots.js';

/** Takes one burst from port `index` into `ctx.slots`. Returns the frames taken from the ring, good or bad. */
export function memoryReceive(ctx: Context, index: number): number {
  const { heap, meta, slots } = ctx;
  const record = ifRecord(index);
  openRings(ctx, index, record);
  ctx.borrowed = false;
  ctx.n = 0;
  const read = (ctx.memoryRx[index] as RingConsumer).popList(slots, BURST);
  if (read === 0) return 0;
  const up = (heap[record + If.FLAGS] & IfFlag.RUNNING) !== 0;
  let n = 0;
  let bytes = 0;
  let wire = 0;
  for (let i = 0; i < read; i++) {
    const slot = slots[i];
    const m = slot << Meta.SHIFT;
    const length = meta[m + Meta.LENGTH];
    const bad = !up ? Drop.DOWN : check(ctx, slot, m, length);
    ctx.owner[slot] = ctx.me;
    if (bad !== -1) {
      dropCopy(ctx, index, bad);
      ctx.cache.give(slot);
      continue;
    }
    meta[m + Meta.INGRESS] = index;
    bytes += length;
    wire += meta[m + Meta.VNET0] === 0 ? 1 : wirePackets(ctx.u8, meta, m);
    slots[n] = slot;
    ctx.shared[n] = 0;
    n++;
  }
  ctx.n = n;
  const lane = laneOf(ctx.me, index);
  ctx.counters[lane + Lane.READ] += read;
  ctx.counters[lane + Lane.IPACKETS] += n;
  ctx.counters[lane + Lane.IBYTES] += bytes;
  ctx.counters[lane + Lane.IWIRE] += wire;
  return read;
}

/** The drop reason of a frame that a host should not have sent, or -1. */
function check(ctx: Context, slot: number, m: number, length: number): number {
  if (length < Ether.LENGTH) return Drop.RUNT;
  const room = slot < ctx.views.sizes.frames ? Slot.FRAME_STRIDE : Slot.SUPER_STRIDE - Slot.COLOUR_STEP * Slot.COLOURS;
  const at = ctx.meta[m + Meta.OFFSET] - ctx.slotOffset[slot];
  if (length > Slot.SUPER_MAX || at < Slot.VNET_LENGTH || at + length > room || (at & 1) !== 0) return Drop.GIANT;
  return vnetCheck(ctx.meta, m, length) ? -1 : Drop.OFFLOAD;
}

/** Sends the list of port `index`, `n` frames. */
export function memorySend(ctx: Context, index: number, n: number): void {
  const { meta, scratch } = ctx;
  openRings(ctx, index, ifRecord(index));
  const ring = ctx.memoryTx[index] as RingProducer;
  const list = index * BURST;
  const host = ctx.workers;
  let bytes = 0;
  let wire = 0;
  let kept = 0;
  const room = ring.room(n);
  for (let k = 0; k < n; k++) {
    if (kept === room) {
      dropCopy(ctx, index, Drop.QUEUE_FULL);
      continue;
    }
    const slot = keepFrame(ctx, ctx.egressList[list + k]);
    if (slot === -1) {
      dropCopy(ctx, index, Drop.NOBUF);
      continue;
    }
    const m = slot << Meta.SHIFT;
    bytes += meta[m + Meta.LENGTH];
    wire += meta[m + Meta.VNET0] === 0 ? 1 : wirePackets(ctx.u8, meta, m);
    ctx.owner[slot] = host;
    scratch[kept++] = slot;
  }
  ring.pushList(scratch, kept);
  ring.publish();
  const lane = laneOf(ctx.me, index);
  ctx.counters[lane + Lane.OPACKETS] += kept;
  ctx.counters[lane + Lane.OBYTES] += bytes;
  ctx.counters[lane + Lane.OWIRE] += wire;
}

/** Opens this worker's ends of the port's rings, once for each generation of the interface. */
function openRings(ctx: Context, index: number, record: number): void {
  const generation = ctx.heap[record + If.GENERATION];
  if (ctx.memoryGeneration[index] === generation) return;
  ctx.memoryGeneration[index] = generation;
  ctx.memoryRx[index] = new RingConsumer(ctx.views.rings, ctx.heap[record + If.RX_RING]);
  ctx.memoryTx[index] = new RingProducer(ctx.views.rings, ctx.heap[record + If.TX_RING]);
}
