/**
 * `ip rule`: policy rules, iproute2's words and lines (ip-rule(8)). They hold for packets input in table 0, and choose by the
 * destination alone. Main only.
 */
import { BITS, type Family, networkOf, parsePrefix } from '../config/address.js';
import { type PolicyRule, RULE_PRIORITY, type State } from '../config/state.js';
import { ControlError } from '../errors.js';
import { takeTable } from './ip-table.js';
import { type Draft, Words } from './words.js';

/** Rules that are always there, by priority; between them are those that the operator made. */
const LOCAL = 0;
const L3MDEV = 1000;
const MAIN = 32_766;
const DEFAULT = 32_767;

/** What a command says of a rule; undefined where it says nothing. */
interface Wanted {
  family: Family;
  network: string | undefined;
  length: number;
  table: number | undefined;
  priority: number | undefined;
}

/** `add|del [from all] [to PREFIX] [lookup TABLE] [prio N]`. Throws ControlError: EINVAL, EEXIST, ENOENT. */
export function changeRule(draft: Draft, command: string, said: Family | undefined, rest: readonly string[]): void {
  if (command !== 'add' && command !== 'del') {
    throw new ControlError('EINVAL', `ip rule ${command}: unknown command`);
  }
  const { rules } = draft.state;
  const wanted = readRule(new Words(rest), said);
  if (command === 'del') {
    const at = rules.findIndex((rule) => matches(rule, wanted));
    if (at === -1) throw new ControlError('ENOENT', 'No such rule');
    rules.splice(at, 1);
    return;
  }
  const { family, length } = wanted;
  if (wanted.network === undefined) throw new ControlError('EINVAL', 'to missing: a rule chooses by the destination');
  if (wanted.table === undefined) throw new ControlError('EINVAL', 'lookup missing');
  const priority = wanted.priority ?? freePriority(draft.state, family);
  const rule: PolicyRule = { family, network: wanted.network, length, table: wanted.table, priority };
  if (rules.some((other) => matches(other, rule))) throw new ControlError('EEXIST', 'The rule exists already');
  const before = rules.findIndex((other) => other.priority > priority);
  rules.splice(before === -1 ? rules.length : before, 0, rule);
}

/** One before all others, as the kernel chooses. */
function freePriority({ rules }: State, family: Family): number {
  const taken = rules.filter((rule) => rule.family === family).map((rule) => rule.priority);
  return Math.max(Math.min(MAIN, ...taken) - 1, RULE_PRIORITY.min);
}

function matches(rule: PolicyRule, { family, network, length, table, priority }: Wanted): boolean {
  return (
    rule.family === family &&
    (network === undefined || (rule.network === network && rule.length === length)) &&
    (table === undefined || rule.table === table) &&
    (priority === undefined || rule.priority === priority)
  );
}

function readRule(words: Words, said: Family | undefined): Wanted {
  const wanted: Wanted = {
    family: said ?? 'inet',
    network: undefined,
    length: 0,
    table: undefined,
    priority: undefined,
  };
  while (words.more) {
    const word = words.take('word');
    if (word === 'from') {
      if (words.peek !== 'all' && words.peek !== 'any' && words.peek !== 'default') {
        throw new ControlError('EOPNOTSUPP', `from ${words.peek}: a rule chooses by the destination`);
      }
      words.take('from');
    } else if (word === 'to') takeNetwork(words.take('to'), said, wanted);
    else if (word === 'lookup' || word === 'table') {
      wanted.table = takeTable(words);
      if (wanted.table === 0) throw new ControlError('EINVAL', 'table main is asked last anyway');
    } else if (['prio', 'pref', 'preference', 'priority', 'order'].includes(word)) {
      wanted.priority = words.takeNumber(word, RULE_PRIORITY.min, RULE_PRIORITY.max);
    } else throw new ControlError('EOPNOTSUPP', `${word}: rules have no such selector`);
  }
  return wanted;
}

function takeNetwork(word: string, said: Family | undefined, wanted: Wanted): void {
  if (word === 'all' || word === 'any' || word === 'default') {
    wanted.network = wanted.family === 'inet' ? '0.0.0.0' : '::';
    wanted.length = 0;
    return;
  }
  const { address, family, length } = parsePrefix(word);
  // iproute2 takes the family of an address that is IPv6 without -6.
  if (said !== undefined && said !== family) throw new ControlError('EINVAL', `${word}: not an ${said} address`);
  wanted.family = family;
  wanted.length = length === -1 ? BITS[family] : length;
  wanted.network = networkOf(address, wanted.length);
}

/** The rules of a family as `ip rule show` prints them, or with `json` as its own `-json` does. */
export function showRules(state: State, family: Family, json: boolean): string {
  const vrf = [...state.interfaces.values()].some((spec) => spec.type === 'vrf');
  const rows: { priority: number; dst?: string; dstlen?: number; table: string }[] = [
    { priority: LOCAL, table: 'local' },
    ...state.rules
      .filter((rule) => rule.family === family)
      .map(({ priority, network, length, table }) => ({
        priority,
        dst: network,
        ...(length === BITS[family] ? {} : { dstlen: length }),
        table: String(table),
      })),
    ...(vrf ? [{ priority: L3MDEV, table: '[l3mdev-table]' }] : []),
    { priority: MAIN, table: 'main' },
    ...(family === 'inet' ? [{ priority: DEFAULT, table: 'default' }] : []),
  ];
  const ordered = rows.toSorted((a, b) => a.priority - b.priority);
  if (json) {
    const described = ordered.map(({ priority, dst, dstlen, table }) => ({
      priority,
      src: 'all',
      ...(dst === undefined ? {} : { dst }),
      ...(dstlen === undefined ? {} : { dstlen }),
      ...(table === '[l3mdev-table]' ? { l3mdev: null } : { table }),
    }));
    return `${JSON.stringify(described)}\n`;
  }
  return ordered
    .map(({ priority, dst, dstlen, table }) => {
      const to = dst === undefined ? '' : ` to ${dst}${dstlen === undefined ? '' : `/${dstlen}`}`;
      return `${priority}:\tfrom all${to} lookup ${table}\n`;
    })
    .join('');
}
