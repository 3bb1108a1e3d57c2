/**
 * IPv6 input and forwarding (spec B §5.3), in this order:
 *
 *   1 header        each fault has its drop reason
 *   2 trim          padding of the link goes
 *   3 VRF           of a port of one: it receives the packet too
 *   4 hop-by-hop    options directly behind the header: pass, drop, or a look by main
 *   5 group, link   multicast and link-local destinations are this link's: main's
 *   6 looks         edge of an SR domain: its SIDs are not for who is outside; neighbour discovery with who is proxied
 *   7 route         of the rdomain it was received in: local, on, or nowhere
 *   8 forward       scopes, l2 broadcast, forwarding off, hop limit, MTU, redirect; hop limit less one; out
 *
 * Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane } from '../../shared/layout/counters.js';
import { Control, If, IfType, ifRecord, Look } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { Cast, PuntReason } from '../../shared/ring/punt-reason.js';
import { flowHash6 } from '../../shared/table/flow-hash.js';
import { INET6 } from '../../shared/table/neighbour.js';
import { makeNextHopRecord, NextHop, NextHopKind, pickMember } from '../../shared/table/next-hop.js';
import { isInBlock } from '../../shared/table/srv6-domain.js';
import {
  checkForward6,
  checkIpv6,
  decrementHopLimit,
  HopVerdict,
  hopVerdict,
  Ipv6,
  Ipv6Fault,
  isLinkLocal6,
  isMulticast6,
  payloadLength,
  Upper,
  upperOffset,
  upperProtocol,
  walkExtensions,
  walkHopByHop,
} from '../../shared/wire/ipv6.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { ports } from '../../shared/wire/tcp.js';
import { type Context, count } from '../context.js';
import { drop } from '../drop.js';
import type { EthernetOutput, GatewayOutput } from '../ether/ethernet-output.js';
import { cutTo } from '../frame.js';
import type { IpInput } from '../inet/ip4-input.js';
import { isNd, type LocalInput } from '../inet/local-input.js';
import { packetSize } from '../packet-size.js';
import { punt } from '../punt.js';
import type { Srv6Encap } from '../tunnel/srv6-encap.js';
import type { LocalSid } from '../tunnel/srv6-local-sid.js';
import type { VrfInput } from '../tunnel/vrf-input.js';
import { makeRecentRoute6 } from './recent-route.js';

/** Drop reason of each fault. */
const FAULT_DROP: Readonly<Record<Exclude<Ipv6Fault, Ipv6Fault.NONE>, Drop>> = {
  [Ipv6Fault.SHORT]: Drop.IP6_SHORT,
  [Ipv6Fault.VERSION]: Drop.IP6_VERSION,
  [Ipv6Fault.TRUNCATED]: Drop.IP6_TRUNCATED,
  [Ipv6Fault.ZERO_PAYLOAD]: Drop.IP6_ZERO_PAYLOAD,
  [Ipv6Fault.MULTICAST_SOURCE]: Drop.IP6_MULTICAST_SOURCE,
  [Ipv6Fault.LOOPBACK]: Drop.IP6_LOOPBACK,
  [Ipv6Fault.SCOPE]: Drop.IP6_SCOPE,
  [Ipv6Fault.MAPPED]: Drop.IP6_MAPPED,
  [Ipv6Fault.UNSPECIFIED_SOURCE]: Drop.IP6_UNSPECIFIED,
  [Ipv6Fault.LINK_LOCAL_SOURCE]: Drop.IP6_LINK_LOCAL,
  [Ipv6Fault.LINK_LOCAL_DESTINATION]: Drop.IP6_LINK_LOCAL,
};

/** Makes the IPv6 input of one worker. */
export function makeIp6Input(
  ctx: Context,
  output: EthernetOutput,
  toGateway: GatewayOutput,
  local: LocalInput,
  encap: Srv6Encap,
  localSid: LocalSid,
  vrfInput: VrfInput,
): IpInput {
  const { heap, meta, u8, u16, slots, length } = ctx;
  const route = makeRecentRoute6(ctx);
  const nextHop = makeNextHopRecord(heap);

  function ip6Input(i: number, index: number, ip: number, cast: Cast): void {
    const start = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    const room = start + length[i] - ip;
    const fault = checkIpv6(u8, ip, room);
    if (fault !== Ipv6Fault.NONE) {
      drop(ctx, i, index, FAULT_DROP[fault]);
      return;
    }
    const total = Ipv6.LENGTH + payloadLength(u8, ip);
    if (total < room) cutTo(ctx, i, ip - start + total);
    const master = heap[ifRecord(index) + If.MASTER];
    if (master !== 0 && !vrfInput.ofPort6(i, master, ip, total)) return;
    if (u8[ip + Ipv6.NEXT_HEADER] === Protocol.HOP_BY_HOP && !optionsPass(i, index, ip, cast)) return;
    const at = ip + Ipv6.DESTINATION;
    const d0 = word(at);
    if (d0 >>> 24 >= 0xfe && (isMulticast6(u8, at) || isLinkLocal6(u8, at))) {
      ownLink(i, index, ip, cast);
      return;
    }
    if (heap[ifRecord(index) + If.LOOKS] !== 0 && isTaken(i, index, ip, cast)) return;
    const d1 = word(at + 4);
    const d2 = word(at + 8);
    const d3 = word(at + 12);
    let hop = route(heap[ifRecord(index) + If.RDOMAIN], d0, d1, d2, d3);
    if (heap[hop + NextHop.KIND] === NextHopKind.ECMP) hop = nextHop(heap[Control.NEXT_HOPS], member(hop, ip));
    if (ctx.tracing) ctx.tracer.route(index, 6, hop);
    const kind = heap[hop + NextHop.KIND];
    if (kind === NextHopKind.SID) localSid(i, index, ip, cast, hop);
    else if (kind === NextHopKind.GATEWAY) {
      if (mayForward(i, index, ip, cast, total, hop))
        toGateway(i, index, ip, Cast.UNICAST, heap[hop + NextHop.INTERFACE] | INET6, hop);
    } else if (kind === NextHopKind.CONNECTED) {
      if (mayForward(i, index, ip, cast, total, hop))
        output(i, index, ip, cast, heap[hop + NextHop.INTERFACE] | INET6, d0, d1, d2, d3);
    } else nowhere(i, index, ip, cast, total, hop, kind);
  }

  /** Step 7, of what does not leave as it came: apart, so that the compiler takes the rest into its callers. */
  function nowhere(
    i: number,
    index: number,
    ip: number,
    cast: Cast,
    total: number,
    hop: number,
    kind: NextHopKind,
  ): void {
    if (kind === NextHopKind.LOCAL) local.v6(i, index, ip, cast);
    else if (kind === NextHopKind.ANYCAST) local.anycast(i, index, ip, cast);
    else if (kind === NextHopKind.BLACKHOLE) drop(ctx, i, index, Drop.BLACKHOLE);
    else if (!mayForwardAtAll(i, index, ip, cast)) return;
    else if (kind === NextHopKind.ENCAP) encap.v6(i, index, ip, cast, total, hop);
    else punt(ctx, i, index, kind === NextHopKind.NONE ? PuntReason.NO_ROUTE : PuntReason.REJECT, ip, cast);
  }

  /** Step 4. False if the packet is done with. */
  function optionsPass(i: number, index: number, ip: number, cast: Cast): boolean {
    const found = walkHopByHop(u8, ip);
    if (found === 0) return true;
    if (found < 0 && hopVerdict(found) === HopVerdict.DROP) drop(ctx, i, index, Drop.IP6_OPTION);
    else punt(ctx, i, index, PuntReason.OPTION, ip, cast);
    return false;
  }

  /** Step 5: what is for this link alone is main's: neighbour discovery, echo to link-local addresses. */
  function ownLink(i: number, index: number, ip: number, cast: Cast): void {
    if (isNd(u8, ip)) local.nd(i, index, ip, cast);
    else if (isMulticast6(u8, ip + Ipv6.DESTINATION) && !isOwnGroup(ip)) drop(ctx, i, index, Drop.MULTICAST);
    else punt(ctx, i, index, PuntReason.LOCAL, ip, cast);
  }

  /** Step 6. True if the packet is done with. */
  function isTaken(i: number, index: number, ip: number, cast: Cast): boolean {
    const looks = heap[ifRecord(index) + If.LOOKS];
    if ((looks & Look.SEG6_EDGE) !== 0 && isForSid(ip)) drop(ctx, i, index, Drop.SRV6_DOMAIN);
    else if ((looks & Look.PROXY_ND) !== 0 && isNd(u8, ip) && local.isProxied(index, ip + Ipv6.DESTINATION))
      local.nd(i, index, ip, cast);
    else return false;
    return true;
  }

  /** Whether the destination is in a block of the SR domain, whose edge this is (RFC 8754 §5.1). */
  function isForSid(ip: number): boolean {
    const domain = heap[Control.SRV6_DOMAIN];
    return domain !== 0 && isInBlock(heap, domain, u8, ip + Ipv6.DESTINATION);
  }

  /** Whether the destination is all nodes or all routers of the link: the groups that we are in. */
  function isOwnGroup(ip: number): boolean {
    const at = ip + Ipv6.DESTINATION;
    const last = word(at + 12);
    return word(at) === (0xff020000 | 0) && word(at + 4) === 0 && word(at + 8) === 0 && (last === 1 || last === 2);
  }

  /** Step 8. False if the packet is done with; else its hop limit is one less. */
  function mayForward(i: number, index: number, ip: number, cast: Cast, total: number, hop: number): boolean {
    const out = heap[hop + NextHop.INTERFACE];
    if (!mayForwardAtAll(i, index, ip, cast)) return false;
    if (heap[ifRecord(out) + If.GENERATION] !== heap[hop + NextHop.GENERATION]) {
      drop(ctx, i, index, Drop.NO_ROUTE);
      return false;
    }
    if (u8[ip + Ipv6.HOP_LIMIT] <= 1) {
      punt(ctx, i, index, PuntReason.TTL, ip, cast);
      return false;
    }
    if (total > heap[ifRecord(out) + If.MTU] && packetSize(ctx, i, ip, total) > heap[ifRecord(out) + If.MTU]) {
      punt(ctx, i, index, PuntReason.TOO_BIG, ip, cast);
      return false;
    }
    if (out === index && heap[ifRecord(out) + If.TYPE] !== IfType.RPORT) redirect(i, index, ip, cast);
    decrementHopLimit(u8, ip);
    return true;
  }

  function mayForwardAtAll(i: number, index: number, ip: number, cast: Cast): boolean {
    // The destination has been looked at; a source that is not to be forwarded from begins with 00 or fe.
    const first = u8[ip + Ipv6.SOURCE];
    if ((first === 0 || first === 0xfe) && !isSourceFit(i, index, ip, cast)) return false;
    if (cast !== Cast.UNICAST) drop(ctx, i, index, Drop.L2_BROADCAST);
    else if (heap[Control.FORWARD6] === 0) drop(ctx, i, index, Drop.FORWARDING_OFF);
    else return true;
    return false;
  }

  /** Whether a source may be forwarded from. */
  function isSourceFit(i: number, index: number, ip: number, cast: Cast): boolean {
    const fault = checkForward6(u8, ip);
    if (fault === Ipv6Fault.LINK_LOCAL_SOURCE) punt(ctx, i, index, PuntReason.REJECT, ip, cast);
    else if (fault !== Ipv6Fault.NONE) drop(ctx, i, index, FAULT_DROP[fault]);
    return fault === Ipv6Fault.NONE;
  }

  /** Main hears of a packet that leaves where it came from, by a copy; the packet itself goes on. One out of a tunnel or a SID has not come so. */
  function redirect(i: number, index: number, ip: number, cast: Cast): void {
    if (ctx.hops[i] !== 0) return;
    ctx.shared[i] = 1;
    punt(ctx, i, index, PuntReason.REDIRECT, ip, cast);
    ctx.shared[i] = 0;
    count(ctx, index, Lane.COPIED, 1);
  }

  /** The member of an ECMP group that the packet's flow takes. */
  function member(group: number, ip: number): number {
    const upper = walkExtensions(u8, ip);
    // Fragments of one packet go one way: only the first has ports, and the header that names their protocol may be in it alone.
    const protocol = upper < 0 || (upper & Upper.FRAGMENT) !== 0 ? 0 : upperProtocol(upper);
    const both = protocol === Protocol.TCP || protocol === Protocol.UDP ? ports(u8, ip + upperOffset(upper)) : 0;
    const s = ip + Ipv6.SOURCE;
    const d = ip + Ipv6.DESTINATION;
    const key0 = heap[Control.FLOW_KEY0];
    const key1 = heap[Control.FLOW_KEY1];
    const d0 = word(d);
    const d1 = word(d + 4);
    const d2 = word(d + 8);
    const d3 = word(d + 12);
    const s3 = word(s + 12);
    const hash = flowHash6(key0, key1, word(s), word(s + 4), word(s + 8), s3, d0, d1, d2, d3, protocol, both);
    return pickMember(heap, group, hash);
  }

  /** Four bytes of an address, in host order. */
  function word(at: number): number {
    const w = at >> 1;
    const hi = u16[w];
    const lo = u16[w + 1];
    return ((hi & 0xff) << 24) | ((hi >>> 8) << 16) | ((lo & 0xff) << 8) | (lo >>> 8);
  }

  return ip6Input;
}
