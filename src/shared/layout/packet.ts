/**
 * The packet regions: `frames` (small slots) and `superframes` (64 KiB class), and the frame meta beside them.
 *
 * One number space: slots 0 … frames-1 are small, the rest are superframes; `slotOffset[slot]` is where a slot begins in
 * the packet view. Whoever holds a slot writes its bytes and its meta; nobody else may. A slot has a home thread, whose
 * cache it returns to; `owner` says which thread holds it now.
 *
 * Each enum member below names one word: its writer (W) and readers (R).
 */

/** Geometry of slots, in bytes. */
export const enum Slot {
  /** A small slot: an AF_XDP UMEM chunk. */
  FRAME_STRIDE = 2048,
  /** Room in front of a frame for tunnel headers and the virtio-net header. */
  HEADROOM = 256,
  /** 256 headroom + 12 + 14 + 65 535 does not fit 64 KiB, so 68 KiB. */
  SUPER_STRIDE = 69632,
  /** Superframes begin this many bytes further on each, so that their first lines do not share one cache set. */
  COLOUR_STEP = 128,
  COLOURS = 29,
  /** The longest frame a small slot holds. */
  FRAME_MAX = 1792,
  /** The longest frame at all: Ethernet header and a 16-bit IP length. */
  SUPER_MAX = 65549,
  /** Length of the virtio-net header (with num_buffers) in front of a TAP's frame. */
  VNET_LENGTH = 12,
}

/** Frame meta: 8 words a slot, one half cache line. W and R: the thread that holds the slot. */
export const enum Meta {
  /** `slot << SHIFT` is the index of its first word. */
  SHIFT = 3,
  /** Where the frame begins, in bytes from the start of the packet view; always even. W/R: holder. */
  OFFSET = 0,
  /** Frame length in bytes, Ethernet header included. W/R: holder. */
  LENGTH = 1,
  /** When handed to another worker: the interface index it was received on; within a burst all have the same. W/R: holder. */
  INGRESS = 2,
  /**
   * When handed to another worker: the interface it leaves by, index | generation << 16; negative: the one it was received on, of a
   * packet to us that main put together. W/R: holder.
   */
  EGRESS = 3,
  /** Priority 0 to 7 | tag << 16, a number that main has a name for; tag 0 = none. W/R: holder. */
  PRIORITY = 4,
  /** virtio-net: flags | gso_type << 8 | hdr_len << 16. W/R: holder. */
  VNET0 = 5,
  /** virtio-net: gso_size | csum_start << 16. W/R: holder. */
  VNET1 = 6,
  /**
   * virtio-net: csum_offset. In the high half, bytes of tunnel headers from the first IP header to the packet that the offloads are of;
   * what is a superframe with some goes to no device as it is (device/segment.ts). W/R: holder.
   */
  VNET2 = 7,
}

/** Address families as OpenBSD numbers them, in `Meta.INGRESS` of a packet on an rport. */
export const enum Af {
  INET = 2,
  INET6 = 24,
  MPLS = 33,
}

/** In `Meta.INGRESS` of an IP packet that main injects: a worker routes it in the domain that is or'ed in. */
export const INJECT_ROUTED = 0x10000;
/** The same: the trail that it came to main with stands at the begin of its slot. */
export const INJECT_TRAIL = 0x20000;

/**
 * A frame's trail of virtual hops (workers/work-list.ts): so many words. While the frame is on its way to main and back they stand at the
 * begin of its slot. W/R: who holds the slot.
 */
export const TRAIL_WORDS = 8;

/** Priority of a frame that nobody gave another (spec A §0.4). */
export const DEFAULT_PRIORITY = 3;

/**
 * Values of a slot's owner word besides a thread number. W: the thread that takes, gives or sends the slot. R: main, when a
 * worker has died and it must be known what that one held.
 */
export const enum SlotOwner {
  /** In its home's cache. */
  RESTING = -1,
  /** In a ring between a host and a worker or between two workers, or in the burst of the worker that took it from one. */
  QUEUED = -2,
  /** In the rings of an AF_XDP socket; less the number of the interface. */
  DEVICE = -64,
  /** In a return ring on the way to its home; less the number of the thread that gave it back. */
  RETURNING = -16,
}

/** Sizes the packet regions are made with. */
export interface PacketSizes {
  /** Small slots. */
  readonly frames: number;
  /** 68 KiB slots. */
  readonly superframes: number;
}

/** Bytes the two packet regions take together. */
export function packetBytes(sizes: PacketSizes): number {
  return sizes.frames * Slot.FRAME_STRIDE + sizes.superframes * Slot.SUPER_STRIDE;
}

/** Words of the meta region: meta, slot offsets, owners and homes of all slots. */
export function metaWords(sizes: PacketSizes): number {
  return (sizes.frames + sizes.superframes) * (8 + 3);
}

/** Where slot `slot` begins, in bytes from the start of the packet view. */
export function offsetOfSlot(sizes: PacketSizes, slot: number): number {
  if (slot < sizes.frames) return slot * Slot.FRAME_STRIDE;
  const n = slot - sizes.frames;
  return sizes.frames * Slot.FRAME_STRIDE + n * Slot.SUPER_STRIDE + (n % Slot.COLOURS) * Slot.COLOUR_STEP;
}
