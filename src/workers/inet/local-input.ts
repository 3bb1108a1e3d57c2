/**
 * Local input: what becomes of a checked packet to an address of ours, by its protocol. Echoes and solicitations are answered and GRE taken here, all else is
 * main's; so are fragments and packets with other extension headers than hop-by-hop options, of which GRE comes back. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { type Cast, PuntReason } from '../../shared/ring/punt-reason.js';
import { fragmentField, headerLength, Ipv4, Ipv4Fragment } from '../../shared/wire/ipv4.js';
import { Ipv6, payloadLength, upperOffset, upperProtocol, walkExtensions } from '../../shared/wire/ipv6.js';
import { Protocol } from '../../shared/wire/protocol.js';
import type { Context } from '../context.js';
import { drop } from '../drop.js';
import { punt } from '../punt.js';
import type { GreInput } from '../tunnel/gre-input.js';
import type { SrhLocal } from '../tunnel/srh-local.js';
import type { IpInput } from './ip4-input.js';
import type { Replies } from './replies.js';

/** Local input of one worker, of either family. */
export interface LocalInput {
  readonly v4: IpInput;
  readonly v6: IpInput;
  /** Takes an IPv6 packet to an address that we share with other routers: what is answered is so from another address, by main. */
  readonly anycast: IpInput;
  /** Takes a neighbour discovery message of this link. */
  readonly nd: IpInput;
  /** Whether we answer neighbour discovery on interface `index` for the address at byte `at`, of another interface's neighbour. */
  isProxied(index: number, at: number): boolean;
  /** Takes GRE that main has been through: fragments put together, extension headers looked at. */
  reassembled(i: number, index: number, ip: number): void;
}

/** Makes the local input of one worker. */
export function makeLocalInput(ctx: Context, replies: Replies, greInput: GreInput, srhLocal: SrhLocal): LocalInput {
  const { u8, length } = ctx;

  function v4(i: number, index: number, ip: number, cast: Cast): void {
    if (u8[ip + Ipv4.PROTOCOL] === Protocol.GRE && isWhole(ip)) greInput(i, index, ip, ip + headerLength(u8, ip));
    else if (!replies.echo4(i, index, ip, cast)) punt(ctx, i, index, PuntReason.LOCAL, ip, cast);
  }

  function isWhole(ip: number): boolean {
    return (fragmentField(u8, ip) & (Ipv4Fragment.MF | Ipv4Fragment.OFFSET)) === 0;
  }

  function v6(i: number, index: number, ip: number, cast: Cast): void {
    const gre = greBehindOptions(ip);
    if (gre !== -1) greInput(i, index, ip, gre);
    else if (isNd(u8, ip)) nd(i, index, ip, cast);
    else if (srhLocal(i, index, ip, cast)) return;
    else if (!replies.echo6(i, index, ip, cast)) punt(ctx, i, index, PuntReason.LOCAL, ip, cast);
  }

  function anycast(i: number, index: number, ip: number, cast: Cast): void {
    punt(ctx, i, index, isNd(u8, ip) ? PuntReason.ND : PuntReason.LOCAL, ip, cast);
  }

  function nd(i: number, index: number, ip: number, cast: Cast): void {
    if (!replies.nd(i, index, ip)) punt(ctx, i, index, PuntReason.ND, ip, cast);
  }

  /** Where GRE begins, if nothing but hop-by-hop options, which have been looked at, is before it; else -1. */
  function greBehindOptions(ip: number): number {
    const next = u8[ip + Ipv6.NEXT_HEADER];
    if (next === Protocol.GRE) return ip + Ipv6.LENGTH;
    if (next !== Protocol.HOP_BY_HOP) return -1;
    const options = ip + Ipv6.LENGTH;
    return u8[options] === Protocol.GRE ? options + ((u8[options + 1] + 1) << 3) : -1;
  }

  function reassembled(i: number, index: number, ip: number): void {
    if (length[i] >= Ipv6.LENGTH && u8[ip] >> 4 === 6) {
      const upper = walkExtensions(u8, ip);
      if (upper >= 0 && upperProtocol(upper) === Protocol.GRE) greInput(i, index, ip, ip + upperOffset(upper));
      else drop(ctx, i, index, Drop.HEADER);
      return;
    }
    if (u8[ip + Ipv4.PROTOCOL] === Protocol.GRE) greInput(i, index, ip, ip + headerLength(u8, ip));
    else drop(ctx, i, index, Drop.HEADER);
  }

  return { v4, v6, anycast, nd, isProxied: replies.isProxied, reassembled };
}

/** Whether a packet is a neighbour discovery message (ICMPv6 types 133 to 137). */
export function isNd(u8: Uint8Array, ip: number): boolean {
  if (u8[ip + Ipv6.NEXT_HEADER] !== Protocol.ICMPV6 || payloadLength(u8, ip) === 0) return false;
  const type = u8[ip + Ipv6.LENGTH];
  return type >= 133 && type <= 137;
}
