/**
 * `veb`: memory → memory through the bridge, 60-byte frames, 1000 stations on two ports, one worker, beside the bare loop of
 * the same rings and a table with nothing around it. The harness that brings frames back is not timed.
 */
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import type { Views } from '../../src/shared/layout/regions.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import { dstHi, dstLo, srcHi, srcLo } from '../../src/shared/wire/ethernet.js';
import { OfflineRouter } from '../support/offline-router.js';
import { type Bench, interleaved, type Measured, round } from './bench.js';

const FRAME = 60;
const STATIONS = 1000;
const ROUND = 512;
const BURST = 64;
const PAIRS = 9;
const RUN_MS = 300;

/** The two ends of a port's rings that a host holds. */
interface HostEnd {
  readonly toPort: RingProducer;
  readonly fromPort: RingConsumer;
}

/** Two ports, their stations' frames in slots, and the way back. */
class Hosts {
  private readonly router: OfflineRouter;
  private readonly stations: number;
  readonly ports: HostEnd[] = [];
  private readonly back = new Int32Array(ROUND);
  private readonly waiting: number[][] = [[], []];
  private readonly side: Int8Array;

  constructor(router: OfflineRouter, names: readonly string[], stations: number) {
    this.router = router;
    const { memory, table } = router;
    const { views } = memory;
    this.side = new Int8Array(views.sizes.frames + views.sizes.superframes);
    for (const name of names) {
      const record = ifRecord(table.get(name).index);
      this.ports.push({
        toPort: new RingProducer(views.rings, views.heap[record + If.RX_RING]),
        fromPort: new RingConsumer(views.rings, views.heap[record + If.TX_RING]),
      });
    }
    this.stations = stations;
    this.makeFrames();
  }

  /** A round's frames, from every station to a scattered other. */
  private makeFrames(): void {
    const half = this.stations / 2;
    for (let n = 0; n < ROUND * 2; n++) this.makeFrame(n & 1, (n >> 1) % half, (n * 7919) % half);
  }

  /** Lets every station be heard once, which floods, and begins anew with all of them known. */
  teach(forward: () => void): void {
    this.fill();
    forward();
    this.collect();
    for (const slots of this.waiting) for (const slot of slots.splice(0)) this.router.memory.cache.give(slot);
    this.router.memory.cache.flush();
    this.makeFrames();
  }

  /** A frame from station `from` of side `side` to station `to` of the other. */
  private makeFrame(side: number, from: number, to: number): void {
    const { views, cache } = this.router.memory;
    const slot = cache.takeFrame();
    const m = slot << Meta.SHIFT;
    const offset = views.slotOffset[slot] + Slot.HEADROOM;
    views.u8.set([2, 0, 1 - side, 0, to >> 8, to & 255, 2, 0, side, 0, from >> 8, from & 255, 0x88, 0xb5], offset);
    views.meta.fill(0, m, m + 8);
    views.meta[m + Meta.OFFSET] = offset;
    views.meta[m + Meta.LENGTH] = FRAME;
    this.side[slot] = side;
    (this.waiting[side] as number[]).push(slot);
  }

  /** Fills both ports' rings with what waits. Returns the frames put. */
  fill(): number {
    let put = 0;
    this.ports.forEach((port, side) => {
      const list = Int32Array.from(this.waiting[side] as number[]);
      put += port.toPort.pushList(list, list.length);
      port.toPort.publish();
      this.waiting[side] = [];
    });
    return put;
  }

  /** Takes back what came out. Returns the frames taken. */
  collect(): number {
    let got = 0;
    for (const port of this.ports) {
      for (let n = port.fromPort.popList(this.back, ROUND); n > 0; n = port.fromPort.popList(this.back, ROUND)) {
        for (let i = 0; i < n; i++) (this.waiting[this.side[this.back[i]] as number] as number[]).push(this.back[i]);
        got += n;
      }
    }
    return got;
  }
}

/** Nanoseconds a frame of `forward`, which must take everything from the rings. */
function measure(hosts: Hosts, forward: () => void): number {
  let frames = 0;
  let ns = 0;
  const until = performance.now() + RUN_MS;
  while (performance.now() < until) {
    const put = hosts.fill();
    const start = process.hrtime();
    forward();
    const [s, n] = process.hrtime(start);
    ns += s * 1e9 + n;
    const got = hosts.collect();
    if (got !== put) throw new Error(`put ${put} frames, got ${got}`);
    frames += got;
  }
  return ns / frames;
}

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
  const ours = new Hosts(router, ['mem0', 'mem1'], STATIONS);
  const bare = new Hosts(other, ['mem0', 'mem1'], STATIONS);
  const forward = (): void => {
    while (router.loop.pollMemoryPorts() !== 0);
  };
  const loop = bareLoop(bare, other.memory.views);
  ours.teach(forward);
  for (let i = 0; i < 3; i++) {
    measure(ours, forward);
    measure(bare, loop);
  }
  const { a, b, ratio, spread } = await interleaved(
    PAIRS,
    () => measure(ours, forward),
    () => measure(bare, loop),
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
