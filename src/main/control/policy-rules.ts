/**
 * Policy rules, of table 0 and of VRFs that fall through, as workers read them: a record for each table and family, built whole, published
 * with one store, reclaimed after a grace period. Main only.
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
  /** Words of the records that are published, by the place where their address stands. */
  private readonly words = new Map<number, number>();

  constructor(memory: Memory, reclaimer: Reclaimer) {
    this.memory = memory;
    this.reclaimer = reclaimer;
  }

  /** Makes these all the rules there are. Throws ENOMEM. */
  set(rules: readonly LiveRule[]): void {
    const places = new Map<number, LiveRule[]>([...this.words.keys()].map((where) => [where, []]));
    for (const rule of rules) {
      const where = rdomainBlock(rule.home) + WORD[rule.family];
      places.set(where, [...(places.get(where) ?? []), rule]);
    }
    for (const [where, those] of places) this.publish(where, those);
  }

  private publish(where: number, rules: readonly LiveRule[]): void {
    const { heap } = this.memory.views;
    const words = buildPolicyRules(
      rules.map(({ network, length, table, own }) => ({ network: addressWords(network), length, table, own })),
    );
    const at = rules.length === 0 ? 0 : this.memory.heap.allocate(words.length);
    if (at !== 0) heap.set(words, at);
    const [old, oldWords] = [heap[where], this.words.get(where) ?? 0];
    Atomics.store(heap, where, at);
    if (at === 0) this.words.delete(where);
    else this.words.set(where, words.length);
    if (old !== 0) this.reclaimer.retire(oldWords * 4, () => this.memory.heap.release(old, oldWords));
  }
}
