/**
 * `capture-file`: frames written to a file, 60 and 1514 bytes each, beside tcpdump doing the same where they arrive: on the kernel's end of the
 * TAP behind the bridge.
 *
 * A paced sender on core 0 sends into a TAP of smrouterd, which is on core 1 and bridges to a host that drops the frames. In turn: nobody
 * captures; `capture tap10 file`; tcpdump -w. The figure is processor time for each packet written: the daemon's, less what it uses at
 * the same rate without a capture; and tcpdump's own. What the kernel does to show tcpdump the packet is on the account of who sends it
 * and not counted, so tcpdump is flattered. Then the sender goes as fast as it can, and what the capture lost is told.
 *
 * Files are on the file system of $TMPDIR, or /tmp, and are removed at once.
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
const SECONDS = 3;
const ROUNDS = 5;
/** Frames a second at which processor time is compared: what the forwarder takes without losses on a shared machine. */
const LOADS = [
  { length: 60, rate: 150_000 },
  { length: 1514, rate: 100_000 },
];
const PORT = 'tap10';

interface Shown {
  readonly received: number;
  readonly dropped: number;
  readonly written: number;
}

/** Nanoseconds on a core of all threads of a process. */
function threads(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return sum;
}

/** Sends for some seconds, `rate` frames a second or as many as it can (0). Returns how many the link took. */
function send(hosts: SmrouterHosts, length: number, rate: number): Promise<number> {
  const traffic = [hosts.linkA, hosts.macB, hosts.macA, String(SECONDS), String(rate), String(length)];
  const words = ['netns', 'exec', hosts.a.name, 'taskset', '-c', SENDER_CORE, process.execPath, FLOOD, ...traffic];
  const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve) => child.once('close', () => resolve((JSON.parse(said) as { sent: number }).sent)));
}

/** Frames that smrouterd has received on the port. */
function received(hosts: SmrouterHosts): number {
  return Number(hosts.b.exec(['cat', `/sys/class/net/${hosts.linkB}/statistics/rx_packets`]));
}

/** The daemon's nanoseconds a frame without a capture. */
async function without(hosts: SmrouterHosts, length: number, rate: number): Promise<number> {
  const [cpu, frames] = [threads(hosts.pid), received(hosts)];
  await send(hosts, length, rate);
  return (threads(hosts.pid) - cpu) / (received(hosts) - frames);
}

/** The same with a capture, and what that one lost. */
async function withCapture(
  hosts: SmrouterHosts,
  path: string,
  length: number,
  rate: number,
): Promise<{ cost: number; shown: Shown }> {
  hosts.smrctl('capture', PORT, 'file', path, 'direction', 'in', 'fsync', 'never');
  const [cpu, frames] = [threads(hosts.pid), received(hosts)];
  await send(hosts, length, rate);
  await sleep(200);
  const cost = (threads(hosts.pid) - cpu) / (received(hosts) - frames);
  const [shown] = JSON.parse(hosts.smrctl('--json', 'show', 'captures')) as [Shown];
  hosts.smrctl('capture', PORT, '-file', path);
  rmSync(path);
  return { cost, shown };
}

/** Nanoseconds of tcpdump for each packet it wrote, and the part of those sent that it lost. */
async function byTcpdump(
  hosts: SmrouterHosts,
  path: string,
  length: number,
  rate: number,
): Promise<{ cost: number; lost: number }> {
  // Not where they are sent: a socket that goes past the queues is not shown there. A buffer as large as our ring.
  const options = ['-i', hosts.linkB, '-Q', 'in', '-w', path, '-n', '-B', '16384', '-Z', 'root'];
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
  const sent = await send(hosts, length, rate);
  await sleep(500);
  const cpu = threads(pid) - before;
  child.kill('SIGINT');
  await ended;
  const written = Math.round((statSync(path).size - 24) / (16 + length));
  rmSync(path);
  return { cost: cpu / written, lost: Math.max(0, 1 - written / sent) };
}

async function load(hosts: SmrouterHosts, folder: string, length: number, rate: number): Promise<Measured> {
  const [ours, theirs, bare, lost, theirLost]: [number[], number[], number[], number[], number[]] = [
    [],
    [],
    [],
    [],
    [],
  ];
  for (let n = 0; n < ROUNDS; n++) {
    const off = await without(hosts, length, rate);
    const { cost, shown } = await withCapture(hosts, join(folder, 'ours.pcap'), length, rate);
    const peer = await byTcpdump(hosts, join(folder, 'theirs.pcap'), length, rate);
    bare.push(off);
    ours.push(cost - off);
    theirs.push(peer.cost);
    lost.push(shown.dropped / shown.received);
    theirLost.push(peer.lost);
  }
  const { shown } = await withCapture(hosts, join(folder, 'ours.pcap'), length, 0);
  const percent = (parts: number[]): string => `${round(median(parts) * 100)} %`;
  const full = `as fast as it goes: ${round(shown.received / SECONDS / 1000)} kpackets/s received, ${shown.dropped} lost`;
  return {
    value: round(median(ours)),
    unit: 'ns/packet',
    ratio: medianRatio(theirs, ours),
    peer: 'tcpdump -w on a kernel TAP',
    note:
      `${length} B at ${rate}/s; ours ${span(ours)} beyond ${span(bare)} without a capture, tcpdump ${span(theirs)}; ` +
      `lost ${percent(lost)}, tcpdump ${percent(theirLost)}; ${full}; ${ROUNDS} rounds of ${SECONDS} s`,
  };
}

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun() || skipReason.program('tcpdump');
  if (skip) return skip;
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const hosts = await throughSmrouter(true);
  try {
    const results: Measured[] = [];
    for (const { length, rate } of LOADS) results.push(await load(hosts, folder, length, rate));
    const [first, ...more] = results as [Measured, ...Measured[]];
    return { ...first, more };
  } finally {
    await hosts.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const captureFile: Bench = { name: 'capture-file', about: 'captured frames to a file, beside tcpdump', run };
