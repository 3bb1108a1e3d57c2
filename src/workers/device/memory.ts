/**
 * Memory ports: two rings of slots to a host in this process (tests, benches, the lab without root).
 *
 * The host fills a slot and its meta, marks it as queued, puts the slot on RX_RING and rings the doorbell; it takes slots from TX_RING and
 * gives them back to their homes. One worker owns both rings' inner ends.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, MAX_INTERFACES } from '../../shared/layout/heap.js';
import { Meta, Slot, SlotOwner } from '../../shared/layout/packet.js';
import { RingConsumer, RingProducer } from '../../shared/ring/ring.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { vnetCheck, wirePackets } from '../../shared/wire/vnet.js';
import { BURST, type Context } from '../context.js';
import { dropCopy } from '../drop.js';
import { keepFrame, setTag } from '../slots.js';
import type { Device } from './device.js';

/** Makes the memory device of one worker. */
export function makeMemoryDevice(ctx: Context): Device {
  const { heap, meta, counters, u8, slots, slotOffset, scratch, owner, egressList, views } = ctx;
  const { cache, me, smallSlots, length: lengths } = ctx;
  /** This worker's ends of the ports' rings, by interface index, and the interface generation they were opened for. */
  const rx: (RingConsumer | undefined)[] = new Array(MAX_INTERFACES).fill(undefined);
  const tx: (RingProducer | undefined)[] = new Array(MAX_INTERFACES).fill(undefined);
  const opened = new Int32Array(MAX_INTERFACES);

  /** Takes one burst from port `index` into `ctx.slots`. Returns the frames taken from the ring, good or bad. */
  function receive(index: number): number {
    const record = ifRecord(index);
    openRings(index, record);
    ctx.borrowed = false;
    ctx.ingress = index;
    ctx.n = 0;
    const read = (rx[index] as RingConsumer).popList(slots, BURST);
    if (read === 0) return 0;
    const up = (heap[record + If.FLAGS] & IfFlag.RUNNING) !== 0;
    let n = 0;
    let bytes = 0;
    let wire = 0;
    let odd = false;
    for (let i = 0; i < read; i++) {
      const slot = slots[i];
      const m = slot << Meta.SHIFT;
      const length = meta[m + Meta.LENGTH];
      if (!up || !isPlain(slot, m, length)) {
        const bad = up ? check(slot, m, length) : Drop.DOWN;
        if (bad !== -1) {
          dropCopy(ctx, index, bad);
          cache.give(slot);
          continue;
        }
        odd = true;
        wire += wirePackets(u8, meta, m) - 1;
      }
      bytes += length;
      slots[n] = slot;
      lengths[n] = length;
      n++;
    }
    if (n < read) slots.fill(-1, n, read);
    ctx.n = n;
    ctx.bytes = bytes;
    ctx.offloads = odd;
    wire += n;
    const lane = laneOf(me, index);
    counters[lane + Lane.READ] += read;
    counters[lane + Lane.IPACKETS] += n;
    counters[lane + Lane.IBYTES] += bytes;
    counters[lane + Lane.IWIRE] += wire;
    return read;
  }

  /** Whether a frame is a small one at the usual place without offload state: then nothing is wrong with it. */
  function isPlain(slot: number, m: number, length: number): boolean {
    const usual = slot < smallSlots && meta[m + Meta.OFFSET] === slot * Slot.FRAME_STRIDE + Slot.HEADROOM;
    const fits = (length - Ether.LENGTH) >>> 0 <= Slot.FRAME_MAX - Ether.LENGTH;
    return usual && fits && meta[m + Meta.VNET0] === 0;
  }

  /** The drop reason of a frame that a host should not have sent, or -1. */
  function check(slot: number, m: number, length: number): number {
    if (length < Ether.LENGTH) return Drop.RUNT;
    const small = slot < smallSlots;
    const room = small ? Slot.FRAME_STRIDE : Slot.SUPER_STRIDE - Slot.COLOUR_STEP * Slot.COLOURS;
    const at = meta[m + Meta.OFFSET] - (small ? slot * Slot.FRAME_STRIDE : slotOffset[slot]);
    if (length > Slot.SUPER_MAX || at < Slot.VNET_LENGTH || at + length > room || (at & 1) !== 0) return Drop.GIANT;
    return vnetCheck(meta, m, length) ? -1 : Drop.OFFLOAD;
  }

  /** Sends the list of port `index`, `n` frames. */
  function send(index: number, n: number): void {
    openRings(index, ifRecord(index));
    const ring = tx[index] as RingProducer;
    const list = index * BURST;
    let bytes = 0;
    let wire = 0;
    let kept = 0;
    const room = ring.room(n);
    const { offloads, tagged } = ctx;
    // Nothing to copy, to tag or to refuse, as in most lists: 2 of 28 ns a frame (Node 20.20, November 2026).
    const plain = room >= n && !ctx.borrowed && !ctx.anyShared && !tagged && !offloads;
    for (let k = 0; plain && k < n; k++) {
      const i = egressList[list + k];
      bytes += lengths[i];
      scratch[kept++] = slots[i];
    }
    for (let k = kept; k < n; k++) {
      if (kept === room) {
        dropCopy(ctx, index, Drop.QUEUE_FULL);
        continue;
      }
      const i = egressList[list + k];
      const slot = keepFrame(ctx, i);
      if (slot === -1) {
        dropCopy(ctx, index, Drop.NOBUF);
        continue;
      }
      if (tagged) setTag(ctx, slot, index * BURST + k);
      bytes += lengths[i];
      if (offloads) wire += wirePackets(u8, meta, slot << Meta.SHIFT) - 1;
      scratch[kept++] = slot;
    }
    ring.pushList(scratch, kept);
    // From here on the ring says where they are, published or not: the burst has them no longer, nor is any of them this worker's.
    if (plain) for (let k = 0; k < n; k++) slots[egressList[list + k]] = -1;
    else for (let k = 0; k < kept; k++) owner[scratch[k]] = SlotOwner.QUEUED;
    ring.publish();
    const lane = laneOf(me, index);
    counters[lane + Lane.OPACKETS] += kept;
    counters[lane + Lane.OBYTES] += bytes;
    counters[lane + Lane.OWIRE] += wire + kept;
  }

  /** Opens this worker's ends of the port's rings, once for each generation of the interface. */
  function openRings(index: number, record: number): void {
    const generation = heap[record + If.GENERATION];
    if (opened[index] === generation) return;
    opened[index] = generation;
    rx[index] = new RingConsumer(views.rings, heap[record + If.RX_RING]);
    tx[index] = new RingProducer(views.rings, heap[record + If.TX_RING]);
  }

  return { receive, send };
}
