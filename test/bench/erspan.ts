/**
 * `erspan-encap`, `erspan-decap`: frames of 512 bytes from one memory port to another by way of an erspan interface that is a port of a
 * bridge, beside the same frames through a bridge alone, in the same process. The harness that brings frames back is not timed.
 */
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import { write32 } from '../../src/shared/wire/network-order.js';
import { typeTwo } from '../support/erspan.js';
import { ether, ipv4, mac } from '../support/fake-stack.js';
import { OfflineRouter } from '../support/offline-router.js';
import { type Bench, inTurn, type Measured, median, medianRatio, round, span } from './bench.js';

const ROUND = 512;
const RUN_MS = 300;
const ROUNDS = 9;
const LENGTH = 512;
/** Stations of the frames; the first is behind the egress. */
const [TO, FROM] = [mac(1), mac(2)];
const ADDRESS = '02:00:00:00:00:01';

/** Three bridges; what leaves the second and enters the third is encapsulated. */
async function connect(): Promise<OfflineRouter> {
  const router = new OfflineRouter();
  await router.configure(
    ...[0, 1, 2, 3].map((n) => `ifconfig mem${n} create up`),
    'ifconfig mem4 create lladdr 02:00:00:00:00:04 inet 192.0.2.1/24 up',
    'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 up',
    'ifconfig erspan1 create tunnel 192.0.2.1 192.0.2.3 vnetid 5 -monitor up',
    `ifconfig veb0 create add mem0 add mem1 static mem1 ${ADDRESS} up`,
    `ifconfig veb1 create add mem2 add erspan0 static erspan0 ${ADDRESS} up`,
    `ifconfig veb2 create add erspan1 add mem3 static mem3 ${ADDRESS} up`,
  );
  router.bindNeighbour('mem4', '192.0.2.2', mac(9));
  return router;
}

/** Byte of the sequence number in ERSPAN over IPv4 with an Ethernet header. */
const SEQUENCE = 14 + 20 + 4;

/** Sends `frame` from one port to another, ERSPAN with numbers of its own: a function that gives the nanoseconds a frame. */
function sender(router: OfflineRouter, from: string, to: string, frame: Uint8Array, numbered = false): () => number {
  const { views, cache } = router.memory;
  const { u8, meta, heap, rings, slotOffset } = views;
  const record = (name: string): number => ifRecord(router.table.get(name).index);
  const into = new RingProducer(rings, heap[record(from) + If.RX_RING]);
  const out = new RingConsumer(rings, heap[record(to) + If.TX_RING]);
  const slots = Int32Array.from({ length: ROUND }, () => cache.takeFrame());
  const back = new Int32Array(ROUND);
  let sequence = 0;

  function fill(): void {
    for (let k = 0; k < ROUND; k++) {
      const m = slots[k] << Meta.SHIFT;
      const at = slotOffset[slots[k]] + Slot.HEADROOM;
      u8.set(frame, at);
      if (numbered) write32(u8, at + SEQUENCE, sequence++);
      meta.fill(0, m, m + 8);
      meta[m + Meta.OFFSET] = at;
      meta[m + Meta.LENGTH] = frame.length;
    }
    into.pushList(slots, ROUND);
    into.publish();
  }

  return () => {
    let frames = 0;
    let ns = 0;
    const until = performance.now() + RUN_MS;
    while (performance.now() < until) {
      fill();
      const start = process.hrtime();
      while (router.loop.pollMemoryPorts() !== 0);
      const [s, n] = process.hrtime(start);
      ns += s * 1e9 + n;
      const got = out.popList(back, ROUND);
      if (got !== ROUND) throw new Error(`put ${ROUND} frames, got ${got}`);
      slots.set(back);
      frames += got;
    }
    return ns / frames;
  };
}

/** One way beside the bridge alone. */
async function measure(way: 'encap' | 'decap'): Promise<Measured> {
  const router = await connect();
  const inner = ether(TO, FROM, 0x88b5, new Uint8Array(LENGTH - 14));
  const outer = ether(mac(4), mac(9), 0x0800, ipv4('192.0.2.3', '192.0.2.1', 47, typeTwo(inner)));
  const plain = sender(router, 'mem0', 'mem1', inner);
  const tunnel = way === 'encap' ? sender(router, 'mem2', 'mem4', inner) : sender(router, 'mem4', 'mem3', outer, true);
  for (let n = 0; n < 2; n++) {
    tunnel();
    plain();
  }
  const [ours = [], theirs = []] = await inTurn(ROUNDS, [tunnel, plain]);
  return {
    value: round(median(ours)),
    unit: 'ns/frame',
    ratio: medianRatio(theirs, ours),
    peer: `a veb alone (${round(median(theirs))} ns)`,
    note: `0.5 × wanted; ${LENGTH} bytes; ${ROUNDS} rounds, ours ${span(ours)}, theirs ${span(theirs)}`,
  };
}

export const erspanEncap: Bench = {
  name: 'erspan-encap',
  about: 'memory → veb → erspan → memory, 512 B, one worker',
  run: () => measure('encap'),
};

export const erspanDecap: Bench = {
  name: 'erspan-decap',
  about: 'memory → erspan → veb → memory, 512 B, one worker',
  run: () => measure('decap'),
};
