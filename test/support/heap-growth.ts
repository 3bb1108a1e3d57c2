/**
 * How much the heap of this thread grows while something runs. Runs in the thread of a test, which needs --expose-gc.
 */

/** Rounds of one measurement. */
const ROUNDS = 10;
/** Measurements, of which the least counts. */
const MOST_TRIES = 3;

/**
 * Bytes that the heap grows by for each unit that `run` does, `round` units at a time: the middle of ten rounds, after
 * `warmRounds` that do not count. What is found above `most` is measured up to twice more and the least is given, as what
 * allocates does so each time.
 *
 * Warm rounds are metered too: process.memoryUsage() itself allocates in its first dozen calls, 4 to 230 KB a call with nothing
 * between them, which has no part in `run`.
 */
export function heapGrowth(run: (units: number) => void, round: number, warmRounds: number, most: number): number {
  for (let n = 0; n < warmRounds; n++) grownIn(run, round);
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < MOST_TRIES && least >= most; n++) {
    const rounds = Array.from({ length: ROUNDS }, () => grownIn(run, round) / round);
    least = Math.min(least, rounds.sort((a, b) => a - b)[ROUNDS >> 1]);
  }
  return least;
}

/** Bytes that the heap grows by in one round, from just after a collection. */
function grownIn(run: (units: number) => void, round: number): number {
  global.gc?.();
  const before = process.memoryUsage().heapUsed;
  run(round);
  return process.memoryUsage().heapUsed - before;
}
