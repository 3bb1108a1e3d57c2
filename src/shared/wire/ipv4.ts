/**
 * IPv4 (RFC 791): offsets, check, getters and setters, the header's writer. Any thread; nothing is allocated.
 *
 * A header begins at an even byte `ip`. Addresses are int32 in host order (`ipv4-address.ts`). After `checkIpv4` all fields and
 * options lie in the packet, which ends `totalLength` bytes from `ip`: what follows is padding of the link.
 */
import { adjust, complement, fold, store16, sumBytes, swap16 } from './checksum.js';
import { read16, read32 } from './network-order.js';
import type { Protocol } from './protocol.js';

/** Byte offsets in an IPv4 header, and the least length of one. */
export const enum Ipv4 {
  VERSION_IHL = 0,
  TOS = 1,
  TOTAL_LENGTH = 2,
  ID = 4,
  FRAGMENT = 6,
  TTL = 8,
  PROTOCOL = 9,
  CHECKSUM = 10,
  /** Source, then destination. */
  ADDRESSES = 12,
  SOURCE = 12,
  DESTINATION = 16,
  LENGTH = 20,
}

/** Bits of the fragment field as `fragmentField` reads it. */
export const enum Ipv4Fragment {
  DF = 0x4000,
  MF = 0x2000,
  /** In units of 8 bytes. */
  OFFSET = 0x1fff,
}

/** What is wrong with a header (spec B §5.1 steps 2 to 4), one number a cause. */
export const enum Ipv4Fault {
  NONE = 0,
  /** Fewer bytes than a header. */
  SHORT = 1,
  VERSION = 2,
  /** Below 20, or more than there is. */
  HEADER_LENGTH = 3,
  CHECKSUM = 4,
  /** Total length below the header's. */
  TOTAL_LENGTH = 5,
  /** Total length above what there is. */
  TRUNCATED = 6,
  /** A malformed option; `walkOptions` says where. The one fault that is answered: Parameter Problem. */
  OPTION = 7,
  SOURCE_ROUTE = 8,
  MARTIAN_SOURCE = 9,
  MARTIAN_DESTINATION = 10,
}

/** Option types (RFC 791 §3.1, RFC 2113). */
export const enum Ipv4Option {
  END = 0,
  NOP = 1,
  RECORD_ROUTE = 7,
  TIMESTAMP = 68,
  LOOSE_SOURCE_ROUTE = 131,
  STRICT_SOURCE_ROUTE = 137,
  ROUTER_ALERT = 148,
  /** Bit of a type: the option is copied into every fragment. */
  COPIED = 0x80,
}

/** What `walkOptions` found; the first three need the slow path. */
export const enum OptionFound {
  ROUTER_ALERT = 1,
  RECORD_ROUTE = 2,
  TIMESTAMP = 4,
  SOURCE_ROUTE = 8,
}

/** 255.255.255.255. */
const LIMITED_BROADCAST = -1;

/** The folded sum of a header without options: no loop, an int32. Folded once it is below 0x10009, and 0xffff only if twice would be. */
export function foldPlain(u16: Uint16Array, w: number): number {
  const front = u16[w] + u16[w + 1] + u16[w + 2] + u16[w + 3] + u16[w + 4];
  const sum = (front + u16[w + 5] + u16[w + 6] + u16[w + 7] + u16[w + 8] + u16[w + 9]) | 0;
  return (sum & 0xffff) + (sum >>> 16);
}

/**
 * What is wrong with the packet at byte `ip`, `room` bytes of which have come: 0, or a fault, in the order of spec B §5.1. Our
 * own address or a directed broadcast as the source is not seen here: that needs the tables.
 */
export function checkIpv4(u8: Uint8Array, u16: Uint16Array, ip: number, room: number): Ipv4Fault {
  if (room < Ipv4.LENGTH) return Ipv4Fault.SHORT;
  if (u8[ip] >> 4 !== 4) return Ipv4Fault.VERSION;
  const header = headerLength(u8, ip);
  if (header < Ipv4.LENGTH || header > room) return Ipv4Fault.HEADER_LENGTH;
  const plain = header === Ipv4.LENGTH && (ip & 1) === 0;
  if ((plain ? foldPlain(u16, ip >> 1) : fold(sumBytes(u8, u16, ip, header))) !== 0xffff) return Ipv4Fault.CHECKSUM;
  const total = totalLength(u8, ip);
  if (total < header) return Ipv4Fault.TOTAL_LENGTH;
  if (total > room) return Ipv4Fault.TRUNCATED;
  if (header > Ipv4.LENGTH) {
    const found = walkOptions(u8, ip);
    if (found < 0) return Ipv4Fault.OPTION;
    if ((found & OptionFound.SOURCE_ROUTE) !== 0) return Ipv4Fault.SOURCE_ROUTE;
  }
  const source = source4(u8, ip);
  const destination = destination4(u8, ip);
  if (!identifiesOne4(source) && (source !== 0 || destination !== LIMITED_BROADCAST)) return Ipv4Fault.MARTIAN_SOURCE;
  if (isMartianDestination(destination)) return Ipv4Fault.MARTIAN_DESTINATION;
  return Ipv4Fault.NONE;
}

/**
 * Whether an address can be that of one node anywhere: not 0/8, 127/8, multicast, class E or broadcast (RFC 1812 §5.3.7). What
 * does not is a martian as a source, and gets no ICMP error. 169.254/16 does: rows.md B74.
 */
export function identifiesOne4(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** 0/8, 127/8, and 240/4 but for 255.255.255.255. */
function isMartianDestination(address: number): boolean {
  const first = address >>> 24;
  return first === 0 || first === 127 || (first >= 240 && address !== LIMITED_BROADCAST);
}

/** 224/4. */
export function isMulticast4(address: number): boolean {
  return address >>> 28 === 14;
}

/** 224.0.0/24, which never leaves a link (RFC 5771 §4). */
export function isLinkLocalMulticast4(address: number): boolean {
  return address >>> 8 === 0xe00000;
}

/** 169.254/16 (RFC 3927). */
export function isLinkLocal4(address: number): boolean {
  return address >>> 16 === 0xa9fe;
}

/**
 * Looks through the options of the whole header at byte `ip`: bits of `OptionFound`, or if one is malformed the offset of what
 * is wrong from the header's first byte, negative: the pointer of the Parameter Problem. Where one thing is wrong, it is the pointer
 * that Linux sends.
 */
export function walkOptions(u8: Uint8Array, ip: number): number {
  const end = headerLength(u8, ip);
  let found = 0;
  let at: number = Ipv4.LENGTH;
  while (at < end) {
    const type = u8[ip + at];
    if (type === Ipv4Option.END) break;
    if (type === Ipv4Option.NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) return -at;
    const length = u8[ip + at + 1];
    if (length < 2 || at + length > end) return -at;
    const one = optionFound(u8, ip, at, type, length);
    if (one < 0) return one;
    if (one !== OptionFound.ROUTER_ALERT && (found & one) !== 0) return -at;
    found |= one;
    at += length;
  }
  return found;
}

/** The `OptionFound` bit of one option, 0 if it means nothing to us, or the negative offset of what is wrong. */
function optionFound(u8: Uint8Array, ip: number, at: number, type: number, length: number): number {
  switch (type) {
    case Ipv4Option.LOOSE_SOURCE_ROUTE:
    case Ipv4Option.STRICT_SOURCE_ROUTE:
      if (length < 3) return -(at + 1);
      return u8[ip + at + 2] < 4 ? -(at + 2) : OptionFound.SOURCE_ROUTE;
    case Ipv4Option.RECORD_ROUTE: {
      if (length < 3) return -(at + 1);
      const pointer = u8[ip + at + 2];
      return pointer < 4 || (pointer <= length && pointer + 3 > length) ? -(at + 2) : OptionFound.RECORD_ROUTE;
    }
    case Ipv4Option.TIMESTAMP:
      return timestampFound(u8, ip, at, length);
    case Ipv4Option.ROUTER_ALERT:
      if (length < 4) return -(at + 1);
      return read16(u8, ip + at + 2) === 0 ? OptionFound.ROUTER_ALERT : 0;
    default:
      return 0;
  }
}

/** The same of a timestamp option: its pointer is 5 or more, an entry has 4 bytes or, with addresses (flags 1, 3), 8. */
function timestampFound(u8: Uint8Array, ip: number, at: number, length: number): number {
  if (length < 4) return -(at + 1);
  const pointer = u8[ip + at + 2];
  const flags = u8[ip + at + 3] & 15;
  const addresses = flags === 1 || flags === 3;
  if (pointer < 5) return -(at + 2);
  if (pointer > length) {
    return flags !== 3 && u8[ip + at + 3] >> 4 === 15 ? -(at + 3) : OptionFound.TIMESTAMP;
  }
  if (pointer + (addresses ? 7 : 3) > length) return -(at + 2);
  return addresses || flags === 0 ? OptionFound.TIMESTAMP : 0;
}

/** Bytes of the header, options included: 0 … 60. */
export function headerLength(u8: Uint8Array, ip: number): number {
  return (u8[ip] & 15) << 2;
}

/** Bytes of the packet. */
export function totalLength(u8: Uint8Array, ip: number): number {
  return read16(u8, ip + Ipv4.TOTAL_LENGTH);
}

/** Flags and offset, bits of `Ipv4Fragment`. */
export function fragmentField(u8: Uint8Array, ip: number): number {
  return read16(u8, ip + Ipv4.FRAGMENT);
}

/** Source address, host order. */
export function source4(u8: Uint8Array, ip: number): number {
  return read32(u8, ip + Ipv4.SOURCE);
}

/** Destination address, host order. */
export function destination4(u8: Uint8Array, ip: number): number {
  return read32(u8, ip + Ipv4.DESTINATION);
}

/** Sets the TTL, 0 … 255; the checksum follows. */
export function setTtl(u8: Uint8Array, u16: Uint16Array, ip: number, ttl: number): void {
  const w = (ip + Ipv4.TTL) >> 1;
  const before = u16[w];
  u8[ip + Ipv4.TTL] = ttl;
  u16[(ip + Ipv4.CHECKSUM) >> 1] = adjust(u16[(ip + Ipv4.CHECKSUM) >> 1], before, u16[w]);
}

/** Sets the type of service; the checksum follows (RFC 1624). */
export function setTos(u8: Uint8Array, u16: Uint16Array, ip: number, tos: number): void {
  const w = ip >> 1;
  const before = u16[w];
  u8[ip + Ipv4.TOS] = tos;
  u16[(ip + Ipv4.CHECKSUM) >> 1] = adjust(u16[(ip + Ipv4.CHECKSUM) >> 1], before, u16[w]);
}

/**
 * TTL minus one; the checksum follows (RFC 1624 eqn. 3). The TTL must not be 0. It is the low byte of its word in memory, so that
 * ~m + m' is always 0xfffe.
 */
export function decrementTtl(u8: Uint8Array, u16: Uint16Array, ip: number): void {
  u8[ip + Ipv4.TTL]--;
  const w = (ip + Ipv4.CHECKSUM) >> 1;
  const sum = (~u16[w] & 0xffff) + 0xfffe;
  u16[w] = ~((sum & 0xffff) + (sum >>> 16));
}

/** Computes the header's checksum anew. */
export function finishIpv4(u8: Uint8Array, u16: Uint16Array, ip: number): void {
  if (u8[ip] === 0x45 && (ip & 1) === 0) {
    const w = ip >> 1;
    u16[w + (Ipv4.CHECKSUM >> 1)] = 0;
    const sum = foldPlain(u16, w);
    u16[w + (Ipv4.CHECKSUM >> 1)] = ~((sum & 0xffff) + (sum >>> 16));
    return;
  }
  store16(u8, ip + Ipv4.CHECKSUM, 0);
  store16(u8, ip + Ipv4.CHECKSUM, complement(sumBytes(u8, u16, ip, headerLength(u8, ip))));
}

/**
 * Writes a header of 20 bytes and its checksum. `total` is the packet's length in bytes, `fragment` bits of `Ipv4Fragment`, the
 * addresses are in host order.
 */
export function writeIpv4(
  u16: Uint16Array,
  ip: number,
  tos: number,
  total: number,
  id: number,
  fragment: number,
  ttl: number,
  protocol: Protocol,
  source: number,
  destination: number,
): void {
  // Summed before it is stored: words read back behind stores of other widths would wait for these to reach the cache.
  const w = ip >> 1;
  const w0 = 0x45 | ((tos & 0xff) << 8);
  const w1 = swap16(total);
  const w2 = swap16(id);
  const w3 = swap16(fragment);
  const w4 = (ttl & 0xff) | (protocol << 8);
  const w6 = swap16(source >>> 16);
  const w7 = swap16(source);
  const w8 = swap16(destination >>> 16);
  const w9 = swap16(destination);
  const sum = (w0 + w1 + w2 + w3 + w4 + w6 + w7 + w8 + w9) | 0;
  const once = (sum & 0xffff) + (sum >>> 16);
  u16[w] = w0;
  u16[w + 1] = w1;
  u16[w + 2] = w2;
  u16[w + 3] = w3;
  u16[w + 4] = w4;
  u16[w + 5] = ~((once & 0xffff) + (once >>> 16));
  u16[w + 6] = w6;
  u16[w + 7] = w7;
  u16[w + 8] = w8;
  u16[w + 9] = w9;
}
