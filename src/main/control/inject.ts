/**
 * Frames that the router itself sends out of an interface, as a bpf(4) write does: `smrctl inject` (spec A §1.11, A51).
 *
 * Main takes a slot of its own, fills it and puts it on its ring to the worker that sends for the interface; a port's bridge
 * does not see it. Main only.
 */
import { Lane, laneOf, Work, workLane } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, PortFlag } from '../../shared/layout/heap.js';
import { DEFAULT_PRIORITY, Meta, Slot, SlotOwner } from '../../shared/layout/packet.js';
import { ringDoorbell } from '../../shared/ring/doorbell.js';
import { RingProducer } from '../../shared/ring/ring.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { vnetClear } from '../../shared/wire/vnet.js';
import { ControlError } from '../errors.js';
import type { Memory } from '../memory/memory.js';
import type { Live } from './interface-table.js';

export class Injector {
  private readonly memory: Memory;
  private readonly rings: RingProducer[];

  constructor(memory: Memory) {
    this.memory = memory;
    const { workers, workerRings, views } = memory;
    this.rings = Array.from(
      { length: workers },
      (_, w) => new RingProducer(views.rings, workerRings[workers * workers + w]),
    );
  }

  /**
   * Sends `bytes`, a frame of 14 to 65 549 bytes. Throws EINVAL (length), ENODEV (a veb sends nothing itself), ENXIO (a span
   * port), ENETDOWN, ENOBUFS (no slot, or no room in the ring).
   */
  send(live: Live, bytes: Uint8Array): void {
    const { views, cache, me } = this.memory;
    const record = ifRecord(live.index);
    if (bytes.length < Ether.LENGTH || bytes.length > Slot.SUPER_MAX) {
      throw new ControlError('EINVAL', `a frame has ${Ether.LENGTH} to ${Slot.SUPER_MAX} bytes, not ${bytes.length}`);
    }
    if (live.type === 'veb') throw new ControlError('ENODEV', `${live.name}: a veb sends nothing itself`);
    if ((views.heap[record + If.PORT_FLAGS] & PortFlag.SPAN) !== 0) {
      throw new ControlError('ENXIO', `${live.name}: a span port sends copies alone`);
    }
    if ((views.heap[record + If.FLAGS] & IfFlag.RUNNING) === 0)
      throw new ControlError('ENETDOWN', `${live.name}: down`);
    // A TAP is written by any worker, a memory port by its owner.
    const worker = views.heap[record + If.OWNER];
    const ring = this.rings[worker] as RingProducer;
    const slot = bytes.length <= Slot.FRAME_MAX ? cache.takeFrame() : cache.takeSuperframe();
    if (slot === -1) throw new ControlError('ENOBUFS', 'no free slot');
    if (ring.room(1) < 1) {
      cache.give(slot);
      throw new ControlError('ENOBUFS', `worker ${worker} has not taken what was injected before`);
    }
    const m = slot << Meta.SHIFT;
    const offset = views.slotOffset[slot] + Slot.HEADROOM;
    views.u8.set(bytes, offset);
    views.meta[m + Meta.OFFSET] = offset;
    views.meta[m + Meta.LENGTH] = bytes.length;
    views.meta[m + Meta.INGRESS] = 0;
    views.meta[m + Meta.EGRESS] = live.index | (live.generation << 16);
    views.meta[m + Meta.PRIORITY] = DEFAULT_PRIORITY;
    vnetClear(views.meta, m);
    views.owner[slot] = SlotOwner.QUEUED;
    views.counters[laneOf(me, live.index) + Lane.ORIGINATED] += 1;
    views.counters[workLane(views.sizes.threads, me) + Work.HANDED_OUT] += 1;
    ring.push(slot);
    ring.publish();
    ringDoorbell(views.heap, worker);
  }
}
