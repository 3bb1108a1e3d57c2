/**
 * An SRH at an address of ours that is no SID, as Linux takes it (spec B §1.8), with `srv6.compat=linux`; otherwise main answers as RFC 8754
 * §4.3.2 says. In this order:
 *
 *   1 seg6_enabled   of all interfaces and of the one that received it; else dropped in silence
 *   2 header, HMAC
 *   3 none left      an inner packet is as received by the same interface; anything else is main's, which passes the header
 *   4 some left      the next one is the destination: routed again; if it is ours too, that is a hop
 *
 * Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Control, If, ifRecord } from '../../shared/layout/heap.js';
import { Cast, PuntReason } from '../../shared/ring/punt-reason.js';
import { isHere, makeNextHopRecord, NextHop } from '../../shared/table/next-hop.js';
import { makeRoute6 } from '../../shared/table/policy-rules.js';
import { TimeExceededCode } from '../../shared/wire/icmp.js';
import { Icmp6Type, Problem6Code } from '../../shared/wire/icmp6.js';
import { copyAddress6, decrementHopLimit, Ipv6, payloadLength } from '../../shared/wire/ipv6.js';
import { read32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { SRH_TYPE, Srh, segmentAt, srhLength } from '../../shared/wire/srh.js';
import type { Context } from '../context.js';
import { drop } from '../drop.js';
import { beginAt, lessInFront } from '../frame.js';
import { Pass, passOn } from '../passes.js';
import { punt, puntError } from '../punt.js';
import type { SrhHmac } from './srv6-hmac.js';

/** Takes frame `i`, a checked packet at byte `ip` to an address of interface `index`'s domain, if it has an SRH. False if it has none. */
export type SrhLocal = (i: number, index: number, ip: number, cast: Cast) => boolean;

/** Makes it for one worker. */
export function makeSrhLocal(ctx: Context, hmac: SrhHmac): SrhLocal {
  const { heap, u8 } = ctx;
  const route6 = makeRoute6(heap);
  const nextHop = makeNextHopRecord(heap);

  function srhLocal(i: number, index: number, ip: number, cast: Cast): boolean {
    if (u8[ip + Ipv6.NEXT_HEADER] !== Protocol.ROUTING || heap[Control.SRV6_COMPAT] === 0) return false;
    const room = payloadLength(u8, ip);
    const srh = ip + Ipv6.LENGTH;
    if (room < Srh.SEGMENTS || u8[srh + Srh.TYPE] !== SRH_TYPE) return false;
    const enabled = heap[Control.SEG6_ENABLED] !== 0 && heap[ifRecord(index) + If.SEG6_ENABLED] !== 0;
    if (!enabled || srhLength(u8, srh) > room || cast !== Cast.UNICAST) {
      drop(ctx, i, index, Drop.SRV6_HEADER);
      return true;
    }
    const reason = hmac.check(index, ip, srh);
    if (reason !== -1) drop(ctx, i, index, reason);
    else if (u8[srh + Srh.SEGMENTS_LEFT] === 0) last(i, index, ip, srh, cast);
    else next(i, index, ip, srh);
    return true;
  }

  /** Step 3. */
  function last(i: number, index: number, ip: number, srh: number, cast: Cast): void {
    const protocol = u8[srh + Srh.NEXT_HEADER];
    if (protocol !== Protocol.IPV4 && protocol !== Protocol.IPV6) {
      punt(ctx, i, index, PuntReason.LOCAL, ip, cast);
      return;
    }
    const inner = srh + srhLength(u8, srh);
    beginAt(ctx, i, inner);
    lessInFront(ctx, i, inner - ip);
    passOn(ctx, i, index, protocol === Protocol.IPV4 ? Pass.INPUT4 : Pass.INPUT6, 0);
  }

  /** Step 4. */
  function next(i: number, index: number, ip: number, srh: number): void {
    if (u8[srh + Srh.SEGMENTS_LEFT] >= u8[srh + Srh.EXT_LENGTH] >> 1) {
      const pointer = Ipv6.LENGTH + Srh.SEGMENTS_LEFT;
      const type = Icmp6Type.PARAMETER_PROBLEM;
      puntError(ctx, i, index, ip, type, Problem6Code.FIELD, pointer, Drop.SRV6_HEADER);
      return;
    }
    const left = u8[srh + Srh.SEGMENTS_LEFT] - 1;
    u8[srh + Srh.SEGMENTS_LEFT] = left;
    copyAddress6(u8, ip + Ipv6.DESTINATION, u8, segmentAt(srh, left));
    if (isOurs(index, ip + Ipv6.DESTINATION)) {
      if (u8[ip + Ipv6.HOP_LIMIT] <= 1) {
        puntError(ctx, i, index, ip, Icmp6Type.TIME_EXCEEDED, TimeExceededCode.TRANSIT, 0, Drop.TTL);
        return;
      }
      decrementHopLimit(u8, ip);
    }
    beginAt(ctx, i, ip);
    passOn(ctx, i, index, Pass.INPUT6, 0);
  }

  /** Whether the address at byte `d` is ours in the domain of interface `index`. */
  function isOurs(index: number, d: number): boolean {
    const rdomain = heap[ifRecord(index) + If.RDOMAIN];
    const found = route6(rdomain, read32(u8, d), read32(u8, d + 4), read32(u8, d + 8), read32(u8, d + 12));
    return isHere(heap[nextHop(heap[Control.NEXT_HOPS], found) + NextHop.KIND]);
  }

  return srhLocal;
}
