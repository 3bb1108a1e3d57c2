/** The collector, for tests of what calls leave behind. Works whether or not Node was started with --expose-gc. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const ROUNDS = 5;
const CHUNKS = 100;
/** Few enough that a chunk's garbage stays far from filling the young generation. */
const CHUNK = 1000;

/** A full collection, on the spot. */
export function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/**
 * Bytes of heap that 100 000 turns add: `run(n)` makes n of them. Growth is summed over short chunks, leaving out those in which
 * the collector ran, and is the least of five rounds: compiling costs a round some hundred kB, garbage is there in each.
 */
export function garbageOf(run: (turns: number) => void): number {
  run(CHUNK * CHUNKS);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    let grown = 0;
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      const before = process.memoryUsage().heapUsed;
      run(CHUNK);
      grown += Math.max(0, process.memoryUsage().heapUsed - before);
    }
    least = Math.min(least, grown);
  }
  return least;
}
