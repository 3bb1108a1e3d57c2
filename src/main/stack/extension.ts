/**
 * The extension headers of an IPv6 packet to the router itself, as far as the first fragment header or the upper layer (RFC 8200
 * §4). Main. Routing headers are not followed here: those of SIDs are the workers' work.
 */
import { Fragment6, Ipv6, Routing6, walkDestination } from '../../shared/wire/ipv6.js';
import { read16 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { IP, type Packet } from './packet.js';

/** Most extension headers looked through. */
const HEADERS_MOST = 8;

/** What was found; offsets are from the IPv6 header. */
export interface Extensions {
  /** Protocol of what begins at `at`. */
  readonly protocol: number;
  readonly at: number;
  /** Byte that names `protocol`. */
  readonly namedAt: number;
  /** A routing header with segments left begins here; 0 if none does. */
  readonly routing: number;
  /** What is wrong with destination options that come before that, negative, as `walkDestination` has it; 0 if nothing is. */
  readonly option: number;
}

/** Walks the headers; undefined if one does not end in the packet or there are more than 8. */
export function walk(packet: Packet): Extensions | undefined {
  const { u8 } = packet;
  let namedAt: number = Ipv6.NEXT_HEADER;
  let at: number = Ipv6.LENGTH;
  let routing = 0;
  let option = 0;
  for (let n = 0; n <= HEADERS_MOST; n++) {
    const protocol = u8[IP + namedAt];
    const passed =
      protocol === Protocol.ROUTING ||
      protocol === Protocol.DESTINATION ||
      (protocol === Protocol.FRAGMENT && isWhole(packet, at)) ||
      (protocol === Protocol.HOP_BY_HOP && at === Ipv6.LENGTH);
    if (!passed) return { protocol, at, namedAt, routing, option };
    if (at + 8 > packet.length) return undefined;
    const length = protocol === Protocol.FRAGMENT ? Fragment6.LENGTH : (u8[IP + at + 1] + 1) << 3;
    if (at + length > packet.length) return undefined;
    if (routing === 0 && option === 0) {
      if (protocol === Protocol.ROUTING && u8[IP + at + Routing6.SEGMENTS_LEFT] !== 0) routing = at;
      if (protocol === Protocol.DESTINATION) option = walkDestination(u8, IP, at);
    }
    namedAt = at;
    at += length;
  }
  return undefined;
}

/** Whether the fragment header at `at` is that of a whole packet, which waits for no others (RFC 6946). */
function isWhole(packet: Packet, at: number): boolean {
  if (at + Fragment6.LENGTH > packet.length) return false;
  return (read16(packet.u8, IP + at + Fragment6.OFFSET) & (Fragment6.OFFSET_MASK | Fragment6.MORE)) === 0;
}
