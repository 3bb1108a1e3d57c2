/**
 * Ethernet II (IEEE 802.3 clause 3): offsets, check, getters, text, write.
 *
 * A frame begins at an even byte offset, so its fields are read as 16-bit words. An address is two int32: `hi` = its
 * first two bytes, `lo` = the other four, both as the little-endian words in memory. That order is not the numeric one;
 * `macNumber` gives that for sorting.
 */

/** Byte offsets in the header. */
export const enum Ether {
  DST = 0,
  SRC = 6,
  TYPE = 12,
  LENGTH = 14,
}

/** Ethertypes as `ether.type` reads them: the two bytes swapped, since memory is read little-endian. */
export const enum EtherType {
  IPV4 = 0x0008,
  ARP = 0x0608,
  RARP = 0x3580,
  VLAN = 0x0081,
  IPV6 = 0xdd86,
  QINQ = 0xa888,
}

/** Whether an ethertype is IPv4, ARP, RARP or IPv6: what `blocknonip` lets pass. */
export function isIpOrArp(type: number): boolean {
  return type === EtherType.IPV4 || type === EtherType.ARP || type === EtherType.RARP || type === EtherType.IPV6;
}

/** `hi` and the masked `lo` of 01:80:c2:00:00:0X, the group addresses reserved by 802.1Q table 8-1. */
export const enum Reserved {
  HI = 0x8001,
  /** Bytes c2 00 00 0X: X is the low nibble of the top byte, which the mask leaves out. */
  LO = 0x000000c2,
  LO_MASK = 0xf0ffffff | 0,
}

/** First two bytes of the destination. */
export function dstHi(u16: Uint16Array, offset: number): number {
  return u16[offset >> 1];
}

/** Last four bytes of the destination. */
export function dstLo(u16: Uint16Array, offset: number): number {
  const w = offset >> 1;
  return u16[w + 1] | (u16[w + 2] << 16);
}

/** First two bytes of the source. */
export function srcHi(u16: Uint16Array, offset: number): number {
  return u16[(offset >> 1) + 3];
}

/** Last four bytes of the source. */
export function srcLo(u16: Uint16Array, offset: number): number {
  const w = offset >> 1;
  return u16[w + 4] | (u16[w + 5] << 16);
}

/** Ethertype, comparable with `EtherType`. */
export function etherType(u16: Uint16Array, offset: number): number {
  return u16[(offset >> 1) + 6];
}

/** An address in control code. */
export interface Mac {
  readonly hi: number;
  readonly lo: number;
}

/** Parses six groups of one or two hex digits separated by colons; undefined if it is anything else. */
export function parseMac(text: string): Mac | undefined {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(text)) return undefined;
  const b = text.split(':').map((group) => Number.parseInt(group, 16));
  return { hi: b[0] | (b[1] << 8), lo: b[2] | (b[3] << 8) | (b[4] << 16) | (b[5] << 24) };
}

/** Six two-digit lowercase hex groups separated by colons. */
export function formatMac(mac: Mac): string {
  const bytes = [mac.hi, mac.hi >> 8, mac.lo, mac.lo >> 8, mac.lo >> 16, mac.lo >> 24];
  return bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, '0')).join(':');
}

/** The address as an unsigned 48-bit number, first byte most significant: the order of listings. */
export function macNumber(mac: Mac): number {
  return Number.parseInt(formatMac(mac).replaceAll(':', ''), 16);
}

/** Whether the group bit is set (broadcast included). */
export function isGroup(hi: number): boolean {
  return (hi & 1) !== 0;
}

/** Writes the header of 14 bytes of a frame at even byte `offset`; addresses and `type` as the getters read them. */
export function writeEther(
  u16: Uint16Array,
  offset: number,
  toHi: number,
  toLo: number,
  fromHi: number,
  fromLo: number,
  type: number,
): void {
  const w = offset >> 1;
  u16[w] = toHi;
  u16[w + 1] = toLo;
  u16[w + 2] = toLo >>> 16;
  u16[w + 3] = fromHi;
  u16[w + 4] = fromLo;
  u16[w + 5] = fromLo >>> 16;
  u16[w + 6] = type;
}
