/**
 * `sysctl`: settings of the router as a whole. `sysctl NAME` and `sysctl -a` ask, `sysctl [-wq] NAME=VALUE` sets.
 */
import type { Settings, State } from '../config/state.js';
import { ControlError } from '../errors.js';
import type { Draft } from './words.js';

/** A setting that is one of a few words, or a whole number within limits (0 = default). */
type Values = { readonly words: readonly string[] } | { readonly min: number; readonly max: number };

/** The values each setting takes. */
const VALUES: { readonly [Name in keyof Settings]: Values } = {
  'smrouter.idle': { words: ['sleep', 'adaptive', 'spin'] },
  'smrouter.frames': { min: 1024, max: 524_288 },
  'smrouter.superframes': { min: 160, max: 12_288 },
  'smrouter.heap': { min: 16, max: 1024 },
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
    Object.assign(draft.state.settings, { [name]: parse(name, arg.slice(at + 1)) });
  }
}

/** The value a text stands for. Throws EINVAL, saying what the setting takes. */
function parse(name: keyof Settings, text: string): string | number {
  const values = VALUES[name];
  if ('words' in values) {
    if (values.words.includes(text)) return text;
    throw new ControlError('EINVAL', `${text}: ${name} is one of ${values.words.join(', ')}`);
  }
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number === 0 || (number >= values.min && number <= values.max)) return number;
  throw new ControlError('EINVAL', `${text}: ${name} is between ${values.min} and ${values.max}, or 0 for the default`);
}

function known(name: string): keyof Settings {
  if (!Object.hasOwn(VALUES, name)) throw new ControlError('ENOENT', `${name}: no such setting`);
  return name as keyof Settings;
}
