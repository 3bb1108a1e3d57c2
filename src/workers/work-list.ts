/**
 * Virtual hops (vport, rport) are deferred: a frame goes on the worker's own list and the loop takes it up next, so that no path
 * recurses (house.md, "The way of a packet"). Runs on a worker.
 *
 * A frame may take at most HOPS_MOST virtual hops, and leave by an rport once (spec A §5.2). What it has behind it is its trail,
 * four words a slot of this worker's own memory: only frames on the list have one, and they never leave the thread with it.
 */
import { Drop } from '../shared/counter/drop-reason.js';
import { Meta } from '../shared/layout/packet.js';
import { BURST, type Context } from './context.js';
import { drop } from './drop.js';
import { keepFrame } from './slots.js';

/** What is next for a frame on the list. */
export const enum Hop {
  /** From the stack by a vport into its bridge. */
  VEB_INPUT = 0,
  /** From a bridge by a vport to the stack. */
  STACK_INPUT = 1,
  /** Out of an rport, to its peer. */
  RPORT = 2,
}

/** Most virtual hops of a frame. */
export const HOPS_MOST = 16;
/** Most frames on the list. */
const LIST = 4096;
/** Words of a trail: the number of hops, then the rports, three a word, the newest last. */
const enum Trail {
  SHIFT = 3,
  HOPS = 0,
  RPORTS = 1,
}

export class WorkList {
  private readonly slots = new Int32Array(LIST);
  private readonly what = new Int32Array(LIST);
  private readonly trail: Int32Array;
  private head = 0;
  private tail = 0;

  constructor(slots: number) {
    this.trail = new Int32Array(slots << Trail.SHIFT);
  }

  get length(): number {
    return (this.tail - this.head) | 0;
  }

  /**
   * Puts frame `i` of the burst on the list for interface `index`. Without room, or after too many hops, it is dropped there. An
   * rport that it has left by before drops it too (EIO, A106).
   */
  defer(ctx: Context, i: number, index: number, work: Hop): void {
    const from = ctx.slots[i] << Trail.SHIFT;
    const hops = ctx.fromList ? this.trail[from + Trail.HOPS] : 0;
    if (hops >= HOPS_MOST || (work === Hop.RPORT && hops > 0 && this.hasLeftBy(from, index))) {
      drop(ctx, i, index, Drop.LOOP);
      return;
    }
    if (this.length === LIST) {
      drop(ctx, i, index, Drop.RING_FULL);
      return;
    }
    const slot = keepFrame(ctx, i);
    if (slot === -1) {
      drop(ctx, i, index, Drop.NO_SLOT);
      return;
    }
    const to = slot << Trail.SHIFT;
    if (hops === 0) this.trail.fill(0, to, to + (1 << Trail.SHIFT));
    else if (to !== from) this.trail.copyWithin(to, from, from + (1 << Trail.SHIFT));
    this.trail[to + Trail.HOPS] = hops + 1;
    // An index has 10 bits, so three fit a word; 0 is no interface.
    if (work === Hop.RPORT) this.trail[to + Trail.RPORTS + ((hops / 3) | 0)] |= index << ((hops % 3) * 10);
    this.slots[this.tail & (LIST - 1)] = slot;
    this.what[this.tail & (LIST - 1)] = index | (work << 16);
    this.tail = (this.tail + 1) | 0;
  }

  private hasLeftBy(trail: number, index: number): boolean {
    for (let hop = 0; hop < HOPS_MOST; hop++) {
      if (((this.trail[trail + Trail.RPORTS + ((hop / 3) | 0)] >> ((hop % 3) * 10)) & 0x3ff) === index) return true;
    }
    return false;
  }

  /**
   * Takes the next frames that have the same way before them into the burst. Returns index | work << 16, or -1 when the list is empty.
   */
  take(ctx: Context): number {
    if (this.length === 0) return -1;
    const what = this.what[this.head & (LIST - 1)];
    let n = 0;
    let bytes = 0;
    while (n < BURST && this.length > 0 && this.what[this.head & (LIST - 1)] === what) {
      const slot = this.slots[this.head & (LIST - 1)];
      this.head = (this.head + 1) | 0;
      ctx.slots[n] = slot;
      ctx.length[n] = ctx.meta[(slot << Meta.SHIFT) + Meta.LENGTH];
      bytes += ctx.length[n];
      n++;
    }
    ctx.n = n;
    ctx.bytes = bytes;
    ctx.borrowed = false;
    ctx.offloads = true;
    ctx.fromList = true;
    ctx.ingress = what & 0xffff;
    return what;
  }
}
