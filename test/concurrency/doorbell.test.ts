/** Doorbells: a frame for a worker that sleeps, or is about to, is never stuck. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { Work, workLane } from '../../src/shared/layout/counters.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { BOX_MS, silent, withSeed } from '../support/stress.js';

const STUCK_MS = 2000;
/** A worker without a doorbell wakes after 50 ms by itself: so many frames would then come through in the box. */
const UNRUNG = BOX_MS / 50;

for (const [workers, to] of [
  [1, 'mem2'],
  [2, 'mem1'],
] as const) {
  test(`each of thousands of single frames wakes a sleeping worker, ${workers} of them on its way`, () =>
    withSeed(async (random) => {
      const router = await Router.start({ workers, kernelTaps: false, sizes: smallSizes(workers + 1), log: silent });
      try {
        await ifconfigOn(router)('veb0 create up', 'mem0 create up', 'mem1 create up', 'mem2 create up');
        await ifconfigOn(router)(`veb0 add mem0 add ${to}`);
        const from = new MemoryHost(router.memory, router.table.get('mem0'));
        const host = new MemoryHost(router.memory, router.table.get(to));
        const bytes = new Uint8Array(60).fill(0xff, 0, 6);
        bytes[6] = 2;
        let frames = 0;
        for (const until = performance.now() + BOX_MS / 2; performance.now() < until; frames++) {
          assert.ok(from.send(bytes));
          const sent = performance.now();
          while (host.receive().length === 0) {
            if (performance.now() - sent > STUCK_MS) assert.fail(`frame ${frames} is stuck`);
          }
          pause(random);
          if (frames % 64 === 0) await new Promise((resolve) => setTimeout(resolve, random(4)));
        }
        const { views } = router.memory;
        for (let w = 0; w < workers; w++) {
          const sleeps = views.counters[workLane(views.sizes.threads, w) + Work.SLEEPS];
          assert.ok(sleeps > UNRUNG, `worker ${w} slept ${sleeps} times`);
        }
        assert.ok(frames > 4 * UNRUNG, `only ${frames} frames: no bell was heard`);
      } finally {
        await router.stop();
      }
    }));
}

/** Up to some 50 µs of nothing, so that frames meet the worker at every step of falling asleep. */
function pause(random: (below: number) => number): void {
  const word = new Int32Array(new SharedArrayBuffer(4));
  for (let n = random(2000); n > 0; n--) Atomics.load(word, 0);
}
