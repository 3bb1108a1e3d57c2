/**
 * ERSPAN input, the short way: what a switch mirrors comes in packets that differ in their lengths, numbers and frames alone. Packets of type
 * II over IPv4 that agree with the last one of their burst in all that ethernet-input.ts, ip4-input.ts, local-input.ts and steps 1 to 8 of
 * gre-input.ts look at go where that one went: to the tunnel's bridge or our stack. Every other packet goes the long way, which alone
 * drops. Nothing is remembered beyond a burst, as main may change tables then.
 *
 * As long as all packets of a burst are of the kind, they stay where they are, and the burst becomes that of their frames: nothing is put
 * on the worker's list, and no slot moves. At the first that is not, those before it go to the list.
 *
 * The 50 bytes before a mirrored frame are compared as words kept in locals: 3 ns a packet (Node 20.20, November 2026). Runs on a worker.
 */
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { Control } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import type { TrackNext } from '../../shared/table/sequence.js';
import { swap16 } from '../../shared/wire/checksum.js';
import { Erspan2 } from '../../shared/wire/erspan.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { Gre } from '../../shared/wire/gre.js';
import { Ipv4 } from '../../shared/wire/ipv4.js';
import { swap32 } from '../../shared/wire/network-order.js';
import type { Context } from '../context.js';
import { Hop } from '../work-list.js';

/** Bytes of the outer packet before the frame. */
export const OUTER4 = Ipv4.LENGTH + Gre.SEQUENCED + Erspan2.LENGTH;
/** Words of a packet from the begin of its Ethernet header to that of the mirrored frame, which begins within the last. */
const WORDS = 13;

/** The short way of one worker. */
export interface ErspanRepeat {
  /**
   * Frame `i`, received on interface `index` with its Ethernet header, has come whole by tunnel `erspan` and has nothing before it but the tunnel's
   * bridge or stack; its numbers are those of `stream`. It is given `priority`, -1 = none.
   */
  remember(i: number, index: number, erspan: number, stream: number, priority: number): void;
  /** Whether frame `i`, the one that was remembered last, whose outer headers are off by now, stays in the burst: not on the list then. */
  keep(i: number): boolean;
  /**
   * Takes frames of the burst from place `i` on, received on interface `index`, that are like the one remembered. Returns the place of
   * the first that is not; then none is kept any more.
   */
  run(i: number, index: number): number;
  /** The tunnel by which all frames of the burst have come, which is their burst now; 0 if they are not all kept. */
  settle(): number;
}

/** Makes the short way of one worker. */
export function makeErspanRepeat(ctx: Context, trackNext: TrackNext): ErspanRepeat {
  const { heap, meta, i32, slots, length, counters } = ctx;
  const like = new Int32Array(WORDS);
  let ingress = 0;
  let tunnel = 0;
  let numbers = 0;
  let given = -1;
  /** The place remembered, and how many frames from the first on are kept, in bytes. */
  let place = 0;
  let kept = 0;
  let bytes = 0;

  function remember(i: number, index: number, erspan: number, stream: number, priority: number): void {
    const at = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    if ((at & 3) !== 0) return;
    for (let k = 0; k < WORDS; k++) like[k] = i32[(at >> 2) + k];
    ingress = index;
    tunnel = erspan;
    numbers = stream;
    given = priority;
    place = i;
    ctx.repeats = ctx.burst;
  }

  function keep(i: number): boolean {
    // Frame 0 alone begins a burst that stays.
    if (i !== 0 || place !== 0 || ctx.repeats !== ctx.burst) return false;
    kept = 1;
    bytes = length[0];
    return true;
  }

  function run(from: number, index: number): number {
    const i = index === ingress ? takeFrom(from) : from;
    if (i < ctx.n && kept !== 0) release();
    return i;
  }

  /** `run`, but for frames that are kept. */
  function takeFrom(from: number): number {
    const { n } = ctx;
    const stays = kept !== 0;
    const w0 = like[0];
    const w1 = like[1];
    const w3 = like[3];
    const w5 = like[5];
    const w6 = like[6];
    const w7 = like[7];
    const w8 = like[8];
    const w9 = like[9];
    const w10 = like[10];
    const w11 = like[11];
    // What does not differ of the IP header's sum: all but length, identification, TTL and the sum itself.
    const fixed = (w3 >>> 16) + (w5 & 0xffff) + ((w5 >>> 16) & 0xff00) + (w6 >>> 16) + halves(w7) + (w8 & 0xffff);
    let first = 0;
    let next = 0;
    let sum = 0;
    let i = from;
    for (; i < n; i++) {
      const m = slots[i] << Meta.SHIFT;
      const start = meta[m + Meta.OFFSET];
      const inner = length[i] - Ether.LENGTH - OUTER4;
      const w = start >> 2;
      if ((start & 3) !== 0 || inner < Ether.LENGTH || meta[m + Meta.VNET0] !== 0) break;
      const five = i32[w + 5];
      const six = i32[w + 6];
      const nine = i32[w + 9];
      const ten = i32[w + 10];
      // All but the Ethernet source, length, identification, TTL, checksum, sequence number, VLAN and index. The version is the high half of its byte.
      const differ =
        (i32[w] ^ w0) |
        ((i32[w + 1] ^ w1) & 0xffff) |
        (i32[w + 3] ^ w3) |
        ((five ^ w5) & 0xff00ffff) |
        ((six ^ w6) & 0xffff0000) |
        (i32[w + 7] ^ w7) |
        (i32[w + 8] ^ w8) |
        ((nine ^ w9) & 0xffff) |
        ((ten ^ w10) & 0x00f00000) |
        ((i32[w + 11] ^ w11) & 0xffff);
      if (differ !== 0) break;
      const four = i32[w + 4];
      if (swap16(four & 0xffff) !== inner + OUTER4) break;
      const check = fixed + halves(four) + ((five >>> 16) & 0xff) + (six & 0xffff);
      if ((check & 0xffff) + (check >>> 16) !== 0xffff) break;
      const sequence = swap32((nine >>> 16) | (ten << 16));
      if (sequence !== next || i === from) {
        if (i !== from) track(first, next);
        first = sequence;
      }
      next = (sequence + 1) | 0;
      if (given !== -1) meta[m + Meta.PRIORITY] = (meta[m + Meta.PRIORITY] & ~0xffff) | given;
      meta[m + Meta.OFFSET] = start + Ether.LENGTH + OUTER4;
      meta[m + Meta.LENGTH] = inner;
      length[i] = inner;
      sum += inner;
      if (!stays) ctx.workList.defer(ctx, i, tunnel, Hop.FRAME_INPUT);
    }
    if (i === from) return i;
    track(first, next);
    const lane = laneOf(ctx.me, tunnel);
    counters[lane + Lane.IPACKETS] += i - from;
    counters[lane + Lane.IBYTES] += sum;
    if (stays) {
      kept = i;
      bytes += sum;
    }
    return i;
  }

  /** Packets numbered from `first` to the one before `next`. */
  function track(first: number, next: number): void {
    trackNext(heap[Control.SEQUENCES], ctx.me, ctx.seconds, numbers, first, (next - first) | 0);
  }

  /** What was kept goes to the list, before all that comes behind it. */
  function release(): void {
    for (let i = 0; i < kept; i++) ctx.workList.defer(ctx, i, tunnel, Hop.FRAME_INPUT);
    kept = 0;
  }

  function settle(): number {
    if (kept === 0) return 0;
    // One virtual hop, as if they had been on the list.
    ctx.hops.fill(1, 0, kept);
    ctx.passed = true;
    ctx.bytes = bytes;
    ctx.offloads = false;
    ctx.ingress = tunnel;
    kept = 0;
    // From here on it is another burst: what comes out of ERSPAN in these frames is for the list.
    place = -1;
    return tunnel;
  }

  return { remember, keep, run, settle };
}

/** The two halves of a word, added. */
function halves(word: number): number {
  return (word & 0xffff) + (word >>> 16);
}
