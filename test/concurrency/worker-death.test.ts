/** A128: a worker that throws is reported, holds up no grace period, and the rest goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { show } from '../../src/main/cli/show.js';
import { readiness } from '../../src/main/metrics-source.js';
import { Router } from '../../src/main/router.js';
import { statusOf } from '../../src/main/status.js';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../src/shared/layout/counters.js';
import { If, ifRecord, Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { ifconfigOn } from '../support/router-words.js';
import { Stations, smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

test('A128 a worker that dies is lost, readiness fails, barriers resolve, ports can be deleted, the other forwards', async () => {
  const router = await Router.start({ workers: 2, kernelTaps: false, sizes: smallSizes(3), log: silent });
  try {
    const ifconfig = ifconfigOn(router);
    await ifconfig('veb0 create up', ...[0, 1, 2, 3].map((n) => `mem${n} create up`));
    await ifconfig('veb0 add mem0 add mem1 add mem2 add mem3');
    assert.equal(readiness(router).ready, true);
    const { heap, rings } = router.memory.views;

    // Worker 1 owns mem1 and mem3. A ring outside its region is the one thing here that makes it throw.
    const record = ifRecord(router.table.get('mem1').index);
    assert.equal(heap[record + If.OWNER], 1);
    const [ring, generation] = [heap[record + If.RX_RING], heap[record + If.GENERATION]];
    heap[record + If.RX_RING] = rings.length;
    heap[record + If.GENERATION] = generation + 1000;
    await waitUntil(() => router.lostWorkers.has(1), 'worker 1 is lost');
    heap[record + If.RX_RING] = ring;
    heap[record + If.GENERATION] = generation;

    assert.deepEqual([...router.lostWorkers], [1]);
    assert.equal(readiness(router).ready, false);
    assert.equal(heap[threadBlock(1) + Thread.EPOCH], 0);
    await router.grace();
    await ifconfig('mem3 destroy');
    await ifconfig('veb0 del mem1', 'mem1 destroy');

    const stations = new Stations(
      router,
      ['mem0', 'mem2'],
      [
        [0, 1],
        [1, 0],
      ],
    );
    stations.send(8);
    await waitUntil(() => {
      stations.receive();
      return stations.flying === 0;
    }, 'worker 0 forwards');
    assert.deepEqual(router.books().errors, []);

    // What it had in hand is of no interface; the dead thread's lanes are main's.
    router.memory.views.counters[laneOf(1, 0) + Lane.DROPS + Drop.WORKER_LOST] += 3;
    const lost = { interface: '(gone)', reason: 'worker-lost', frames: 3 };
    const rows = JSON.parse(show(router, ['drops'], true)) as object[];
    assert.deepEqual(rows, [{ ...lost, meaning: 'in the hands of a worker thread when it died' }]);
    assert.deepEqual(statusOf(router).drops, [lost]);
  } finally {
    await router.stop();
  }
});
