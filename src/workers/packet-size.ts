/**
 * How long the packets are that a frame stands for: itself, or the longest segment of a superframe. Runs on a worker.
 */
import { Meta } from '../shared/layout/packet.js';
import { Tcp } from '../shared/wire/tcp.js';
import { Udp } from '../shared/wire/udp.js';
import { Gso } from '../shared/wire/vnet.js';
import type { Context } from './context.js';

/** Bytes from the network header at byte `network` of the longest packet that frame `i`, of `total` such bytes, becomes. */
export function packetSize(ctx: Context, i: number, network: number, total: number): number {
  const m = ctx.slots[i] << Meta.SHIFT;
  const gso = (ctx.meta[m + Meta.VNET0] >>> 8) & 0x7f;
  if (gso === Gso.NONE) return total;
  const transport = ctx.meta[m + Meta.OFFSET] + (ctx.meta[m + Meta.VNET1] >>> 16);
  const header = gso === Gso.UDP_L4 ? Udp.LENGTH : (ctx.u8[transport + Tcp.DATA_OFFSET] >> 4) << 2;
  return transport - network + header + (ctx.meta[m + Meta.VNET1] & 0xffff);
}
