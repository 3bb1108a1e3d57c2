/**
 * A thread's cache of free slots: a stack of small slots, a stack of superframes, and the return rings.
 *
 * Every slot has a home thread. Taking and giving back one's own is a push or pop on a private stack; a slot of another
 * home goes back over a ring to that thread, which empties its rings now and then, and when a stack is empty. No shared operation otherwise.
 * A return ring has room for every slot of its home, so it never refuses one.
 */
import { SlotOwner } from '../layout/packet.js';
import type { Views } from '../layout/regions.js';
import { RingConsumer, RingProducer } from './ring.js';

/** Word offset of the return ring from `thread` to `home`, in the table that main made. */
export type ReturnRings = Int32Array;

/** Index into `ReturnRings`. */
export function returnRing(threads: number, from: number, home: number): number {
  return from * threads + home;
}

export class SlotCache {
  readonly me: number;
  private readonly frames: number;
  private readonly home: Int32Array;
  private readonly owner: Int32Array;
  private readonly small: Int32Array;
  private readonly large: Int32Array;
  private smallCount = 0;
  private largeCount = 0;
  private readonly to: (RingProducer | undefined)[] = [];
  private readonly from: RingConsumer[] = [];
  private readonly incoming = new Int32Array(256);
  private dirty = false;

  /** Takes all slots whose home is `me` and that no thread holds. */
  constructor(views: Views, me: number, rings: ReturnRings) {
    const { sizes } = views;
    this.me = me;
    this.frames = sizes.frames;
    this.home = views.home;
    this.owner = views.owner;
    this.small = new Int32Array(sizes.frames);
    this.large = new Int32Array(sizes.superframes);
    for (let t = 0; t < sizes.threads; t++) {
      this.to.push(t === me ? undefined : new RingProducer(views.rings, rings[returnRing(sizes.threads, me, t)]));
      if (t !== me) this.from.push(new RingConsumer(views.rings, rings[returnRing(sizes.threads, t, me)]));
    }
    for (let slot = sizes.frames + sizes.superframes - 1; slot >= 0; slot--) {
      if (this.home[slot] === me && this.owner[slot] === SlotOwner.RESTING) this.keep(slot);
    }
  }

  /** Free small slots in the cache. */
  get freeFrames(): number {
    return this.smallCount;
  }

  /** Free superframe slots in the cache. */
  get freeSuperframes(): number {
    return this.largeCount;
  }

  /** Takes a small slot, or -1 when the pool is dry. */
  takeFrame(): number {
    if (this.smallCount === 0) this.collect();
    if (this.smallCount === 0) return -1;
    const slot = this.small[--this.smallCount];
    this.owner[slot] = this.me;
    return slot;
  }

  /** Takes a superframe slot, or -1 when the pool is dry. */
  takeSuperframe(): number {
    if (this.largeCount === 0) this.collect();
    if (this.largeCount === 0) return -1;
    const slot = this.large[--this.largeCount];
    this.owner[slot] = this.me;
    return slot;
  }

  /** Gives a slot back to its home. */
  give(slot: number): void {
    const home = this.home[slot];
    if (home === this.me) this.keep(slot);
    else {
      this.owner[slot] = SlotOwner.RETURNING - this.me;
      (this.to[home] as RingProducer).push(slot);
      this.dirty = true;
    }
  }

  /** Publishes what was given back to other homes; once per burst. */
  flush(): void {
    if (!this.dirty) return;
    this.dirty = false;
    for (let i = 0; i < this.to.length; i++) this.to[i]?.publish();
  }

  /** Brings home what others gave back. */
  collect(): void {
    for (let i = 0; i < this.from.length; i++) {
      for (;;) {
        const n = this.from[i].popList(this.incoming, 256);
        if (n === 0) break;
        for (let k = 0; k < n; k++) this.keep(this.incoming[k]);
      }
    }
  }

  private keep(slot: number): void {
    this.owner[slot] = SlotOwner.RESTING;
    if (slot < this.frames) this.small[this.smallCount++] = slot;
    else this.large[this.largeCount++] = slot;
  }
}
