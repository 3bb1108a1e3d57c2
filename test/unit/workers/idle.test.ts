import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdlePolicy } from '../../../src/shared/layout/heap.js';
import { Idle, SPIN_MS } from '../../../src/workers/idle.js';

/** Work every `gap` ms, `times` times; returns whether the worker would spin when the next idle time begins, and later. */
function after(gap: number, times: number): { spinsAtFirst: boolean; spinsLater: boolean } {
  const idle = new Idle();
  let now = 1;
  for (let n = 0; n < times; n++) {
    idle.spins(IdlePolicy.ADAPTIVE, now);
    now += gap;
    idle.ends(now, false);
  }
  const spinsAtFirst = idle.spins(IdlePolicy.ADAPTIVE, now);
  return { spinsAtFirst, spinsLater: idle.spins(IdlePolicy.ADAPTIVE, now + SPIN_MS) };
}

test('adaptive spins where work has lately come back within the spin, but never longer than that', () => {
  assert.deepEqual(after(SPIN_MS / 4, 100), { spinsAtFirst: true, spinsLater: false });
});

test('adaptive does not spin where work comes rarely, nor before any has come', () => {
  assert.deepEqual(after(SPIN_MS * 2, 100), { spinsAtFirst: false, spinsLater: false });
  assert.equal(after(1, 0).spinsAtFirst, false);
});

test('one long pause does not end the spinning of dense traffic for long', () => {
  const idle = new Idle();
  let now = 1;
  const gap = (ms: number): void => {
    idle.spins(IdlePolicy.ADAPTIVE, now);
    now += ms;
    idle.ends(now, false);
  };
  for (let n = 0; n < 50; n++) gap(SPIN_MS / 10);
  gap(60_000);
  for (let n = 0; n < 10; n++) gap(SPIN_MS / 10);
  assert.equal(idle.spins(IdlePolicy.ADAPTIVE, now), true);
});

test('sleep never spins, spin always does', () => {
  const idle = new Idle();
  assert.equal(idle.spins(IdlePolicy.SLEEP, 5), false);
  assert.equal(idle.spins(IdlePolicy.SPIN, 5), true);
  assert.equal(idle.spins(IdlePolicy.SPIN, 500_000), true);
});

test('bulk traffic is not spun for, and small frames are again once it has ended', () => {
  const idle = new Idle();
  let now = 1;
  const gap = (bulk: boolean): void => {
    idle.spins(IdlePolicy.ADAPTIVE, now);
    now += SPIN_MS / 10;
    idle.ends(now, bulk);
  };
  for (let n = 0; n < 50; n++) gap(false);
  gap(true);
  assert.equal(idle.spins(IdlePolicy.ADAPTIVE, now), false);
  for (let n = 0; n < 20; n++) gap(false);
  assert.equal(idle.spins(IdlePolicy.ADAPTIVE, now), true);
});
