/** The collector, for tests of what calls leave behind. Works whether or not Node was started with --expose-gc. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const ROUNDS = 5;

/** A full collection, on the spot. */
export function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/**
 * Bytes of heap that one run of `burst` adds: the least of five runs after a warm-up, because compiling the loop costs some
 * runs a few hundred kB once, while garbage of the calls is there in every run.
 */
export function garbageOf(burst: () => void): number {
  burst();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    burst();
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  return least;
}
