/**
 * The command words: each either asks (and prints) or changes (a draft). `smrctl`, the control socket and the configuration
 * file all come through here.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConfigError, type ConfigLine, splitConfig } from '../config/lines.js';
import { emptyState, type State } from '../config/state.js';
import { checkStrictMode } from '../config/vrf.js';
import { asControlError, ControlError } from '../errors.js';
import type { Router } from '../router.js';
import { capture } from './capture.js';
import { complete } from './complete.js';
import { ifconfig, isIfconfigQuery } from './ifconfig.js';
import { describeInterface, displayAddresses, displayInterface } from './ifconfig-display.js';
import { inject } from './inject.js';
import { ip, ipNeighbour, isIpNeighbour, isIpQuery } from './ip.js';
import { showIp } from './ip-display.js';
import { arp, ndp } from './neighbour.js';
import { netstat, showRoutes } from './netstat.js';
import { ping } from './ping.js';
import { isRouteQuery, route } from './route.js';
import { show } from './show.js';
import { isSysctlQuery, querySysctl, sysctl } from './sysctl.js';
import type { Draft } from './words.js';

/** Words that change a draft. */
const CHANGES: Record<string, (draft: Draft, args: readonly string[]) => void> = {
  capture,
  ifconfig,
  ip,
  route,
  sysctl,
};

/** Words that ask the stack, or have it do something now. */
const STACK_QUERIES: Record<
  string,
  (router: Router, args: readonly string[], json: boolean) => string | Promise<string>
> = {
  arp,
  ip: (router, args, json) => (isIpQuery(args) ? showIp(router, args, json) : ipNeighbour(router, args)),
  ndp,
  netstat,
  ping,
  route: showRoutes,
};

/** Words that neither change a draft nor ask the stack; `tcpdump`, `top` and `trace` are smrctl's own. */
const OTHERS = ['complete', 'inject', 'reload', 'show', 'shutdown', 'tcpdump', 'top', 'trace', 'upgrade'];

/** Every first word of a command. */
export function commandWords(): string[] {
  return [...new Set([...Object.keys(CHANGES), ...Object.keys(STACK_QUERIES), ...OTHERS])].sort();
}

/** Words that a running daemon answers itself (smrouterd.ts). */
export interface DaemonWords {
  reload(): Promise<void>;
  shutdown(): void;
  /** Only where another process can take this one's place. */
  upgrade?(): Promise<string>;
}

/** Runs one command; resolves to what it prints. Throws ControlError. */
export async function runCommand(
  router: Router,
  words: readonly string[],
  json: boolean,
  daemon: DaemonWords,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [word = '', ...args] = words;
  const asks =
    word === 'show' || (word === 'ifconfig' && isIfconfigQuery(args)) || (word === 'sysctl' && isSysctlQuery(args));
  if (asks) await router.settled();
  if (word === 'show') return show(router, args, json);
  if (word === 'ifconfig' && isIfconfigQuery(args)) return queryInterfaces(router, args, json);
  if (word === 'sysctl' && isSysctlQuery(args)) return querySysctl(router.state, args, json);
  if (word === 'complete') return complete(router, commandWords(), args);
  if (word === 'reload' || word === 'shutdown' || word === 'upgrade') {
    if (args.length > 0) throw new ControlError('EINVAL', `${word} takes no words`);
    if (word === 'upgrade') {
      if (daemon.upgrade === undefined) throw new ControlError('EOPNOTSUPP', 'only smrouterd can be upgraded');
      return daemon.upgrade();
    }
    if (word === 'reload') await daemon.reload();
    else daemon.shutdown();
    return '';
  }
  const query = Object.hasOwn(STACK_QUERIES, word) ? STACK_QUERIES[word] : undefined;
  const changes =
    (word === 'route' && !isRouteQuery(args)) || (word === 'ip' && !isIpQuery(args) && !isIpNeighbour(args));
  if (query !== undefined && !changes) {
    await router.settled();
    return query(router, args, json);
  }
  if (word === 'inject') {
    await router.settled();
    inject(router, args);
    return '';
  }
  const change = Object.hasOwn(CHANGES, word) ? CHANGES[word] : undefined;
  if (change === undefined)
    throw new ControlError('EINVAL', `${word === '' ? 'no command' : `${word}: unknown command`}`);
  const readFile = (name: string): string => {
    if (!Object.hasOwn(files, name)) throw new ControlError('ENOENT', `${name}: not sent along`);
    return files[name] as string;
  };
  await router.change((draft) => change({ ...draft, readFile }, args));
  return '';
}

/** Reads a configuration text into the state it describes. Throws ConfigError with the place of the first error. */
export function readConfig(file: string, text: string): State {
  const draft: Draft = {
    state: emptyState(),
    actions: [],
    readFile: (name) => readRelative(file, name),
    loading: true,
  };
  const lines = splitConfig(file, text);
  for (const line of lines) {
    try {
      configLine(draft, line);
      if (line === lines.at(-1) && draft.state.settings['net.vrf.strict_mode'] === 1) checkStrictMode(draft.state);
    } catch (error) {
      throw new ConfigError(file, line.line, asControlError(error).message);
    }
  }
  return draft.state;
}

/** A file that a configuration names, beside that configuration. Throws ControlError. */
function readRelative(config: string, name: string): string {
  try {
    return readFileSync(resolve(dirname(config), name), 'utf8');
  } catch (error) {
    throw asControlError(error);
  }
}

function configLine(draft: Draft, { words }: ConfigLine): void {
  const [word = '', ...args] = words;
  const change = Object.hasOwn(CHANGES, word) ? CHANGES[word] : undefined;
  const asks =
    (word === 'ifconfig' && isIfconfigQuery(args)) ||
    (word === 'sysctl' && isSysctlQuery(args)) ||
    (word === 'route' && isRouteQuery(args)) ||
    (word === 'ip' && (isIpQuery(args) || isIpNeighbour(args)));
  if (change === undefined || asks) {
    throw new ControlError('EINVAL', `${words.join(' ')}: not a setting`);
  }
  change(draft, args);
  if (draft.actions.length > 0) {
    draft.actions.length = 0;
    throw new ControlError('EINVAL', `${words.join(' ')}: acts on what was learned, it is not a setting`);
  }
}

function queryInterfaces(router: Router, args: readonly string[], json: boolean): string {
  const [name = '-a', addr] = args;
  if (addr !== undefined) {
    const live = router.table.get(name);
    if (live.type !== 'veb') throw new ControlError('ENOTTY', `${name}: not a bridge`);
    if (json) return `${JSON.stringify(router.vebs.list(live))}\n`;
    return displayAddresses(router, live, '')
      .map((line) => `${line}\n`)
      .join('');
  }
  const names = name === '-a' ? router.table.all().map((live) => live.name) : [router.table.get(name).name];
  if (json) return `${JSON.stringify(names.map((n) => describeInterface(router, n)))}\n`;
  return names.map((n) => displayInterface(router, n)).join('');
}
