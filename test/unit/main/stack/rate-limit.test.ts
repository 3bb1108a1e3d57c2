/**
 * Token buckets (main/stack/rate-limit.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ErrorLimit, PeerBuckets, TokenBucket } from '../../../../src/main/stack/rate-limit.js';

test('a bucket gives its burst at once and its rate from then on, and never more than the burst', () => {
  const bucket = new TokenBucket(10, 3, 1000);
  const taken = (now: number) => {
    let count = 0;
    while (bucket.allow(now)) count++;
    return count;
  };
  assert.deepEqual([taken(1000), taken(1099), taken(1100), taken(1300), taken(9000)], [3, 0, 1, 2, 3]);
  assert.equal(taken(500), 0, 'a clock that goes back gives nothing');
});

test('errors pay 0, 1 or 2 of the global bucket, as chance has it', () => {
  const counts = [0, 0.4, 0.9].map((chance) => {
    const limit = new ErrorLimit(() => chance);
    let count = 0;
    for (let k = 0; k < 100; k++) if (limit.allow(`peer ${k}`, 0, 1000)) count++;
    return count;
  });
  assert.deepEqual(counts, [100, 50, 25]);
});

test('the number of peers remembered is bounded, and who asks often stays', () => {
  const peers = new PeerBuckets(0, 1);
  const mine = peers.of('mine', 0);
  for (let k = 0; k < 10_000; k++) {
    peers.of(`peer ${k}`, 0).take(1);
    if (k % 1000 === 0) assert.equal(peers.of('mine', 0), mine);
  }
  assert.ok(peers.of('peer 0', 0).has(0), 'forgotten');
});
