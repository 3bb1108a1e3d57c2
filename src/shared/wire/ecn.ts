/**
 * Explicit congestion notification across a tunnel (RFC 6040): what the two bits of an inner packet become when its outer header is
 * taken off. Any thread; nothing is allocated.
 */
import { Ipv4, setTos } from './ipv4.js';
import { trafficClass } from './ipv6.js';

/** The two bits (RFC 3168 §5). */
export const enum Ecn {
  /** Its ends do not know of ECN. */
  NOT_ECT = 0,
  ECT1 = 1,
  ECT0 = 2,
  /** Congestion was experienced. */
  CE = 3,
  MASK = 3,
}

/** What the inner bits become behind the outer ones (RFC 6040 §4.2, figure 4); -1 = the packet is to be dropped. */
export function ecnOut(inner: number, outer: number): number {
  if (outer === Ecn.CE) return inner === Ecn.NOT_ECT ? -1 : Ecn.CE;
  return outer === Ecn.ECT1 && inner === Ecn.ECT0 ? Ecn.ECT1 : inner;
}

/**
 * Lets the inner packet at byte `inner`, of `version` 4 or 6, hear what the IPv6 packet at byte `ip` has heard on its way. False if it is to
 * be dropped. At least 20 bytes of it must be there; its header need not be checked yet, and is as right or wrong as it was.
 */
export function carryEcn(u8: Uint8Array, u16: Uint16Array, ip: number, inner: number, version: 4 | 6): boolean {
  const field = version === 4 ? u8[inner + Ipv4.TOS] : trafficClass(u8, inner);
  const before = field & Ecn.MASK;
  const after = ecnOut(before, trafficClass(u8, ip) & Ecn.MASK);
  if (after === -1) return false;
  if (after === before) return true;
  if (version === 4) setTos(u8, u16, inner, field ^ before ^ after);
  // The class ends in the high half of the second byte.
  else u8[inner + 1] ^= (before ^ after) << 4;
  return true;
}
