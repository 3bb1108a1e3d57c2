/**
 * Policy rules of a state as workers need them (spec B §1.2; rows.md, last paragraph). Main only.
 */
import { contains } from './address.js';
import { anycastOf } from './routes.js';
import type { PolicyRule, State } from './state.js';

/** A rule, and whether one of our own addresses in table 0 is in its network: those come before it. */
export interface LiveRule extends PolicyRule {
  readonly own: boolean;
}

/** The rules in the order in which they are asked. */
export function liveRules(state: State): LiveRule[] {
  if (state.rules.length === 0) return [];
  const own = [...state.interfaces.values()]
    .filter((s) => s.rdomain === 0)
    .flatMap((s) => s.addresses)
    .flatMap((a) => [a.address, anycastOf(state, a)])
    .filter((address) => address !== '');
  return state.rules.map((rule) => ({
    ...rule,
    own: own.some((address) => contains(rule.network, rule.length, address)),
  }));
}

/** The line of a rule in a configuration. */
export function ruleLine({ family, network, length, table, priority }: PolicyRule): string {
  const option = family === 'inet' ? '-4' : '-6';
  return `ip ${option} rule add to ${network}/${length} lookup ${table} prio ${priority}`;
}
