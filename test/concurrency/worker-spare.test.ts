/** A thread stands by, its code loaded: it takes the place of a worker that dies, and another stands by then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { Router } from '../../src/main/router.js';
import { Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

test('a worker that dies has its place taken by the thread that stands by', async () => {
  const threads: Worker[] = [];
  const ready = new Set<Worker | undefined>();
  const made = (thread: Worker): void => {
    threads.push(thread);
    thread.once('message', () => ready.add(thread));
  };
  process.on('worker', made);
  const router = await Router.start({ workers: 2, kernelTaps: false, sizes: smallSizes(3), log: silent });
  try {
    for (let death = 1; death <= 2; death++) {
      const working = [0, 1].map((w) => router.memory.views.heap[threadBlock(w) + Thread.THREAD_ID]);
      const newest = (): number => threads.at(-1)?.threadId ?? 0;
      await waitUntil(() => !working.includes(newest()) && ready.has(threads.at(-1)), 'a thread stands by');
      const standby = newest();
      await router.killWorker(1);
      await waitUntil(() => router.replacements === death && router.lostWorkers.size === 0, 'it is replaced');
      assert.equal(router.memory.views.heap[threadBlock(1) + Thread.THREAD_ID], standby);
    }
  } finally {
    await router.stop();
    process.off('worker', made);
  }
});
