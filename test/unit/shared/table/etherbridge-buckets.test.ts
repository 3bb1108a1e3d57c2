/**
 * Buckets of the learning table: overflow into the next, locks, copies (shared/table/etherbridge.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  addresses,
  addStatic,
  breakLocks,
  bucketsFor,
  copyInto,
  Learned,
  removeWhere,
  tableWords,
} from '../../../../src/shared/table/etherbridge.js';
import { seeded } from '../../support/small-views.js';
import { hi, lo, ME, portValue, TestTable } from '../../support/test-table.js';

const P1 = portValue(1);

test('a table has at least 1.5 slots for each address, and a power of two of buckets', () => {
  for (const max of [1, 2, 15, 16, 17, 100, 127, 128, 129, 4096, 1_000_000, 1_048_576]) {
    const buckets = bucketsFor(max);
    assert.equal(buckets & (buckets - 1), 0);
    assert.ok(buckets * 3 >= max * 1.5, `${max} addresses in ${buckets} buckets`);
    assert.equal(tableWords(buckets), 64 + buckets * 16);
  }
});

test('a table filled to its last slot finds every station, and forgets every overflow', () => {
  let overflows = 0;
  for (let seed = 1; seed <= 50; seed++) {
    const random = seeded(seed);
    const table = new TestTable(24, 240, 8, random(0x7fffffff), random(0x7fffffff));
    for (let n = 0; n < 24; n++) assert.equal(table.learn(n, portValue(n + 1), 10), Learned.NEW, `seed ${seed}`);
    for (let n = 0; n < 24; n++) assert.equal(table.lookup(n, 10), portValue(n + 1), `seed ${seed}, station ${n}`);
    assert.equal(table.learn(24, P1, 10), Learned.FULL);
    overflows += table.passed();
    table.assertUnlocked();
    const order = Array.from({ length: 24 }, (_, n) => n).sort(() => random(3) - 1);
    for (const [i, n] of order.entries()) {
      assert.equal(table.remove(n), 1);
      for (const left of order.slice(i + 1)) {
        assert.equal(table.lookup(left, 10), portValue(left + 1), `seed ${seed}: ${left} lost with ${n}`);
      }
    }
    table.assertEmpty();
  }
  assert.ok(overflows > 50, `only ${overflows} overflows in 50 tables`);
});

test('holes that removals left are used again, and no station gets two entries', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seeded(seed);
    const table = new TestTable(24, 240, 8, seed, -seed);
    for (let n = 0; n < 24; n++) table.learn(n, P1, 10);
    for (let round = 0; round < 200; round++) {
      const n = random(24);
      table.remove(n);
      assert.equal(table.learn(n, portValue(1 + random(5)), 10), Learned.NEW);
      const m = random(24);
      assert.notEqual(table.learn(m, portValue(9), 10), Learned.NEW);
    }
    assert.equal(addresses(table.h, table.t).length, 24);
    assert.equal(table.byStation().size, 24);
    assert.equal(table.count, 24);
    removeWhere(table.h, table.t, ME, () => true);
    table.assertEmpty();
  }
});

test('a thousand stations fit a table of a thousand for any hash key', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const table = new TestTable(1000, 240, bucketsFor(1000), seeded(seed)(0x7fffffff), seed);
    for (let n = 0; n < 1000; n++) assert.equal(table.learn(n, P1, 10), Learned.NEW);
    for (let n = 0; n < 1000; n++) assert.equal(table.lookup(n, 10), P1);
    assert.equal(table.learn(1000, P1, 10), Learned.FULL);
  }
});

test('the hash key decides the bucket', () => {
  const layout = (key0: number, key1: number): string => {
    const table = new TestTable(24, 240, 8, key0, key1);
    for (let n = 0; n < 8; n++) table.learn(n, P1, 10);
    return addresses(table.h, table.t)
      .map((a) => a.lo & 0xff)
      .join();
  };
  const layouts = [layout(1, 1), layout(2, 1), layout(1, 2), layout(-7, 99)];
  assert.equal(new Set(layouts).size, layouts.length);
  assert.equal(layout(1, 1), layouts[0]);
});

test('a busy bucket anywhere on the way leaves the table as it was', () => {
  const table = new TestTable(24, 240, 8);
  for (let n = 0; n < 20; n++) table.learn(n, P1, 10);
  let busy = 0;
  for (let b = 0; b < 8; b++) {
    table.h[table.bucket(b)] = 99;
    for (let n = 100; n < 200; n++) {
      const before = table.h.slice();
      if (table.learn(n, P1, 10) === Learned.BUSY) {
        busy++;
        assert.deepEqual(table.h, before);
      } else assert.equal(table.remove(n), 1);
    }
    table.h[table.bucket(b)] = 0;
  }
  assert.ok(busy > 0);
  removeWhere(table.h, table.t, ME, () => true);
  table.assertEmpty();
});

test('A128 breakLocks frees the locks of a dead thread and no others', () => {
  const table = new TestTable(100);
  for (let b = 0; b < table.buckets; b++) table.h[table.bucket(b)] = (b % 3) + 1;
  const mine = Array.from({ length: table.buckets }, (_, b) => b % 3).filter((owner) => owner === 1).length;
  assert.equal(breakLocks(table.h, table.t, 1), mine);
  for (let b = 0; b < table.buckets; b++) {
    assert.equal(table.h[table.bucket(b)], b % 3 === 1 ? 0 : (b % 3) + 1);
  }
  assert.equal(breakLocks(table.h, table.t, 1), 0);
});

test('copyInto keeps every entry with its port, age and kind, and what the new table knows better', () => {
  const from = new TestTable(24, 240, 8);
  for (let n = 0; n < 16; n++) from.learn(n, portValue(n + 1), 10 + n);
  for (let n = 16; n < 24; n++) addStatic(from.h, from.t, lo(n), hi(n), portValue(n + 1), 0, ME);
  const to = new TestTable(100, 240, bucketsFor(100), 5, 6);
  const both = new Int32Array(from.h.length + to.h.length);
  both.set(from.h);
  both.set(to.h, from.h.length);
  const fromAt = from.t;
  const toAt = from.h.length + to.t;
  copyInto(both, fromAt, toAt, ME, 0);
  const sorted = (at: number): unknown[] => addresses(both, at).sort((a, b) => a.lo - b.lo);
  assert.equal(addresses(both, toAt).length, 24);
  assert.deepEqual(sorted(toAt), sorted(fromAt));
  removeWhere(both, fromAt, ME, (a) => (a.lo & 0xff) === 3);
  addStatic(both, fromAt, lo(3), hi(3), portValue(99), 0, ME);
  copyInto(both, fromAt, toAt, ME, 0);
  assert.equal(addresses(both, toAt).find((a) => a.lo === lo(3))?.value, portValue(4));
  assert.equal(addresses(both, toAt).length, 24);
});
