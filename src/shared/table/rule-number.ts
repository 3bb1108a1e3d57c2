/**
 * Which rule of a list decided about a frame, for those who ask of single frames (workers/capture/tracer.ts): every rule is compared
 * with it, in whatever order the record has them. Workers only.
 */
import { Arp, arpOp } from '../wire/arp.js';
import { dstHi, dstLo, EtherType, etherType, srcHi, srcLo } from '../wire/ethernet.js';
import { Key, NO_RULE, PLACE_MASK, PlainRule, RuleAction, RuleEntry, RuleGroup, RuleList } from './rule-list.js';

/**
 * The number of the rule of list `list` that ended the walk of the frame of `length` bytes at byte `offset`, or else of the last `match`
 * rule that set its tag: its place among the rules of that port and direction, from 1. 0 = none matched.
 */
export type RuleNumber = (list: number, offset: number, length: number) => number;

/** Finds numbers in one heap, of frames in one packet view. */
export function makeRuleNumber(heap: Int32Array, u16: Uint16Array): RuleNumber {
  const frame = new Int32Array(Key.WORDS);

  function ruleNumber(list: number, offset: number, length: number): number {
    if (list === 0) return 0;
    const isArp = readFrame(offset, length);
    const plain = heap[list + RuleList.PLAIN];
    return plain !== 0 ? ofPlain(list + RuleList.FIRST, plain, isArp) : ofGroups(list, isArp);
  }

  /** The key words of a frame. Returns whether it is ARP that a rule may match. */
  function readFrame(offset: number, length: number): boolean {
    const type = etherType(u16, offset);
    frame[Key.HI] = srcHi(u16, offset) | (dstHi(u16, offset) << 16);
    frame[Key.SRC_LO] = srcLo(u16, offset);
    frame[Key.DST_LO] = dstLo(u16, offset);
    const op = type === EtherType.ARP || type === EtherType.RARP ? arpOp(u16, offset, length, type) : 0;
    if (op === 0) return false;
    const w = offset >> 1;
    frame[Key.OP] = op | (type === EtherType.RARP ? 0x100 : 0);
    frame[Key.HARDWARE_HI] = u16[w + Arp.SHA] | (u16[w + Arp.THA] << 16);
    frame[Key.SHA_LO] = u16[w + Arp.SHA + 1] | (u16[w + Arp.SHA + 2] << 16);
    frame[Key.THA_LO] = u16[w + Arp.THA + 1] | (u16[w + Arp.THA + 2] << 16);
    frame[Key.SPA] = u16[w + Arp.SPA] | (u16[w + Arp.SPA + 1] << 16);
    frame[Key.TPA] = u16[w + Arp.TPA] | (u16[w + Arp.TPA + 1] << 16);
    return true;
  }

  function ofPlain(first: number, count: number, isArp: boolean): number {
    let last = 0;
    for (let i = 0; i < count; i++) {
      const r = first + i * PlainRule.WORDS;
      const arp = heap[r + PlainRule.ARP] !== 0;
      if ((arp && !isArp) || !same(r + PlainRule.MASKS, r + PlainRule.VALUES, arp)) continue;
      last = heap[r + PlainRule.NUMBER];
      if (heap[r + PlainRule.ACTION] !== RuleAction.MATCH) break;
    }
    return last;
  }

  function ofGroups(list: number, isArp: boolean): number {
    const ether = heap[list + RuleList.ETHER_GROUPS];
    const groups = ether + (isArp ? heap[list + RuleList.ARP_GROUPS] : 0);
    let final = NO_RULE;
    for (let n = 0; n < groups; n++) {
      const e = entryOf(list, n, n >= ether);
      if (e !== 0 && heap[e + RuleEntry.FINAL] < final) final = heap[e + RuleEntry.FINAL];
    }
    if (final !== NO_RULE) return final;
    let last = 0;
    for (let n = 0; n < groups; n++) {
      const e = entryOf(list, n, n >= ether);
      const count = e === 0 ? 0 : heap[e + RuleEntry.MATCH_COUNT];
      if (count === 0) continue;
      last = Math.max(last, heap[list + heap[e + RuleEntry.MATCHES] + (count - 1) * 2]);
    }
    return last;
  }

  /** The entry of group `n` that has the frame's key, or 0. */
  function entryOf(list: number, n: number, arp: boolean): number {
    const g = list + RuleList.FIRST + n * RuleGroup.WORDS;
    const slots = list + heap[g + RuleGroup.SLOTS];
    for (let s = 0; s <= heap[g + RuleGroup.SLOT_MASK]; s++) {
      const place = heap[slots + s] & PLACE_MASK;
      if (place === 0) continue;
      const words = arp ? RuleEntry.ARP_WORDS : RuleEntry.ETHER_WORDS;
      const e = list + heap[g + RuleGroup.ENTRIES] + (place - 1) * words;
      if (same(g + RuleGroup.MASKS, e + RuleEntry.VALUES, arp)) return e;
    }
    return 0;
  }

  /** Whether the frame, masked, has these values. */
  function same(masks: number, values: number, arp: boolean): boolean {
    for (let k = 0; k < (arp ? Key.WORDS : Key.ETHER_WORDS); k++) {
      if ((frame[k] & heap[masks + k]) !== heap[values + k]) return false;
    }
    return true;
  }

  return ruleNumber;
}
