/**
 * Captures come, change their filters and go on ports and their bridge while frames are forwarded, with poison on: no worker looks at a list or a
 * filter that was freed, no frame is lost, every record is a frame whole, and nothing stays behind.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Capture } from '../../src/main/control/captures.js';
import { Router } from '../../src/main/router.js';
import { Op } from '../../src/shared/bpf/instruction.js';
import { Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { CaptureBench } from '../support/captures.js';
import { ifconfigOn } from '../support/router-words.js';
import { Stations, smallSizes } from '../support/stations.js';
import { BOX_MS, silent, waitUntil, withSeed } from '../support/stress.js';

const WORKERS = 2;
const PORTS = ['mem0', 'mem1', 'mem2', 'mem3'];
const FLOWS = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 0],
] as const;
const FLYING = 16;
const MOST_CAPTURES = 12;
/** Stations' frames: 64 bytes, ethertype 0x88b5; this keeps `keep` of them. */
const keep = (bytes: number): Uint32Array =>
  Uint32Array.of(Op.LD_H_ABS, 0, 0, 12, Op.JEQ_K, 0, 1, 0x88b5, Op.RET_K, 0, 0, bytes, Op.RET_K, 0, 0, 0);

test('captures that come and go under traffic cost no frame and leave nothing', () =>
  withSeed(async (random) => {
    const sizes = smallSizes(WORKERS + 1);
    const router = await Router.start({ workers: WORKERS, kernelTaps: false, poison: true, sizes, log: silent });
    try {
      const ifconfig = ifconfigOn(router);
      await ifconfig(...PORTS.map((name) => `${name} create up`), 'veb0 create up');
      await ifconfig(`veb0 ${PORTS.map((name) => `add ${name}`).join(' ')}`);
      await router.grace();
      const words = router.memory.heap.usedWords;
      const stations = new Stations(router, PORTS, FLOWS);
      const bench = new CaptureBench(router);
      const live: { readonly capture: Capture; bytes: Set<number> }[] = [];
      let captured = 0;
      let changes = 0;
      const look = (): void => {
        for (const { capture, bytes } of live) {
          for (const record of bench.take(capture)) {
            assert.ok(bytes.has(record.bytes.length / 2), `${record.bytes.length / 2} bytes of ${[...bytes]}`);
            assert.equal(record.length, 64);
            assert.match(record.bytes.slice(0, 24), /^02000000000[1-4]02000000000[1-4]$/);
            captured++;
          }
        }
      };
      for (const until = performance.now() + BOX_MS / 2; performance.now() < until; changes++) {
        stations.receive();
        stations.send(FLYING);
        const n = random(live.length || 1);
        const what = random(4);
        if (live.length < MOST_CAPTURES && what < 2) {
          const bytes = 20 + random(40);
          const program = random(3) === 0 ? {} : { program: keep(bytes) };
          const capture = bench.attach([...PORTS, 'veb0'][random(5)] as string, { ...program, snap: 64 });
          live.push({ capture, bytes: new Set('program' in program ? [bytes] : [64]) });
        } else if (live[n] !== undefined && what === 2) {
          const bytes = 20 + random(40);
          live[n].bytes.add(bytes);
          router.captures.setFilter(live[n].capture, keep(bytes), random(2) === 0);
        } else if (live[n] !== undefined) {
          const [leaving] = live.splice(n, 1) as [(typeof live)[0]];
          await router.captures.detach(leaving.capture);
          bench.take(leaving.capture);
        }
        if (changes % 8 === 0) look();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await waitUntil(() => {
        stations.receive();
        return stations.flying === 0;
      }, 'every frame arrived');
      look();
      for (const { capture } of live.splice(0)) await router.captures.detach(capture);
      await waitUntil(() => router.reclaimer.status().deferredObjects === 0, 'the reclaimer is empty');
      assert.ok(changes > 50, `only ${changes} changes`);
      assert.ok(captured > 100, `only ${captured} captured`);
      assert.equal(router.memory.heap.usedWords, words);
      assert.deepEqual(router.books().errors, []);
      for (let w = 0; w < WORKERS; w++) assert.equal(router.memory.views.heap[threadBlock(w) + Thread.POISONED], 0);
    } finally {
      await router.stop();
    }
  }));
