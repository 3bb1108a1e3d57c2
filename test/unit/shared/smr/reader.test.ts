/**
 * What a worker writes to be known quiescent, offline, online (shared/smr/reader.ts, spec A §7.4).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Control, Thread, threadBlock } from '../../../../src/shared/layout/heap.js';
import { announce, offline, online } from '../../../../src/shared/smr/reader.js';
import { Workers } from '../../support/fake-workers.js';

test('announce stores only when the epoch moved', () => {
  const workers = new Workers(5);
  const block = threadBlock(0);
  workers.heap[block + Thread.EPOCH] = 77;
  assert.equal(announce(workers.heap, block, 5), 5);
  assert.equal(workers.heap[block + Thread.EPOCH], 77);
  workers.heap[Control.EPOCH] = 6;
  assert.equal(announce(workers.heap, block, 5), 6);
  assert.equal(workers.heap[block + Thread.EPOCH], 6);
});

test('A127 offline announces 0, and online the epoch of now', () => {
  const { heap } = new Workers(-7);
  const block = threadBlock(3);
  assert.equal(online(heap, block), -7);
  assert.equal(heap[block + Thread.EPOCH], -7);
  offline(heap, block);
  assert.equal(heap[block + Thread.EPOCH], 0);
  heap[Control.EPOCH] = -6;
  assert.equal(online(heap, block), -6);
  assert.equal(heap[block + Thread.EPOCH], -6);
});

test('a worker writes its own EPOCH word and no other', () => {
  const { heap } = new Workers(9);
  const before = heap.slice();
  const block = threadBlock(2);
  offline(heap, block);
  assert.equal(announce(heap, block, online(heap, block)), 9);
  before[block + Thread.EPOCH] = 9;
  assert.deepEqual(heap, before);
});
