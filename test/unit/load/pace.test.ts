/**
 * Pacing: the rate asked for, in small batches, without a burst after a pause.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { BATCH, Pace } from '../../load/pace.js';

const START = 5e14;

/** Frames sent by a generator that looks at these times (ns after the start) and sends what is due until nothing is. */
function sentAt(pace: Pace, times: Iterable<number>): number[] {
  const sent: number[] = [];
  for (const time of times) {
    let frames = 0;
    for (let due = pace.due(START + time); due > 0; due = pace.due(START + time)) {
      pace.take(due);
      frames += due;
    }
    sent.push(frames);
  }
  return sent;
}

function* every(stepNs: number, endNs: number): Generator<number> {
  for (let time = 0; time <= endNs; time += stepNs) yield time;
}

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

test('over a second the rate asked for goes out, but for a batch', () => {
  for (const rate of [1, 7, 1000, 9999, 10_000, 123_457, 1_000_000]) {
    const pace = new Pace(rate, START);
    const sent = sum(sentAt(pace, every(20_000, 1e9)));
    assert.ok(sent <= rate && sent > rate - pace.batch, `${sent} of ${rate}`);
  }
});

test('at low rates frames go out one by one; a batch is at most a tenth of a millisecond', () => {
  for (const rate of [1, 1000, 5000, 10_000]) {
    const pace = new Pace(rate, START);
    assert.equal(pace.batch, 1);
    assert.equal(Math.max(...sentAt(pace, every(20_000, 1e8))) <= 1, true, `${rate}`);
  }
  assert.equal(new Pace(100_000, START).batch, 10);
  assert.equal(new Pace(10_000_000, START).batch, BATCH);
});

test('after a pause a short burst is caught up, the rest is given up, and the rate goes on', () => {
  const pace = new Pace(100_000, START);
  sentAt(pace, every(20_000, 1e8));
  const [burst] = sentAt(pace, [2e9]);
  assert.ok(burst <= 256 && burst > 256 - pace.batch, `${burst} after a pause of 190 000 frames`);
  const later = sum(
    sentAt(
      pace,
      [...every(20_000, 1e9)].map((time) => 2e9 + time),
    ),
  );
  assert.ok(Math.abs(later - 100_000) <= pace.batch, `${later}`);
});

test('what was due but not taken is due again', () => {
  const pace = new Pace(1000, START);
  assert.equal(pace.due(START + 1e6), 1);
  assert.equal(pace.due(START + 1e6), 1);
  pace.take(1);
  assert.equal(pace.due(START + 1e6), 0);
});

test('rate 0 is a full batch at any time, and no waiting', () => {
  const pace = new Pace(0, START);
  for (let n = 0; n < 1000; n++) pace.take(pace.due(START));
  assert.equal(pace.due(START), BATCH);
  assert.equal(pace.wait(START), 0);
});

test('at the end of the wait a batch is due, and just before it none is', () => {
  const rates = fc.integer({ min: 1, max: 5_000_000 });
  fc.assert(
    fc.property(rates, fc.nat(50), (rate, batches) => {
      const pace = new Pace(rate, 0);
      let now = 0;
      for (let n = 0; n < batches; n++) {
        now += pace.wait(now) + 1;
        assert.equal(pace.due(now), pace.batch);
        pace.take(pace.batch);
        const wait = pace.wait(now);
        if (wait > 10) assert.equal(pace.due(now + wait - 10), 0);
      }
    }),
  );
});
