/**
 * The learning table: learning, moving, ageing, a full table, static addresses (shared/table/etherbridge.ts, spec A §3).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { addresses, addStatic, Learned, removeWhere, sweep, Table } from '../../../../src/shared/table/etherbridge.js';
import { hi, lo, ME, portValue, TestTable } from '../../support/test-table.js';

const P1 = portValue(1);
const P2 = portValue(2);

function makeStatic(table: TestTable, n: number, value: number): Learned {
  return addStatic(table.h, table.t, lo(n), hi(n), value, 0, ME);
}

test('a station is found where it was learned, and others are not', () => {
  const table = new TestTable(100);
  assert.equal(table.lookup(7, 10), 0);
  assert.equal(table.learn(7, P1, 10), Learned.NEW);
  assert.equal(table.lookup(7, 10), P1);
  assert.equal(table.lookup(8, 10), 0);
  assert.equal(table.count, 1);
  assert.equal(table.learn(7, P1, 11), Learned.KNOWN);
  assert.equal(table.count, 1);
  assert.deepEqual(addresses(table.h, table.t), [{ lo: lo(7), hi: hi(7), value: P1, isStatic: false, seen: 11 }]);
});

test('the key is all 48 bits and the vid above them', () => {
  const table = new TestTable(100);
  table.learn(7, P1, 10);
  const { h, t } = table;
  assert.equal(addStatic(h, t, lo(7), hi(7) ^ 1, P2, 0, ME), Learned.NEW);
  assert.equal(addStatic(h, t, lo(7), hi(7) | (5 << 16), P2, 0, ME), Learned.NEW);
  assert.equal(table.lookup(7, 10), P1);
  assert.equal(table.count, 3);
});

test('a station that moves is at once at its new port, and a new generation of a port is another port', () => {
  const table = new TestTable(100);
  table.learn(7, P1, 10);
  assert.equal(table.learn(7, P2, 10), Learned.MOVED);
  assert.equal(table.lookup(7, 10), P2);
  assert.equal(table.learn(7, portValue(2, 0x7fff), 10), Learned.MOVED);
  assert.equal(table.lookup(7, 10), portValue(2, 0x7fff));
  assert.equal(table.count, 1);
});

test('A85 found 240 s after it was last seen, not at 241 s, and a frame revives it', () => {
  const table = new TestTable(100, 240);
  table.learn(7, P1, 1000);
  assert.equal(table.lookup(7, 1240), P1);
  assert.equal(table.lookup(7, 1241), 0);
  assert.equal(table.learn(7, P1, 1241), Learned.KNOWN);
  assert.equal(table.lookup(7, 1241), P1);
  assert.equal(table.lookup(7, 1481), P1);
  assert.equal(table.lookup(7, 1482), 0);
});

test('A86 the sweep removes at 240 s exactly, and leaves what is a second younger', () => {
  const table = new TestTable(100, 240);
  table.learn(7, P1, 1000);
  table.learn(8, P1, 1001);
  assert.equal(sweep(table.h, table.t, 1239, ME), 0);
  assert.equal(sweep(table.h, table.t, 1240, ME), 1);
  assert.deepEqual([...table.byStation().keys()], [8]);
  assert.equal(sweep(table.h, table.t, 1241, ME), 1);
  table.assertEmpty();
});

test('A86 a full small table gives an expired entry up to a newcomer, wherever it is', () => {
  const table = new TestTable(8, 240);
  for (let n = 0; n < 8; n++) assert.equal(table.learn(n, P1, 1000 + n), Learned.NEW);
  assert.equal(table.learn(100, P2, 1240), Learned.FULL, 'none is past 240 s');
  assert.equal(table.learn(100, P2, 1241), Learned.NEW);
  assert.equal(table.lookup(100, 1241), P2);
  assert.equal(table.byStation().has(0), false);
  assert.equal(table.count, 8);
  assert.equal(table.learn(101, P2, 1241), Learned.FULL);
  table.assertUnlocked();
});

test('A86 a full large table asks main to sweep, and then learns', () => {
  const table = new TestTable(300, 240);
  for (let n = 0; n < 300; n++) table.learn(n, P1, 1000);
  assert.equal(table.learn(1000, P1, 1100), Learned.FULL);
  assert.equal(table.h[table.t + Table.SWEEP_WANTED], 1);
  assert.equal(sweep(table.h, table.t, 1241, ME), 300);
  assert.equal(table.h[table.t + Table.SWEEP_WANTED], 0);
  assert.equal(table.learn(1000, P1, 1241), Learned.NEW);
});

test('A87 lowering the limit evicts nothing; newcomers are refused and stations still move', () => {
  const table = new TestTable(10);
  for (let n = 0; n < 10; n++) table.learn(n, P1, 10);
  table.h[table.t + Table.MAX] = 5;
  for (let n = 0; n < 10; n++) assert.equal(table.lookup(n, 10), P1);
  assert.equal(table.learn(50, P1, 10), Learned.FULL);
  assert.equal(table.learn(3, P2, 10), Learned.MOVED);
  assert.equal(table.lookup(3, 10), P2);
  assert.equal(table.lookup(50, 10), 0);
  assert.equal(table.count, 10);
});

test('A88 a static address neither ages nor moves', () => {
  const table = new TestTable(10, 8);
  assert.equal(makeStatic(table, 7, P1), Learned.NEW);
  assert.equal(table.learn(7, P2, 100), Learned.KNOWN);
  assert.equal(table.lookup(7, 1_000_000), P1);
  assert.equal(sweep(table.h, table.t, 1_000_000, ME), 0);
  assert.deepEqual(addresses(table.h, table.t), [{ lo: lo(7), hi: hi(7), value: P1, isStatic: true, seen: 0 }]);
});

test('A89 removing by kind keeps static addresses, removing by port takes them', () => {
  const table = new TestTable(10);
  table.learn(1, P1, 10);
  table.learn(2, P2, 10);
  makeStatic(table, 3, P1);
  makeStatic(table, 4, P2);
  const flushed = removeWhere(table.h, table.t, ME, (a) => !a.isStatic);
  assert.equal(flushed, 2);
  assert.deepEqual([...table.byStation().keys()].sort(), [3, 4]);
  const detached = removeWhere(table.h, table.t, ME, (a) => (a.value & 0xffff) === 1);
  assert.equal(detached, 1);
  assert.deepEqual([...table.byStation().keys()], [4]);
});

test('A90 a static address takes the place of a dynamic one, also in a full table, and is not replaced itself', () => {
  const table = new TestTable(2);
  table.learn(7, P1, 10);
  table.learn(8, P1, 10);
  makeStatic(table, 7, P2);
  assert.equal(table.lookup(7, 1_000_000), P2);
  makeStatic(table, 8, P1);
  assert.equal(table.lookup(8, 1_000_000), P1);
  assert.equal(table.count, 2);
  assert.equal(makeStatic(table, 7, P2), Learned.KNOWN);
  assert.equal(makeStatic(table, 7, P1), Learned.BUSY);
  assert.equal(table.lookup(7, 10), P2);
});

test('A91 a table of size N takes N static addresses and not one more', () => {
  for (const size of [1, 2, 16, 100]) {
    const table = new TestTable(size);
    for (let n = 0; n < size; n++) assert.equal(makeStatic(table, n, P1), Learned.NEW, `${n} of ${size}`);
    assert.equal(makeStatic(table, size, P1), Learned.FULL);
    assert.equal(table.learn(size, P1, 10), Learned.FULL);
    assert.equal(table.count, size);
    for (let n = 0; n < size; n++) assert.equal(table.lookup(n, 10), P1);
  }
});
