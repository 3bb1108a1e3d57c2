/**
 * `erspan-collect`: mirrored frames of 512 bytes that come in ERSPAN by a TAP, written to a file from an erspan interface, beside
 * `tcpdump -w proto 47` on the kernel's end of the TAP behind a bridge. Processor time for each packet written: the daemon's, less what it
 * uses at the same rate without a capture; and tcpdump's own (see capture-file.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, medianRatio, round, span } from './bench.js';
import { SENDER_CORE, type SmrouterHosts, throughSmrouter } from './two-hosts.js';

const FLOOD = fileURLToPath(new URL('../load/flood.js', import.meta.url));
const SECONDS = 2;
const ROUNDS = 5;
const RATE = 100_000;
/** Outer frame; 50 bytes of it are headers. */
const LENGTH = 562;

/** Nanoseconds on a core of all threads of a process. */
function threads(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return sum;
}

/** Sends ERSPAN to a station for some seconds. Returns how many packets the link took. */
function send(hosts: SmrouterHosts, to: string, rate: number): Promise<number> {
  const frames = [hosts.linkA, to, hosts.macA, String(SECONDS), String(rate), String(LENGTH), '1'];
  const words = [process.execPath, FLOOD, ...frames, '192.0.2.2', '192.0.2.1', 'erspan'];
  const child = spawn('ip', ['netns', 'exec', hosts.a.name, 'taskset', '-c', SENDER_CORE, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve) => child.once('close', () => resolve((JSON.parse(said) as { sent: number }).sent)));
}

interface Counted {
  readonly lladdr: string;
  readonly counters: { readonly ipackets: number };
}

function describe(hosts: SmrouterHosts, name: string): Counted {
  const [one] = JSON.parse(hosts.smrctl('--json', 'ifconfig', name)) as [Counted];
  return one;
}

/** The daemon's nanoseconds a collected packet. */
async function collected(hosts: SmrouterHosts, rate: number): Promise<number> {
  const [cpu, before] = [threads(hosts.pid), describe(hosts, 'erspan0').counters.ipackets];
  await send(hosts, describe(hosts, 'tap10').lladdr, rate);
  await sleep(200);
  return (threads(hosts.pid) - cpu) / (describe(hosts, 'erspan0').counters.ipackets - before);
}

interface Shown {
  readonly received: number;
  readonly dropped: number;
}

async function intoFile(hosts: SmrouterHosts, path: string, rate: number): Promise<{ cost: number; shown: Shown }> {
  hosts.smrctl('capture', 'erspan0', 'file', path, 'direction', 'in', 'fsync', 'never');
  const cost = await collected(hosts, rate);
  const [shown] = JSON.parse(hosts.smrctl('--json', 'show', 'captures')) as [Shown];
  hosts.smrctl('capture', 'erspan0', '-file', path);
  rmSync(path);
  return { cost, shown };
}

/** Nanoseconds of tcpdump for each packet it wrote; the packets are bridged to where it listens. */
async function byTcpdump(hosts: SmrouterHosts, path: string): Promise<number> {
  const options = ['-i', hosts.linkB, '-Q', 'in', '-w', path, '-n', '-B', '16384', '-Z', 'root', 'proto', '47'];
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
  await send(hosts, hosts.macB, RATE);
  await sleep(500);
  const cpu = threads(pid) - before;
  child.kill('SIGINT');
  await ended;
  const written = Math.round((statSync(path).size - 24) / (16 + LENGTH));
  rmSync(path);
  return cpu / written;
}

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun() || skipReason.program('tcpdump');
  if (skip) return skip;
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const hosts = await throughSmrouter(true);
  const [ours, theirs, bare, lost]: [number[], number[], number[], number[]] = [[], [], [], []];
  try {
    hosts.smrctl('ifconfig', 'erspan0', 'create', 'tunneladdr', '192.0.2.1', 'up');
    for (let n = 0; n < ROUNDS; n++) {
      theirs.push(await byTcpdump(hosts, join(folder, 'theirs.pcap')));
      hosts.smrctl('ifconfig', 'veb0', 'del', 'tap10');
      hosts.smrctl('ifconfig', 'tap10', 'inet', '192.0.2.1/24');
      const off = await collected(hosts, RATE);
      const { cost, shown } = await intoFile(hosts, join(folder, 'ours.pcap'), RATE);
      bare.push(off);
      ours.push(cost - off);
      lost.push(shown.dropped / shown.received);
      if (n < ROUNDS - 1) {
        hosts.smrctl('ifconfig', 'tap10', 'inet', '192.0.2.1', 'delete');
        hosts.smrctl('ifconfig', 'veb0', 'add', 'tap10');
      }
    }
    const { shown } = await intoFile(hosts, join(folder, 'ours.pcap'), 0);
    return {
      value: round(median(ours)),
      unit: 'ns/packet',
      ratio: medianRatio(theirs, ours),
      peer: 'tcpdump -w proto 47 on a kernel TAP',
      note:
        `${LENGTH - 50} B at ${RATE}/s; ours ${span(ours)} beyond ${span(bare)} without a capture, tcpdump ${span(theirs)}; ` +
        `lost ${round(median(lost) * 100)} %; as fast as it goes: ${round(shown.received / SECONDS / 1000)} kpackets/s ` +
        `received, ${shown.dropped} lost; ${ROUNDS} rounds of ${SECONDS} s`,
    };
  } finally {
    await hosts.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const erspanCollect: Bench = {
  name: 'erspan-collect',
  about: 'ERSPAN from a TAP to a file, beside tcpdump',
  run,
};
