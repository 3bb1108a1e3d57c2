/** Workers that hang: one that dies meanwhile is replaced as soon as that is safe, and the router can be stopped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { GRACE_DEADLINE_MS } from '../../src/main/control/veb.js';
import { readiness } from '../../src/main/metrics-source.js';
import { Router } from '../../src/main/router.js';
import { Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { HANG, HUNG, THROW } from '../support/failing-entry.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

const ENTRY = new URL('../support/failing-entry.js', import.meta.url).href;

/** A router of two workers, the first of which hangs, and what it logs. */
async function withOneHanging(): Promise<{ router: Router; errors: Record<string, unknown>[] }> {
  const errors: Record<string, unknown>[] = [];
  const log = { ...silent, error: (fields: object) => void errors.push(fields as Record<string, unknown>) };
  const router = await Router.start({ workers: 2, kernelTaps: false, sizes: smallSizes(3), log, entry: ENTRY });
  router.advanceClock(HANG);
  await waitUntil(() => router.memory.views.heap[threadBlock(0) + Thread.HEAP_KIB] === HUNG, 'worker 0 hangs');
  return { router, errors };
}

test('a worker that dies while another hangs is replaced once that one has been ended', async () => {
  const { router, errors } = await withOneHanging();
  try {
    router.advanceClock(THROW - HANG);
    await waitUntil(() => router.lostWorkers.has(1), 'worker 1 is lost');
    await sleep(GRACE_DEADLINE_MS + 100);
    assert.deepEqual([...router.lostWorkers], [1]);
    await router.killWorker(0);
    await waitUntil(() => router.replacements === 2 && router.lostWorkers.size === 0, 'both are replaced');
    assert.deepEqual(readiness(router), { ready: true });
    assert.deepEqual(
      errors.flatMap(({ event, worker }) => (event === 'worker-lost' ? [worker] : [])),
      [1, 0],
    );
    assert.ok(!errors.some(({ event }) => event === 'worker-replace'), 'no replacement failed');
    assert.deepEqual(router.books().errors, []);
  } finally {
    await router.stop();
  }
});

test('a worker that hangs does not keep the router from stopping', async () => {
  const { router, errors } = await withOneHanging();
  await router.stop();
  const said = errors.map(({ err }) => (err as Error | undefined)?.message ?? '');
  assert.ok(
    said.some((message) => /^worker 0 has not left within \d+ ms/.test(message)),
    said.join('\n'),
  );
});
