/**
 * Frames on the way between two workers when their port leaves do not come out of the port that takes its index: the worker that
 * would send them looks at the generation in their meta again. Main has the first worker's end of the ring here, as that one has
 * nothing to hand over, and puts frames for the port of now and for those before it there, in any order.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { total } from '../../src/shared/counter/books.js';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot, SlotOwner } from '../../src/shared/layout/packet.js';
import { ringDoorbell } from '../../src/shared/ring/doorbell.js';
import { RingProducer } from '../../src/shared/ring/ring.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil, withSeed } from '../support/stress.js';

const ROUNDS = 100;
/** Most frames a round; they fit the ring. */
const FRAMES = 500;
const LENGTH = 60;

test('what was handed over for a port that has left never comes out of the one that takes its index', () =>
  withSeed(async (random) => {
    const router = await Router.start({
      workers: 2,
      kernelTaps: false,
      poison: true,
      sizes: smallSizes(3),
      log: silent,
    });
    try {
      const ifconfig = ifconfigOn(router);
      // Ports are dealt to the workers in turn: mem1 is worker 1's.
      await ifconfig('mem0 create up', 'mem1 create up');
      const { views, cache, workerRings } = router.memory;
      const { index } = router.table.get('mem1');
      const record = ifRecord(index);
      assert.equal(views.heap[record + If.OWNER], 1);
      const ring = new RingProducer(views.rings, workerRings[1]);
      const generations: number[] = [];
      let late = 0;
      for (let round = 0; round < ROUNDS; round++) {
        assert.equal(router.table.get('mem1').index, index);
        const now = views.heap[record + If.GENERATION];
        const host = new MemoryHost(router.memory, router.table.get('mem1'));
        const marks: number[] = [];
        for (let n = 1 + random(FRAMES); n > 0; n--) {
          const before = generations.length > 0 && random(2) === 0;
          if (before) late++;
          else marks.push(n);
          const slot = cache.takeFrame();
          const m = slot << Meta.SHIFT;
          const offset = views.slotOffset[slot] + Slot.HEADROOM;
          views.u8.fill(n, offset, offset + LENGTH);
          views.meta.fill(0, m, m + 8);
          views.meta[m + Meta.OFFSET] = offset;
          views.meta[m + Meta.LENGTH] = LENGTH;
          const generation = before ? (generations[random(generations.length)] as number) : now;
          views.meta[m + Meta.EGRESS] = index | (generation << 16);
          views.owner[slot] = SlotOwner.QUEUED;
          assert.ok(ring.push(slot));
          if (random(20) === 0 && ring.publish()) ringDoorbell(views.heap, 1);
        }
        if (ring.publish()) ringDoorbell(views.heap, 1);
        await waitUntil(() => ring.room(views.rings.length) === ring.mask + 1, 'worker 1 has taken every frame');
        // It may still hold the last ones.
        await router.grace();
        const came = host.receive().map(({ bytes }) => bytes[0]);
        assert.deepEqual(
          came,
          marks.map((n) => n & 255),
          `round ${round}`,
        );
        generations.push(now);
        await ifconfig('mem1 destroy');
        await ifconfig('mem1 create up');
      }
      assert.equal(total(views, 0, Lane.DROPS + Drop.GONE), late);
    } finally {
      await router.stop();
    }
  }));
