/**
 * The system's clock in nanoseconds, read without garbage: JavaScript's own clocks return a new number each time. And naps. Any
 * thread.
 */
import { addressOf, clockGettime, nanosleep } from './libc.js';

const CLOCK_REALTIME = 0;
/** Words of a struct timespec, two 64-bit numbers: the low halves. */
const SECONDS = 0;
const NANOSECONDS = 2;
const TIMESPEC_BYTES = 16;

/** Unix time, as of the last `read`. */
export interface Clock {
  read(): void;
  /** Whole seconds, as a 32-bit number, and nanoseconds of the second. */
  seconds(): number;
  nanoseconds(): number;
}

/** Makes a clock of one thread. */
export function makeClock(): Clock {
  const time = new Int32Array(new SharedArrayBuffer(TIMESPEC_BYTES));
  const address = addressOf(new Uint8Array(time.buffer));
  return {
    read: () => void clockGettime(CLOCK_REALTIME, address),
    seconds: () => time[SECONDS],
    nanoseconds: () => time[NANOSECONDS],
  };
}

/** Makes what lets one thread sleep for so many microseconds, less than a second; the kernel may add some 50. */
export function makeNap(): (us: number) => void {
  const time = new Int32Array(new SharedArrayBuffer(TIMESPEC_BYTES));
  const address = addressOf(new Uint8Array(time.buffer));
  return (us) => {
    time[NANOSECONDS] = us * 1000;
    nanosleep(address, 0);
  };
}
