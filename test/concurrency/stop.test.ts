/** Router.stop: under traffic, twice, and again and again, it leaves no thread and no descriptor behind. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Router } from '../../src/main/router.js';
import { skipReason } from '../support/require.js';
import { ifconfigOn } from '../support/router-words.js';
import { Stations, smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

const WORKERS = 2;
const PORTS = ['mem0', 'mem1', 'mem2', 'mem3'];
const PAIRS = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 0],
] as const;

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function threads(): number {
  return readdirSync('/proc/self/task').length;
}

/** Starts a router, sends, and stops it while frames are on their way. */
async function cycle(kernelTaps = false): Promise<Router> {
  const router = await Router.start({ workers: WORKERS, kernelTaps, sizes: smallSizes(WORKERS + 1), log: silent });
  const ifconfig = ifconfigOn(router);
  await ifconfig('veb0 create up', ...PORTS.map((name) => `${name} create up`));
  await ifconfig(`veb0 ${PORTS.map((name) => `add ${name}`).join(' ')}`);
  if (kernelTaps) await ifconfig('tap917 create', 'veb0 add tap917');
  const stations = new Stations(router, PORTS, PAIRS);
  for (let n = 0; n < 50; n++) {
    stations.send(24);
    await new Promise((resolve) => setImmediate(resolve));
    stations.receive();
  }
  stations.send(24);
  await router.stop();
  return router;
}

test('stop under traffic ends threads and closes descriptors; again and again nothing is left', async () => {
  // The first one opens what the process keeps: libraries, and the event loop's own descriptors.
  await cycle();
  const before = descriptors();
  await waitUntil(() => threads() > 0, 'threads can be counted');
  const first = threads();
  for (let n = 0; n < 10; n++) await cycle();
  await waitUntil(() => descriptors() <= before, `no more than ${before} descriptors`);
  await waitUntil(() => threads() <= first, `no more than ${first} threads`);
});

test('a second stop does nothing', async () => {
  const router = await cycle();
  const before = descriptors();
  await router.stop();
  await router.stop();
  assert.equal(descriptors(), before);
});

test('stop closes TAPs', { skip: skipReason.tun() }, async () => {
  const before = descriptors();
  await cycle(true);
  await waitUntil(() => descriptors() <= before, `no more than ${before} descriptors`);
  assert.ok(!readdirSync('/sys/class/net').includes('tap917'));
});
