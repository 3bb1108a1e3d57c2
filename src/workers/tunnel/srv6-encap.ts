/**
 * SRv6 at the head end: H.Encaps and H.Encaps.Red (RFC 8986 §5.1, §5.2; spec B §2.8, §2.9), in this order:
 *
 *   1 underlay     the route of the first segment in the table of the encapsulation; a SID of our own needs no link at all
 *   2 MTU          of the link there, or of the path if somebody on it has said less (stack/tunnel-errors.ts), less what comes in front:
 *                  the tenant's ICMP names what is left (main answers)
 *   3 TTL          of the inner packet less one, as of any packet that is forwarded
 *   4 outer header the prepared bytes in the headroom; then traffic class, flow label, length, protocol, hop limit, HMAC
 *   5 out          ip-output.ts, or the SID's pass
 *
 * A superframe stays whole; `Meta.VNET2` says how much is in front of it, should it have to be cut (device/segment.ts). Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Control } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { type Cast, PuntReason } from '../../shared/ring/punt-reason.js';
import { flowHash4, flowHash6 } from '../../shared/table/flow-hash.js';
import { makeNextHopRecord, NextHop, NextHopKind, pickMember } from '../../shared/table/next-hop.js';
import { EncapFlag } from '../../shared/table/sid.js';
import { swap16 } from '../../shared/wire/checksum.js';
import {
  decrementTtl,
  destination4,
  fragmentField,
  headerLength,
  Ipv4,
  Ipv4Fragment,
  source4,
  totalLength,
} from '../../shared/wire/ipv4.js';
import { decrementHopLimit, flowLabel, Ipv6, payloadLength, trafficClass } from '../../shared/wire/ipv6.js';
import { read32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { Srh } from '../../shared/wire/srh.js';
import { ports } from '../../shared/wire/tcp.js';
import type { Context } from '../context.js';
import { drop } from '../drop.js';
import { beginAt } from '../frame.js';
import type { IpOutput } from '../inet/ip-output.js';
import { makeRecentRoute6 } from '../inet6/recent-route.js';
import { packetSize } from '../packet-size.js';
import { Pass, passOn } from '../passes.js';
import { punt } from '../punt.js';
import { openFront } from '../slots.js';
import type { SrhHmac } from './srv6-hmac.js';

/** Hop limit of the outer header of an IPv4 packet. */
const HOP_LIMIT = 64;
/** Longest payload of an IPv6 packet. */
const PAYLOAD_MOST = 0xffff;
/** Values of `Control.SRV6_FLOW_LABEL`. */
const LABEL_COPY = 0;
const LABEL_HASH = 1;

/**
 * Takes frame `i`, a checked packet of `total` bytes at byte `ip` that interface `index` received and that may be forwarded, into the
 * encapsulation whose next hop's record is `hop`.
 */
export type Encapsulate = (i: number, index: number, ip: number, cast: Cast, total: number, hop: number) => void;

/** The head end of one worker. */
export interface Srv6Encap {
  readonly v4: Encapsulate;
  readonly v6: Encapsulate;
  /** A packet of our own, whose TTL stays as it is and which no ICMP error answers. */
  own(i: number, index: number, ip: number, hop: number): void;
}

/** Makes the head end of one worker. */
export function makeSrv6Encap(ctx: Context, output: IpOutput, hmac: SrhHmac): Srv6Encap {
  const { heap, meta, u8, u16, slots } = ctx;
  const route = makeRecentRoute6(ctx);
  const nextHop = makeNextHopRecord(heap);

  function v4(i: number, index: number, ip: number, cast: Cast, total: number, hop: number): void {
    const compat = heap[Control.SRV6_COMPAT];
    if (compat === 0 && u8[ip + Ipv4.TTL] <= 1) {
      punt(ctx, i, index, PuntReason.TTL, ip, cast);
      return;
    }
    const label = heap[Control.SRV6_FLOW_LABEL] === LABEL_HASH ? label4(ip) : 0;
    const under = underlay(hop, label);
    if (!mayGo(i, index, ip, cast, total, hop, under)) return;
    // Linux leaves the inner packet as it is, and forwards the outer one like a received one.
    if (compat === 0) decrementTtl(u8, u16, ip);
    cover(i, index, ip, total, hop, under, Protocol.IPV4, classOf4(ip), label, HOP_LIMIT - compat);
  }

  function v6(i: number, index: number, ip: number, cast: Cast, total: number, hop: number): void {
    if (u8[ip + Ipv6.HOP_LIMIT] <= 1) {
      punt(ctx, i, index, PuntReason.TTL, ip, cast);
      return;
    }
    const mode = heap[Control.SRV6_FLOW_LABEL];
    const label = mode === LABEL_HASH ? label6(ip) : mode === LABEL_COPY ? flowLabel(u8, ip) : 0;
    const under = underlay(hop, label);
    if (!mayGo(i, index, ip, cast, total, hop, under)) return;
    const limit = u8[ip + Ipv6.HOP_LIMIT] - 1;
    if (heap[Control.SRV6_COMPAT] === 0) decrementHopLimit(u8, ip);
    cover(i, index, ip, total, hop, under, Protocol.IPV6, trafficClass(u8, ip), label, limit);
  }

  function own(i: number, index: number, ip: number, hop: number): void {
    const four = u8[ip] >> 4 === 4;
    const total = four ? totalLength(u8, ip) : Ipv6.LENGTH + payloadLength(u8, ip);
    const label = heap[Control.SRV6_FLOW_LABEL] !== LABEL_HASH ? 0 : four ? label4(ip) : label6(ip);
    const under = underlay(hop, label);
    if (!leads(under)) drop(ctx, i, index, Drop.SRV6_UNDERLAY);
    else if (!fits(i, ip, total, hop, under)) drop(ctx, i, index, Drop.TOO_BIG);
    else if (four) cover(i, index, ip, total, hop, under, Protocol.IPV4, classOf4(ip), label, HOP_LIMIT);
    else cover(i, index, ip, total, hop, under, Protocol.IPV6, trafficClass(u8, ip), label, u8[ip + Ipv6.HOP_LIMIT]);
  }

  /** Whether the underlay's next hop takes packets on. */
  function leads(under: number): boolean {
    const kind = heap[under + NextHop.KIND];
    return kind === NextHopKind.CONNECTED || kind === NextHopKind.GATEWAY || kind === NextHopKind.SID;
  }

  /** Step 2: whether a packet of `total` bytes, or each that a superframe stands for, goes there whole. */
  function fits(i: number, ip: number, total: number, hop: number, under: number): boolean {
    const overhead = heap[hop + NextHop.OVERHEAD];
    if (total + overhead - Ipv6.LENGTH > PAYLOAD_MOST) return false;
    if (heap[under + NextHop.KIND] === NextHopKind.SID) return true;
    const link = output.mtu(under);
    const path = heap[hop + NextHop.MTU];
    const mtu = path !== 0 && path < link ? path : link;
    return total + overhead <= mtu || packetSize(ctx, i, ip, total) + overhead <= mtu;
  }

  /** Step 1: the record of the next hop of the first segment. */
  function underlay(hop: number, label: number): number {
    const g = hop + NextHop.GATEWAY;
    const found = route(heap[hop + NextHop.TABLE], heap[g], heap[g + 1], heap[g + 2], heap[g + 3]);
    if (heap[found + NextHop.KIND] !== NextHopKind.ECMP) return found;
    return nextHop(heap[Control.NEXT_HOPS], pickMember(heap, found, label ^ (label >>> 10)));
  }

  /** Steps 1 and 2. False if the packet is done with. */
  function mayGo(i: number, index: number, ip: number, cast: Cast, total: number, hop: number, under: number): boolean {
    if (!leads(under)) drop(ctx, i, index, Drop.SRV6_UNDERLAY);
    else if (!fits(i, ip, total, hop, under)) punt(ctx, i, index, PuntReason.TOO_BIG, ip, cast);
    else return true;
    return false;
  }

  /** Steps 4 and 5. */
  function cover(
    i: number,
    index: number,
    ip: number,
    total: number,
    hop: number,
    under: number,
    inner: Protocol,
    tclass: number,
    label: number,
    hopLimit: number,
  ): void {
    const overhead = heap[hop + NextHop.OVERHEAD];
    const at = openFront(ctx, i, ip, overhead);
    if (at === -1) {
      drop(ctx, i, index, Drop.TOO_BIG);
      return;
    }
    const outer = at - overhead;
    const from = hop + NextHop.WORDS;
    const end = from + (overhead >> 2);
    const hasSrh = (heap[hop + NextHop.FLAGS] & EncapFlag.SRH) !== 0;
    let w = outer >> 1;
    u16[w] = swap16(0x6000 | (tclass << 4) | (label >>> 16));
    u16[w + 1] = swap16(label & 0xffff);
    u16[w + 2] = swap16(total + overhead - Ipv6.LENGTH);
    u16[w + 3] = (hasSrh ? Protocol.ROUTING : inner) | (hopLimit << 8);
    for (let part = from + 2; part < end; part++) {
      const word = heap[part];
      w += 2;
      u16[w + 2] = word;
      u16[w + 3] = word >>> 16;
    }
    if (hasSrh) u8[outer + Ipv6.LENGTH + Srh.NEXT_HEADER] = inner;
    const m = slots[i] << Meta.SHIFT;
    if (meta[m + Meta.VNET0] !== 0) meta[m + Meta.VNET2] += overhead << 16;
    const key = heap[hop + NextHop.KEY];
    const unsigned = key === 0 ? -1 : hmac.sign(outer, outer + Ipv6.LENGTH, key);
    if (unsigned !== -1) {
      drop(ctx, i, index, unsigned);
      return;
    }
    if (heap[under + NextHop.KIND] !== NextHopKind.SID) {
      output.whole6(i, index, outer, heap[hop + NextHop.TABLE], under);
      return;
    }
    beginAt(ctx, i, outer);
    passOn(ctx, i, index, Pass.SID, under);
  }

  /** Traffic class of the outer header of an IPv4 packet: what the settings let through of its own (B66). */
  function classOf4(ip: number): number {
    return u8[ip + Ipv4.TOS] & heap[Control.SRV6_TOS];
  }

  /** A flow label of the inner flow, never 0 (RFC 6437, RFC 6438). */
  function label4(ip: number): number {
    const protocol = u8[ip + Ipv4.PROTOCOL];
    const whole = (fragmentField(u8, ip) & (Ipv4Fragment.MF | Ipv4Fragment.OFFSET)) === 0;
    const hasPorts = whole && (protocol === Protocol.TCP || protocol === Protocol.UDP);
    const both = hasPorts ? ports(u8, ip + headerLength(u8, ip)) : 0;
    const key0 = heap[Control.FLOW_KEY0];
    const hash = flowHash4(key0, heap[Control.FLOW_KEY1], source4(u8, ip), destination4(u8, ip), protocol, both);
    return fromHash(hash);
  }

  function label6(ip: number): number {
    const protocol = u8[ip + Ipv6.NEXT_HEADER];
    const both = protocol === Protocol.TCP || protocol === Protocol.UDP ? ports(u8, ip + Ipv6.LENGTH) : 0;
    const s = ip + Ipv6.SOURCE;
    const d = ip + Ipv6.DESTINATION;
    const s0 = read32(u8, s);
    const s1 = read32(u8, s + 4);
    const s2 = read32(u8, s + 8);
    const s3 = read32(u8, s + 12);
    const d0 = read32(u8, d);
    const d1 = read32(u8, d + 4);
    const d2 = read32(u8, d + 8);
    const d3 = read32(u8, d + 12);
    const key0 = heap[Control.FLOW_KEY0];
    return fromHash(flowHash6(key0, heap[Control.FLOW_KEY1], s0, s1, s2, s3, d0, d1, d2, d3, protocol, both));
  }

  return { v4, v6, own };
}

function fromHash(hash: number): number {
  const label = (hash ^ (hash >>> 20)) & 0xfffff;
  return label === 0 ? 1 : label;
}
