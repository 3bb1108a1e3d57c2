/**
 * The books over lanes filled by hand (shared/counter/books.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { drops, readBooks, settle, total } from '../../../../src/shared/counter/books.js';
import { Drop } from '../../../../src/shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../../../src/shared/layout/counters.js';
import type { Views } from '../../../../src/shared/layout/regions.js';
import { RingProducer, ringInit } from '../../../../src/shared/ring/ring.js';
import { smallViews } from '../../support/small-views.js';

const TAP0 = { index: 1, name: 'tap0', device: true };
const TAP1 = { index: 2, name: 'tap1', device: true };
const VEB0 = { index: 3, name: 'veb0', device: false };
const ALL = [TAP0, TAP1, VEB0];
/** Main's thread number. */
const MAIN = 2;
/** What `settle` adds each thread's imbalance to; the tests here do not look at it. */
const BALANCES = new Float64Array(8);

function add(views: Views, thread: number, index: number, word: number, frames: number): void {
  views.counters[laneOf(thread, index) + word] += frames;
}

/**
 * Two workers: 100 frames came into tap0, 3 of them runts; the veb made 10 copies, dropped 2 and consumed 5; 4 are in a
 * ring; of 96 given to tap1, 95 were sent.
 */
function balanced(): Views {
  const views = smallViews(3);
  add(views, 0, TAP0.index, Lane.READ, 60);
  add(views, 1, TAP0.index, Lane.READ, 40);
  add(views, 0, TAP0.index, Lane.IPACKETS, 57);
  add(views, 1, TAP0.index, Lane.IPACKETS, 40);
  add(views, 0, TAP0.index, Lane.DROPS + Drop.RUNT, 3);
  add(views, 1, VEB0.index, Lane.IPACKETS, 97);
  add(views, 1, VEB0.index, Lane.OPACKETS, 500);
  add(views, 0, VEB0.index, Lane.COPIED, 10);
  add(views, 0, VEB0.index, Lane.DROPS + Drop.HAIRPIN, 2);
  add(views, 1, VEB0.index, Lane.CONSUMED, 5);
  add(views, 1, TAP1.index, Lane.QUEUED, 96);
  add(views, 1, TAP1.index, Lane.OPACKETS, 95);
  add(views, 1, TAP1.index, Lane.DROPS + Drop.QUEUE_FULL, 1);
  ringInit(views.rings, 0, 8);
  const ring = new RingProducer(views.rings, 0);
  ring.pushList(Int32Array.of(1, 2, 3, 4), 4);
  ring.publish();
  return views;
}

test('frames of all threads add up, and balanced books have no error', () => {
  const books = readBooks(balanced(), ALL, [0]);
  assert.deepEqual(books.errors, []);
  assert.deepEqual(books.totals, {
    received: 100,
    copied: 10,
    segmented: 0,
    originated: 0,
    transmitted: 95,
    consumed: 5,
    dropped: 6,
    held: 4,
  });
  assert.deepEqual(
    books.devices.find((d) => d.name === 'tap0'),
    { name: 'tap0', read: 100, passedOn: 97, rxDrops: 3, queued: 0, sent: 0, txDrops: 0 },
  );
  assert.deepEqual(
    books.devices.find((d) => d.name === 'tap1'),
    { name: 'tap1', read: 0, passedOn: 0, rxDrops: 0, queued: 96, sent: 95, txDrops: 1 },
  );
  assert.equal(
    books.devices.some((d) => d.name === 'veb0'),
    false,
  );
});

test('frames the router made itself come in on the left', () => {
  const views = balanced();
  add(views, 0, VEB0.index, Lane.ORIGINATED, 7);
  assert.equal(readBooks(views, ALL, [0]).errors.length, 1);
  add(views, 0, VEB0.index, Lane.CONSUMED, 7);
  assert.deepEqual(readBooks(views, ALL, [0]).errors, []);
});

for (const [what, index, word, errors] of [
  ['a frame read from tap0 and lost', 1, Lane.READ, [/^all: 111 came .* 110 went$/, /^tap0: read 101, .* 97, .* 3$/]],
  ['a frame passed on by tap0 twice', 1, Lane.IPACKETS, [/^tap0: read 100, passed on 98, dropped 3$/]],
  ['a frame given to tap1 and lost', 2, Lane.QUEUED, [/^tap1: queued 97, sent 95, dropped 1$/]],
  ['a frame sent by tap1 twice', 2, Lane.OPACKETS, [/^all: 110 came .* 111 went$/, /^tap1: queued 96, sent 96/]],
  ['a copy that vanished', 3, Lane.COPIED, [/^all: 111 came/]],
  ['a drop counted twice', 3, Lane.DROPS + Drop.NOTRUNNING, [/^all: 110 came .* 111 went$/]],
  ['an input drop counted twice', 1, Lane.DROPS + Drop.GIANT, [/^all: /, /^tap0: read 100, .* dropped 4$/]],
  ['an output drop counted twice', 2, Lane.DROPS + Drop.GONE, [/^all: /, /^tap1: queued 96, .* dropped 2$/]],
] as const) {
  test(`${what} is found and named`, () => {
    const views = balanced();
    add(views, 1, index, word, 1);
    const books = readBooks(views, ALL, [0]);
    assert.equal(books.errors.length, errors.length, books.errors.join('\n'));
    for (const [i, error] of errors.entries()) assert.match(books.errors[i] as string, error);
  });
}

test('a ring that is not named is missing from the right', () => {
  assert.match(readBooks(balanced(), ALL, []).errors.join(), /^all: 110 came .* 106 went$/);
});

test('settle keeps the totals of what is gone and zeroes its lanes', () => {
  const views = balanced();
  const before = readBooks(views, ALL, [0]).totals;
  settle(views, TAP0.index, true, MAIN, BALANCES);
  settle(views, VEB0.index, false, MAIN, BALANCES);
  const books = readBooks(views, [TAP1], [0]);
  assert.deepEqual(books.errors, []);
  assert.deepEqual(books.totals, before);
  for (const index of [TAP0.index, VEB0.index]) {
    for (let word = 0; word < Lane.WORDS; word++) assert.equal(total(views, index, word), 0, `word ${word}`);
  }
  settle(views, TAP1.index, true, MAIN, BALANCES);
  assert.deepEqual(readBooks(views, [], [0]).totals, before);
  assert.deepEqual(readBooks(views, [], [0]).errors, []);
  assert.equal(drops(views, 0, Drop.HAIRPIN), 2);
});

test('settle adds up every tenant of an index', () => {
  const views = balanced();
  settle(views, TAP0.index, true, MAIN, BALANCES);
  add(views, 0, TAP0.index, Lane.READ, 11);
  add(views, 0, TAP0.index, Lane.IPACKETS, 11);
  add(views, 0, TAP1.index, Lane.OPACKETS, 11);
  add(views, 0, TAP1.index, Lane.QUEUED, 11);
  settle(views, TAP0.index, true, MAIN, BALANCES);
  const books = readBooks(views, [TAP1, VEB0], [0]);
  assert.deepEqual(books.errors, []);
  assert.equal(books.totals.received, 111);
});
