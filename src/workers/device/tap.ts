/**
 * TAP ports: one read and one write a frame, superframes whole; those of a burst, or of an egress list, are one way into native code
 * (shared/sys/call-list.ts).
 *
 * A burst is as many reads as the last one brought frames, or twice as many if there were more at once. Where that is several, reading
 * goes on until the queue is empty; where it is few, epoll tells again of what is left, so nobody looks into an empty queue before
 * the frame in hand is on its way.
 *
 * Frames are read straight into superframe slots that stay this worker's: they are copied or exchanged only if an output
 * keeps one (slots.ts). The virtio-net header is parsed into the meta on the way in and written again on the way out.
 * Every worker has a queue of its own in every TAP; it reads that one, and writes through it.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, MAX_INTERFACES } from '../../shared/layout/heap.js';
import { DEFAULT_PRIORITY, Meta, Slot } from '../../shared/layout/packet.js';
import { CallEntry } from '../../shared/sys/call-list.js';
import { TapPolicy, tapReadPolicy } from '../../shared/sys/tap-policy.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { vnetCheck, vnetRead, vnetWrite, wirePackets } from '../../shared/wire/vnet.js';
import { BURST, type Context } from '../context.js';
import { dropCopy } from '../drop.js';
import type { Device } from './device.js';
import { writeReason } from './write-reason.js';

/** Longest read: header, the longest frame, and one byte more to tell a giant. */
const READ_LENGTH = Slot.VNET_LENGTH + Slot.SUPER_MAX + 1;
/** A burst ends when it holds this many bytes, so that superframes are written while they are still in the cache. */
const BURST_BYTES = 256 * 1024;
/** From so many frames on calls go on until the queue is empty: a read in vain costs less than another turn of the loop. */
const LOOK_READS = 4;

/** Makes the TAP device of one worker. */
export function makeTapDevice(ctx: Context): Device {
  const { heap, meta, counters, u8, u16, slots, slotOffset, egressList, me, length: lengths } = ctx;
  const { tapSlots, tapPlace, calls } = ctx;
  const { entries } = calls;
  /** Reads to try next, by interface; how many at most, for the bytes they bring; the turn in which all of the last brought frames. */
  const expected = new Int32Array(MAX_INTERFACES).fill(1);
  const most = new Int32Array(MAX_INTERFACES).fill(BURST);
  const filledIn = new Int32Array(MAX_INTERFACES).fill(-2);

  /** Takes one burst from this worker's queue of TAP `index` into `slots`. Returns the frames read, good or bad. */
  function receive(index: number): number {
    const record = ifRecord(index);
    const fd = heap[record + If.QUEUE_FD + me];
    const up = (heap[record + If.FLAGS] & IfFlag.RUNNING) !== 0;
    ctx.borrowed = true;
    ctx.ingress = index;
    ctx.deviceGone = false;
    ctx.offloads = true;
    ctx.n = 0;
    if (fd === -1) return 0;
    const tried = fetch(index, fd);
    let n = 0;
    let reads = 0;
    let bytes = 0;
    let wire = 0;
    for (let place = 0; place < tried; place++) {
      const got = entries[(place << CallEntry.SHIFT) + CallEntry.RESULT];
      if (got < 0) {
        const policy = tapReadPolicy(-got);
        if (policy !== TapPolicy.AGAIN && policy !== TapPolicy.DOWN) ctx.deviceGone = true;
        continue;
      }
      reads++;
      const slot = tapSlots[place];
      const m = slot << Meta.SHIFT;
      const length = got - Slot.VNET_LENGTH;
      const offset = slotOffset[slot] + Slot.HEADROOM;
      meta[m + Meta.OFFSET] = offset;
      meta[m + Meta.LENGTH] = length;
      // The frame before may have left the slot with another.
      meta[m + Meta.PRIORITY] = DEFAULT_PRIORITY;
      vnetRead(u16, offset, meta, m);
      const bad = up ? check(m, length) : Drop.DOWN;
      if (bad !== -1) {
        dropCopy(ctx, index, bad);
        continue;
      }
      bytes += length;
      wire += meta[m + Meta.VNET0] === 0 ? 1 : wirePackets(u8, meta, m);
      slots[n] = slot;
      lengths[n] = length;
      tapPlace[n] = place;
      n++;
    }
    ctx.n = n;
    ctx.bytes = bytes;
    expect(index, tried, reads, bytes);
    if (bytes > n * Slot.FRAME_MAX) ctx.bulk = true;
    const lane = laneOf(me, index);
    counters[lane + Lane.READ] += reads;
    counters[lane + Lane.IPACKETS] += n;
    counters[lane + Lane.IBYTES] += bytes;
    counters[lane + Lane.IWIRE] += wire;
    return reads;
  }

  /** Reads what is expected of TAP `index` into the first places. Returns how many it tried; the entries say what they gave. */
  function fetch(index: number, fd: number): number {
    // Frames again in the next turn: there were more than we asked for.
    if (filledIn[index] === ctx.turn - 1) expected[index] = Math.min(BURST, 2 * expected[index]);
    const wanted = Math.min(expected[index], most[index]);
    const limit = wanted < LOOK_READS ? wanted : most[index];
    let count = 0;
    while (count < limit && (tapSlots[count] !== -1 || refill(count))) {
      const e = count << CallEntry.SHIFT;
      entries[e + CallEntry.OFFSET] = slotOffset[tapSlots[count]] + Slot.HEADROOM - Slot.VNET_LENGTH;
      entries[e + CallEntry.RESULT] = READ_LENGTH;
      count++;
    }
    return count === 0 ? 0 : calls.read(fd, count, BURST_BYTES);
  }

  /** Learns from a burst how many frames to try next time: as many as came, and no more of this length than a burst has bytes. */
  function expect(index: number, tried: number, reads: number, bytes: number): void {
    // A look in vain, when the worker does not ask epoll, says nothing of the next burst.
    if (reads === 0) return;
    if (reads === tried) filledIn[index] = ctx.turn;
    expected[index] = reads;
    most[index] = bytes === 0 ? BURST : Math.max(1, Math.min(BURST, ((BURST_BYTES / bytes) * reads) | 0));
  }

  /** The drop reason of a frame, or -1. */
  function check(m: number, length: number): number {
    if (length < Ether.LENGTH) return Drop.RUNT;
    if (length > Slot.SUPER_MAX) return Drop.GIANT;
    return vnetCheck(meta, m, length) ? -1 : Drop.OFFLOAD;
  }

  /** Puts a new slot where an output kept the last one. False while the pool is dry: the frame then waits in the kernel. */
  function refill(place: number): boolean {
    const slot = ctx.cache.takeSuperframe();
    tapSlots[place] = slot;
    if (slot === -1) return false;
    return true;
  }

  /** Sends the list of TAP `index`, `n` frames, in order. */
  function send(index: number, n: number): void {
    const list = index * BURST;
    for (let k = 0; k < n; k++) {
      const m = slots[egressList[list + k]] << Meta.SHIFT;
      const offset = meta[m + Meta.OFFSET];
      const e = k << CallEntry.SHIFT;
      vnetWrite(u16, offset, meta, m);
      entries[e + CallEntry.OFFSET] = offset - Slot.VNET_LENGTH;
      entries[e + CallEntry.RESULT] = meta[m + Meta.LENGTH] + Slot.VNET_LENGTH;
    }
    calls.write(heap[ifRecord(index) + If.QUEUE_FD + me], n);
    let sent = 0;
    let bytes = 0;
    let wire = 0;
    for (let k = 0; k < n; k++) {
      const result = entries[(k << CallEntry.SHIFT) + CallEntry.RESULT];
      if (result < 0) {
        dropCopy(ctx, index, writeReason(-result));
        continue;
      }
      const m = slots[egressList[list + k]] << Meta.SHIFT;
      sent++;
      bytes += meta[m + Meta.LENGTH];
      wire += meta[m + Meta.VNET0] === 0 ? 1 : wirePackets(u8, meta, m);
    }
    const lane = laneOf(me, index);
    counters[lane + Lane.OPACKETS] += sent;
    counters[lane + Lane.OBYTES] += bytes;
    counters[lane + Lane.OWIRE] += wire;
  }

  return { receive, send };
}
