/**
 * Time stamps of captured packets: Unix time in seconds and nanoseconds, read once for each burst. Runs on a worker.
 *
 * `performance.now` has the resolution but does not follow the system's clock when that is set; `Date.now` does the opposite. So the
 * one is counted from the other, anew when they disagree.
 */

/** Disagreement, in milliseconds, that means the clock was set; `Date.now` itself is up to one behind. */
const CLOCK_SET_MS = 10;

/** Writes the time of this burst to two words of `words`: seconds at `at`, nanoseconds behind it. */
export interface Stamp {
  (words: Int32Array, at: number): void;
  /** The next stamp reads the clock. */
  forget(): void;
}

/** Makes the clock of one worker. Times are in arrays: a number that changes in a closure would be garbage each time. */
export function makeStamp(monotonic = () => performance.now(), unix = () => Date.now()): Stamp {
  /** Unix time at which `monotonic` is 0: whole seconds, then milliseconds of the second. */
  const origin = new Float64Array(2);
  const now = new Int32Array(2);
  let known = false;

  function read(): void {
    const clock = monotonic();
    let ms = clock + origin[1];
    const apart = unix() - origin[0] * 1000 - ms;
    if (apart > CLOCK_SET_MS || apart < -CLOCK_SET_MS) {
      const start = unix() - clock;
      origin[0] = Math.floor(start / 1000);
      origin[1] = start - origin[0] * 1000;
      ms = clock + origin[1];
    }
    const seconds = Math.floor(ms / 1000);
    now[0] = (origin[0] + seconds) | 0;
    now[1] = ((ms - seconds * 1000) * 1e6) | 0;
    known = true;
  }

  function stamp(words: Int32Array, at: number): void {
    if (!known) read();
    words[at] = now[0];
    words[at + 1] = now[1];
  }

  return Object.assign(stamp, {
    forget(): void {
      known = false;
    },
  });
}
