/**
 * A worker that leaks is told of, ended and replaced, and forwards again: one whose JavaScript heap grows, one that V8 ends because it grows
 * too fast to be looked at, one that keeps slots. What it had kept is there again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../src/main/config/state.js';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { readiness } from '../../src/main/metrics-source.js';
import { LEAK_LOOKS } from '../../src/main/pool/leaks.js';
import { Router } from '../../src/main/router.js';
import { Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { BROADCAST, frame } from '../support/rig.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

const LEAKY = new URL('../support/leaky-entry.js', import.meta.url).href;
const HEAP_MIB = 32;
const STATION = '02:00:00:00:00:01';

/** A log that remembers errors. */
function remembering(): { log: typeof silent; errors: Record<string, unknown>[] } {
  const errors: Record<string, unknown>[] = [];
  return { errors, log: { ...silent, error: (fields) => void errors.push(fields as Record<string, unknown>) } };
}

async function bridge(router: Router): Promise<[MemoryHost, MemoryHost]> {
  await ifconfigOn(router)('veb0 create up', 'mem0 create up', 'mem1 create up', 'veb0 add mem0 add mem1');
  const host = (name: string): MemoryHost => new MemoryHost(router.memory, router.table.get(name));
  return [host('mem0'), host('mem1')];
}

/** Waits until the worker has a new thread, and a frame crosses it. */
async function replaced(router: Router, [from, to]: [MemoryHost, MemoryHost]): Promise<void> {
  await waitUntil(() => router.replacements === 1 && router.lostWorkers.size === 0, 'a new thread', 60_000);
  assert.deepEqual(readiness(router), { ready: true });
  from.send(frame(BROADCAST, STATION));
  await waitUntil(() => to.receive().length > 0, 'its ports forward again');
}

for (const how of ['slow', 'fast'] as const) {
  test(`a worker that leaks memory, ${how}: it is replaced`, async () => {
    const { log, errors } = remembering();
    const settings = { ...DEFAULT_SETTINGS, 'smrouter.workerheap': HEAP_MIB };
    process.env.SMROUTER_LEAK = how;
    const router = await Router.start({
      ...{ workers: 1, kernelTaps: false, sizes: smallSizes(2), log, settings, entry: LEAKY },
    });
    try {
      const hosts = await bridge(router);
      router.advanceClock(1);
      await replaced(router, hosts);
      const events = errors.map(({ event }) => event);
      if (how === 'slow') {
        assert.deepEqual(events, ['worker-leak', 'worker-lost']);
        assert.equal(errors[0]?.what, 'memory');
        assert.ok((errors[0]?.held as number) > HEAP_MIB);
        assert.equal(router.leaks.memory, 1);
      } else {
        const lost = errors.find(({ event }) => event === 'worker-lost');
        assert.equal((lost?.err as { code?: string } | undefined)?.code, 'ERR_WORKER_OUT_OF_MEMORY');
      }
      const { heap } = router.memory.views;
      await waitUntil(() => heap[threadBlock(0) + Thread.HEAP_KIB] > 0, 'the new one says what it takes');
      assert.ok(heap[threadBlock(0) + Thread.HEAP_KIB] < HEAP_MIB * 1024);
    } finally {
      await router.stop();
    }
  });
}

test('a worker that keeps slots: it is replaced, and they are free again', async () => {
  const { log, errors } = remembering();
  const router = await Router.start({ workers: 1, kernelTaps: false, sizes: smallSizes(2), log });
  try {
    const hosts = await bridge(router);
    const { cache, views } = router.memory;
    const free = cache.freeFrames;
    // As if worker 0 had taken them for copies and lost them.
    for (let n = 0; n < free - 100; n++) views.owner[cache.takeFrame()] = 0;
    router.watchLeaks();
    assert.deepEqual(errors, [], 'one look is no proof');
    for (let look = 1; look < LEAK_LOOKS; look++) router.watchLeaks();
    await replaced(router, hosts);
    const { event, worker, what } = errors[0] ?? {};
    assert.deepEqual([event, worker, what], ['worker-leak', 0, 'frames']);
    assert.equal(router.leaks.frames, 1);
    cache.collect();
    assert.ok(cache.freeFrames >= free - 10, `${cache.freeFrames} of ${free} are free again`);
    for (let look = 0; look < LEAK_LOOKS; look++) router.watchLeaks();
    assert.equal(router.replacements, 1, 'the new one is sound');
    await waitUntil(() => router.books().errors.length === 0, 'the books balance');
  } finally {
    await router.stop();
  }
});
