/**
 * What is asked of a frame before its IP version is known: the walk from an Ethernet header to the transport header, the check
 * of a bridged packet's header, pseudo-headers. Any thread; nothing is allocated.
 */
import { fold, sumBytes, swap16 } from './checksum.js';
import { Ether, EtherType } from './ethernet.js';
import { Ipv4 } from './ipv4.js';
import { Ipv6 } from './ipv6.js';
import { Protocol } from './protocol.js';

/** Most tags that stand in front of an IP header. */
const TAGS_MOST = 2;
/** Most extension headers looked through. */
const EXTENSIONS_MOST = 8;

/** Where the network header of the frame at `offset` begins, in bytes from the frame's start, tags passed over. */
export function networkOffset(u16: Uint16Array, offset: number): number {
  let at: number = Ether.LENGTH;
  for (let tags = 0; tags < TAGS_MOST; tags++) {
    const type = u16[(offset + at - 2) >> 1];
    if (type !== EtherType.VLAN && type !== EtherType.QINQ) break;
    at += 4;
  }
  return at;
}

/**
 * The IP version (4 or 6) of the frame at `offset` if its header at `network` is whole, unfragmented, and leads to a
 * `protocol` header that begins at `transport`, both in bytes from the frame's start; 0 if not. Reads nothing behind `transport`.
 */
export function ipVersionTo(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  network: number,
  transport: number,
  protocol: Protocol,
): 0 | 4 | 6 {
  const type = u16[(offset + network - 2) >> 1];
  const version = packetVersionTo(u8, offset + network, transport - network, protocol);
  return type === (version === 4 ? EtherType.IPV4 : EtherType.IPV6) ? version : 0;
}

/** The same of the packet at byte `ip`, whatever stands in front of it; `transport` is in bytes from there. */
export function packetVersionTo(u8: Uint8Array, ip: number, transport: number, protocol: Protocol): 0 | 4 | 6 {
  if (transport < Ipv4.LENGTH) return 0;
  const header = u8[ip + Ipv4.VERSION_IHL];
  if (header >> 4 === 4) {
    const length = (header & 15) << 2;
    if (length < Ipv4.LENGTH || length !== transport) return 0;
    const fragment = ((u8[ip + Ipv4.FRAGMENT] & 0x3f) << 8) | u8[ip + Ipv4.FRAGMENT + 1];
    return fragment === 0 && u8[ip + Ipv4.PROTOCOL] === protocol ? 4 : 0;
  }
  if (header >> 4 !== 6 || transport < Ipv6.LENGTH) return 0;
  let next = u8[ip + Ipv6.NEXT_HEADER];
  let at: number = Ipv6.LENGTH;
  for (let n = 0; n < EXTENSIONS_MOST && at < transport; n++) {
    if (next !== Protocol.HOP_BY_HOP && next !== Protocol.ROUTING && next !== Protocol.DESTINATION) return 0;
    next = u8[ip + at];
    at += (u8[ip + at + 1] + 1) << 3;
  }
  return at === transport && next === protocol ? 6 : 0;
}

/**
 * Whether the header of `version` at byte `ip` is whole and right and its packet fits in `room` bytes: version, header length,
 * total length, IPv4 header checksum (RFC 1812 §5.2.2, RFC 8200 §3).
 */
export function ipHeaderFits(u8: Uint8Array, u16: Uint16Array, ip: number, room: number, version: 4 | 6): boolean {
  if (version === 6) {
    if (room < Ipv6.LENGTH || u8[ip] >> 4 !== 6) return false;
    return Ipv6.LENGTH + ((u8[ip + Ipv6.PAYLOAD_LENGTH] << 8) | u8[ip + Ipv6.PAYLOAD_LENGTH + 1]) <= room;
  }
  if (room < Ipv4.LENGTH || u8[ip] >> 4 !== 4) return false;
  const header = (u8[ip] & 15) << 2;
  const total = (u8[ip + Ipv4.TOTAL_LENGTH] << 8) | u8[ip + Ipv4.TOTAL_LENGTH + 1];
  if (header < Ipv4.LENGTH || header > total || total > room) return false;
  return fold(sumBytes(u8, u16, ip, header)) === 0xffff;
}

/**
 * Folded sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1) of a transport packet of `length` bytes, 0 … 65535, whose IP
 * header is at byte `ip`. A routing header's last segment is not looked for.
 */
export function pseudoSum(
  u8: Uint8Array,
  u16: Uint16Array,
  ip: number,
  version: 4 | 6,
  length: number,
  protocol: Protocol,
): number {
  const sum = version === 4 ? sumBytes(u8, u16, ip + Ipv4.SOURCE, 8) : sumBytes(u8, u16, ip + Ipv6.SOURCE, 32);
  return fold(sum + swap16(length) + swap16(protocol));
}
