/**
 * Traces: each decision about single frames, written down (`smrctl trace`). Runs on a worker.
 *
 * A trace is a capture of link type TRACE on the device, or on the bridge of it, by which frames come in, or on the interface that a virtual hop
 * leads to. A frame that its filter matches
 * becomes a burst of its own: `ctx.tracing` is true while that burst and the virtual hops behind it run, so that every decision in
 * between is about this frame, and none is when it is over. So no slot is marked, and without traces a place of the pipeline asks one
 * field of the context, once a burst or where a frame's way ends. What another worker or main does with a frame is not seen.
 *
 * The decisions go, with the frame's first bytes, into one record of the capture ring: a frame's trace is there whole, or lost
 * and counted. At most FRAMES_A_SECOND are traced; others that match pass untraced, and count as lost.
 */
import { CaptureDescriptor, CaptureLink, CaptureList, MAX_CAPTURES } from '../../shared/layout/capture.js';
import { If, IfFlag, ifRecord } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { TRACE_BYTES, TRACE_EVENTS, TraceEvent, TraceHead, TraceWord } from '../../shared/layout/trace.js';
import { NextHop, NextHopKind } from '../../shared/table/next-hop.js';
import { makeRuleNumber } from '../../shared/table/rule-number.js';
import { dstHi, dstLo } from '../../shared/wire/ethernet.js';
import { BURST, type Context, PLACES } from '../context.js';
import { HOPS_MOST } from '../work-list.js';

/** Most frames that a worker traces in a second: each is a burst, and its record some hundred bytes. */
export const FRAMES_A_SECOND = 500;

/** What writes down the way of frames. */
export interface Tracer {
  /** Whether frames received on `index`, a port of bridge `veb` or 0, may be traced. */
  looksAt(index: number, veb: number): boolean;
  /** Runs the burst in hand, received on `index`, by `enter`: each frame that is traced by itself, what is between as before. */
  split(index: number, veb: number, enter: (index: number) => void): void;
  /** Whether captures `list` of an interface that frames come to by a virtual hop has traces, and this burst is not part of one. */
  follows(list: number): boolean;
  /**
   * Runs frames of the burst in hand, just taken from the work list and about to be input on `index`, with all that follows, by `run`: one that
   * is traced alone, or those before it; the rest is put back. They are packets if `packet`, else frames. `hop` and `from` are their hop and
   * its interface.
   */
  follow(index: number, from: number, hop: number, packet: boolean, run: () => void): void;
  /** The whole trace of frame `i`, which goes no further than `index`: a decision of that kind. */
  ends(i: number, index: number, kind: TraceEvent): void;
  /** Writes down a decision at interface `index`; only while `ctx.tracing`. */
  event(kind: TraceEvent, index: number, a?: number, b?: number, c?: number, d?: number): void;
  /** The route of a packet of IP `version` received on `index`: the next hop's record at `hop`. */
  route(index: number, version: number, hop: number): void;
  /** Port `index` has walked frame `i` by list `list` of its rules, in or `out`, and the verdict is this. */
  rules(index: number, i: number, list: number, out: boolean, verdict: number): void;
  /** The frame, place `i` of the burst, leaves by `index` with `tag`. */
  egress(index: number, i: number, tag: number): void;
}

/** Makes the tracer of one worker. */
export function makeTracer(ctx: Context): Tracer {
  const { heap, meta, u16, slots, length, tapPlace, me } = ctx;
  const words = new Int32Array(TraceHead.WORDS + (TRACE_EVENTS + 1) * TraceWord.WORDS);
  const bytes = new Uint16Array(words.buffer, TraceHead.FRAME * 4, TRACE_BYTES / 2);
  /** Lengths and TAP places of a burst that is taken apart; its slots wait behind those in hand, where main sees them too. */
  const lengths = new Int32Array(BURST);
  const places = new Int32Array(BURST);
  /** How many traces want each frame, and their ids. */
  const wanted = new Int32Array(BURST);
  const ids = new Int32Array(BURST * MAX_CAPTURES);
  const ruleNumber = makeRuleNumber(heap, u16);
  let second = 0;
  let left = 0;
  let events = 0;
  /** The same of what is looked at while such a burst may wait. */
  const nearIds = new Int32Array(BURST * MAX_CAPTURES);
  const passedIds = new Int32Array(MAX_CAPTURES);
  /** While frames are run: the slot of the one that was put back first, how many traces want it, and their ids. A run may be within another. */
  const nested = HOPS_MOST + 1;
  const backSlots = new Int32Array(nested).fill(-1);
  const backWanted = new Int32Array(nested);
  const backIds = new Int32Array(nested * MAX_CAPTURES);
  let runs = 0;

  function looksAt(index: number, veb: number): boolean {
    return hasTrace(heap[ifRecord(index) + If.CAPTURE]) || (veb !== 0 && hasTrace(heap[ifRecord(veb) + If.CAPTURE]));
  }

  function hasTrace(list: number): boolean {
    if (list === 0) return false;
    for (let n = 0; n < heap[list + CaptureList.COUNT]; n++) {
      const d = list + CaptureList.FIRST + n * CaptureDescriptor.WORDS;
      if (heap[d + CaptureDescriptor.LINK] === CaptureLink.TRACE) return true;
    }
    return false;
  }

  function split(index: number, veb: number, enter: (index: number) => void): void {
    const { n, borrowed, offloads } = ctx;
    for (let i = 0; i < n; i++) {
      wanted[i] = wants(i, index, veb, ids);
      lengths[i] = length[i];
      places[i] = tapPlace[i];
      slots[PLACES + i] = slots[i];
    }
    slots.fill(-1, 0, n);
    for (let next = 0; next < n; ) {
      const first = next;
      const traced = wanted[first] !== 0;
      let m = 0;
      ctx.bytes = 0;
      do {
        slots[m] = slots[PLACES + next];
        slots[PLACES + next] = -1;
        length[m] = lengths[next];
        tapPlace[m] = places[next];
        ctx.bytes += lengths[next];
        m++;
        next++;
      } while (!traced && next < n && wanted[next] === 0);
      ctx.n = m;
      ctx.borrowed = borrowed;
      ctx.offloads = offloads;
      ctx.ingress = index;
      if (!traced) {
        enter(index);
        continue;
      }
      begin(0, index, false);
      ctx.tracing = true;
      if ((heap[ifRecord(index) + If.FLAGS] & IfFlag.MONITOR) !== 0) event(TraceEvent.MONITOR, index);
      else if (veb !== 0) event(TraceEvent.BRIDGE, veb, index);
      else event(TraceEvent.STACK, index);
      enter(index);
      ctx.tracing = false;
      keep(index, ids, first, wanted[first], lengths[first]);
    }
    if (ctx.captured) ctx.taps.publish();
  }

  /** Gives the trace written to the `count` traces whose ids are at place `at` of `list`. */
  function keep(index: number, list: Int32Array, at: number, count: number, bytes: number): void {
    words[TraceHead.EVENTS] = events;
    const kept = TraceHead.WORDS + Math.min(events, TRACE_EVENTS) * TraceWord.WORDS;
    for (let k = 0; k < count; k++) ctx.taps.keepTrace(list[at * MAX_CAPTURES + k], index, bytes, words, kept);
  }

  function follows(list: number): boolean {
    if (!hasTrace(list)) return false;
    if (!ctx.tracing) return true;
    // It is one frame's way already; another trace of it is another record.
    const found = ctx.taps.traces(list, 0, passedIds, 0);
    for (let k = 0; k < found; k++) ctx.taps.loseTrace(passedIds[k]);
    return false;
  }

  function follow(index: number, from: number, hop: number, packet: boolean, run: () => void): void {
    const { n, workList } = ctx;
    let first = 0;
    let found = putBack();
    if (found === 0) found = wants(0, index, 0, nearIds);
    while (found === 0 && ++first < n) found = wants(first, index, 0, nearIds);
    const traced = first === 0;
    if (!traced && first < n) {
      backSlots[runs] = slots[first];
      backWanted[runs] = found;
      const from = first * MAX_CAPTURES;
      for (let k = 0; k < found; k++) backIds[runs * MAX_CAPTURES + k] = nearIds[from + k];
    }
    workList.giveBack(ctx, traced ? 1 : first);
    const bytes = length[0];
    if (traced) begin(0, index, packet);
    ctx.tracing = traced;
    if (traced) event(TraceEvent.HOP, from, hop);
    const { end } = workList;
    const aside = workList.setAside();
    runs++;
    run();
    runs--;
    workList.bringBack(aside, end);
    ctx.tracing = false;
    if (traced) keep(index, nearIds, 0, found, bytes);
    if (ctx.captured) ctx.taps.publish();
  }

  /** How many traces want the first frame of the burst, if it was put back because of them, with its ids at place 0; else 0. */
  function putBack(): number {
    if (backSlots[runs] === -1) return 0;
    const found = backSlots[runs] === slots[0] ? backWanted[runs] : 0;
    backSlots[runs] = -1;
    for (let k = 0; k < found; k++) nearIds[k] = backIds[runs * MAX_CAPTURES + k];
    return found;
  }

  function ends(i: number, index: number, kind: TraceEvent): void {
    const found = ctx.tracing || !hasTrace(heap[ifRecord(index) + If.CAPTURE]) ? 0 : wants(i, index, 0, nearIds);
    if (found === 0) return;
    begin(i, index, false);
    event(kind, index);
    keep(index, nearIds, i, found, length[i]);
  }

  /** How many traces want frame `i`; their ids stand at its place of `into`. */
  function wants(i: number, index: number, veb: number, into: Int32Array): number {
    const at = i * MAX_CAPTURES;
    let found = ctx.taps.traces(heap[ifRecord(index) + If.CAPTURE], i, into, at);
    if (veb !== 0) found += ctx.taps.traces(heap[ifRecord(veb) + If.CAPTURE], i, into, at + found);
    if (found === 0) return 0;
    if (ctx.seconds !== second) left = FRAMES_A_SECOND;
    second = ctx.seconds;
    if (left > 0) {
      left--;
      return found;
    }
    for (let k = 0; k < found; k++) ctx.taps.loseTrace(into[at + k]);
    return 0;
  }

  /** A trace of frame `i`, which came in on `index`. */
  function begin(i: number, index: number, packet: boolean): void {
    events = 0;
    const kept = Math.min(length[i], TRACE_BYTES);
    words[TraceHead.PACKET] = packet ? 1 : 0;
    words[TraceHead.INGRESS] = index;
    words[TraceHead.WORKER] = me;
    words[TraceHead.BYTES] = kept;
    const w = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET] >> 1;
    for (let k = 0; k < (kept + 1) >> 1; k++) bytes[k] = u16[w + k];
  }

  /** Where the next decision is to be written. The one behind the last that is kept is written over and over. */
  function place(): number {
    return TraceHead.WORDS + Math.min(events++, TRACE_EVENTS) * TraceWord.WORDS;
  }

  function event(kind: TraceEvent, index: number, a = 0, b = 0, c = 0, d = 0): void {
    const e = place();
    words[e + TraceWord.KIND] = kind;
    words[e + TraceWord.INDEX] = index;
    words[e + TraceWord.A] = a;
    words[e + TraceWord.B] = b;
    words[e + TraceWord.C] = c;
    words[e + TraceWord.D] = d;
    words.fill(0, e + TraceWord.E, e + TraceWord.WORDS);
  }

  function route(index: number, version: number, hop: number): void {
    const kind = heap[hop + NextHop.KIND];
    const e = TraceHead.WORDS + Math.min(events, TRACE_EVENTS) * TraceWord.WORDS + TraceWord.E;
    event(TraceEvent.ROUTE, index, version, heap[ifRecord(index) + If.RDOMAIN], kind, heap[hop + NextHop.INTERFACE]);
    if (kind === NextHopKind.SID) {
      words[e] = heap[hop + NextHop.FLAGS];
      words[e + 1] = heap[hop + NextHop.TABLE];
      return;
    }
    for (let k = 0; k < 4; k++) words[e + k] = heap[hop + NextHop.GATEWAY + k];
  }

  function rules(index: number, i: number, list: number, out: boolean, verdict: number): void {
    const number = ruleNumber(list, meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET], length[i]);
    event(TraceEvent.RULES, index, out ? 1 : 0, number, verdict);
  }

  function egress(index: number, i: number, tag: number): void {
    const offset = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    event(TraceEvent.EGRESS, index, dstHi(u16, offset), dstLo(u16, offset), tag);
  }

  return { looksAt, split, follows, follow, ends, event, route, rules, egress };
}
