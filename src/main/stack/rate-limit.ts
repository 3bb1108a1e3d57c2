/**
 * Token buckets of ICMP errors: one for each destination and one for all (spec B §5.4, RFC 4443 §2.4 (f)). Main.
 *
 * The global bucket pays a random 0 … 2 tokens a message, 1 on average, so that nobody can learn from it how many errors others
 * were sent.
 */

/** Milliseconds for one error to a destination, and how many it may get at once: Linux's icmp_ratelimit and its burst. */
const PEER_INTERVAL_MS = 1000;
const PEER_BURST = 6;
/** Most that all destinations may get at once. */
const GLOBAL_BURST = 50;
/** Most destinations remembered; the one asked for least lately goes first. */
const PEERS_MOST = 4096;

/** So many tokens at most, so many a second. */
export class TokenBucket {
  private tokens: number;
  private at: number;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    now: number,
  ) {
    this.tokens = burst;
    this.at = now;
  }

  /** Whether there is a token at `now` milliseconds. */
  has(now: number): boolean {
    this.tokens = Math.min(this.burst, this.tokens + (Math.max(0, now - this.at) * this.perSecond) / 1000);
    this.at = now;
    return this.tokens >= 1;
  }

  /** Takes tokens that `has` has found; it is not left with less than none. */
  take(count: number): void {
    this.tokens = Math.max(0, this.tokens - count);
  }

  /** `has` and `take` of one. */
  allow(now: number): boolean {
    if (!this.has(now)) return false;
    this.take(1);
    return true;
  }
}

/** A bucket for each of many, of the same shape. */
export class PeerBuckets {
  private readonly peers = new Map<string, TokenBucket>();

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
  ) {}

  /** The bucket of a peer; a new one is full. */
  of(peer: string, now: number): TokenBucket {
    const bucket = this.peers.get(peer) ?? new TokenBucket(this.perSecond, this.burst, now);
    this.peers.delete(peer);
    this.peers.set(peer, bucket);
    if (this.peers.size > PEERS_MOST) this.peers.delete(this.peers.keys().next().value as string);
    return bucket;
  }
}

/** The limit of errors of one family. */
export class ErrorLimit {
  private global = new TokenBucket(0, 0, 0);
  private readonly peers = new PeerBuckets(1000 / PEER_INTERVAL_MS, PEER_BURST);
  private rate = 0;

  constructor(private readonly random: () => number) {}

  /** Whether an error may go to `peer` at `now`, `rate` errors a second being allowed: 0 none, -1 any number. */
  allow(peer: string, now: number, rate: number): boolean {
    if (rate <= 0) return rate < 0;
    if (rate !== this.rate) {
      this.global = new TokenBucket(rate, Math.min(GLOBAL_BURST, rate), now);
      this.rate = rate;
    }
    const bucket = this.peers.of(peer, now);
    if (!bucket.has(now) || !this.global.has(now)) return false;
    bucket.take(1);
    this.global.take(Math.floor(this.random() * 3));
    return true;
  }
}
