/**
 * ERSPAN (draft-foschiano-erspan-03; spec A §6.7): offsets, check, getters, the headers' writers. Any thread; nothing is allocated.
 *
 * Type I has no header: the frame follows GRE's 4 bytes. Types II and III follow GRE's 8 bytes with the sequence number, and share
 * their first word. After a check all that the getters read lies in the packet.
 */
import { put16, put32, read16, read32, write16, write32 } from './network-order.js';

/** Byte offsets in a header of type II, and its length. */
export const enum Erspan2 {
  WORD0 = 0,
  INDEX = 4,
  LENGTH = 8,
}

/** Byte offsets in a header of type III, and its length; a platform subheader may follow. */
export const enum Erspan3 {
  WORD0 = 0,
  TIMESTAMP = 4,
  SGT = 8,
  FLAGS = 10,
  LENGTH = 12,
  SUBHEADER = 12,
  SUBHEADER_LENGTH = 8,
}

/** The version of each type in its first four bits. */
export const enum ErspanVersion {
  TYPE_2 = 1,
  TYPE_3 = 2,
}

/** Limits of fields. */
export const enum ErspanMost {
  SESSION = 0x3ff,
  INDEX = 0xfffff,
}

/** Type II: how the switch got the frame, and what of its tag is still there. */
export const enum ErspanEncap {
  UNTAGGED = 0,
  ISL = 1,
  /** The tag was taken off; it is in the header. */
  DOT1Q = 2,
  /** The tag is in the frame. */
  PRESERVED = 3,
}

/** Type III: what was wrong with the frame. */
export const enum ErspanBso {
  GOOD = 0,
  SHORT = 1,
  OVERSIZED = 2,
  BAD = 3,
}

/** Type III: what the payload is. */
export const enum ErspanFrame {
  ETHERNET = 0,
  IP = 2,
}

/** Type III: what the timestamp counts. */
export const enum ErspanGranularity {
  MICROSECONDS_100 = 0,
  NANOSECONDS_100 = 1,
  IEEE_1588 = 2,
  OTHER = 3,
}

/** Type III: which way the frame went. */
export const enum ErspanDirection {
  INGRESS = 0,
  EGRESS = 1,
}

/** What is wrong with a header. */
export const enum ErspanFault {
  NONE = 0,
  SHORT = 1,
  VERSION = 2,
}

/** What is wrong with the type II header at byte `at`, where a packet has `room` bytes. */
export function checkErspan2(u8: Uint8Array, at: number, room: number): ErspanFault {
  if (room < Erspan2.LENGTH) return ErspanFault.SHORT;
  return erspanVersion(u8, at) === ErspanVersion.TYPE_2 ? ErspanFault.NONE : ErspanFault.VERSION;
}

/** The same of type III; the platform subheader that it announces must be there too. */
export function checkErspan3(u8: Uint8Array, at: number, room: number): ErspanFault {
  if (room < Erspan3.LENGTH) return ErspanFault.SHORT;
  if (erspanVersion(u8, at) !== ErspanVersion.TYPE_3) return ErspanFault.VERSION;
  return room < headerLength3(u8, at) ? ErspanFault.SHORT : ErspanFault.NONE;
}

/** The version, of both types. */
export function erspanVersion(u8: Uint8Array, at: number): number {
  return u8[at] >> 4;
}

/** VLAN of the mirrored frame, 0 … 4095, of both types. */
export function erspanVlan(u8: Uint8Array, at: number): number {
  return read16(u8, at) & 0xfff;
}

/** Class of service, 0 … 7 as 802.1p counts, of both types. */
export function erspanCos(u8: Uint8Array, at: number): number {
  return u8[at + 2] >> 5;
}

/** The two bits that are an `ErspanEncap` in type II and an `ErspanBso` in type III. */
export function erspanBits(u8: Uint8Array, at: number): number {
  return (u8[at + 2] >> 3) & 3;
}

/** Whether the frame was cut, of both types. */
export function isTruncated(u8: Uint8Array, at: number): boolean {
  return (u8[at + 2] & 4) !== 0;
}

/** Session, 0 … 1023, of both types. */
export function erspanSession(u8: Uint8Array, at: number): number {
  return read16(u8, at + 2) & ErspanMost.SESSION;
}

/** Type II: port index, 0 … 2^20 - 1. */
export function erspanIndex(u8: Uint8Array, at: number): number {
  return read32(u8, at + Erspan2.INDEX) & ErspanMost.INDEX;
}

/** Type III: the low 32 bits of the timestamp, as int32. */
export function timestamp(u8: Uint8Array, at: number): number {
  return read32(u8, at + Erspan3.TIMESTAMP);
}

/** Type III: security group tag. */
export function securityGroup(u8: Uint8Array, at: number): number {
  return read16(u8, at + Erspan3.SGT);
}

/** Type III: whether the payload is said to be an Ethernet PDU. */
export function isEthernetPdu(u8: Uint8Array, at: number): boolean {
  return (read16(u8, at + Erspan3.FLAGS) & 0x8000) !== 0;
}

/** Type III: an `ErspanFrame`. */
export function frameType(u8: Uint8Array, at: number): number {
  return (read16(u8, at + Erspan3.FLAGS) >> 10) & 0x1f;
}

/** Type III: number of the engine that mirrored. */
export function hardwareId(u8: Uint8Array, at: number): number {
  return (read16(u8, at + Erspan3.FLAGS) >> 4) & 0x3f;
}

/** Type III: an `ErspanDirection`. */
export function erspanDirection(u8: Uint8Array, at: number): ErspanDirection {
  return (read16(u8, at + Erspan3.FLAGS) >> 3) & 1;
}

/** Type III: an `ErspanGranularity`. */
export function granularity(u8: Uint8Array, at: number): ErspanGranularity {
  return (read16(u8, at + Erspan3.FLAGS) >> 1) & 3;
}

/** Type III: whether a platform subheader follows. */
export function hasSubheader(u8: Uint8Array, at: number): boolean {
  return (read16(u8, at + Erspan3.FLAGS) & 1) !== 0;
}

/** Bytes of a type III header with its subheader. */
export function headerLength3(u8: Uint8Array, at: number): number {
  return hasSubheader(u8, at) ? Erspan3.LENGTH + Erspan3.SUBHEADER_LENGTH : Erspan3.LENGTH;
}

/** Platform of the subheader, 0 … 63. The getters below are for headers that have one. */
export function platform(u8: Uint8Array, at: number): number {
  return u8[at + Erspan3.SUBHEADER] >> 2;
}

/** The port or source index in a subheader, where its platform has one; -1 where not. */
export function platformPort(u8: Uint8Array, at: number): number {
  const word = read32(u8, at + Erspan3.SUBHEADER);
  switch (platform(u8, at)) {
    case 1:
      return read32(u8, at + Erspan3.SUBHEADER + 4);
    case 3:
      return word & 0x3fff;
    case 5:
    case 6:
      return word & 0xffff;
    case 0:
    case 7:
      return word & 0xfffff;
    default:
      return -1;
  }
}

/** The switch or domain in a subheader, where its platform has one; -1 where not. */
export function platformSwitch(u8: Uint8Array, at: number): number {
  const word = read32(u8, at + Erspan3.SUBHEADER);
  switch (platform(u8, at)) {
    case 1:
      return word & 0xfff;
    case 5:
    case 6:
      return (word >> 16) & 0x3ff;
    default:
      return -1;
  }
}

/** The upper half of the time in a subheader (3: of the timestamp; 5, 6: seconds; 0, 7: a timestamp), as int32; 0 where there is none. */
export function platformTime(u8: Uint8Array, at: number): number {
  const id = platform(u8, at);
  const has = id === 0 || id === 3 || id === 5 || id === 6 || id === 7;
  return has ? read32(u8, at + Erspan3.SUBHEADER + 4) : 0;
}

/** Writes a type II header of 8 bytes at the even byte `at`. `index` is cut to 20 bits. */
export function writeErspan2(
  u16: Uint16Array,
  at: number,
  session: number,
  vlan: number,
  cos: number,
  encap: ErspanEncap,
  truncated: boolean,
  index: number,
): void {
  put16(u16, at >> 1, (ErspanVersion.TYPE_2 << 12) | vlan);
  put16(u16, (at + 2) >> 1, (cos << 13) | (encap << 11) | (truncated ? 0x400 : 0) | session);
  put32(u16, (at + Erspan2.INDEX) >> 1, index & ErspanMost.INDEX);
}

/** Writes a type III header of 12 bytes of an Ethernet frame, without a subheader. */
export function writeErspan3(
  u8: Uint8Array,
  at: number,
  session: number,
  vlan: number,
  cos: number,
  bso: ErspanBso,
  truncated: boolean,
  time: number,
  unit: ErspanGranularity,
  direction: ErspanDirection,
): void {
  write16(u8, at, (ErspanVersion.TYPE_3 << 12) | vlan);
  write16(u8, at + 2, (cos << 13) | (bso << 11) | (truncated ? 0x400 : 0) | session);
  write32(u8, at + Erspan3.TIMESTAMP, time);
  write16(u8, at + Erspan3.SGT, 0);
  write16(u8, at + Erspan3.FLAGS, 0x8000 | (ErspanFrame.ETHERNET << 10) | (direction << 3) | (unit << 1));
}
