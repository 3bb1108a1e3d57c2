/**
 * `veb`: memory → memory through the bridge, 60-byte frames, 1000 stations on two ports, one worker, beside the bare loop of
 * the same rings and a table with nothing around it. The harness that brings frames back is not timed.
 */
import { Meta } from '../../src/shared/layout/packet.js';
import type { Views } from '../../src/shared/layout/regions.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import { dstHi, dstLo, srcHi, srcLo } from '../../src/shared/wire/ethernet.js';
import { OfflineRouter } from '../support/offline-router.js';
import { type Bench, interleaved, type Measured, round } from './bench.js';
import { Hosts, nsAFrame } from './memory-hosts.js';

const STATIONS = 1000;
const BURST = 64;
const PAIRS = 9;

/** The bare loop: ring → addresses → learn → look up → ring. A table of two words a key, no ageing, no checks, no counters. */
function bareLoop(hosts: Hosts, views: Views): () => void {
  const { u16, meta } = views;
  const MASK = 4095;
  const keyLo = new Int32Array(MASK + 1);
  const keyHi = new Int32Array(MASK + 1);
  const value = new Int32Array(MASK + 1);
  const slots = new Int32Array(BURST);
  const out = [new Int32Array(BURST), new Int32Array(BURST)];
  const outCount = new Int32Array(2);
  const inside = hosts.ports.map((port) => ({
    rx: new RingConsumer(views.rings, port.toPort.base),
    tx: new RingProducer(views.rings, port.fromPort.base),
  }));
  const find = (lo: number, hi: number): number => {
    let at = Math.imul(lo ^ Math.imul(hi, 0x85ebca77), 0x9e3779b1) >>> 20;
    while (value[at] !== 0 && (keyLo[at] !== lo || keyHi[at] !== hi)) at = (at + 1) & MASK;
    return at;
  };
  return () => {
    for (let work = 1; work !== 0; ) {
      work = 0;
      for (let p = 0; p < 2; p++) {
        const n = (inside[p] as (typeof inside)[0]).rx.popList(slots, BURST);
        work += n;
        for (let i = 0; i < n; i++) {
          const offset = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
          const lo = srcLo(u16, offset);
          const hi = srcHi(u16, offset);
          const at = find(lo, hi);
          if (value[at] !== p + 1) {
            keyLo[at] = lo;
            keyHi[at] = hi;
            value[at] = p + 1;
          }
          const to = value[find(dstLo(u16, offset), dstHi(u16, offset))];
          const egress = to === 0 ? 1 - p : to - 1;
          (out[egress] as Int32Array)[outCount[egress]++] = slots[i];
        }
        for (let q = 0; q < 2; q++) {
          if (outCount[q] === 0) continue;
          const { tx } = inside[q] as (typeof inside)[0];
          tx.pushList(out[q] as Int32Array, outCount[q]);
          tx.publish();
          outCount[q] = 0;
        }
      }
    }
  };
}

/** Two ports on a bridge, ready. */
async function bridge(): Promise<OfflineRouter> {
  const router = new OfflineRouter();
  await router.ifconfig('veb0 create maxaddr 1024', 'mem0 create up', 'mem1 create up', 'veb0 add mem0 add mem1 up');
  return router;
}

async function run(): Promise<Measured> {
  const router = await bridge();
  const other = await bridge();
  const ours = Hosts.on(router, ['mem0', 'mem1'], STATIONS);
  const bare = Hosts.on(other, ['mem0', 'mem1'], STATIONS);
  const forward = (): void => {
    while (router.loop.pollMemoryPorts() !== 0);
  };
  const loop = bareLoop(bare, other.memory.views);
  ours.teach(forward);
  for (let i = 0; i < 3; i++) {
    nsAFrame(ours, forward);
    nsAFrame(bare, loop);
  }
  const { a, b, ratio, spread } = await interleaved(
    PAIRS,
    () => nsAFrame(ours, forward),
    () => nsAFrame(bare, loop),
  );
  return {
    value: round(a),
    unit: 'ns/frame',
    limit: round(b),
    ratio: round(1 / ratio),
    peer: 'bare ring-to-ring loop with a table',
    note: `${round(1000 / a)} Mpps; ${spread}`,
  };
}

export const veb: Bench = { name: 'veb', about: 'memory → memory through a veb, 60 B, 1000 stations, one worker', run };
