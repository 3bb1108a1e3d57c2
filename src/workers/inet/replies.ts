/**
 * Replies that need no state: echo to an address of ours, ARP and neighbour solicitations for one, from a neighbour that is known (house.md, "Threads"). All else,
 * and whoever is not known yet, is main's. Runs on a worker.
 */
import { Control, If, IfType, ifRecord } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { Cast } from '../../shared/ring/punt-reason.js';
import { INET6, lookupNeighbour, Neighbour } from '../../shared/table/neighbour.js';
import { makeNextHopRecord, NextHop, NextHopKind } from '../../shared/table/next-hop.js';
import { makeRoute4, makeRoute6 } from '../../shared/table/policy-rules.js';
import { ArpOp, arpOp, arpReply, arpSender, arpSenderHi, arpSenderLo, arpTarget } from '../../shared/wire/arp.js';
import { Ether, EtherType } from '../../shared/wire/ethernet.js';
import { checkIcmp, echoReply4, Icmp, IcmpType } from '../../shared/wire/icmp.js';
import { checkIcmp6, echoReply6, Icmp6Type } from '../../shared/wire/icmp6.js';
import { fragmentField, headerLength, Ipv4, Ipv4Fragment, source4, totalLength } from '../../shared/wire/ipv4.js';
import { Ipv6, payloadLength } from '../../shared/wire/ipv6.js';
import { checkNd, Nd, NdFault, NdFlag, NdOption, ndLink, ndReply } from '../../shared/wire/nd.js';
import { read32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { queueFrame } from '../burst.js';
import type { Context } from '../context.js';
import { type EthernetOutput, vportOutput } from '../ether/ethernet-output.js';
import { cutTo } from '../frame.js';

/** Replies of one worker. Each returns whether it took frame `i`. */
export interface Replies {
  /** A checked IPv4 packet at byte `ip` to an address of ours, received on `index`. */
  echo4(i: number, index: number, ip: number, cast: Cast): boolean;
  /** The same of IPv6. */
  echo6(i: number, index: number, ip: number, cast: Cast): boolean;
  /** An ARP frame received on `index`. */
  arp(i: number, index: number): boolean;
  /** A neighbour discovery message, received on `index`, behind the checked IPv6 header at byte `ip`. */
  nd(i: number, index: number, ip: number): boolean;
}

/** Makes the replies of one worker. */
export function makeReplies(ctx: Context, output: EthernetOutput): Replies {
  const { heap, meta, u8, u16, slots, length } = ctx;
  const route4 = makeRoute4(heap);
  const route6 = makeRoute6(heap);
  const nextHop = makeNextHopRecord(heap);

  function echo4(i: number, index: number, ip: number, cast: Cast): boolean {
    if (u8[ip + Ipv4.PROTOCOL] !== Protocol.ICMP || cast !== Cast.UNICAST || headerLength(u8, ip) !== Ipv4.LENGTH)
      return false;
    if ((fragmentField(u8, ip) & (Ipv4Fragment.MF | Ipv4Fragment.OFFSET)) !== 0) return false;
    const at = ip + Ipv4.LENGTH;
    const bytes = totalLength(u8, ip) - Ipv4.LENGTH;
    if (u8[at + Icmp.TYPE] !== IcmpType.ECHO || !checkIcmp(u8, u16, at, bytes)) return false;
    const to = source4(u8, ip);
    const hop = nextHop(heap[Control.NEXT_HOPS], route4(heap[ifRecord(index) + If.RDOMAIN], to));
    const target = targetOf(hop, to);
    if (target === 0) return false;
    const out = heap[hop + NextHop.INTERFACE];
    if (!fits(out, totalLength(u8, ip)) || !isReachable(out, target, 0, 0, 0)) return false;
    echoReply4(u8, u16, ip);
    output(i, index, ip, cast, out, target, 0, 0, 0);
    return true;
  }

  /** The IPv4 neighbour that a next hop leads to on the way to `to`; 0 if it is none to send to. */
  function targetOf(hop: number, to: number): number {
    if (heap[hop + NextHop.KIND] === NextHopKind.CONNECTED) return to;
    return heap[hop + NextHop.KIND] === NextHopKind.GATEWAY ? heap[hop + NextHop.GATEWAY] : 0;
  }

  function echo6(i: number, index: number, ip: number, cast: Cast): boolean {
    const at = ip + Ipv6.LENGTH;
    const bytes = payloadLength(u8, ip);
    if (u8[ip + Ipv6.NEXT_HEADER] !== Protocol.ICMPV6 || cast !== Cast.UNICAST || bytes < Icmp.LENGTH) return false;
    if (u8[at] !== Icmp6Type.ECHO || !checkIcmp6(u8, u16, ip, at, bytes)) return false;
    const s = ip + Ipv6.SOURCE;
    let a0 = read32(u8, s);
    let a1 = read32(u8, s + 4);
    let a2 = read32(u8, s + 8);
    let a3 = read32(u8, s + 12);
    const hop = nextHop(heap[Control.NEXT_HOPS], route6(heap[ifRecord(index) + If.RDOMAIN], a0, a1, a2, a3));
    const kind = heap[hop + NextHop.KIND];
    if (kind === NextHopKind.GATEWAY) {
      a0 = heap[hop + NextHop.GATEWAY];
      a1 = heap[hop + NextHop.GATEWAY + 1];
      a2 = heap[hop + NextHop.GATEWAY + 2];
      a3 = heap[hop + NextHop.GATEWAY + 3];
    } else if (kind !== NextHopKind.CONNECTED) return false;
    const out = heap[hop + NextHop.INTERFACE];
    if (!fits(out, Ipv6.LENGTH + bytes) || !isReachable(out | INET6, a0, a1, a2, a3)) return false;
    echoReply6(u8, u16, ip, at);
    output(i, index, ip, cast, out | INET6, a0, a1, a2, a3);
    return true;
  }

  function arp(i: number, index: number): boolean {
    const offset = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    if (arpOp(u16, offset, length[i], EtherType.ARP) !== ArpOp.REQUEST) return false;
    const record = ifRecord(index);
    const hop = nextHop(heap[Control.NEXT_HOPS], route4(heap[record + If.RDOMAIN], arpTarget(u16, offset)));
    if (heap[hop + NextHop.KIND] !== NextHopKind.LOCAL || heap[hop + NextHop.INTERFACE] !== index) return false;
    const sender = arpSender(u16, offset);
    const entry = lookupNeighbour(heap, heap[Control.NEIGHBOURS], index, sender, 0, 0, 0);
    if (entry === 0 || heap[entry + Neighbour.STALE] !== 0) return false;
    if (heap[entry + Neighbour.LO] !== arpSenderLo(u16, offset)) return false;
    if (heap[entry + Neighbour.HI] !== arpSenderHi(u16, offset)) return false;
    arpReply(u16, offset, heap[record + If.LLADDR_HI], heap[record + If.LLADDR_LO]);
    if (heap[record + If.TYPE] === IfType.VPORT) vportOutput(ctx, i, index);
    else queueFrame(ctx, i, index);
    return true;
  }

  /** A solicitation for an address of this interface that may be used, from a neighbour that is where it says. */
  function nd(i: number, index: number, ip: number): boolean {
    if (u8[ip + Ipv6.LENGTH] !== Icmp6Type.NEIGHBOUR_SOLICITATION) return false;
    const record = ifRecord(index);
    if (heap[record + If.TENTATIVE] !== 0) return false;
    const offset = ip - Ether.LENGTH;
    if (meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET] !== offset) return false; // Not of Ethernet.
    if (checkNd(u8, u16, ip) !== NdFault.NONE) return false;
    const t = ip + Ipv6.LENGTH + Nd.TARGET;
    const rdomain = heap[record + If.RDOMAIN];
    const hops = heap[Control.NEXT_HOPS];
    const hop = nextHop(hops, route6(rdomain, read32(u8, t), read32(u8, t + 4), read32(u8, t + 8), read32(u8, t + 12)));
    if (heap[hop + NextHop.KIND] !== NextHopKind.LOCAL || heap[hop + NextHop.INTERFACE] !== index) return false;
    const s = ip + Ipv6.SOURCE;
    const where = index | INET6;
    const table = heap[Control.NEIGHBOURS];
    const entry = lookupNeighbour(
      heap,
      table,
      where,
      read32(u8, s),
      read32(u8, s + 4),
      read32(u8, s + 8),
      read32(u8, s + 12),
    );
    if (entry === 0 || heap[entry + Neighbour.STALE] !== 0) return false;
    const w = (ndLink(u8, ip, NdOption.SOURCE_LINK) || offset + Ether.SRC) >> 1;
    if (heap[entry + Neighbour.HI] !== u16[w] || heap[entry + Neighbour.LO] !== (u16[w + 1] | (u16[w + 2] << 16)))
      return false;
    const flags = NdFlag.OVERRIDE | (heap[Control.FORWARD6] !== 0 ? NdFlag.ROUTER : 0);
    cutTo(ctx, i, ndReply(u8, u16, offset, heap[record + If.LLADDR_HI], heap[record + If.LLADDR_LO], flags));
    if (heap[record + If.TYPE] === IfType.VPORT) vportOutput(ctx, i, index);
    else queueFrame(ctx, i, index);
    return true;
  }

  /** Whether a packet of `bytes` goes out of interface `out` whole. */
  function fits(out: number, bytes: number): boolean {
    return bytes <= heap[ifRecord(out) + If.MTU];
  }

  /** Whether a reply can be sent at once. */
  function isReachable(where: number, a0: number, a1: number, a2: number, a3: number): boolean {
    if (heap[ifRecord(where & 0xffff) + If.TYPE] === IfType.RPORT) return true;
    return lookupNeighbour(heap, heap[Control.NEIGHBOURS], where, a0, a1, a2, a3) !== 0;
  }

  return { echo4, echo6, arp, nd };
}
