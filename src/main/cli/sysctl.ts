/**
 * `sysctl`: settings of the router as a whole, and by Linux's names some of one interface. `sysctl NAME` and `sysctl -a` ask,
 * `sysctl [-wq] NAME=VALUE` sets; `-n` leaves names out of what is printed.
 */
import { parseCpus } from '../config/cpus.js';
import { parsePrefixes6 } from '../config/seg6.js';
import type { InterfaceSpec, Settings, State } from '../config/state.js';
import { checkStrictMode } from '../config/vrf.js';
import { ControlError } from '../errors.js';
import type { Draft } from './words.js';

/** A setting that is one of a few words, a whole number within limits (0 = default), or a text of some form. */
type Values =
  | { readonly words: readonly string[] }
  | { readonly min: number; readonly max: number }
  | { readonly takes: (text: string) => boolean; readonly what: string };

const PREFIXES: Values = {
  takes: (text) => parsePrefixes6(text) !== undefined,
  what: 'none, or a list of IPv6 prefixes such as fc00:1::/32,fc00:2::/32, 8 at most',
};

const NICE: Values = {
  takes: (text) => text === 'inherit' || (/^-?\d{1,2}$/.test(text) && Number(text) >= -20 && Number(text) <= 19),
  what: 'inherit, or -20 to 19',
};

/** The values each setting takes. */
const VALUES: { readonly [Name in keyof Settings]: Values } = {
  'smrouter.idle': { words: ['sleep', 'adaptive', 'spin'] },
  'smrouter.coalesce': { min: 0, max: 10_000 },
  'smrouter.cpus': { takes: (text) => parseCpus(text) !== undefined, what: 'any, or a list such as 0,2-5' },
  'smrouter.nice': NICE,
  'net.inet.ip.forwarding': { min: 0, max: 1 },
  'net.inet6.ip6.forwarding': { min: 0, max: 1 },
  'net.inet6.ip6.dad_count': { min: 0, max: 10 },
  'net.inet.icmp.errppslimit': { min: -1, max: 1_000_000 },
  'net.inet6.icmp6.errppslimit': { min: -1, max: 1_000_000 },
  'net.inet.gre.allow': { min: 0, max: 1 },
  'smrouter.mirrors': { min: 0, max: 4096 },
  'net.vrf.strict_mode': { min: 0, max: 1 },
  'net.vrf.fallthrough': { min: 0, max: 1 },
  'net.ipv6.seg6_flowlabel': { min: -1, max: 1 },
  'srv6.compat': { words: ['rfc', 'linux'] },
  'srv6.ecn': { words: ['none', 'rfc6040'] },
  'srv6.dscp': { words: ['none', 'inherit'] },
  'net.ipv6.conf.all.seg6_enabled': { min: 0, max: 1 },
  'srv6.block': PREFIXES,
  'srv6.infrastructure': PREFIXES,
  'smrouter.frames': { min: 1024, max: 524_288 },
  'smrouter.superframes': { min: 160, max: 12_288 },
  'smrouter.heap': { min: 16, max: 1024 },
  'smrouter.capture': { min: 1, max: 64 },
  'smrouter.workerheap': { min: 32, max: 2048 },
  'smrouter.workerslots': { min: 10, max: 100 },
};

/** Linux's names of the same settings. */
const LINUX_NAMES: Readonly<Record<string, keyof Settings>> = {
  'net.ipv4.ip_forward': 'net.inet.ip.forwarding',
  'net.ipv6.conf.all.forwarding': 'net.inet6.ip6.forwarding',
};

/** The names of the settings of the router as a whole, OpenBSD's and Linux's. */
export function settingNames(): string[] {
  return [...Object.keys(VALUES), ...Object.keys(LINUX_NAMES)];
}

/** What one interface has by a name of Linux's: a switch, or a whole number within limits. */
interface InterfaceSetting {
  readonly of: RegExp;
  readonly min: number;
  readonly max: number;
  get(spec: InterfaceSpec): number;
  set(spec: InterfaceSpec, value: number): void;
}

const INTERFACE_SETTINGS: readonly InterfaceSetting[] = [
  {
    ...{ of: /^net\.ipv4\.conf\.(.+)\.proxy_arp$/, min: 0, max: 1 },
    get: (spec) => Number(spec.proxyarp),
    set: (spec, value) => {
      spec.proxyarp = value === 1;
    },
  },
  {
    ...{ of: /^net\.ipv6\.conf\.(.+)\.proxy_ndp$/, min: 0, max: 1 },
    get: (spec) => Number(spec.proxynd),
    set: (spec, value) => {
      spec.proxynd = value === 1;
    },
  },
  {
    ...{ of: /^net\.ipv6\.conf\.(.+)\.seg6_enabled$/, min: 0, max: 1 },
    get: (spec) => Number(spec.seg6Enabled),
    set: (spec, value) => {
      spec.seg6Enabled = value === 1;
    },
  },
  {
    ...{ of: /^net\.ipv6\.conf\.(.+)\.seg6_edge$/, min: 0, max: 1 },
    get: (spec) => Number(spec.seg6Edge),
    set: (spec, value) => {
      spec.seg6Edge = value === 1;
    },
  },
  {
    ...{ of: /^net\.ipv6\.conf\.(.+)\.seg6_require_hmac$/, min: -1, max: 2 },
    get: (spec) => spec.seg6RequireHmac,
    set: (spec, value) => {
      spec.seg6RequireHmac = value as -1 | 0 | 1 | 2;
    },
  },
];

/** Linux's check of a packet's way back. There is none here, which its value 0 means. */
const NO_RP_FILTER = /^net\.ipv4\.conf\.[^.]+(\.\d+)?\.rp_filter$/;

/** What -w and -q ask for is so anyway. */
const OPTIONS = /^-[anqw]+$/;

/** Whether these words only ask. */
export function isSysctlQuery(args: readonly string[]): boolean {
  return args.every((arg) => !arg.includes('='));
}

/**
 * The answer to `sysctl [-n] -a` or `sysctl [-n] NAME …`: a line each, `NAME=VALUE`. Throws ENOENT for a name there is not, ENXIO for an
 * interface, EINVAL for an option.
 */
export function querySysctl(state: State, args: readonly string[], json: boolean): string {
  const said = args.filter((arg) => arg.startsWith('-')).map(checkOption);
  const named = args.filter((arg) => !arg.startsWith('-'));
  const all = args.length === 0 || said.some((option) => option.includes('a'));
  if (!all && named.length === 0) throw new ControlError('EINVAL', 'NAME or NAME=VALUE missing; -a prints them all');
  const names = all ? Object.keys(VALUES) : named;
  const found = Object.fromEntries(
    names.map((name) => {
      if (NO_RP_FILTER.test(name)) return [name, 0];
      const one = interfaceSetting(state, name);
      return [name, one === undefined ? state.settings[known(name)] : one.setting.get(one.spec)];
    }),
  );
  if (json) return `${JSON.stringify(found)}\n`;
  const bare = said.some((option) => option.includes('n'));
  return Object.entries(found)
    .map(([name, value]) => (bare ? `${value}\n` : `${name}=${value}\n`))
    .join('');
}

/** An option as it is. Throws EINVAL for one there is not. */
function checkOption(option: string): string {
  if (!OPTIONS.test(option)) throw new ControlError('EINVAL', `${option}: unknown option`);
  return option;
}

/** Sets what the words after `sysctl` say. Throws ENOENT for an unknown name, ENXIO for an unknown interface, EINVAL for a value it does not take. */
export function sysctl(draft: Draft, args: readonly string[]): void {
  for (const arg of args) {
    if (arg.startsWith('-')) {
      checkOption(arg);
      continue;
    }
    const at = arg.indexOf('=');
    if (at === -1) throw new ControlError('EINVAL', `${arg}: not NAME=VALUE`);
    if (NO_RP_FILTER.test(arg.slice(0, at)) && arg.slice(at + 1) === '0') continue;
    const one = interfaceSetting(draft.state, arg.slice(0, at));
    if (one !== undefined) {
      one.setting.set(one.spec, parseNumber(arg.slice(0, at), arg.slice(at + 1), one.setting));
      continue;
    }
    const name = known(arg.slice(0, at));
    const strict = name === 'net.vrf.strict_mode' && arg.slice(at + 1) === '1';
    // A configuration may have it off again before its end.
    if (strict && draft.state.settings[name] === 0 && draft.loading !== true) checkStrictMode(draft.state);
    Object.assign(draft.state.settings, { [name]: parse(name, arg.slice(at + 1)) });
  }
}

/** The setting of one interface that a name stands for, if it does. Throws ENXIO when there is no such interface. */
function interfaceSetting(
  state: State,
  name: string,
): { readonly spec: InterfaceSpec; readonly setting: InterfaceSetting } | undefined {
  // Such as `all`, which is no interface.
  if (Object.hasOwn(VALUES, name)) return undefined;
  for (const setting of INTERFACE_SETTINGS) {
    const found = setting.of.exec(name)?.[1];
    if (found === undefined) continue;
    const spec = state.interfaces.get(found);
    if (spec === undefined) throw new ControlError('ENXIO', `${found}: no such interface`);
    return { spec, setting };
  }
  return undefined;
}

function parseNumber(name: string, text: string, { min, max }: InterfaceSetting): number {
  const value = /^-?\d$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new ControlError('EINVAL', `${text}: ${name} is ${min === 0 ? '0 or 1' : `between ${min} and ${max}`}`);
}

/** The value a text stands for. Throws EINVAL, saying what the setting takes. */
function parse(name: keyof Settings, text: string): string | number {
  const values = VALUES[name];
  if ('words' in values) {
    if (values.words.includes(text)) return text;
    throw new ControlError('EINVAL', `${text}: ${name} is one of ${values.words.join(', ')}`);
  }
  if ('takes' in values) {
    if (values.takes(text)) return text;
    throw new ControlError('EINVAL', `${text}: ${name} is ${values.what}`);
  }
  const number = /^-?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number === 0 || (number >= values.min && number <= values.max)) return number;
  const range = values.max === 1 && values.min === 0 ? '0 or 1' : `between ${values.min} and ${values.max}`;
  throw new ControlError('EINVAL', `'${text}': ${name} is ${range}${values.min > 0 ? ', or 0 for the default' : ''}`);
}

function known(spelled: string): keyof Settings {
  const name = LINUX_NAMES[spelled] ?? spelled;
  if (!Object.hasOwn(VALUES, name)) throw new ControlError('ENOENT', `${name}: no such setting`);
  return name as keyof Settings;
}
