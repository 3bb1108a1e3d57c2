/**
 * IP addresses and prefixes of the configuration as text and as words: parse, print, mask. Main only.
 *
 * IPv4 is one int32 in host order (10.0.0.1 = 0x0a000001); IPv6 is four. Text is canonical (RFC 5952), so equal addresses are equal
 * strings.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { ControlError } from '../errors.js';

/** An address family as commands and displays name it. */
export type Family = 'inet' | 'inet6';

/** Bits of an address. */
export const BITS: Record<Family, number> = { inet: 32, inet6: 128 };

/** The family of an address as text, if it is one. */
export function familyOf(text: string): Family | undefined {
  if (isIPv4(text) && !/(^|\.)0\d/.test(text)) return 'inet';
  return isIPv6(text) && !text.includes('%') ? 'inet6' : undefined;
}

/** The words of an address in host order: one for IPv4, four for IPv6. */
export function addressWords(text: string): Int32Array {
  if (isIPv4(text)) {
    const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
    return Int32Array.of((a << 24) | (b << 16) | (c << 8) | d);
  }
  const groups = ipv6Groups(text);
  return Int32Array.from({ length: 4 }, (_, n) => ((groups[2 * n] as number) << 16) | (groups[2 * n + 1] as number));
}

/** The eight groups of an IPv6 address. */
function ipv6Groups(text: string): number[] {
  // The last two groups may be written as IPv4.
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [(Number(a) << 8) | Number(b), (Number(c) << 8) | Number(d)].map((n) => n.toString(16)).join(':'),
  );
  const [head = '', tail] = plain.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((g) => Number.parseInt(g, 16)));
  if (tail === undefined) return groups(head);
  const [front, back] = [groups(head), groups(tail)];
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
}

/** The text of an address of one or four words. */
export function formatAddress(words: ArrayLike<number>): string {
  if (words.length === 1) {
    const word = words[0] as number;
    return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join('.');
  }
  const groups = Array.from({ length: 8 }, (_, n) =>
    (((words[n >> 1] as number) >>> (n & 1 ? 0 : 16)) & 0xffff).toString(16),
  );
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** An address in its canonical spelling. Throws EINVAL. */
export function canonical(text: string): string {
  if (familyOf(text) === undefined) throw new ControlError('EINVAL', `${text}: not an IP address`);
  return formatAddress(addressWords(text));
}

/** The first `length` bits of an address, the rest zero. */
export function maskWords(words: Int32Array, length: number): Int32Array {
  return words.map((word, n) => {
    const bits = Math.min(Math.max(length - 32 * n, 0), 32);
    return bits === 0 ? 0 : word & (-1 << (32 - bits));
  });
}

/** The network of an address, as text. */
export function networkOf(address: string, length: number): string {
  return formatAddress(maskWords(addressWords(address), length));
}

/** Whether an address is in a network. */
export function contains(network: string, length: number, address: string): boolean {
  return familyOf(network) === familyOf(address) && networkOf(address, length) === networkOf(network, length);
}

/** The mask of a prefix length, as an address. */
export function maskOf(length: number, family: Family): string {
  return formatAddress(maskWords(new Int32Array(BITS[family] >> 5).fill(-1), length));
}

/** The last address of an IPv4 network: its directed broadcast. */
export function broadcastOf(address: string, length: number): string {
  const [word = 0] = addressWords(address);
  return formatAddress([length === 0 ? -1 : word | (((1 << (32 - length)) - 1) | 0)]);
}

/** The length of a netmask: dotted quad or 0x… in hexadecimal. Throws EINVAL for one with holes. */
export function maskLength(text: string): number {
  const hex = /^0x([0-9a-f]{1,8})$/i.exec(text);
  const mask =
    hex === null
      ? isIPv4(text)
        ? (addressWords(text)[0] as number)
        : undefined
      : Number.parseInt(hex[1] as string, 16) | 0;
  if (mask !== undefined) {
    const length = Math.clz32(~mask);
    if (mask === (length === 0 ? 0 : -1 << (32 - length))) return length;
  }
  throw new ControlError('EINVAL', `${text}: not a netmask`);
}

/** A prefix `ADDR/LEN`, or an address alone. Throws EINVAL. `length` is -1 when none was given. */
export function parsePrefix(text: string): {
  readonly address: string;
  readonly family: Family;
  readonly length: number;
} {
  const slash = text.indexOf('/');
  const address = slash === -1 ? text : text.slice(0, slash);
  const family = familyOf(address);
  const digits = slash === -1 ? '' : text.slice(slash + 1);
  const length = slash === -1 ? -1 : /^\d{1,3}$/.test(digits) ? Number(digits) : 999;
  if (family === undefined || length > BITS[family])
    throw new ControlError('EINVAL', `${text}: not an address or prefix`);
  return { address: canonical(address), family, length };
}
