/**
 * GRE (RFC 2784, RFC 2890) as ERSPAN uses it: offsets, check, getters, the header's writer. Any thread; nothing is allocated.
 *
 * A header begins at any even byte `gre`. Checksum, key and routing are not read: what has them is declined by its flags.
 */
import { put16, put32, read16, read32 } from './network-order.js';

/** Byte offsets in a GRE header, its least length, and its length with a sequence number and nothing else. */
export const enum Gre {
  FLAGS = 0,
  PROTOCOL = 2,
  LENGTH = 4,
  SEQUENCE = 4,
  SEQUENCED = 8,
}

/** Bits of the first 16 of a header. */
export const enum GreFlag {
  NONE = 0,
  CHECKSUM = 0x8000,
  ROUTING = 0x4000,
  KEY = 0x2000,
  SEQUENCE = 0x1000,
  VERSION = 0x0007,
}

/** Protocol types, an ethertype each. */
export const enum GreProtocol {
  /** ERSPAN type I, without any header of its own, and type II. */
  ERSPAN = 0x88be,
  ERSPAN_3 = 0x22eb,
}

/** What is wrong with a header. */
export const enum GreFault {
  NONE = 0,
  /** Fewer than 4 bytes, or than 8 of one with a sequence number and nothing else. */
  SHORT = 1,
  /** Version 1 is PPTP's, others are nobody's. */
  VERSION = 2,
}

/** What is wrong with the header at byte `gre` of a packet that has `room` bytes there. */
export function checkGre(u8: Uint8Array, gre: number, room: number): GreFault {
  if (room < Gre.LENGTH) return GreFault.SHORT;
  const flags = greFlags(u8, gre);
  if ((flags & GreFlag.VERSION) !== 0) return GreFault.VERSION;
  return flags === GreFlag.SEQUENCE && room < Gre.SEQUENCED ? GreFault.SHORT : GreFault.NONE;
}

/** The first 16 bits, of `GreFlag`. */
export function greFlags(u8: Uint8Array, gre: number): number {
  return read16(u8, gre + Gre.FLAGS);
}

/** The protocol type. */
export function greProtocol(u8: Uint8Array, gre: number): number {
  return read16(u8, gre + Gre.PROTOCOL);
}

/** The sequence number, as int32, of a header whose flags are `SEQUENCE` and nothing else. */
export function greSequence(u8: Uint8Array, gre: number): number {
  return read32(u8, gre + Gre.SEQUENCE);
}

/** Writes a header of 4 bytes. */
export function writeGre(u16: Uint16Array, gre: number, protocol: GreProtocol): void {
  put16(u16, (gre + Gre.FLAGS) >> 1, GreFlag.NONE);
  put16(u16, (gre + Gre.PROTOCOL) >> 1, protocol);
}

/** Writes a header of 8 bytes with a sequence number. */
export function writeGreSequenced(u16: Uint16Array, gre: number, protocol: GreProtocol, sequence: number): void {
  put16(u16, (gre + Gre.FLAGS) >> 1, GreFlag.SEQUENCE);
  put16(u16, (gre + Gre.PROTOCOL) >> 1, protocol);
  put32(u16, (gre + Gre.SEQUENCE) >> 1, sequence);
}
