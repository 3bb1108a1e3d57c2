/**
 * smrouterd as a process of a test: started as an operator would, asked over its socket, gone when the test's process ends.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BIN, COMMAND_MS, type Ended, runProgram, temporaryFolder, until } from './programs.js';

const READY_MS = 20_000;
const STOP_MS = 10_000;
const QUIET_MS = 2000;

/** One line of the daemon's log. */
export interface LogLine {
  readonly level: number;
  readonly event?: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface DaemonOptions {
  readonly config: readonly string[];
  readonly workers?: number;
  /** Further arguments. */
  readonly args?: readonly string[];
  /** Words to start it with, in front of its own. */
  readonly under?: readonly string[];
  /** The control socket; one of its own unless told. */
  readonly socket?: string;
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs it as this user and group with these capabilities alone (`net_admin`), as the unit does; as root unless told. */
  readonly as?: { readonly uid: number; readonly capabilities: readonly string[] };
}

const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Daemon {
  readonly file: string;
  readonly socket: string;
  readonly log: LogLine[] = [];
  private readonly child: ChildProcess;
  private readonly ended: Promise<number>;
  private errors = '';

  /** Starts smrouterd; resolves when it forwards. Rejects with what it printed when it does not. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(options);
    let over = false;
    void daemon.ended.then(() => {
      over = true;
    });
    try {
      await until('ready', READY_MS, () => over || daemon.find('ready'));
      if (over) throw new Error(`smrouterd ended (${await daemon.ended}): ${daemon.errors}`);
    } catch (error) {
      daemon.child.kill('SIGKILL');
      throw error;
    }
    return daemon;
  }

  private constructor({ config, workers, args = [], socket, env = {}, as, under = [] }: DaemonOptions) {
    const folder = temporaryFolder();
    this.file = join(folder, 'router.conf');
    this.socket = socket ?? join(folder, 'smrouter.sock');
    this.configure(config);
    const count = workers === undefined ? [] : ['-w', String(workers)];
    const all = [join(BIN, 'smrouterd'), '-f', this.file, '-s', this.socket, '-m', '127.0.0.1:0', ...count, ...args];
    const [command = '', ...words] = [...under, ...lessPrivileged(as, folder), process.execPath, ...all];
    this.child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    running.add(this.child);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        running.delete(this.child);
        resolve(code ?? -1);
      });
    });
    let text = '';
    this.child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (text + chunk.toString()).split('\n');
      text = lines.pop() as string;
      for (const line of lines) this.log.push(JSON.parse(line) as LogLine);
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** `http://127.0.0.1:PORT`. */
  get origin(): string {
    return new URL(this.find('ready')?.metrics as string).origin;
  }

  /** Writes the configuration file anew. */
  configure(lines: readonly string[]): void {
    writeFileSync(this.file, lines.map((line) => `${line}\n`).join(''));
  }

  /** The last log line of an event. */
  find(event: string): LogLine | undefined {
    return this.log.findLast((line) => line.event === event);
  }

  /** Log lines that warn or worse, as text. */
  complaints(): string[] {
    const reason = (line: LogLine): string => (line.err as Error | undefined)?.message ?? '';
    return this.log.filter((line) => line.level >= 40).map((line) => `${line.event}: ${line.msg} ${reason(line)}`);
  }

  /** Runs smrctl. */
  ctl(...words: string[]): Promise<Ended> {
    return runProgram('smrctl', ['-s', this.socket, ...words]);
  }

  /** Runs words over the socket, without a process for them. Rejects with `MESSAGE (ERRNO)`. */
  async run(...words: string[]): Promise<string> {
    return this.ask(words, false);
  }

  /** The values of a query. */
  async json<T>(...words: string[]): Promise<T> {
    return JSON.parse(await this.ask(words, true)) as T;
  }

  /** Every sample of /metrics: `name{label="value"}` → number. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.origin}/metrics`)).text();
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').pop())]));
  }

  /** Asserts that every equation of the books holds once traffic has stopped. */
  async books(): Promise<void> {
    let rows: { of: string; holds: string; terms: string }[] = [];
    for (const end = performance.now() + QUIET_MS; performance.now() < end; await sleep(50)) {
      rows = await this.json('show', 'books');
      if (rows.length > 0 && rows.every((row) => row.holds === 'yes')) return;
    }
    assert.fail(`the books do not hold: ${JSON.stringify(rows.filter((row) => row.holds !== 'yes'))}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Exit status, or -1 when a signal ended it. */
  exited(): Promise<number> {
    return this.ended;
  }

  /** Ends it as an operator would; what does not end is killed. Resolves to the exit status. A second call is no error. */
  async stop(): Promise<number> {
    this.child.kill('SIGTERM');
    const kill = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    const status = await this.ended;
    clearTimeout(kill);
    return status;
  }

  private ask(words: readonly string[], json: boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const options = { socketPath: this.socket, path: '/command', method: 'POST', headers, timeout: COMMAND_MS };
      const call = request(options, async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        const { output, message, code } = JSON.parse(text) as { output?: string; message?: string; code?: string };
        if (response.statusCode === 200) resolve(output ?? '');
        else reject(new Error(`${words.join(' ')}: ${message} (${code})`));
      });
      call.on('error', reject).on('timeout', () => call.destroy(new Error('no answer')));
      call.end(JSON.stringify({ words, json }));
    });
  }
}

/** The words that run a command with less than root has; the daemon's folder becomes that user's. */
function lessPrivileged(as: DaemonOptions['as'], folder: string): string[] {
  if (as === undefined) return [];
  chownSync(folder, as.uid, as.uid);
  const only = ['-all', ...as.capabilities.map((name) => `+${name}`)].join(',');
  return [
    'setpriv',
    `--reuid=${as.uid}`,
    `--regid=${as.uid}`,
    '--clear-groups',
    '--no-new-privs',
    `--bounding-set=${only}`,
    `--inh-caps=${only}`,
    `--ambient-caps=${only}`,
  ];
}
