/**
 * Nothing is allocated per frame once the code is warm, and the context keeps its shape: unicast, floods and hand-over, on the
 * rings themselves, slots used again and again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import { heapGrowth } from '../support/heap-growth.js';
import { OfflineRouter } from '../support/offline-router.js';

const FRAME = 60;
const BURST = 64;
const BATCH = 256;
/** Ten rounds make a million frames. */
const ROUND = 100_000;
/** Code of the unicast case, the first, settles after about half of them. */
const WARM_ROUNDS = 15;
const MOST_BYTES = 0.1;
const BROADCAST = [255, 255, 255, 255, 255, 255];

// One router in the process: two sets of its closures would make its code polymorphic.
const router = new OfflineRouter(2, 0);
const shape = Object.keys(router.ctx);
const forward = (): void => {
  while (router.loop.pollMemoryPorts() !== 0);
};

/** One port's frames, sent in batches; what arrives anywhere goes back to the pool. */
class Source {
  private readonly toPort: RingProducer;
  private readonly sinks: RingConsumer[];
  private readonly batch = new Int32Array(BATCH);
  private readonly back = new Int32Array(BATCH);
  private readonly header: Uint8Array;

  constructor(port: string, sinks: RingConsumer[], header: number[]) {
    const { views } = router.memory;
    const record = ifRecord(router.table.get(port).index);
    this.toPort = new RingProducer(views.rings, views.heap[record + If.RX_RING]);
    this.sinks = sinks;
    this.header = Uint8Array.from(header);
  }

  /** Sends and forwards `frames` frames. Returns how many copies arrived. */
  send(frames: number): number {
    const { views, cache } = router.memory;
    let arrived = 0;
    for (let sent = 0; sent < frames; sent += BATCH) {
      for (let n = 0; n < BATCH; n++) {
        const slot = cache.takeFrame();
        const m = slot << Meta.SHIFT;
        const offset = views.slotOffset[slot] + Slot.HEADROOM;
        for (let i = 0; i < this.header.length; i++) views.u8[offset + i] = this.header[i];
        for (let w = 0; w < 8; w++) views.meta[m + w] = 0;
        views.meta[m + Meta.OFFSET] = offset;
        views.meta[m + Meta.LENGTH] = FRAME;
        this.batch[n] = slot;
      }
      this.toPort.pushList(this.batch, BATCH);
      this.toPort.publish();
      forward();
      for (let s = 0; s < this.sinks.length; s++) arrived += this.drain(this.sinks[s]);
      cache.flush();
    }
    return arrived;
  }

  private drain(sink: RingConsumer): number {
    let all = 0;
    for (let n = sink.popList(this.back, BATCH); n > 0; n = sink.popList(this.back, BATCH)) {
      for (let i = 0; i < n; i++) router.memory.cache.give(this.back[i]);
      all += n;
    }
    return all;
  }
}

function sink(port: string): RingConsumer {
  const { views } = router.memory;
  return new RingConsumer(views.rings, views.heap[ifRecord(router.table.get(port).index) + If.TX_RING]);
}

/** Bytes that the heap grows by for each frame. */
function growth(run: (frames: number) => void): number {
  return heapGrowth(run, ROUND, WARM_ROUNDS, MOST_BYTES);
}

const station = (n: number): number[] => [2, 0, 0, 0, 0, n];
const skip = global.gc === undefined ? 'needs --expose-gc' : false;

// Worker 0 has the even ports, worker 1 the odd ones.
await router.ifconfig(...Array.from({ length: 12 }, (_, n) => `mem${n} create up`));
await router.ifconfig('veb0 create up add mem0 add mem2 static mem2 02:00:00:00:00:02');
await router.ifconfig('veb1 create up add mem4 add mem6 add mem8');
await router.ifconfig('veb2 create up add mem10 add mem11 static mem11 02:00:00:00:00:02');

const unicast = new Source('mem0', [sink('mem2')], [...station(2), ...station(1), 0x88, 0xb5]);
const { memory } = router;
const CASES: readonly [string, Source, number][] = [
  ['unicast', unicast, 1],
  ['floods', new Source('mem4', [sink('mem6'), sink('mem8')], [...BROADCAST, ...station(1), 0x88, 0xb5]), 2],
  [
    'hand-over',
    new Source(
      'mem10',
      [new RingConsumer(memory.views.rings, memory.workerRings[1])],
      [...station(2), ...station(1), 0x88, 0xb5],
    ),
    1,
  ],
];

for (const [name, source, copies] of CASES) {
  test(`${name}: a million frames leave no garbage`, { skip }, () => {
    assert.equal(source.send(BATCH), BATCH * copies, 'they arrive');
    const bytes = growth((frames) => void source.send(frames));
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes a frame`);
  });
}

test('one small array a burst would be found', { skip }, () => {
  const kept: number[][] = [[]];
  const bytes = growth((frames) => {
    for (let n = 0; n < frames; n += BURST) kept[0] = [n, n + 1];
    unicast.send(frames);
  });
  assert.ok(bytes >= MOST_BYTES, `${bytes} bytes a frame`);
});

test('after all that the context has the properties it was made with', () => {
  assert.deepEqual(Object.keys(router.ctx), shape);
});
