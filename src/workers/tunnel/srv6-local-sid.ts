/**
 * Local SIDs: what an SRv6 endpoint does with a packet whose destination's route says so (RFC 8986 §4, spec B §1.3 and §2), in this
 * order:
 *
 *   0 domain       who is no node of the SR domain does not get through (table/srv6-domain.ts)
 *   1 headers      extension headers are passed; a routing header with segments left is what End goes by, and ends a decapsulation
 *   2 HMAC         the policy of the interface (srv6-hmac.ts)
 *   3 advance      End, End.X, End.T: hop limit, Segments Left, destination; the flavors PSP, USP, USD
 *   3 decapsulate  the others: the upper layer must be theirs; what the outer header has heard of congestion is passed on; it goes
 *   4 on           as received by the VRF or by the same interface, in another pass (passes.ts) where that may lead to a SID again; or by
 *                  the next hop that the SID names
 *
 * The outer hop limit is looked at by End alone. What is refused gets an ICMPv6 error from main, or none with `srv6.compat`. A VRF
 * that is gone is never another: its generation must be the one of when the SID was made. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Control, If, IfFlag, IfType, ifRecord } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { Cast } from '../../shared/ring/punt-reason.js';
import { isHere, makeNextHopRecord, NextHop } from '../../shared/table/next-hop.js';
import { makeRoute6 } from '../../shared/table/policy-rules.js';
import { SidAction, SidFlavor } from '../../shared/table/sid.js';
import { maySend } from '../../shared/table/srv6-domain.js';
import { carryEcn } from '../../shared/wire/ecn.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { TimeExceededCode } from '../../shared/wire/icmp.js';
import { Icmp6Type, Problem6Code } from '../../shared/wire/icmp6.js';
import { checkIpv4, destination4, Ipv4, Ipv4Fault, totalLength } from '../../shared/wire/ipv4.js';
import {
  checkForward6,
  checkIpv6,
  copyAddress6,
  Ipv6,
  Ipv6Fault,
  isLinkLocal6,
  isMulticast6,
  payloadLength,
} from '../../shared/wire/ipv6.js';
import { read16, read32, write16 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { Chain, ChainFault, SRH_TYPE, Srh, segmentAt, srhLength, walkChain } from '../../shared/wire/srh.js';
import { queueFrame } from '../burst.js';
import type { Context } from '../context.js';
import { drop } from '../drop.js';
import { vportOutput } from '../ether/ethernet-output.js';
import { beginAt, cutTo, lessInFront } from '../frame.js';
import type { IpInput } from '../inet/ip4-input.js';
import { Pass, passOn, settleSid } from '../passes.js';
import { puntError } from '../punt.js';
import type { SrhHmac } from './srv6-hmac.js';
import type { SidVia } from './srv6-via.js';
import type { VrfInput } from './vrf-input.js';

/** Takes frame `i`, a checked IPv6 packet at byte `ip` received on interface `index`, to the SID whose next hop's record is `hop`. */
export type LocalSid = (i: number, index: number, ip: number, cast: Cast, hop: number) => void;

/** Value of `If.SEG6_HMAC`: a packet without an SRH, and so without an HMAC, is not believed either. */
const SRH_REQUIRED = 2;

/** Least ethertype of an Ethernet II frame. */
const ETHERTYPE_LEAST = 0x0600;

/** What local SIDs go on by. */
export interface SidParts {
  readonly via: SidVia;
  readonly hmac: SrhHmac;
  readonly ip4Input: IpInput;
  readonly vrfInput: VrfInput;
}

/** Makes the local SIDs of one worker. */
export function makeLocalSid(ctx: Context, { via, hmac, ip4Input, vrfInput }: SidParts): LocalSid {
  const { heap, meta, u8, u16, slots, length, sid, sidBytes } = ctx;
  const route6 = makeRoute6(heap);
  const nextHop = makeNextHopRecord(heap);
  const chain = new Int32Array(Chain.WORDS);

  function localSid(i: number, index: number, ip: number, cast: Cast, hop: number): void {
    ctx.failed = false;
    const counter = heap[hop + NextHop.COUNTER];
    sid[i] = counter;
    if (counter !== 0) sidBytes[i] = Ipv6.LENGTH + payloadLength(u8, ip);
    const passes = ctx.passes;
    const inner = plain4(index, ip, cast, hop);
    if (inner !== 0) enter4(i, index, ip, inner, hop);
    else anySid(i, index, ip, cast, hop);
    // Of a frame that has another pass before it, that pass says how it ends.
    if (counter !== 0 && ctx.passes === passes) settleSid(ctx, i);
  }

  /**
   * Where the inner packet begins if this is what nearly all are, so that nothing but its VRF is left to look at: IPv4 for a VRF, alone or behind
   * a plain SRH, without a policy for HMACs, the domain or congestion. Else 0.
   */
  function plain4(index: number, ip: number, cast: Cast, hop: number): number {
    if ((heap[hop + NextHop.FLAGS] & SidFlavor.VRF4) === 0 || cast !== Cast.UNICAST) return 0;
    if ((heap[Control.SRV6_DOMAIN] | heap[Control.SRV6_ECN]) !== 0 || heap[ifRecord(index) + If.SEG6_HMAC] > 0)
      return 0;
    const next = u8[ip + Ipv6.NEXT_HEADER];
    const upper = ip + Ipv6.LENGTH;
    if (next === Protocol.IPV4) return upper;
    if (next !== Protocol.ROUTING || u8[upper + Srh.NEXT_HEADER] !== Protocol.IPV4) return 0;
    return isPlain(upper, payloadLength(u8, ip)) ? upper + srhLength(u8, upper) : 0;
  }

  /** Any behaviour and any packet. */
  function anySid(i: number, index: number, ip: number, cast: Cast, hop: number): void {
    const action = heap[hop + NextHop.FLAGS] & SidFlavor.ACTION_MASK;
    const domain = heap[Control.SRV6_DOMAIN];
    if (cast !== Cast.UNICAST) drop(ctx, i, index, Drop.L2_BROADCAST);
    else if (domain !== 0 && !maySend(heap, domain, u8, ip + Ipv6.SOURCE)) drop(ctx, i, index, Drop.SRV6_DOMAIN);
    else if (action <= SidAction.END_T) endpoint(i, index, ip, hop, action);
    else decapsulate(i, index, ip, hop, action);
  }

  /** Steps 1 to 3 of what decapsulates. */
  function decapsulate(i: number, index: number, ip: number, hop: number, action: SidAction): void {
    let upper: number = Ipv6.LENGTH;
    let protocol = u8[ip + Ipv6.NEXT_HEADER];
    if (
      protocol === Protocol.ROUTING &&
      heap[ifRecord(index) + If.SEG6_HMAC] <= 0 &&
      isPlain(ip + Ipv6.LENGTH, payloadLength(u8, ip))
    ) {
      upper += srhLength(u8, ip + Ipv6.LENGTH);
      protocol = u8[ip + Ipv6.LENGTH + Srh.NEXT_HEADER];
    } else if (protocol !== Protocol.IPV4 && protocol !== Protocol.IPV6 && protocol !== Protocol.ETHERNET) {
      if (!walked(i, index, ip, heap[Control.SRV6_COMPAT] !== 0)) return;
      if (chain[Chain.ACTIVE] !== 0) {
        const pointer = chain[Chain.ACTIVE] + Srh.SEGMENTS_LEFT;
        problem(i, index, ip, Problem6Code.FIELD, pointer, Drop.SRV6_HEADER);
        return;
      }
      if (!believed(i, index, ip, chain[Chain.SRH])) return;
      upper = chain[Chain.UPPER];
      protocol = chain[Chain.PROTOCOL];
    } else if (heap[ifRecord(index) + If.SEG6_HMAC] === SRH_REQUIRED) {
      drop(ctx, i, index, Drop.SRV6_HMAC);
      return;
    }
    if (!takes(action, protocol)) problem(i, index, ip, Problem6Code.UPPER_LAYER, upper, Drop.SRV6_UPPER);
    else if (!hearsOf(ip, ip + upper, protocol)) drop(ctx, i, index, Drop.SRV6_ECN);
    else if (action === SidAction.END_DX2) bridge(i, index, ip, ip + upper, hop);
    else if (action === SidAction.END_DX4) cross4(i, index, ip, ip + upper, hop);
    else if (action === SidAction.END_DX6) cross6(i, index, ip, ip + upper, hop);
    else if (action === SidAction.END_DT6 && (heap[hop + NextHop.FLAGS] & SidFlavor.VRF) === 0)
      table6(i, index, ip, ip + upper, hop);
    else if (protocol === Protocol.IPV4) enter4(i, index, ip, ip + upper, hop);
    else enter6(i, index, ip, ip + upper, hop);
  }

  /**
   * Whether the routing header at byte `srh`, `room` bytes before the packet's end, is what nearly all are: an SRH without TLVs and with no
   * segments left, in front of a packet or frame. Where no HMAC is required, it is then as good as walked.
   */
  function isPlain(srh: number, room: number): boolean {
    if (room < Srh.SEGMENTS) return false;
    const units = u8[srh + Srh.EXT_LENGTH];
    if (units !== (u8[srh + Srh.LAST_ENTRY] + 1) << 1 || (units + 1) << 3 > room) return false;
    if (u8[srh + Srh.TYPE] !== SRH_TYPE || u8[srh + Srh.SEGMENTS_LEFT] !== 0) return false;
    const next = u8[srh + Srh.NEXT_HEADER];
    return next === Protocol.IPV4 || next === Protocol.IPV6 || next === Protocol.ETHERNET;
  }

  /** Whether a behaviour decapsulates that protocol. */
  function takes(action: SidAction, protocol: number): boolean {
    if (protocol === Protocol.IPV4)
      return action === SidAction.END_DT4 || action === SidAction.END_DX4 || action === SidAction.END_DT46;
    if (protocol === Protocol.IPV6)
      return action === SidAction.END_DT6 || action === SidAction.END_DX6 || action === SidAction.END_DT46;
    return protocol === Protocol.ETHERNET && action === SidAction.END_DX2;
  }

  /** Lets the packet at byte `inner` hear of congestion on its way, where that is asked for. False if it is to be dropped (RFC 6040 §4.2). */
  function hearsOf(ip: number, inner: number, protocol: number): boolean {
    if (heap[Control.SRV6_ECN] === 0 || protocol === Protocol.ETHERNET) return true;
    const room = ip + Ipv6.LENGTH + payloadLength(u8, ip) - inner;
    return room < Ipv4.LENGTH || carryEcn(u8, u16, ip, inner, protocol === Protocol.IPV4 ? 4 : 6);
  }

  /** The inner IPv4 packet at byte `inner` enters the VRF of the SID: no hop of its own, as what leads back to a SID is one. */
  function enter4(i: number, index: number, ip: number, inner: number, hop: number): void {
    const vrf = heap[hop + NextHop.INTERFACE];
    if (!isThere(i, index, vrf, hop)) return;
    lessInFront(ctx, i, inner - ip);
    const room = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET] + length[i] - inner;
    if (vrfInput.v4(i, vrf, inner, room)) ip4Input(i, vrf, inner, Cast.UNICAST);
  }

  /** The same of IPv6. */
  function enter6(i: number, index: number, ip: number, inner: number, hop: number): void {
    const vrf = heap[hop + NextHop.INTERFACE];
    if (!isThere(i, index, vrf, hop)) return;
    uncover(i, ip, inner);
    passOn(ctx, i, vrf, Pass.VRF6, 0);
  }

  /** Whether the VRF that the SID was made for still is, and runs; else the packet is dropped. */
  function isThere(i: number, index: number, vrf: number, hop: number): boolean {
    const record = ifRecord(vrf);
    if (vrf === 0 || heap[record + If.GENERATION] !== heap[hop + NextHop.GENERATION])
      drop(ctx, i, index, Drop.VRF_MISSING);
    else if ((heap[record + If.FLAGS] & IfFlag.RUNNING) === 0) drop(ctx, i, vrf, Drop.NOTRUNNING);
    else return true;
    return false;
  }

  /** End.DT6 without a VRF: by the routes of a table, as if it had come in where it did. */
  function table6(i: number, index: number, ip: number, inner: number, hop: number): void {
    if (!inner6(i, index, ip, inner)) return;
    const d = inner + Ipv6.DESTINATION;
    const d3 = read32(u8, d + 12);
    via.v6(i, index, inner, heap[hop + NextHop.TABLE], 0, read32(u8, d), read32(u8, d + 4), read32(u8, d + 8), d3);
  }

  /** End.DX4: to the next hop of the SID, or by the inner destination. */
  function cross4(i: number, index: number, ip: number, inner: number, hop: number): void {
    const to = heap[hop + NextHop.GATEWAY];
    if (to === 0) {
      uncover(i, ip, inner);
      passOn(ctx, i, index, Pass.INPUT4, 0);
    } else if (inner4(i, index, ip, inner)) {
      via.v4(i, index, inner, domainOf(index, hop), to);
    }
  }

  /** End.DX6. */
  function cross6(i: number, index: number, ip: number, inner: number, hop: number): void {
    const g = hop + NextHop.GATEWAY;
    if ((heap[g] | heap[g + 1] | heap[g + 2] | heap[g + 3]) === 0) {
      inside6(i, index, ip, inner);
    } else if (inner6(i, index, ip, inner)) {
      via.v6(i, index, inner, domainOf(index, hop), 0, heap[g], heap[g + 1], heap[g + 2], heap[g + 3]);
    }
  }

  /** End.DX2: the inner frame leaves as it is. */
  function bridge(i: number, index: number, ip: number, inner: number, hop: number): void {
    const oif = heap[hop + NextHop.INTERFACE];
    const record = ifRecord(oif);
    uncover(i, ip, inner);
    const there = oif !== 0 && heap[record + If.GENERATION] === heap[hop + NextHop.GENERATION];
    if (!there || (heap[record + If.FLAGS] & IfFlag.RUNNING) === 0) drop(ctx, i, index, Drop.NOTRUNNING);
    else if (length[i] < Ether.LENGTH || read16(u8, inner + Ether.TYPE) < ETHERTYPE_LEAST)
      drop(ctx, i, index, Drop.SRV6_UPPER);
    else if (length[i] - Ether.LENGTH > heap[record + If.MTU]) drop(ctx, i, index, Drop.TOO_BIG);
    else if (heap[record + If.TYPE] === IfType.VPORT) vportOutput(ctx, i, oif);
    else queueFrame(ctx, i, oif);
  }

  /** End, End.X, End.T: steps 1 to 4. */
  function endpoint(i: number, index: number, ip: number, hop: number, action: SidAction): void {
    if (!walked(i, index, ip, false)) return;
    const srh = chain[Chain.ACTIVE] === 0 ? chain[Chain.SRH] : chain[Chain.ACTIVE];
    const compat = heap[Control.SRV6_COMPAT] !== 0;
    if (!believed(i, index, ip, srh)) return;
    if (chain[Chain.ACTIVE] === 0) {
      last(i, index, ip, hop, action);
      return;
    }
    if (!compat && u8[ip + Ipv6.HOP_LIMIT] <= 1) {
      puntError(ctx, i, index, ip, Icmp6Type.TIME_EXCEEDED, TimeExceededCode.TRANSIT, 0, Drop.TTL);
      return;
    }
    const left = u8[ip + srh + Srh.SEGMENTS_LEFT] - 1;
    const flavors = heap[hop + NextHop.FLAGS] >>> SidFlavor.SHIFT;
    if (left === 0 && (flavors & SidFlavor.PSP) !== 0 && chain[Chain.SEALED] !== 0) {
      drop(ctx, i, index, Drop.SRV6_HEADER);
      return;
    }
    u8[ip + srh + Srh.SEGMENTS_LEFT] = left;
    copyAddress6(u8, ip + Ipv6.DESTINATION, u8, segmentAt(ip + srh, left));
    let at = ip;
    if (left === 0 && (flavors & SidFlavor.PSP) !== 0) at = withoutSrh(i, ip, srh, chain[Chain.ACTIVE_BEFORE]);
    onward(i, index, at, hop, action);
  }

  /** Step 4 of End and its like, with the destination that is next. */
  function onward(i: number, index: number, ip: number, hop: number, action: SidAction): void {
    const g = hop + NextHop.GATEWAY;
    if (action === SidAction.END_X) {
      const oif = heap[hop + NextHop.INTERFACE];
      const gone = heap[ifRecord(oif) + If.GENERATION] !== heap[hop + NextHop.GENERATION];
      if (oif !== 0 && gone) drop(ctx, i, index, Drop.NOTRUNNING);
      else via.v6(i, index, ip, domainOf(index, hop), oif, heap[g], heap[g + 1], heap[g + 2], heap[g + 3]);
      return;
    }
    const d = ip + Ipv6.DESTINATION;
    if (action === SidAction.END_T || domainOf(index, hop) !== heap[ifRecord(index) + If.RDOMAIN]) {
      const d3 = read32(u8, d + 12);
      via.v6(i, index, ip, heap[hop + NextHop.TABLE], 0, read32(u8, d), read32(u8, d + 4), read32(u8, d + 8), d3);
      return;
    }
    if (heap[Control.SRV6_COMPAT] !== 0 && isOurs(index, d)) {
      // Linux's route to an address of its own leads to the loopback, and there such a packet ends (B50).
      drop(ctx, i, index, Drop.BLACKHOLE);
      return;
    }
    beginAt(ctx, i, ip);
    passOn(ctx, i, index, Pass.INPUT6, 0);
  }

  /**
   * The domain in which a SID sends on what came in by interface `index`: the interface's, but the SID's own where a tenant's packet was
   * encapsulated here and the first segment is a SID of ours: its outer header is the underlay's. (From domain 0 policy rules may lead to the
   * SIDs of other tables, and go on holding.)
   */
  function domainOf(index: number, hop: number): number {
    const from = heap[ifRecord(index) + If.RDOMAIN];
    return from === 0 ? from : heap[hop + NextHop.TABLE];
  }

  /** No segments left: USP takes the used SRH away, USD the outer headers; else the upper layer is not for a SID (RFC 8986 §4.1.1). */
  function last(i: number, index: number, ip: number, hop: number, action: SidAction): void {
    const flavors = heap[hop + NextHop.FLAGS] >>> SidFlavor.SHIFT;
    let at = ip;
    let upper = chain[Chain.UPPER];
    const protocol = chain[Chain.PROTOCOL];
    const srh = chain[Chain.SRH];
    if (srh !== 0 && (flavors & SidFlavor.USP) !== 0 && chain[Chain.SEALED] === 0) {
      const bytes = srhLength(u8, ip + srh);
      at = withoutSrh(i, ip, srh, chain[Chain.BEFORE]);
      upper -= bytes;
    }
    const inner = protocol === Protocol.IPV4 || protocol === Protocol.IPV6;
    if (!inner || (flavors & SidFlavor.USD) === 0) {
      problem(i, index, at, Problem6Code.UPPER_LAYER, upper, Drop.SRV6_UPPER);
    } else if (!hearsOf(at, at + upper, protocol)) {
      drop(ctx, i, index, Drop.SRV6_ECN);
    } else if (protocol === Protocol.IPV6 && action !== SidAction.END) {
      if (inner6(i, index, at, at + upper)) onward(i, index, at + upper, hop, action);
    } else if (protocol === Protocol.IPV6) {
      inside6(i, index, at, at + upper);
    } else if (action === SidAction.END_T) {
      if (inner4(i, index, at, at + upper)) {
        via.v4(i, index, at + upper, heap[hop + NextHop.TABLE], destination4(u8, at + upper));
      }
    } else {
      uncover(i, at, at + upper);
      passOn(ctx, i, index, Pass.INPUT4, 0);
    }
  }

  /**
   * The inner packet is as received by the same interface, where its own destination leads it. But it has not come by that link: one for the
   * link alone, such as neighbour discovery, whose hop limit of 255 was to prove that (RFC 4861 §11.2), ends here.
   */
  function inside6(i: number, index: number, ip: number, inner: number): void {
    uncover(i, ip, inner);
    const to = inner + Ipv6.DESTINATION;
    if (length[i] >= Ipv6.LENGTH && (isLinkLocal6(u8, to) || isMulticast6(u8, to))) {
      drop(ctx, i, index, Drop.IP6_LINK_LOCAL);
    } else passOn(ctx, i, index, Pass.INPUT6, 0);
  }

  /** Takes the SRH at `srh`, which the byte at `before` names, out of a packet. Returns where the packet begins now. */
  function withoutSrh(i: number, ip: number, srh: number, before: number): number {
    const bytes = srhLength(u8, ip + srh);
    u8[ip + before] = u8[ip + srh];
    write16(u8, ip + Ipv6.PAYLOAD_LENGTH, payloadLength(u8, ip) - bytes);
    u8.copyWithin(ip + bytes, ip, ip + srh);
    beginAt(ctx, i, ip + bytes);
    lessInFront(ctx, i, bytes);
    return ip + bytes;
  }

  /** Walks the headers. False if the packet is done with. */
  function walked(i: number, index: number, ip: number, lenient: boolean): boolean {
    const fault = walkChain(u8, ip, payloadLength(u8, ip), lenient, chain);
    if (fault === ChainFault.NONE) return true;
    if (fault === ChainFault.ROUTING_TYPE || fault === ChainFault.SRH)
      problem(i, index, ip, Problem6Code.FIELD, chain[Chain.POINTER], Drop.SRV6_HEADER);
    else drop(ctx, i, index, Drop.SRV6_HEADER);
    return false;
  }

  /** Step 2; `srh` is 0 where there is none. False if the packet is done with. */
  function believed(i: number, index: number, ip: number, srh: number): boolean {
    const lacks = srh === 0 && heap[ifRecord(index) + If.SEG6_HMAC] === SRH_REQUIRED;
    const reason = lacks ? Drop.SRV6_HMAC : srh === 0 ? -1 : hmac.check(index, ip, ip + srh);
    if (reason === -1) return true;
    drop(ctx, i, index, reason);
    return false;
  }

  /** Ends a packet with a Parameter Problem; Linux says nothing. */
  function problem(i: number, index: number, ip: number, code: Problem6Code, pointer: number, reason: Drop): void {
    if (heap[Control.SRV6_COMPAT] !== 0) drop(ctx, i, index, reason);
    else puntError(ctx, i, index, ip, Icmp6Type.PARAMETER_PROBLEM, code, pointer, reason);
  }

  /** The frame, whose packet is at byte `ip`, begins at its inner packet. */
  function uncover(i: number, ip: number, inner: number): void {
    beginAt(ctx, i, inner);
    lessInFront(ctx, i, inner - ip);
  }

  /** Uncovers an inner IPv4 packet and checks it as a received one. False if it is done with. */
  function inner4(i: number, index: number, ip: number, inner: number): boolean {
    uncover(i, ip, inner);
    if (checkIpv4(u8, u16, inner, length[i]) !== Ipv4Fault.NONE) {
      drop(ctx, i, index, Drop.IP_HEADER);
      return false;
    }
    cutTo(ctx, i, totalLength(u8, inner));
    return true;
  }

  /** The same of IPv6. */
  function inner6(i: number, index: number, ip: number, inner: number): boolean {
    uncover(i, ip, inner);
    if (checkIpv6(u8, inner, length[i]) !== Ipv6Fault.NONE || checkForward6(u8, inner) !== Ipv6Fault.NONE) {
      drop(ctx, i, index, Drop.IP_HEADER);
      return false;
    }
    cutTo(ctx, i, Ipv6.LENGTH + payloadLength(u8, inner));
    return true;
  }

  /** Whether the address at byte `d` is ours in the domain of interface `index`. */
  function isOurs(index: number, d: number): boolean {
    const rdomain = heap[ifRecord(index) + If.RDOMAIN];
    const found = route6(rdomain, read32(u8, d), read32(u8, d + 4), read32(u8, d + 8), read32(u8, d + 12));
    return isHere(heap[nextHop(heap[Control.NEXT_HOPS], found) + NextHop.KIND]);
  }

  return localSid;
}
