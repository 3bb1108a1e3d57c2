/** The neighbour table against a Map (shared/table/neighbour.ts); the entries themselves are made by control/neighbours.ts. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  INET6,
  lookupNeighbour,
  Neighbour,
  neighbourTableInit,
  neighbourTableWords,
  publishNeighbour,
  unlinkNeighbour,
} from '../../../../src/shared/table/neighbour.js';

const BUCKETS = 8;
const ENTRIES = 200;
const STEPS = 20_000;
const SEED = Number(process.env.SEED ?? 20261121);

/** Numbers from a seed, below `most`. */
function random(seed: number): (most: number) => number {
  let state = seed | 0;
  return (most) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 0) / 2 ** 32) * most);
  };
}

test(`random bindings are what a map says, chains and replacements among them (seed ${SEED})`, () => {
  const next = random(SEED);
  const table = 64;
  const first = table + neighbourTableWords(BUCKETS);
  const heap = new Int32Array(first + ENTRIES * Neighbour.WORDS);
  neighbourTableInit(heap, table, BUCKETS, 0x5eed);
  const free = Array.from({ length: ENTRIES }, (_, n) => first + n * Neighbour.WORDS);
  const model = new Map<string, { key: number[]; entry: number }>();
  let [found, replaced, removed] = [0, 0, 0];
  for (let step = 0; step < STEPS; step++) {
    const inet6 = next(2) === 1;
    const where = (1 + next(3)) | (inet6 ? INET6 : 0);
    // Addresses that differ in one word each, so that each word counts.
    const words = [0x0a000000, 0, 0, 0];
    words[inet6 ? next(4) : 0] = next(12) - 3;
    const key = [where, ...words];
    const known = model.get(key.join());
    assert.equal(
      lookupNeighbour(heap, table, where, ...(words as [number, number, number, number])),
      known?.entry ?? 0,
    );
    if (known !== undefined) found++;
    if (next(3) === 0) {
      if (known === undefined) continue;
      unlinkNeighbour(heap, table, known.entry);
      free.push(known.entry);
      model.delete(key.join());
      removed++;
      continue;
    }
    const entry = free.pop();
    if (entry === undefined) continue;
    heap.fill(0, entry, entry + Neighbour.WORDS);
    heap[entry + Neighbour.INTERFACE] = where;
    heap.set(words, entry + Neighbour.ADDRESS);
    publishNeighbour(heap, table, entry, known?.entry ?? 0);
    if (known !== undefined) {
      free.push(known.entry);
      replaced++;
    }
    model.set(key.join(), { key, entry });
  }
  for (const { key, entry } of model.values()) {
    assert.equal(lookupNeighbour(heap, table, ...(key as [number, number, number, number, number])), entry);
  }
  assert.ok(
    found > 1000 && replaced > 1000 && removed > 1000,
    `${found} found, ${replaced} replaced, ${removed} removed`,
  );
});
