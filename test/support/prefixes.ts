/**
 * Random prefixes with the lengths and the crowding of an Internet table, for tests and benches of the forwarding tables.
 */

/** A generator of whole numbers below `n`. */
type Random = (below: number) => number;

/** Prefixes without doubles: `words` int32 words of address each, and a length. */
export interface Prefixes {
  readonly words: 1 | 4;
  readonly count: number;
  readonly address: Int32Array;
  readonly length: Uint8Array;
}

/** Prefixes in 10 000 of each length: a plausible mix, most at /24 and /48 as in a default-free table; not taken from a report. */
const LENGTHS4: readonly (readonly [length: number, share: number])[] = [
  ...([
    [8, 1],
    [9, 1],
    [10, 1],
    [11, 1],
    [12, 3],
    [13, 6],
    [14, 12],
    [15, 20],
    [16, 135],
    [17, 80],
    [18, 140],
  ] as const),
  ...([
    [19, 250],
    [20, 430],
    [21, 500],
    [22, 1090],
    [23, 1010],
    [24, 6300],
    [25, 5],
    [26, 4],
    [27, 3],
    [28, 3],
  ] as const),
  ...([
    [29, 2],
    [30, 2],
    [32, 1],
  ] as const),
];
const LENGTHS6: readonly (readonly [length: number, share: number])[] = [
  ...([
    [20, 2],
    [24, 10],
    [28, 60],
    [29, 280],
    [30, 90],
    [31, 40],
    [32, 1150],
    [33, 240],
    [34, 210],
    [35, 130],
  ] as const),
  ...([
    [36, 480],
    [37, 60],
    [38, 140],
    [39, 80],
    [40, 960],
    [41, 60],
    [42, 180],
    [43, 90],
    [44, 830],
    [45, 110],
  ] as const),
  ...([
    [46, 270],
    [47, 330],
    [48, 4130],
    [56, 20],
    [64, 40],
    [127, 3],
    [128, 5],
  ] as const),
];

/** Length `n` of a table whose shares are given, for random `n` below their sum. */
function lengthsOf(table: readonly (readonly [number, number])[]): Uint8Array {
  return Uint8Array.from(table.flatMap(([length, share]) => Array.from({ length: share }, () => length)));
}

/** First 16 bits of IPv6 space that registries give out, and how many in a row. */
const BLOCKS6: readonly (readonly [first: number, count: number])[] = [
  ...([
    [0x2001, 1],
    [0x2400, 16],
    [0x2600, 16],
    [0x2800, 8],
    [0x2a00, 20],
    [0x2c0f, 1],
  ] as const),
];

/** `count` IPv4 prefixes in 1/8 … 223/8. Nine of ten share 12 to 20 bits with another, as allocations are announced in pieces. */
export function internet4(count: number, random: Random): Prefixes {
  const lengths = lengthsOf(LENGTHS4);
  const address = new Int32Array(count);
  const length = new Uint8Array(count);
  const seen = new Set<number>();
  for (let i = 0; i < count; ) {
    const bits = lengths[random(lengths.length)] as number;
    const shared = i > 0 && random(10) > 0 ? ~0 << (20 - 4 * random(3)) : 0;
    const near = shared === 0 ? 0 : (address[random(i)] as number) & shared;
    const value = (near | (random(2 ** 32) & ~shared)) & (~0 << (32 - bits));
    const id = (value >>> 0) * 64 + bits;
    if (value >>> 24 === 0 || value >>> 24 > 223 || seen.has(id)) continue;
    seen.add(id);
    address[i] = value;
    length[i++] = bits;
  }
  return { words: 1, count, address, length };
}

/** `count` IPv6 prefixes of 2000::/3. Nine of ten share 20 to 40 bits with another. */
export function internet6(count: number, random: Random): Prefixes {
  const lengths = lengthsOf(LENGTHS6);
  const address = new Int32Array(count * 4);
  const length = new Uint8Array(count);
  const seen = new Set<string>();
  const value = new Int32Array(4);
  for (let i = 0; i < count; ) {
    const bits = lengths[random(lengths.length)] as number;
    for (let w = 0; w < 4; w++) value[w] = random(2 ** 32);
    if (i > 0 && random(10) > 0) {
      const near = random(i) * 4;
      const shared = 20 + 4 * random(6);
      const mask0 = shared < 32 ? ~(-1 >>> shared) : -1;
      const mask1 = shared > 32 ? ~(-1 >>> (shared - 32)) : 0;
      value[0] = ((address[near] as number) & mask0) | ((value[0] as number) & ~mask0);
      value[1] = ((address[near + 1] as number) & mask1) | ((value[1] as number) & ~mask1);
    } else {
      const [first, blocks] = BLOCKS6[random(BLOCKS6.length)] as readonly [number, number];
      value[0] = ((first + random(blocks)) << 16) | ((value[0] as number) & 0xffff);
    }
    maskTo(value, bits);
    const id = `${value.join()}/${bits}`;
    if (seen.has(id)) continue;
    seen.add(id);
    address.set(value, i * 4);
    length[i++] = bits;
  }
  return { words: 4, count, address, length };
}

/** Clears the bits of an IPv6 address beyond `bits`. */
function maskTo(address: Int32Array, bits: number): void {
  if (bits === 128) return;
  address[bits >> 5] &= ~(-1 >>> (bits & 31));
  address.fill(0, (bits >> 5) + 1);
}
