/**
 * What a device cannot do itself (`If.OFFLOADS`) is done here, on the way to it: superframes are cut into segments as Linux
 * cuts them (TCP and UDP over IPv4 and IPv6), partial checksums are completed.
 *
 * A superframe in a tunnel is cut for every device: virtio-net has no word for it. Its inner headers stand `Meta.VNET2`'s high half behind
 * the first IP header, and each segment gets the outer ones too.
 *
 * Frames made here take the places BURST and up of the burst, so that the device sends them like any other; up to BURST of
 * them stand at a time, and the order of the list is kept. A superframe that many egresses share is only read.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane } from '../../shared/layout/counters.js';
import { If, ifRecord, Offload } from '../../shared/layout/heap.js';
import { Meta, Slot } from '../../shared/layout/packet.js';
import { complement, fold, store16, sumBytes, swap16 } from '../../shared/wire/checksum.js';
import { ipVersionTo, networkOffset, packetVersionTo } from '../../shared/wire/ip.js';
import { Ipv4 } from '../../shared/wire/ipv4.js';
import { Ipv6 } from '../../shared/wire/ipv6.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { Tcp, TcpFlag } from '../../shared/wire/tcp.js';
import { Udp } from '../../shared/wire/udp.js';
import { completeChecksum, Gso, hasChecksum, VnetFlag, vnetClear } from '../../shared/wire/vnet.js';
import { BURST, type Context, count } from '../context.js';
import { dropCopy } from '../drop.js';
import { copyFrame } from '../slots.js';
import type { Device } from './device.js';

/** A superframe of more segments than this is dropped; 64 KiB at the smallest MSS that hosts use (536, RFC 9293 §3.7.1) are 132. */
const SEGMENTS_MOST = 256;

/** Sends the first `n` frames of interface `index`'s list through `device`, which cannot do all that their meta asks for. */
export type Segmenter = (device: Device, index: number, n: number) => void;

/** Whether any of the `n` frames in the list of interface `index` asks for what the interface cannot do. */
export function asksTooMuch(ctx: Context, index: number, n: number, can: number): boolean {
  const { meta, slots, egressList } = ctx;
  for (let k = 0; k < n; k++) {
    if (lacks(meta, slots[egressList[index * BURST + k]] << Meta.SHIFT, can)) return true;
  }
  return false;
}

/** Whether the frame with its meta at `m` needs more than `can`. */
function lacks(meta: Int32Array, m: number, can: number): boolean {
  const word0 = meta[m + Meta.VNET0];
  if (((word0 >>> 8) & 0x7f) !== Gso.NONE)
    return (can & Offload.SEGMENTATION) === 0 || meta[m + Meta.VNET2] >>> 16 !== 0;
  return (word0 & VnetFlag.NEEDS_CSUM) !== 0 && (can & Offload.CHECKSUM) === 0;
}

/** Makes the segmenter of one worker. */
export function makeSegmenter(ctx: Context): Segmenter {
  const { heap, meta, u8, u16, slots, slotOffset, shared, length, egressList, egressTag, cache } = ctx;
  const pending = new Int32Array(BURST);
  const pendingTag = new Int32Array(BURST);
  /** Frames made here that stand in places BURST and up, and frames in the device's list. */
  let made = 0;
  let listed = 0;
  /** Tag of the frame that is being worked on. */
  let tag = 0;

  function sendFixed(device: Device, index: number, n: number): void {
    const list = index * BURST;
    const can = heap[ifRecord(index) + If.OFFLOADS];
    for (let k = 0; k < n; k++) {
      pending[k] = egressList[list + k];
      pendingTag[k] = egressTag[list + k];
    }
    for (let k = 0; k < n; k++) {
      tag = pendingTag[k];
      const place = pending[k];
      const word0 = meta[(slots[place] << Meta.SHIFT) + Meta.VNET0];
      if (!lacks(meta, slots[place] << Meta.SHIFT, can)) append(device, index, place);
      else if (((word0 >>> 8) & 0x7f) === Gso.NONE) complete(device, index, place);
      else segment(device, index, place);
    }
    flush(device, index);
  }

  function append(device: Device, index: number, place: number): void {
    egressList[index * BURST + listed] = place;
    egressTag[index * BURST + listed++] = tag;
    if (listed === BURST) flush(device, index);
  }

  /** Sends what is listed; slots that the device did not keep go home. */
  function flush(device: Device, index: number): void {
    count(ctx, index, Lane.QUEUED, listed);
    device.send(index, listed);
    for (let place = BURST; place < BURST + made; place++) {
      if (slots[place] !== -1) cache.give(slots[place]);
      slots[place] = -1;
    }
    listed = 0;
    made = 0;
  }

  /** A place for a frame of `bytes` bytes made for interface `index`, or -1, counted, while the pool is dry. */
  function make(index: number, bytes: number): number {
    const slot = bytes <= Slot.FRAME_MAX ? cache.takeFrame() : cache.takeSuperframe();
    if (slot === -1) {
      refuse(index, Drop.NOBUF);
      return -1;
    }
    const place = BURST + made++;
    slots[place] = slot;
    shared[place] = 0;
    length[place] = bytes;
    ctx.anyShared = true;
    return place;
  }

  /** Drops a frame that the device's output has taken on. */
  function refuse(index: number, reason: Drop): void {
    count(ctx, index, Lane.QUEUED, 1);
    dropCopy(ctx, index, reason);
  }

  /** Completes the checksum of the frame in `place`; where others send the frame too, in a copy. */
  function complete(device: Device, index: number, place: number): void {
    if (!hasChecksum(meta, slots[place] << Meta.SHIFT)) {
      refuse(index, Drop.SEGMENT);
      return;
    }
    let to = place;
    if (shared[place] !== 0) {
      to = make(index, length[place]);
      if (to === -1) return;
      copyFrame(ctx, slots[place], slots[to]);
      if (ctx.fromList) ctx.workList.inherit(slots[place], slots[to]);
    }
    const m = slots[to] << Meta.SHIFT;
    completeChecksum(u8, u16, meta, m);
    vnetClear(meta, m);
    append(device, index, to);
  }

  /** Cuts the superframe in `place` into frames of at most gso_size bytes of payload each. */
  function segment(device: Device, index: number, place: number): void {
    const m = slots[place] << Meta.SHIFT;
    const offset = meta[m + Meta.OFFSET];
    const start = meta[m + Meta.VNET1] >>> 16;
    const size = meta[m + Meta.VNET1] & 0xffff;
    const gso = (meta[m + Meta.VNET0] >>> 8) & 0x7f;
    const udp = gso === Gso.UDP_L4;
    const first = networkOffset(u16, offset);
    const tunnel = meta[m + Meta.VNET2] >>> 16;
    const network = first + tunnel;
    const protocol = udp ? Protocol.UDP : Protocol.TCP;
    const version =
      tunnel === 0
        ? ipVersionTo(u8, u16, offset, network, start, protocol)
        : packetVersionTo(u8, offset + network, start - network, protocol);
    const headers = start + (udp ? Udp.LENGTH : (u8[offset + start + Tcp.DATA_OFFSET] >> 4) << 2);
    const payload = length[place] - headers;
    const segments = Math.ceil(payload / size) | 0;
    const agrees = udp ? version !== 0 : version === (gso === Gso.TCPV4 ? 4 : 6);
    const whole = payload > 0 && headers - start >= (udp ? Udp.LENGTH : Tcp.LENGTH) && headers <= Slot.FRAME_MAX;
    if (!agrees || !whole || segments > SEGMENTS_MOST) {
      refuse(index, Drop.SEGMENT);
      return;
    }
    count(ctx, index, Lane.SEGMENTED, segments - 1);
    const pseudo = pseudoSum(offset + start + (udp ? Udp.CHECKSUM : Tcp.CHECKSUM), length[place] - start);
    for (let s = 0; s < segments; s++) {
      const bytes = Math.min(size, payload - s * size);
      const to = make(index, headers + bytes);
      if (to === -1) continue;
      copySegment(place, to, headers, s * size, bytes);
      const at = meta[(slots[to] << Meta.SHIFT) + Meta.OFFSET];
      if (tunnel !== 0) fixOuter(at + first, at + network, length[place] - headers - bytes);
      if (version === 4) fixIpv4(at + network, headers + bytes - network, s);
      else fixIpv6(at + network, headers + bytes - network);
      if (udp) fixUdp(at + start, headers + bytes - start);
      else fixTcp(at + start, s * size, s === 0, s === segments - 1);
      const field = at + start + (udp ? Udp.CHECKSUM : Tcp.CHECKSUM);
      store16(u8, field, 0);
      const transport = headers + bytes - start;
      const checksum = complement(pseudo + swap16(transport) + sumBytes(u8, u16, at + start, transport));
      store16(u8, field, checksum === 0 && udp ? 0xffff : checksum);
      append(device, index, to);
    }
  }

  /** Headers and `bytes` bytes of payload from `skip` on, with the meta of the superframe but for its offloads. */
  function copySegment(place: number, to: number, headers: number, skip: number, bytes: number): void {
    const f = slots[place] << Meta.SHIFT;
    const t = slots[to] << Meta.SHIFT;
    const src = meta[f + Meta.OFFSET];
    const dst = slotOffset[slots[to]] + Slot.HEADROOM;
    if (ctx.fromList) ctx.workList.inherit(slots[place], slots[to]);
    for (let w = Meta.INGRESS; w <= Meta.PRIORITY; w++) meta[t + w] = meta[f + w];
    meta[t + Meta.OFFSET] = dst;
    meta[t + Meta.LENGTH] = headers + bytes;
    vnetClear(meta, t);
    u8.copyWithin(dst, src, src + headers);
    u8.copyWithin(dst + headers, src + headers + skip, src + headers + skip + bytes);
  }

  /** Total length, identification + n (each segment is a packet of its own, RFC 6864), header checksum. */
  function fixIpv4(ip: number, total: number, n: number): void {
    const id = (u8[ip + Ipv4.ID] << 8) + u8[ip + Ipv4.ID + 1] + n;
    store16(u8, ip + Ipv4.TOTAL_LENGTH, swap16(total));
    store16(u8, ip + Ipv4.ID, swap16(id & 0xffff));
    store16(u8, ip + Ipv4.CHECKSUM, 0);
    store16(u8, ip + Ipv4.CHECKSUM, complement(sumBytes(u8, u16, ip, (u8[ip] & 15) << 2)));
  }

  function fixIpv6(ip: number, total: number): void {
    store16(u8, ip + Ipv6.PAYLOAD_LENGTH, swap16(total - Ipv6.LENGTH));
  }

  /** Payload lengths of the IPv6 headers from byte `ip` to the inner packet: `less` bytes of it are in other segments. */
  function fixOuter(ip: number, inner: number, less: number): void {
    for (let at = ip; at < inner; ) {
      const payload = (u8[at + Ipv6.PAYLOAD_LENGTH] << 8) + u8[at + Ipv6.PAYLOAD_LENGTH + 1] - less;
      store16(u8, at + Ipv6.PAYLOAD_LENGTH, swap16(payload));
      const routing = u8[at + Ipv6.NEXT_HEADER] === Protocol.ROUTING;
      at += Ipv6.LENGTH;
      if (routing) at += (u8[at + 1] + 1) << 3;
    }
  }

  /** Sequence number; FIN and PSH belong to the last segment, CWR to the first (RFC 3168 §6.1.2). */
  function fixTcp(tcp: number, skipped: number, first: boolean, last: boolean): void {
    const at = tcp + Tcp.SEQUENCE;
    const sequence = ((u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3]) + skipped;
    store16(u8, at, swap16(sequence >>> 16));
    store16(u8, at + 2, swap16(sequence & 0xffff));
    if (!last) u8[tcp + Tcp.FLAGS] &= ~(TcpFlag.FIN | TcpFlag.PSH);
    if (!first) u8[tcp + Tcp.FLAGS] &= ~TcpFlag.CWR;
  }

  function fixUdp(udp: number, total: number): void {
    store16(u8, udp + Udp.UDP_LENGTH, swap16(total));
  }

  /**
   * Sum of the pseudo-header without its length, from the partial checksum at `field` of a transport packet of `total` bytes.
   * The sender's own: behind a routing header it is over a destination that the IP header does not have (RFC 8200 §8.1).
   */
  function pseudoSum(field: number, total: number): number {
    return fold((u8[field] | (u8[field + 1] << 8)) + (~swap16(total) & 0xffff));
  }

  return sendFixed;
}
