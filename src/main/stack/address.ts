/**
 * IP addresses as int32 words in host order, one of IPv4 or four of IPv6: to and from bytes, prefixes, keys of maps, text. Main.
 */
import { formatIpv4, swap32 } from '../../shared/wire/ipv4-address.js';
import { formatIpv6 } from '../../shared/wire/ipv6-address.js';
import { read32, write32 } from '../../shared/wire/network-order.js';

/** 4 of one word, 6 of four. */
export function familyOf(words: Int32Array): 4 | 6 {
  return words.length === 1 ? 4 : 6;
}

/** The address of `family` at byte `at`. */
export function wordsAt(u8: Uint8Array, at: number, family: 4 | 6): Int32Array {
  const words = new Int32Array(family === 4 ? 1 : 4);
  for (let k = 0; k < words.length; k++) words[k] = read32(u8, at + 4 * k);
  return words;
}

/** Writes an address at byte `at`, in network order. */
export function writeWords(u8: Uint8Array, at: number, words: Int32Array): void {
  for (let k = 0; k < words.length; k++) write32(u8, at + 4 * k, words[k]);
}

/** An address as bytes in network order. */
export function bytesOf(words: Int32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  writeWords(bytes, 0, words);
  return bytes;
}

/** Whether two addresses of one family are the same. */
export function same(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((word, k) => word === b[k]);
}

/** Number of leading bits that two addresses of one family have in common. */
export function commonBits(a: Int32Array, b: Int32Array): number {
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return 32 * k + Math.clz32(a[k] ^ b[k]);
  return 32 * a.length;
}

/** Whether `words` is in the prefix of `length` bits of `prefix`, of one family. */
export function within(words: Int32Array, prefix: Int32Array, length: number): boolean {
  return words.length === prefix.length && commonBits(words, prefix) >= length;
}

/** fe80::/10; never of IPv4. */
export function isLinkLocal(words: Int32Array): boolean {
  return words.length === 4 && (words[0] & 0xffc00000) === (0xfe800000 | 0);
}

/** ff00::/8 or 224/4. */
export function isMulticast(words: Int32Array): boolean {
  return words.length === 4 ? words[0] >>> 24 === 0xff : words[0] >>> 28 === 14;
}

/** All zeros. */
export function isUnspecified(words: Int32Array): boolean {
  return words.every((word) => word === 0);
}

/** A string that no other address has. */
export function keyOf(words: Int32Array): string {
  return words.join(',');
}

/** As people write it. */
export function format(words: Int32Array): string {
  return words.length === 1 ? formatIpv4(swap32(words[0])) : formatIpv6(bytesOf(words));
}
