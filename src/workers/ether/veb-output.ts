/**
 * veb output: a burst whose destinations are resolved leaves the bridge (spec A §1.4, §1.5).
 *
 * To one known port: hairpin → protected → running → OUT rules → blocknonip → packet filter → count → queue. A refusal here
 * is final; a known unicast is never flooded.
 * To all: storm limit of the ingress → packet filter once → once counted, then each port in order of addition: not the ingress → protected → running →
 * discover → OUT rules → blocknonip → copy → queue.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, Kind, PortFlag, PortList, Rules } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { Verdict } from '../../shared/table/rule-list.js';
import { etherType, isGroup, isIpOrArp } from '../../shared/wire/ethernet.js';
import { openList, queueFrame } from '../burst.js';
import { BURST, type Context, count, DONE, FLOOD } from '../context.js';
import { consume, drop, dropCopy } from '../drop.js';
import { reportPoison } from '../poison.js';
import { FilterDirection, filterPacket } from './packet-filter.js';
import { type FrameRules, openTags } from './rules.js';
import { refillStorm } from './storm.js';

/** Sends or drops every frame of the burst that is not done, in order: (ingress, veb). */
export type VebOutput = (ingress: number, veb: number) => void;

/** Makes the veb output of one worker. */
export function makeVebOutput(ctx: Context, frameRules: FrameRules): VebOutput {
  const { heap, meta, u16, counters, slots, destination, length, shared, dstHi, egressList, egressCount, me } = ctx;
  /** Tag of the copy that `refusal` last looked at. */
  let copyTag = 0;
  /** Whether the ingress port's storm tokens have been reckoned in this burst. */
  let stormKnown = false;

  function vebOutput(ingress: number, veb: number): void {
    const { n } = ctx;
    const link1 = (heap[ifRecord(veb) + If.FLAGS] & IfFlag.LINK1) !== 0;
    const limited = heap[ifRecord(ingress) + If.STORM_LIMIT] !== 0;
    if (heap[ifRecord(veb) + If.OUT_TAGS] !== 0) openTags(ctx);
    stormKnown = false;
    let unicast = 0;
    let flooded = 0;
    let bytes = 0;
    // Most frames of a burst go the way of the one before: `run` is that egress, `at` where its list goes on.
    let run = 0;
    let at = 0;
    for (let i = 0; i < n; i++) {
      const to = destination[i];
      if (to === DONE) continue;
      if (to !== run) {
        if (run !== 0) egressCount[run] = at - run * BURST;
        run = 0;
        if (to === FLOOD) {
          if (limited && !mayFlood(i, ingress)) continue;
          if (link1 && !passesFilter(i, veb, veb)) continue;
          flooded++;
          bytes += length[i];
          flood(i, ingress, veb);
          continue;
        }
        if (!eligible(i, ingress, to)) continue;
        if (link1 && !passesFilter(i, to, veb)) continue;
        if (link1 || looksAtFrames(to)) {
          unicast++;
          bytes += length[i];
          queueFrame(ctx, i, to, copyTag);
          continue;
        }
        run = to;
        at = openList(ctx, to);
      }
      unicast++;
      bytes += length[i];
      egressList[at++] = i;
    }
    if (run !== 0) egressCount[run] = at - run * BURST;
    const lane = laneOf(me, veb);
    counters[lane + Lane.OPACKETS] += unicast + flooded;
    counters[lane + Lane.OBYTES] += bytes;
    counters[lane + Lane.UNICAST] += unicast;
    counters[lane + Lane.FLOODED] += flooded;
  }

  /** Whether what leaves by port `to` depends on the frame, so that each must be looked at. */
  function looksAtFrames(to: number): boolean {
    const record = ifRecord(to);
    const rules = heap[record + If.RULES];
    const walked = rules !== 0 && heap[rules + Rules.OUT] !== 0;
    return ctx.tagged || walked || (heap[record + If.PORT_FLAGS] & PortFlag.BLOCKNONIP) !== 0;
  }

  /** Whether frame `i` may go to its one port; else it is dropped, and never flooded. */
  function eligible(i: number, ingress: number, to: number): boolean {
    if (to === ingress) {
      drop(ctx, i, to, Drop.HAIRPIN);
      return false;
    }
    let reason: Drop | -1 = -1;
    if (isProtected(ingress, to)) reason = Drop.PROTECTED;
    else if ((heap[ifRecord(to) + If.FLAGS] & IfFlag.RUNNING) === 0) reason = Drop.NOTRUNNING;
    else reason = refusal(i, to);
    if (reason === -1) return true;
    drop(ctx, i, to, reason);
    return false;
  }

  /** Whether two ports have a protected domain in common (A23, A24). */
  function isProtected(ingress: number, to: number): boolean {
    return (heap[ifRecord(ingress) + If.PROTECTED] & heap[ifRecord(to) + If.PROTECTED]) !== 0;
  }

  /** Why port `to` will not send frame `i`: OUT rules, then blocknonip; or -1, and `copyTag` is what it carries there. */
  function refusal(i: number, to: number): Drop | -1 {
    const record = ifRecord(to);
    const rules = heap[record + If.RULES];
    copyTag = ctx.tagged ? ctx.tag[i] : 0;
    if (rules !== 0 && heap[rules + Rules.OUT] !== 0) {
      if (ctx.poison && heap[rules + Rules.KIND] !== Kind.RULES) reportPoison(ctx, to);
      const verdict = frameRules(i, heap[rules + Rules.OUT]);
      if (ctx.tracing) ctx.tracer.rules(to, i, heap[rules + Rules.OUT], true, verdict);
      if ((verdict & Verdict.BLOCK) !== 0) return Drop.RULES_OUT;
      if (verdict !== 0) {
        copyTag = verdict >> Verdict.TAG_SHIFT;
        count(ctx, to, Lane.TAGGED, 1);
      }
    }
    if ((heap[record + If.PORT_FLAGS] & PortFlag.BLOCKNONIP) === 0) return -1;
    const type = etherType(u16, meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET]);
    return isIpOrArp(type) ? -1 : Drop.BLOCKNONIP_OUT;
  }

  /** Whether the packet filter lets frame `i` out of `index`, its port or for a flood the veb itself; else it is dropped. */
  function passesFilter(i: number, index: number, veb: number): boolean {
    const reason = filterPacket(ctx, i, FilterDirection.OUT, index, heap[ifRecord(veb) + If.RDOMAIN]);
    if (reason !== -1) drop(ctx, i, index, reason);
    return reason === -1;
  }

  /** Whether the storm limit of its port lets frame `i` be flooded; else it is dropped. */
  function mayFlood(i: number, ingress: number): boolean {
    if (!stormKnown) refillStorm(ctx, ingress, performance.now());
    stormKnown = true;
    if (ctx.stormTokens[ingress] >= 1) {
      ctx.stormTokens[ingress]--;
      return true;
    }
    drop(ctx, i, ingress, Drop.STORM);
    return false;
  }

  /** Frame `i` to every port that may have it; the frame itself then ends at the veb, however many took a copy. */
  function flood(i: number, ingress: number, veb: number): void {
    const ports = heap[ifRecord(veb) + If.PORTS];
    if (ctx.poison && heap[ports + PortList.KIND] !== Kind.PORT_LIST) reportPoison(ctx, veb);
    const end = ports + PortList.FIRST + heap[ports + PortList.COUNT];
    const group = isGroup(dstHi[i]);
    let copies = 0;
    for (let p = ports + PortList.FIRST; p < end; p++) {
      const port = heap[p];
      if (port === ingress) continue;
      const reason = floodRefusal(i, ingress, port, group);
      if (reason === -1) queueFrame(ctx, i, port, copyTag);
      else dropCopy(ctx, port, reason);
      copies++;
    }
    shared[i] = 1;
    ctx.anyShared = true;
    count(ctx, veb, Lane.COPIED, copies);
    consume(ctx, i, veb);
  }

  /** Why port `port` gets no copy of frame `i`, or -1. */
  function floodRefusal(i: number, ingress: number, port: number, group: boolean): Drop | -1 {
    const record = ifRecord(port);
    if (isProtected(ingress, port)) return Drop.PROTECTED;
    if ((heap[record + If.FLAGS] & IfFlag.RUNNING) === 0) return Drop.NOTRUNNING;
    if (!group && (heap[record + If.PORT_FLAGS] & PortFlag.DISCOVER) === 0) return Drop.FLOOD_NODISCOVER;
    return refusal(i, port);
  }

  return vebOutput;
}
