/** A thread that learns and looks up as a worker does, on addresses that other threads learn and remove meanwhile. */
import { workerData } from 'node:worker_threads';
import { type Learned, learn, lookupOne } from '../../../src/shared/table/etherbridge.js';
import { isKnownOne } from '../../support/bridge-table.js';
import { seeded } from '../../support/stress.js';

/** Words the threads share. */
export const enum Shared {
  STOP = 0,
  NOW = 1,
  /** Look-ups that gave a port on which the address never was. */
  WRONG = 32,
  /** What `learn` answered, by `Learned`. */
  ANSWERS = 33,
  FOUND = 40,
  WORDS = 64,
}

/** What the thread is given. */
export interface LearnerTask {
  readonly heap: Int32Array;
  readonly table: number;
  readonly me: number;
  /** The words all threads share: STOP and NOW. */
  readonly shared: Int32Array;
  /** This thread's own. */
  readonly told: Int32Array;
  /** Addresses 0 … keys-1. */
  readonly keys: number;
  /** Whether it only moves address 0 to and fro. */
  readonly storm: boolean;
  readonly seed: number;
}

/** The address words of key `k`; several share each half. */
export function keyLo(k: number): number {
  return Math.imul((k >> 1) + 1, 0x9e3779b1);
}
export function keyHi(k: number): number {
  return ((k & 1) << 8) | 2;
}

/** The two port words that key `k` may ever have. */
export function portOf(k: number, side: number): number {
  return (2 * k + 1 + side) | ((1 + (k % 7)) << 16);
}

function learnAndLook({ heap, table, me, shared, told, keys, storm, seed }: LearnerTask): void {
  const random = seeded(seed);
  for (let turn = 0; Atomics.load(shared, Shared.STOP) === 0; turn++) {
    const now = shared[Shared.NOW];
    const k = storm ? 0 : random(keys);
    const port = portOf(k, storm ? turn & 1 : random(2));
    if (storm || random(2) === 0) {
      if (!isKnownOne(heap, table, keyLo(k), keyHi(k), port, now)) {
        const done: Learned = learn(heap, table, keyLo(k), keyHi(k), port, now, me);
        told[Shared.ANSWERS + done]++;
      }
      continue;
    }
    const value = lookupOne(heap, table, keyLo(k), keyHi(k), now);
    if (value === 0) continue;
    told[Shared.FOUND]++;
    if (value !== portOf(k, 0) && value !== portOf(k, 1)) told[Shared.WRONG]++;
  }
}

if (workerData !== null) learnAndLook(workerData as LearnerTask);
