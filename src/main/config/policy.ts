/**
 * Policy rules of a state as workers need them (spec B §1.2; rows.md, last paragraph), and the fall-through of VRFs, which is nothing but
 * two rules of the VRF's own table: itself, then table 0 (spec B §1.5, B16). Main only.
 */
import { contains } from './address.js';
import { anycastOf } from './routes.js';
import type { PolicyRule, State } from './state.js';

/** A rule, and whether one of our own addresses in table 0 is in its network: those come before it. */
export interface LiveRule extends PolicyRule {
  readonly own: boolean;
  /** The table whose packets it is for: those of policy rules are input in table 0. */
  readonly home: number;
}

/** The rules in the order in which they are asked. */
export function liveRules(state: State): LiveRule[] {
  return [...policyRules(state), ...fallThrough(state)];
}

/** With `net.vrf.fallthrough` what a VRF's table has no route for is looked up in table 0, without the rules of that. */
function fallThrough(state: State): LiveRule[] {
  if (state.settings['net.vrf.fallthrough'] === 0) return [];
  const tables = new Set([...state.interfaces.values()].filter((s) => s.type === 'vrf').map((s) => s.rdomain));
  const ANY = { inet: '0.0.0.0', inet6: '::' } as const;
  return [...tables].flatMap((home) =>
    (['inet', 'inet6'] as const).flatMap((family) =>
      [home, 0].map((table) => ({ family, network: ANY[family], length: 0, table, priority: 0, own: false, home })),
    ),
  );
}

function policyRules(state: State): LiveRule[] {
  if (state.rules.length === 0) return [];
  const own = [...state.interfaces.values()]
    .filter((s) => s.rdomain === 0)
    .flatMap((s) => s.addresses)
    .flatMap((a) => [a.address, anycastOf(state, a)])
    .filter((address) => address !== '');
  return state.rules.map((rule) => ({
    ...rule,
    home: 0,
    own: own.some((address) => contains(rule.network, rule.length, address)),
  }));
}

/** The line of a rule in a configuration. */
export function ruleLine({ family, network, length, table, priority }: PolicyRule): string {
  const option = family === 'inet' ? '-4' : '-6';
  return `ip ${option} rule add to ${network}/${length} lookup ${table} prio ${priority}`;
}
