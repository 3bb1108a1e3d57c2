/**
 * Nothing is allocated per frame that is put into ERSPAN or taken out of it once the code is warm, and the context keeps its shape. By the
 * long ways: frames from a port of a bridge leave by erspan0 to ourselves, where erspan1 takes them and gives them to another bridge. By the
 * short ones: they leave by erspan2 out of mem4, and as what they are then, they come in there by erspan3.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import { vnetClear } from '../../src/shared/wire/vnet.js';
import { mirrored, typeTwo } from '../support/erspan.js';
import { ether, ipv4, mac } from '../support/fake-stack.js';
import { heapGrowth } from '../support/heap-growth.js';
import { OfflineRouter } from '../support/offline-router.js';

const FRAMES = 512;
/** Frames of one measurement. */
const ROUND = 100 * FRAMES;
const WARM_ROUNDS = 15;
const MOST_BYTES = 0.1;

const router = new OfflineRouter();
const shape = Object.keys(router.ctx);
await router.configure(
  'ifconfig mem0 create up',
  'ifconfig mem1 create up',
  'ifconfig vport0 create inet 192.0.2.1/24 up',
  'ifconfig vport1 create rdomain 1 inet 192.0.2.2/24 up',
  'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 up',
  'ifconfig erspan1 create tunnel 192.0.2.2 192.0.2.1 vnetid 5 tunneldomain 1 -monitor up',
  'ifconfig veb0 create add mem0 add erspan0 up',
  'ifconfig veb1 create add erspan1 add mem1 up',
  'ifconfig veb2 create add vport0 add vport1 up',
  'ifconfig mem2 create up',
  'ifconfig mem3 create up',
  'ifconfig mem4 create lladdr 02:00:00:00:00:04 inet 198.51.100.1/24 up',
  'ifconfig erspan2 create tunnel 198.51.100.1 198.51.100.2 vnetid 5 up',
  'ifconfig erspan3 create tunnel 198.51.100.1 198.51.100.2 vnetid 6 -monitor up',
  'ifconfig veb3 create add mem2 add erspan2 up',
  'ifconfig veb4 create add erspan3 add mem3 up',
);
router.bindNeighbour('mem4', '198.51.100.2', mac(9));
const bytes = (name: string): Uint8Array =>
  Uint8Array.from(router.table.get(name).lladdr.split(':'), (group) => Number.parseInt(group, 16));
router.bindNeighbour('vport0', '192.0.2.2', bytes('vport1'));

const { views, cache } = router.memory;
const ends = (name: string): [RingProducer, RingConsumer] => {
  const record = ifRecord(router.table.get(name).index);
  return [
    new RingProducer(views.rings, views.heap[record + If.RX_RING]),
    new RingConsumer(views.rings, views.heap[record + If.TX_RING]),
  ];
};
const slots = Int32Array.from({ length: FRAMES }, () => cache.takeFrame());
const back = new Int32Array(FRAMES);
const FRAME = mirrored();
const OUTER = ether(mac(4), mac(9), 0x0800, ipv4('198.51.100.2', '198.51.100.1', 47, typeTwo(FRAME, { session: 6 })));

/** A frame as a host has it, in a slot. */
function make(slot: number, frame: Uint8Array): void {
  const m = slot << Meta.SHIFT;
  const offset = (views.slotOffset[slot] as number) + Slot.HEADROOM;
  for (let k = 0; k < frame.length; k++) views.u8[offset + k] = frame[k] as number;
  views.meta[m + Meta.OFFSET] = offset;
  views.meta[m + Meta.LENGTH] = frame.length;
  vnetClear(views.meta, m);
}

/** A function that sends all frames one way, each of them `frame`, and returns how many arrived. */
function way(from: string, frame: Uint8Array, to: string): () => number {
  const [into] = ends(from);
  const [, out] = ends(to);
  return () => {
    for (let n = 0; n < FRAMES; n++) make(slots[n] as number, frame);
    into.pushList(slots, FRAMES);
    into.publish();
    while (router.loop.pollMemoryPorts() !== 0);
    let got = 0;
    for (let n = out.popList(back, FRAMES); n > 0; n = out.popList(back, FRAMES)) {
      for (let k = 0; k < n; k++) slots[got++] = back[k] as number;
    }
    return got;
  };
}

const skip = global.gc === undefined ? 'needs --expose-gc' : false;

for (const [title, round] of [
  ['into ERSPAN and out again', way('mem0', FRAME, 'mem1')],
  ['into ERSPAN by the short way', way('mem2', FRAME, 'mem4')],
  ['out of ERSPAN by the short way', way('mem4', OUTER, 'mem3')],
] as const) {
  test(`frames ${title} leave no garbage`, { skip }, () => {
    assert.equal(round(), FRAMES, 'they arrive');
    const send = (frames: number): void => {
      for (let left = frames; left > 0; left -= FRAMES) round();
    };
    const bytes = heapGrowth(send, ROUND, WARM_ROUNDS, MOST_BYTES);
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes a frame`);
    assert.deepEqual(router.books().errors, []);
  });
}

test('after all that the context has the properties it was made with', () => {
  assert.deepEqual(Object.keys(router.ctx), shape);
});
