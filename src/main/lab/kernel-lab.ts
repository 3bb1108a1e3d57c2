/**
 * The lab on kernel TAPs: smrouterd as a child process, a network namespace behind each TAP, ping and iperf3 in them.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type InterfaceCounters, type Lab, QUICKSTART } from './contract.js';

const DAEMON = fileURLToPath(new URL('../smrouterd.js', import.meta.url));
const CONTROL = fileURLToPath(new URL('../smrctl.js', import.meta.url));
const METRICS_PORT = 9476;
const READY_MS = 15_000;
const HOSTS = 3;

/** One host: its namespace and address. */
interface Host {
  readonly netns: string;
  readonly tap: string;
  readonly address: string;
}

/** Builds the lab. On failure takes down what was built, and rejects. */
export async function startKernelLab(): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-lab-'));
  const socket = join(folder, 'smrouter.sock');
  const children: ChildProcess[] = [];
  const hosts: Host[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await end(child);
    for (const host of hosts) tryIp(['netns', 'del', host.netns]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const port = (await portIsFree(METRICS_PORT)) ? METRICS_PORT : 0;
    const arguments_ = [DAEMON, '-f', QUICKSTART, '-s', socket, '-m', `127.0.0.1:${port}`];
    const daemon = spawn(process.execPath, arguments_, {
      stdio: ['ignore', 'pipe', 'inherit'],
      // A session of its own: Ctrl-C is for the lab, which then ends the daemon.
      detached: true,
    });
    children.push(daemon);
    const metricsUrl = await ready(daemon);
    for (let n = 1; n <= HOSTS; n++) {
      const host = { netns: `smr-lab${process.pid}-h${n}`, tap: `tap${n - 1}`, address: `198.18.0.${n}` };
      ip(['netns', 'add', host.netns]);
      hosts.push(host);
      ip(['link', 'set', host.tap, 'netns', host.netns]);
      ip(['-n', host.netns, 'link', 'set', 'lo', 'up']);
      ip(['-n', host.netns, 'address', 'add', `${host.address}/24`, 'dev', host.tap]);
      ip(['-n', host.netns, 'link', 'set', host.tap, 'up']);
    }
    children.push(...traffic(hosts));
    return {
      built: describe(hosts, socket),
      metricsUrl,
      counters: () => counters(socket),
      failed: new Promise<never>((_, reject) => {
        daemon.once('exit', (code) => reject(new Error(`smrouterd ended (${code})`)));
      }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Pings around the ring of hosts, and one paced stream between the first two. */
function traffic(hosts: readonly Host[]): ChildProcess[] {
  const run = (host: Host, command: string[]): ChildProcess =>
    spawn('ip', ['netns', 'exec', host.netns, ...command], { stdio: 'ignore', detached: true });
  const pings = hosts.map((host, n) =>
    run(host, ['ping', '-q', '-i', '0.2', (hosts[(n + 1) % hosts.length] as Host).address]),
  );
  if (!has('iperf3')) return pings;
  const [first, second] = hosts as [Host, Host];
  const server = run(first, ['iperf3', '-s']);
  const client = run(second, ['sh', '-c', `sleep 1; exec iperf3 -c ${first.address} -t 86400 -b 500M`]);
  return [...pings, server, client];
}

function describe(hosts: readonly Host[], socket: string): string[] {
  const lines = ['A bridge and three hosts (examples/quickstart.conf):', '', '            veb0', '           /  |  \\'];
  lines.push(`        ${hosts.map((h) => h.tap).join('  ')}      kernel TAPs, forwarded by worker threads`, '');
  for (const h of hosts) lines.push(`  ${h.tap} is ${h.address} in namespace ${h.netns}`);
  lines.push('', `try: ip netns exec ${(hosts[0] as Host).netns} ping ${(hosts[2] as Host).address}`);
  lines.push(`     bin/smrctl -s ${socket} ifconfig veb0`);
  return lines;
}

/** Resolves to the metrics URL of the daemon's ready line. */
function ready(daemon: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('smrouterd was not ready in time')), READY_MS);
    let text = '';
    daemon.stdout?.setEncoding('utf8');
    daemon.stdout?.on('data', (chunk: string) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const entry = JSON.parse(line) as { event?: string; metrics?: string; level: number; msg: string };
        if (entry.level >= 40) process.stderr.write(`smrouterd: ${entry.msg}\n`);
        if (entry.event !== 'ready') continue;
        clearTimeout(late);
        resolve(entry.metrics ?? '');
      }
    });
    daemon.once('exit', (code) => {
      clearTimeout(late);
      reject(new Error(`smrouterd ended (${code}) before it was ready`));
    });
  });
}

/** Asks the daemon for its counters, as an operator would. */
async function counters(socket: string): Promise<Map<string, InterfaceCounters>> {
  const text = await new Promise<string>((resolve, reject) => {
    const child = spawn(process.execPath, [CONTROL, '-s', socket, '--json', 'ifconfig'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.once('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`smrctl ended with ${code}`))));
  });
  const interfaces = JSON.parse(text) as { name: string; counters: InterfaceCounters }[];
  return new Map(interfaces.map((i) => [i.name, i.counters]));
}

/** Ends a child we started, with its process group if it leads one, and waits for it. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  try {
    process.kill(child.spawnfile === 'ip' ? -child.pid : child.pid, 'SIGTERM');
  } catch {
    return;
  }
  await gone;
}

function ip(args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function tryIp(args: string[]): void {
  try {
    ip(args);
  } catch (error) {
    process.stderr.write(`lab: ip ${args.join(' ')}: ${(error as Error).message}\n`);
  }
}

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
