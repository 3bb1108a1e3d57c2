/**
 * The counters region: one lane of 64-bit floats for each thread × interface, exact up to 2^53.
 *
 * A lane has one writer, its thread; everybody may read it at any time. Main zeroes an index's lanes after the grace
 * period that follows destroy. What the numbers add up to is in ARCHITECTURE.md, "The books".
 */
import { MAX_CAPTURES } from './capture.js';
import { MAX_INTERFACES } from './heap.js';

/** Words (doubles) of a lane. W: that thread. R: main. */
export const enum Lane {
  /** Frames that the device passed on; of a veb: frames that entered it. */
  IPACKETS = 0,
  IBYTES = 1,
  /** Frames that the device sent; of a veb: unicast transmits and floods. */
  OPACKETS = 2,
  OBYTES = 3,
  /** Packets on the wire that received frames stand for (a superframe counts its segments). */
  IWIRE = 4,
  OWIRE = 5,
  /** Frames taken from the device, good or bad: read = passed on + rx drops. */
  READ = 6,
  /** Frames given to the device's output: queued = sent + tx drops. */
  QUEUED = 7,
  /** Copies made of frames (floods). */
  COPIED = 8,
  /** Frames that ended here with nothing left to do. */
  CONSUMED = 9,
  /** Frames that a veb gave back to the port's own input. */
  RETURNED = 10,
  /** veb: frames sent to one known port. */
  UNICAST = 11,
  /** veb: frames flooded. */
  FLOODED = 12,
  /** veb: addresses entered into the table. */
  LEARNED = 13,
  /** veb: addresses that moved between ports. */
  MOVED = 14,
  /** veb: addresses not learned because the table was full. */
  REFUSED = 15,
  /** veb: addresses not learned now because a bucket was being written. */
  BUSY = 16,
  /** Frames made by the router itself. */
  ORIGINATED = 17,
  /** Frames that cutting superframes added: segments less one, for each. */
  SEGMENTED = 18,
  /** Frames and copies that a rule of this port gave a tag. */
  TAGGED = 19,
  /** Frames that the kernel had for us and no room to put; never read, so no term of the books. In main's lane. */
  MISSED = 20,
  /** Times that the link of an attached interface went, and came back. In main's lane. */
  LINK_LOST = 21,
  /** First drop reason; `DROPS + reason`. */
  DROPS = 24,
  /** Doubles in a lane. */
  WORDS = 192,
}

/** Doubles of all lanes for `threads` threads. */
export function counterWords(threads: number): number {
  return threads * MAX_INTERFACES * Lane.WORDS;
}

/** Index of the first double of the lane of `thread` and interface `index`. */
export function laneOf(thread: number, index: number): number {
  return (thread * MAX_INTERFACES + index) * Lane.WORDS;
}

/** Doubles of a thread's own burst counters, behind all lanes. W: that thread. R: main. */
export const enum Work {
  BURSTS = 0,
  FRAMES = 1,
  /** Seconds awake. */
  BUSY_SECONDS = 2,
  /** Times it went to sleep. */
  SLEEPS = 3,
  /** Frames handed to other workers, and taken from them. */
  HANDED_OUT = 4,
  HANDED_IN = 5,
  /** Times it let frames gather instead of going to sleep. */
  NAPS = 6,
  WORDS = 16,
}

/** Index of the first of thread `thread`'s `Work` doubles in a region for `threads` threads. */
export function workLane(threads: number, thread: number): number {
  return counterWords(threads) + thread * Work.WORDS;
}

/** Doubles of one capture, for each thread; behind the `Work` doubles. W: that thread; main zeroes those of a number that is free. R: main. */
export const enum CaptureLane {
  /** Packets it was shown, before its direction filter and its filter (bs_recv). */
  RECEIVED = 0,
  /** Packets stored for it. */
  CAPTURED = 1,
  /** Packets that matched and found no room in the ring (bs_drop). */
  DROPPED = 2,
  WORDS = 4,
}

/** Index of the first of thread `thread`'s `CaptureLane` doubles of capture `number` in a region for `threads` threads. */
export function captureLane(threads: number, thread: number, number: number): number {
  return workLane(threads, threads) + (thread * MAX_CAPTURES + number) * CaptureLane.WORDS;
}

/** Doubles of the counters of one SID, behind the captures; number 0 is nobody's. W: that thread (main, once the SID is gone). R: main. */
export const enum SidCount {
  /** Packets that went on, and their bytes with the outer header (spec B §1.9). */
  PACKETS = 0,
  BYTES = 1,
  /** Packets that did not. */
  ERRORS = 2,
  WORDS = 4,
}

/** SIDs that can be counted at a time, and one. */
export const MAX_COUNTED_SIDS = 4096;

/** Index of the first of thread `thread`'s doubles for SID counter `number` in a region for `threads` threads. */
export function sidLane(threads: number, thread: number, number: number): number {
  return captureLane(threads, threads, 0) + (thread * MAX_COUNTED_SIDS + number) * SidCount.WORDS;
}

/** Doubles in the counters region for `threads` threads. */
export function allCounterWords(threads: number): number {
  return sidLane(threads, threads, 0);
}
