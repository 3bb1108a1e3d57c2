/**
 * Attached interfaces through AF_PACKET: memory-mapped rings, superframes whole both ways (shared/sys/packet-ring.ts).
 *
 * A frame is copied once on each way, between the ring and a slot of its own size. Every worker has a socket in the
 * interface's fanout group; it receives from that one, and sends through it. A VLAN tag that the kernel took out is put
 * back in its place (A4). The rings' indices are in shared memory, so that whoever takes a dead worker's number goes on
 * where that one stopped.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, MAX_INTERFACES } from '../../shared/layout/heap.js';
import { HostDevice, loadAddress, Queue, queueBlock } from '../../shared/layout/host-device.js';
import { DEFAULT_PRIORITY, Meta, Slot, SlotOwner } from '../../shared/layout/packet.js';
import { ERRNO } from '../../shared/sys/errno.js';
import { boxAddresses, lastErrno, memcpy, send as sendRing, viewAt } from '../../shared/sys/libc.js';
import {
  clearSocketError,
  PACKET_RING_BYTES,
  PacketRing,
  Tpacket,
  TpacketStatus,
} from '../../shared/sys/packet-ring.js';
import { swap16 } from '../../shared/wire/checksum.js';
import { Ether, EtherType } from '../../shared/wire/ethernet.js';
import { Gso, VnetFlag, vnetCheck, wirePackets } from '../../shared/wire/vnet.js';
import { BURST, type Context } from '../context.js';
import { dropCopy } from '../drop.js';
import { GATHER, LOOKS } from './busy-queues.js';
import type { Device } from './device.js';
import { writeReason } from './write-reason.js';

const MSG_DONTWAIT = 0x40;
/** A burst ends when it holds this many bytes, so that superframes are sent while they are still in the cache. */
const BURST_BYTES = 256 * 1024;
/** Below this many bytes a loop over words beats the call of memcpy. */
const SHORT_COPY = 512;
/** Where the kernel puts a frame without a tag. */
const RX_AT = 76;
/** Where we put one: a word's boundary behind header, virtio-net header and what the kernel asks for. */
const TX_AT = 44;
const TX_VNET = TX_AT - 10;
/** The virtio-net header of a packet socket has no num_buffers. */
const VNET_BYTES = 10;
/** Most bytes that the kernel is to copy beside the pages of the ring; the rest it refers to. */
const LINEAR = 2048;
/** Bytes of a VLAN tag. */
const TAG = 4;
/** `take` has no slot for the frame: it stays in the ring, and the kernel counts those behind it. */
const DRY = -2;

/** One queue, as its worker has opened it. */
interface Opened {
  /** Block of the queue in the heap. */
  readonly queue: number;
  readonly fd: number;
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  /** Addresses of memcpy's end in each frame, where the frame is at its usual place: 12 bytes before it. */
  readonly rx: number[];
  readonly tx: number[];
}

/** Makes the AF_PACKET device of one worker. */
export function makePacketDevice(ctx: Context): Device {
  const { heap, meta, counters, u8, u16, i32, slots, slotOffset, owner, egressList, address, me, cache } = ctx;
  const lengths = ctx.length;
  const opened: (Opened | undefined)[] = new Array(MAX_INTERFACES).fill(undefined);
  const serials = new Int32Array(MAX_INTERFACES);

  /** This worker's queue of interface `index`, opened once for each record; undefined while the link is not there. */
  function open(index: number): Opened | undefined {
    const device = heap[ifRecord(index) + If.DEVICE];
    if (device === 0) return undefined;
    const serial = heap[device + HostDevice.SERIAL];
    if (serials[index] === serial) return opened[index];
    serials[index] = serial;
    const mine = heap[device + HostDevice.SENDER + me];
    opened[index] = mine === -1 ? undefined : openQueue(heap, device, mine);
    return opened[index];
  }

  /** Takes one burst from this worker's socket of interface `index`. Returns the frames read, good or bad. */
  function receive(index: number): number {
    ctx.borrowed = false;
    ctx.ingress = index;
    ctx.deviceGone = false;
    ctx.offloads = false;
    ctx.n = 0;
    const ring = open(index);
    if (ring === undefined) return 0;
    const { words, queue } = ring;
    const up = (heap[ifRecord(index) + If.FLAGS] & IfFlag.RUNNING) !== 0;
    let at = heap[queue + Queue.RX_NEXT];
    let n = 0;
    let reads = 0;
    let bytes = 0;
    let wire = 0;
    if (ctx.eager) gather(words, at);
    while (reads < BURST && bytes < BURST_BYTES) {
      const w = (at * PacketRing.STRIDE) >> 2;
      if ((Atomics.load(words, w + Tpacket.STATUS) & TpacketStatus.USER) === 0) break;
      const bad = up ? take(ring, at, w, n) : Drop.DOWN;
      if (bad === DRY) break;
      reads++;
      at = at + 1 === PacketRing.RX_FRAMES ? 0 : at + 1;
      // Whoever takes over from a dead thread sees by the two whether a frame was between.
      heap[queue + Queue.RX_NEXT] = at;
      Atomics.store(words, w + Tpacket.STATUS, TpacketStatus.KERNEL);
      heap[queue + Queue.RX_DONE] = at;
      if (bad !== -1) {
        dropCopy(ctx, index, bad);
        continue;
      }
      bytes += lengths[n];
      const m = slots[n] << Meta.SHIFT;
      if (meta[m + Meta.VNET0] === 0) wire++;
      else {
        wire += wirePackets(u8, meta, m);
        ctx.offloads = true;
      }
      n++;
    }
    if (reads === 0 && !ctx.looking) clearSocketError(ring.fd);
    ctx.n = n;
    ctx.bytes = bytes;
    if (bytes > n * Slot.FRAME_MAX) ctx.bulk = true;
    const lane = laneOf(me, index);
    counters[lane + Lane.READ] += reads;
    counters[lane + Lane.IPACKETS] += n;
    counters[lane + Lane.IBYTES] += bytes;
    counters[lane + Lane.IWIRE] += wire;
    return reads;
  }

  /** Where there is a frame at `at`, waits for more that come close upon it. */
  function gather(words: Int32Array, at: number): void {
    let next = at;
    for (let looks = 0, there = 0; looks < LOOKS && there < GATHER; looks++) {
      if ((Atomics.load(words, ((next * PacketRing.STRIDE) >> 2) + Tpacket.STATUS) & TpacketStatus.USER) !== 0) {
        next = next + 1 === PacketRing.RX_FRAMES ? 0 : next + 1;
        there++;
        looks = 0;
      } else if (there === 0) return;
    }
  }

  /**
   * Copies frame `at` of the ring, whose header is at word `w`, into a slot at place `n` of the burst. Returns the drop
   * reason, -1, or DRY.
   */
  function take(ring: Opened, at: number, w: number, n: number): number {
    const { words, halves } = ring;
    const inRing = words[w + Tpacket.SNAP_LENGTH];
    const mac = words[w + Tpacket.MAC] & 0xffff;
    const tag = (words[w + Tpacket.STATUS] & TpacketStatus.VLAN_VALID) === 0 ? 0 : TAG;
    const length = inRing + tag;
    if (inRing < Ether.LENGTH) return Drop.RUNT;
    if (inRing < words[w + Tpacket.LENGTH] || length > Slot.SUPER_MAX) return Drop.GIANT;
    const slot = length <= Slot.FRAME_MAX ? cache.takeFrame() : cache.takeSuperframe();
    if (slot === -1) return DRY;
    const offset = slotOffset[slot] + Slot.HEADROOM;
    const m = slot << Meta.SHIFT;
    copyIn(ring, at, w, mac, slot, inRing, tag);
    if (tag !== 0) putTag(words, w, offset);
    meta[m + Meta.OFFSET] = offset;
    meta[m + Meta.LENGTH] = length;
    meta[m + Meta.PRIORITY] = DEFAULT_PRIORITY;
    readVnet(halves, (at * PacketRing.STRIDE + mac - VNET_BYTES) >> 1, m, tag);
    if (!vnetCheck(meta, m, length)) {
      cache.give(slot);
      return Drop.OFFLOAD;
    }
    slots[n] = slot;
    owner[slot] = SlotOwner.QUEUED;
    lengths[n] = length;
    return -1;
  }

  /** The virtio-net header at halfword `h`, into the meta at `m`; `tag` bytes of a tag put back lie before all it points at. */
  function readVnet(halves: Uint16Array, h: number, m: number, tag: number): void {
    // That the sender's checksum was verified is nothing that is passed on.
    const first = halves[h] & ~VnetFlag.DATA_VALID;
    const start = (first & VnetFlag.NEEDS_CSUM) === 0 ? 0 : halves[h + 3] + tag;
    const headers = halves[h + 1] === 0 ? 0 : halves[h + 1] + tag;
    meta[m + Meta.VNET0] = first | (headers << 16);
    meta[m + Meta.VNET1] = halves[h + 2] | (start << 16);
    meta[m + Meta.VNET2] = start === 0 ? 0 : halves[h + 4];
  }

  /** Copies `length` bytes of frame `at`, `shift` bytes behind where the frame begins in its slot. */
  function copyIn(ring: Opened, at: number, w: number, mac: number, slot: number, length: number, shift: number): void {
    if (length > SHORT_COPY || (mac & 3) !== 0) {
      const from = mac === RX_AT ? ring.rx[at] : ring.rx[at] + (mac - RX_AT);
      memcpy(shift === 0 ? address[slot] : address[slot] + shift, from, length + Slot.VNET_LENGTH);
      return;
    }
    const { words } = ring;
    const end = (length + 3) >> 2;
    const s = w + (mac >> 2);
    const d = (slotOffset[slot] + Slot.HEADROOM + shift) >> 2;
    for (let k = 0; k < end; k++) i32[d + k] = words[s + k];
  }

  /** Puts the tag that the kernel took out of a frame, now TAG bytes behind `offset`, in its place. */
  function putTag(words: Int32Array, w: number, offset: number): void {
    u8.copyWithin(offset, offset + TAG, offset + TAG + Ether.TYPE);
    const vlan = words[w + Tpacket.VLAN];
    const known = (words[w + Tpacket.STATUS] & TpacketStatus.VLAN_TPID_VALID) !== 0;
    u16[(offset + Ether.TYPE) >> 1] = known ? swap16(vlan >>> 16) : EtherType.VLAN;
    u16[(offset + Ether.TYPE + 2) >> 1] = swap16(vlan & 0xffff);
  }

  /** Sends the list of interface `index`, `n` frames, in order. */
  function send(index: number, n: number): void {
    const ring = open(index);
    const list = index * BURST;
    if (ring === undefined) {
      for (let k = 0; k < n; k++) dropCopy(ctx, index, Drop.GONE);
      return;
    }
    const { queue, fd } = ring;
    const lane = laneOf(me, index);
    const longest = heap[heap[ifRecord(index) + If.DEVICE] + HostDevice.FRAME_MAX];
    let k = 0;
    while (k < n) {
      const first = k;
      const head = heap[queue + Queue.TX_HEAD];
      let tail = head;
      while (k < n && free(ring, tail)) {
        const slot = slots[egressList[list + k]];
        if (tooLong(slot, longest)) break;
        put(ring, tail, slot);
        tail = tail + 1 === PacketRing.TX_FRAMES ? 0 : tail + 1;
        k++;
      }
      if (k === first) {
        const full = !free(ring, tail);
        dropCopy(ctx, index, full ? Drop.QUEUE_FULL : Drop.REFUSED);
        k++;
        continue;
      }
      heap[queue + Queue.TX_TAIL] = tail;
      const said = sendRing(fd, 0, 0, MSG_DONTWAIT);
      const errno = said < 0 ? lastErrno() : 0;
      const taken = said < 0 ? takenFrom(ring, head, k - first) : k - first;
      account(lane, list, first, taken);
      heap[queue + Queue.TX_HEAD] = (head + taken) % PacketRing.TX_FRAMES;
      if (taken === k - first) continue;
      k = first + taken;
      takeBack(ring, tail);
      // A frame the kernel will not have is lost alone; what stops all of them stops the rest too. In a ring EFAULT is a frame's.
      const reason = errno === ERRNO.EFAULT ? Drop.REFUSED : writeReason(errno);
      const end = reason === Drop.REFUSED ? k + 1 : n;
      for (; k < end; k++) dropCopy(ctx, index, reason);
    }
  }

  /** Whether frame `at` of the transmit ring is ours to fill. */
  function free(ring: Opened, at: number): boolean {
    return Atomics.load(ring.words, txWord(at) + Tpacket.STATUS) === TpacketStatus.KERNEL;
  }

  /** A plain frame longer than the link takes; a superframe's segments are not. A tag does not count. */
  function tooLong(slot: number, longest: number): boolean {
    const m = slot << Meta.SHIFT;
    return meta[m + Meta.LENGTH] > longest + TAG && ((meta[m + Meta.VNET0] >>> 8) & 0x7f) === Gso.NONE;
  }

  /** Copies the frame in `slot` to frame `at` of the transmit ring, and asks for it to be sent. */
  function put(ring: Opened, at: number, slot: number): void {
    const { words, halves } = ring;
    const m = slot << Meta.SHIFT;
    const offset = meta[m + Meta.OFFSET];
    const length = meta[m + Meta.LENGTH];
    const w = txWord(at);
    if (length <= SHORT_COPY && (offset & 3) === 0) {
      const end = (length + 3) >> 2;
      const s = offset >> 2;
      const d = w + (TX_AT >> 2);
      for (let k = 0; k < end; k++) words[d + k] = i32[s + k];
    } else {
      // The boxed address serves frames at the usual place; another place costs one number of garbage.
      const moved = offset - slotOffset[slot] - Slot.HEADROOM;
      memcpy(ring.tx[at], moved === 0 ? address[slot] : address[slot] + moved, length + Slot.VNET_LENGTH);
    }
    const word0 = meta[m + Meta.VNET0];
    const word1 = meta[m + Meta.VNET1];
    const h = (w << 1) + (TX_VNET >> 1);
    halves[h] = word0;
    // How many bytes the kernel copies; the rest of the socket buffer refers to the ring.
    halves[h + 1] = ((word0 >>> 8) & 0x7f) === Gso.NONE ? Math.min(length, LINEAR) : word0 >>> 16;
    halves[h + 2] = word1;
    halves[h + 3] = word1 >>> 16;
    halves[h + 4] = meta[m + Meta.VNET2];
    words[w + Tpacket.LENGTH] = length + VNET_BYTES;
    words[w + Tpacket.MAC] = TX_VNET;
    Atomics.store(words, w + Tpacket.STATUS, TpacketStatus.SEND_REQUEST);
  }

  /** After a send that failed: how many of `n` frames from `head` on the kernel took. */
  function takenFrom(ring: Opened, head: number, n: number): number {
    for (let k = 0; k < n; k++) {
      const status = Atomics.load(ring.words, txWord((head + k) % PacketRing.TX_FRAMES) + Tpacket.STATUS);
      if ((status & (TpacketStatus.SEND_REQUEST | TpacketStatus.WRONG_FORMAT)) !== 0) return k;
    }
    return n;
  }

  /** Frames that the kernel did not take, from TX_HEAD up to `tail`, are ours again. */
  function takeBack(ring: Opened, tail: number): void {
    for (let at = heap[ring.queue + Queue.TX_HEAD]; at !== tail; at = (at + 1) % PacketRing.TX_FRAMES)
      Atomics.store(ring.words, txWord(at) + Tpacket.STATUS, TpacketStatus.KERNEL);
  }

  /** Counts `taken` frames of the list from `first` on as sent. */
  function account(lane: number, list: number, first: number, taken: number): void {
    let bytes = 0;
    let wire = 0;
    for (let k = first; k < first + taken; k++) {
      const m = slots[egressList[list + k]] << Meta.SHIFT;
      bytes += meta[m + Meta.LENGTH];
      wire += meta[m + Meta.VNET0] === 0 ? 1 : wirePackets(u8, meta, m);
    }
    counters[lane + Lane.OPACKETS] += taken;
    counters[lane + Lane.OBYTES] += bytes;
    counters[lane + Lane.OWIRE] += wire;
  }

  return { receive, send };
}

/** Opens queue `n` of the record at `device` where its last worker stopped. Once for each link and worker. */
function openQueue(heap: Int32Array, device: number, n: number): Opened {
  const queue = queueBlock(device, n);
  const base = loadAddress(heap, queue + Queue.RING0);
  const memory = viewAt(base, PACKET_RING_BYTES);
  const frames = (count: number, from: number): number[] =>
    boxAddresses(Array.from({ length: count }, (_, k) => base + from + k * PacketRing.STRIDE));
  const ring: Opened = {
    queue,
    fd: heap[queue + Queue.FD],
    words: new Int32Array(memory),
    halves: new Uint16Array(memory),
    rx: frames(PacketRing.RX_FRAMES, RX_AT - Slot.VNET_LENGTH),
    tx: frames(PacketRing.TX_FRAMES, PacketRing.RX_FRAMES * PacketRing.STRIDE + TX_AT - Slot.VNET_LENGTH),
  };
  const done = heap[queue + Queue.RX_DONE];
  if (done !== heap[queue + Queue.RX_NEXT]) {
    Atomics.store(ring.words, ((done * PacketRing.STRIDE) >> 2) + Tpacket.STATUS, TpacketStatus.KERNEL);
    heap[queue + Queue.RX_DONE] = heap[queue + Queue.RX_NEXT];
  }
  recoverTransmit(heap, ring);
  return ring;
}

/** Finds the kernel's place between TX_HEAD and TX_TAIL: the first frame that it has not taken. Those behind it are not sent. */
function recoverTransmit(heap: Int32Array, { queue, words }: Opened): void {
  const tail = heap[queue + Queue.TX_TAIL];
  let head = -1;
  for (let at = heap[queue + Queue.TX_HEAD]; at !== tail; at = (at + 1) % PacketRing.TX_FRAMES) {
    const w = txWord(at) + Tpacket.STATUS;
    if ((words[w] & (TpacketStatus.SEND_REQUEST | TpacketStatus.WRONG_FORMAT)) === 0) continue;
    if (head === -1) head = at;
    Atomics.store(words, w, TpacketStatus.KERNEL);
  }
  heap[queue + Queue.TX_HEAD] = head === -1 ? tail : head;
  heap[queue + Queue.TX_TAIL] = heap[queue + Queue.TX_HEAD];
}

/** Word at which frame `at` of the transmit ring begins. */
function txWord(at: number): number {
  return ((PacketRing.RX_FRAMES + at) * PacketRing.STRIDE) >> 2;
}
