/**
 * The host's side of a memory port, on main: puts frames in and takes frames out, byte for byte (tests, the lab without root).
 */
import { If, ifRecord } from '../../shared/layout/heap.js';
import { DEFAULT_PRIORITY, Meta, Slot, SlotOwner } from '../../shared/layout/packet.js';
import { ringDoorbell } from '../../shared/ring/doorbell.js';
import { RingConsumer, RingProducer } from '../../shared/ring/ring.js';
import { vnetClear } from '../../shared/wire/vnet.js';
import type { Live } from '../control/interface-table.js';
import type { Memory } from './memory.js';

/** The three meta words of a virtio-net header, as in `Meta.VNET0…2`. */
export type VnetWords = readonly [number, number, number];

/** A frame as any device takes and gives it. */
export interface DeviceFrame {
  readonly bytes: Uint8Array;
  readonly vnet: VnetWords;
}

/** A frame as the host of a memory port sees it. */
export interface HostFrame extends DeviceFrame {
  /** 0 to 7. */
  readonly priority: number;
  /** Number of the tag that a rule gave it; 0 = none. */
  readonly tag: number;
}

export class MemoryHost {
  private readonly memory: Memory;
  private readonly owner: number;
  private readonly toPort: RingProducer;
  private readonly fromPort: RingConsumer;
  private readonly taken = new Int32Array(256);

  constructor(memory: Memory, port: Live) {
    const { heap, rings } = memory.views;
    const record = ifRecord(port.index);
    this.memory = memory;
    this.owner = heap[record + If.OWNER];
    this.toPort = new RingProducer(rings, heap[record + If.RX_RING]);
    this.fromPort = new RingConsumer(rings, heap[record + If.TX_RING]);
  }

  /**
   * Sends one frame of up to 65 549 bytes into the port; any length, also one that the port will refuse; `priority` is 0 to 7.
   * Returns false when no slot is free or the port's ring is full.
   */
  send(bytes: Uint8Array, vnet?: VnetWords, priority: number = DEFAULT_PRIORITY): boolean {
    const { views, cache } = this.memory;
    if (this.toPort.room(1) < 1) return false;
    const slot = bytes.length <= Slot.FRAME_MAX ? cache.takeFrame() : cache.takeSuperframe();
    if (slot === -1) return false;
    const m = slot << Meta.SHIFT;
    const offset = views.slotOffset[slot] + Slot.HEADROOM;
    views.u8.set(bytes, offset);
    views.meta[m + Meta.OFFSET] = offset;
    views.meta[m + Meta.LENGTH] = bytes.length;
    views.meta[m + Meta.PRIORITY] = priority;
    vnetClear(views.meta, m);
    if (vnet !== undefined) views.meta.set(vnet, m + Meta.VNET0);
    views.owner[slot] = SlotOwner.QUEUED;
    this.toPort.push(slot);
    this.toPort.publish();
    ringDoorbell(views.heap, this.owner);
    return true;
  }

  /** Takes every frame the port has sent. */
  receive(): HostFrame[] {
    const { views, cache } = this.memory;
    const frames: HostFrame[] = [];
    for (let n = this.fromPort.popList(this.taken, 256); n > 0; n = this.fromPort.popList(this.taken, 256)) {
      for (let i = 0; i < n; i++) {
        const slot = this.taken[i];
        const m = slot << Meta.SHIFT;
        const offset = views.meta[m + Meta.OFFSET];
        const bytes = views.u8.slice(offset, offset + views.meta[m + Meta.LENGTH]);
        const priority = views.meta[m + Meta.PRIORITY];
        frames.push({
          bytes,
          vnet: [views.meta[m + Meta.VNET0], views.meta[m + Meta.VNET1], views.meta[m + Meta.VNET2] & 0xffff],
          priority: priority & 0xffff,
          tag: priority >>> 16,
        });
        cache.give(slot);
      }
    }
    cache.flush();
    return frames;
  }
}
