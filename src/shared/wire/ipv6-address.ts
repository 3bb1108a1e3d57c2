/**
 * IPv6 addresses as text (RFC 4291 §2.2, RFC 5952) and as 16 bytes in network order. For control code: it allocates.
 */
import { isIPv6 } from 'node:net';
import { formatIpv4, parseIpv4 } from './ipv4-address.js';
import { Ipv6 } from './ipv6.js';

/** The 16 bytes of an address in any form of RFC 4291 §2.2, without a zone; undefined if it is anything else. */
export function parseIpv6(text: string): Uint8Array | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [head, tail] = text.split('::');
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const bytes = new Uint8Array(Ipv6.ADDRESS);
  bytes.set(front);
  bytes.set(back, Ipv6.ADDRESS - back.length);
  return bytes;
}

/** Bytes of valid groups separated by colons, the last of which may be a dotted quad. */
function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    const quad = parseIpv4(group);
    if (quad !== undefined) return [quad & 0xff, (quad >>> 8) & 0xff, (quad >>> 16) & 0xff, quad >>> 24];
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** The one form of RFC 5952 §4 and, for IPv4-mapped addresses, §5, of the 16 bytes from byte `at`. */
export function formatIpv6(bytes: Uint8Array, at = 0): string {
  const words = Array.from({ length: 8 }, (_, k) => (bytes[at + 2 * k] << 8) | bytes[at + 2 * k + 1]);
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    const quad = bytes[at + 12] | (bytes[at + 13] << 8) | (bytes[at + 14] << 16) | (bytes[at + 15] << 24);
    return `::ffff:${formatIpv4(quad)}`;
  }
  const [from, length] = longestZeros(words);
  const hex = words.map((word) => word.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + length).join(':')}`;
}

/** Where the first of the longest runs of zeros begins, and its length. */
function longestZeros(words: readonly number[]): [from: number, length: number] {
  let best: [number, number] = [0, 0];
  let from = 0;
  for (let k = 0; k < words.length; k++) {
    if (words[k] !== 0) from = k + 1;
    else if (k + 1 - from > best[1]) best = [from, k + 1 - from];
  }
  return best;
}

/** Clears all bits of the 16 bytes behind the first `length`, 0 … 128. */
export function maskIpv6(bytes: Uint8Array, length: number): void {
  for (let k = 0; k < Ipv6.ADDRESS; k++) {
    const bits = Math.min(8, Math.max(0, length - 8 * k));
    bytes[k] &= 0xff00 >> bits;
  }
}
