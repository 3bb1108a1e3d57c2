/**
 * Virtual hops (vport, rport, tunnels) are deferred: a frame goes on the worker's own list and the loop takes it up next, so that no path
 * recurses (house.md, "The way of a packet"). Runs on a worker.
 *
 * A frame may take at most HOPS_MOST virtual hops, and leave by an rport or a tunnel once (spec A §5.2, E12). What it has behind it is its trail,
 * eight words a slot of this worker's own memory: only frames on the list have one. To main and back it goes at the begin of the slot, so
 * that a loop through main ends as well; to another worker it does not go.
 */
import { Drop } from '../shared/counter/drop-reason.js';
import { Meta, SlotOwner, TRAIL_WORDS } from '../shared/layout/packet.js';
import { BURST, type Context } from './context.js';
import { drop, dropCopy } from './drop.js';
import { keepFrame } from './slots.js';

/** What is next for a frame on the list. */
export const enum Hop {
  /** From the stack by a vport into its bridge. */
  VEB_INPUT = 0,
  /** From a bridge by a vport to the stack. */
  STACK_INPUT = 1,
  /** Out of an rport, to its peer. */
  RPORT = 2,
  /** A packet made here, out by the routes of the domain in its meta's EGRESS (inet/ip-output.ts). */
  IP_OUTPUT = 3,
  /** A packet made here for an address of ours, into local input. */
  LOCAL_INPUT = 4,
  /** Out of a tunnel, to be encapsulated. */
  TUNNEL_OUTPUT = 5,
  /** A frame that came by a tunnel, into the tunnel interface's bridge or our own stack. */
  FRAME_INPUT = 6,
}

/** Whether a frame may leave by an interface in this way only once. */
function once(work: Hop): boolean {
  return work === Hop.RPORT || work === Hop.TUNNEL_OUTPUT;
}

/** Most virtual hops of a frame. */
export const HOPS_MOST = 16;
/** Most frames on the list. */
const LIST = 4096;
/** Words of a trail: the number of hops, then the rports and tunnels left by, three a word, the newest last. */
const enum Trail {
  SHIFT = 3,
  /** Hops, and from EXITED on the number of exits: no more of those below have a meaning. */
  HOPS = 0,
  EXITED = 8,
  HOPS_MASK = 0xff,
  EXITS = 1,
}

export class WorkList {
  private readonly slots = new Int32Array(LIST);
  private readonly what = new Int32Array(LIST);
  private readonly trail: Int32Array;
  private head = 0;
  private tail = 0;
  /** How many frames find room beside those that are set aside. */
  private room = LIST;

  constructor(slots: number) {
    this.trail = new Int32Array(slots << Trail.SHIFT);
  }

  get length(): number {
    return (this.tail - this.head) | 0;
  }

  /**
   * Puts frame `i` of the burst on the list for interface `index`. Without room, or after too many hops, it is dropped there. An
   * rport or tunnel that it has left by before drops it too (EIO, A106, A123).
   */
  defer(ctx: Context, i: number, index: number, work: Hop): void {
    // As most are: the first hop of a frame that is nobody else's.
    const plain = !ctx.fromList && !ctx.borrowed && ctx.shared[i] === 0 && ctx.hops[i] === 0;
    if (plain && this.length !== this.room) this.appendFirst(ctx, i, index, work);
    else this.deferAny(ctx, i, index, work);
  }

  /** The same of any frame. */
  private deferAny(ctx: Context, i: number, index: number, work: Hop): void {
    const from = ctx.slots[i];
    const refused = this.refusal(ctx, i, from, index, work);
    if (refused !== -1) {
      drop(ctx, i, index, refused);
      return;
    }
    const slot = keepFrame(ctx, i);
    if (slot === -1) drop(ctx, i, index, Drop.NO_SLOT);
    else this.append(ctx, i, from, slot, index, work);
  }

  /** Puts `slot` on the list, made of frame `i` of the burst, whose trail it shares. What `defer` would drop goes home, and is counted. */
  put(ctx: Context, slot: number, i: number, index: number, work: Hop): void {
    const from = ctx.slots[i];
    const refused = this.refusal(ctx, i, from, index, work);
    if (refused === -1) {
      this.append(ctx, i, from, slot, index, work);
      return;
    }
    dropCopy(ctx, index, refused);
    ctx.cache.give(slot);
  }

  /** Hops that frame `i` of the burst had behind it when it was taken from the list. */
  hopsOf(ctx: Context, i: number): number {
    return ctx.fromList ? this.trail[(ctx.slots[i] << Trail.SHIFT) + Trail.HOPS] & Trail.HOPS_MASK : 0;
  }

  /** Why frame `i`, or one made of it, in slot `from` may not take this hop, or -1. */
  private refusal(ctx: Context, i: number, from: number, index: number, work: Hop): Drop | -1 {
    const trail = from << Trail.SHIFT;
    const hops = (ctx.fromList ? this.trail[trail + Trail.HOPS] & Trail.HOPS_MASK : 0) + ctx.hops[i];
    if (hops >= HOPS_MOST || (once(work) && ctx.fromList && this.hasLeftBy(trail, index))) return Drop.LOOP;
    return this.length === this.room ? Drop.RING_FULL : -1;
  }

  /** Puts frame `i`, slot and all, at the list's end with a trail of this hop alone. */
  private appendFirst(ctx: Context, i: number, index: number, work: Hop): void {
    const slot = ctx.slots[i];
    const trail = slot << Trail.SHIFT;
    // Without exits the second word has no meaning.
    this.trail[trail + Trail.HOPS] = once(work) ? 1 | (1 << Trail.EXITED) : 1;
    this.trail[trail + Trail.EXITS] = index;
    this.push(ctx, slot, index, work);
    ctx.slots[i] = -1;
  }

  /** Puts `slot` at the list's end with the trail of slot `from` and one hop more. */
  private append(ctx: Context, i: number, from: number, slot: number, index: number, work: Hop): void {
    const source = from << Trail.SHIFT;
    const to = slot << Trail.SHIFT;
    const before = ctx.fromList ? this.trail[source + Trail.HOPS] : 0;
    let exits = before >> Trail.EXITED;
    // A loop: a call of `copyWithin` costs more than eight words.
    if (exits !== 0 && to !== source) {
      for (let w = Trail.EXITS; w < 1 << Trail.SHIFT; w++) this.trail[to + w] = this.trail[source + w];
    }
    if (once(work)) {
      // An index has 10 bits, so three fit a word.
      const at = to + Trail.EXITS + ((exits / 3) | 0);
      const bits = (exits % 3) * 10;
      this.trail[at] = bits === 0 ? index : this.trail[at] | (index << bits);
      exits++;
    }
    this.trail[to + Trail.HOPS] = ((before & Trail.HOPS_MASK) + ctx.hops[i] + 1) | (exits << Trail.EXITED);
    this.push(ctx, slot, index, work);
  }

  private push(ctx: Context, slot: number, index: number, work: Hop): void {
    const at = this.tail & (LIST - 1);
    // The list is no ring: should this thread die, its owner says where the slot was (worker-death.ts).
    ctx.owner[slot] = ctx.me;
    this.slots[at] = slot;
    this.what[at] = index | (work << 16);
    this.tail = (this.tail + 1) | 0;
  }

  /**
   * Writes what frame `i`, taken from slot `from`, has behind it to the begin of `slot`, which holds it now and is going to main. False if it
   * has taken no hop.
   */
  writeTrail(ctx: Context, i: number, from: number, slot: number): boolean {
    const source = from << Trail.SHIFT;
    const before = ctx.fromList ? this.trail[source + Trail.HOPS] : 0;
    if (before === 0 && ctx.hops[i] === 0) return false;
    const at = ctx.slotOffset[slot];
    // Headers may have taken the room; then it is the TTL that ends a loop.
    if (ctx.meta[(slot << Meta.SHIFT) + Meta.OFFSET] - at < TRAIL_WORDS << 2) return false;
    const w = at >> 2;
    ctx.i32[w] = before + ctx.hops[i];
    for (let k = Trail.EXITS; k < TRAIL_WORDS; k++) ctx.i32[w + k] = this.trail[source + k];
    return true;
  }

  /** Gives frame `i`, which main has injected, the trail at the begin of its slot if it is `marked`, else an empty one. */
  readTrail(ctx: Context, i: number, marked: boolean): void {
    const to = ctx.slots[i] << Trail.SHIFT;
    if (!marked) {
      this.trail[to + Trail.HOPS] = 0;
      return;
    }
    const w = ctx.slotOffset[ctx.slots[i]] >> 2;
    for (let k = 0; k < TRAIL_WORDS; k++) this.trail[to + k] = ctx.i32[w + k];
  }

  /** Gives the frame in slot `to`, made of the one in `from` of a burst of the list, that one's trail. */
  inherit(from: number, to: number): void {
    const source = from << Trail.SHIFT;
    this.trail.copyWithin(to << Trail.SHIFT, source, source + (1 << Trail.SHIFT));
  }

  /** Whether the frame in `slot`, of a burst of the list, has left by an rport or a tunnel. */
  hasLeft(slot: number): boolean {
    return this.trail[(slot << Trail.SHIFT) + Trail.HOPS] >> Trail.EXITED !== 0;
  }

  private hasLeftBy(trail: number, index: number): boolean {
    const exits = this.trail[trail + Trail.HOPS] >> Trail.EXITED;
    for (let exit = 0; exit < exits; exit++) {
      if (((this.trail[trail + Trail.EXITS + ((exit / 3) | 0)] >> ((exit % 3) * 10)) & 0x3ff) === index) return true;
    }
    return false;
  }

  /**
   * Takes the next frames that have the same way before them into the burst. Returns index | work << 16, or -1 when the list is empty.
   */
  take(ctx: Context): number {
    const most = Math.min(this.length, BURST);
    if (most === 0) return -1;
    const { head, slots: list, what: works } = this;
    const { slots, owner, length, meta } = ctx;
    const what = works[head & (LIST - 1)];
    let n = 0;
    let bytes = 0;
    while (n < most && works[(head + n) & (LIST - 1)] === what) {
      const slot = list[(head + n) & (LIST - 1)];
      // In hand again: the ledger has it now, and whoever it is given to need not be told that it is no longer ours.
      slots[n] = slot;
      owner[slot] = SlotOwner.QUEUED;
      const one = meta[(slot << Meta.SHIFT) + Meta.LENGTH];
      length[n] = one;
      bytes += one;
      n++;
    }
    this.head = (head + n) | 0;
    ctx.n = n;
    ctx.bytes = bytes;
    ctx.borrowed = false;
    ctx.offloads = true;
    ctx.fromList = true;
    ctx.ingress = what & 0xffff;
    return what;
  }

  /** Puts all but the first `n` frames of the burst just taken back to where they were. */
  giveBack(ctx: Context, n: number): void {
    for (let i = ctx.n - 1; i >= n; i--) {
      ctx.owner[ctx.slots[i]] = ctx.me;
      ctx.slots[i] = -1;
      ctx.bytes -= ctx.length[i];
      this.head = (this.head - 1) | 0;
    }
    ctx.n = n;
  }

  /** Hides all that is on the list, so that what comes now is by itself. Returns how much that is, for `bringBack`. */
  setAside(): number {
    const { length } = this;
    this.room -= length;
    this.head = this.tail;
    return length;
  }

  /** The list, which is empty, is again the `length` frames that were set aside last, when it ended at `tail`. */
  bringBack(length: number, tail: number): void {
    this.head = (tail - length) | 0;
    this.tail = tail;
    this.room += length;
  }

  /** Where the list ends. */
  get end(): number {
    return this.tail;
  }
}
