/**
 * How a worker that sleeps gathers frames where traffic is dense (`sysctl smrouter.coalesce`), as network cards do with their
 * interrupts: when nothing is left to do it naps, deaf to its devices, for as long as some dozens of frames take to come, and then looks.
 * A frame that wakes a sleeping worker costs its sender and the worker's core some 20 µs together; after a nap many frames share
 * them.
 *
 * Sparse traffic is not napped for, nor is bulk traffic: its senders wait for answers. Two naps in vain are followed by a real sleep.
 * One per worker. Time comes as an argument, in milliseconds.
 */

/** Frames that a nap is to bring. */
const WANTED = 64;
/** Fewer than this, and it is not worth one: the frames would only be late. */
const FEWEST = 8;
/** Naps in vain, one after another, before a real sleep: bursts come further apart than a nap is long. */
const IN_VAIN = 2;
/** How long frames are counted for a rate. */
const WINDOW_MS = 2;

/** Places of the state. */
const enum At {
  /** When the window began, and how many frames there had been by then. */
  WINDOW = 0,
  WINDOW_FRAMES = 1,
  /** Frames a millisecond in the last window. */
  RATE = 2,
  /** Frames there had been when last asked. */
  FRAMES = 3,
}

export class Coalesce {
  /** Boxes that are never made again. */
  private readonly state = new Float64Array(4);
  /** Naps since the last frame came. */
  private naps = 0;
  private bulk = false;

  /** Long frames have come, or superframes. */
  sawBulk(): void {
    this.bulk = true;
  }

  /**
   * There is nothing more to do at `now`, the worker having taken `frames` frames since it began. Returns for how many microseconds it
   * is to nap, `limit` at most; 0 = it is to wait for the next frame.
   */
  nap(now: number, frames: number, limit: number): number {
    const { state } = this;
    const passed = now - state[At.WINDOW];
    if (this.bulk || passed >= WINDOW_MS) {
      state[At.RATE] = this.bulk ? 0 : (frames - state[At.WINDOW_FRAMES]) / passed;
      state[At.WINDOW] = now;
      state[At.WINDOW_FRAMES] = frames;
      this.bulk = false;
    }
    if (frames !== state[At.FRAMES]) this.naps = 0;
    state[At.FRAMES] = frames;
    const us = Math.min(limit, (1000 * WANTED) / state[At.RATE]);
    if (us * state[At.RATE] < 1000 * FEWEST || ++this.naps > IN_VAIN) return 0;
    return us | 0;
  }
}
