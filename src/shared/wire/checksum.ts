/**
 * The Internet checksum (RFC 1071) over a byte range: sums, folding, pseudo-headers. Any thread; nothing is allocated.
 *
 * Sums are taken over 16-bit words as they lie in memory (little-endian), which RFC 1071 §2(B) allows: what is stored back
 * the same way is right. Constants of network order go in through `swap16`.
 */

/** The two bytes of a 16-bit number exchanged. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/**
 * Sum of `length` bytes from byte `from`, not folded; an odd last byte counts as if a zero followed. At most 128 KiB, so
 * that the sum stays below 2^32.
 */
export function sumBytes(u8: Uint8Array, u16: Uint16Array, from: number, length: number): number {
  let sum = 0;
  const end = from + length;
  if ((from & 1) !== 0) {
    for (let at = from; at < end; at += 2) sum += u8[at] | (at + 1 < end ? u8[at + 1] << 8 : 0);
    return sum;
  }
  const last = end >> 1;
  for (let w = from >> 1; w < last; w++) sum += u16[w];
  return (end & 1) === 0 ? sum : sum + u8[end - 1];
}

/** A sum folded to 16 bits. */
export function fold(sum: number): number {
  let folded = (sum & 0xffff) + Math.floor(sum / 0x10000);
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** The checksum field for a sum: its complement, 16 bits. */
export function complement(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** Stores a 16-bit word as it lies in memory, at any byte. */
export function store16(u8: Uint8Array, at: number, word: number): void {
  u8[at] = word & 0xff;
  u8[at + 1] = word >>> 8;
}

/** A checksum field, as it lies in memory, after one 16-bit word it covers has changed from `before` to `after` (RFC 1624 eqn. 3). */
export function adjust(checksum: number, before: number, after: number): number {
  return complement((~checksum & 0xffff) + (~before & 0xffff) + after);
}
