/**
 * The steady state of the learning table: nothing written, nothing locked (shared/table/etherbridge.ts, spec A §3.3).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { addStatic, Learned, learn } from '../../../../src/shared/table/etherbridge.js';
import { isKnownOne } from '../../../support/bridge-table.js';
import { hi, lo, ME, portValue, TestTable } from '../../support/test-table.js';

const P1 = portValue(1);
const P2 = portValue(2);

test('A94 the same station, port and second again writes no word', () => {
  const table = new TestTable(100);
  for (let n = 0; n < 60; n++) table.learn(n, P1, 10);
  addStatic(table.h, table.t, lo(70), hi(70), P1, 0, ME);
  const before = table.h.slice();
  for (let n = 0; n < 60; n++) assert.equal(table.learn(n, P1, 10), Learned.KNOWN);
  assert.equal(table.learn(70, P2, 99), Learned.KNOWN);
  for (let n = 0; n < 80; n++) table.lookup(n, 10);
  table.lookup(5, 5000);
  assert.deepEqual(table.h, before);
  table.learn(5, P1, 11);
  assert.notDeepEqual(table.h, before, 'another second is a write');
});

test('A94 nor does it write a word as it was, or use an atomic', () => {
  const table = new TestTable(100);
  for (let n = 0; n < 60; n++) table.learn(n, P1, 10);
  const watched = new Proxy(table.h, {
    get: (words, at) => Reflect.get(words, at),
    set: (_, at) => assert.fail(`word ${String(at)} was written`),
  });
  for (let n = 0; n < 60; n++) {
    assert.equal(isKnownOne(watched, table.t, lo(n), hi(n), P1, 10), true);
    assert.equal(learn(watched, table.t, lo(n), hi(n), P1, 10, ME), Learned.KNOWN);
  }
  assert.throws(() => learn(watched, table.t, lo(5), hi(5), P1, 11, ME), 'another second is a write');
  assert.throws(() => learn(watched, table.t, lo(5), hi(5), P2, 10, ME), 'so is a move; and atomics refuse a proxy');
});

test('A94 isKnown is true of the same station, port and second alone', () => {
  const table = new TestTable(100);
  const known = (n: number, value: number, now: number): boolean =>
    isKnownOne(table.h, table.t, lo(n), hi(n), value, now);
  assert.equal(known(7, P1, 10), false);
  table.learn(7, P1, 10);
  const before = table.h.slice();
  assert.equal(known(7, P1, 10), true);
  assert.equal(known(7, P1, 11), false);
  assert.equal(known(7, P2, 10), false);
  assert.equal(known(8, P1, 10), false);
  assert.deepEqual(table.h, before);
  table.remove(7);
  assert.equal(known(7, P1, 10), false);
});

test('A94 it takes no lock either: locked buckets stop neither a look-up nor a known station', () => {
  const table = new TestTable(100);
  for (let n = 0; n < 60; n++) table.learn(n, P1, 10);
  for (let b = 0; b < table.buckets; b++) table.h[table.bucket(b)] = 99;
  for (let n = 0; n < 60; n++) {
    assert.equal(table.lookup(n, 10), P1);
    assert.equal(table.learn(n, P1, 11), Learned.KNOWN);
    assert.equal(table.learn(n, P2, 11), Learned.BUSY, 'a move needs the lock');
  }
  assert.equal(table.learn(90, P1, 10), Learned.BUSY);
  assert.equal(table.count, 60);
});
