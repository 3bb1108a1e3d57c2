/**
 * What became of the numbered frames of each flow: first arrivals, late ones, second ones. The sink's process.
 *
 * For each flow a window of bits says which of the newest `window` numbers have come. What is older than the window can no
 * longer be told late from duplicated, so it is counted apart, as stale.
 */

const MOST_WINDOW = 65_536;
const LEAST_WINDOW = 2048;
/** 16 MiB of bits for all flows together. */
const MOST_BITS = 2 ** 27;

/** Numbers remembered for each of `flows` flows: a power of two. */
export function windowFor(flows: number): number {
  return Math.min(MOST_WINDOW, Math.max(LEAST_WINDOW, 2 ** Math.floor(Math.log2(MOST_BITS / flows))));
}

export class SequenceTracker {
  /** Frames that came for the first time, late ones among them. */
  first = 0;
  /** Of these, the frames that came after one with a higher number. */
  reordered = 0;
  duplicated = 0;
  stale = 0;
  private readonly window: number;
  /** Of each flow: the number after the highest that came. */
  private readonly next: Float64Array;
  private readonly bits: Uint32Array;

  /** `window` is a power of two, at least 32. */
  constructor(flows: number, window = windowFor(flows)) {
    this.window = window;
    this.next = new Float64Array(flows);
    this.bits = new Uint32Array((flows * window) / 32);
  }

  /** Frame `sequence` of `flow` came. Numbers are below 2^53. */
  arrived(flow: number, sequence: number): void {
    const next = this.next[flow];
    if (sequence >= next) {
      // What was skipped may come yet. The bits before it are of numbers that leave the window.
      for (let n = Math.max(next, sequence - this.window + 1); n < sequence; n++) this.put(flow, n, 0);
      this.put(flow, sequence, 1);
      this.next[flow] = sequence + 1;
      this.first++;
    } else if (next - sequence > this.window) {
      this.stale++;
    } else if (this.get(flow, sequence)) {
      this.duplicated++;
    } else {
      this.put(flow, sequence, 1);
      this.reordered++;
      this.first++;
    }
  }

  private get(flow: number, sequence: number): boolean {
    const bit = flow * this.window + (sequence % this.window);
    return ((this.bits[bit >>> 5] >>> (bit & 31)) & 1) === 1;
  }

  private put(flow: number, sequence: number, value: 0 | 1): void {
    const bit = flow * this.window + (sequence % this.window);
    if (value === 1) this.bits[bit >>> 5] |= 1 << (bit & 31);
    else this.bits[bit >>> 5] &= ~(1 << (bit & 31));
  }
}
