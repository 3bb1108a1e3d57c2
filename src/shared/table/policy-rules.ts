/**
 * Policy rules of table 0: for destinations in a network another table is asked first; where that has nothing, the next rule, and at
 * last table 0 itself (spec B §1.2, §4.1). One immutable record that main builds and every worker reads; without rules there is none.
 * A VRF that falls through has a record too: itself, then table 0 (main/config/policy.ts).
 *
 * Our own addresses come before any rule, as Linux asks its table of them first. Only a rule whose network holds one of them
 * (OWN) has to look.
 */
import { Control, Kind, Rdomain, rdomainBlock } from '../layout/heap.js';
import { makeFib4Lookup } from './fib4.js';
import { makeFib6Lookup } from './fib6.js';
import { isHere, makeNextHopRecord, NextHop, NextHopKind } from './next-hop.js';

/** Words of the record. W: main. R: workers. */
const enum PolicyRules {
  KIND = 0,
  COUNT = 1,
  /** The first rule. */
  FIRST = 4,
}

/** Words of a rule. W: main. R: workers. */
const enum PolicyRule {
  /** Four words of the network, an IPv4 one is the first. */
  NETWORK = 0,
  /** Four of its mask. */
  MASK = 4,
  /** Number of the table. */
  TABLE = 8,
  /** 1 if one of our addresses in table 0 is in the network. */
  OWN = 9,
  WORDS = 12,
}

/** One rule in numbers; `network` has one word for IPv4 and four for IPv6, bits beyond `length` are zero. */
export interface PolicyRuleSpec {
  readonly network: Int32Array;
  readonly length: number;
  readonly table: number;
  readonly own: boolean;
}

/** The words of the record for rules of one family, in the order in which they are asked. */
export function buildPolicyRules(rules: readonly PolicyRuleSpec[]): Int32Array {
  const words = new Int32Array(PolicyRules.FIRST + rules.length * PolicyRule.WORDS);
  words[PolicyRules.KIND] = Kind.POLICY_RULES;
  words[PolicyRules.COUNT] = rules.length;
  rules.forEach(({ network, length, table, own }, n) => {
    const at = PolicyRules.FIRST + n * PolicyRule.WORDS;
    words.set(network, at + PolicyRule.NETWORK);
    for (let k = 0; k < 4; k++) {
      const bits = Math.min(Math.max(length - 32 * k, 0), 32);
      words[at + PolicyRule.MASK + k] = bits === 0 ? 0 : -1 << (32 - bits);
    }
    words[at + PolicyRule.TABLE] = table;
    words[at + PolicyRule.OWN] = own ? 1 : 0;
  });
  return words;
}

/** Finds the next hop of an address in the routing domain `rdomain`, by the rules if there are any; 0 = no route. */
export type Route6 = (rdomain: number, w0: number, w1: number, w2: number, w3: number) => number;
export type Route4 = (rdomain: number, w0: number) => number;

/** The IPv6 look-up over one heap; `near` is a memory of fib6.ts. */
export function makeRoute6(heap: Int32Array, near?: Int32Array): Route6 {
  const lookup = makeFib6Lookup(heap, near);
  const nextHop = makeNextHopRecord(heap);

  function byRules(rules: number, main: number, w0: number, w1: number, w2: number, w3: number): number {
    const end = rules + PolicyRules.FIRST + heap[rules + PolicyRules.COUNT] * PolicyRule.WORDS;
    for (let rule = rules + PolicyRules.FIRST; rule < end; rule += PolicyRule.WORDS) {
      if ((w0 & heap[rule + PolicyRule.MASK]) !== heap[rule]) continue;
      if ((w1 & heap[rule + PolicyRule.MASK + 1]) !== heap[rule + 1]) continue;
      if ((w2 & heap[rule + PolicyRule.MASK + 2]) !== heap[rule + 2]) continue;
      if ((w3 & heap[rule + PolicyRule.MASK + 3]) !== heap[rule + 3]) continue;
      const fib = heap[rdomainBlock(heap[rule + PolicyRule.TABLE]) + Rdomain.FIB6];
      const found = fib === 0 ? 0 : lookup(fib, w0, w1, w2, w3);
      if (found === 0) continue;
      if (heap[rule + PolicyRule.OWN] === 0 || main === 0) return found;
      const own = lookup(main, w0, w1, w2, w3);
      return isHere(heap[nextHop(heap[Control.NEXT_HOPS], own) + NextHop.KIND]) ? own : found;
    }
    return 0;
  }

  return (rdomain, w0, w1, w2, w3) => {
    const block = rdomainBlock(rdomain);
    const fib = heap[block + Rdomain.FIB6];
    const rules = heap[block + Rdomain.RULES6];
    if (rules !== 0) {
      const found = byRules(rules, fib, w0, w1, w2, w3);
      if (found !== 0) return found;
    }
    return fib === 0 ? 0 : lookup(fib, w0, w1, w2, w3);
  };
}

/** The IPv4 look-up over one heap. */
export function makeRoute4(heap: Int32Array): Route4 {
  const lookup = makeFib4Lookup(heap);
  const nextHop = makeNextHopRecord(heap);

  function byRules(rules: number, main: number, w0: number): number {
    const end = rules + PolicyRules.FIRST + heap[rules + PolicyRules.COUNT] * PolicyRule.WORDS;
    for (let rule = rules + PolicyRules.FIRST; rule < end; rule += PolicyRule.WORDS) {
      if ((w0 & heap[rule + PolicyRule.MASK]) !== heap[rule]) continue;
      const fib = heap[rdomainBlock(heap[rule + PolicyRule.TABLE]) + Rdomain.FIB4];
      const found = fib === 0 ? 0 : lookup(fib, w0);
      if (found === 0) continue;
      if (heap[rule + PolicyRule.OWN] === 0 || main === 0) return found;
      const own = lookup(main, w0);
      return heap[nextHop(heap[Control.NEXT_HOPS], own) + NextHop.KIND] === NextHopKind.LOCAL ? own : found;
    }
    return 0;
  }

  return (rdomain, w0) => {
    const block = rdomainBlock(rdomain);
    const fib = heap[block + Rdomain.FIB4];
    const rules = heap[block + Rdomain.RULES4];
    if (rules !== 0) {
      const found = byRules(rules, fib, w0);
      if (found !== 0) return found;
    }
    return fib === 0 ? 0 : lookup(fib, w0);
  };
}
