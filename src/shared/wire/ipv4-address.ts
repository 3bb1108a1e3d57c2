/**
 * IPv4 addresses as text and as one int32 (RFC 791): the address's four bytes read as two little-endian 16-bit words, the
 * first word low, which is how a worker reads them from a frame. That order is not the numeric one.
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
