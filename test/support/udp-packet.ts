/**
 * UDP in IPv4 and IPv6 with right checksums, made the plain way, and what a router that forwards it changes.
 */
import { addressWords } from '../../src/main/config/address.js';
import { naiveChecksum } from './naive-ip.js';

const UDP = 17;

/** An address in network order: 4 bytes or 16. */
export function addressBytes(text: string): number[] {
  return [...addressWords(text)].flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
}

/** A UDP packet, IPv4 or IPv6 as its addresses are. */
export function udpPacket(
  src: string,
  dst: string,
  { ttl = 64, payload = new Uint8Array(32) as ArrayLike<number>, port = 7 } = {},
): Uint8Array {
  const [from, to] = [addressBytes(src), addressBytes(dst)];
  const length = 8 + payload.length;
  const udp = Uint8Array.from([0x9c, 0x40, 0, port, length >> 8, length & 255, 0, 0, ...Array.from(payload)]);
  const pseudo = Uint8Array.from([...from, ...to, 0, UDP, length >> 8, length & 255]);
  const sum = naiveChecksum(pseudo, udp) || 0xffff;
  udp.set([sum >> 8, sum & 255], 6);
  if (from.length === 16) {
    return Uint8Array.from([0x60, 0, 0, 0, length >> 8, length & 255, UDP, ttl, ...from, ...to, ...udp]);
  }
  const total = 20 + length;
  const header = Uint8Array.from([0x45, 0, total >> 8, total & 255, 0, 1, 0, 0, ttl, UDP, 0, 0, ...from, ...to]);
  const checksum = naiveChecksum(header);
  header.set([checksum >> 8, checksum & 255], 10);
  return Uint8Array.from([...header, ...udp]);
}

/** The packet after `hops` routers: its TTL or hop limit less, the checksum of an IPv4 header anew, and nothing else. */
export function afterHops(packet: Uint8Array, hops: number): Uint8Array {
  const after = Uint8Array.from(packet);
  if (packet[0] >> 4 === 6) {
    after[7] -= hops;
    return after;
  }
  after[8] -= hops;
  after.set([0, 0], 10);
  const checksum = naiveChecksum(after.subarray(0, 20));
  after.set([checksum >> 8, checksum & 255], 10);
  return after;
}
