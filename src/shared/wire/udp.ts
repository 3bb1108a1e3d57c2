/**
 * UDP (RFC 768): offsets, check, the header's writer. Any thread; nothing is allocated. `ports` of `tcp.ts` reads its ports too.
 */
import { fold, sumBytes } from './checksum.js';
import { read16, write16 } from './network-order.js';

/** Byte offsets in a UDP header. */
export const enum Udp {
  SOURCE = 0,
  DESTINATION = 2,
  UDP_LENGTH = 4,
  CHECKSUM = 6,
  LENGTH = 8,
}

/**
 * Whether the datagram at byte `at`, of `length` bytes that are left of the packet, is whole and its checksum right. `pseudo` is
 * the sum of its pseudo-header. A checksum of 0 means none over IPv4 and is wrong over IPv6 (RFC 8200 §8.1).
 */
export function checkUdp(
  u8: Uint8Array,
  u16: Uint16Array,
  at: number,
  length: number,
  version: 4 | 6,
  pseudo: number,
): boolean {
  if (length < Udp.LENGTH) return false;
  const own = read16(u8, at + Udp.UDP_LENGTH);
  if (own < Udp.LENGTH || own > length) return false;
  if (read16(u8, at + Udp.CHECKSUM) === 0) return version === 4;
  return fold(sumBytes(u8, u16, at, own) + pseudo) === 0xffff;
}

/** Writes a header with checksum 0 in front of `payload` bytes. */
export function writeUdp(u8: Uint8Array, at: number, source: number, destination: number, payload: number): void {
  write16(u8, at + Udp.SOURCE, source);
  write16(u8, at + Udp.DESTINATION, destination);
  write16(u8, at + Udp.UDP_LENGTH, Udp.LENGTH + payload);
  write16(u8, at + Udp.CHECKSUM, 0);
}
