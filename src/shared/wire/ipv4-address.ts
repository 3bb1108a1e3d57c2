/**
 * IPv4 addresses as text and as one int32 (RFC 791), in one of two orders.
 *
 * Memory order: the four bytes read as two little-endian 16-bit words, the first word low. Bridge rules compare addresses in it
 * (`rule-list.ts`, `arp.ts`'s offsets), and text is parsed into it. It is not the numeric order.
 * Host order: the first byte most significant, so that prefixes are high bits. All of layer 3 has it: `ipv4.ts`, `icmp.ts`, the
 * writers of `arp.ts`, the FIB. `swap32` turns one into the other. 255.255.255.255 is -1 in both.
 */

/**
 * Parses a strict dotted quad: four decimal numbers 0…255 without leading zeros. Returns undefined if it is anything else;
 * 255.255.255.255 is -1.
 */
export function parseIpv4(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined;
  const b = text.split('.').map(Number);
  if (b.some((byte) => byte > 255)) return undefined;
  return b[0] | (b[1] << 8) | (b[2] << 16) | (b[3] << 24);
}

/** Dotted quad of what `parseIpv4` returns. */
export function formatIpv4(address: number): string {
  return [address, address >> 8, address >> 16, address >> 24].map((byte) => byte & 0xff).join('.');
}

/** The four bytes of an int32 in the other order: an address from memory order to host order, or back. */
export function swap32(address: number): number {
  const halves = ((address >>> 8) & 0x00ff00ff) | ((address << 8) & 0xff00ff00);
  return (halves >>> 16) | (halves << 16);
}

/** Mask of a prefix of `length` bits, 0 … 32, host order. */
export function prefixMask4(length: number): number {
  return length === 0 ? 0 : -1 << (32 - length);
}
