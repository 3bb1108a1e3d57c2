/**
 * Where a packet filter looks at bridged IP packets (spec A §1.6): on a veb with link1, of IPv4 and IPv6 frames alone. On the
 * way, the IP header is checked, in both directions.
 *
 * smrouter has no packet filter yet: `ctx.packetFilter` is undefined, and the hook then only checks headers. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { If, IfType, ifRecord } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { Ether, EtherType, etherType } from '../../shared/wire/ethernet.js';
import { ipHeaderFits } from '../../shared/wire/ip.js';
import type { Context } from '../context.js';

/** Which way a packet goes at the interface it is looked at on. */
export const enum FilterDirection {
  IN = 0,
  OUT = 1,
}

/**
 * A packet filter: whether frame `i` of the burst may pass interface `index` in that direction. `rdomain` is the veb's. It may
 * change the frame's bytes only where `ctx.shared[i]` is 0.
 */
export type PacketFilter = (i: number, direction: FilterDirection, index: number, rdomain: number) => boolean;

/**
 * Why frame `i` may not pass interface `index`: a drop reason, or -1. Frames that are not IP are not looked at, nor any at a vport:
 * there they pass the stack's own filter (A35).
 */
export function filterPacket(
  ctx: Context,
  i: number,
  direction: FilterDirection,
  index: number,
  rdomain: number,
): Drop | -1 {
  if (ctx.heap[ifRecord(index) + If.TYPE] === IfType.VPORT) return -1;
  const offset = ctx.meta[(ctx.slots[i] << Meta.SHIFT) + Meta.OFFSET];
  const type = etherType(ctx.u16, offset);
  if (type !== EtherType.IPV4 && type !== EtherType.IPV6) return -1;
  const room = ctx.length[i] - Ether.LENGTH;
  if (!ipHeaderFits(ctx.u8, ctx.u16, offset + Ether.LENGTH, room, type === EtherType.IPV4 ? 4 : 6))
    return Drop.IP_HEADER;
  const filter = ctx.packetFilter;
  return filter === undefined || filter(i, direction, index, rdomain) ? -1 : Drop.PF;
}
