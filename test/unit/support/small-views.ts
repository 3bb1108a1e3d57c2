/**
 * Views of regions small enough for a test, with the return rings of all its threads.
 */
import { createRegions, openRegions, type Views } from '../../../src/shared/layout/regions.js';
import { ringWords } from '../../../src/shared/layout/rings.js';
import { ringInit } from '../../../src/shared/ring/ring.js';
import { returnRing } from '../../../src/shared/ring/slot-cache.js';

/** Views for `threads` threads that share the slots; the heap holds the fixed part and a page of slabs. */
export function smallViews(threads: number, frames = 24, superframes = 6): Views {
  const sizes = { frames, superframes, heapBytes: 300 << 10, ringBytes: 64 << 10, captureBytes: 0, threads };
  return openRegions(createRegions(sizes, () => 0));
}

/** A return ring for each pair of threads, in a row from word 0 of the rings region. */
export function smallReturnRings(views: Views): Int32Array {
  const { threads, frames, superframes } = views.sizes;
  const table = new Int32Array(threads * threads);
  let capacity = 1;
  while (capacity < frames + superframes) capacity *= 2;
  let base = 0;
  for (let from = 0; from < threads; from++) {
    for (let home = 0; home < threads; home++) {
      if (from === home) continue;
      ringInit(views.rings, base, capacity);
      table[returnRing(threads, from, home)] = base;
      base += ringWords(capacity);
    }
  }
  return table;
}

/** A seeded generator of whole numbers below `n` (mulberry32). */
export function seeded(seed: number): (n: number) => number {
  let state = seed | 0;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % n;
  };
}
