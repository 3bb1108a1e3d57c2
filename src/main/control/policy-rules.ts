/**
 * The policy rules of table 0 as workers read them: a record for each family, built whole, published with one store, reclaimed
 * after a grace period. Main only.
 */
import { Rdomain, rdomainBlock } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import { buildPolicyRules } from '../../shared/table/policy-rules.js';
import { addressWords, type Family } from '../config/address.js';
import type { LiveRule } from '../config/policy.js';
import type { Memory } from '../memory/memory.js';

const WORD: Record<Family, Rdomain> = { inet: Rdomain.RULES4, inet6: Rdomain.RULES6 };

export class PolicyRuleRecords {
  private readonly memory: Memory;
  private readonly reclaimer: Reclaimer;
  /** Words of the record of each family that is published. */
  private readonly words: Record<Family, number> = { inet: 0, inet6: 0 };

  constructor(memory: Memory, reclaimer: Reclaimer) {
    this.memory = memory;
    this.reclaimer = reclaimer;
  }

  /** Makes these all the rules there are. Throws ENOMEM. */
  set(rules: readonly LiveRule[]): void {
    for (const family of ['inet', 'inet6'] as const) {
      this.publish(
        family,
        rules.filter((rule) => rule.family === family),
      );
    }
  }

  private publish(family: Family, rules: readonly LiveRule[]): void {
    const { heap } = this.memory.views;
    const words = buildPolicyRules(
      rules.map(({ network, length, table, own }) => ({ network: addressWords(network), length, table, own })),
    );
    const at = rules.length === 0 ? 0 : this.memory.heap.allocate(words.length);
    if (at !== 0) heap.set(words, at);
    const where = rdomainBlock(0) + WORD[family];
    const [old, oldWords] = [heap[where], this.words[family]];
    Atomics.store(heap, where, at);
    this.words[family] = words.length;
    if (old !== 0) this.reclaimer.retire(oldWords * 4, () => this.memory.heap.release(old, oldWords));
  }
}
