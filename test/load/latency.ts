/** Latencies in buckets of at most 1/32 of their value, so that any number of frames takes the same memory. */

const STEPS = 32;
/** Up to 2^42 ns, more than an hour. */
const BUCKETS = 38 * STEPS;

/** p50, p99 and the greatest, in microseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export class LatencyHistogram {
  private readonly counts = new Float64Array(BUCKETS);
  private total = 0;
  private max = 0;

  /** One latency in ns; what is below 0 (clocks differ by rounding) counts as 0. */
  add(ns: number): void {
    if (ns > this.max) this.max = ns;
    this.counts[bucketOf(Math.max(0, ns))]++;
    this.total++;
  }

  /** Upper edge of the bucket in which that share (0 to 1) of all latencies is reached, in ns; 0 for none. */
  quantile(share: number): number {
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.counts[bucket];
      if (seen > 0 && seen >= share * this.total) return Math.min(this.max, edgeOf(bucket + 1));
    }
    return 0;
  }

  summary(): Latency {
    const us = (ns: number): number => Math.round(ns / 100) / 10;
    return { p50: us(this.quantile(0.5)), p99: us(this.quantile(0.99)), max: us(this.max) };
  }
}

/** Below 32 one bucket for each ns; from there on 32 for each power of two. */
function bucketOf(ns: number): number {
  if (ns < STEPS) return ns | 0;
  const power = Math.floor(Math.log2(ns));
  return Math.min(BUCKETS - 1, (power - 4) * STEPS + Math.floor((ns / 2 ** power - 1) * STEPS));
}

function edgeOf(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const power = Math.floor(bucket / STEPS) + 4;
  return 2 ** power * (1 + (bucket % STEPS) / STEPS);
}
