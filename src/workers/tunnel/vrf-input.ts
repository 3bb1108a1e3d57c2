/**
 * A VRF as the interface that a packet is received on (spec B §1.5), one out of an SRv6 header or one that came in by a port of it: its
 * counters, its captures and the packet filter. What is for a group or for the link alone goes straight through. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, ifRecord } from '../../shared/layout/heap.js';
import { Af } from '../../shared/layout/packet.js';
import { Ipv4 } from '../../shared/wire/ipv4.js';
import { Ipv6, isLinkLocal6, isMulticast6 } from '../../shared/wire/ipv6.js';
import { tapDomain } from '../capture/taps.js';
import type { Context } from '../context.js';
import { drop } from '../drop.js';
import { FilterDirection } from '../ether/packet-filter.js';
import { isNd } from '../inet/local-input.js';

/** High four bits of an IPv4 group's address. */
const GROUP = 14;

/**
 * Takes frame `i`, whose `room` bytes from byte `ip` to its end are not checked yet, as received on VRF `vrf`. Returns whether it goes
 * on.
 */
type Receive = (i: number, vrf: number, ip: number, room: number) => boolean;

/** The same of the checked packet of `total` bytes that a port has received whose `If.MASTER` is `master`. */
type ReceiveOfPort = (i: number, master: number, ip: number, total: number) => boolean;

/** The VRF input of one worker. */
export interface VrfInput {
  readonly v4: Receive;
  readonly v6: Receive;
  readonly ofPort4: ReceiveOfPort;
  readonly ofPort6: ReceiveOfPort;
}

/** Makes the VRF input of one worker. */
export function makeVrfInput(ctx: Context): VrfInput {
  const { heap, u8, counters, me } = ctx;

  function v4(i: number, vrf: number, ip: number, room: number): boolean {
    if (room >= Ipv4.LENGTH && u8[ip + Ipv4.DESTINATION] >> 4 === GROUP) return true;
    return receive(i, vrf, ip, room, Af.INET);
  }

  function v6(i: number, vrf: number, ip: number, room: number): boolean {
    const to = ip + Ipv6.DESTINATION;
    if (room >= Ipv6.LENGTH && (isMulticast6(u8, to) || isLinkLocal6(u8, to))) return true;
    return receive(i, vrf, ip, room, Af.INET6);
  }

  function receive(i: number, vrf: number, ip: number, room: number, family: Af): boolean {
    const lane = laneOf(me, vrf);
    counters[lane + Lane.IPACKETS] += 1;
    counters[lane + Lane.IBYTES] += room;
    if (heap[ifRecord(vrf) + If.CAPTURE] === 0 && ctx.packetFilter === undefined) return true;
    return watched(i, vrf, ip, family);
  }

  /** What captures and the packet filter say, apart, so that the compiler takes the rest into its caller. */
  function watched(i: number, vrf: number, ip: number, family: Af): boolean {
    tapDomain(ctx, i, vrf, ip, family);
    const filter = ctx.packetFilter;
    if (filter === undefined || filter(i, FilterDirection.IN, vrf, heap[ifRecord(vrf) + If.RDOMAIN])) return true;
    drop(ctx, i, vrf, Drop.PF);
    // For its SID it is a packet that went on (B22).
    ctx.failed = false;
    return false;
  }

  function ofPort4(i: number, master: number, ip: number, total: number): boolean {
    return isGone(master) || v4(i, master & 0xffff, ip, total);
  }

  /** Neighbour discovery is the port's own (B44). */
  function ofPort6(i: number, master: number, ip: number, total: number): boolean {
    return isGone(master) || isNd(u8, ip) || v6(i, master & 0xffff, ip, total);
  }

  function isGone(master: number): boolean {
    return heap[ifRecord(master & 0xffff) + If.GENERATION] !== master >>> 16;
  }

  return { v4, v6, ofPort4, ofPort6 };
}
