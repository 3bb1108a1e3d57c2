/**
 * ICMP (RFC 792, RFC 1191, RFC 1812 §4.3): offsets, check, an echo request made its reply, error messages, and when there must
 * be none. Any thread; nothing is allocated.
 *
 * Messages begin at an even byte. Addresses are int32 in host order.
 */
import { adjust, complement, fold, store16, sumBytes } from './checksum.js';
import {
  destination4,
  fragmentField,
  headerLength,
  Ipv4,
  Ipv4Fragment,
  identifiesOne4,
  isMulticast4,
  setTtl,
  source4,
  totalLength,
  writeIpv4,
} from './ipv4.js';
import { write32 } from './network-order.js';
import { Protocol } from './protocol.js';

/** Byte offsets in a message, and the length of its fixed part. */
export const enum Icmp {
  TYPE = 0,
  CODE = 1,
  CHECKSUM = 2,
  /** Of an error: unused, next-hop MTU, gateway or pointer. */
  REST = 4,
  /** Of an echo, these two. */
  ID = 4,
  SEQUENCE = 6,
  LENGTH = 8,
}

/** Message types (IANA "ICMP Type Numbers"). */
export const enum IcmpType {
  ECHO_REPLY = 0,
  UNREACHABLE = 3,
  SOURCE_QUENCH = 4,
  REDIRECT = 5,
  ECHO = 8,
  ROUTER_ADVERTISEMENT = 9,
  ROUTER_SOLICITATION = 10,
  TIME_EXCEEDED = 11,
  PARAMETER_PROBLEM = 12,
  TIMESTAMP = 13,
  MASK_REPLY = 18,
}

/** Codes of UNREACHABLE (RFC 792, RFC 1812 §5.2.7.1). */
export const enum UnreachableCode {
  NET = 0,
  HOST = 1,
  PROTOCOL = 2,
  PORT = 3,
  /** `rest` is the MTU of the next hop (RFC 1191 §4). */
  FRAGMENTATION_NEEDED = 4,
  SOURCE_ROUTE_FAILED = 5,
  PROHIBITED = 13,
}

/** Codes of TIME_EXCEEDED. */
export const enum TimeExceededCode {
  TRANSIT = 0,
  REASSEMBLY = 1,
}

/** Codes of REDIRECT: routers send the second alone (RFC 1812 §5.2.7.2). `rest` is the gateway. */
export const enum RedirectCode {
  NET = 0,
  HOST = 1,
}

/** Most bytes of an error, IP header included (RFC 1812 §4.3.2.3). */
const ERROR_MOST = 576;
/** TTL of what we send (IANA "IP Parameters"). */
const DEFAULT_TTL = 64;
/** Precedence of an error, and the bits of the offending TOS it keeps: not those that are ECN now (RFC 1812 §4.3.2.5, RFC 3168). */
const INTERNETWORK_CONTROL = 0xc0;
const TOS_KEPT = 0x1c;

/** Whether the message of `length` bytes at byte `at` is whole and its checksum right. */
export function checkIcmp(u8: Uint8Array, u16: Uint16Array, at: number, length: number): boolean {
  return length >= Icmp.LENGTH && fold(sumBytes(u8, u16, at, length)) === 0xffff;
}

/** Whether a message is an error, a redirect, or of a type we do not know: what no error may answer (RFC 1122 §3.2.2). */
export function isIcmpError(type: number): boolean {
  switch (type) {
    case IcmpType.ECHO_REPLY:
    case IcmpType.ECHO:
    case IcmpType.ROUTER_ADVERTISEMENT:
    case IcmpType.ROUTER_SOLICITATION:
      return false;
    default:
      return type < IcmpType.TIMESTAMP || type > IcmpType.MASK_REPLY;
  }
}

/**
 * Whether the checked packet at byte `ip` may be answered with an error, as far as it needs no table (spec B §5.4; RFC 1122
 * §3.2.2, RFC 1812 §4.3.2.7). `group`: its frame's destination was broadcast or multicast. A directed broadcast, as source or
 * destination, is the caller's to know.
 */
export function mayAnswerWithError4(u8: Uint8Array, ip: number, group: boolean): boolean {
  if (group || (fragmentField(u8, ip) & Ipv4Fragment.OFFSET) !== 0) return false;
  const destination = destination4(u8, ip);
  if (destination === -1 || isMulticast4(destination) || !identifiesOne4(source4(u8, ip))) return false;
  if (u8[ip + Ipv4.PROTOCOL] !== Protocol.ICMP) return true;
  const header = headerLength(u8, ip);
  return header < totalLength(u8, ip) && !isIcmpError(u8[ip + header + Icmp.TYPE]);
}

/**
 * Makes the checked echo request at byte `ip` its reply, in place: addresses exchanged, "don't fragment" off, TTL set, type changed, checksums adjusted.
 * Its destination must be one address of ours, and it must be no fragment. Options stay as they are.
 */
export function echoReply4(u8: Uint8Array, u16: Uint16Array, ip: number): void {
  const w = (ip + Ipv4.SOURCE) >> 1;
  for (let k = w; k < w + 2; k++) {
    const word = u16[k];
    u16[k] = u16[k + 2];
    u16[k + 2] = word;
  }
  const fragment = (ip + Ipv4.FRAGMENT) >> 1;
  const checksum = (ip + Ipv4.CHECKSUM) >> 1;
  u16[checksum] = adjust(u16[checksum], u16[fragment], 0);
  u16[fragment] = 0;
  setTtl(u8, u16, ip, DEFAULT_TTL);
  replyType(u8, u16, ip + headerLength(u8, ip), IcmpType.ECHO_REPLY);
}

/**
 * Sets the type of the message at byte `at`, and its checksum. 0 is written as 0xffff: that is right as well, and of a reply that
 * is all zeros only that (RFC 1624 §3).
 */
export function replyType(u8: Uint8Array, u16: Uint16Array, at: number, type: number): void {
  const before = u16[at >> 1];
  u8[at + Icmp.TYPE] = type;
  const w = (at + Icmp.CHECKSUM) >> 1;
  u16[w] = adjust(u16[w], before, u16[at >> 1]) || 0xffff;
}

/** Writes the checksum of the message of `length` bytes at byte `at`. */
export function finishIcmp(u8: Uint8Array, u16: Uint16Array, at: number, length: number): void {
  store16(u8, at + Icmp.CHECKSUM, 0);
  store16(u8, at + Icmp.CHECKSUM, complement(sumBytes(u8, u16, at, length)));
}

/**
 * Writes at byte `to` an error about the checked packet at byte `packet`, an IP packet from `source` to its sender that quotes as
 * much of it as 576 bytes hold. `rest` is the message's 32 bits behind the checksum. `id` identifies the packet. Returns the
 * length, 48 … 576 bytes; the two must not overlap. Whether it may be sent: `mayAnswerWithError4`. `present`: bytes of the packet that
 * there are, if it is not whole.
 */
export function writeIcmpError4(
  u8: Uint8Array,
  u16: Uint16Array,
  packet: number,
  to: number,
  type: IcmpType,
  code: number,
  rest: number,
  source: number,
  id: number,
  present = ERROR_MOST,
): number {
  const at = to + Ipv4.LENGTH;
  const quote = Math.min(totalLength(u8, packet), present, ERROR_MOST - Ipv4.LENGTH - Icmp.LENGTH);
  u8[at + Icmp.TYPE] = type;
  u8[at + Icmp.CODE] = code;
  write32(u8, at + Icmp.REST, rest);
  u8.copyWithin(at + Icmp.LENGTH, packet, packet + quote);
  finishIcmp(u8, u16, at, Icmp.LENGTH + quote);
  const total = Ipv4.LENGTH + Icmp.LENGTH + quote;
  const tos = (u8[packet + Ipv4.TOS] & TOS_KEPT) | INTERNETWORK_CONTROL;
  writeIpv4(u16, to, tos, total, id, 0, DEFAULT_TTL, Protocol.ICMP, source, source4(u8, packet));
  return total;
}
