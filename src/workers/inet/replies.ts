/**
 * Replies that need no state: echo to an address of ours, ARP and neighbour solicitations for one, from a neighbour that is known (house.md, "Threads"). For
 * an address that is proxied only who asks us alone is answered, as others are answered late. All else, and whoever is not known yet, is
 * main's. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Control, If, IfType, ifRecord, Look } from '../../shared/layout/heap.js';
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
import { Ipv6, isLinkLocal6, isMulticast6, payloadLength, sameAddress6 } from '../../shared/wire/ipv6.js';
import { checkNd, Nd, NdFault, NdFlag, NdOption, ndLink, ndReply, ndReplyFor } from '../../shared/wire/nd.js';
import { read32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { queueFrame } from '../burst.js';
import type { Context } from '../context.js';
import { drop } from '../drop.js';
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
  /** Whether neighbour discovery on `index` for the address at byte `at` is answered by us for another interface's neighbour. */
  isProxied(index: number, at: number): boolean;
}

/** Whose an address that is asked for is. */
const enum Whose {
  NOBODYS = 0,
  OURS = 1,
  /** Of somebody behind another interface, for whom we answer. */
  PROXIED = 2,
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

  /** Whose an address is that somebody on `index` asks for, and that `hop` leads to. A group of next hops is main's. */
  function whose(index: number, hop: number, proxies: boolean): Whose {
    const kind = heap[hop + NextHop.KIND];
    const here = heap[hop + NextHop.INTERFACE] === index;
    if (kind === NextHopKind.LOCAL) return here ? Whose.OURS : Whose.NOBODYS;
    const leads = kind === NextHopKind.CONNECTED || kind === NextHopKind.GATEWAY || kind === NextHopKind.ENCAP;
    return proxies && leads && !here ? Whose.PROXIED : Whose.NOBODYS;
  }

  function arp(i: number, index: number): boolean {
    const offset = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    if (arpOp(u16, offset, length[i], EtherType.ARP) !== ArpOp.REQUEST) return false;
    const record = ifRecord(index);
    const target = arpTarget(u16, offset);
    const sender = arpSender(u16, offset);
    const alone = (u8[offset + Ether.DST] & 1) === 0 && sender !== target;
    const proxies = alone && (heap[record + If.LOOKS] & Look.PROXY_ARP) !== 0 && heap[Control.FORWARD4] !== 0;
    const hop = nextHop(heap[Control.NEXT_HOPS], route4(heap[record + If.RDOMAIN], target));
    if (whose(index, hop, proxies) === Whose.NOBODYS) return false;
    const entry = lookupNeighbour(heap, heap[Control.NEIGHBOURS], index, sender, 0, 0, 0);
    if (entry === 0 || heap[entry + Neighbour.STALE] !== 0) return false;
    if (heap[entry + Neighbour.LO] !== arpSenderLo(u16, offset)) return false;
    if (heap[entry + Neighbour.HI] !== arpSenderHi(u16, offset)) return false;
    arpReply(u16, offset, heap[record + If.LLADDR_HI], heap[record + If.LLADDR_LO]);
    send(i, index);
    return true;
  }

  /** A solicitation for an address of this interface that may be used, or is proxied, from a neighbour that is where it says. */
  function nd(i: number, index: number, ip: number): boolean {
    if (u8[ip + Ipv6.LENGTH] !== Icmp6Type.NEIGHBOUR_SOLICITATION) return false;
    const record = ifRecord(index);
    if (heap[record + If.TENTATIVE] !== 0) return false;
    const offset = ip - Ether.LENGTH;
    if (meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET] !== offset) return false; // Not of Ethernet.
    if (checkNd(u8, u16, ip) !== NdFault.NONE) return false;
    const t = ip + Ipv6.LENGTH + Nd.TARGET;
    const alone = !isMulticast6(u8, ip + Ipv6.DESTINATION);
    const asked = isLinkLocal6(u8, t) ? linkLocal(record, t) : whoseOf6(index, t, alone);
    if (asked === Whose.NOBODYS || !isKnown(index, ip)) return false;
    const router = heap[Control.FORWARD6] !== 0 ? NdFlag.ROUTER : 0;
    const hi = heap[record + If.LLADDR_HI];
    const lo = heap[record + If.LLADDR_LO];
    const own = record + If.LINK_LOCAL;
    if (asked === Whose.OURS) cutTo(ctx, i, ndReply(u8, u16, offset, hi, lo, NdFlag.OVERRIDE | router));
    else if (heap[own] === 0 || sameAddress6(u8, t, u8, ip + Ipv6.SOURCE)) return false;
    else {
      const bytes = ndReplyFor(u8, u16, offset, hi, lo, router, heap[own], heap[own + 1], heap[own + 2], heap[own + 3]);
      cutTo(ctx, i, bytes);
    }
    send(i, index);
    return true;
  }

  /** Whose the global address at byte `at` is. */
  function whoseOf6(index: number, at: number, alone: boolean): Whose {
    const record = ifRecord(index);
    const proxies = alone && (heap[record + If.LOOKS] & Look.PROXY_ND) !== 0 && heap[Control.FORWARD6] !== 0;
    const rdomain = heap[record + If.RDOMAIN];
    const found = route6(rdomain, read32(u8, at), read32(u8, at + 4), read32(u8, at + 8), read32(u8, at + 12));
    return whose(index, nextHop(heap[Control.NEXT_HOPS], found), proxies);
  }

  function isProxied(index: number, at: number): boolean {
    return whoseOf6(index, at, true) === Whose.PROXIED;
  }

  /** Whether the link-local address at byte `at` is the interface's. */
  function linkLocal(record: number, at: number): Whose {
    const own = record + If.LINK_LOCAL;
    const same =
      heap[own + 3] === read32(u8, at + 12) &&
      heap[own + 2] === read32(u8, at + 8) &&
      heap[own + 1] === read32(u8, at + 4) &&
      heap[own] === read32(u8, at);
    return same ? Whose.OURS : Whose.NOBODYS;
  }

  /** Whether the sender of a solicitation is a neighbour that we know there. */
  function isKnown(index: number, ip: number): boolean {
    const s = ip + Ipv6.SOURCE;
    const table = heap[Control.NEIGHBOURS];
    const s1 = read32(u8, s + 4);
    const s2 = read32(u8, s + 8);
    const s3 = read32(u8, s + 12);
    const entry = lookupNeighbour(heap, table, index | INET6, read32(u8, s), s1, s2, s3);
    if (entry === 0 || heap[entry + Neighbour.STALE] !== 0) return false;
    const w = (ndLink(u8, ip, NdOption.SOURCE_LINK) || ip - Ether.LENGTH + Ether.SRC) >> 1;
    return heap[entry + Neighbour.HI] === u16[w] && heap[entry + Neighbour.LO] === (u16[w + 1] | (u16[w + 2] << 16));
  }

  /** Sends a frame back by the interface that it came in by; a bridge's port is not the stack's to send by (A50). */
  function send(i: number, index: number): void {
    const record = ifRecord(index);
    if (heap[record + If.TYPE] === IfType.VPORT) vportOutput(ctx, i, index);
    else if (heap[record + If.BRIDGE] !== 0) drop(ctx, i, index, Drop.BRIDGE_PORT);
    else queueFrame(ctx, i, index);
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

  return { echo4, echo6, arp, nd, isProxied };
}
