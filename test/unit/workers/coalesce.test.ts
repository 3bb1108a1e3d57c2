import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Coalesce } from '../../../src/workers/coalesce.js';

const LIMIT = 700;

/** A worker's frames and time, asked for a nap whenever it has nothing to do. */
class Worker {
  readonly coalesce = new Coalesce();
  now = 1000;
  frames = 0;

  /** `frames` more come within `ms`, and are done with. Returns the nap. */
  after(ms: number, frames: number, limit = LIMIT): number {
    this.now += ms;
    this.frames += frames;
    return this.coalesce.nap(this.now, this.frames, limit);
  }

  /** The last of many naps at `frames` each `ms`. */
  steady(ms: number, frames: number, limit = LIMIT): number {
    let us = 0;
    for (let n = 0; n < 300; n++) us = this.after(ms, frames, limit);
    return us;
  }
}

/** Times add up with rounding. */
function about(us: number, wanted: number): void {
  assert.ok(Math.abs(us - wanted) <= 10, `${us} µs, not ${wanted}`);
}

test('a nap is as long as 64 frames take, and no longer than told', () => {
  about(new Worker().steady(0.01, 2), 320);
  about(new Worker().steady(0.01, 1), 640);
  assert.equal(new Worker().steady(0.02, 1), LIMIT);
  about(new Worker().steady(0.02, 1, 10_000), 1280);
});

test('where fewer than eight frames would gather nobody naps', () => {
  assert.equal(new Worker().steady(0.1, 1), 0);
  assert.equal(new Worker().steady(5, 2), 0);
  assert.equal(new Worker().steady(0.1, 1, 1000), 1000);
});

test('what comes at the same time, far apart, is not waited for', () => {
  assert.equal(new Worker().steady(50, 64), 0);
});

test('two naps in vain are followed by a sleep, and frames after it by a nap', () => {
  const worker = new Worker();
  assert.notEqual(worker.steady(0.01, 1), 0);
  assert.notEqual(worker.after(0.7, 0), 0);
  assert.equal(worker.after(0.7, 0), 0);
  assert.notEqual(worker.after(0.1, 20), 0);
});

test('after a pause nobody naps before traffic has been dense for a while', () => {
  const worker = new Worker();
  assert.notEqual(worker.steady(0.01, 1), 0);
  assert.equal(worker.after(50, 1), 0);
  assert.equal(worker.after(0.01, 1), 0);
  assert.notEqual(worker.steady(0.01, 1), 0);
});

test('bulk traffic ends the naps, and they come back when it is over', () => {
  const worker = new Worker();
  assert.notEqual(worker.steady(0.01, 1), 0);
  worker.coalesce.sawBulk();
  assert.equal(worker.after(0.01, 1), 0);
  assert.equal(worker.after(0.01, 1), 0);
  assert.notEqual(worker.steady(0.01, 1), 0);
});
