/**
 * Stations on two memory ports, for benches of a bridge in this thread: 60-byte frames go from each side to the other for ever,
 * in the same slots. Only the forwarding is timed, not the harness that brings frames back.
 */
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import type { OfflineRouter } from '../support/offline-router.js';

const FRAME = 60;
/** Frames of each side. */
const ROUND = 512;
const RUN_MS = 300;

/** The two ends of a port's rings that a host holds. */
export interface HostEnd {
  readonly toPort: RingProducer;
  readonly fromPort: RingConsumer;
}

/** The address of station `n`, below 2^24, of side `side`. */
export function stationAddress(side: number, n: number): readonly number[] {
  return [2, 0, side, n >> 16, (n >> 8) & 255, n & 255];
}

/** The host's ends of memory port `name`. */
export function hostEnd(router: OfflineRouter, name: string): HostEnd {
  const { heap, rings } = router.memory.views;
  const record = ifRecord(router.table.get(name).index);
  return {
    toPort: new RingProducer(rings, heap[record + If.RX_RING]),
    fromPort: new RingConsumer(rings, heap[record + If.TX_RING]),
  };
}

/** Two ports, their stations' frames in slots, and the way back. */
export class MemoryStations {
  readonly ports: readonly HostEnd[];
  /** Nanoseconds spent forwarding so far. */
  forwarded = 0;
  private readonly router: OfflineRouter;
  private readonly half: number;
  private readonly random: ((below: number) => number) | undefined;
  private readonly back = new Int32Array(ROUND);
  private readonly waiting: number[][] = [[], []];
  private readonly side: Int8Array;

  /**
   * `stations` in all, half of them on each of two ports. With `random` (a whole number 0 … below-1) every frame has a random
   * source and destination each time it is sent; without, frames go from each station to a scattered other.
   */
  constructor(
    router: OfflineRouter,
    names: readonly [string, string],
    stations: number,
    random?: (below: number) => number,
  ) {
    const { sizes } = router.memory.views;
    this.router = router;
    this.half = stations / 2;
    this.random = random;
    this.side = new Int8Array(sizes.frames + sizes.superframes);
    this.ports = names.map((name) => hostEnd(router, name));
    this.makeFrames();
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

  /** Nanoseconds a frame of `forward`, which must take everything from the rings. */
  measure(forward: () => void): number {
    let frames = 0;
    let ns = 0;
    const until = performance.now() + RUN_MS;
    while (performance.now() < until) {
      const put = this.fill();
      const start = process.hrtime();
      forward();
      const [s, n] = process.hrtime(start);
      ns += s * 1e9 + n;
      const got = this.collect();
      if (got !== put) throw new Error(`put ${put} frames, got ${got}`);
      frames += got;
    }
    this.forwarded += ns;
    return ns / frames;
  }

  private makeFrames(): void {
    for (let n = 0; n < ROUND * 2; n++) this.makeFrame(n & 1, (n >> 1) % this.half, (n * 7919) % this.half);
  }

  /** A frame from station `from` of side `side` to station `to` of the other. */
  private makeFrame(side: number, from: number, to: number): void {
    const { views, cache } = this.router.memory;
    const slot = cache.takeFrame();
    const m = slot << Meta.SHIFT;
    const offset = views.slotOffset[slot] + Slot.HEADROOM;
    views.u8.set([...stationAddress(1 - side, to), ...stationAddress(side, from), 0x88, 0xb5], offset);
    views.meta.fill(0, m, m + 8);
    views.meta[m + Meta.OFFSET] = offset;
    views.meta[m + Meta.LENGTH] = FRAME;
    this.side[slot] = side;
    (this.waiting[side] as number[]).push(slot);
  }

  /** Fills both ports' rings with what waits. Returns the frames put. */
  private fill(): number {
    let put = 0;
    this.ports.forEach((port, side) => {
      const list = Int32Array.from(this.waiting[side] as number[]);
      if (this.random !== undefined) this.scatter(list, this.random);
      put += port.toPort.pushList(list, list.length);
      port.toPort.publish();
      this.waiting[side] = [];
    });
    return put;
  }

  /** Gives frames new stations of the sides they have. */
  private scatter(slots: Int32Array, random: (below: number) => number): void {
    const { u8, slotOffset } = this.router.memory.views;
    for (const slot of slots) {
      for (const at of [3, 9]) {
        const n = random(this.half);
        const offset = slotOffset[slot] + Slot.HEADROOM + at;
        u8[offset] = n >> 16;
        u8[offset + 1] = n >> 8;
        u8[offset + 2] = n;
      }
    }
  }

  /** Takes back what came out. Returns the frames taken. */
  private collect(): number {
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
