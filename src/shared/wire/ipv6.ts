/**
 * IPv6 (RFC 8200): offsets, check, options, extension headers, classes of addresses, getters and setters, the header's writer.
 * Any thread; nothing is allocated.
 *
 * A header begins at an even byte `ip`. An address is named by the byte where its 16 bytes begin, in whatever view it lies in.
 * After `checkIpv6` the packet ends `Ipv6.LENGTH + payloadLength` bytes from `ip`; extension headers are only safe through
 * `walkHopByHop` and `walkExtensions`.
 */
import { read16, read32, write16, write32 } from './network-order.js';
import { Protocol } from './protocol.js';

/** Byte offsets in an IPv6 header, and its length. */
export const enum Ipv6 {
  VERSION = 0,
  PAYLOAD_LENGTH = 4,
  NEXT_HEADER = 6,
  HOP_LIMIT = 7,
  /** Source, then destination. */
  ADDRESSES = 8,
  SOURCE = 8,
  DESTINATION = 24,
  LENGTH = 40,
  /** Bytes of an address. */
  ADDRESS = 16,
}

/** Byte offsets in the fragment header (RFC 8200 §4.5), and its length. */
export const enum Fragment6 {
  NEXT_HEADER = 0,
  /** Offset in units of 8 bytes in the high 13 bits, then two reserved bits and M. */
  OFFSET = 2,
  ID = 4,
  LENGTH = 8,
  /** The bit M: more fragments follow. */
  MORE = 1,
  OFFSET_MASK = 0xfff8,
}

/** Byte offsets in a routing header (RFC 8200 §4.4). */
export const enum Routing6 {
  TYPE = 2,
  SEGMENTS_LEFT = 3,
}

/** What is wrong with a header (spec B §5.3 steps 1, 2 and 4), one number a cause. */
export const enum Ipv6Fault {
  NONE = 0,
  /** Fewer bytes than a header. */
  SHORT = 1,
  VERSION = 2,
  /** Payload length above what there is. */
  TRUNCATED = 3,
  /** Payload length 0 with something to come: a jumbogram, and no frame has room for one. */
  ZERO_PAYLOAD = 4,
  MULTICAST_SOURCE = 5,
  /** Source or destination ::1. */
  LOOPBACK = 6,
  /** Multicast destination of scope 0 or 1. */
  SCOPE = 7,
  /** Source or destination in ::ffff:0:0/96. */
  MAPPED = 8,
  /** Of `checkForward6` alone, these three. */
  UNSPECIFIED_SOURCE = 9,
  /** Answered with Destination Unreachable, beyond scope of source address. */
  LINK_LOCAL_SOURCE = 10,
  /** Link-local or multicast destination. */
  LINK_LOCAL_DESTINATION = 11,
}

/** What is wrong with the packet at byte `ip`, `room` bytes of which have come, on an interface that is not loopback: 0, or a fault. */
export function checkIpv6(u8: Uint8Array, ip: number, room: number): Ipv6Fault {
  if (room < Ipv6.LENGTH) return Ipv6Fault.SHORT;
  if (u8[ip] >> 4 !== 6) return Ipv6Fault.VERSION;
  const payload = payloadLength(u8, ip);
  if (Ipv6.LENGTH + payload > room) return Ipv6Fault.TRUNCATED;
  if (payload === 0 && u8[ip + Ipv6.NEXT_HEADER] !== Protocol.NO_NEXT_HEADER) return Ipv6Fault.ZERO_PAYLOAD;
  const source = ip + Ipv6.SOURCE;
  const destination = ip + Ipv6.DESTINATION;
  // What is wrong with an address begins with 00 or ff, and few others do.
  const unlikely = ((u8[source] + 1) & 0xff) < 2 || ((u8[destination] + 1) & 0xff) < 2;
  return unlikely ? addressFault(u8, source, destination) : Ipv6Fault.NONE;
}

/** What is wrong with the addresses of a packet that has come by a link. */
function addressFault(u8: Uint8Array, source: number, destination: number): Ipv6Fault {
  if (isMulticast6(u8, source)) return Ipv6Fault.MULTICAST_SOURCE;
  if (isLoopback6(u8, source) || isLoopback6(u8, destination)) return Ipv6Fault.LOOPBACK;
  if (isMulticast6(u8, destination) && multicastScope(u8, destination) < 2) return Ipv6Fault.SCOPE;
  if (isMapped6(u8, source) || isMapped6(u8, destination)) return Ipv6Fault.MAPPED;
  return Ipv6Fault.NONE;
}

/** Why a checked packet may not be forwarded from one link to another, whatever the tables say: 0, or one of the last three faults. */
export function checkForward6(u8: Uint8Array, ip: number): Ipv6Fault {
  const source = ip + Ipv6.SOURCE;
  const destination = ip + Ipv6.DESTINATION;
  // Such addresses begin with 00, fe or ff, and few others do.
  const unlikely = u8[source] === 0 || u8[source] === 0xfe || u8[destination] >= 0xfe;
  return unlikely ? scopeFault(u8, source, destination) : Ipv6Fault.NONE;
}

/** What about the addresses keeps a packet on its link. */
function scopeFault(u8: Uint8Array, source: number, destination: number): Ipv6Fault {
  if (isUnspecified6(u8, source)) return Ipv6Fault.UNSPECIFIED_SOURCE;
  if (isLinkLocal6(u8, destination) || isMulticast6(u8, destination)) return Ipv6Fault.LINK_LOCAL_DESTINATION;
  return isLinkLocal6(u8, source) ? Ipv6Fault.LINK_LOCAL_SOURCE : Ipv6Fault.NONE;
}

/** Option types (RFC 8200 §4.2, RFC 2711, RFC 2675). */
const enum Option6 {
  PAD1 = 0,
  PADN = 1,
  ROUTER_ALERT = 5,
  JUMBO = 0xc2,
}

/** What is to be done with a packet whose hop-by-hop or destination options are not in order. */
export const enum HopVerdict {
  DROP = 1,
  /** Parameter Problem code 0, erroneous header field. */
  FIELD = 2,
  /** Parameter Problem code 2, unrecognised option: even if the destination is multicast. */
  OPTION = 3,
}

/** What `walkHopByHop` found that needs the slow path. */
export const enum HopFound {
  ROUTER_ALERT = 1,
}

/** Most options of one header but padding, and most bytes of padding in a row: as Linux has them (spec B §5.3 step 3). */
const OPTIONS_MOST = 8;
const PADDING_MOST = 7;

/** What `walkHopByHop` returns for something wrong at `pointer` bytes from the IPv6 header. */
function wrongAt(pointer: number, verdict: HopVerdict): number {
  return -((pointer << 2) | verdict);
}

/** The verdict in a negative result of `walkHopByHop`. */
export function hopVerdict(result: number): HopVerdict {
  return -result & 3;
}

/** The pointer of the Parameter Problem in a negative result of `walkHopByHop`. */
export function hopPointer(result: number): number {
  return -result >> 2;
}

/**
 * Looks through the hop-by-hop options behind the checked header at byte `ip`, whose next header is 0: bits of `HopFound`, or
 * negative, for `hopVerdict` and `hopPointer`.
 */
export function walkHopByHop(u8: Uint8Array, ip: number): number {
  return walkOptions6(u8, ip, Ipv6.LENGTH, true);
}

/** The same of a destination options header, `header` bytes from the IPv6 header (RFC 8200 §4.6): 0 or negative. */
export function walkDestination(u8: Uint8Array, ip: number, header: number): number {
  return walkOptions6(u8, ip, header, false);
}

function walkOptions6(u8: Uint8Array, ip: number, header: number, hopByHop: boolean): number {
  const limit = Ipv6.LENGTH + payloadLength(u8, ip);
  if (header + 8 > limit) return wrongAt(header, HopVerdict.DROP);
  const end = header + ((u8[ip + header + 1] + 1) << 3);
  if (end > limit) return wrongAt(header + 1, HopVerdict.DROP);
  let found = 0;
  let options = 0;
  let padding = 0;
  for (let at = header + 2; at < end; ) {
    const type = u8[ip + at];
    if (type === Option6.PAD1) {
      if (++padding > PADDING_MOST) return wrongAt(at, HopVerdict.DROP);
      at++;
      continue;
    }
    if (at + 2 > end) return wrongAt(at, HopVerdict.DROP);
    const length = u8[ip + at + 1] + 2;
    if (at + length > end) return wrongAt(at, HopVerdict.DROP);
    if (type === Option6.PADN) {
      padding += length;
      if (padding > PADDING_MOST || !isZero(u8, ip + at + 2, length - 2)) return wrongAt(at, HopVerdict.DROP);
    } else {
      padding = 0;
      if (++options > OPTIONS_MOST) return wrongAt(at, HopVerdict.DROP);
      if (hopByHop && type === Option6.ROUTER_ALERT) {
        if (length !== 4) return wrongAt(at, HopVerdict.DROP);
        found |= HopFound.ROUTER_ALERT;
      } else if (hopByHop && type === Option6.JUMBO) {
        return wrongAt(at, HopVerdict.FIELD); // The payload length is not 0 (RFC 2675 §3).
      } else if (type >= 0x40) {
        return wrongAt(at, unknownOption(u8, ip, type));
      }
    }
    at += length;
  }
  return found;
}

/** What the two high bits of an unknown option's type say; they are not 00 (RFC 8200 §4.2). */
function unknownOption(u8: Uint8Array, ip: number, type: number): HopVerdict {
  if (type >> 6 === 1) return HopVerdict.DROP;
  if (type >> 6 === 2) return HopVerdict.OPTION;
  return isMulticast6(u8, ip + Ipv6.DESTINATION) ? HopVerdict.DROP : HopVerdict.OPTION;
}

function isZero(u8: Uint8Array, from: number, length: number): boolean {
  for (let at = from; at < from + length; at++) if (u8[at] !== 0) return false;
  return true;
}

/** What `walkExtensions` returns: a protocol in the low 8 bits, then 16 bits of offset, then these. */
export const enum Upper {
  PROTOCOL_MASK = 0xff,
  OFFSET_SHIFT = 8,
  OFFSET_MASK = 0xffff,
  /** A fragment header was passed. */
  FRAGMENT = 1 << 24,
  /** It is not the first fragment: the offset is that of data, and the protocol that of the first fragment's next header. */
  LATER_FRAGMENT = 1 << 25,
  /** A routing header of type 0 with segments left; the walk stopped there, and the offset is its. */
  ROUTING_0 = 1 << 26,
}

/** Most extension headers looked through. */
const EXTENSIONS_MOST = 8;

/**
 * The upper-layer header of the checked packet at byte `ip`: `upperProtocol`, `upperOffset`, and bits of `Upper`. -1 if a header
 * does not end in the packet or there are more than 8. A hop-by-hop header in a later place is not passed: RFC 8200 §4.1 makes
 * it an unrecognised next header. With `throughRouting` a routing header of type 0 does not end the walk.
 */
export function walkExtensions(u8: Uint8Array, ip: number, throughRouting = false): number {
  const limit = Ipv6.LENGTH + payloadLength(u8, ip);
  let next = u8[ip + Ipv6.NEXT_HEADER];
  let at: number = Ipv6.LENGTH;
  let bits = 0;
  for (let n = 0; ; n++) {
    const extension =
      next === Protocol.ROUTING ||
      next === Protocol.DESTINATION ||
      next === Protocol.FRAGMENT ||
      next === Protocol.AUTHENTICATION ||
      (next === Protocol.HOP_BY_HOP && at === Ipv6.LENGTH);
    if (!extension) return bits | (at << Upper.OFFSET_SHIFT) | next;
    if (n === EXTENSIONS_MOST || at + 8 > limit) return -1;
    let length = (u8[ip + at + 1] + 1) << 3;
    if (next === Protocol.FRAGMENT) length = Fragment6.LENGTH;
    else if (next === Protocol.AUTHENTICATION) length = (u8[ip + at + 1] + 2) << 2;
    if (at + length > limit) return -1;
    const routing0 = next === Protocol.ROUTING && u8[ip + at + Routing6.TYPE] === 0;
    if (routing0 && !throughRouting && u8[ip + at + Routing6.SEGMENTS_LEFT] !== 0) {
      return bits | Upper.ROUTING_0 | (at << Upper.OFFSET_SHIFT) | next;
    }
    const later = next === Protocol.FRAGMENT && (read16(u8, ip + at + Fragment6.OFFSET) & Fragment6.OFFSET_MASK) !== 0;
    if (next === Protocol.FRAGMENT) bits |= Upper.FRAGMENT;
    next = u8[ip + at];
    at += length;
    if (later) return bits | Upper.LATER_FRAGMENT | (at << Upper.OFFSET_SHIFT) | next;
  }
}

/** The protocol in a result of `walkExtensions`. */
export function upperProtocol(upper: number): number {
  return upper & Upper.PROTOCOL_MASK;
}

/** Where it begins, in bytes from the IPv6 header. */
export function upperOffset(upper: number): number {
  return (upper >>> Upper.OFFSET_SHIFT) & Upper.OFFSET_MASK;
}

/** ff00::/8. */
export function isMulticast6(u8: Uint8Array, at: number): boolean {
  return u8[at] === 0xff;
}

/** Scope of a multicast address, 0 … 15 (RFC 4291 §2.7). */
export function multicastScope(u8: Uint8Array, at: number): number {
  return u8[at + 1] & 15;
}

/** fe80::/10. */
export function isLinkLocal6(u8: Uint8Array, at: number): boolean {
  return u8[at] === 0xfe && (u8[at + 1] & 0xc0) === 0x80;
}

/** The unspecified address, all zeros. */
export function isUnspecified6(u8: Uint8Array, at: number): boolean {
  return u8[at] === 0 && (read32(u8, at) | read32(u8, at + 4) | read32(u8, at + 8) | read32(u8, at + 12)) === 0;
}

/** ::1. */
export function isLoopback6(u8: Uint8Array, at: number): boolean {
  // Nearly every address is told by its first byte.
  if (u8[at] !== 0) return false;
  return (read32(u8, at) | read32(u8, at + 4) | read32(u8, at + 8)) === 0 && read32(u8, at + 12) === 1;
}

/** ::ffff:0:0/96, an IPv4-mapped address. */
export function isMapped6(u8: Uint8Array, at: number): boolean {
  return u8[at] === 0 && (read32(u8, at) | read32(u8, at + 4)) === 0 && read32(u8, at + 8) === 0xffff;
}

/** Whether an address can be that of one node: not unspecified, loopback or multicast. What does not gets no ICMPv6 error. */
export function identifiesOne6(u8: Uint8Array, at: number): boolean {
  return !isMulticast6(u8, at) && !isUnspecified6(u8, at) && !isLoopback6(u8, at);
}

/** Whether the 16 bytes at `a` of `u8` are those at `b` of `other`. */
export function sameAddress6(u8: Uint8Array, a: number, other: Uint8Array, b: number): boolean {
  for (let k = 0; k < Ipv6.ADDRESS; k++) if (u8[a + k] !== other[b + k]) return false;
  return true;
}

/** Copies the 16 bytes at `from` of `source` to `at` of `u8`. The ranges must not overlap. */
export function copyAddress6(u8: Uint8Array, at: number, source: Uint8Array, from: number): void {
  for (let k = 0; k < Ipv6.ADDRESS; k++) u8[at + k] = source[from + k];
}

const SOLICITED_0 = 0xff020000 | 0;
const SOLICITED_3 = 0xff000000 | 0;

/** Whether the address at `at` is in ff02::1:ff00:0/104. */
export function isSolicitedNode(u8: Uint8Array, at: number): boolean {
  if (read32(u8, at) !== SOLICITED_0 || read32(u8, at + 4) !== 0 || read32(u8, at + 8) !== 1) return false;
  return u8[at + 12] === 0xff;
}

/** Writes at `at` the solicited-node address (RFC 4291 §2.7.1) of the address at `from` of `source`. */
export function writeSolicitedNode(u8: Uint8Array, at: number, source: Uint8Array, from: number): void {
  const low = read32(source, from + 12) & 0xffffff;
  write32(u8, at, SOLICITED_0);
  write32(u8, at + 4, 0);
  write32(u8, at + 8, 1);
  write32(u8, at + 12, SOLICITED_3 | low);
}

/** Bytes behind the header. */
export function payloadLength(u8: Uint8Array, ip: number): number {
  return read16(u8, ip + Ipv6.PAYLOAD_LENGTH);
}

/** Traffic class, 0 … 255. */
export function trafficClass(u8: Uint8Array, ip: number): number {
  return (read16(u8, ip) >> 4) & 0xff;
}

/** Flow label, 20 bits. */
export function flowLabel(u8: Uint8Array, ip: number): number {
  return read32(u8, ip) & 0xfffff;
}

/** Hop limit minus one. It must not be 0. */
export function decrementHopLimit(u8: Uint8Array, ip: number): void {
  u8[ip + Ipv6.HOP_LIMIT]--;
}

/** Writes a header but for its addresses. `payload` is the number of bytes behind it, 0 … 65535. */
export function writeIpv6(
  u8: Uint8Array,
  ip: number,
  tclass: number,
  label: number,
  payload: number,
  next: Protocol,
  hopLimit: number,
): void {
  write32(u8, ip, 0x60000000 | ((tclass & 0xff) << 20) | (label & 0xfffff));
  write16(u8, ip + Ipv6.PAYLOAD_LENGTH, payload);
  u8[ip + Ipv6.NEXT_HEADER] = next;
  u8[ip + Ipv6.HOP_LIMIT] = hopLimit;
}
