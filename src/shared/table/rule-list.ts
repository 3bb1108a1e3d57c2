/**
 * Rule list: the bridge rules of one port and direction (spec A §2.3), one immutable record in the heap.
 *
 * Main builds the record and publishes its address with one store; workers read it within a read section and write nothing; a
 * change builds another one. All addresses in it count from its first word.
 *
 * A frame and a rule are compared as key words: three of the Ethernet header and, for an ARP rule, six of the packet. A rule
 * has a mask and a value for each. Up to `PLAIN_MAX` rules are walked one after the other. A longer list is cut into groups of
 * rules that name the same fields (tuple-space search): a group is a mask and a hash of its values, so a frame is looked up
 * once a group, whatever the number of rules. There are at most 4 groups without ARP fields and 128 with; only well-formed ARP
 * and RARP frames are looked up in the latter. An entry of a hash has the number of its first rule that ends the walk, and the
 * `match` rules with a tag before that one. The lowest such number of all groups is the verdict; groups are in order of their
 * first rule, so that a look-up ends when no group left can have a lower one. Where the verdict leaves the tag alone, the last
 * `match` rule before it sets it, found by bisection in the entry's row.
 *
 * Most frames meet no rule: a filter of one bit for each source that rules name (or destination, where they name no source) tells so
 * before any group is looked at.
 *
 * Rules that can change nothing (behind a rule for all frames, or behind a final one with the same key; `match` without a tag)
 * are left out.
 *
 * Size in words: a head of 16, and 22 a rule in a plain list; else at most 16 a group and 21 a rule (13 for its entry, 4 for
 * slots, 2 for the filter, 2 for a `match`), and 64 at least for the filter. So 10 000 rules take at most 830 KiB.
 */
import { Kind } from '../layout/heap.js';
import { Arp, arpOp } from '../wire/arp.js';
import { EtherType, type Mac } from '../wire/ethernet.js';

/** What a rule does: `match` sets its tag and lets the walk go on. */
export const enum RuleAction {
  MATCH = 0,
  BLOCK = 1,
  PASS = 2,
}

/** A rule in numbers; undefined, '' and 0 stand for any. */
export interface CompiledRule {
  readonly action: RuleAction;
  /** Number of its tag, 1 … TAG_NUMBER_MAX; 0 = none. */
  readonly tag: number;
  readonly src: Mac | undefined;
  readonly dst: Mac | undefined;
  readonly arp: '' | 'arp' | 'rarp';
  /** Operation as in the frame: 1 or 2 for arp, 3 or 4 for rarp. */
  readonly op: number;
  readonly sha: Mac | undefined;
  readonly tha: Mac | undefined;
  /** As `parseIpv4` returns them. */
  readonly spa: number | undefined;
  readonly tpa: number | undefined;
}

/** What a walk returns: a bit that blocks the frame, and the tag to set, 0 = leave the frame's tag alone. */
export const enum Verdict {
  BLOCK = 1,
  TAG_SHIFT = 1,
}

/** Highest tag number. */
export const TAG_NUMBER_MAX = 0x7fff;
/** Most rules that are walked one after the other. */
export const PLAIN_MAX = 8;

/** Key words. The first three are of the Ethernet header. */
export const enum Key {
  /** First two bytes of the source, of the destination << 16. */
  HI = 0,
  SRC_LO = 1,
  DST_LO = 2,
  /** Operation, and 0 for arp or 1 for rarp << 8, so that a rule may name the kind alone. */
  OP = 3,
  /** First two bytes of the sender's hardware address, of the target's << 16. */
  HARDWARE_HI = 4,
  SHA_LO = 5,
  THA_LO = 6,
  SPA = 7,
  TPA = 8,
  ETHER_WORDS = 3,
  WORDS = 9,
}

/** Words of the record's head. W: main. R: workers. */
export const enum RuleList {
  KIND = 0,
  /** Rules that are walked one after the other; 0 in a list cut into groups. */
  PLAIN = 1,
  /** Whether any rule looks into ARP packets. */
  HAS_ARP = 2,
  /** Groups without ARP fields. */
  ETHER_GROUPS = 3,
  /** Groups with them, which follow the former. */
  ARP_GROUPS = 4,
  /** Key of the hashes. */
  HASH_KEY = 5,
  /** Bits of the addresses that groups without ARP fields name; 0 = one of them names none, so that every frame is looked up. */
  FILTER = 6,
  /** An address's hash less these low bits is its place in the filter. */
  FILTER_SHIFT = 7,
  /** Whether a group names a destination and no source. */
  HAS_DST_ONLY = 8,
  /** The first plain rule or group. */
  FIRST = 16,
}

/** Words of a plain rule. W: main. R: workers. */
export const enum PlainRule {
  /** A `RuleAction`. */
  ACTION = 0,
  /** Its verdict, which a `match` rule leaves to the walk. */
  VERDICT = 1,
  /** 1 if the masks and values of ARP count. */
  ARP = 2,
  /** Its place in the list that it was made of, from 1. */
  NUMBER = 3,
  /** Masks of the key words. */
  MASKS = 4,
  /** Values of the key words. */
  VALUES = 13,
  WORDS = 22,
}

/** Words of a group. W: main. R: workers. */
export const enum RuleGroup {
  /** Lowest number of a rule in it. */
  LOWEST = 0,
  /** Its hash: a power of two of slots, at most half of them used. */
  SLOTS = 1,
  SLOT_MASK = 2,
  /** Its entries. */
  ENTRIES = 3,
  /** Masks of the key words. */
  MASKS = 4,
  WORDS = 16,
}

/** Words of an entry. W: main. R: workers. */
export const enum RuleEntry {
  /** Number of the first rule with this key that ends the walk, from 1; NO_RULE if none does. */
  FINAL = 0,
  /** What that rule says. */
  VERDICT = 1,
  /** The `match` rules before it, in order: pairs of number and verdict. */
  MATCHES = 2,
  MATCH_COUNT = 3,
  /** Values of the key words, masked. */
  VALUES = 4,
  ETHER_WORDS = 7,
  ARP_WORDS = 13,
}

/** A slot is 0 or an entry's place in its group, from 1, below the top bits of the key's hash. */
const PLACE_BITS = 20;
export const PLACE_MASK = (1 << PLACE_BITS) - 1;
/** Fewest words of a filter. */
const FILTER_LEAST = 64;
/** Most rules in a list. */
export const RULES_MAX = PLACE_MASK;
/** Higher than any rule's number. */
export const NO_RULE = 0x7fffffff;
/** All groups there can be: two fields of the Ethernet header, and five that an ARP rule may name or not. */
const GROUPS_MAX = 4 + 128;

/** A rule as masks and values of key words. */
interface KeyedRule {
  /** Its place in the list, from 1. */
  readonly number: number;
  readonly action: RuleAction;
  readonly verdict: number;
  readonly arp: boolean;
  readonly masks: readonly number[];
  readonly values: readonly number[];
}

/** Rules of one key while a list is built. */
interface Entry {
  final: number;
  verdict: number;
  readonly matches: KeyedRule[];
  readonly values: readonly number[];
}

/** Rules of one mask while a list is built. */
interface Group {
  readonly arp: boolean;
  readonly lowest: number;
  readonly masks: readonly number[];
  readonly entries: Map<string, Entry>;
}

/**
 * The record of a list of rules, to be copied to any place in the heap. `key` is the random key of its hashes, so that who may
 * choose addresses in rules cannot make them collide. Throws RangeError for more than RULES_MAX rules or a tag number out of
 * range. Main only.
 */
export function buildRuleList(rules: readonly CompiledRule[], key: number): Int32Array {
  if (rules.length > RULES_MAX) throw new RangeError(`${rules.length} rules; ${RULES_MAX} are the most`);
  const effective: KeyedRule[] = [];
  for (const [i, rule] of rules.entries()) {
    const keyed = keyedRule(rule, i + 1);
    if (keyed.action === RuleAction.MATCH && rule.tag === 0) continue;
    effective.push(keyed);
    if (keyed.action !== RuleAction.MATCH && keyed.masks.every((mask) => mask === 0)) break;
  }
  return effective.length <= PLAIN_MAX ? plainRecord(effective) : groupRecord(effective, key);
}

/** A rule's masks and values. */
function keyedRule(rule: CompiledRule, number: number): KeyedRule {
  const { action, tag, src, dst, sha, tha, spa, tpa, op } = rule;
  if (!(tag >= 0 && tag <= TAG_NUMBER_MAX)) throw new RangeError(`tag number ${tag}; ${TAG_NUMBER_MAX} is the highest`);
  const masks = new Array<number>(Key.WORDS).fill(0);
  const values = new Array<number>(Key.WORDS).fill(0);
  const set = (word: Key, mask: number, value: number): void => {
    masks[word] |= mask;
    values[word] |= value;
  };
  const setMac = (mac: Mac | undefined, hi: Key, shift: number, lo: Key): void => {
    if (mac === undefined) return;
    set(hi, 0xffff << shift, mac.hi << shift);
    set(lo, -1, mac.lo);
  };
  setMac(src, Key.HI, 0, Key.SRC_LO);
  setMac(dst, Key.HI, 16, Key.DST_LO);
  const arp = rule.arp !== '';
  if (arp) {
    set(Key.OP, op === 0 ? 0xff00 : 0xffff, (rule.arp === 'rarp' ? 0x100 : 0) | op);
    setMac(sha, Key.HARDWARE_HI, 0, Key.SHA_LO);
    setMac(tha, Key.HARDWARE_HI, 16, Key.THA_LO);
    if (spa !== undefined) set(Key.SPA, -1, spa);
    if (tpa !== undefined) set(Key.TPA, -1, tpa);
  }
  const verdict = action === RuleAction.BLOCK ? Verdict.BLOCK : tag << Verdict.TAG_SHIFT;
  return { number, action, verdict, arp, masks, values };
}

/** The record of a short list. Main only. */
function plainRecord(rules: readonly KeyedRule[]): Int32Array {
  const record = new Int32Array(RuleList.FIRST + rules.length * PlainRule.WORDS);
  record[RuleList.KIND] = Kind.RULE_LIST;
  record[RuleList.PLAIN] = rules.length;
  record[RuleList.HAS_ARP] = rules.some((rule) => rule.arp) ? 1 : 0;
  for (const [i, rule] of rules.entries()) {
    const r = RuleList.FIRST + i * PlainRule.WORDS;
    record[r + PlainRule.ACTION] = rule.action;
    record[r + PlainRule.VERDICT] = rule.verdict;
    record[r + PlainRule.ARP] = rule.arp ? 1 : 0;
    record[r + PlainRule.NUMBER] = rule.number;
    record.set(rule.masks, r + PlainRule.MASKS);
    record.set(rule.values, r + PlainRule.VALUES);
  }
  return record;
}

/** The record of a long list. Main only. */
function groupRecord(rules: readonly KeyedRule[], key: number): Int32Array {
  const groups = groupsOf(rules);
  const ether = groups.filter((group) => !group.arp);
  const arp = groups.filter((group) => group.arp);
  const all = [...ether, ...arp];
  let words = RuleList.FIRST + all.length * RuleGroup.WORDS;
  const claim = (count: number): number => {
    words += count;
    return words - count;
  };
  const places = all.map((group) => {
    const entries = claim(group.entries.size * entryWords(group.arp));
    return { group, entries, slots: claim(slotsFor(group.entries.size)) };
  });
  const filter = filterOf(ether, key);
  const filterAt = claim(filter.length);
  const matchesAt = words;
  for (const { entries } of all) for (const { matches } of entries.values()) words += matches.length * 2;

  const record = new Int32Array(words);
  record[RuleList.KIND] = Kind.RULE_LIST;
  record[RuleList.HAS_ARP] = arp.length > 0 ? 1 : 0;
  record[RuleList.ETHER_GROUPS] = ether.length;
  record[RuleList.ARP_GROUPS] = arp.length;
  record[RuleList.HASH_KEY] = key;
  record[RuleList.FILTER] = filter.length === 0 ? 0 : filterAt;
  record[RuleList.FILTER_SHIFT] = filterShift(filter.length);
  record[RuleList.HAS_DST_ONLY] = ether.some((group) => !namesSource(group)) ? 1 : 0;
  record.set(filter, filterAt);
  let next = matchesAt;
  for (const [i, { group, entries, slots }] of places.entries()) {
    const g = RuleList.FIRST + i * RuleGroup.WORDS;
    record[g + RuleGroup.LOWEST] = group.lowest;
    record[g + RuleGroup.SLOTS] = slots;
    record[g + RuleGroup.SLOT_MASK] = slotsFor(group.entries.size) - 1;
    record[g + RuleGroup.ENTRIES] = entries;
    record.set(group.masks, g + RuleGroup.MASKS);
    let place = 0;
    for (const entry of group.entries.values()) {
      const e = entries + place++ * entryWords(group.arp);
      record[e + RuleEntry.FINAL] = entry.final;
      record[e + RuleEntry.VERDICT] = entry.verdict;
      record[e + RuleEntry.MATCHES] = next;
      record[e + RuleEntry.MATCH_COUNT] = entry.matches.length;
      record.set(group.arp ? entry.values : entry.values.slice(0, Key.ETHER_WORDS), e + RuleEntry.VALUES);
      for (const match of entry.matches) {
        record[next++] = match.number;
        record[next++] = match.verdict;
      }
      takeSlot(record, g, place, group.arp ? hashArp(entry.values, key) : hashEther(entry.values, key));
    }
  }
  return record;
}

/** Whether the rules of a group name a source. Main only. */
function namesSource(group: Group): boolean {
  return group.masks[Key.SRC_LO] !== 0;
}

/** The filter of groups without ARP fields; empty if one of them is for all frames, or there is none. Main only. */
function filterOf(groups: readonly Group[], key: number): Int32Array {
  if (groups.length === 0 || groups.some((group) => !namesSource(group) && group.masks[Key.DST_LO] === 0)) {
    return new Int32Array(0);
  }
  const entries = groups.reduce((sum, group) => sum + group.entries.size, 0);
  let words = FILTER_LEAST;
  while (words < entries) words *= 2;
  const filter = new Int32Array(words);
  for (const group of groups) {
    for (const { values } of group.entries.values()) {
      const hash = namesSource(group) ? sourceHash(key, values[Key.SRC_LO]) : destinationHash(key, values[Key.DST_LO]);
      const bit = hash >>> filterShift(words);
      filter[bit >>> 5] |= 1 << (bit & 31);
    }
  }
  return filter;
}

/** How far a hash of 32 bits is to be shifted for a place among the bits of `words` words, a power of two. */
function filterShift(words: number): number {
  return words === 0 ? 0 : 27 - Math.log2(words);
}

/** Hash of the last four bytes of a source, for the filter. */
function sourceHash(key: number, lo: number): number {
  return Math.imul(lo, key | 1);
}

/** The same of a destination. */
function destinationHash(key: number, lo: number): number {
  return Math.imul(lo, (key ^ 0x2c1b3c6d) | 1);
}

/** The hash of an entry's key. Main only. */
function hashEther(v: readonly number[], key: number): number {
  return finish(etherHash(key, v[Key.HI], v[Key.SRC_LO], v[Key.DST_LO]));
}

/** The same with the words of ARP. Main only. */
function hashArp(v: readonly number[], key: number): number {
  const ether = etherHash(key, v[Key.HI], v[Key.SRC_LO], v[Key.DST_LO]);
  return finish(arpHash(ether, v[Key.OP], v[Key.HARDWARE_HI], v[Key.SHA_LO], v[Key.THA_LO], v[Key.SPA], v[Key.TPA]));
}

/** Rules by the fields they name, in order of each group's first rule. */
function groupsOf(rules: readonly KeyedRule[]): Group[] {
  const groups = new Map<string, Group>();
  for (const rule of rules) {
    const { number, masks, values } = rule;
    const mask = masks.join();
    let group = groups.get(mask);
    if (group === undefined) {
      group = { arp: rule.arp, lowest: number, masks, entries: new Map() };
      groups.set(mask, group);
    }
    const name = values.join();
    let entry = group.entries.get(name);
    if (entry === undefined) {
      entry = { final: NO_RULE, verdict: 0, matches: [], values };
      group.entries.set(name, entry);
    }
    if (entry.final !== NO_RULE) continue;
    if (rule.action === RuleAction.MATCH) entry.matches.push(rule);
    else {
      entry.final = number;
      entry.verdict = rule.verdict;
    }
  }
  return [...groups.values()];
}

function entryWords(arp: boolean): number {
  return arp ? RuleEntry.ARP_WORDS : RuleEntry.ETHER_WORDS;
}

/** Slots for that many entries. */
function slotsFor(entries: number): number {
  let slots = 2;
  while (slots < entries * 2) slots *= 2;
  return slots;
}

/** Puts an entry's place in the first free slot from its hash on. Main only. */
function takeSlot(record: Int32Array, g: number, place: number, hash: number): void {
  const slots = record[g + RuleGroup.SLOTS];
  const mask = record[g + RuleGroup.SLOT_MASK];
  let s = hash & mask;
  while (record[slots + s] !== 0) s = (s + 1) & mask;
  record[slots + s] = (hash & ~PLACE_MASK) | place;
}

/** One word into a hash. */
function mix(hash: number, word: number): number {
  const x = Math.imul(hash ^ word, 0x2c1b3c6d);
  return x ^ (x >>> 15);
}

/** The key words of the Ethernet header into a hash. */
function etherHash(key: number, hi: number, srcLo: number, dstLo: number): number {
  return mix(mix(mix(key, hi), srcLo), dstLo);
}

/** The key words of ARP into a hash. */
function arpHash(
  hash: number,
  op: number,
  hardwareHi: number,
  shaLo: number,
  thaLo: number,
  spa: number,
  tpa: number,
): number {
  return mix(mix(mix(mix(mix(mix(hash, op), hardwareHi), shaLo), thaLo), spa), tpa);
}

/** Spreads the last word over all bits. */
function finish(hash: number): number {
  const x = Math.imul(hash, 0x297a2d39);
  return x ^ (x >>> 15);
}

/**
 * Verdict for a frame: a `Verdict` bit and the tag to set above it. `list` is the record's first word in the heap, 0 for no
 * rules. `offset` is the frame's first byte, an even number; `length` is in bytes, at least 14; the addresses and `type` are
 * as veb input reads them (wire/ethernet.ts).
 */
export type RuleWalk = (
  list: number,
  offset: number,
  length: number,
  dstHi: number,
  dstLo: number,
  srcHi: number,
  srcLo: number,
  type: number,
) => number;

/** Makes the rule walk of one worker, once, so that the arrays are constants to the compiler. Workers only. */
export function makeRuleWalk(heap: Int32Array, u16: Uint16Array): RuleWalk {
  /** Entries with `match` rules that the frame in hand has met. */
  const met = new Int32Array(GROUPS_MAX);
  /** Key words of the ARP packet in hand, from `Key.OP` on. */
  const packet = new Int32Array(Key.WORDS);

  function ruleWalk(
    list: number,
    offset: number,
    length: number,
    dstHi: number,
    dstLo: number,
    srcHi: number,
    srcLo: number,
    type: number,
  ): number {
    if (list === 0) return 0;
    const hi = srcHi | (dstHi << 16);
    const isArp =
      (type === EtherType.ARP || type === EtherType.RARP) &&
      heap[list + RuleList.HAS_ARP] !== 0 &&
      readPacket(offset, length, type);
    const plain = heap[list + RuleList.PLAIN];
    if (plain !== 0) return walk(list + RuleList.FIRST, plain, hi, srcLo, dstLo, isArp);
    return search(list, hi, srcLo, dstLo, isArp);
  }

  /** The key words of an ARP packet; false if it is none that a rule may match. */
  function readPacket(offset: number, length: number, type: number): boolean {
    const op = arpOp(u16, offset, length, type);
    if (op === 0) return false;
    const w = offset >> 1;
    packet[Key.OP] = op | (type === EtherType.RARP ? 0x100 : 0);
    packet[Key.HARDWARE_HI] = u16[w + Arp.SHA] | (u16[w + Arp.THA] << 16);
    packet[Key.SHA_LO] = u16[w + Arp.SHA + 1] | (u16[w + Arp.SHA + 2] << 16);
    packet[Key.THA_LO] = u16[w + Arp.THA + 1] | (u16[w + Arp.THA + 2] << 16);
    packet[Key.SPA] = u16[w + Arp.SPA] | (u16[w + Arp.SPA + 1] << 16);
    packet[Key.TPA] = u16[w + Arp.TPA] | (u16[w + Arp.TPA + 1] << 16);
    return true;
  }

  /** `count` plain rules from `r` on, in order. */
  function walk(r: number, count: number, hi: number, srcLo: number, dstLo: number, isArp: boolean): number {
    let tag = 0;
    for (let i = 0; i < count; i++, r += PlainRule.WORDS) {
      // The words that tell most rules and frames apart first.
      if (((srcLo ^ heap[r + PlainRule.VALUES + Key.SRC_LO]) & heap[r + PlainRule.MASKS + Key.SRC_LO]) !== 0) continue;
      if (((dstLo ^ heap[r + PlainRule.VALUES + Key.DST_LO]) & heap[r + PlainRule.MASKS + Key.DST_LO]) !== 0) continue;
      if (((hi ^ heap[r + PlainRule.VALUES + Key.HI]) & heap[r + PlainRule.MASKS + Key.HI]) !== 0) continue;
      if (heap[r + PlainRule.ARP] !== 0 && !(isArp && samePacket(r))) continue;
      const action = heap[r + PlainRule.ACTION];
      const verdict = heap[r + PlainRule.VERDICT];
      if (action === RuleAction.BLOCK) return verdict;
      if (verdict !== 0) tag = verdict;
      if (action === RuleAction.PASS) break;
    }
    return tag;
  }

  /** Whether the packet in hand is what plain rule `r` names. */
  function samePacket(r: number): boolean {
    let differs = 0;
    for (let k = Key.OP; k < Key.WORDS; k++) {
      differs |= (packet[k] ^ heap[r + PlainRule.VALUES + k]) & heap[r + PlainRule.MASKS + k];
    }
    return differs === 0;
  }

  /** A list in groups: the lowest final rule of all, and the tag that `match` rules before it leave. */
  function search(list: number, hi: number, srcLo: number, dstLo: number, isArp: boolean): number {
    const key = heap[list + RuleList.HASH_KEY];
    let final = NO_RULE;
    let verdict = 0;
    let meets = 0;
    const first = list + RuleList.FIRST;
    const etherEnd = first + heap[list + RuleList.ETHER_GROUPS] * RuleGroup.WORDS;
    let g = meetsNone(list, key, srcLo, dstLo) ? etherEnd : first;
    for (; g < etherEnd && heap[g + RuleGroup.LOWEST] < final; g += RuleGroup.WORDS) {
      const a = hi & heap[g + RuleGroup.MASKS + Key.HI];
      const b = srcLo & heap[g + RuleGroup.MASKS + Key.SRC_LO];
      const c = dstLo & heap[g + RuleGroup.MASKS + Key.DST_LO];
      const hash = finish(etherHash(key, a, b, c));
      // Most frames meet an empty slot, and there the call is left out.
      if (heap[list + heap[g + RuleGroup.SLOTS] + (hash & heap[g + RuleGroup.SLOT_MASK])] === 0) continue;
      const e = findEther(list, g, hash, a, b, c);
      if (e === 0) continue;
      if (heap[e + RuleEntry.MATCH_COUNT] !== 0) met[meets++] = e;
      if (heap[e + RuleEntry.FINAL] >= final) continue;
      final = heap[e + RuleEntry.FINAL];
      verdict = heap[e + RuleEntry.VERDICT];
    }
    const arpEnd = isArp ? etherEnd + heap[list + RuleList.ARP_GROUPS] * RuleGroup.WORDS : etherEnd;
    for (g = etherEnd; g < arpEnd && heap[g + RuleGroup.LOWEST] < final; g += RuleGroup.WORDS) {
      const e = findArp(list, g, key, hi, srcLo, dstLo);
      if (e === 0) continue;
      if (heap[e + RuleEntry.MATCH_COUNT] !== 0) met[meets++] = e;
      if (heap[e + RuleEntry.FINAL] >= final) continue;
      final = heap[e + RuleEntry.FINAL];
      verdict = heap[e + RuleEntry.VERDICT];
    }
    return verdict === 0 && meets !== 0 ? lastTag(list, meets, final) : verdict;
  }

  /** Whether the filter says that no rule without ARP fields can match. */
  function meetsNone(list: number, key: number, srcLo: number, dstLo: number): boolean {
    const filter = heap[list + RuleList.FILTER];
    if (filter === 0) return false;
    const shift = heap[list + RuleList.FILTER_SHIFT];
    const source = sourceHash(key, srcLo) >>> shift;
    if (((heap[list + filter + (source >>> 5)] >>> (source & 31)) & 1) !== 0) return false;
    if (heap[list + RuleList.HAS_DST_ONLY] === 0) return true;
    const destination = destinationHash(key, dstLo) >>> shift;
    return ((heap[list + filter + (destination >>> 5)] >>> (destination & 31)) & 1) === 0;
  }

  /** The entry of group `g` that has the key words `a`, `b` and `c`, or 0. */
  function findEther(list: number, g: number, hash: number, a: number, b: number, c: number): number {
    const slots = list + heap[g + RuleGroup.SLOTS];
    const mask = heap[g + RuleGroup.SLOT_MASK];
    for (let s = hash & mask; ; s = (s + 1) & mask) {
      const slot = heap[slots + s];
      if (slot === 0) return 0;
      if ((slot ^ hash) >>> PLACE_BITS !== 0) continue;
      const e = list + heap[g + RuleGroup.ENTRIES] + ((slot & PLACE_MASK) - 1) * RuleEntry.ETHER_WORDS;
      const v = e + RuleEntry.VALUES;
      if (heap[v + Key.HI] === a && heap[v + Key.SRC_LO] === b && heap[v + Key.DST_LO] === c) return e;
    }
  }

  /** The same with the packet in hand. */
  function findArp(list: number, g: number, key: number, hi: number, srcLo: number, dstLo: number): number {
    const m = g + RuleGroup.MASKS;
    const a = hi & heap[m + Key.HI];
    const b = srcLo & heap[m + Key.SRC_LO];
    const c = dstLo & heap[m + Key.DST_LO];
    const op = packet[Key.OP] & heap[m + Key.OP];
    const hardwareHi = packet[Key.HARDWARE_HI] & heap[m + Key.HARDWARE_HI];
    const shaLo = packet[Key.SHA_LO] & heap[m + Key.SHA_LO];
    const thaLo = packet[Key.THA_LO] & heap[m + Key.THA_LO];
    const spa = packet[Key.SPA] & heap[m + Key.SPA];
    const tpa = packet[Key.TPA] & heap[m + Key.TPA];
    const hash = finish(arpHash(etherHash(key, a, b, c), op, hardwareHi, shaLo, thaLo, spa, tpa));
    const slots = list + heap[g + RuleGroup.SLOTS];
    const mask = heap[g + RuleGroup.SLOT_MASK];
    for (let s = hash & mask; ; s = (s + 1) & mask) {
      const slot = heap[slots + s];
      if (slot === 0) return 0;
      if ((slot ^ hash) >>> PLACE_BITS !== 0) continue;
      const e = list + heap[g + RuleGroup.ENTRIES] + ((slot & PLACE_MASK) - 1) * RuleEntry.ARP_WORDS;
      const v = e + RuleEntry.VALUES;
      const ether = heap[v + Key.HI] === a && heap[v + Key.SRC_LO] === b && heap[v + Key.DST_LO] === c;
      const hardware = heap[v + Key.SHA_LO] === shaLo && heap[v + Key.THA_LO] === thaLo;
      const protocol = heap[v + Key.SPA] === spa && heap[v + Key.TPA] === tpa;
      const rest = heap[v + Key.OP] === op && heap[v + Key.HARDWARE_HI] === hardwareHi;
      if (ether && hardware && protocol && rest) return e;
    }
  }

  /** What the last `match` rule below number `final` of the entries met sets. */
  function lastTag(list: number, meets: number, final: number): number {
    let last = 0;
    let verdict = 0;
    for (let i = 0; i < meets; i++) {
      const pairs = list + heap[met[i] + RuleEntry.MATCHES];
      let low = 0;
      let high = heap[met[i] + RuleEntry.MATCH_COUNT];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (heap[pairs + middle * 2] < final) low = middle + 1;
        else high = middle;
      }
      if (low === 0 || heap[pairs + low * 2 - 2] <= last) continue;
      last = heap[pairs + low * 2 - 2];
      verdict = heap[pairs + low * 2 - 1];
    }
    return verdict;
  }

  return ruleWalk;
}
