/**
 * Rings: the indices' wrap, fullness, publication, and a real second thread (shared/ring/ring.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Ring, ringWords } from '../../../../src/shared/layout/rings.js';
import { RingConsumer, RingProducer, ringInit, ringOccupancy } from '../../../../src/shared/ring/ring.js';

const CANARY = 0x5ca1ab1e;
/** Words in front of and behind the ring under test. */
const MARGIN = 32;

/** A ring of `capacity` between canaries, with both indices at `start`. */
function ringAt(capacity: number, start = 0): { words: Int32Array; base: number } {
  const bytes = (MARGIN * 2 + ringWords(capacity)) * 4;
  const words = new Int32Array(new SharedArrayBuffer(bytes)).fill(CANARY);
  ringInit(words, MARGIN, capacity);
  words[MARGIN + Ring.TAIL] = start;
  words[MARGIN + Ring.HEAD] = start;
  return { words, base: MARGIN };
}

function assertCanaries(words: Int32Array): void {
  for (let i = 0; i < MARGIN; i++) {
    assert.equal(words[i], CANARY, `word ${i} before the ring`);
    assert.equal(words[words.length - 1 - i], CANARY, `word ${i} behind the ring`);
  }
}

test('a capacity that is no power of two is refused', () => {
  const words = new Int32Array(256);
  for (const capacity of [0, -1, 3, 6, 100]) assert.throws(() => ringInit(words, 0, capacity), RangeError);
  ringInit(words, 0, 1);
  assert.equal(words[Ring.CAPACITY], 1);
});

test('the indices wrap past 2^31 - 1 and past 0 without losing order', () => {
  for (const start of [0x7fffffff - 5, -6]) {
    const { words, base } = ringAt(8, start);
    const producer = new RingProducer(words, base);
    const consumer = new RingConsumer(words, base);
    const out = new Int32Array(8);
    let next = 100;
    let expected = 100;
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 5; i++) assert.ok(producer.push(next++));
      producer.publish();
      assert.equal(ringOccupancy(words, base), 5);
      assert.equal(consumer.popList(out, 8), 5);
      for (let i = 0; i < 5; i++) assert.equal(out[i], expected++);
    }
    assert.equal(words[base + Ring.TAIL], (start + 30) | 0);
    assert.equal(words[base + Ring.HEAD], (start + 30) | 0);
    assertCanaries(words);
  }
});

test('a ring that is full across the wrap refuses, and counts what it refuses', () => {
  const { words, base } = ringAt(4, 0x7fffffff - 1);
  const producer = new RingProducer(words, base);
  for (let i = 0; i < 4; i++) assert.ok(producer.push(i));
  assert.equal(producer.push(4), false);
  assert.equal(producer.push(5), false);
  assert.equal(producer.room(1), 0);
  producer.publish();
  assert.equal(words[base + Ring.REFUSED], 2);
  assert.equal(ringOccupancy(words, base), 4);
  const out = new Int32Array(4);
  assert.equal(new RingConsumer(words, base).popList(out, 4), 4);
  assert.deepEqual([...out], [0, 1, 2, 3]);
  assert.equal(producer.room(4), 4);
  assert.ok(producer.push(6));
  assertCanaries(words);
});

test('pushList takes what fits and counts the rest', () => {
  const { words, base } = ringAt(8, 0x7fffffff - 3);
  const producer = new RingProducer(words, base);
  const consumer = new RingConsumer(words, base);
  const list = Int32Array.of(1, 2, 3, 4, 5, 6);
  assert.equal(producer.pushList(list, 6), 6);
  assert.equal(producer.pushList(list, 5), 2);
  assert.equal(words[base + Ring.REFUSED], 3);
  assert.equal(producer.pushList(list, 4), 0);
  assert.equal(words[base + Ring.REFUSED], 7);
  producer.publish();
  const out = new Int32Array(8);
  assert.equal(consumer.popList(out, 8), 8);
  assert.deepEqual([...out], [1, 2, 3, 4, 5, 6, 1, 2]);
  assertCanaries(words);
});

test('nothing is seen before publish, everything after, and publish says whether there was anything', () => {
  const { words, base } = ringAt(8);
  const producer = new RingProducer(words, base);
  const consumer = new RingConsumer(words, base);
  const out = new Int32Array(8);
  assert.equal(producer.publish(), false);
  producer.push(7);
  producer.pushList(Int32Array.of(8, 9), 2);
  assert.equal(consumer.popList(out, 8), 0);
  assert.equal(ringOccupancy(words, base), 0);
  assert.equal(producer.publish(), true);
  assert.equal(producer.publish(), false);
  assert.equal(ringOccupancy(words, base), 3);
  assert.equal(consumer.popList(out, 2), 2);
  assert.equal(ringOccupancy(words, base), 1);
  assert.equal(consumer.popList(out.subarray(2), 8), 1);
  assert.deepEqual([...out.subarray(0, 3)], [7, 8, 9]);
  assert.equal(consumer.popList(out, 8), 0);
});

test('both ends taken up again in mid-stream go on where the last ones stopped', () => {
  const { words, base } = ringAt(8, 0x7fffffff - 10);
  const out = new Int32Array(8);
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 8; round++) {
    const producer = new RingProducer(words, base);
    while (producer.push(next)) next++;
    producer.publish();
    const n = new RingConsumer(words, base).popList(out, 3);
    assert.equal(n, 3);
    for (let i = 0; i < n; i++) assert.equal(out[i], expected++);
  }
  assert.equal(next, 8 + 7 * 3);
  assert.equal(ringOccupancy(words, base), 5);
});

test('two threads exchange 200000 numbered words each way', { timeout: 120_000 }, async () => {
  const count = 200_000;
  const there = ringAt(64, 0x7fffffff - 1000);
  const back = ringAt(128, -500);
  const echo = `
    const { workerData } = require('node:worker_threads');
    import(workerData.ring).then(({ RingConsumer, RingProducer }) => {
      const from = new RingConsumer(workerData.there.words, workerData.there.base);
      const to = new RingProducer(workerData.back.words, workerData.back.base);
      const nap = new Int32Array(new SharedArrayBuffer(4));
      const taken = new Int32Array(32);
      for (let left = workerData.count; left > 0; ) {
        const n = from.popList(taken, Math.min(32, to.room(32)));
        to.pushList(taken, n);
        if (!to.publish()) Atomics.wait(nap, 0, 0, 0.05);
        left -= n;
      }
    });`;
  const ring = new URL('../../../../src/shared/ring/ring.js', import.meta.url).href;
  const worker = new Worker(echo, { eval: true, workerData: { ring, there, back, count } });
  const left = new Promise<number>((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  let gone = false;
  worker.once('exit', () => {
    gone = true;
  });
  const producer = new RingProducer(there.words, there.base);
  const consumer = new RingConsumer(back.words, back.base);
  const out = new Int32Array(48);
  let sent = 0;
  let received = 0;
  while (received < count) {
    for (let room = producer.room(16); room > 0 && sent < count; room--) producer.push(sent++ ^ 0x55);
    const moved = producer.publish();
    const n = consumer.popList(out, 48);
    for (let i = 0; i < n; i++) {
      if (out[i] !== ((received + i) ^ 0x55)) assert.fail(`word ${received + i} came back as ${out[i] ^ 0x55}`);
    }
    received += n;
    if (n === 0 && !moved) await setImmediate();
    const waiting = ringOccupancy(back.words, back.base);
    assert.ok(!gone || received + waiting === count, 'the other thread left early');
  }
  assert.equal(await left, 0);
  assert.equal(sent, count);
  assert.equal(ringOccupancy(there.words, there.base), 0);
  assert.equal(ringOccupancy(back.words, back.base), 0);
  assert.equal(there.words[there.base + Ring.REFUSED], 0);
  assert.equal(back.words[back.base + Ring.REFUSED], 0);
  assertCanaries(there.words);
  assertCanaries(back.words);
});
