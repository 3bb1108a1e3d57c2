/**
 * What a worker does to choose a next hop allocates nothing once the code is warm: look-ups of both families, by trie, host
 * route and default, the flow hash, and a group's member.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fib4, makeFib4Lookup } from '../../src/shared/table/fib4.js';
import { Fib6, makeFib6Lookup } from '../../src/shared/table/fib6.js';
import { flowHash4, flowHash6 } from '../../src/shared/table/flow-hash.js';
import { makeNextHopRecord, NextHopKind, NextHopTable, pickMember } from '../../src/shared/table/next-hop.js';
import { heapGrowth } from '../support/heap-growth.js';
import { FibBench } from '../unit/support/fib-bench.js';

const ROUND = 1_000_000;
const WARM_ROUNDS = 5;
const MOST_BYTES = 0.1;

const { heap, memory, reclaimer } = new FibBench();
const lookup4 = makeFib4Lookup(heap);
const lookup6 = makeFib6Lookup(heap);
const recordOf = makeNextHopRecord(heap);
const hops = new NextHopTable(memory, reclaimer);
const members = [1, 2, 3].map((weight) => ({ index: hops.add({ kind: NextHopKind.CONNECTED }), weight }));
const group = hops.addGroup(members);
const table4 = new Fib4(memory, reclaimer);
const fib4 = table4.root;
const table6 = new Fib6(memory, reclaimer, 1);
const fib6 = table6.root;

/** The sum of `times` choices. */
function choose4(times: number): number {
  let sum = 0;
  for (let n = 0; n < times; n++) {
    const index = lookup4(fib4, 0x0a000000 | n);
    const hash = flowHash4(1, 2, 0x0a000000 | n, 0x0b000001, 6, n);
    sum = (sum + pickMember(heap, recordOf(hops.root, index), hash)) | 0;
  }
  return sum;
}

/** The same for IPv6. */
function choose6(times: number): number {
  let sum = 0;
  for (let n = 0; n < times; n++) {
    const index = lookup6(fib6, 0x20010db8, n << 12, 0, n & 1);
    const hash = flowHash6(1, 2, 0x20010db8, n << 12, 0, 1, 0x20010db8, 1, 0, 2, 6, n);
    sum = (sum + pickMember(heap, recordOf(hops.root, index), hash)) | 0;
  }
  return sum;
}

const skip = global.gc === undefined ? 'needs --expose-gc' : false;

test('choosing a next hop leaves no garbage', { skip }, () => {
  table4.insert(0, 0, group);
  table4.insert(0x0a000000, 14, group);
  table4.insert(0x0a000700, 25, group);
  table6.insert(0, 0, 0, 0, 0, group);
  table6.insert(0x20010db8, 0, 0, 0, 34, group);
  table6.insert(0x20010db8, 0x1000, 0, 0, 56, group);
  table6.insert(0x20010db8, 0x1000, 0, 1, 128, group);
  for (const choose of [choose4, choose6]) {
    assert.ok(choose(64) > 64, `${choose.name} meets members`);
    const bytes = heapGrowth((choices) => void choose(choices), ROUND, WARM_ROUNDS, MOST_BYTES);
    assert.ok(bytes < MOST_BYTES, `${choose.name}: ${bytes} bytes a choice`);
  }
});

test('one small array in 64 choices would be found', { skip }, () => {
  const kept: number[][] = [[]];
  const bytes = heapGrowth(
    (choices) => {
      for (let n = 0; n < choices; n += 64) kept[0] = [n, choose4(64)];
    },
    ROUND,
    WARM_ROUNDS,
    MOST_BYTES,
  );
  assert.ok(bytes >= MOST_BYTES, `${bytes} bytes a choice`);
});
