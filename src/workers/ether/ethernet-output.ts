/**
 * Output of an IP packet on an interface: Ethernet with the neighbour's address, or none on a point-to-point link (spec A §4, §5.2).
 * Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Direction } from '../../shared/layout/capture.js';
import { Lane } from '../../shared/layout/counters.js';
import { Control, If, IfFlag, IfType, ifRecord } from '../../shared/layout/heap.js';
import { Af, Meta } from '../../shared/layout/packet.js';
import { Cast, PuntReason } from '../../shared/ring/punt-reason.js';
import { INET6, lookupNeighbour, Neighbour, neighbourIn } from '../../shared/table/neighbour.js';
import { NextHop } from '../../shared/table/next-hop.js';
import { Ether, EtherType } from '../../shared/wire/ethernet.js';
import { Ipv4, setTtl } from '../../shared/wire/ipv4.js';
import { Ipv6 } from '../../shared/wire/ipv6.js';
import { queueFrame } from '../burst.js';
import { tapFrame } from '../capture/taps.js';
import { type Context, count } from '../context.js';
import { drop } from '../drop.js';
import { beginAt } from '../frame.js';
import { punt, puntOutput } from '../punt.js';
import { Hop } from '../work-list.js';

/**
 * Sends frame `i`, an IP packet at byte `network`, out of interface `out` to the neighbour of that address (four words in host
 * order; `where` is `out`, with INET6 or'ed in for IPv6). It was received on `ingress`, and its TTL is one less by now; of one that
 * this worker made (Cast.OWN), `ingress` is who made it | its routing domain << 16, and its TTL is untouched.
 */
export type EthernetOutput = (
  i: number,
  ingress: number,
  network: number,
  cast: Cast,
  where: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
) => void;

/**
 * The same by way of the gateway of next hop `hop`, the address of its record, whose bucket in the neighbour table main knew beforehand;
 * `cast` is Cast.UNICAST or Cast.OWN.
 */
export type GatewayOutput = (
  i: number,
  ingress: number,
  network: number,
  cast: Cast,
  where: number,
  hop: number,
) => void;

/** What sends many packets to one neighbour: looked up once, and good for this burst. */
export interface NeighbourOutput {
  /** The neighbour's entry, if nothing stands between packets made here and the neighbour of that address; else 0: then EthernetOutput says what. */
  straight(where: number, a0: number, a1: number, a2: number, a3: number): number;
  /** Sends frame `i`, an IP packet at byte `network`, to the neighbour of an entry. */
  send(i: number, network: number, where: number, entry: number): void;
}

/** Makes the output of one worker, in all its forms. */
export function makeEthernetOutput(ctx: Context): {
  readonly toAddress: EthernetOutput;
  readonly toGateway: GatewayOutput;
  readonly toNeighbour: NeighbourOutput;
} {
  const { heap, meta, u8, u16, slots } = ctx;

  function ethernetOutput(
    i: number,
    ingress: number,
    network: number,
    cast: Cast,
    where: number,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
  ): void {
    if (!mayLeave(i, network, where)) return;
    const entry = lookupNeighbour(heap, heap[Control.NEIGHBOURS], where, a0, a1, a2, a3);
    if (entry === 0) unresolved(i, ingress, network, cast, where);
    else send(i, network, where, entry);
  }

  function gatewayOutput(i: number, ingress: number, network: number, cast: Cast, where: number, hop: number): void {
    if (!mayLeave(i, network, where)) return;
    const g = hop + NextHop.GATEWAY;
    const bucket = heap[hop + NextHop.NEIGHBOUR];
    const entry =
      bucket !== 0
        ? neighbourIn(heap, bucket, where, heap[g], heap[g + 1], heap[g + 2], heap[g + 3])
        : lookupNeighbour(heap, heap[Control.NEIGHBOURS], where, heap[g], heap[g + 1], heap[g + 2], heap[g + 3]);
    if (entry === 0) unresolved(i, ingress, network, cast, where);
    else send(i, network, where, entry);
  }

  /** Whether the packet goes on to a neighbour; else it is dropped, or on its way over a link without any. */
  function mayLeave(i: number, network: number, where: number): boolean {
    const out = where & 0xffff;
    const record = ifRecord(out);
    if ((heap[record + If.FLAGS] & IfFlag.RUNNING) === 0) {
      drop(ctx, i, out, Drop.NOTRUNNING);
      return false;
    }
    const type = heap[record + If.TYPE];
    if (type === IfType.RPORT) {
      beginAt(ctx, i, network);
      meta[(slots[i] << Meta.SHIFT) + Meta.INGRESS] = (where & INET6) === 0 ? Af.INET : Af.INET6;
      ctx.workList.defer(ctx, i, out, Hop.RPORT);
      return false;
    }
    if (type !== IfType.VPORT && heap[record + If.BRIDGE] !== 0) {
      drop(ctx, i, out, Drop.BRIDGE_PORT);
      return false;
    }
    return true;
  }

  function straight(where: number, a0: number, a1: number, a2: number, a3: number): number {
    const record = ifRecord(where & 0xffff);
    const type = heap[record + If.TYPE];
    if ((heap[record + If.FLAGS] & IfFlag.RUNNING) === 0 || type === IfType.RPORT) return 0;
    if (type !== IfType.VPORT && heap[record + If.BRIDGE] !== 0) return 0;
    return lookupNeighbour(heap, heap[Control.NEIGHBOURS], where, a0, a1, a2, a3);
  }

  /** Puts the Ethernet header in front, and sends the frame. */
  function send(i: number, network: number, where: number, entry: number): void {
    const out = where & 0xffff;
    const record = ifRecord(out);
    const type = heap[record + If.TYPE];
    if (heap[entry + Neighbour.STALE] !== 0 && heap[entry + Neighbour.USED] === 0) heap[entry + Neighbour.USED] = 1;
    const start = network - Ether.LENGTH;
    const w = start >> 1;
    const lo = heap[entry + Neighbour.LO];
    const ours = heap[record + If.LLADDR_LO];
    u16[w] = heap[entry + Neighbour.HI];
    u16[w + 1] = lo;
    u16[w + 2] = lo >>> 16;
    u16[w + 3] = heap[record + If.LLADDR_HI];
    u16[w + 4] = ours;
    u16[w + 5] = ours >>> 16;
    u16[w + 6] = (where & INET6) === 0 ? EtherType.IPV4 : EtherType.IPV6;
    beginAt(ctx, i, start);
    if (type === IfType.VPORT) vportOutput(ctx, i, out);
    else queueFrame(ctx, i, out);
  }

  /** Nobody knows yet where the neighbour is: main finds out, and sends the packet. */
  function unresolved(i: number, ingress: number, network: number, cast: Cast, where: number): void {
    if (cast === Cast.OWN) {
      beginAt(ctx, i, network);
      puntOutput(ctx, i, ingress & 0xffff, ingress >>> 16);
      return;
    }
    // Main forwards it anew, so it gets it as it came.
    if ((where & INET6) === 0) setTtl(u8, u16, network, u8[network + Ipv4.TTL] + 1);
    else u8[network + Ipv6.HOP_LIMIT]++;
    punt(ctx, i, ingress, PuntReason.RESOLVE, network, cast);
  }

  return { toAddress: ethernetOutput, toGateway: gatewayOutput, toNeighbour: { straight, send } };
}

/** A frame of the stack enters the bridge by its vport (spec A §4): deferred; counted even if the bridge is down. */
export function vportOutput(ctx: Context, i: number, vport: number): void {
  if (ctx.heap[ifRecord(vport) + If.BRIDGE] === 0) {
    drop(ctx, i, vport, Drop.DETACHED);
    return;
  }
  count(ctx, vport, Lane.OPACKETS, 1);
  count(ctx, vport, Lane.OBYTES, ctx.length[i]);
  // What filter-drop says has no effect here.
  tapFrame(ctx, i, vport, Direction.OUT);
  ctx.workList.defer(ctx, i, vport, Hop.VEB_INPUT);
}
