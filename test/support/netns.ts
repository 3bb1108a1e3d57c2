/**
 * Network namespaces for tests, by `ip netns`: named smr-PREFIX-PID-N, lo up, and gone when the process ends, also by an
 * uncaught error, SIGINT or SIGTERM. What was started inside goes first.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';

/** How `exec` runs a command. */
export interface ExecOptions {
  /** Standard input. */
  readonly input?: string;
  /** Killed, and an error, after so many milliseconds; 10 000 unless told. */
  readonly timeoutMs?: number;
  /** Whether an exit status other than 0 is an error; true unless told. */
  readonly check?: boolean;
}

const alive = new Set<Netns>();
let made = 0;
let links = 0;

/** A link name that no other process of this run uses; at most 13 characters. */
export function uniqueLinkName(): string {
  return `smr${process.pid}x${links++}`;
}

export class Netns {
  readonly name: string;
  private readonly children = new Set<ChildProcess>();

  private constructor(name: string) {
    this.name = name;
  }

  /** A new namespace. `prefix` says in `ip netns list` whose it is. Throws when `ip` fails. */
  static create(prefix: string): Netns {
    if (made === 0) cleanUpAtExit();
    const netns = new Netns(`smr-${prefix}-${process.pid}-${made++}`);
    run(['ip', 'netns', 'add', netns.name], {});
    alive.add(netns);
    netns.exec(['ip', 'link', 'set', 'lo', 'up']);
    return netns;
  }

  /** Runs a command inside to its end. Returns its standard output. Throws with its standard error. */
  exec(command: readonly string[], options: ExecOptions = {}): string {
    return run(['ip', 'netns', 'exec', this.name, ...command], options);
  }

  /** Starts a command inside. It, and what it starts in its process group, is killed by `destroy`. */
  spawn(command: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, ...command], {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  /** Kills what runs inside and removes the namespace. A second call does nothing. */
  destroy(): void {
    if (!alive.delete(this)) return;
    for (const child of this.children) kill(-(child.pid ?? 0));
    // A child that made a session of its own left the group, but is still inside.
    const inside = spawnSync('ip', ['netns', 'pids', this.name], { encoding: 'utf8' }).stdout ?? '';
    for (const pid of inside.split('\n').filter(Boolean)) kill(Number(pid));
    execFileSync('ip', ['netns', 'del', this.name], { stdio: 'pipe' });
  }
}

/** Kills a process, or with a negative number a group; one that has ended is no error, and 0 and 1 are never meant. */
function kill(pid: number): void {
  if (Math.abs(pid) <= 1 || pid === process.pid) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

function run(command: readonly string[], options: ExecOptions): string {
  const { status, signal, stdout, stderr, error } = spawnSync(command[0], command.slice(1), {
    encoding: 'utf8',
    timeout: options.timeoutMs ?? 10_000,
    killSignal: 'SIGKILL',
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  if (error !== undefined) throw new Error(`${command.join(' ')}: ${error.message}`, { cause: error });
  if ((options.check ?? true) && status !== 0)
    throw new Error(`${command.join(' ')}: ${signal ?? `exit ${status}`}: ${stderr.trim()}`);
  return stdout;
}

function cleanUpAtExit(): void {
  process.on('exit', () => {
    for (const netns of alive) {
      try {
        netns.destroy();
      } catch (error) {
        process.stderr.write(`${netns.name} is left behind: ${(error as Error).message}\n`);
      }
    }
  });
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}
