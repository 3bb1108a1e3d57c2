/**
 * ERSPAN input, the short way: what a switch mirrors comes in packets that differ in their lengths, numbers and frames alone. A packet of type
 * II over IPv4 that agrees with the last one of its burst in all that ethernet-input.ts, ip4-input.ts, local-input.ts and steps 1 to 8 of
 * gre-input.ts look at goes where that one went: to the tunnel's bridge or our stack. Every other packet goes the long way, which alone
 * drops. Nothing is remembered beyond a burst, as main may change tables then. Runs on a worker.
 */
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { Control } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import type { TrackNext } from '../../shared/table/sequence.js';
import { swap16 } from '../../shared/wire/checksum.js';
import { Erspan2 } from '../../shared/wire/erspan.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { Gre } from '../../shared/wire/gre.js';
import { foldPlain, Ipv4 } from '../../shared/wire/ipv4.js';
import { read32 } from '../../shared/wire/network-order.js';
import type { Context } from '../context.js';
import { Hop } from '../work-list.js';

/** Bytes of the outer packet before the frame. */
export const OUTER4 = Ipv4.LENGTH + Gre.SEQUENCED + Erspan2.LENGTH;
/** Words of the outer frame, from its begin: Ethernet, then IPv4, GRE and ERSPAN. */
const enum Word {
  TYPE = 6,
  IP = 7,
  FRAGMENT = 10,
  TTL_PROTOCOL = 11,
  ADDRESSES = 13,
  GRE = 17,
  ERSPAN = 21,
  /** How many a packet has before the mirrored frame. */
  COUNT = 25,
}

/** The short way of one worker. */
export interface ErspanRepeat {
  /**
   * Frame `i`, received on interface `index` with its Ethernet header, has come whole by tunnel `erspan` and has nothing before it but the tunnel's
   * bridge or stack; its numbers are those of `stream`. It is given `priority`, -1 = none.
   */
  remember(i: number, index: number, erspan: number, stream: number, priority: number): void;
  /** Takes frame `i`, received on interface `index`, if it is like the one remembered. */
  take(i: number, index: number): boolean;
}

/** Makes the short way of one worker. */
export function makeErspanRepeat(ctx: Context, trackNext: TrackNext): ErspanRepeat {
  const { heap, meta, u8, u16, slots, length, counters } = ctx;
  const like = new Uint16Array(Word.COUNT);
  let ingress = 0;
  let tunnel = 0;
  let numbers = 0;
  let given = -1;
  let lane = 0;

  function remember(i: number, index: number, erspan: number, stream: number, priority: number): void {
    const w = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET] >> 1;
    for (let k = 0; k < Word.COUNT; k++) like[k] = u16[w + k];
    ingress = index;
    tunnel = erspan;
    numbers = stream;
    given = priority;
    lane = laneOf(ctx.me, erspan);
    ctx.repeats = ctx.burst;
  }

  function take(i: number, index: number): boolean {
    const m = slots[i] << Meta.SHIFT;
    const start = meta[m + Meta.OFFSET];
    const inner = length[i] - Ether.LENGTH - OUTER4;
    const w = start >> 1;
    if (inner < Ether.LENGTH || index !== ingress || meta[m + Meta.VNET0] !== 0 || !isLike(w)) return false;
    if (swap16(u16[w + Word.IP + 1]) !== inner + OUTER4 || foldPlain(u16, w + Word.IP) !== 0xffff) return false;
    const payload = start + Ether.LENGTH + OUTER4;
    trackNext(heap[Control.SEQUENCES], ctx.me, ctx.seconds, numbers, read32(u8, payload - Erspan2.LENGTH - 4));
    if (given !== -1) meta[m + Meta.PRIORITY] = (meta[m + Meta.PRIORITY] & ~0xffff) | given;
    meta[m + Meta.OFFSET] = payload;
    meta[m + Meta.LENGTH] = inner;
    length[i] = inner;
    counters[lane + Lane.IPACKETS] += 1;
    counters[lane + Lane.IBYTES] += inner;
    ctx.workList.defer(ctx, i, tunnel, Hop.FRAME_INPUT);
    return true;
  }

  /** All but the Ethernet source, length, identification, TTL, checksum, sequence number, VLAN and index. */
  function isLike(w: number): boolean {
    return (
      u16[w + Word.ADDRESSES + 1] === like[Word.ADDRESSES + 1] &&
      u16[w + Word.ADDRESSES] === like[Word.ADDRESSES] &&
      u16[w + Word.ADDRESSES + 2] === like[Word.ADDRESSES + 2] &&
      u16[w + Word.ADDRESSES + 3] === like[Word.ADDRESSES + 3] &&
      u16[w] === like[0] &&
      u16[w + 1] === like[1] &&
      u16[w + 2] === like[2] &&
      u16[w + Word.TYPE] === like[Word.TYPE] &&
      u16[w + Word.IP] === like[Word.IP] &&
      u16[w + Word.FRAGMENT] === like[Word.FRAGMENT] &&
      u16[w + Word.TTL_PROTOCOL] >> 8 === like[Word.TTL_PROTOCOL] >> 8 &&
      u16[w + Word.GRE] === like[Word.GRE] &&
      u16[w + Word.GRE + 1] === like[Word.GRE + 1] &&
      // The version is the high half of the first byte.
      ((u16[w + Word.ERSPAN] ^ like[Word.ERSPAN]) & 0xf0) === 0 &&
      u16[w + Word.ERSPAN + 1] === like[Word.ERSPAN + 1]
    );
  }

  return { remember, take };
}
