/**
 * The paced sender (peers/pace.c), compiled when a bench wants it: frames that a host drops at once, at a rate, from core
 * 0. Bench process only.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SENDER_CORE, type TwoHosts } from './two-hosts.js';

const SOURCE = fileURLToPath(new URL('../../../test/bench/peers/pace.c', import.meta.url));

/** What a sender said when it ended. */
export interface Paced {
  /** Frames the link took. */
  readonly sent: number;
  /** Frames it did not take. */
  readonly refused: number;
  readonly seconds: number;
  /** Processor time of the sender with what ran on its account, nanoseconds. */
  readonly cpuNs: number;
}

export class Pace {
  private constructor(private readonly program: string) {}

  /** Compiles it, for the life of this process; undefined where there is no C compiler. */
  static make(): Pace | undefined {
    const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const program = join(folder, 'pace');
    try {
      execFileSync('cc', ['-O2', '-o', program, SOURCE], { stdio: 'ignore' });
    } catch {
      return undefined;
    }
    return new Pace(program);
  }

  /** Sends from a to b, `rate` frames a second, `burst` (1–64) at a time, for so many seconds. */
  send(hosts: TwoHosts, rate: number, burst: number, seconds: number): Paced {
    const command = this.command(hosts, rate, burst, seconds);
    return JSON.parse(hosts.a.exec(command, { timeoutMs: (seconds + 10) * 1000 })) as Paced;
  }

  /** The same beside something else: sends while `work` runs, then ends. Resolves to what both said. */
  async during<T>(hosts: TwoHosts, rate: number, burst: number, work: () => T): Promise<{ paced: Paced; result: T }> {
    const command = this.command(hosts, rate, burst, 60);
    // Not Netns.spawn: it makes a session, and the kernel groups processes for scheduling by session.
    const child = spawn('ip', ['netns', 'exec', hosts.a.name, ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const done = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, 300));
    try {
      const result = work();
      child.kill('SIGTERM');
      await done;
      return { paced: JSON.parse(said) as Paced, result };
    } finally {
      child.kill('SIGKILL');
    }
  }

  private command(hosts: TwoHosts, rate: number, burst: number, seconds: number): string[] {
    const traffic = [hosts.linkA, hosts.macB, hosts.macA, String(rate), String(burst), String(seconds)];
    return ['taskset', '-c', SENDER_CORE, this.program, ...traffic];
  }
}
