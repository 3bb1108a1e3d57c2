/**
 * Local input: what becomes of a checked packet to an address of ours, by its protocol. Echo is answered here, all else is main's.
 * Runs on a worker.
 */
import { type Cast, PuntReason } from '../../shared/ring/punt-reason.js';
import { Ipv6, payloadLength } from '../../shared/wire/ipv6.js';
import { Protocol } from '../../shared/wire/protocol.js';
import type { Context } from '../context.js';
import { punt } from '../punt.js';
import type { IpInput } from './ip4-input.js';
import type { Replies } from './replies.js';

/** Local input of one worker, of either family. */
export interface LocalInput {
  readonly v4: IpInput;
  readonly v6: IpInput;
}

/** Makes the local input of one worker. */
export function makeLocalInput(ctx: Context, replies: Replies): LocalInput {
  const { u8 } = ctx;

  function v4(i: number, index: number, ip: number, cast: Cast): void {
    if (!replies.echo4(i, index, ip, cast)) punt(ctx, i, index, PuntReason.LOCAL, ip, cast);
  }

  function v6(i: number, index: number, ip: number, cast: Cast): void {
    if (replies.echo6(i, index, ip, cast)) return;
    punt(ctx, i, index, isNd(u8, ip) ? PuntReason.ND : PuntReason.LOCAL, ip, cast);
  }

  return { v4, v6 };
}

/** Whether a packet is a neighbour discovery message (ICMPv6 types 133 to 137). */
export function isNd(u8: Uint8Array, ip: number): boolean {
  if (u8[ip + Ipv6.NEXT_HEADER] !== Protocol.ICMPV6 || payloadLength(u8, ip) === 0) return false;
  const type = u8[ip + Ipv6.LENGTH];
  return type >= 133 && type <= 137;
}
