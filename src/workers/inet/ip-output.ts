/**
 * Output of a packet that this worker made: an encapsulated one, or a fragment of one (spec A §6.6, spec B §5.5). Runs on a worker.
 *
 *   1 identification   of IPv4
 *   2 route            of the routing domain it is given, an ECMP member by the flow
 *   3 ours?            the worker's list, and from there local input
 *   4 MTU              longer: fragments (IPv4 without DF, IPv6 without extension headers), or drop(too-big)
 *   5 out              ethernet-output.ts; who lacks a neighbour is sent by main once there is one
 *
 * The TTL stays as it is, and no ICMP error answers it. Nothing recurses: rport and vport, fragments and what is for us are taken up
 * by the loop from the worker's list, which counts the hops.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane } from '../../shared/layout/counters.js';
import { Control, If, ifRecord } from '../../shared/layout/heap.js';
import { Meta, Slot } from '../../shared/layout/packet.js';
import { Cast } from '../../shared/ring/punt-reason.js';
import { flowHash4, flowHash6 } from '../../shared/table/flow-hash.js';
import { INET6 } from '../../shared/table/neighbour.js';
import { isHere, makeNextHopRecord, NextHop, NextHopKind, pickMember } from '../../shared/table/next-hop.js';
import { makeRoute4, makeRoute6 } from '../../shared/table/policy-rules.js';
import { adjust, swap16 } from '../../shared/wire/checksum.js';
import { fragments4, writeFragment4 } from '../../shared/wire/fragment.js';
import { fragments6, writeFragment6 } from '../../shared/wire/fragment6.js';
import { destination4, fragmentField, Ipv4, Ipv4Fragment, source4, totalLength } from '../../shared/wire/ipv4.js';
import { flowLabel, Ipv6, payloadLength } from '../../shared/wire/ipv6.js';
import { read32 } from '../../shared/wire/network-order.js';
import type { Protocol } from '../../shared/wire/protocol.js';
import { vnetClear } from '../../shared/wire/vnet.js';
import { type Context, count, DONE } from '../context.js';
import { drop, dropCopy } from '../drop.js';
import type { EthernetOutput, GatewayOutput, NeighbourOutput } from '../ether/ethernet-output.js';
import { beginAt } from '../frame.js';
import { packetSize } from '../packet-size.js';
import { Pass, passOn } from '../passes.js';
import { Hop } from '../work-list.js';

/** The output of one worker. Frame `i` ends where its packet ends; its outer IP header is at byte `ip`, even. */
export interface IpOutput {
  /**
   * Sends frame `i` in a routing domain; interface `index` made it and books what cannot be sent. An IPv4 header has its checksum, and
   * is given its identification here.
   */
  send(i: number, index: number, ip: number, rdomain: number): void;
  /** Step 2 alone, for who sends many packets the same way: the record of a next hop, in this turn of the loop. */
  hop(ip: number, rdomain: number): number;
  /** The same of packets of `protocol` without a flow label, from the address in the heap at word `from` to the one at word `to`. */
  hopBetween(from: number, to: number, four: boolean, protocol: Protocol, rdomain: number): number;
  /** The longest packet in bytes that goes whole by a next hop's record; 0 if it leads out of no interface. */
  mtu(hop: number): number;
  /** The rest of `send` by a next hop's record. */
  via(i: number, index: number, ip: number, rdomain: number, hop: number): void;
  /** What `via` does of an IPv6 packet no longer than `mtu`, by a next hop CONNECTED or GATEWAY; the frame need not begin there yet. */
  whole6(i: number, index: number, ip: number, rdomain: number, hop: number): void;
  /** The neighbour that packets to the address in the heap at word `to` go to by a next hop's record, in this burst; 0 if only `via` can tell. */
  straight(to: number, four: boolean, hop: number): number;
  /** What `via` does of a packet no longer than `mtu` with such a neighbour, but that an IPv4 header has its identification already. */
  toNeighbour(i: number, ip: number, hop: number, neighbour: number): void;
  /** The first of the next `n` identifications of IPv4 packets, each of which is `ctx.workers` more than the one before, modulo 2^16. */
  identification(n: number): number;
}

/** Makes the output of one worker. */
export function makeIpOutput(
  ctx: Context,
  output: EthernetOutput,
  toGateway: GatewayOutput,
  neighbours: NeighbourOutput,
): IpOutput {
  const { heap, meta, u8, u16, slots, slotOffset } = ctx;
  const route4 = makeRoute4(heap);
  const route6 = makeRoute6(heap);
  const nextHop = makeNextHopRecord(heap);
  // Workers take turns in the numbers, so that no two use the same for one destination at a time (RFC 6864 §4).
  let id4 = ctx.me;
  let id6 = ctx.me;
  /** IPv6 source and destination. */
  const between = new Int32Array(8);

  function send(i: number, index: number, ip: number, rdomain: number): void {
    via(i, index, ip, rdomain, hop(ip, rdomain));
  }

  function hop(ip: number, rdomain: number): number {
    if (u8[ip] >> 4 === 4) return hop4(rdomain, source4(u8, ip), destination4(u8, ip), u8[ip + Ipv4.PROTOCOL]);
    for (let k = 0; k < 4; k++) {
      between[k] = read32(u8, ip + Ipv6.SOURCE + 4 * k);
      between[4 + k] = read32(u8, ip + Ipv6.DESTINATION + 4 * k);
    }
    return hop6(rdomain, u8[ip + Ipv6.NEXT_HEADER], flowLabel(u8, ip));
  }

  function hopBetween(from: number, to: number, four: boolean, protocol: Protocol, rdomain: number): number {
    if (four) return hop4(rdomain, heap[from], heap[to], protocol);
    for (let k = 0; k < 4; k++) {
      between[k] = heap[from + k];
      between[4 + k] = heap[to + k];
    }
    return hop6(rdomain, protocol, 0);
  }

  function hop4(rdomain: number, source: number, destination: number, protocol: number): number {
    const hops = heap[Control.NEXT_HOPS];
    const found = nextHop(hops, route4(rdomain, destination));
    if (heap[found + NextHop.KIND] !== NextHopKind.ECMP) return found;
    const hash = flowHash4(heap[Control.FLOW_KEY0], heap[Control.FLOW_KEY1], source, destination, protocol, 0);
    return nextHop(hops, pickMember(heap, found, hash));
  }

  /** Between the addresses in `between`. The flow label stands for what is inside (RFC 6438). */
  function hop6(rdomain: number, protocol: number, label: number): number {
    const hops = heap[Control.NEXT_HOPS];
    const d0 = between[4];
    const d1 = between[5];
    const d2 = between[6];
    const d3 = between[7];
    const found = nextHop(hops, route6(rdomain, d0, d1, d2, d3));
    if (heap[found + NextHop.KIND] !== NextHopKind.ECMP) return found;
    const key0 = heap[Control.FLOW_KEY0];
    const key1 = heap[Control.FLOW_KEY1];
    return nextHop(
      hops,
      pickMember(
        heap,
        found,
        flowHash6(key0, key1, between[0], between[1], between[2], between[3], d0, d1, d2, d3, protocol, label),
      ),
    );
  }

  function mtu(record: number): number {
    const kind = heap[record + NextHop.KIND];
    if (kind !== NextHopKind.CONNECTED && kind !== NextHopKind.GATEWAY) return 0;
    const own = heap[ifRecord(heap[record + NextHop.INTERFACE]) + If.MTU];
    const route = heap[record + NextHop.MTU];
    return route !== 0 && route < own ? route : own;
  }

  function via(i: number, index: number, ip: number, rdomain: number, record: number): void {
    const four = u8[ip] >> 4 === 4;
    beginAt(ctx, i, ip);
    if (four && (fragmentField(u8, ip) & Ipv4Fragment.OFFSET) === 0) identify(ip);
    const kind = heap[record + NextHop.KIND];
    if (isHere(kind)) {
      ctx.workList.defer(ctx, i, heap[record + NextHop.INTERFACE], Hop.LOCAL_INPUT);
      return;
    }
    if (kind === NextHopKind.SID || kind === NextHopKind.ENCAP) {
      passOn(ctx, i, index, kind === NextHopKind.SID ? Pass.SID : Pass.ENCAP, record);
      return;
    }
    if (kind !== NextHopKind.CONNECTED && kind !== NextHopKind.GATEWAY) {
      drop(ctx, i, index, refusal(kind));
      return;
    }
    const out = heap[record + NextHop.INTERFACE];
    if (heap[ifRecord(out) + If.GENERATION] !== heap[record + NextHop.GENERATION]) {
      drop(ctx, i, index, Drop.NO_ROUTE);
      return;
    }
    const most = mtu(record);
    const total = four ? totalLength(u8, ip) : Ipv6.LENGTH + payloadLength(u8, ip);
    if (total > most && packetSize(ctx, i, ip, total) > most) {
      cut(i, index, ip, rdomain, four, most);
      return;
    }
    if (!four) leave6(i, index, ip, rdomain, record);
    else if (kind === NextHopKind.GATEWAY) toGateway(i, index | (rdomain << 16), ip, Cast.OWN, out, record);
    else output(i, index | (rdomain << 16), ip, Cast.OWN, out, destination4(u8, ip), 0, 0, 0);
  }

  function whole6(i: number, index: number, ip: number, rdomain: number, record: number): void {
    const generation = heap[ifRecord(heap[record + NextHop.INTERFACE]) + If.GENERATION];
    if (generation !== heap[record + NextHop.GENERATION]) drop(ctx, i, index, Drop.NO_ROUTE);
    else leave6(i, index, ip, rdomain, record);
  }

  /** Step 5 of IPv6. */
  function leave6(i: number, index: number, ip: number, rdomain: number, record: number): void {
    const from = index | (rdomain << 16);
    const where = heap[record + NextHop.INTERFACE] | INET6;
    if (heap[record + NextHop.KIND] === NextHopKind.GATEWAY) {
      toGateway(i, from, ip, Cast.OWN, where, record);
    } else {
      const d = ip + Ipv6.DESTINATION;
      const d3 = read32(u8, d + 12);
      output(i, from, ip, Cast.OWN, where, read32(u8, d), read32(u8, d + 4), read32(u8, d + 8), d3);
    }
  }

  function identification(n: number): number {
    const id = id4;
    id4 = (id4 + n * ctx.workers) & 0xffff;
    return id;
  }

  function straight(to: number, four: boolean, record: number): number {
    const kind = heap[record + NextHop.KIND];
    if (kind !== NextHopKind.CONNECTED && kind !== NextHopKind.GATEWAY) return 0;
    const out = heap[record + NextHop.INTERFACE];
    if (heap[ifRecord(out) + If.GENERATION] !== heap[record + NextHop.GENERATION]) return 0;
    const at = kind === NextHopKind.CONNECTED ? to : record + NextHop.GATEWAY;
    if (four) return neighbours.straight(out, heap[at], 0, 0, 0);
    return neighbours.straight(out | INET6, heap[at], heap[at + 1], heap[at + 2], heap[at + 3]);
  }

  function toNeighbour(i: number, ip: number, record: number, neighbour: number): void {
    const out = heap[record + NextHop.INTERFACE];
    neighbours.send(i, ip, u8[ip] >> 4 === 4 ? out : out | INET6, neighbour);
  }

  /** The next identification, unless it is a fragment's, whose packet has one already. */
  function identify(ip: number): void {
    if ((fragmentField(u8, ip) & Ipv4Fragment.MF) !== 0) return;
    const w = (ip + Ipv4.ID) >> 1;
    const before = u16[w];
    u16[w] = swap16(identification(1));
    u16[(ip + Ipv4.CHECKSUM) >> 1] = adjust(u16[(ip + Ipv4.CHECKSUM) >> 1], before, u16[w]);
  }

  /** Step 4: its fragments take its place, each on the worker's list. */
  function cut(i: number, index: number, ip: number, rdomain: number, four: boolean, most: number): void {
    const whole = four && (fragmentField(u8, ip) & Ipv4Fragment.DF) !== 0;
    const parts = whole ? 0 : four ? fragments4(u8, ip, most) : fragments6(u8, ip, most);
    if (parts === 0) {
      drop(ctx, i, index, Drop.TOO_BIG);
      return;
    }
    ctx.destination[i] = DONE;
    count(ctx, index, Lane.SEGMENTED, parts - 1);
    if (!four) id6 = (id6 + ctx.workers) | 0;
    for (let k = 0; k < parts; k++) {
      const slot = most <= Slot.FRAME_MAX ? ctx.cache.takeFrame() : ctx.cache.takeSuperframe();
      if (slot === -1) {
        dropCopy(ctx, index, Drop.NO_SLOT);
        continue;
      }
      const m = slot << Meta.SHIFT;
      const to = slotOffset[slot] + Slot.HEADROOM;
      meta[m + Meta.OFFSET] = to;
      meta[m + Meta.LENGTH] = four
        ? writeFragment4(u8, u16, ip, most, k, parts, to)
        : writeFragment6(u8, ip, most, k, parts, id6, to);
      meta[m + Meta.EGRESS] = rdomain;
      meta[m + Meta.PRIORITY] = meta[(slots[i] << Meta.SHIFT) + Meta.PRIORITY];
      vnetClear(meta, m);
      ctx.workList.put(ctx, slot, i, index, Hop.IP_OUTPUT);
    }
  }

  return { send, hop, hopBetween, mtu, via, whole6, straight, toNeighbour, identification };
}

/** Why a packet does not go by a next hop of this kind. */
function refusal(kind: NextHopKind): Drop {
  switch (kind) {
    case NextHopKind.BLACKHOLE:
      return Drop.BLACKHOLE;
    case NextHopKind.REJECT:
    case NextHopKind.PROHIBIT:
      return Drop.REJECT;
    case NextHopKind.BROADCAST:
      return Drop.DIRECTED_BROADCAST;
    default:
      return Drop.NO_ROUTE;
  }
}
