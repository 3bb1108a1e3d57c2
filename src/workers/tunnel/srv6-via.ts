/**
 * A packet of a SID on to a next hop that its own destination does not lead to: the one the SID names, or that of another table (spec
 * B §2.3 to §2.6). The route, TTL, MTU and neighbour as in plain forwarding; main, which would route it by its destination, is
 * told the error to send or the neighbour to find. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Control, If, IfType, ifRecord } from '../../shared/layout/heap.js';
import { Cast, PuntVia } from '../../shared/ring/punt-reason.js';
import { INET6, lookupNeighbour } from '../../shared/table/neighbour.js';
import { makeNextHopRecord, NextHop, NextHopKind, pickMember } from '../../shared/table/next-hop.js';
import { makeRoute4, makeRoute6 } from '../../shared/table/policy-rules.js';
import { IcmpType, TimeExceededCode, UnreachableCode } from '../../shared/wire/icmp.js';
import { Icmp6Type, Unreachable6Code } from '../../shared/wire/icmp6.js';
import { decrementTtl, destination4, fragmentField, Ipv4, Ipv4Fragment, totalLength } from '../../shared/wire/ipv4.js';
import { decrementHopLimit, flowLabel, Ipv6, payloadLength } from '../../shared/wire/ipv6.js';
import { write32 } from '../../shared/wire/network-order.js';
import type { Context } from '../context.js';
import { drop } from '../drop.js';
import type { EthernetOutput } from '../ether/ethernet-output.js';
import { beginAt } from '../frame.js';
import type { LocalInput } from '../inet/local-input.js';
import { packetSize } from '../packet-size.js';
import { Pass, passOn } from '../passes.js';
import { puntError, puntVia } from '../punt.js';

/** The ways on of one worker, for the checked packet of frame `i` at byte `ip`, that came in on interface `index`. */
export interface SidVia {
  /** IPv6: by the route of an address in a domain, or with `oif` to that address there. */
  v6(
    i: number,
    index: number,
    ip: number,
    rdomain: number,
    oif: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): void;
  /** IPv4: by the route of an address in a domain; it is for us only if that is its own destination. */
  v4(i: number, index: number, ip: number, rdomain: number, w0: number): void;
}

/** Makes the ways on of one worker. */
export function makeSidVia(ctx: Context, output: EthernetOutput, local: LocalInput): SidVia {
  const { heap, u8, u16 } = ctx;
  const route4 = makeRoute4(heap);
  const route6 = makeRoute6(heap);
  const nextHop = makeNextHopRecord(heap);

  function v6(
    i: number,
    index: number,
    ip: number,
    rdomain: number,
    oif: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): void {
    if (oif !== 0) {
      send6(i, index, ip, oif, w0, w1, w2, w3);
      return;
    }
    const hops = heap[Control.NEXT_HOPS];
    let hop = nextHop(hops, route6(rdomain, w0, w1, w2, w3));
    if (heap[hop + NextHop.KIND] === NextHopKind.ECMP) hop = nextHop(hops, pickMember(heap, hop, flowLabel(u8, ip)));
    const out = heap[hop + NextHop.INTERFACE];
    switch (heap[hop + NextHop.KIND]) {
      case NextHopKind.CONNECTED:
      case NextHopKind.GATEWAY:
        if (heap[ifRecord(out) + If.GENERATION] !== heap[hop + NextHop.GENERATION]) drop(ctx, i, index, Drop.NO_ROUTE);
        else if (heap[hop + NextHop.KIND] === NextHopKind.CONNECTED) send6(i, index, ip, out, w0, w1, w2, w3);
        else {
          const g = hop + NextHop.GATEWAY;
          send6(i, index, ip, out, heap[g], heap[g + 1], heap[g + 2], heap[g + 3]);
        }
        return;
      case NextHopKind.LOCAL:
        local.v6(i, index, ip, Cast.UNICAST);
        return;
      case NextHopKind.ANYCAST:
        local.anycast(i, index, ip, Cast.UNICAST);
        return;
      case NextHopKind.SID:
        beginAt(ctx, i, ip);
        passOn(ctx, i, index, Pass.SID, hop);
        return;
      case NextHopKind.ENCAP:
        beginAt(ctx, i, ip);
        passOn(ctx, i, index, Pass.ENCAP6, hop);
        return;
      case NextHopKind.BLACKHOLE:
        drop(ctx, i, index, Drop.BLACKHOLE);
        return;
      default:
        puntError(ctx, i, index, ip, Icmp6Type.UNREACHABLE, Unreachable6Code.NO_ROUTE, 0, Drop.NO_ROUTE);
    }
  }

  function send6(
    i: number,
    index: number,
    ip: number,
    out: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): void {
    const total = Ipv6.LENGTH + payloadLength(u8, ip);
    const mtu = heap[ifRecord(out) + If.MTU];
    if (heap[Control.FORWARD6] === 0) drop(ctx, i, index, Drop.FORWARDING_OFF);
    else if (u8[ip + Ipv6.HOP_LIMIT] <= 1)
      puntError(ctx, i, index, ip, Icmp6Type.TIME_EXCEEDED, TimeExceededCode.TRANSIT, 0, Drop.TTL);
    else if (total > mtu && packetSize(ctx, i, ip, total) > mtu)
      puntError(ctx, i, index, ip, Icmp6Type.TOO_BIG, 0, mtu, Drop.TOO_BIG);
    else {
      decrementHopLimit(u8, ip);
      if (isReachable(out | INET6, w0, w1, w2, w3)) output(i, index, ip, Cast.UNICAST, out | INET6, w0, w1, w2, w3);
      else {
        const at = ip - PuntVia.BYTES + PuntVia.ADDRESS;
        write32(u8, at, w0);
        write32(u8, at + 4, w1);
        write32(u8, at + 8, w2);
        write32(u8, at + 12, w3);
        puntVia(ctx, i, index, ip, out);
      }
    }
  }

  function v4(i: number, index: number, ip: number, rdomain: number, w0: number): void {
    const hops = heap[Control.NEXT_HOPS];
    let hop = nextHop(hops, route4(rdomain, w0));
    if (heap[hop + NextHop.KIND] === NextHopKind.ECMP) hop = nextHop(hops, pickMember(heap, hop, w0));
    const kind = heap[hop + NextHop.KIND];
    const out = heap[hop + NextHop.INTERFACE];
    if (kind === NextHopKind.BLACKHOLE) drop(ctx, i, index, Drop.BLACKHOLE);
    else if (kind === NextHopKind.LOCAL && w0 === destination4(u8, ip)) local.v4(i, index, ip, Cast.UNICAST);
    else if (kind === NextHopKind.ENCAP) {
      beginAt(ctx, i, ip);
      passOn(ctx, i, index, Pass.ENCAP4, hop);
    } else if (kind !== NextHopKind.CONNECTED && kind !== NextHopKind.GATEWAY)
      puntError(ctx, i, index, ip, IcmpType.UNREACHABLE, UnreachableCode.NET, 0, Drop.NO_ROUTE);
    else if (heap[ifRecord(out) + If.GENERATION] !== heap[hop + NextHop.GENERATION]) drop(ctx, i, index, Drop.NO_ROUTE);
    else send4(i, index, ip, out, kind === NextHopKind.CONNECTED ? w0 : heap[hop + NextHop.GATEWAY]);
  }

  function send4(i: number, index: number, ip: number, out: number, w0: number): void {
    const total = totalLength(u8, ip);
    const mtu = heap[ifRecord(out) + If.MTU];
    if (heap[Control.FORWARD4] === 0) drop(ctx, i, index, Drop.FORWARDING_OFF);
    else if (u8[ip + Ipv4.TTL] <= 1)
      puntError(ctx, i, index, ip, IcmpType.TIME_EXCEEDED, TimeExceededCode.TRANSIT, 0, Drop.TTL);
    else if (total > mtu && packetSize(ctx, i, ip, total) > mtu && (fragmentField(u8, ip) & Ipv4Fragment.DF) !== 0)
      puntError(ctx, i, index, ip, IcmpType.UNREACHABLE, UnreachableCode.FRAGMENTATION_NEEDED, mtu, Drop.TOO_BIG);
    else {
      decrementTtl(u8, u16, ip);
      const fits = total <= mtu || packetSize(ctx, i, ip, total) <= mtu;
      if (fits && isReachable(out, w0, 0, 0, 0)) output(i, index, ip, Cast.UNICAST, out, w0, 0, 0, 0);
      else {
        // Main cuts what does not fit.
        write32(u8, ip - PuntVia.BYTES + PuntVia.ADDRESS, w0);
        puntVia(ctx, i, index, ip, out);
      }
    }
  }

  /** Whether a worker can send to it at once. */
  function isReachable(where: number, w0: number, w1: number, w2: number, w3: number): boolean {
    if (heap[ifRecord(where & 0xffff) + If.TYPE] === IfType.RPORT) return true;
    return lookupNeighbour(heap, heap[Control.NEIGHBOURS], where, w0, w1, w2, w3) !== 0;
  }

  return { v6, v4 };
}
