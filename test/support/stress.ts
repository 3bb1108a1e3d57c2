/**
 * What stress tests and fuzzers share: a time box, seeded randomness whose seed is printed on failure, and real threads.
 */
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { RouterLog } from '../../src/main/router.js';

/** Milliseconds one stress runs. */
export const BOX_MS = Number(process.env.SMROUTER_BOX_MS ?? 3000);

/** The seed of this run; give it in SMROUTER_SEED to have the run again. */
export const SEED = Number(process.env.SMROUTER_SEED ?? Date.now() & 0x7fffffff);

/** A log for routers whose test looks at what they do alone. */
export const silent: RouterLog = { info: () => {}, warn: () => {}, error: () => {} };

/** A generator of whole numbers 0 … below-1 (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** The word with which a stress says how much it did. */
export const OPERATIONS = 'operations';

/** Says how many operations a stress has done; the soak adds them up. */
export function didOperations(t: TestContext, count: number): void {
  t.diagnostic(`${OPERATIONS} ${count}`);
}

/** Runs `body` and adds the seed to whatever it throws. */
export async function withSeed(body: (random: (below: number) => number) => void | Promise<void>): Promise<void> {
  try {
    await body(seeded(SEED));
  } catch (error) {
    (error as Error).message = `SMROUTER_SEED=${SEED}: ${(error as Error).message}`;
    throw error;
  }
}

/** Starts a compiled module in a thread; `done` resolves when it has ended and rejects with what it threw. */
export function startThread(module: URL, data: unknown): { readonly worker: Worker; readonly done: Promise<void> } {
  const worker = new Worker(module, { workerData: data });
  const done = new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
  done.catch(() => {});
  return { worker, done };
}

/** Waits until `condition` holds. Throws after `limitMs`: a bound on being stuck, not a measure of speed. */
export async function waitUntil(condition: () => boolean, what: string, limitMs = 10_000): Promise<void> {
  const until = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > until) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
