/**
 * Numbers in network order (most significant byte first) at any byte, even or odd. Any thread; nothing is allocated.
 */

/** The 16-bit number at byte `at`, 0 … 65535. */
export function read16(u8: Uint8Array, at: number): number {
  return (u8[at] << 8) | u8[at + 1];
}

/** The 32-bit number at byte `at`, as int32. */
export function read32(u8: Uint8Array, at: number): number {
  return (u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3];
}

/** Writes the low 16 bits of `value` at byte `at`. */
export function write16(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 8;
  u8[at + 1] = value;
}

/** Writes the low 16 bits of `value` at the even byte 2 * `w`, in one store. */
export function put16(u16: Uint16Array, w: number, value: number): void {
  u16[w] = ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** Writes the low 32 bits of `value` at the even byte 2 * `w`, in two stores. */
export function put32(u16: Uint16Array, w: number, value: number): void {
  put16(u16, w, value >>> 16);
  put16(u16, w + 1, value);
}

/** Writes the low 32 bits of `value` at byte `at`. */
export function write32(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 24;
  u8[at + 1] = value >>> 16;
  u8[at + 2] = value >>> 8;
  u8[at + 3] = value;
}

/** The four bytes of a 32-bit number exchanged, as int32. */
export function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}
