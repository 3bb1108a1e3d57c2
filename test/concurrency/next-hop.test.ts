/**
 * Next hops in real threads: a reader goes from addresses to records while main changes, replaces and frees next hops and
 * groups without pause, with the real reclaimer and a poisoning slab. With a reclaimer that frees at once the same harness must
 * find what is wrong.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slab } from '../../src/main/memory/slab.js';
import { Control, SLAB_BASE } from '../../src/shared/layout/heap.js';
import { Reclaimer } from '../../src/shared/smr/reclaimer.js';
import { Fib4 } from '../../src/shared/table/fib4.js';
import { NextHopKind, type NextHopSpec, NextHopTable } from '../../src/shared/table/next-hop.js';
import type { FibMemory, FibReclaimer } from '../../src/shared/table/prefix-trie.js';
import { BOX_MS, SEED, startThread, waitUntil, withSeed } from '../support/stress.js';
import { gatewayOf, type NextHopReaderTask, PREFIXES, Told } from './threads/next-hop-reader.js';

/** Churns next hops for `ms`; returns what the reader told and how many changes there were. */
async function churn(
  immediate: boolean,
  ms: number,
  random: (below: number) => number,
): Promise<{ told: Int32Array; changes: number }> {
  const heap = new Int32Array(new SharedArrayBuffer(4 << 20));
  const slab = new Slab('heap', heap, SLAB_BASE);
  slab.poison = true;
  const real = new Reclaimer(heap, 1, 1 << 30, () => {});
  const reclaimer: FibReclaimer = immediate ? { retire: (_, free) => free() } : real;
  const memory: FibMemory = {
    heap,
    allocate: (count) => slab.allocate(count),
    release: (at, count) => slab.release(at, count),
  };
  const fib = new Fib4(memory, reclaimer);
  const nextHops = new NextHopTable(memory, reclaimer, 16);
  let serial = 0;
  const spec = (n: number): NextHopSpec => {
    serial = (serial + 1) & 0xffffff;
    const name = n | (serial << 8);
    return { kind: NextHopKind.GATEWAY, interface: name, gateway: [gatewayOf(name)] };
  };
  /** A next hop for prefix `n` with one user: a plain one, or a group whose members it alone uses. */
  const make = (n: number): number => {
    if (random(2) === 0) return nextHops.add(spec(n));
    const members = Array.from({ length: 1 + random(4) }, () => ({
      index: nextHops.add(spec(n)),
      weight: 1 + random(3),
    }));
    const group = nextHops.addGroup(members);
    for (const { index } of members) nextHops.release(index);
    return group;
  };
  for (let n = 0; n < PREFIXES; n++) fib.insert(0x0a000000 | (n << 8), 24, make(n));
  const told = new Int32Array(new SharedArrayBuffer(Told.WORDS * 4));
  const task: NextHopReaderTask = { heap, told, fib: fib.root, nextHops: nextHops.root, seed: SEED };
  const thread = startThread(new URL('./threads/next-hop-reader.js', import.meta.url), task);
  await waitUntil(() => Atomics.load(told, Told.STARTED) === 1, 'the reader started');
  let changes = 0;
  for (const until = performance.now() + ms; performance.now() < until; changes++) {
    const n = random(PREFIXES);
    const prefix = 0x0a000000 | (n << 8);
    // A reader that is late holds up all that waits; the heap is small.
    if (slab.usedWords > heap.length / 4) real.poll();
    else if (random(2) === 0) nextHops.change(fib.get(prefix, 24), spec(n));
    else nextHops.release(fib.insert(prefix, 24, make(n)));
    real.poll();
    if (immediate && Atomics.load(told, Told.VIOLATIONS) > 0) break;
  }
  Atomics.store(heap, Control.STOP, 1);
  await thread.done;
  fib.close((index) => nextHops.release(index));
  real.poll();
  real.close();
  assert.equal(nextHops.size, 0);
  return { told, changes };
}

test('a reader has whole records of its own prefix while next hops change and indices are used again', () =>
  withSeed(async (random) => {
    const { told, changes } = await churn(false, BOX_MS / 2, random);
    assert.equal(told[Told.VIOLATIONS], 0);
    assert.ok(changes > 1000 && told[Told.LOOKUPS] > 1000 && told[Told.GROUPS] > 100);
  }));

test('the harness catches a reclaimer that frees at once', () =>
  withSeed(async (random) => {
    const { told } = await churn(true, 4 * BOX_MS, random);
    assert.ok(told[Told.VIOLATIONS] > 0);
  }));
