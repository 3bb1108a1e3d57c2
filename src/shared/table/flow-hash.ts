/**
 * Flow hash: one int32 from the addresses, the protocol and the ports of a packet, for the choice of an ECMP member.
 *
 * Workers. Integers only, nothing allocated. It is keyed with two words that main draws at start, so that flows cannot be
 * chosen from outside to meet on one member, and so that routers in a row do not all choose alike. The two directions of a
 * flow have different hashes.
 */

/**
 * Hash of an IPv4 flow. Addresses as in fib4.ts; `ports` is source << 16 | destination, 0 for a fragment or a protocol without
 * ports.
 */
export function flowHash4(
  key0: number,
  key1: number,
  source: number,
  destination: number,
  protocol: number,
  ports: number,
): number {
  const k = key1 | 1;
  return finish(step(step(step(step(key0, source, k), destination, k), ports, k), protocol, k));
}

/** Hash of an IPv6 flow: the words of source and destination as in fib6.ts, the rest as above. */
export function flowHash6(
  key0: number,
  key1: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  d0: number,
  d1: number,
  d2: number,
  d3: number,
  protocol: number,
  ports: number,
): number {
  const k = key1 | 1;
  const source = step(step(step(step(key0, s0, k), s1, k), s2, k), s3, k);
  const both = step(step(step(step(source, d0, k), d1, k), d2, k), d3, k);
  return finish(step(step(both, ports, k), protocol, k));
}

/** Takes one word in; `k` is odd. */
function step(hash: number, word: number, k: number): number {
  const h = Math.imul(hash ^ word, k);
  return h ^ (h >>> 15);
}

/** Spreads every bit to the lowest, which choose the bucket. */
function finish(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 16), 0x2c1b3c6d);
  return h ^ (h >>> 13) ^ (h >>> 21);
}
