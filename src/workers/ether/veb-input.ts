/**
 * veb input: what a bridge does with a burst from one of its ports (spec A §1.3, REC choices of rows.md), in this order:
 *
 *   1 a span port?        drop(span)
 *   2 running?            no: the port's own input (A1)
 *   3 reserved group?     the port's own input; link0 lets five of the sixteen pass (A8, A9)
 *   4 count               ipackets, ibytes
 *   5 capture       drop(fildrop) if one says so, before any copy is made (A12, A13)
 *   6 span                a copy to each span port, whatever becomes of the frame (A59)
 *   7 tagged?             link2 clear: drop(vlan), not learned (A5)
 *   8 blocknonip          of the port: drop(blocknonip-in)
 *   9 IN rules            of the port: drop(rules-in), or a tag
 *  10 packet filter       with link1: drop(ip-header), drop(pf)
 *  11 learn               the source, if the port learns
 *  12 resolve             group and unknown: flood; known: one port
 *  13 output              veb-output.ts
 *
 * Each step is one loop over the burst; those that are not configured, or for rare frames that are not there, are skipped.
 * Runs on a worker, within one read section: the records read here stay until the burst is finished.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Direction } from '../../shared/layout/capture.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, IfType, ifRecord, Kind, PortFlag, PortList, Rules } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { TraceEvent } from '../../shared/layout/trace.js';
import { homeBy, isKnown, Learned, learn, lookup, Table } from '../../shared/table/etherbridge.js';
import { Verdict } from '../../shared/table/rule-list.js';
import { EtherType, etherType, isGroup, isIpOrArp, Reserved } from '../../shared/wire/ethernet.js';
import { queueFrame } from '../burst.js';
import { type Context, count, DONE, FLOOD, UNDECIDED } from '../context.js';
import { drop } from '../drop.js';
import { reportPoison } from '../poison.js';
import type { EthernetInput } from './ethernet-input.js';
import { FilterDirection, filterPacket } from './packet-filter.js';
import { type FrameRules, openTags } from './rules.js';
import type { VebOutput } from './veb-output.js';

/** Last nibble of the reserved groups that link0 lets through: 0, b, c, d, f. */
const LINK0_PASSES = (1 << 0x0) | (1 << 0xb) | (1 << 0xc) | (1 << 0xd) | (1 << 0xf);

/** Bits of what `readHeaders` saw in a burst, so that steps for rare frames cost nothing where there are none. */
const enum Seen {
  RESERVED = 1,
  TAGGED = 2,
}

/** Counter of each `Learned` that is not KNOWN. */
const LEARN_COUNTER = [0, Lane.LEARNED, Lane.MOVED, Lane.REFUSED, Lane.BUSY];

/**
 * Makes the veb input of one worker: (ingress, veb) takes the burst in `ctx`, received on port `ingress` of veb `veb`.
 * Made once in a thread, so that the arrays are constants to the compiler (ARCHITECTURE.md, "Fast path").
 */
export function makeVebInput(
  ctx: Context,
  frameRules: FrameRules,
  vebOutput: VebOutput,
  ethernetInput: EthernetInput,
): (ingress: number, veb: number) => void {
  const { heap, meta, u16, counters, slots, destination, length, shared, dstHi, dstLo, srcHi, srcLo, me } = ctx;

  function vebInput(ingress: number, veb: number): void {
    const record = ifRecord(veb);
    const flags = heap[record + If.FLAGS];
    const port = heap[ifRecord(ingress) + If.PORT_FLAGS];
    const rules = heap[ifRecord(ingress) + If.RULES];
    if ((port & PortFlag.SPAN) !== 0) {
      dropAll(ingress);
      return;
    }
    if ((flags & IfFlag.RUNNING) === 0) {
      giveBackAll(ingress);
      return;
    }
    const seen = readHeaders();
    const picky = (port & PortFlag.BLOCKNONIP) | rules | (flags & IfFlag.LINK1);
    if ((seen | picky) !== 0) destination.fill(UNDECIDED, 0, ctx.n);
    // Only a burst that a step may have taken frames from is looked through for frames that are done already.
    let sifted = seen !== 0;
    const link0 = (flags & IfFlag.LINK0) !== 0;
    const returned = (seen & Seen.RESERVED) === 0 ? 0 : giveBackReserved(ingress, veb, link0);
    countInput(veb, returned);
    // A list is loaded once: main may take it away between two looks.
    const captures = heap[record + If.CAPTURE];
    if (captures !== 0 && capture(ingress, veb, captures, sifted)) sifted = true;
    const spans = heap[record + If.SPANS];
    if (spans !== 0) span(veb, spans, sifted);
    if ((seen & Seen.TAGGED) !== 0 && (flags & IfFlag.LINK2) === 0) dropTagged(ingress);
    if ((port & PortFlag.BLOCKNONIP) !== 0 && blockNonIp(ingress)) sifted = true;
    if (rules !== 0 && applyRules(ingress, rules)) sifted = true;
    if ((flags & IfFlag.LINK1) !== 0 && filterPackets(ingress, heap[record + If.RDOMAIN])) sifted = true;
    if (ctx.tracing) learnAndTell(ingress, veb, (port & PortFlag.LEARNING) !== 0, sifted);
    else if ((port & PortFlag.LEARNING) !== 0) learnSources(ingress, veb, sifted);
    resolve(heap[record + If.TABLE], sifted);
    if (ctx.tracing) tellLookup(veb);
    vebOutput(ingress, veb);
  }

  /** Step 1: a span port only sends. */
  function dropAll(ingress: number): void {
    for (let i = 0; i < ctx.n; i++) drop(ctx, i, ingress, Drop.SPAN);
  }

  /** Step 2: a veb that is down leaves its ports to themselves. */
  function giveBackAll(ingress: number): void {
    for (let i = 0; i < ctx.n; i++) giveBack(i, ingress, Drop.NOTRUNNING);
  }

  /** The fields that the steps look at, each read from the frame once. Returns `Seen` bits. */
  function readHeaders(): number {
    const { n } = ctx;
    let seen = 0;
    for (let i = 0; i < n; i++) {
      const w = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET] >> 1;
      const hi = u16[w];
      const type = u16[w + 6];
      dstHi[i] = hi;
      dstLo[i] = u16[w + 1] | (u16[w + 2] << 16);
      srcHi[i] = u16[w + 3];
      srcLo[i] = u16[w + 4] | (u16[w + 5] << 16);
      if (hi === Reserved.HI) seen |= Seen.RESERVED;
      if (type === EtherType.VLAN || type === EtherType.QINQ) seen |= Seen.TAGGED;
    }
    return seen;
  }

  /** Step 3: 01:80:c2:00:00:0X belongs to the port itself. Returns how many frames; their bytes are the burst's no more. */
  function giveBackReserved(ingress: number, veb: number, link0: boolean): number {
    let returned = 0;
    for (let i = 0; i < ctx.n; i++) {
      const lo = dstLo[i];
      if (dstHi[i] !== Reserved.HI || (lo & Reserved.LO_MASK) !== Reserved.LO) continue;
      if (link0 && ((LINK0_PASSES >> (lo >>> 24)) & 1) !== 0) continue;
      count(ctx, veb, Lane.RETURNED, 1);
      if (ctx.tracing) ctx.tracer.event(TraceEvent.RETURNED, ingress);
      returned++;
      ctx.bytes -= length[i];
      giveBack(i, ingress, Drop.DETACHED);
      // The bridge has done with it, be it that the stack has answered in it or keeps it.
      destination[i] = DONE;
    }
    return returned;
  }

  /** Frame `i` goes to the port's own input; the stack, which sent it by a vport, does not get it back. */
  function giveBack(i: number, ingress: number, reason: Drop): void {
    if (heap[ifRecord(ingress) + If.TYPE] === IfType.VPORT) drop(ctx, i, ingress, reason);
    else ethernetInput(i, ingress);
  }

  /** Step 4: the veb's input counters, before any filter. */
  function countInput(veb: number, returned: number): void {
    const lane = laneOf(me, veb);
    counters[lane + Lane.IPACKETS] += ctx.n - returned;
    counters[lane + Lane.IBYTES] += ctx.bytes;
  }

  /** Step 5: frames have no direction at a bridge. Returns whether a capture dropped any. */
  function capture(ingress: number, veb: number, list: number, sifted: boolean): boolean {
    let took = false;
    if (!sifted) destination.fill(UNDECIDED, 0, ctx.n);
    for (let i = 0; i < ctx.n; i++) {
      if (sifted && destination[i] === DONE) continue;
      if (!ctx.taps.frame(list, i, veb, Direction.NONE)) continue;
      drop(ctx, i, ingress, Drop.FILDROP);
      took = true;
    }
    return took;
  }

  /** Step 6: a copy to each span port that runs, untouched by rules that follow (A59). */
  function span(veb: number, spans: number, sifted: boolean): void {
    if (ctx.poison && heap[spans + PortList.KIND] !== Kind.PORT_LIST) reportPoison(ctx, veb);
    const end = spans + PortList.FIRST + heap[spans + PortList.COUNT];
    for (let p = spans + PortList.FIRST; p < end; p++) {
      const port = heap[p];
      if ((heap[ifRecord(port) + If.FLAGS] & IfFlag.RUNNING) === 0) continue;
      for (let i = 0; i < ctx.n; i++) {
        if (sifted && destination[i] === DONE) continue;
        if (ctx.tracing) ctx.tracer.event(TraceEvent.SPAN, port);
        queueFrame(ctx, i, port);
        shared[i] = 1;
        ctx.anyShared = true;
        count(ctx, veb, Lane.COPIED, 1);
      }
    }
  }

  /** Step 7: tags end here unless link2 makes them payload. */
  function dropTagged(ingress: number): void {
    for (let i = 0; i < ctx.n; i++) {
      const type = etherType(u16, meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET]);
      if ((type === EtherType.VLAN || type === EtherType.QINQ) && destination[i] !== DONE) {
        drop(ctx, i, ingress, Drop.VLAN);
      }
    }
  }

  /** Step 8: of a port that wants IP alone, everything but IPv4, ARP, RARP and IPv6 ends here. Returns whether any did. */
  function blockNonIp(ingress: number): boolean {
    let took = false;
    for (let i = 0; i < ctx.n; i++) {
      if (destination[i] === DONE) continue;
      const type = etherType(u16, meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET]);
      if (isIpOrArp(type)) continue;
      drop(ctx, i, ingress, Drop.BLOCKNONIP_IN);
      took = true;
    }
    return took;
  }

  /** Step 9: the first IN rule that matches decides; its tag stays with the frame. Returns whether any was blocked. */
  function applyRules(ingress: number, rules: number): boolean {
    if (ctx.poison && heap[rules + Rules.KIND] !== Kind.RULES) reportPoison(ctx, ingress);
    const list = heap[rules + Rules.IN];
    if (list === 0) return false;
    const { tracing } = ctx;
    let took = false;
    for (let i = 0; i < ctx.n; i++) {
      if (destination[i] === DONE) continue;
      const verdict = frameRules(i, list);
      if (tracing) ctx.tracer.rules(ingress, i, list, false, verdict);
      if (verdict === 0) continue;
      if ((verdict & Verdict.BLOCK) !== 0) {
        drop(ctx, i, ingress, Drop.RULES_IN);
        took = true;
        continue;
      }
      openTags(ctx);
      ctx.tag[i] = verdict >> Verdict.TAG_SHIFT;
      count(ctx, ingress, Lane.TAGGED, 1);
    }
    return took;
  }

  /** Step 10: IP packets in the eyes of the packet filter. Returns whether it refused any. */
  function filterPackets(ingress: number, rdomain: number): boolean {
    let took = false;
    for (let i = 0; i < ctx.n; i++) {
      if (destination[i] === DONE) continue;
      const bad = filterPacket(ctx, i, FilterDirection.IN, ingress, rdomain);
      if (bad === -1) continue;
      drop(ctx, i, ingress, bad);
      took = true;
    }
    return took;
  }

  /** Step 11: where the sources are. Group and all-zero sources teach nothing (A81). */
  function learnSources(ingress: number, veb: number, sifted: boolean): void {
    const { n, seconds } = ctx;
    const table = heap[ifRecord(veb) + If.TABLE];
    const generation = heap[ifRecord(ingress) + If.PORT_GENERATION];
    if (ctx.poison && heap[table + Table.KIND] !== Kind.ETHERBRIDGE) reportPoison(ctx, veb);
    if (generation === 0) return;
    const value = ingress | (generation << 16);
    const first = table + Table.BUCKETS;
    const mask = heap[table + Table.MASK];
    const key0 = heap[table + Table.KEY0];
    const key1 = heap[table + Table.KEY1];
    for (let i = 0; i < n; i++) {
      const hi = srcHi[i];
      const lo = srcLo[i];
      if ((sifted && destination[i] === DONE) || isGroup(hi)) continue;
      const home = homeBy(first, mask, key0, key1, lo, hi);
      if (isKnown(heap, table, home, lo, hi, value, seconds)) continue;
      if ((hi | lo) === 0) continue;
      const done = learn(heap, table, lo, hi, value, seconds, me);
      if (done !== Learned.KNOWN) count(ctx, veb, LEARN_COUNTER[done], 1);
    }
  }

  /** Step 12: the port behind each destination. An entry of a port that has left since is a miss. */
  function resolve(table: number, sifted: boolean): void {
    const { n, seconds } = ctx;
    const first = table + Table.BUCKETS;
    const mask = heap[table + Table.MASK];
    const key0 = heap[table + Table.KEY0];
    const key1 = heap[table + Table.KEY1];
    const timeout = heap[table + Table.TIMEOUT];
    // The entry last found good: most frames of a burst go the way of the one before.
    let good = 0;
    for (let i = 0; i < n; i++) {
      if (sifted && destination[i] === DONE) continue;
      const hi = dstHi[i];
      if (isGroup(hi)) {
        destination[i] = FLOOD;
        continue;
      }
      const lo = dstLo[i];
      const value = lookup(heap, table, homeBy(first, mask, key0, key1, lo, hi), lo, hi, seconds, timeout);
      if (value === 0) {
        destination[i] = FLOOD;
        continue;
      }
      const port = value & 0xffff;
      if (value !== good) {
        if (heap[ifRecord(port) + If.PORT_GENERATION] !== value >>> 16) {
          destination[i] = FLOOD;
          continue;
        }
        good = value;
      }
      destination[i] = port;
    }
  }

  /** Step 11 of a frame that is traced. */
  function learnAndTell(ingress: number, veb: number, learning: boolean, sifted: boolean): void {
    if (!learning || (sifted && destination[0] === DONE)) return;
    const lane = laneOf(me, veb);
    const before = ctx.scratch;
    for (let what = Learned.NEW; what <= Learned.BUSY; what++) before[what] = counters[lane + LEARN_COUNTER[what]];
    learnSources(ingress, veb, sifted);
    let done = Learned.KNOWN;
    for (let what = Learned.NEW; what <= Learned.BUSY; what++) {
      if ((counters[lane + LEARN_COUNTER[what]] | 0) !== before[what]) done = what;
    }
    ctx.tracer.event(TraceEvent.LEARN, veb, done, ingress);
  }

  /** Writes down where the one frame in hand goes. */
  function tellLookup(veb: number): void {
    const to = destination[0];
    if (to !== DONE) ctx.tracer.event(TraceEvent.LOOKUP, veb, to === FLOOD ? 0 : to, isGroup(dstHi[0]) ? 1 : 0);
  }

  return vebInput;
}
