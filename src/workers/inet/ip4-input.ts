/**
 * IPv4 input and forwarding (spec B §5.1, §5.2), in this order:
 *
 *   1 header        each fault has its drop reason; a malformed option gets an answer from main
 *   2 trim          padding of the link goes
 *   3 VRF           of a port of one: it receives the packet too
 *   4 group?        255.255.255.255 is ours, multicast is nobody's
 *   5 source ours?  drop(martian-source)
 *   6 route         of the rdomain it was received in: local, broadcast, on, or nowhere
 *   7 forward       l2 broadcast, forwarding off, router alert, TTL, MTU, redirect; TTL less one; out
 *
 * What needs an answer or a look goes to main (punt.ts). Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane } from '../../shared/layout/counters.js';
import { Control, If, IfType, ifRecord } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { Cast, PuntReason } from '../../shared/ring/punt-reason.js';
import { flowHash4 } from '../../shared/table/flow-hash.js';
import { makeNextHopRecord, NextHop, NextHopKind, pickMember } from '../../shared/table/next-hop.js';
import { mayBeOwn } from '../../shared/table/own-sources.js';
import { makeRoute4 } from '../../shared/table/policy-rules.js';
import {
  checkIpv4,
  decrementTtl,
  destination4,
  fragmentField,
  headerLength,
  Ipv4,
  Ipv4Fault,
  Ipv4Fragment,
  isMulticast4,
  source4,
  totalLength,
  walkOptions,
} from '../../shared/wire/ipv4.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { ports } from '../../shared/wire/tcp.js';
import { type Context, count } from '../context.js';
import { drop } from '../drop.js';
import type { EthernetOutput, GatewayOutput } from '../ether/ethernet-output.js';
import { cutTo } from '../frame.js';
import { packetSize } from '../packet-size.js';
import { punt } from '../punt.js';
import type { Srv6Encap } from '../tunnel/srv6-encap.js';
import type { VrfInput } from '../tunnel/vrf-input.js';
import type { LocalInput } from './local-input.js';

/** Drop reason of each header fault. */
const FAULT_DROP: Readonly<Record<Exclude<Ipv4Fault, Ipv4Fault.NONE>, Drop>> = {
  [Ipv4Fault.SHORT]: Drop.IP4_SHORT,
  [Ipv4Fault.VERSION]: Drop.IP4_VERSION,
  [Ipv4Fault.HEADER_LENGTH]: Drop.IP4_HEADER_LENGTH,
  [Ipv4Fault.CHECKSUM]: Drop.IP4_CHECKSUM,
  [Ipv4Fault.TOTAL_LENGTH]: Drop.IP4_LENGTH,
  [Ipv4Fault.TRUNCATED]: Drop.IP4_TRUNCATED,
  [Ipv4Fault.OPTION]: Drop.IP4_OPTION,
  [Ipv4Fault.SOURCE_ROUTE]: Drop.IP4_SOURCE_ROUTE,
  [Ipv4Fault.MARTIAN_SOURCE]: Drop.MARTIAN_SOURCE,
  [Ipv4Fault.MARTIAN_DESTINATION]: Drop.MARTIAN_DESTINATION,
};

/** Takes frame `i`, received on interface `index` and so addressed on its link, whose IPv4 header is to be at byte `ip`. */
export type IpInput = (i: number, index: number, ip: number, cast: Cast) => void;

/** Makes the IPv4 input of one worker. */
export function makeIp4Input(
  ctx: Context,
  output: EthernetOutput,
  toGateway: GatewayOutput,
  local: LocalInput,
  encap: Srv6Encap,
  vrfInput: VrfInput,
): IpInput {
  const { heap, meta, u8, u16, slots, length } = ctx;
  const route = makeRoute4(heap);
  const nextHop = makeNextHopRecord(heap);

  function ip4Input(i: number, index: number, ip: number, cast: Cast): void {
    const start = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    const room = start + length[i] - ip;
    const fault = checkIpv4(u8, u16, ip, room);
    if (fault !== Ipv4Fault.NONE) {
      if (fault === Ipv4Fault.OPTION) punt(ctx, i, index, PuntReason.OPTION, ip, cast);
      else drop(ctx, i, index, FAULT_DROP[fault]);
      return;
    }
    const total = totalLength(u8, ip);
    if (total < room) cutTo(ctx, i, ip - start + total);
    const master = heap[ifRecord(index) + If.MASTER];
    if (master !== 0 && !vrfInput.ofPort4(i, master, ip, total)) return;
    const destination = destination4(u8, ip);
    if (destination === -1) {
      punt(ctx, i, index, PuntReason.LOCAL, ip, cast);
      return;
    }
    if (isMulticast4(destination)) {
      drop(ctx, i, index, Drop.MULTICAST);
      return;
    }
    const rdomain = heap[ifRecord(index) + If.RDOMAIN];
    const hops = heap[Control.NEXT_HOPS];
    const source = source4(u8, ip);
    if (mayBeOwn(heap, heap[Control.OWN_SOURCES], source) && isOwn(rdomain, hops, source)) {
      drop(ctx, i, index, Drop.MARTIAN_SOURCE);
      return;
    }
    let hop = nextHop(hops, route(rdomain, destination));
    if (heap[hop + NextHop.KIND] === NextHopKind.ECMP) hop = nextHop(hops, member(hop, ip, source, destination));
    if (ctx.tracing) ctx.tracer.route(index, 4, hop);
    switch (heap[hop + NextHop.KIND]) {
      case NextHopKind.LOCAL:
        local.v4(i, index, ip, cast);
        return;
      case NextHopKind.BROADCAST:
        if (heap[hop + NextHop.INTERFACE] === index) punt(ctx, i, index, PuntReason.LOCAL, ip, cast);
        else drop(ctx, i, index, Drop.DIRECTED_BROADCAST);
        return;
      case NextHopKind.BLACKHOLE:
        drop(ctx, i, index, Drop.BLACKHOLE);
        return;
      case NextHopKind.CONNECTED:
      case NextHopKind.GATEWAY:
        forward(i, index, ip, cast, total, hop);
        return;
      case NextHopKind.ENCAP:
        if (mayForward(i, index, cast)) encap.v4(i, index, ip, cast, total, hop);
        return;
      default:
        unroutable(i, index, ip, cast, hop);
    }
  }

  /** Step 5, asked of the few that may be: whether an address is ours, or a broadcast, in a domain. */
  function isOwn(rdomain: number, hops: number, source: number): boolean {
    const kind = heap[nextHop(hops, route(rdomain, source)) + NextHop.KIND];
    return kind === NextHopKind.LOCAL || kind === NextHopKind.BROADCAST;
  }

  /** Step 7: on by next hop `hop`. */
  function forward(i: number, index: number, ip: number, cast: Cast, total: number, hop: number): void {
    const out = heap[hop + NextHop.INTERFACE];
    const record = ifRecord(out);
    if (!mayForward(i, index, cast)) return;
    if (heap[record + If.GENERATION] !== heap[hop + NextHop.GENERATION]) {
      drop(ctx, i, index, Drop.NO_ROUTE);
      return;
    }
    if (headerLength(u8, ip) > Ipv4.LENGTH && walkOptions(u8, ip) !== 0) {
      punt(ctx, i, index, PuntReason.OPTION, ip, cast);
      return;
    }
    if (u8[ip + Ipv4.TTL] <= 1) {
      punt(ctx, i, index, PuntReason.TTL, ip, cast);
      return;
    }
    if (total > heap[record + If.MTU] && packetSize(ctx, i, ip, total) > heap[record + If.MTU]) {
      punt(ctx, i, index, PuntReason.TOO_BIG, ip, cast);
      return;
    }
    if (out === index && heap[record + If.TYPE] !== IfType.RPORT) redirect(i, index, ip, cast);
    decrementTtl(u8, u16, ip);
    if (heap[hop + NextHop.KIND] === NextHopKind.GATEWAY) toGateway(i, index, ip, Cast.UNICAST, out, hop);
    else output(i, index, ip, cast, out, destination4(u8, ip), 0, 0, 0);
  }

  /** Whether a packet for others may go on at all; else it is dropped. */
  function mayForward(i: number, index: number, cast: Cast): boolean {
    if (cast !== Cast.UNICAST) drop(ctx, i, index, Drop.L2_BROADCAST);
    else if (heap[Control.FORWARD4] === 0) drop(ctx, i, index, Drop.FORWARDING_OFF);
    else return true;
    return false;
  }

  /** Main hears of a packet that leaves where it came from, by a copy; the packet itself goes on. One out of a tunnel or a SID has not come so. */
  function redirect(i: number, index: number, ip: number, cast: Cast): void {
    if (ctx.hops[i] !== 0) return;
    ctx.shared[i] = 1;
    punt(ctx, i, index, PuntReason.REDIRECT, ip, cast);
    ctx.shared[i] = 0;
    count(ctx, index, Lane.COPIED, 1);
  }

  /** No route, or one that says no. */
  function unroutable(i: number, index: number, ip: number, cast: Cast, hop: number): void {
    if (!mayForward(i, index, cast)) return;
    const reason = heap[hop + NextHop.KIND] === NextHopKind.NONE ? PuntReason.NO_ROUTE : PuntReason.REJECT;
    punt(ctx, i, index, reason, ip, cast);
  }

  /** The member of an ECMP group that the packet's flow takes. */
  function member(group: number, ip: number, source: number, destination: number): number {
    const protocol = u8[ip + Ipv4.PROTOCOL];
    const whole = (fragmentField(u8, ip) & (Ipv4Fragment.MF | Ipv4Fragment.OFFSET)) === 0;
    const hasPorts = whole && (protocol === Protocol.TCP || protocol === Protocol.UDP);
    const both = hasPorts ? ports(u8, ip + headerLength(u8, ip)) : 0;
    const hash = flowHash4(heap[Control.FLOW_KEY0], heap[Control.FLOW_KEY1], source, destination, protocol, both);
    return pickMember(heap, group, hash);
  }

  return ip4Input;
}
