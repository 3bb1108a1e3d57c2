/**
 * A worker that is killed under traffic is replaced: its ports work again, what it held is accounted for as drop(worker-lost),
 * and flows of the other worker lose nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { readiness } from '../../src/main/metrics-source.js';
import { Router } from '../../src/main/router.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { ifconfigOn } from '../support/router-words.js';
import { Stations, smallSizes } from '../support/stations.js';
import { silent, waitUntil, withSeed } from '../support/stress.js';

const KILLS = 5;
const PORTS = ['mem0', 'mem1', 'mem2', 'mem3'];

/** A frame from port `from` to port `to`, of an ethertype that `Stations` does not look at. */
function plain(to: number, from: number): Uint8Array {
  const bytes = new Uint8Array(200);
  bytes.set([2, 0, 0, 0, 1, to + 1, 2, 0, 0, 0, 1, from + 1, 0x88, 0xb6]);
  return bytes;
}

test('a killed worker is replaced, the other loses nothing, and the books balance', async () => {
  await withSeed(async (random) => {
    const router = await Router.start({ workers: 2, kernelTaps: false, sizes: smallSizes(3), log: silent });
    try {
      const ifconfig = ifconfigOn(router);
      await ifconfig('veb0 create up', 'veb1 create up', ...PORTS.map((port) => `${port} create up`));
      await ifconfig('veb0 add mem0 add mem2', 'veb1 add mem1 add mem3');
      const owner = (port: string): number =>
        router.memory.views.heap[ifRecord(router.table.get(port).index) + If.OWNER];
      assert.deepEqual(PORTS.map(owner), [0, 1, 0, 1]);

      // mem0 and mem2 are worker 0's alone; mem1 and mem3 are worker 1's, which is killed.
      const stations = new Stations(
        router,
        ['mem0', 'mem2'],
        [
          [0, 1],
          [1, 0],
        ],
      );
      const victims = ['mem1', 'mem3'].map((port) => new MemoryHost(router.memory, router.table.get(port)));
      let arrived = 0;
      const traffic = (): void => {
        stations.send(16);
        victims.forEach((host, n) => {
          for (let k = 0; k < 16; k++) host.send(plain(n === 0 ? 3 : 1, n === 0 ? 1 : 3));
          arrived += host.receive().length;
        });
        stations.receive();
      };
      const whileTraffic = (condition: () => boolean, what: string): Promise<void> =>
        waitUntil(() => {
          traffic();
          return condition();
        }, what);

      for (let kill = 1; kill <= KILLS; kill++) {
        const moment = performance.now() + random(20);
        await whileTraffic(() => performance.now() > moment, 'traffic before the kill');
        const killed = router.killWorker(1);
        await whileTraffic(() => router.replacements === kill, 'the death is noticed');
        await killed;
        await whileTraffic(() => !router.lostWorkers.has(1), 'the worker is replaced');
        const before = arrived;
        await whileTraffic(() => arrived > before + 100, 'its ports forward again');
        assert.deepEqual(readiness(router), { ready: true });
      }

      await waitUntil(() => {
        stations.receive();
        for (const host of victims) host.receive();
        return stations.flying === 0 && router.books().errors.length === 0;
      }, 'everything has come to rest and the books balance');
      await router.grace();
    } finally {
      await router.stop();
    }
  });
});
