/**
 * A capture allocates nothing per frame once the code is warm: on a bridge and both its ports, with a filter and without, stored and
 * dropped for lack of room.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Op } from '../../src/shared/bpf/instruction.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import { CaptureConsumer } from '../../src/shared/ring/capture-ring.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import { CaptureBench } from '../support/captures.js';
import { heapGrowth } from '../support/heap-growth.js';
import { OfflineRouter } from '../support/offline-router.js';

const BATCH = 256;
const BURST = 64;
/** Ten rounds make a million frames. */
const ROUND = 100_000;
const WARM_ROUNDS = 15;
const MOST_BYTES = 0.1;
const HEADER = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5];
const FRAME = 60;

const router = new OfflineRouter();
await router.ifconfig(
  'mem0 create up',
  'mem1 create up',
  'veb0 create up add mem0 add mem1 static mem1 02:00:00:00:00:02',
);
const bench = new CaptureBench(router);
const { views, cache } = router.memory;
const record = (name: string): number => ifRecord(router.table.get(name).index);
const toPort = new RingProducer(views.rings, views.heap[record('mem0') + If.RX_RING]);
const fromPort = new RingConsumer(views.rings, views.heap[record('mem1') + If.TX_RING]);
const ring = new CaptureConsumer(views, 0);
const batch = new Int32Array(BATCH);
let reading = true;

/** Sends frames through the bridge. Returns how many records there were to read. */
function send(frames: number): number {
  let records = 0;
  for (let sent = 0; sent < frames; sent += BATCH) {
    for (let n = 0; n < BATCH; n++) {
      const slot = cache.takeFrame();
      const m = slot << Meta.SHIFT;
      const offset = views.slotOffset[slot] + Slot.HEADROOM;
      for (let i = 0; i < HEADER.length; i++) views.u8[offset + i] = HEADER[i];
      for (let w = 0; w < 8; w++) views.meta[m + w] = 0;
      views.meta[m + Meta.OFFSET] = offset;
      views.meta[m + Meta.LENGTH] = FRAME;
      batch[n] = slot;
    }
    toPort.pushList(batch, BATCH);
    toPort.publish();
    while (router.loop.pollMemoryPorts() !== 0);
    for (let n = fromPort.popList(batch, BATCH); n > 0; n = fromPort.popList(batch, BATCH)) {
      for (let i = 0; i < n; i++) cache.give(batch[i]);
    }
    cache.flush();
    if (!reading) continue;
    while (ring.next() !== -1) records++;
    ring.release();
  }
  return records;
}

const skip = global.gc === undefined ? 'needs --expose-gc' : false;
const program = Uint32Array.of(Op.LD_H_ABS, 0, 0, 12, Op.JEQ_K, 0, 1, 0x88b5, Op.RET_K, 0, 0, 40, Op.RET_K, 0, 0, 0);

const first = bench.attach('veb0');
bench.attach('mem0', { program });
bench.attach('mem1', { snap: 20 });
const last = bench.attach('mem1', { direction: 'in' });

test('stored by three captures, a million frames leave no garbage', { skip }, () => {
  assert.equal(send(BATCH), 3 * BATCH, 'they are captured');
  const bytes = heapGrowth((frames) => void send(frames), ROUND, WARM_ROUNDS, MOST_BYTES);
  assert.ok(bytes < MOST_BYTES, `${bytes} bytes a frame`);
});

test('with nobody reading, a million frames leave no garbage', { skip }, () => {
  reading = false;
  const bytes = heapGrowth((frames) => void send(frames), ROUND, WARM_ROUNDS, MOST_BYTES);
  assert.ok(bytes < MOST_BYTES, `${bytes} bytes a frame`);
  assert.ok(bench.counts(first).dropped > 0);
  reading = true;
});

test('one small array a burst would be found', { skip }, () => {
  const kept: number[][] = [[]];
  const bytes = heapGrowth(
    (frames) => {
      for (let n = 0; n < frames; n += BURST) kept[0] = [n, n + 1];
      send(frames);
    },
    ROUND,
    WARM_ROUNDS,
    MOST_BYTES,
  );
  assert.ok(bytes >= MOST_BYTES, `${bytes} bytes a frame`);
});

test('the capture that excludes all there was has been shown it', () => {
  assert.deepEqual([bench.counts(last).received > 1_000_000, bench.counts(last).captured], [true, 0]);
});
