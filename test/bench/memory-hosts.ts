/**
 * Hosts on two memory ports, in the thread that forwards: 60-byte frames between stations, taken back and sent again. What the
 * hosts do is not timed.
 */
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import type { Views } from '../../src/shared/layout/regions.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import type { SlotCache } from '../../src/shared/ring/slot-cache.js';
import type { OfflineRouter } from '../support/offline-router.js';
import { median } from './bench.js';

const FRAME = 60;
/** Frames that are put into each port's ring at once. */
const ROUND = 512;
const RUN_MS = 300;

/** The two ends of a port's rings that a host holds. */
export interface HostEnd {
  readonly toPort: RingProducer;
  readonly fromPort: RingConsumer;
}

/** The host's ends of the memory port with this record. */
function endAt(views: Views, record: number): HostEnd {
  return {
    toPort: new RingProducer(views.rings, views.heap[record + If.RX_RING]),
    fromPort: new RingConsumer(views.rings, views.heap[record + If.TX_RING]),
  };
}

/** The host's ends of memory port `name`. */
export function hostEnd(router: OfflineRouter, name: string): HostEnd {
  return endAt(router.memory.views, ifRecord(router.table.get(name).index));
}

/** The six bytes of station `n`, below 2^24, on side 0 or 1 of `group`. */
export function stationBytes(group: number, side: number, n: number): number[] {
  return [2, group, side, n >> 16, (n >> 8) & 255, n & 255];
}

/** Two ports, their stations' frames in slots, and the way back. */
export class Hosts {
  readonly ports: readonly HostEnd[];
  /** Nanoseconds spent forwarding so far. */
  forwarded = 0;
  private readonly back = new Int32Array(ROUND);
  private readonly waiting: number[][] = [[], []];
  private readonly side: Int8Array;

  /** Hosts on two ports of a router, with slots of main's cache; stations are of group 0. */
  static on(
    router: OfflineRouter,
    names: readonly string[],
    stations: number,
    random?: (below: number) => number,
  ): Hosts {
    const { memory, table } = router;
    const records = names.map((name) => ifRecord(table.get(name).index));
    return new Hosts(memory.views, memory.cache, records, stations, 0, random);
  }

  /**
   * Hosts on the ports with these two records; stations of `group`, half of them on each; slots are of `cache`. With `random`
   * (a whole number 0 … below-1) every frame has a random source and destination each time it is sent; without, frames go from
   * each station to a scattered other.
   */
  constructor(
    private readonly views: Views,
    private readonly cache: SlotCache,
    records: readonly number[],
    private readonly stations: number,
    private readonly group: number,
    private readonly random?: (below: number) => number,
  ) {
    this.side = new Int8Array(views.sizes.frames + views.sizes.superframes);
    this.ports = records.map((record) => endAt(views, record));
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
    for (const slots of this.waiting) for (const slot of slots.splice(0)) this.cache.give(slot);
    this.cache.flush();
    this.makeFrames();
  }

  /** A frame from station `from` of side `side` to station `to` of the other. */
  private makeFrame(side: number, from: number, to: number): void {
    const { views, group } = this;
    const slot = this.cache.takeFrame();
    const m = slot << Meta.SHIFT;
    const offset = views.slotOffset[slot] + Slot.HEADROOM;
    views.u8.set([...stationBytes(group, 1 - side, to), ...stationBytes(group, side, from), 0x88, 0xb5], offset);
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
      if (this.random !== undefined) this.scatter(list, this.random);
      put += port.toPort.pushList(list, list.length);
      port.toPort.publish();
      this.waiting[side] = [];
    });
    return put;
  }

  /** Gives frames new stations of the sides they have. */
  private scatter(slots: Int32Array, random: (below: number) => number): void {
    const { u8, slotOffset } = this.views;
    for (const slot of slots) {
      for (const at of [3, 9]) {
        const n = random(this.stations / 2);
        const offset = slotOffset[slot] + Slot.HEADROOM + at;
        u8[offset] = n >> 16;
        u8[offset + 1] = n >> 8;
        u8[offset + 2] = n;
      }
    }
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

/** Frames that go in and come back out. */
export interface Rounds {
  /** Puts a round's frames into the rings. Returns how many. */
  fill(): number;
  /** Takes back what came out. Returns how many. */
  collect(): number;
  /** Nanoseconds spent in `forward` so far; kept where somebody asks for them. */
  forwarded?: number;
}

/**
 * Nanoseconds a frame of `forward`, which must take everything from the rings: of all that was sent, or, `typical`, the median of rounds, so
 * that what the machine does besides is not in it.
 */
export function nsAFrame(hosts: Rounds, forward: () => void, typical = false): number {
  const times: number[] = [];
  let frames = 0;
  let ns = 0;
  const until = performance.now() + RUN_MS;
  while (performance.now() < until) {
    const put = hosts.fill();
    const start = process.hrtime();
    forward();
    const [s, n] = process.hrtime(start);
    ns += s * 1e9 + n;
    times.push((s * 1e9 + n) / put);
    const got = hosts.collect();
    if (got !== put) throw new Error(`put ${put} frames, got ${got}`);
    frames += got;
  }
  hosts.forwarded = (hosts.forwarded ?? 0) + ns;
  return typical ? median(times) : ns / frames;
}
