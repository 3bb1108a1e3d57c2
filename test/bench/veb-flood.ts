/**
 * `veb-flood`: time per copy of a broadcast through a bridge with 16 memory ports, beside a plain loop that copies a frame and
 * its meta to fifteen slots and puts each on a ring. Every port must get each frame once, and the ingress none.
 */
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import type { Views } from '../../src/shared/layout/regions.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import { OfflineRouter } from '../support/offline-router.js';
import { type Bench, interleaved, type Measured, round } from './bench.js';
import { type HostEnd, hostEnd } from './memory-hosts.js';

const PORTS = 16;
const COPIES = PORTS - 1;
const FRAME = 60;
/** Frames at a time: their copies fit the worker's pool. */
const ROUND = 512;
const BURST = 64;
const PAIRS = 9;
const RUN_MS = 300;
/** Where a frame has its number, in bytes from its beginning. */
const NUMBER = 16;

/** Broadcasts into the first port, and what arrives at the others. */
class Broadcasts {
  readonly ports: readonly HostEnd[];
  private readonly router: OfflineRouter;
  private readonly taken = new Int32Array(2 * ROUND);

  constructor(router: OfflineRouter, names: readonly string[]) {
    this.router = router;
    this.ports = names.map((name) => hostEnd(router, name));
  }

  /** Nanoseconds a copy of `forward`, which must take everything from the first port. Throws when copies are not right. */
  measure(forward: () => void): number {
    let ns = 0;
    let copies = 0;
    const until = performance.now() + RUN_MS;
    while (performance.now() < until) {
      this.fill();
      const start = process.hrtime();
      forward();
      const [s, n] = process.hrtime(start);
      ns += s * 1e9 + n;
      this.ports.forEach((port, p) => {
        this.check(port, p);
      });
      this.router.memory.cache.flush();
      copies += ROUND * COPIES;
    }
    return ns / copies;
  }

  private fill(): void {
    const { views, cache } = this.router.memory;
    const { toPort } = this.ports[0] as HostEnd;
    for (let number = 0; number < ROUND; number++) {
      const slot = cache.takeFrame();
      const m = slot << Meta.SHIFT;
      const offset = views.slotOffset[slot] + Slot.HEADROOM;
      views.u8.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], offset);
      views.i32[(offset + NUMBER) >> 2] = number;
      views.meta.fill(0, m, m + 8);
      views.meta[m + Meta.OFFSET] = offset;
      views.meta[m + Meta.LENGTH] = FRAME;
      toPort.push(slot);
    }
    toPort.publish();
  }

  /** Takes what port `p` has sent: every frame once, in order; nothing from the ingress. */
  private check(port: HostEnd, p: number): void {
    const { views, cache } = this.router.memory;
    const got = port.fromPort.popList(this.taken, 2 * ROUND);
    if (got !== (p === 0 ? 0 : ROUND)) throw new Error(`port ${p} sent ${got} copies of ${ROUND} frames`);
    for (let i = 0; i < got; i++) {
      const slot = this.taken[i];
      const number = views.i32[(views.meta[(slot << Meta.SHIFT) + Meta.OFFSET] + NUMBER) >> 2];
      if (number !== i) throw new Error(`port ${p} sent frame ${number} in place of ${i}`);
      cache.give(slot);
    }
  }
}

/** The plain loop: ring → a copy of frame and meta for each port → ring. Slots of its own thread, no counters, no checks. */
function plainLoop(broadcasts: Broadcasts, views: Views, router: OfflineRouter): () => void {
  const { i32, meta, slotOffset } = views;
  const { cache } = router.ctx;
  const [ingress, ...others] = broadcasts.ports as [HostEnd, ...HostEnd[]];
  const rx = new RingConsumer(views.rings, ingress.toPort.base);
  const tx = others.map((port) => new RingProducer(views.rings, port.fromPort.base));
  const slots = new Int32Array(BURST);
  const out = new Int32Array(BURST);
  return () => {
    for (let n = rx.popList(slots, BURST); n > 0; n = rx.popList(slots, BURST)) {
      for (const ring of tx) {
        for (let i = 0; i < n; i++) {
          const from = slots[i] << Meta.SHIFT;
          const slot = cache.takeFrame();
          const to = slot << Meta.SHIFT;
          const source = meta[from + Meta.OFFSET] >> 2;
          const copy = (slotOffset[slot] + Slot.HEADROOM) >> 2;
          for (let w = 0; w < 8; w++) meta[to + w] = meta[from + w];
          meta[to + Meta.OFFSET] = copy << 2;
          for (let w = 0; w < FRAME >> 2; w++) i32[copy + w] = i32[source + w];
          out[i] = slot;
        }
        ring.pushList(out, n);
        ring.publish();
      }
      for (let i = 0; i < n; i++) cache.give(slots[i]);
      cache.flush();
    }
  };
}

/** A bridge of 16 ports, ready. */
async function bridge(): Promise<{ router: OfflineRouter; broadcasts: Broadcasts }> {
  const router = new OfflineRouter();
  const names = Array.from({ length: PORTS }, (_, n) => `mem${n}`);
  const add = names.map((name) => `add ${name}`).join(' ');
  await router.ifconfig(...names.map((name) => `${name} create up`), `veb0 create ${add} up`);
  return { router, broadcasts: new Broadcasts(router, names) };
}

async function run(): Promise<Measured> {
  const ours = await bridge();
  const plain = await bridge();
  const forward = (): void => {
    while (ours.router.loop.pollMemoryPorts() !== 0);
  };
  const loop = plainLoop(plain.broadcasts, plain.router.memory.views, plain.router);
  const a = (): number => ours.broadcasts.measure(forward);
  const b = (): number => plain.broadcasts.measure(loop);
  await interleaved(3, a, b);
  const found = await interleaved(PAIRS, a, b);
  return {
    value: round(found.a),
    unit: 'ns/copy',
    ratio: round(1 / found.ratio),
    peer: `plain loop that copies each frame to fifteen rings (${round(found.b)} ns)`,
    note: `${PORTS} ports, ${round(1000 / found.a)} M copies/s; ${found.spread}`,
  };
}

export const vebFlood: Bench = { name: 'veb-flood', about: 'broadcasts through a veb with 16 memory ports', run };
