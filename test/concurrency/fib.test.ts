/**
 * B82, B83, B84: a reader in a real thread looks up addresses while main adds, replaces and removes prefixes around them without
 * pause, with the real reclaimer and a poisoning slab. The same harness with a reclaimer that frees at once, or with a
 * replacement made of a deletion and an addition, must find what is wrong, or the test could not fail.
 *
 * SMROUTER_FIB_FULL=1 takes a full Internet table of 1 M and 230 k prefixes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slab } from '../../src/main/memory/slab.js';
import { Control, SLAB_BASE } from '../../src/shared/layout/heap.js';
import { Reclaimer } from '../../src/shared/smr/reclaimer.js';
import { Fib4, makeFib4Lookup } from '../../src/shared/table/fib4.js';
import { Fib6, makeFib6Lookup } from '../../src/shared/table/fib6.js';
import type { FibMemory, FibReclaimer } from '../../src/shared/table/prefix-trie.js';
import { internet4, internet6, type Prefixes } from '../support/prefixes.js';
import { BOX_MS, SEED, startThread, waitUntil, withSeed } from '../support/stress.js';
import { BruteForce } from '../unit/support/fib-bench.js';
import { type FibReaderTask, HISTORY, Told } from './threads/fib-reader.js';

/** Longest that is waited for something to come of it. */
const MOST_MS = 60_000;
const FULL = process.env.SMROUTER_FIB_FULL === '1';
const PREFIXES = FULL ? { 1: 1_000_000, 4: 230_000 } : { 1: 50_000, 4: 20_000 };
const HEAP_WORDS = (FULL ? 256 : 64) << 18;
const PROBES = 256;
/** Prefixes around the probes that come and go. */
const CHURNED = 2000;
const NEXT_HOPS = 5000;

type Random = (below: number) => number;

interface Prefix {
  readonly address: readonly number[];
  readonly length: number;
}

interface How {
  readonly words: 1 | 4;
  readonly slow: boolean;
  /** Prefixes are replaced and never removed. */
  readonly replaceOnly?: boolean;
  /** Replace by deletion and addition, which must be noticed. */
  readonly holes?: boolean;
  /** Free at once, which must be noticed. */
  readonly immediate?: boolean;
  readonly ms: number;
}

/** A table of either family. */
interface Table {
  readonly root: number;
  insert(prefix: Prefix, nextHop: number): void;
  remove(prefix: Prefix): void;
  lookup(address: readonly number[]): number;
  close(): void;
}

type Address6 = readonly [number, number, number, number];

function open(words: number, memory: FibMemory, reclaimer: FibReclaimer): Table {
  if (words === 1) {
    const fib = new Fib4(memory, reclaimer);
    const find = makeFib4Lookup(memory.heap);
    return {
      root: fib.root,
      insert: ({ address, length }, nextHop) => void fib.insert(address[0] as number, length, nextHop),
      remove: ({ address, length }) => void fib.remove(address[0] as number, length),
      lookup: (address) => find(fib.root, address[0] as number),
      close: () => fib.close(),
    };
  }
  const fib = new Fib6(memory, reclaimer, SEED);
  const find = makeFib6Lookup(memory.heap);
  return {
    root: fib.root,
    insert: ({ address, length }, nextHop) => void fib.insert(...(address as Address6), length, nextHop),
    remove: ({ address, length }) => void fib.remove(...(address as Address6), length),
    lookup: (address) => find(fib.root, ...(address as Address6)),
    close: () => fib.close(),
  };
}

/** The table, what it must say, and the record of what each probe's next hop was. */
class Churn {
  readonly probes: readonly (readonly number[])[];
  readonly history = shared(PROBES * HISTORY);
  readonly settled = shared(PROBES);
  readonly possible = shared(PROBES);
  updates = 0;
  private readonly prefixes: Prefixes;
  private readonly oracle: BruteForce;
  private readonly present = new Set<Prefix>();
  private readonly churned: readonly Prefix[];
  private readonly table: Table;
  private readonly how: How;
  private readonly random: Random;

  constructor(table: Table, how: How, random: Random) {
    const { words } = how;
    this.table = table;
    this.how = how;
    this.random = random;
    this.oracle = new BruteForce(words);
    const all = (words === 1 ? internet4 : internet6)(PREFIXES[words], random);
    this.prefixes = all;
    for (let n = 0; n < all.count; n++) {
      const prefix = { address: this.addressOf(n), length: all.length[n] as number };
      const nextHop = this.nextHop();
      table.insert(prefix, nextHop);
      this.oracle.set(prefix.address, prefix.length, nextHop);
    }
    this.probes = Array.from({ length: PROBES }, () => this.addressOf(random(all.count)));
    this.churned = Array.from({ length: CHURNED }, () => {
      const address = this.probes[random(PROBES)] as readonly number[];
      // Short prefixes are few, as in life: they rewrite much.
      // A host table that is freed too early can keep a reader for ever, so that harness has none.
      const length = words === 1 ? 12 + random(21) : 24 + random(how.immediate ? 104 : 105);
      return { address, length };
    });
    if (how.replaceOnly) for (const prefix of this.churned) this.add(prefix);
    for (const [p, probe] of this.probes.entries()) this.history[p * HISTORY] = this.oracle.lookup(probe);
  }

  /** Adds, replaces or removes one prefix, and says so in the record before and after. */
  step(): void {
    const prefix = this.churned[this.random(CHURNED)] as Prefix;
    const here = this.present.has(prefix);
    const affected = this.within(prefix);
    if (here && !this.how.replaceOnly && this.random(2) === 0) {
      this.oracle.delete(prefix.address, prefix.length);
      this.record(affected);
      this.table.remove(prefix);
      this.present.delete(prefix);
    } else {
      const nextHop = this.nextHop();
      this.oracle.set(prefix.address, prefix.length, nextHop);
      this.record(affected);
      if (this.how.holes) this.table.remove(prefix);
      this.table.insert(prefix, nextHop);
      this.present.add(prefix);
    }
    for (const p of affected) Atomics.store(this.settled, p, this.possible[p]);
    this.updates++;
  }

  /** Every probe, and addresses all over the table, against the brute-force match. */
  check(count: number): void {
    for (const probe of this.probes) assert.equal(this.table.lookup(probe), this.oracle.lookup(probe));
    for (let n = 0; n < count; n++) {
      const address = this.addressOf(this.random(this.prefixes.count));
      const word = this.random(this.how.words);
      address[word] = (address[word] as number) ^ (1 << this.random(32)) ^ this.random(1 << 16);
      assert.equal(this.table.lookup(address), this.oracle.lookup(address));
    }
  }

  /** Address of one of the prefixes that the table began with. */
  private addressOf(n: number): number[] {
    const { words } = this.how;
    return [...this.prefixes.address.subarray(n * words, (n + 1) * words)];
  }

  private add(prefix: Prefix): void {
    const nextHop = this.nextHop();
    this.table.insert(prefix, nextHop);
    this.oracle.set(prefix.address, prefix.length, nextHop);
    this.present.add(prefix);
  }

  private record(affected: readonly number[]): void {
    for (const p of affected) {
      const number = (this.possible[p] as number) + 1;
      const nextHop = this.oracle.lookup(this.probes[p] as readonly number[]);
      Atomics.store(this.history, p * HISTORY + (number % HISTORY), nextHop);
      Atomics.store(this.possible, p, number);
    }
  }

  /** Probes that a prefix covers. */
  private within({ address, length }: Prefix): number[] {
    const found: number[] = [];
    const word = Math.min(length >> 5, this.how.words - 1);
    const mask = length - 32 * word >= 32 ? -1 : ~(-1 >>> (length & 31));
    for (const [p, probe] of this.probes.entries()) {
      let same = (((probe[word] as number) ^ (address[word] as number)) & mask) === 0;
      for (let w = 0; w < word && same; w++) same = probe[w] === address[w];
      if (same) found.push(p);
    }
    return found;
  }

  private nextHop(): number {
    return 1 + this.random(NEXT_HOPS);
  }
}

function shared(words: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(words * 4));
}

interface Outcome {
  readonly told: Int32Array;
  readonly updates: number;
}

/** Changes the table for `ms` while the reader looks up. Every word of the slab comes back in the end. */
async function churn(how: How, random: Random): Promise<Outcome> {
  const heap = shared(HEAP_WORDS);
  const slab = new Slab('heap', heap, SLAB_BASE);
  slab.poison = true;
  const real = new Reclaimer(heap, 1, 1 << 30, () => {});
  const immediate: FibReclaimer = { retire: (_, free) => free() };
  const memory: FibMemory = {
    heap,
    allocate: (count) => slab.allocate(count),
    release: (at, count) => slab.release(at, count),
  };
  const table = open(how.words, memory, how.immediate ? immediate : real);
  const model = new Churn(table, how, random);
  const told = shared(Told.WORDS);
  const probes = shared(PROBES * how.words);
  probes.set(model.probes.flat());
  const { history, settled, possible } = model;
  const task: FibReaderTask = {
    ...{ heap, me: 0, told, root: table.root, words: how.words, probes, history, settled, possible },
    ...{ slow: how.slow, seed: SEED },
  };
  const thread = startThread(new URL('./threads/fib-reader.js', import.meta.url), task);
  await waitUntil(() => Atomics.load(told, Told.STARTED) === 1, 'the reader started');
  const failing = how.holes === true || how.immediate === true;
  // A box of time, and longer on a machine on which little comes of it.
  const enough = (): boolean =>
    failing ? told[Told.VIOLATIONS] > 0 : model.updates > 1000 && told[Told.LOOKUPS] - told[Told.UNKNOWN] > 1000;
  const began = performance.now();
  while (performance.now() < began + how.ms || (!enough() && performance.now() < began + MOST_MS)) {
    // A reader that is kept from running holds up all that waits.
    if (slab.usedWords < HEAP_WORDS * 0.75) for (let n = 0; n < 20; n++) model.step();
    real.poll();
    if (failing && Atomics.load(told, Told.VIOLATIONS) > 0) break;
  }
  if (!failing) model.check(5000);
  Atomics.store(heap, Control.STOP, 1);
  if (how.immediate) await thread.worker.terminate();
  else await thread.done;
  table.close();
  real.poll();
  real.close();
  assert.equal(slab.usedWords, 0);
  return { told, updates: model.updates };
}

for (const [family, words] of [
  ['IPv4', 1],
  ['IPv6', 4],
] as const) {
  for (const slow of [false, true]) {
    const manner = slow ? 'slow reader' : 'fast reader';
    test(`B82 B84 ${family}: a ${manner} finds what is right by brute force while prefixes come and go`, () =>
      withSeed(async (random) => {
        const { told, updates } = await churn({ words, slow, ms: BOX_MS / 4 }, random);
        assert.equal(told[Told.VIOLATIONS], 0);
        assert.ok(updates > 1000, `${updates} updates`);
        assert.ok(told[Told.LOOKUPS] - told[Told.UNKNOWN] > 1000, `${told[Told.LOOKUPS]} look-ups`);
      }));
  }

  test(`B83 ${family}: no look-up misses while prefixes are replaced`, () =>
    withSeed(async (random) => {
      const { told, updates } = await churn({ words, slow: true, replaceOnly: true, ms: BOX_MS / 4 }, random);
      assert.equal(told[Told.VIOLATIONS], 0);
      assert.equal(told[Told.NONE], 0);
      assert.ok(updates > 1000 && told[Told.LOOKUPS] > 1000);
    }));

  test(`${family}: the harness catches a deletion and an addition in place of a replacement`, () =>
    withSeed(async (random) => {
      const { told } = await churn({ words, slow: true, replaceOnly: true, holes: true, ms: BOX_MS }, random);
      assert.ok(told[Told.VIOLATIONS] > 0);
    }));

  test(`${family}: the harness catches a reclaimer that frees at once`, () =>
    withSeed(async (random) => {
      const { told } = await churn({ words, slow: true, immediate: true, ms: BOX_MS }, random);
      assert.ok(told[Told.VIOLATIONS] > 0);
    }));
}
