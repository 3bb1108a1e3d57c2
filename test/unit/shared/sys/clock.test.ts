/** The clock of captured packets (shared/sys/clock.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeClock, makeNap } from '../../../../src/shared/sys/clock.js';

test('it says what Date says, finer, and stands still between two readings', () => {
  const clock = makeClock();
  const seen: number[] = [];
  for (let n = 0; n < 50; n++) {
    const before = Date.now();
    clock.read();
    const after = Date.now();
    const ms = clock.seconds() * 1000 + clock.nanoseconds() / 1e6;
    assert.ok(ms >= before - 1 && ms <= after + 1, `${before} ${ms} ${after}`);
    assert.ok(clock.nanoseconds() >= 0 && clock.nanoseconds() < 1e9);
    seen.push(clock.nanoseconds());
    assert.equal(clock.nanoseconds(), seen[n]);
  }
  assert.ok(
    seen.some((ns) => ns % 1000 !== 0),
    'nanoseconds, not microseconds',
  );
  assert.ok(new Set(seen).size > 25);
});

test('a nap lasts as long as told, or longer', () => {
  const nap = makeNap();
  for (const us of [1, 700, 10_000]) {
    const before = process.hrtime.bigint();
    nap(us);
    assert.ok(process.hrtime.bigint() - before >= BigInt(us) * 1000n);
  }
});
