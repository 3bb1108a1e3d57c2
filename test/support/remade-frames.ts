/**
 * Frames that go into one memory port of a router without threads and come out of another: each is made anew where it lies and sent
 * again. What the hosts do is the caller's not to time.
 */
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import type { OfflineRouter } from './offline-router.js';

/** Frames that are put into the ring at once. */
export const ROUND = 512;

/** The host's ends of the two rings: one producer and one consumer each, whoever sends. */
export interface Ends {
  readonly into: RingProducer;
  readonly from: RingConsumer;
}

/** The ends of the way into port `to` and out of port `out`; to be made once for each. */
export function endsOf(router: OfflineRouter, to: string, out: string): Ends {
  const { rings, heap } = router.memory.views;
  const record = (name: string): number => ifRecord(router.table.get(name).index);
  return {
    into: new RingProducer(rings, heap[record(to) + If.RX_RING]),
    from: new RingConsumer(rings, heap[record(out) + If.TX_RING]),
  };
}

export class RemadeFrames {
  private readonly waiting = new Int32Array(ROUND);
  private readonly back = new Int32Array(ROUND);
  private readonly bytes: Uint8Array;
  private readonly stride: number;
  private readonly lengths = new Int32Array(ROUND);
  /** Which frame each slot holds. */
  private readonly place: Int32Array;
  private ready = 0;

  /** `frames` are what goes in at one end in turn, and comes out as something else at the other. */
  constructor(
    private readonly router: OfflineRouter,
    private readonly ends: Ends,
    frames: readonly Uint8Array[],
  ) {
    const { views, cache } = router.memory;
    this.place = new Int32Array(views.sizes.frames + views.sizes.superframes);
    this.stride = Math.max(...frames.map((frame) => frame.length));
    this.bytes = new Uint8Array(new SharedArrayBuffer(ROUND * this.stride));
    for (let n = 0; n < ROUND; n++) {
      const frame = frames[n % frames.length] as Uint8Array;
      const slot = cache.takeFrame();
      this.place[slot] = n;
      this.lengths[n] = frame.length;
      this.bytes.set(frame, n * this.stride);
      this.make(slot);
    }
  }

  private make(slot: number): void {
    const { views } = this.router.memory;
    const m = slot << Meta.SHIFT;
    const offset = views.slotOffset[slot] + Slot.HEADROOM;
    const n = this.place[slot] as number;
    const from = n * this.stride;
    const length = this.lengths[n] as number;
    for (let i = 0; i < length; i++) views.u8[offset + i] = this.bytes[from + i] as number;
    for (let w = 0; w < 8; w++) views.meta[m + w] = 0;
    views.meta[m + Meta.OFFSET] = offset;
    views.meta[m + Meta.LENGTH] = length;
    this.waiting[this.ready++] = slot;
  }

  /** Fills the port's ring with what waits. Returns the frames put. */
  fill(): number {
    const put = this.ends.into.pushList(this.waiting, this.ready);
    this.ends.into.publish();
    this.ready = 0;
    return put;
  }

  /** Takes back what came out. Returns the frames taken. */
  collect(): number {
    let got = 0;
    for (let n = this.ends.from.popList(this.back, ROUND); n > 0; n = this.ends.from.popList(this.back, ROUND)) {
      for (let i = 0; i < n; i++) this.make(this.back[i] as number);
      got += n;
    }
    return got;
  }
}
