/**
 * What benches of captures to files measure: processor time of a process, frames from a paced sender, and tcpdump as the peer.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { round } from './bench.js';
import { SENDER_CORE, type SmrouterHosts } from './two-hosts.js';

const FLOOD = fileURLToPath(new URL('../load/flood.js', import.meta.url));
/** Bytes of a pcap file's header, and of a packet's. */
const [FILE, RECORD] = [24, 16];

/** Packets that a capture was shown, and lost. */
export interface Kept {
  readonly received: number;
  readonly dropped: number;
}

/** Nanoseconds on a core of all threads of a process. */
export function threads(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return sum;
}

/**
 * Sends frames from host a for some seconds, `rate` a second or as many as it can (0); `more` are further words of the flood. Returns how many the
 * link took.
 */
export function send(
  hosts: SmrouterHosts,
  to: string,
  seconds: number,
  rate: number,
  length: number,
  more: readonly string[] = [],
): Promise<number> {
  const traffic = [hosts.linkA, to, hosts.macA, String(seconds), String(rate), String(length), ...more];
  const words = ['netns', 'exec', hosts.a.name, 'taskset', '-c', SENDER_CORE, process.execPath, FLOOD, ...traffic];
  const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve) => child.once('close', () => resolve((JSON.parse(said) as { sent: number }).sent)));
}

/** A port that nothing comes by: a capture of it keeps the writer's thread. */
const QUIET = 'mem9';

/**
 * Has a capture to a file in `folder` that sees nothing, so that those which are measured find a thread whose code is compiled, once one has
 * been through it.
 */
export function keepWriter(hosts: SmrouterHosts, folder: string): void {
  hosts.smrctl('ifconfig', QUIET, 'create', 'up');
  hosts.smrctl('capture', QUIET, 'file', join(folder, 'quiet.pcap'));
}

/** Counts of the only capture there is beside that one. */
export function captured(hosts: SmrouterHosts): Kept {
  const all = JSON.parse(hosts.smrctl('--json', 'show', 'captures')) as (Kept & { readonly interface: string })[];
  return all.find((one) => one.interface !== QUIET) as Kept;
}

/** What was shown and lost between two counts. */
export function since(before: Kept, now: Kept): Kept {
  return { received: now.received - before.received, dropped: now.dropped - before.dropped };
}

/**
 * tcpdump at host b's link with a filter, writing to `path` what `during` has sent, frames of `length` bytes. Returns its nanoseconds for each
 * packet it wrote, and what it kept.
 */
export async function byTcpdump(
  hosts: SmrouterHosts,
  path: string,
  length: number,
  filter: readonly string[],
  during: () => Promise<number>,
): Promise<{ cost: number; kept: Kept }> {
  // Not where they are sent: a socket that goes past the queues is not shown there. A buffer as large as our ring.
  const options = ['-i', hosts.linkB, '-Q', 'in', '-w', path, '-n', '-B', '16384', '-Z', 'root', ...filter];
  const words = ['netns', 'exec', hosts.b.name, 'taskset', '-c', '1', 'tcpdump', ...options];
  const child: ChildProcess = spawn('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  while (!said.includes('listening')) {
    if (child.exitCode !== null) throw new Error(`tcpdump ended: ${said}`);
    await sleep(20);
  }
  const pid = child.pid as number;
  const before = threads(pid);
  await during();
  await sleep(500);
  const cpu = threads(pid) - before;
  child.kill('SIGINT');
  await ended;
  const written = Math.round((statSync(path).size - FILE) / (RECORD + length));
  rmSync(path);
  const dropped = Number(/(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? 0);
  return { cost: cpu / written, kept: { received: written + dropped, dropped } };
}

/** The part that was lost, in percent. */
export function lost({ received, dropped }: Kept): number {
  return (dropped / received) * 100;
}

/** What was kept of what came in some seconds, as text. */
export function keptOf(kept: Kept, seconds: number): string {
  const kilo = (packets: number): number => round(packets / seconds / 1000);
  return `${kilo(kept.received - kept.dropped)} of ${kilo(kept.received)} kpackets/s kept, ${round(lost(kept))} % lost`;
}
