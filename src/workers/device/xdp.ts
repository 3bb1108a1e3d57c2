/**
 * Attached interfaces through AF_XDP: the frames region itself is the sockets' memory, so a frame is received into a slot and
 * sent from one (shared/sys/xdp.ts).
 *
 * Each device queue has one socket and one worker. A slot in its rings is the device's (SlotOwner.DEVICE less the
 * interface's number): taken from the worker's cache for the fill ring, in the worker's hands from the receive ring on, and home
 * again by the completion ring. A frame in another kind of slot is copied once; one too long for a slot goes and comes in several.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, MAX_INTERFACES } from '../../shared/layout/heap.js';
import { HostDevice, loadAddress, Queue, queueBlock } from '../../shared/layout/host-device.js';
import { DEFAULT_PRIORITY, Meta, Slot, SlotOwner } from '../../shared/layout/packet.js';
import { send as kick, recv, viewAt } from '../../shared/sys/libc.js';
import { XDP_PKT_CONTD, XDP_RING_NEED_WAKEUP, XdpDesc, XdpRing } from '../../shared/sys/xdp.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { VnetFlag, vnetClear } from '../../shared/wire/vnet.js';
import { BURST, type Context } from '../context.js';
import { dropCopy } from '../drop.js';
import { copyFrame, keepFrame } from '../slots.js';
import { GATHER, LOOKS } from './busy-queues.js';
import type { Device } from './device.js';
import { partialChecksum } from './partial-checksum.js';

const MSG_DONTWAIT = 0x40;
/** `slot << SHIFT` is where a small slot begins. */
const SLOT_SHIFT = 11;
/** Small slots that the fill rings leave in the worker's cache. */
const RESERVE = 256;
/** Fewer free places in the fill ring are left for later. */
const FILL_AT_ONCE = 32;
/** Most calls to have one list sent: in copy mode one call takes some dozen frames. */
const KICKS = 8;
/** Most slots that one frame is sent in. */
const PIECES = 16;

/** A ring, as its worker has opened it. */
interface Ring {
  readonly words: Int32Array;
  readonly producer: number;
  readonly consumer: number;
  readonly desc: number;
  readonly flags: number;
}

/** A queue, as its worker has opened it. */
interface Opened {
  readonly fd: number;
  /** Whether partial checksums may come unmarked. */
  readonly copies: boolean;
  readonly rx: Ring;
  readonly tx: Ring;
  readonly fill: Ring;
  readonly completion: Ring;
}

/** The worker that sends for worker `me` by the interface whose record is `record`; `me` itself while the link is not there. */
export function xdpSender(heap: Int32Array, record: number, me: number): number {
  const device = heap[record + If.DEVICE];
  const queue = device === 0 ? -1 : heap[device + HostDevice.SENDER + me];
  return queue === -1 ? me : heap[queueBlock(device, queue) + Queue.OWNER];
}

/** The AF_XDP device of one worker. */
export interface XdpDevice extends Device {
  /**
   * Gives queues the slots that were not to be had when they asked. One without any is never heard of again: nothing can come by which it
   * would ask. In a read section.
   */
  feed(): void;
}

/** Makes the AF_XDP device of one worker. */
export function makeXdpDevice(ctx: Context): XdpDevice {
  const { heap, meta, counters, u8, u16, slots, slotOffset, owner, egressList, scratch, me, cache, smallSlots } = ctx;
  const lengths = ctx.length;
  /** Queues by interface index and queue number, and the serial they were opened for. */
  const opened: (Opened | undefined)[][] = Array.from({ length: MAX_INTERFACES }, () => []);
  const serials = new Int32Array(MAX_INTERFACES);
  /** Slots read that go home once the receive ring has let them go. */
  const unwanted = new Int32Array(XdpRing.RX);
  let unwantedCount = 0;
  /** Slots whose frames have left. */
  const left = new Int32Array(XdpRing.COMPLETION);
  /** Whether a fill ring has been given fewer slots than it has room for. */
  let hungry = false;

  function open(index: number, number: number): Opened | undefined {
    const device = heap[ifRecord(index) + If.DEVICE];
    if (device === 0) return undefined;
    const serial = heap[device + HostDevice.SERIAL];
    if (serials[index] !== serial) {
      serials[index] = serial;
      opened[index] = new Array(heap[device + HostDevice.QUEUES]).fill(undefined);
    }
    const known = opened[index][number];
    if (known !== undefined || number < 0 || number >= heap[device + HostDevice.QUEUES]) return known;
    opened[index][number] = openQueue(heap, device, number);
    return opened[index][number];
  }

  /** Takes one burst from queue `ctx.queue` of interface `index`. Returns the frames read, good or bad. */
  function receive(index: number): number {
    ctx.borrowed = false;
    ctx.ingress = index;
    ctx.deviceGone = false;
    ctx.offloads = false;
    ctx.n = 0;
    const queue = open(index, ctx.queue);
    if (queue === undefined) return 0;
    reclaim(queue.completion);
    const { rx, copies } = queue;
    const { words, desc } = rx;
    const up = (heap[ifRecord(index) + If.FLAGS] & IfFlag.RUNNING) !== 0;
    const from = words[rx.consumer];
    let ready = (Atomics.load(words, rx.producer) - from) | 0;
    if (ready === 0 && ctx.looking) return 0;
    if (ctx.eager && ready < GATHER) ready = gather(rx, from, ready);
    let n = 0;
    let used = 0;
    let reads = 0;
    let bytes = 0;
    while (used < ready && reads < BURST) {
      const d = desc + ((from + used) & (XdpRing.RX - 1)) * XdpRing.DESC_WORDS;
      let slot = words[d + XdpDesc.ADDRESS] >>> SLOT_SHIFT;
      const length = words[d + XdpDesc.LENGTH];
      const m = slot << Meta.SHIFT;
      if ((words[d + XdpDesc.OPTIONS] & XDP_PKT_CONTD) === 0) {
        used++;
        meta[m + Meta.OFFSET] = words[d + XdpDesc.ADDRESS];
        meta[m + Meta.LENGTH] = length;
        meta[m + Meta.PRIORITY] = DEFAULT_PRIORITY;
        vnetClear(meta, m);
      } else {
        const pieces = piecesAt(rx, from + used, ready - used);
        if (pieces === 0) break;
        slot = join(rx, from + used, pieces);
        used += pieces;
      }
      reads++;
      const bad = !up ? Drop.DOWN : slot < 0 ? Drop.GIANT : length < Ether.LENGTH ? Drop.RUNT : -1;
      if (bad !== -1) {
        dropCopy(ctx, index, bad);
        if (slot >= 0) unwanted[unwantedCount++] = slot;
        continue;
      }
      const g = slot << Meta.SHIFT;
      if (copies) markPartial(g);
      slots[n] = slot;
      lengths[n] = meta[g + Meta.LENGTH];
      bytes += lengths[n];
      n++;
    }
    if (used !== 0) Atomics.store(words, rx.consumer, (from + used) | 0);
    // Only now: a slot is the ring's until the ring has let it go, whatever becomes of this thread.
    for (let k = 0; k < n; k++) owner[slots[k]] = SlotOwner.QUEUED;
    for (let k = 0; k < unwantedCount; k++) cache.give(unwanted[k]);
    unwantedCount = 0;
    refill(queue, index);
    ctx.n = n;
    ctx.bytes = bytes;
    const lane = laneOf(me, index);
    counters[lane + Lane.READ] += reads;
    counters[lane + Lane.IPACKETS] += n;
    counters[lane + Lane.IBYTES] += bytes;
    counters[lane + Lane.IWIRE] += n;
    return reads;
  }

  /** Of `ready` entries from `from` on, waits for more that come close upon them. Returns how many there are. */
  function gather({ words, producer }: Ring, from: number, ready: number): number {
    let there = ready;
    for (let looks = 0; looks < LOOKS && there < GATHER; looks++) {
      const now = (Atomics.load(words, producer) - from) | 0;
      if (now === there) continue;
      there = now;
      looks = 0;
    }
    return there;
  }

  /** Marks a frame whose checksum nobody has completed. */
  function markPartial(m: number): void {
    const partial = partialChecksum(u8, u16, meta[m + Meta.OFFSET], meta[m + Meta.LENGTH]);
    if (partial === 0) return;
    meta[m + Meta.VNET0] = VnetFlag.NEEDS_CSUM;
    meta[m + Meta.VNET1] = partial << 16;
    meta[m + Meta.VNET2] = partial >>> 16;
    ctx.offloads = true;
  }

  /** Entries of the frame that begins at entry `at`, of `ready` that there are; 0 while its last is not there. */
  function piecesAt(rx: Ring, at: number, ready: number): number {
    for (let k = 0; k < ready; k++) {
      const d = rx.desc + ((at + k) & (XdpRing.RX - 1)) * XdpRing.DESC_WORDS;
      if ((rx.words[d + XdpDesc.OPTIONS] & XDP_PKT_CONTD) === 0) return k + 1;
    }
    return 0;
  }

  /** Puts a frame of `pieces` entries together in one superframe slot. Returns it, or -1 if it is too long or the pool is dry. */
  function join(rx: Ring, at: number, pieces: number): number {
    let length = 0;
    const to = cache.takeSuperframe();
    const offset = to === -1 ? 0 : slotOffset[to] + Slot.HEADROOM;
    for (let k = 0; k < pieces; k++) {
      const d = rx.desc + ((at + k) & (XdpRing.RX - 1)) * XdpRing.DESC_WORDS;
      const from = rx.words[d + XdpDesc.ADDRESS];
      const part = rx.words[d + XdpDesc.LENGTH];
      if (to !== -1 && length + part <= Slot.SUPER_MAX) u8.copyWithin(offset + length, from, from + part);
      length += part;
      unwanted[unwantedCount++] = from >>> SLOT_SHIFT;
    }
    if (to === -1) return -1;
    if (length > Slot.SUPER_MAX) {
      unwanted[unwantedCount++] = to;
      return -1;
    }
    const m = to << Meta.SHIFT;
    meta[m + Meta.OFFSET] = offset;
    meta[m + Meta.LENGTH] = length;
    meta[m + Meta.PRIORITY] = DEFAULT_PRIORITY;
    vnetClear(meta, m);
    return to;
  }

  /** Gives the kernel slots to receive into. */
  function refill(queue: Opened, index: number): void {
    const { words, desc, producer, consumer, flags } = queue.fill;
    const from = words[producer];
    let room = XdpRing.FILL - ((from - Atomics.load(words, consumer)) | 0);
    if (room < FILL_AT_ONCE) return;
    const wanted = room;
    room = Math.min(room, cache.freeFrames - RESERVE);
    if (room < wanted) hungry = true;
    for (let k = 0; k < room; k++) {
      const slot = cache.takeFrame();
      owner[slot] = SlotOwner.DEVICE - index;
      const d = desc + ((from + k) & (XdpRing.FILL - 1)) * XdpRing.ADDRESS_WORDS;
      words[d + XdpDesc.ADDRESS] = slot << SLOT_SHIFT;
      words[d + XdpDesc.ADDRESS_HIGH] = 0;
    }
    if (room > 0) Atomics.store(words, producer, (from + room) | 0);
    if ((Atomics.load(words, flags) & XDP_RING_NEED_WAKEUP) !== 0) recv(queue.fd, 0, 0, MSG_DONTWAIT);
  }

  function feed(): void {
    if (!hungry) return;
    hungry = false;
    cache.collect();
    for (let index = 1; index < MAX_INTERFACES; index++) {
      for (let number = 0; number < opened[index].length; number++) {
        if (opened[index][number] === undefined) continue;
        const queue = open(index, number);
        if (queue !== undefined) refill(queue, index);
      }
    }
  }

  /** Takes slots home whose frames have left, and sends those of others there: no burst may follow that would. */
  function reclaim({ words, desc, producer, consumer }: Ring): void {
    const from = words[consumer];
    const n = (Atomics.load(words, producer) - from) | 0;
    if (n === 0) return;
    for (let k = 0; k < n; k++) {
      left[k] = words[desc + ((from + k) & (XdpRing.COMPLETION - 1)) * XdpRing.ADDRESS_WORDS] >>> SLOT_SHIFT;
    }
    // Before they go home, or who takes a dead worker's number would find some there and in the ring.
    Atomics.store(words, consumer, (from + n) | 0);
    for (let k = 0; k < n; k++) cache.give(left[k]);
    cache.flush();
  }

  /** Sends the list of interface `index`, `n` frames, by this worker's queue. */
  function send(index: number, n: number): void {
    const device = heap[ifRecord(index) + If.DEVICE];
    const queue = device === 0 ? undefined : open(index, heap[device + HostDevice.SENDER + me]);
    if (queue === undefined) {
      for (let k = 0; k < n; k++) dropCopy(ctx, index, Drop.GONE);
      return;
    }
    const { tx } = queue;
    const longest = heap[device + HostDevice.FRAME_MAX] + TAG;
    const list = index * BURST;
    let sent = 0;
    let bytes = 0;
    reclaim(queue.completion);
    const from = tx.words[tx.producer];
    let at = from;
    for (let k = 0; k < n; k++) {
      const i = egressList[list + k];
      const length = lengths[i];
      if (length > longest) {
        dropCopy(ctx, index, Drop.REFUSED);
        continue;
      }
      const used = length <= Slot.FRAME_MAX ? 1 : Math.ceil(length / Slot.FRAME_MAX) | 0;
      if (!hasRoom(queue, at, used) && !roomAfterKick(queue, at, used)) {
        dropCopy(ctx, index, Drop.QUEUE_FULL);
        continue;
      }
      if (!(used === 1 ? putWhole(tx, at, i, index) : putPieces(tx, at, i, used, index))) {
        dropCopy(ctx, index, Drop.NOBUF);
        continue;
      }
      at = (at + used) | 0;
      sent++;
      bytes += length;
    }
    if (at !== tx.words[tx.producer]) Atomics.store(tx.words, tx.producer, at);
    if (at !== from) wake(queue);
    const lane = laneOf(me, index);
    counters[lane + Lane.OPACKETS] += sent;
    counters[lane + Lane.OBYTES] += bytes;
    counters[lane + Lane.OWIRE] += sent;
  }

  function hasRoom({ tx }: Opened, at: number, wanted: number): boolean {
    return XdpRing.TX - ((at - Atomics.load(tx.words, tx.consumer)) | 0) >= wanted;
  }

  /** The transmit ring is full: has the kernel take what is there, and looks again. */
  function roomAfterKick(queue: Opened, at: number, wanted: number): boolean {
    Atomics.store(queue.tx.words, queue.tx.producer, at);
    wake(queue);
    reclaim(queue.completion);
    return hasRoom(queue, at, wanted);
  }

  /** Has the kernel send what is in the transmit ring, if it waits to be told. */
  function wake({ tx, fd }: Opened): void {
    const { words, producer, consumer, flags } = tx;
    for (let k = 0; k < KICKS; k++) {
      const before = Atomics.load(words, consumer);
      if (before === words[producer] || (Atomics.load(words, flags) & XDP_RING_NEED_WAKEUP) === 0) return;
      kick(fd, 0, 0, MSG_DONTWAIT);
      if (Atomics.load(words, consumer) === before) return;
    }
  }

  /** Puts frame `i` into entry `at`, in a small slot that then is the device's. False when the pool is dry. */
  function putWhole(tx: Ring, at: number, i: number, index: number): boolean {
    const from = slots[i];
    let slot: number;
    if (from < smallSlots) slot = keepFrame(ctx, i);
    else {
      slot = cache.takeFrame();
      if (slot !== -1) copyFrame(ctx, from, slot);
    }
    if (slot === -1) return false;
    owner[slot] = SlotOwner.DEVICE - index;
    const m = slot << Meta.SHIFT;
    fillEntry(tx, at, meta[m + Meta.OFFSET], meta[m + Meta.LENGTH], 0);
    return true;
  }

  /** The same of a frame too long for a slot, in `pieces` of them. */
  function putPieces(tx: Ring, at: number, i: number, pieces: number, index: number): boolean {
    if (pieces > PIECES) return false;
    for (let k = 0; k < pieces; k++) {
      scratch[k] = cache.takeFrame();
      if (scratch[k] !== -1) continue;
      for (let back = 0; back < k; back++) cache.give(scratch[back]);
      return false;
    }
    const source = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    for (let k = 0; k < pieces; k++) {
      const skip = k * Slot.FRAME_MAX;
      const part = Math.min(Slot.FRAME_MAX, lengths[i] - skip);
      const to = slotOffset[scratch[k]] + Slot.HEADROOM;
      u8.copyWithin(to, source + skip, source + skip + part);
      owner[scratch[k]] = SlotOwner.DEVICE - index;
      fillEntry(tx, at + k, to, part, k === pieces - 1 ? 0 : XDP_PKT_CONTD);
    }
    return true;
  }

  function fillEntry({ words, desc }: Ring, at: number, address: number, length: number, options: number): void {
    const d = desc + (at & (XdpRing.TX - 1)) * XdpRing.DESC_WORDS;
    words[d + XdpDesc.ADDRESS] = address;
    words[d + XdpDesc.ADDRESS_HIGH] = 0;
    words[d + XdpDesc.LENGTH] = length;
    words[d + XdpDesc.OPTIONS] = options;
  }

  return { receive, send, feed };
}

/** Bytes of a VLAN tag, which the link's MTU does not count. */
const TAG = 4;

/** Opens queue `n` of the record at `device`. Once for each link and worker. */
function openQueue(heap: Int32Array, device: number, n: number): Opened {
  const queue = queueBlock(device, n);
  const ring = (which: number, entries: number, entryWords: number): Ring => {
    const at = device + HostDevice.OFFSETS + 4 * which;
    const desc = heap[at + 2];
    const address = loadAddress(heap, queue + Queue.RING0 + 2 * which);
    const words = new Int32Array(viewAt(address, (desc + entries * entryWords) * 4));
    return { words, producer: heap[at], consumer: heap[at + 1], desc, flags: heap[at + 3] };
  };
  return {
    fd: heap[queue + Queue.FD],
    copies: heap[queue + Queue.COPIES] === 1,
    rx: ring(0, XdpRing.RX, XdpRing.DESC_WORDS),
    tx: ring(1, XdpRing.TX, XdpRing.DESC_WORDS),
    fill: ring(2, XdpRing.FILL, XdpRing.ADDRESS_WORDS),
    completion: ring(3, XdpRing.COMPLETION, XdpRing.ADDRESS_WORDS),
  };
}
