/**
 * Everything that can happen to a router, for a while (support/chaos.ts). `npm run soak -- --only chaos` gives it ten minutes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chaos } from '../support/chaos.js';
import { skipReason } from '../support/require.js';
import { withSeed } from '../support/stress.js';

const SECONDS = 12;

test('chaos: books balance, every loss has its reason, nothing is damaged or doubled', {
  skip: skipReason.tun(),
}, async (t) => {
  await withSeed(async (random) => {
    const report = await chaos({ seconds: SECONDS, random, say: (line) => t.diagnostic(line) });
    t.diagnostic(JSON.stringify(report));
    assert.ok(Object.keys(report.events).length >= 8, 'it was a varied time');
  });
});
