/**
 * Latencies: quantiles to within a bucket, and a clock that is the same for all processes.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nowNs } from '../../load/clock.js';
import { LatencyHistogram } from '../../load/latency.js';

test('quantiles are those of the sorted list, at most 1/32 above', () => {
  const histogram = new LatencyHistogram();
  const list: number[] = [];
  for (let n = 0; n < 2000; n++) list.push(Math.floor(1.01 ** n));
  for (const ns of list) histogram.add(ns);
  for (const share of [0.01, 0.25, 0.5, 0.75, 0.99, 1]) {
    const exact = list[Math.ceil(share * list.length) - 1];
    const got = histogram.quantile(share);
    assert.ok(got >= exact && got <= exact * (1 + 1 / 32) + 1, `${share}: ${got} for ${exact}`);
  }
  assert.equal(histogram.summary().max, Math.round(Math.max(...list) / 100) / 10);
});

test('none at all, below zero, and beyond the last bucket', () => {
  const histogram = new LatencyHistogram();
  assert.deepEqual(histogram.summary(), { p50: 0, p99: 0, max: 0 });
  histogram.add(-5);
  assert.equal(histogram.quantile(1), 0);
  histogram.add(1e14);
  assert.equal(histogram.summary().max, 1e11);
});

test('the clock is CLOCK_MONOTONIC', () => {
  const tolerance = 100_000;
  for (let n = 0; n < 100; n++) {
    const before = Number(process.hrtime.bigint());
    const now = nowNs();
    const after = Number(process.hrtime.bigint());
    assert.ok(now >= before - tolerance && now <= after + tolerance, `${now} is not from ${before} to ${after}`);
  }
});
