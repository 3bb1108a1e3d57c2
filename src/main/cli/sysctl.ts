/**
 * `sysctl`: settings of the router as a whole. `sysctl NAME` and `sysctl -a` ask, `sysctl [-wq] NAME=VALUE` sets.
 */
import type { Settings, State } from '../config/state.js';
import { ControlError } from '../errors.js';
import type { Draft } from './words.js';

/** The values each setting takes. */
const VALUES: { readonly [Name in keyof Settings]: readonly Settings[Name][] } = {
  'smrouter.idle': ['sleep', 'adaptive', 'spin'],
};

/** Whether these words only ask. */
export function isSysctlQuery(args: readonly string[]): boolean {
  return args.every((arg) => !arg.includes('='));
}

/** The answer to `sysctl -a` or `sysctl NAME …`: a line each, `NAME=VALUE`. Throws ENOENT for a name there is not. */
export function querySysctl(state: State, args: readonly string[], json: boolean): string {
  const names = args.length === 0 || args.includes('-a') ? Object.keys(VALUES) : args.filter((a) => !a.startsWith('-'));
  const found = Object.fromEntries(names.map((name) => [name, state.settings[known(name)]]));
  if (json) return `${JSON.stringify(found)}\n`;
  return Object.entries(found)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Sets what the words after `sysctl` say. Throws ENOENT for an unknown name, EINVAL for a value it does not take. */
export function sysctl(draft: Draft, args: readonly string[]): void {
  for (const arg of args) {
    if (arg === '-w' || arg === '-q' || arg === '-wq' || arg === '-qw') continue;
    const at = arg.indexOf('=');
    if (at === -1) throw new ControlError('EINVAL', `${arg}: not NAME=VALUE`);
    const name = known(arg.slice(0, at));
    const value = VALUES[name].find((v) => v === arg.slice(at + 1));
    if (value === undefined) throw new ControlError('EINVAL', `${arg}: ${name} is one of ${VALUES[name].join(', ')}`);
    draft.state.settings[name] = value;
  }
}

function known(name: string): keyof Settings {
  if (!Object.hasOwn(VALUES, name)) throw new ControlError('ENOENT', `${name}: no such setting`);
  return name as keyof Settings;
}
