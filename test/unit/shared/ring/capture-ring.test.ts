/** The capture ring: records of any size, never in two pieces, in order, and none before it is published (shared/ring/capture-ring.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CaptureBell,
  CaptureRecord,
  captureBell,
  captureRing,
  WriterRest,
  wakeWords,
} from '../../../../src/shared/layout/capture.js';
import { createRegions, openRegions, type Views } from '../../../../src/shared/layout/regions.js';
import { CaptureConsumer, CaptureProducer } from '../../../../src/shared/ring/capture-ring.js';
import { seeded } from '../../support/small-views.js';

const CAPACITY = 256 << 10;

function views(captureBytes = CAPACITY): Views {
  const sizes = { frames: 3, superframes: 1, heapBytes: 300 << 10, ringBytes: 64 << 10, captureBytes, threads: 3 };
  return openRegions(createRegions(sizes, () => 0));
}

/** Puts a record of `words` words whose content says `n`. False if there is no room. */
function put(v: Views, ring: CaptureProducer, words: number, n: number): boolean {
  const at = ring.reserve(words);
  if (at === -1) return false;
  v.i32.fill(n, at, at + words);
  v.i32[at + CaptureRecord.SIZE] = words;
  return true;
}

test('records come out as they went in, whatever their sizes, and stay inside their ring', () => {
  const v = views();
  const [first, last] = [captureRing(v.sizes, 1), captureRing(v.sizes, 2)];
  const producer = new CaptureProducer(v, 1);
  const consumer = new CaptureConsumer(v, 1);
  const random = seeded(11);
  const waiting: { words: number; n: number }[] = [];
  let refused = 0;
  for (let n = 1; n < 4000; n++) {
    const words = CaptureRecord.HEADER + random(n % 5 === 0 ? 16_384 : 64);
    if (put(v, producer, words, n)) waiting.push({ words, n });
    else refused++;
    if (random(3) === 0) producer.publish();
    if (random(8) !== 0) continue;
    producer.publish();
    for (let at = consumer.next(); at !== -1; at = consumer.next()) {
      const { words: size, n: content } = waiting.shift() as { words: number; n: number };
      assert.ok(at > first && at + size <= last);
      assert.equal(v.i32[at + CaptureRecord.SIZE], size);
      for (let w = 1; w < size; w++) if (v.i32[at + w] !== content) assert.fail(`word ${w} of record ${content}`);
    }
    assert.equal(waiting.length, 0);
    consumer.release();
    assert.equal(consumer.occupancy, 0);
  }
  assert.ok(refused > 0, 'it was full now and then');
});

test('nothing is seen before it is published, and room is given back by release alone', () => {
  const v = views();
  const producer = new CaptureProducer(v, 0);
  const consumer = new CaptureConsumer(v, 0);
  assert.ok(put(v, producer, 20_000, 1));
  assert.equal(consumer.next(), -1);
  producer.publish();
  assert.notEqual(consumer.next(), -1);
  for (let n = 0; n < 2; n++) assert.ok(put(v, producer, 20_000, 2));
  assert.equal(put(v, producer, 20_000, 3), false);
  consumer.release();
  assert.ok(put(v, producer, 20_000, 3), 'across the end');
  const again = new CaptureConsumer(v, 0);
  assert.equal(again.next(), -1, 'nothing of it is published');
});

test('the longest record fits an empty ring wherever it stands', () => {
  const v = views();
  const producer = new CaptureProducer(v, 2);
  const consumer = new CaptureConsumer(v, 2);
  for (let n = 0; n < 200; n++) {
    assert.ok(put(v, producer, 8 + n * 7, n));
    assert.ok(put(v, producer, 16_400, n));
    producer.publish();
    while (consumer.next() !== -1);
    consumer.release();
  }
});

test('a writer that sleeps is woken once', () => {
  const v = views();
  const producer = new CaptureProducer(v, 0);
  const bell = captureBell(v.sizes) + CaptureBell.ASLEEP;
  v.i32[bell] = WriterRest.SLEEP;
  put(v, producer, 8, 1);
  producer.publish();
  assert.equal(v.i32[bell], WriterRest.NONE);
});

test('a writer that naps is woken by a ring that is a quarter full, of what is in it now', () => {
  const v = views();
  const [producer, consumer] = [new CaptureProducer(v, 0), new CaptureConsumer(v, 0)];
  const bell = captureBell(v.sizes) + CaptureBell.ASLEEP;
  const quarter = wakeWords(CAPACITY);
  assert.equal(quarter * 4, CAPACITY / 4);
  for (let round = 0; round < 20; round++) {
    v.i32[bell] = WriterRest.NAP;
    let words = 0;
    for (; words + 64 < quarter; words += 64) {
      put(v, producer, 64, 1);
      producer.publish();
      assert.equal(v.i32[bell], WriterRest.NAP, `round ${round}: ${words} words`);
    }
    put(v, producer, 128, 1);
    producer.publish();
    assert.equal(v.i32[bell], WriterRest.NONE, `round ${round}`);
    while (consumer.next() !== -1);
    consumer.release();
  }
});

test('without a ring everything is refused, and nothing is touched', () => {
  const v = views(0);
  const producer = new CaptureProducer(v, 0);
  assert.equal(producer.reserve(8), -1);
  producer.publish();
});
