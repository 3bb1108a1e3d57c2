/** Time that two processes of one host agree on: CLOCK_MONOTONIC, in nanoseconds. */

const base = Number(process.hrtime.bigint()) - performance.now() * 1e6;

/** Nanoseconds since the host came up, without a BigInt. Exact to a few ns for the first hundred days. */
export function nowNs(): number {
  return base + performance.now() * 1e6;
}
