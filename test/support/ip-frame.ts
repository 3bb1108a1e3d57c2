/**
 * Frames with IP and ARP packets, as literal header bytes with a right IPv4 checksum; fields to get wrong are given by place.
 */
import { arpPacket } from '../unit/support/rule-model.js';
import { macBytes } from './rig.js';

/** Bytes of a packet that differ from a right one, by offset from its first byte. */
export type Changes = Readonly<Record<number, number>>;

/** An Ethernet frame of this ethertype and payload, filled up to 60 bytes unless `exact`. */
export function etherFrame(
  dst: string,
  src: string,
  type: number,
  payload: Iterable<number>,
  exact = false,
): Uint8Array {
  const bytes = [...macBytes(dst), ...macBytes(src), type >> 8, type & 255, ...payload];
  while (!exact && bytes.length < 60) bytes.push(0);
  return Uint8Array.from(bytes);
}

/** RFC 791 §3.1: an IPv4 packet of 28 bytes from 192.0.2.1 to 192.0.2.2, UDP. `changes` come after the checksum. */
export function ipv4Packet(changes: Changes = {}): number[] {
  const packet = [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 7, 0, 7, 0, 8, 0, 0];
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += ((packet[at] as number) << 8) | (packet[at + 1] as number);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet[10] = (~sum >> 8) & 255;
  packet[11] = ~sum & 255;
  return changed(packet, changes);
}

/** RFC 8200 §3: an IPv6 packet of 48 bytes from 2001:db8::1 to 2001:db8::2, UDP. */
export function ipv6Packet(changes: Changes = {}): number[] {
  const address = (last: number): number[] => [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
  return changed([0x60, 0, 0, 0, 0, 8, 17, 64, ...address(1), ...address(2), 0, 7, 0, 7, 0, 8, 0, 0], changes);
}

/** An ARP (0x0806) or RARP (0x8035) frame. */
export function arpFrame(dst: string, src: string, type: number, ...packet: Parameters<typeof arpPacket>): Uint8Array {
  return etherFrame(dst, src, type, Buffer.from(arpPacket(...packet), 'hex'));
}

function changed(packet: number[], changes: Changes): number[] {
  for (const [at, byte] of Object.entries(changes)) packet[Number(at)] = byte;
  return packet;
}
