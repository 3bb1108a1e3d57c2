/**
 * The rules of ports, as workers walk them: one record with both directions, built whole, published with one store, reclaimed
 * after a grace period (spec A §2). A frame so sees the old rules of a port or the new ones. Main only.
 */
import { randomInt } from 'node:crypto';
import { If, ifRecord, Kind, Rules } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import { buildRuleList } from '../../shared/table/rule-list.js';
import { compileRule, type RuleSpec } from '../config/rule.js';
import type { Memory } from '../memory/memory.js';
import { RuleTags } from './rule-tags.js';

/** Rules of a port that are built and not yet published, or the removal of those it has. */
export interface BuiltRules {
  /** The record; 0 for no rules. */
  readonly at: number;
  readonly words: number;
  readonly rules: readonly RuleSpec[];
}

const NO_RULES: BuiltRules = { at: 0, words: 0, rules: [] };

export class PortRules {
  readonly tags = new RuleTags();
  private readonly memory: Memory;
  private readonly reclaimer: Reclaimer;
  /** What is published, by interface index. */
  private readonly live = new Map<number, BuiltRules>();

  constructor(memory: Memory, reclaimer: Reclaimer) {
    this.memory = memory;
    this.reclaimer = reclaimer;
  }

  /** Builds the record of `rules`. Throws ENOMEM, having kept nothing. */
  build(rules: readonly RuleSpec[]): BuiltRules {
    if (rules.length === 0) return NO_RULES;
    const taken: string[] = [];
    try {
      const compiled = rules.map((rule) => {
        const number = this.tags.take(rule.tag);
        taken.push(rule.tag);
        return compileRule(rule, number);
      });
      const list = (not: 'in' | 'out'): Int32Array => {
        const wanted = compiled.filter((_, n) => (rules[n] as RuleSpec).dir !== not);
        return wanted.length === 0 ? new Int32Array(0) : buildRuleList(wanted, randomInt(-(2 ** 31), 2 ** 31));
      };
      const [inward, outward] = [list('out'), list('in')];
      const words = Rules.LISTS + inward.length + outward.length;
      const at = this.memory.heap.allocate(words);
      const { heap } = this.memory.views;
      const out = at + Rules.LISTS + inward.length;
      heap[at + Rules.KIND] = Kind.RULES;
      heap[at + Rules.IN] = inward.length === 0 ? 0 : at + Rules.LISTS;
      heap[at + Rules.OUT] = outward.length === 0 ? 0 : out;
      heap.set(inward, at + Rules.LISTS);
      heap.set(outward, out);
      return { at, words, rules };
    } catch (error) {
      for (const tag of taken) this.tags.give(tag);
      throw error;
    }
  }

  /** Takes back rules that were built and are not wanted after all. */
  discard(built: BuiltRules): void {
    if (built.at !== 0) this.memory.heap.release(built.at, built.words);
    for (const rule of built.rules) this.tags.give(rule.tag);
  }

  /** Gives port `index` the rules `built`; those it had are reclaimed after a grace period. */
  publish(index: number, built: BuiltRules): void {
    const old = this.live.get(index);
    if (built.at === 0) this.live.delete(index);
    else this.live.set(index, built);
    Atomics.store(this.memory.views.heap, ifRecord(index) + If.RULES, built.at);
    if (old !== undefined) this.reclaimer.retire(old.words * 4, () => this.discard(old));
  }

  /** The rules port `index` has. */
  of(index: number): BuiltRules {
    return this.live.get(index) ?? NO_RULES;
  }

  /** Takes the rules `built` from a port that has left its veb, unless it has got others since. */
  clear(index: number, built: BuiltRules): void {
    if (this.of(index) === built) this.publish(index, NO_RULES);
  }
}
