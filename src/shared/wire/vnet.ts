/**
 * The virtio-net header of 12 bytes that stands in front of a TAP's frame (virtio 1.2 §5.1.6; linux/virtio_net.h,
 * little-endian): offsets, check, read, write, and what a partial checksum asks for.
 *
 * Inside smrouter it lives in three words of the frame meta alone (`Meta.VNET0…2`): parsed when received, checked once
 * against the frame, written when sent. num_buffers means nothing to a TAP and is written as 0.
 */
import { Meta, Slot } from '../layout/packet.js';
import { complement, store16, sumBytes } from './checksum.js';

/** Byte offsets in the header. */
export const enum Vnet {
  FLAGS = 0,
  GSO_TYPE = 1,
  HDR_LEN = 2,
  GSO_SIZE = 4,
  CSUM_START = 6,
  CSUM_OFFSET = 8,
}

/** Bits of FLAGS. */
export const enum VnetFlag {
  /** The checksum at csum_start + csum_offset is partial. */
  NEEDS_CSUM = 1,
  DATA_VALID = 2,
}

/** GSO_TYPE without the ECN bit. */
export const enum Gso {
  NONE = 0,
  TCPV4 = 1,
  TCPV6 = 4,
  UDP_L4 = 5,
  ECN = 0x80,
}

/**
 * Whether the header in the meta at `m` can be true of a frame of `length` bytes: a checksum place and headers inside the frame;
 * for GSO a known type, a segment size, a partial checksum, and headers that leave payload. What comes in is in no tunnel of ours.
 */
export function vnetCheck(meta: Int32Array, m: number, length: number): boolean {
  const word0 = meta[m + Meta.VNET0];
  if (word0 === 0) return true;
  if (word0 >>> 16 > length || meta[m + Meta.VNET2] >>> 16 !== 0) return false;
  const flags = word0 & 0xff;
  const gso = (word0 >>> 8) & 0x7f;
  const start = meta[m + Meta.VNET1] >>> 16;
  const offset = meta[m + Meta.VNET2] & 0xffff;
  if ((flags & VnetFlag.NEEDS_CSUM) !== 0 && (start < 14 || start + offset + 2 > length)) return false;
  if (gso === Gso.NONE) return ((word0 >>> 8) & Gso.ECN) === 0;
  if (gso !== Gso.TCPV4 && gso !== Gso.TCPV6 && gso !== Gso.UDP_L4) return false;
  const size = meta[m + Meta.VNET1] & 0xffff;
  if (size === 0 || (flags & VnetFlag.NEEDS_CSUM) === 0) return false;
  return start + (gso === Gso.UDP_L4 ? 8 : 20) < length;
}

/**
 * Whether the place of the partial checksum that the meta at `m` speaks of is in the frame. It was when the frame came (`vnetCheck`), but the
 * stack may have cut it to its packet, or taken headers off, since.
 */
export function hasChecksum(meta: Int32Array, m: number): boolean {
  return (meta[m + Meta.VNET1] >>> 16) + (meta[m + Meta.VNET2] & 0xffff) + 2 <= meta[m + Meta.LENGTH];
}

/** Completes that checksum, which `hasChecksum` says is there; the meta stays. */
export function completeChecksum(u8: Uint8Array, u16: Uint16Array, meta: Int32Array, m: number): void {
  const start = meta[m + Meta.VNET1] >>> 16;
  const at = meta[m + Meta.OFFSET] + start;
  // The field holds the pseudo-header's sum, so it counts like any other word; 0 would say that there is none (RFC 768).
  const checksum = complement(sumBytes(u8, u16, at, meta[m + Meta.LENGTH] - start));
  store16(u8, at + (meta[m + Meta.VNET2] & 0xffff), checksum === 0 ? 0xffff : checksum);
}

/**
 * Packets on the wire that a frame stands for: 1, or for a superframe the number of its segments (payload after the
 * transport header over gso_size, rounded up). The TCP header's length is read from the frame.
 */
export function wirePackets(u8: Uint8Array, meta: Int32Array, m: number): number {
  const gso = (meta[m + Meta.VNET0] >>> 8) & 0x7f;
  if (gso === Gso.NONE) return 1;
  const size = meta[m + Meta.VNET1] & 0xffff;
  const start = meta[m + Meta.VNET1] >>> 16;
  const transport = gso === Gso.UDP_L4 ? 8 : (u8[meta[m + Meta.OFFSET] + start + 12] >> 4) << 2;
  const payload = meta[m + Meta.LENGTH] - start - transport;
  return payload <= size ? 1 : Math.ceil(payload / size) | 0;
}

/** Reads the header that stands in front of the frame at `offset` into its meta. */
export function vnetRead(u16: Uint16Array, offset: number, meta: Int32Array, m: number): void {
  const w = (offset - Slot.VNET_LENGTH) >> 1;
  meta[m + Meta.VNET0] = u16[w] | (u16[w + 1] << 16);
  meta[m + Meta.VNET1] = u16[w + 2] | (u16[w + 3] << 16);
  meta[m + Meta.VNET2] = u16[w + 4];
}

/** Writes the header in front of the frame at `offset` from its meta. */
export function vnetWrite(u16: Uint16Array, offset: number, meta: Int32Array, m: number): void {
  const w = (offset - Slot.VNET_LENGTH) >> 1;
  const word0 = meta[m + Meta.VNET0];
  const word1 = meta[m + Meta.VNET1];
  u16[w] = word0;
  u16[w + 1] = word0 >>> 16;
  u16[w + 2] = word1;
  u16[w + 3] = word1 >>> 16;
  u16[w + 4] = meta[m + Meta.VNET2];
  u16[w + 5] = 0;
}

/** Marks a frame as plain: no offload, checksum complete. */
export function vnetClear(meta: Int32Array, m: number): void {
  meta[m + Meta.VNET0] = 0;
  meta[m + Meta.VNET1] = 0;
  meta[m + Meta.VNET2] = 0;
}
