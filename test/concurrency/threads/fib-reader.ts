/**
 * A reader of a forwarding table as a worker is one: it announces between bursts, goes offline now and then, and in a burst
 * looks up addresses whose next hops main keeps a record of. What it finds must be one that was right at some instant between
 * the beginning and the end of the look-up.
 */
import { workerData } from 'node:worker_threads';
import { Control, threadBlock } from '../../../src/shared/layout/heap.js';
import { announce, offline, online } from '../../../src/shared/smr/reader.js';
import { makeFib4Lookup } from '../../../src/shared/table/fib4.js';
import { makeFib6Lookup } from '../../../src/shared/table/fib6.js';
import { seeded } from '../../support/stress.js';

/** Words that a reader reports in. */
export const enum Told {
  STARTED = 0,
  LOOKUPS = 1,
  VIOLATIONS = 2,
  /** Look-ups that found no route, rightly or not. */
  NONE = 3,
  /** Look-ups during which main went on too far to tell. */
  UNKNOWN = 4,
  WORDS = 32,
}

/** How many next hops of an address main's record goes back. */
export const HISTORY = 64;

/** What the thread is given. */
export interface FibReaderTask {
  readonly heap: Int32Array;
  readonly me: number;
  readonly told: Int32Array;
  readonly root: number;
  /** Words of an address: 1 or 4. */
  readonly words: number;
  /** The addresses. */
  readonly probes: Int32Array;
  /** Next hop number n of address p is at `p * HISTORY + n % HISTORY`. */
  readonly history: Int32Array;
  /** By address: the number of the next hop that holds for certain, and of the last one that may hold. Main stores both. */
  readonly settled: Int32Array;
  readonly possible: Int32Array;
  /** Take a while for each load, so that main can do much within a look-up. */
  readonly slow: boolean;
  readonly seed: number;
}

function read(task: FibReaderTask): void {
  const { heap, me, told, words, probes, history, settled, possible } = task;
  const random = seeded(task.seed);
  const block = threadBlock(me);
  const dawdling = new Proxy(heap, {
    get: (target, key) => {
      for (let spin = random(60); spin > 0; spin--) Atomics.load(told, Told.STARTED);
      return target[Number(key)];
    },
  });
  const source = task.slow ? dawdling : heap;
  const lookup4 = makeFib4Lookup(source);
  const lookup6 = makeFib6Lookup(source);
  const find = (p: number): number => {
    if (words === 1) return lookup4(task.root, probes[p]);
    const at = p * 4;
    return lookup6(task.root, probes[at], probes[at + 1], probes[at + 2], probes[at + 3]);
  };
  let epoch = online(heap, block);
  Atomics.store(told, Told.STARTED, 1);
  while (Atomics.load(heap, Control.STOP) === 0) {
    epoch = announce(heap, block, epoch);
    for (let n = 0; n < 64; n++) {
      const p = random(settled.length);
      const first = Atomics.load(settled, p);
      const found = find(p);
      const last = Atomics.load(possible, p);
      let right = false;
      for (let i = first; i <= last && !right; i++)
        right = Atomics.load(history, p * HISTORY + (i % HISTORY)) === found;
      told[Told.LOOKUPS]++;
      if (found === 0) told[Told.NONE]++;
      if (Atomics.load(possible, p) - first >= HISTORY) told[Told.UNKNOWN]++;
      else if (!right) told[Told.VIOLATIONS]++;
    }
    if (random(200) !== 0) continue;
    offline(heap, block);
    Atomics.wait(told, Told.STARTED, 1, random(2));
    epoch = online(heap, block);
  }
  offline(heap, block);
}

if (workerData !== null) read(workerData as FibReaderTask);
