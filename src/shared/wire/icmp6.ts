/**
 * ICMPv6 (RFC 4443): offsets, check, an echo request made its reply, error messages, and when there must be none. Any thread;
 * nothing is allocated.
 *
 * Messages begin at an even byte. An address is named by the byte where its 16 bytes begin.
 */
import { complement, fold, store16, sumBytes } from './checksum.js';
import { replyType } from './icmp.js';
import { pseudoSum } from './ip.js';
import {
  copyAddress6,
  Ipv6,
  identifiesOne6,
  isMulticast6,
  payloadLength,
  Upper,
  upperOffset,
  upperProtocol,
  walkExtensions,
  writeIpv6,
} from './ipv6.js';
import { write32 } from './network-order.js';
import { Protocol } from './protocol.js';

/** Byte offsets in a message, and the length of its fixed part. */
export const enum Icmp6 {
  TYPE = 0,
  CODE = 1,
  CHECKSUM = 2,
  /** Of an error: unused, MTU or pointer. */
  REST = 4,
  /** Of an echo, these two. */
  ID = 4,
  SEQUENCE = 6,
  LENGTH = 8,
}

/** Message types (IANA "ICMPv6 Type Numbers"). */
export const enum Icmp6Type {
  UNREACHABLE = 1,
  /** `rest` is the MTU. */
  TOO_BIG = 2,
  TIME_EXCEEDED = 3,
  /** `rest` is the offset of what is wrong. */
  PARAMETER_PROBLEM = 4,
  /** The first that is no error. */
  INFORMATIONAL = 128,
  ECHO = 128,
  ECHO_REPLY = 129,
  ROUTER_SOLICITATION = 133,
  ROUTER_ADVERTISEMENT = 134,
  NEIGHBOUR_SOLICITATION = 135,
  NEIGHBOUR_ADVERTISEMENT = 136,
  REDIRECT = 137,
}

/** Codes of UNREACHABLE (RFC 4443 §3.1). */
export const enum Unreachable6Code {
  NO_ROUTE = 0,
  PROHIBITED = 1,
  BEYOND_SCOPE = 2,
  ADDRESS = 3,
  PORT = 4,
  SOURCE_POLICY = 5,
  REJECT = 6,
}

/** Codes of PARAMETER_PROBLEM (RFC 4443 §3.4, RFC 7112, RFC 8754 §4.3.1.2). */
export const enum Problem6Code {
  FIELD = 0,
  NEXT_HEADER = 1,
  OPTION = 2,
  /** The first fragment has not all headers (RFC 7112 §5.1). */
  FIRST_FRAGMENT = 3,
  UPPER_LAYER = 4,
}

/** Most bytes of an error, IP header included: the least MTU (RFC 4443 §2.4 (c)). */
const ERROR_MOST = 1280;
/** Hop limit of what we send (RFC 1700). */
const DEFAULT_HOP_LIMIT = 64;

/** Whether the message of `length` bytes at byte `at`, behind the IPv6 header at `ip`, is whole and its checksum right. */
export function checkIcmp6(u8: Uint8Array, u16: Uint16Array, ip: number, at: number, length: number): boolean {
  if (length < Icmp6.LENGTH) return false;
  return fold(sumBytes(u8, u16, at, length) + pseudoSum(u8, u16, ip, 6, length, Protocol.ICMPV6)) === 0xffff;
}

/** Whether a message is an error, known or not, or a redirect: what no error may answer (RFC 4443 §2.4 (e)). */
export function isIcmp6Error(type: number): boolean {
  return type < Icmp6Type.INFORMATIONAL || type === Icmp6Type.REDIRECT;
}

/**
 * Whether the checked packet at byte `ip` may be answered with an error of `type` and `code`, as far as it needs no table (RFC 4443
 * §2.4 (e)). `group`: its frame's destination was broadcast or multicast. An anycast source is the caller's to know. A later
 * fragment of an ICMPv6 message is not answered, since it may be one of an error.
 */
export function mayAnswerWithError6(
  u8: Uint8Array,
  ip: number,
  group: boolean,
  type: Icmp6Type,
  code: number,
): boolean {
  const toGroups = type === Icmp6Type.TOO_BIG || (type === Icmp6Type.PARAMETER_PROBLEM && code === Problem6Code.OPTION);
  if (!toGroups && (group || isMulticast6(u8, ip + Ipv6.DESTINATION))) return false;
  if (!identifiesOne6(u8, ip + Ipv6.SOURCE)) return false;
  const upper = walkExtensions(u8, ip, true);
  if (upper === -1 || upperProtocol(upper) !== Protocol.ICMPV6) return true;
  if ((upper & Upper.LATER_FRAGMENT) !== 0) return false;
  const at = upperOffset(upper);
  return at < Ipv6.LENGTH + payloadLength(u8, ip) && !isIcmp6Error(u8[ip + at + Icmp6.TYPE]);
}

/**
 * Makes the checked echo request at byte `ip`, whose message is at byte `at`, its reply, in place: addresses exchanged, flow label
 * 0, hop limit set, type changed, checksum adjusted. Its destination must be one address of ours, and it must be no fragment.
 */
export function echoReply6(u8: Uint8Array, u16: Uint16Array, ip: number, at: number): void {
  const w = (ip + Ipv6.SOURCE) >> 1;
  for (let k = w; k < w + 8; k++) {
    const word = u16[k];
    u16[k] = u16[k + 8];
    u16[k + 8] = word;
  }
  u8[ip + 1] &= 0xf0;
  u16[(ip + 2) >> 1] = 0;
  u8[ip + Ipv6.HOP_LIMIT] = DEFAULT_HOP_LIMIT;
  replyType(u8, u16, at, Icmp6Type.ECHO_REPLY);
}

/** Writes the checksum of the message of `length` bytes at byte `at`; the IPv6 header at `ip` must have its addresses. */
export function finishIcmp6(u8: Uint8Array, u16: Uint16Array, ip: number, at: number, length: number): void {
  store16(u8, at + Icmp6.CHECKSUM, 0);
  const sum = sumBytes(u8, u16, at, length) + pseudoSum(u8, u16, ip, 6, length, Protocol.ICMPV6);
  store16(u8, at + Icmp6.CHECKSUM, complement(sum));
}

/**
 * Writes at byte `to` an error about the checked packet at byte `packet`, an IPv6 packet from the address at `source` of `sources`
 * to its sender that quotes as much of it as 1280 bytes hold. `rest` is the message's 32 bits behind the checksum. Returns the
 * length, 88 … 1280 bytes; the two must not overlap. Whether it may be sent: `mayAnswerWithError6`. `present`: bytes of the packet that
 * there are, if it is not whole.
 */
export function writeIcmpError6(
  u8: Uint8Array,
  u16: Uint16Array,
  packet: number,
  to: number,
  type: Icmp6Type,
  code: number,
  rest: number,
  sources: Uint8Array,
  source: number,
  present = ERROR_MOST,
): number {
  const at = to + Ipv6.LENGTH;
  const length = Math.min(Ipv6.LENGTH + payloadLength(u8, packet), present);
  const quote = Math.min(length, ERROR_MOST - Ipv6.LENGTH - Icmp6.LENGTH);
  writeIpv6(u8, to, 0, 0, Icmp6.LENGTH + quote, Protocol.ICMPV6, DEFAULT_HOP_LIMIT);
  copyAddress6(u8, to + Ipv6.SOURCE, sources, source);
  copyAddress6(u8, to + Ipv6.DESTINATION, u8, packet + Ipv6.SOURCE);
  u8[at + Icmp6.TYPE] = type;
  u8[at + Icmp6.CODE] = code;
  write32(u8, at + Icmp6.REST, rest);
  u8.copyWithin(at + Icmp6.LENGTH, packet, packet + quote);
  finishIcmp6(u8, u16, to, at, Icmp6.LENGTH + quote);
  return Ipv6.LENGTH + Icmp6.LENGTH + quote;
}
