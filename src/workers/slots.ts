/**
 * Slots that outlive a burst: an output that keeps a frame (a memory port, a ring) gets a slot of its own here.
 *
 * A frame that goes nowhere else is moved, a flooded one is copied, and one in a slot that the TAP will read into again is
 * copied when it is short and moved, slot and all, when it is long (ARCHITECTURE.md, "Slots").
 *
 * At no instant is a slot nowhere, so that none is lost should this thread die (main/pool/worker-death.ts): one that leaves the burst
 * carries this worker's number first, and keeps it until it stands in a ring.
 */
import { Meta, Slot } from '../shared/layout/packet.js';
import { Ether } from '../shared/wire/ethernet.js';
import { BURST, type Context } from './context.js';

/** Below this many bytes a loop over words beats the call of `copyWithin` (60 B: 12 against 45 ns, Node 20.20). */
const SHORT_COPY = 256;

/** A slot that holds frame `i` and belongs to the caller, its owner this worker, or -1 if the pool is dry. */
export function keepFrame(ctx: Context, i: number): number {
  const from = ctx.slots[i];
  if (ctx.shared[i] === 0 && (!ctx.borrowed || i >= BURST)) {
    ctx.owner[from] = ctx.me;
    ctx.slots[i] = -1;
    return from;
  }
  return keepBorrowed(ctx, i, from, ctx.length[i]);
}

/** The same for a frame that others also get, or whose slot is the receiver's. */
function keepBorrowed(ctx: Context, i: number, from: number, length: number): number {
  if (ctx.shared[i] === 0 && length > Slot.FRAME_MAX) {
    ctx.owner[from] = ctx.me;
    ctx.slots[i] = -1;
    ctx.tapSlots[ctx.tapPlace[i]] = -1;
    return from;
  }
  const to = length <= Slot.FRAME_MAX ? ctx.cache.takeFrame() : ctx.cache.takeSuperframe();
  if (to !== -1) copyFrame(ctx, from, to);
  return to;
}

/** Gives the frame in `slot`, which is nobody else's, the tag of place `at` of the egress lists. */
export function setTag(ctx: Context, slot: number, at: number): void {
  const word = (slot << Meta.SHIFT) + Meta.PRIORITY;
  ctx.meta[word] = (ctx.meta[word] & 0xffff) | (ctx.egressTag[at] << 16);
}

/**
 * Makes sure that `bytes` bytes, and a virtio-net header, have room in front of frame `i` of a burst of the work list, in another slot if need
 * be. False if the pool is dry.
 */
export function makeRoom(ctx: Context, i: number, bytes: number): boolean {
  const from = ctx.slots[i];
  if (ctx.meta[(from << Meta.SHIFT) + Meta.OFFSET] - ctx.slotOffset[from] >= bytes + Slot.VNET_LENGTH) return true;
  const to = ctx.length[i] <= Slot.FRAME_MAX ? ctx.cache.takeFrame() : ctx.cache.takeSuperframe();
  if (to === -1) return false;
  copyFrame(ctx, from, to);
  ctx.workList.inherit(from, to);
  ctx.cache.give(from);
  ctx.slots[i] = to;
  return true;
}

/** Bytes that stay free in front of an outer header: link and virtio-net headers, or what main is told with a packet. */
const FRONT = Slot.VNET_LENGTH + Ether.LENGTH;

/**
 * Makes room for `bytes` bytes in front of byte `at` of frame `i`, which is in no other list: where that byte is then. In a slot whose headroom
 * other headers have taken, the frame moves back; -1 if it has no room behind it either.
 */
export function openFront(ctx: Context, i: number, at: number, bytes: number): number {
  const lack = ctx.slotOffset[ctx.slots[i]] + FRONT + bytes - at;
  return lack <= 0 ? at : moveBack(ctx, i, at, (lack + 3) & ~3);
}

function moveBack(ctx: Context, i: number, at: number, by: number): number {
  const slot = ctx.slots[i];
  const from = ctx.meta[(slot << Meta.SHIFT) + Meta.OFFSET];
  const end = from + ctx.length[i];
  const stride = slot < ctx.smallSlots ? Slot.FRAME_STRIDE : Slot.SUPER_STRIDE - Slot.COLOUR_STEP * Slot.COLOURS;
  if (end + by > ctx.slotOffset[slot] + stride) return -1;
  ctx.u8.copyWithin(from + by, from, end);
  ctx.meta[(slot << Meta.SHIFT) + Meta.OFFSET] += by;
  return at + by;
}

/** Copies frame and meta from one slot to another of enough room; the copy begins at the headroom. */
export function copyFrame(ctx: Context, from: number, to: number): void {
  const { meta, i32 } = ctx;
  const f = from << Meta.SHIFT;
  const t = to << Meta.SHIFT;
  const src = meta[f + Meta.OFFSET];
  const dst = ctx.slotOffset[to] + Slot.HEADROOM;
  const length = meta[f + Meta.LENGTH];
  meta[t + Meta.OFFSET] = dst;
  for (let w = Meta.LENGTH; w <= Meta.VNET2; w++) meta[t + w] = meta[f + w];
  if (length <= SHORT_COPY && (src & 3) === 0) {
    const end = (length + 3) >> 2;
    const s = src >> 2;
    const d = dst >> 2;
    for (let w = 0; w < end; w++) i32[d + w] = i32[s + w];
  } else {
    ctx.u8.copyWithin(dst, src, src + length);
  }
}
