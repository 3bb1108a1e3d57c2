/**
 * Frames that the router itself sends out of an interface, as a bpf(4) write does: `smrctl inject` (spec A §1.11, A51).
 *
 * Main takes a slot of its own, fills it and puts it on its ring to the worker that sends for the interface; a port's bridge
 * does not see it. Main only.
 */
import { Lane, laneOf, Work, workLane } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, PortFlag } from '../../shared/layout/heap.js';
import {
  Af,
  DEFAULT_PRIORITY,
  INJECT_ROUTED,
  INJECT_TRAIL,
  Meta,
  Slot,
  SlotOwner,
} from '../../shared/layout/packet.js';
import { ringDoorbell } from '../../shared/ring/doorbell.js';
import { RingProducer } from '../../shared/ring/ring.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { vnetClear } from '../../shared/wire/vnet.js';
import { ControlError } from '../errors.js';
import type { Memory } from '../memory/memory.js';
import type { Superframe } from '../stack/packet.js';
import type { Live } from './interface-table.js';

/** Bytes of the header of capture type LOOP: an address family. */
const LOOP_LENGTH = 4;
/** Bytes of a tag in a frame. */
const TAG_LENGTH = 4;
/** Bit of `Meta.EGRESS` of a packet that goes to local input. */
const HAND_BACK = 1 << 31;

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
   * Sends `bytes`: an Ethernet frame whose packet is no longer than the MTU; on an rport a LOOP header, the address family in four bytes, most
   * significant first, and a packet of 1 byte to the MTU (spec A §8.1). Throws EINVAL (length), ENODEV (a veb, a loopback or a VRF sends
   * nothing itself), ENXIO (a span port), ENETDOWN (down, or a vport on no bridge), EAFNOSUPPORT, EMSGSIZE, ENOBUFS (no slot, or
   * no room in the ring).
   */
  send(live: Live, bytes: Uint8Array): void {
    if (live.type === 'veb' || live.type === 'lo' || live.type === 'vrf') {
      throw new ControlError('ENODEV', `${live.name}: a ${live.type} sends nothing itself`);
    }
    if (live.type === 'rport') this.sendPacket(live, bytes);
    else this.sendFrame(live, bytes);
  }

  private sendFrame(live: Live, bytes: Uint8Array): void {
    const { views } = this.memory;
    const record = ifRecord(live.index);
    if (bytes.length < Ether.LENGTH || bytes.length > Slot.SUPER_MAX) {
      throw new ControlError('EINVAL', `a frame has ${Ether.LENGTH} to ${Slot.SUPER_MAX} bytes, not ${bytes.length}`);
    }
    if ((views.heap[record + If.PORT_FLAGS] & PortFlag.SPAN) !== 0) {
      throw new ControlError('ENXIO', `${live.name}: a span port sends copies alone`);
    }
    this.requireRunning(live);
    if (live.type === 'vport' && views.heap[record + If.BRIDGE] === 0) {
      throw new ControlError('ENETDOWN', `${live.name}: on no bridge`);
    }
    const mtu = views.heap[record + If.MTU];
    const length = bytes.length - (isTagged(bytes) ? Ether.LENGTH + TAG_LENGTH : Ether.LENGTH);
    if (length > mtu) {
      throw new ControlError('EMSGSIZE', `${live.name}: a packet of ${length} bytes, the MTU is ${mtu}`);
    }
    this.putOrThrow(live, bytes, 0);
  }

  /** Spec A §5.2: the errors in that order. */
  private sendPacket(live: Live, bytes: Uint8Array): void {
    const length = bytes.length - LOOP_LENGTH;
    if (length < 1) throw new ControlError('EINVAL', 'a packet begins behind four bytes of address family');
    this.requireRunning(live);
    const family = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    if (family !== Af.INET && family !== Af.INET6 && family !== Af.MPLS) {
      throw new ControlError('EAFNOSUPPORT', `${live.name}: family ${family} is neither IPv4 nor IPv6 nor MPLS`);
    }
    const mtu = this.memory.views.heap[ifRecord(live.index) + If.MTU];
    if (length > mtu)
      throw new ControlError('EMSGSIZE', `${live.name}: a packet of ${length} bytes, the MTU is ${mtu}`);
    this.putOrThrow(live, bytes.subarray(LOOP_LENGTH), family);
  }

  private requireRunning(live: Live): void {
    const running = (this.memory.views.heap[ifRecord(live.index) + If.FLAGS] & IfFlag.RUNNING) !== 0;
    if (!running) throw new ControlError('ENETDOWN', `${live.name}: down`);
  }

  private putOrThrow(live: Live, bytes: Uint8Array, family: number): void {
    if (!this.put(live, bytes, family, false)) {
      throw new ControlError('ENOBUFS', 'no free slot, or no room in the ring');
    }
  }

  /**
   * Sends what the stack made, or what it was given on its way through (`forwarded`): an Ethernet frame, or an IP packet on a
   * point-to-point interface. `trail` is what it has behind it, if it came by virtual hops. False if the interface is down or there is no
   * room: then nothing is counted.
   */
  transmit(live: Live, bytes: Uint8Array, forwarded: boolean, trail?: Int32Array, superframe?: Superframe): boolean {
    const running = (this.memory.views.heap[ifRecord(live.index) + If.FLAGS] & IfFlag.RUNNING) !== 0;
    const family = live.type === 'rport' ? familyOf(bytes) : 0;
    return running && bytes.length <= Slot.SUPER_MAX && this.put(live, bytes, family, forwarded, trail, 0, superframe);
  }

  /** Has a worker send an IP packet by the routes of a domain; it is booked by `live`. As `transmit` for the rest. */
  sendRouted(
    live: Live,
    rdomain: number,
    bytes: Uint8Array,
    forwarded: boolean,
    trail?: Int32Array,
    superframe?: Superframe,
  ): boolean {
    const where = INJECT_ROUTED | rdomain;
    return bytes.length <= Slot.SUPER_MAX && this.put(live, bytes, where, forwarded, trail, 0, superframe);
  }

  /** Gives a packet to us, received on an interface, to a worker. False if there is no room: then nothing is counted. */
  handBack(live: Live, packet: Uint8Array, trail?: Int32Array): boolean {
    return packet.length <= Slot.SUPER_MAX && this.put(live, packet, 0, false, trail, HAND_BACK);
  }

  /** `family` is that of a packet for an rport, INJECT_ROUTED and a domain of one that is to be routed, else 0; `bits` are or'ed into the word that says where it goes. */
  private put(
    live: Live,
    bytes: Uint8Array,
    family: number,
    forwarded: boolean,
    trail?: Int32Array,
    bits = 0,
    superframe?: Superframe,
  ): boolean {
    const { views, cache, me } = this.memory;
    // A TAP is written by any worker, a memory port by its owner.
    const worker = views.heap[ifRecord(live.index) + If.OWNER];
    const ring = this.rings[worker] as RingProducer;
    if (ring.room(1) < 1) return false;
    const slot = bytes.length <= Slot.FRAME_MAX ? cache.takeFrame() : cache.takeSuperframe();
    if (slot === -1) return false;
    const m = slot << Meta.SHIFT;
    const offset = views.slotOffset[slot] + Slot.HEADROOM;
    views.u8.set(bytes, offset);
    views.meta[m + Meta.OFFSET] = offset;
    views.meta[m + Meta.LENGTH] = bytes.length;
    views.meta[m + Meta.INGRESS] = trail === undefined ? family : family | INJECT_TRAIL;
    if (trail !== undefined) views.i32.set(trail, views.slotOffset[slot] >> 2);
    views.meta[m + Meta.EGRESS] = live.index | (live.generation << 16) | bits;
    views.meta[m + Meta.PRIORITY] = DEFAULT_PRIORITY;
    if (superframe === undefined) vnetClear(views.meta, m);
    else {
      // Without a family it is a frame, and the packet behind its header.
      const from = family === 0 ? Ether.LENGTH << 16 : 0;
      const [word0, word1, word2] = superframe.words;
      views.meta.set([word0 >>> 16 === 0 ? word0 : word0 + from, word1 + from, word2], m + Meta.VNET0);
    }
    views.owner[slot] = SlotOwner.QUEUED;
    if (!forwarded) views.counters[laneOf(me, live.index) + Lane.ORIGINATED] += 1;
    views.counters[workLane(views.sizes.threads, me) + Work.HANDED_OUT] += 1;
    ring.push(slot);
    ring.publish();
    ringDoorbell(views.heap, worker);
    return true;
  }
}

/** Whether a frame begins with a tag, which the MTU does not count. */
function isTagged(frame: Uint8Array): boolean {
  const type = new DataView(frame.buffer, frame.byteOffset).getUint16(Ether.TYPE);
  return type === 0x8100 || type === 0x88a8;
}

/** The family of an IP packet by its version. */
function familyOf(bytes: Uint8Array): Af {
  return (bytes[0] ?? 0) >> 4 === 4 ? Af.INET : Af.INET6;
}
