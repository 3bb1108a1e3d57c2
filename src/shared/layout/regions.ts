/**
 * The five regions as one cloneable value: made once by main, opened by every thread that needs views of them.
 *
 * `frames` and `superframes` are two parts of one SharedArrayBuffer, so that a frame anywhere is one offset in one view; the
 * capture rings are behind them (layout/capture.ts), their meta is a buffer beside it. A SharedArrayBuffer's memory begins at page + 16, so each buffer is made a page larger
 * and its views begin at `pad` bytes, which is a page boundary.
 */
import { captureAreaBytes } from './capture.js';
import { allCounterWords } from './counters.js';
import { metaWords, offsetOfSlot, type PacketSizes, packetBytes, SlotOwner } from './packet.js';

const PAGE = 4096;

/** Sizes of all regions; fixed at start. */
export interface RegionSizes extends PacketSizes {
  readonly heapBytes: number;
  readonly ringBytes: number;
  /** Bytes of each thread's capture ring: a power of two from 256 KiB on, or 0 for none. */
  readonly captureBytes: number;
  /** Workers, main and generators. */
  readonly threads: number;
}

/** One buffer and where its page-aligned view begins. */
interface Aligned {
  readonly buffer: SharedArrayBuffer;
  readonly pad: number;
}

/** What travels to a worker. */
export interface Regions {
  readonly sizes: RegionSizes;
  readonly packet: Aligned;
  readonly meta: Aligned;
  readonly heap: Aligned;
  readonly counters: Aligned;
  readonly rings: Aligned;
}

/** Views of the regions; all of one thread. */
export interface Views {
  readonly sizes: RegionSizes;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly meta: Int32Array;
  /** Slot → byte offset of its beginning. */
  readonly slotOffset: Int32Array;
  /** Slot → thread that holds it, or a `SlotOwner`. */
  readonly owner: Int32Array;
  /** Slot → thread whose cache it returns to. */
  readonly home: Int32Array;
  readonly heap: Int32Array;
  readonly counters: Float64Array;
  readonly rings: Int32Array;
}

/** Bytes of each region, for the line printed at start. */
export function regionBytes(sizes: RegionSizes): Record<string, number> {
  const small = packetBytes({ frames: sizes.frames, superframes: 0 });
  return {
    frames: small + metaWords(sizes) * 4,
    superframes: packetBytes(sizes) - small,
    heap: sizes.heapBytes,
    counters: allCounterWords(sizes.threads) * 8,
    rings: sizes.ringBytes + captureAreaBytes(sizes.captureBytes, sizes.threads),
  };
}

/**
 * Makes the regions, fills the slot tables and deals every thread its home share of slots. `addressOf` gives the address
 * of a view. Main only, once.
 */
export function createRegions(sizes: RegionSizes, addressOf: (view: Uint8Array) => number): Regions {
  const align = (bytes: number): Aligned => {
    const buffer = new SharedArrayBuffer(bytes + PAGE);
    const misfit = addressOf(new Uint8Array(buffer)) % PAGE;
    return { buffer, pad: misfit === 0 ? 0 : PAGE - misfit };
  };
  const bytes = regionBytes(sizes);
  const regions = {
    sizes,
    packet: align(packetBytes(sizes) + captureAreaBytes(sizes.captureBytes, sizes.threads)),
    meta: align(metaWords(sizes) * 4),
    heap: align(sizes.heapBytes),
    counters: align(bytes.counters),
    rings: align(sizes.ringBytes),
  };
  const views = openRegions(regions);
  const slots = sizes.frames + sizes.superframes;
  for (let slot = 0; slot < slots; slot++) {
    views.slotOffset[slot] = offsetOfSlot(sizes, slot);
    views.owner[slot] = SlotOwner.RESTING;
    views.home[slot] = homeOf(sizes, slot);
  }
  return regions;
}

/** Slots are dealt in equal runs, frames and superframes apart; the last thread takes the remainder. */
function homeOf(sizes: RegionSizes, slot: number): number {
  const [n, of] = slot < sizes.frames ? [slot, sizes.frames] : [slot - sizes.frames, sizes.superframes];
  return Math.min(sizes.threads - 1, Math.floor(n / Math.max(1, Math.floor(of / sizes.threads))));
}

/** Opens views on the regions. Any thread. */
export function openRegions(regions: Regions): Views {
  const { sizes, packet, meta, heap, counters, rings } = regions;
  const slots = sizes.frames + sizes.superframes;
  const bytes = packetBytes(sizes) + captureAreaBytes(sizes.captureBytes, sizes.threads);
  return {
    sizes,
    u8: new Uint8Array(packet.buffer, packet.pad, bytes),
    u16: new Uint16Array(packet.buffer, packet.pad, bytes >> 1),
    i32: new Int32Array(packet.buffer, packet.pad, bytes >> 2),
    meta: new Int32Array(meta.buffer, meta.pad, slots * 8),
    slotOffset: new Int32Array(meta.buffer, meta.pad + slots * 32, slots),
    owner: new Int32Array(meta.buffer, meta.pad + slots * 36, slots),
    home: new Int32Array(meta.buffer, meta.pad + slots * 40, slots),
    heap: new Int32Array(heap.buffer, heap.pad, sizes.heapBytes >> 2),
    counters: new Float64Array(counters.buffer, counters.pad, (counters.buffer.byteLength - PAGE) >> 3),
    rings: new Int32Array(rings.buffer, rings.pad, sizes.ringBytes >> 2),
  };
}
