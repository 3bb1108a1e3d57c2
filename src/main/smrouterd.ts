/**
 * smrouterd: the daemon (README.md, "Programs"). Options, configuration, log, sockets, signals; the work is the router's.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { tuneCompiler } from '../shared/sys/compiler.js';
import { type AccessGroups, groupId } from './api/access.js';
import type { RunCommand } from './api/control-socket.js';
import { ServiceManager } from './api/service-manager.js';
import { onlyAsks } from './cli/asks.js';
import { checkFilters } from './cli/capture-filters.js';
import { readConfig, runCommand } from './cli/command.js';
import type { State } from './config/state.js';
import { ControlError } from './errors.js';
import { type DaemonLog, openLog } from './log.js';
import { defaultWorkers, MOST_WORKERS } from './pool/worker-count.js';
import { Router } from './router.js';
import { keepSnapshots, readSnapshot, restoreSnapshot, type Snapshot } from './snapshot.js';
import { handOver, Takeover } from './takeover.js';
import { Upgrade } from './upgrade.js';

const USAGE =
  'usage: smrouterd [-f FILE] [-s SOCKET] [-w WORKERS] [-m HOST:PORT] [-n] [--state FILE] [--takeover] [--admin-group GROUP] [--read-group GROUP]';
const DEFAULT_CONFIG = '/etc/smrouter.conf';
const DEFAULT_SOCKET = '/run/smrouter.sock';
const DEFAULT_METRICS = '127.0.0.1:9476';
/** Bytes of the path of a unix socket, at most (unix(7)); node would cut it there. */
const SOCKET_PATH_MOST = 107;
/** Why it leaves when another one has its place. */
const TAKEOVER = 'takeover';

/** The options as understood. */
interface Options {
  readonly file: string;
  readonly socket: string;
  readonly workers: number;
  readonly host: string;
  readonly port: number;
  readonly parseOnly: boolean;
  readonly groups: AccessGroups;
  /** Where learned addresses, neighbours and counters are kept over a restart; empty = nowhere. */
  readonly stateFile: string;
  /** Takes the place of the daemon that answers on `socket`. */
  readonly takeover: boolean;
}

/** Reads the command line. Throws Error with what is wrong. */
function options(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      f: { type: 'string', default: DEFAULT_CONFIG },
      s: { type: 'string', default: process.env.SMROUTER_SOCKET || DEFAULT_SOCKET },
      w: { type: 'string', default: String(defaultWorkers(availableParallelism())) },
      m: { type: 'string', default: DEFAULT_METRICS },
      n: { type: 'boolean', default: false },
      state: { type: 'string', default: '' },
      takeover: { type: 'boolean', default: false },
      'admin-group': { type: 'string' },
      'read-group': { type: 'string' },
    },
  });
  const workers = Number(values.w);
  if (!Number.isInteger(workers) || workers < 1 || workers > MOST_WORKERS) {
    throw new Error(`-w ${values.w}: not between 1 and ${MOST_WORKERS}`);
  }
  if (Buffer.byteLength(values.s) > SOCKET_PATH_MOST) {
    throw new Error(`-s ${values.s}: longer than ${SOCKET_PATH_MOST} bytes`);
  }
  const colon = values.m.lastIndexOf(':');
  const digits = values.m.slice(colon + 1);
  const port = Number(digits);
  if (colon < 1 || !/^\d+$/.test(digits) || port > 65_535) throw new Error(`-m ${values.m}: not HOST:PORT`);
  const host = values.m.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const group = (name: string | undefined): number => (name === undefined ? -1 : groupId(name));
  const groups = { admin: group(values['admin-group']), reader: group(values['read-group']) };
  return {
    file: values.f,
    socket: values.s,
    workers,
    host,
    port,
    parseOnly: values.n,
    groups,
    stateFile: values.state,
    takeover: values.takeover,
  };
}

/** Reads and checks the configuration file. Rejects with FILE:LINE, or with what is wrong with the file. */
async function configuration(file: string): Promise<State> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
  const state = readConfig(file, text);
  await checkFilters(file, text, state);
  return state;
}

/** Runs the daemon until a signal or `smrctl shutdown`. Returns the exit status. */
async function main(): Promise<number> {
  let option: Options;
  try {
    option = options(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`smrouterd: ${(error as Error).message}\n${USAGE}\n`);
    return 1;
  }
  let state: State;
  try {
    state = await configuration(option.file);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
  if (option.parseOnly) return 0;
  tuneCompiler();
  const opened = openLog();
  try {
    await run(option, state, opened);
    return 0;
  } catch (error) {
    opened.log.fatal({ event: 'fatal', err: error }, (error as Error).message);
    process.stderr.write(`smrouterd: ${(error as Error).message}\n`);
    return 1;
  }
}

/** The listeners, and the libraries they need: most of what there is to load, and not needed to forward. */
const loadListeners = (): Promise<typeof import('./api/listeners.js')> => import('./api/listeners.js');

/** Starts everything, waits for the end, stops everything. Throws what kept it from starting. */
async function run(option: Options, state: State, { log, output }: DaemonLog): Promise<void> {
  const manager = new ServiceManager(process.env, (error) => {
    log.warn({ event: 'service-manager', err: error }, 'could not tell the service manager');
  });
  const failed = (error: unknown): void => {
    log.warn({ event: 'state', err: error }, `what was learned cannot be kept: ${(error as Error).message}`);
  };
  const kept = option.stateFile === '' || option.takeover ? undefined : snapshotIn(option.stateFile, failed);
  const takeover = option.takeover ? await Takeover.begin(option.socket, option.workers, state) : undefined;
  const given = takeover ?? { taps: new Map(), links: new Map(), lladdrs: kept?.lladdrs ?? {} };
  const router = await Router.start({ workers: option.workers, settings: state.settings, given, log });
  const open: { close(): Promise<unknown> | unknown }[] = [manager];
  try {
    log.info({ event: 'memory', bytes: router.memory.sizes() }, 'regions made');
    // From the commit on nobody forwards.
    if (takeover !== undefined) await loadListeners();
    const snapshot = (await takeover?.commit()) ?? kept;
    await router.change((draft) => adopt(draft.state, state));
    takeover?.finish(router);
    if (snapshot !== undefined) {
      log.info({ event: 'state', ...restoreSnapshot(router, snapshot) }, 'what was learned before is known again');
    }
    if (option.stateFile !== '') open.push({ close: keepSnapshots(router, option.stateFile, failed) });
    let finish: (why: string) => void = () => {};
    const finished = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const reload = async (): Promise<void> => {
      manager.reloading();
      try {
        const next = await configuration(option.file);
        await router.change((draft) => adopt(draft.state, next));
        log.info({ event: 'reload', interfaces: next.interfaces.size }, 'configuration applied');
      } finally {
        manager.ready('forwarding');
      }
    };
    const upgrade = new Upgrade();
    const daemon = {
      reload: () => reload().catch(refuse),
      shutdown: () => setImmediate(finish, 'smrctl shutdown'),
      upgrade: () => router.asInherited(() => upgrade.start()),
    };
    const succeeded = (by: number): void => {
      manager.succeeded(by);
      upgrade.done();
      setImmediate(finish, TAKEOVER);
    };
    const command: RunCommand = async (words, json, files, role) => {
      if (role !== 'admin' && !onlyAsks(words)) throw new ControlError('EPERM', 'the read group may only ask');
      if (words[0] === 'takeover') return handOver(router, words.slice(1), succeeded);
      return runCommand(router, words, json, daemon, files);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => finish(signal));
    process.on('SIGHUP', () => {
      reload().catch((error: unknown) => log.error({ event: 'reload-failed', err: error }, (error as Error).message));
    });
    const { listen } = await loadListeners();
    const where = { ...option, busy: option.takeover, logLost: () => output.lost };
    const origin = await listen(router, where, command, (fields, why) => log.warn(fields, why), open);
    const ready = {
      event: 'ready',
      workers: option.workers,
      socket: option.socket,
      metrics: `${origin}/metrics`,
    };
    log.info(ready, 'forwarding');
    manager.ready('forwarding');
    const why = await finished;
    log.info({ event: 'leaving', why }, 'leaving');
    // The service goes on.
    if (why !== TAKEOVER) manager.stopping();
  } finally {
    for (const server of open) await server.close();
    await router.stop();
  }
  log.info({ event: 'left' }, 'everything closed');
}

/** The snapshot in a file, if there is one that can be read. */
function snapshotIn(file: string, failed: (error: unknown) => void): Snapshot | undefined {
  try {
    return readSnapshot(file);
  } catch (error) {
    failed(error);
    return undefined;
  }
}

/** Makes `draft` hold what `next` holds. */
function adopt(draft: State, next: State): void {
  Object.assign(draft.settings, next.settings);
  draft.routes.splice(0, draft.routes.length, ...next.routes);
  draft.rules.splice(0, draft.rules.length, ...next.rules);
  Object.assign(draft.seg6, next.seg6);
  draft.captures = next.captures;
  draft.interfaces.clear();
  for (const [name, spec] of next.interfaces) draft.interfaces.set(name, spec);
}

/** A configuration error as the control socket's answer. */
function refuse(error: unknown): never {
  if (error instanceof ControlError) throw error;
  throw new ControlError('EINVAL', (error as Error).message, error);
}

process.exitCode = await main();
