/**
 * How many frames are due at a moment, for a steady rate. Time is handed in, in nanoseconds.
 *
 * A generator that was kept from running catches up by a short burst at most, and gives up the rest: a long one would fill a
 * queue that the rate asked for never fills.
 */

/** Most frames of one call to the kernel. */
export const BATCH = 64;
/** Frames of so much time go out together where the rate allows it. */
const STEP_NS = 100_000;
/** At most so much time, and so many frames, are caught up. */
const LATEST_NS = 10_000_000;
const LATEST = 256;

export class Pace {
  /** Frames of one step: 1 at up to 10 000 frames a second, 64 from 640 000 on. */
  readonly batch: number;
  private readonly rate: number;
  private readonly latest: number;
  private origin: number;
  private taken = 0;

  /** `rate` in frames a second; 0 is without limit. */
  constructor(rate: number, startNs: number) {
    this.rate = rate;
    this.origin = startNs;
    this.batch = rate === 0 ? BATCH : Math.min(BATCH, Math.max(1, Math.floor((rate * STEP_NS) / 1e9)));
    this.latest = Math.max(this.batch, Math.min(LATEST, Math.floor((rate * LATEST_NS) / 1e9)));
  }

  /** Frames that may go out now: a whole batch, or 0. */
  due(nowNs: number): number {
    if (this.rate === 0) return this.batch;
    const owed = Math.floor(((nowNs - this.origin) * this.rate) / 1e9) - this.taken;
    if (owed > this.latest) {
      this.origin = nowNs - (this.latest * 1e9) / this.rate;
      this.taken = 0;
    }
    return owed < this.batch ? 0 : this.batch;
  }

  /** `frames` of what was due went out. */
  take(frames: number): void {
    this.taken += frames;
  }

  /** Nanoseconds until a whole batch is due; 0 when it is. */
  wait(nowNs: number): number {
    if (this.rate === 0) return 0;
    return Math.max(0, this.origin + ((this.taken + this.batch) * 1e9) / this.rate - nowNs);
  }
}
