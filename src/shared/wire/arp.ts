/**
 * ARP and RARP for IPv4 over Ethernet (RFC 826, RFC 903): offsets and the check. A frame begins at an even byte offset, so all
 * fields are read as 16-bit words; the values here are the two bytes swapped, since memory is read little-endian.
 */
import { EtherType } from './ethernet.js';

/** Offsets from the frame's first byte, in 16-bit words, and the frame's least length in bytes. */
export const enum Arp {
  HARDWARE = 7,
  PROTOCOL = 8,
  /** Lengths of a hardware and of a protocol address. */
  LENGTHS = 9,
  OP = 10,
  SHA = 11,
  SPA = 14,
  THA = 16,
  TPA = 19,
  LENGTH = 42,
}

/** Operations, not swapped. RARP has the last two. */
export const enum ArpOp {
  REQUEST = 1,
  REPLY = 2,
  REVERSE_REQUEST = 3,
  REVERSE_REPLY = 4,
}

const HARDWARE_ETHERNET = 0x0100;
const LENGTHS_6_4 = 0x0406;

/**
 * Operation (1 … 4) of the frame of `length` bytes at even byte offset `offset`, whose ethertype as read is `type`; 0 if it is
 * no ARP with operation 1 or 2 and no RARP with 3 or 4, is too short, or is not IPv4 over Ethernet (spec A §2.3). Once it is
 * not 0, all fields lie in the frame.
 */
export function arpOp(u16: Uint16Array, offset: number, length: number, type: number): number {
  if ((type !== EtherType.ARP && type !== EtherType.RARP) || length < Arp.LENGTH) return 0;
  const w = offset >> 1;
  if (u16[w + Arp.HARDWARE] !== HARDWARE_ETHERNET || u16[w + Arp.PROTOCOL] !== EtherType.IPV4) return 0;
  if (u16[w + Arp.LENGTHS] !== LENGTHS_6_4) return 0;
  const op = u16[w + Arp.OP] >> 8;
  if ((u16[w + Arp.OP] & 0xff) !== 0) return 0;
  const first = type === EtherType.ARP ? ArpOp.REQUEST : ArpOp.REVERSE_REQUEST;
  return op === first || op === first + 1 ? op : 0;
}
