/**
 * Packets cut to an MTU: IPv4 on the way through or of our own, IPv6 of our own alone (RFC 791 §3.2, RFC 8200 §4.5). Main.
 */
import { fragments4, writeFragment4 } from '../../shared/wire/fragment.js';
import { fragments6, writeFragment6 } from '../../shared/wire/fragment6.js';
import { copyPacket, IP, type Packet } from './packet.js';

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

/** Fragments of an IPv6 packet of ours, the packet itself if it fits; none if it has extension headers. */
export function fragment6(packet: Packet, mtu: number, id: number): Packet[] {
  const count = fragments6(packet.u8, IP, mtu);
  if (count <= 1) return count === 1 ? [packet] : [];
  const to = packet.u8.length;
  const u8 = new Uint8Array(to + mtu);
  u8.set(packet.u8);
  return Array.from({ length: count }, (_, k) => {
    const length = writeFragment6(u8, IP, mtu, k, count, id, to);
    return copyPacket(u8.subarray(to), 0, 6, length);
  });
}
