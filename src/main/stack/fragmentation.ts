/**
 * Packets cut to an MTU: IPv4 on the way through or of our own, IPv6 of our own alone (RFC 791 §3.2, RFC 8200 §4.5). Main.
 */
import { fragments4, writeFragment4 } from '../../shared/wire/fragment.js';
import { Fragment6, Ipv6 } from '../../shared/wire/ipv6.js';
import { write16, write32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { copyPacket, IP, makePacket, type Packet } from './packet.js';

/** Fragments of an IPv4 packet, the packet itself if it fits; none if it cannot be cut so that it can be put together again. */
export function fragment4(packet: Packet, mtu: number): Packet[] {
  const count = fragments4(packet.u8, IP, mtu);
  if (count <= 1) return count === 1 ? [packet] : [];
  const to = packet.u8.length;
  const u8 = new Uint8Array((to + mtu + 1) & ~1);
  u8.set(packet.u8);
  const u16 = new Uint16Array(u8.buffer);
  return Array.from({ length: count }, (_, k) => {
    const length = writeFragment4(u8, u16, IP, mtu, k, count, to);
    return copyPacket(u8.subarray(to), 0, 4, length);
  });
}

/** Fragments of an IPv6 packet of ours without extension headers, the packet itself if it fits. */
export function fragment6(packet: Packet, mtu: number, id: number): Packet[] {
  if (packet.length <= mtu) return [packet];
  const each = (mtu - Ipv6.LENGTH - Fragment6.LENGTH) & ~7;
  const data = packet.length - Ipv6.LENGTH;
  const parts: Packet[] = [];
  for (let begin = 0; begin < data; begin += each) {
    const bytes = Math.min(each, data - begin);
    const part = makePacket(6, Ipv6.LENGTH + Fragment6.LENGTH + bytes);
    const { u8 } = part;
    u8.set(packet.u8.subarray(0, IP + Ipv6.LENGTH));
    const header = IP + Ipv6.LENGTH;
    write16(u8, IP + Ipv6.PAYLOAD_LENGTH, Fragment6.LENGTH + bytes);
    u8[IP + Ipv6.NEXT_HEADER] = Protocol.FRAGMENT;
    u8[header + Fragment6.NEXT_HEADER] = packet.u8[IP + Ipv6.NEXT_HEADER];
    write16(u8, header + Fragment6.OFFSET, begin | (begin + bytes < data ? Fragment6.MORE : 0));
    write32(u8, header + Fragment6.ID, id);
    u8.set(packet.u8.subarray(header + begin, header + begin + bytes), header + Fragment6.LENGTH);
    parts.push(part);
  }
  return parts;
}
