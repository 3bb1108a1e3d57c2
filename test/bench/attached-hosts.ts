/**
 * Two hosts whose links end in a namespace between them, where a forwarder has the other ends of the veths: smrouterd that attached
 * them, DPDK's testpmd, Open vSwitch with DPDK. One of two links may be a TAP of smrouterd's.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Netns } from '../support/netns.js';
import {
  DAEMON,
  end,
  endWithProcess,
  lineWith,
  OVS_SCHEMA,
  onCore,
  ready,
  SMRCTL,
  type TwoHosts,
} from './two-hosts.js';

/** How a host's link is driven. */
export type Kind = 'xdp' | 'packet' | 'tap';

/** Hosts whose forwarder is one process. */
export interface ProcessHosts extends TwoHosts {
  readonly pid: number;
  /** It has the forwarder's core whether there are frames or not. */
  readonly spins?: boolean;
}

/** DPDK's drivers for interfaces of the host. */
export type DpdkDriver = 'net_af_xdp' | 'net_af_packet';

const OUTSIDE = ['p0', 'p1'] as const;
const INSIDE = ['v0', 'v1'] as const;
/** Megabytes that a DPDK process may take, without huge pages. */
const DPDK_MEMORY = 512;

/**
 * Measures through `hosts`, one of `all`. Forwarders that spin are stopped but for that one: all share a core, and would leave the
 * others a part of it.
 */
export async function alone<T>(
  all: readonly (TwoHosts | string)[],
  hosts: TwoHosts,
  measure: () => T | Promise<T>,
): Promise<T> {
  const others = all.filter(
    (other): other is ProcessHosts => typeof other !== 'string' && (other as Partial<ProcessHosts>).spins === true,
  );
  for (const { pid } of others.filter((other) => other !== hosts)) process.kill(pid, 'SIGSTOP');
  try {
    return await measure();
  } finally {
    for (const { pid } of others) process.kill(pid, 'SIGCONT');
  }
}

/** Hosts a and b, and the namespace between with the outer ends, all up, without IPv6. */
function veths(names: readonly string[], links: readonly boolean[]): { a: Netns; b: Netns; between: Netns } {
  const [a, b, between] = names.map((name) => Netns.create(name)) as [Netns, Netns, Netns];
  between.exec(['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 || true']);
  for (const [n, host] of [a, b].entries()) {
    if (links[n] !== true) continue;
    const [inside = '', outside = ''] = [INSIDE[n], OUTSIDE[n]];
    between.exec(['ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', host.name]);
    between.exec(['ip', 'link', 'set', outside, 'up']);
    host.exec(['ip', 'link', 'set', inside, 'up']);
  }
  return { a, b, between };
}

/** Userland forwarders that complete no checksums need hosts that do. */
function sumInHosts(hosts: readonly Netns[]): void {
  for (const [n, host] of hosts.entries()) {
    for (const feature of ['tx', 'tso', 'gso'])
      host.exec(['ethtool', '-K', INSIDE[n] ?? '', feature, 'off'], { check: false });
  }
}

/** smrouterd with a veb over two links of these kinds, one worker; `first` are lines of its configuration. */
export async function throughAttached(
  kinds: readonly [Kind, Kind],
  pinned: boolean,
  first: readonly string[] = [],
): Promise<ProcessHosts & { smrctl(...words: string[]): string }> {
  const { a, b, between } = veths(
    ['xa', 'xb', 'xr'],
    kinds.map((kind) => kind !== 'tap'),
  );
  const links = kinds.map((kind, n) => (kind === 'tap' ? `tap${n}` : OUTSIDE[n]) as string);
  const inside = kinds.map((kind, n) => (kind === 'tap' ? `tap${n}` : INSIDE[n]) as string);
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const file = join(folder, 'conf');
  const made = kinds.map((kind, n) => {
    const how = kind === 'tap' ? `create netns ${(n === 0 ? a : b).name}` : `attach ${kind}`;
    return `ifconfig ${links[n]} ${how} up`;
  });
  const veb = `ifconfig veb0 create ${links.map((link) => `add ${link}`).join(' ')} up`;
  writeFileSync(file, `${[...first, ...made, veb].join('\n')}\n`);
  const socket = join(folder, 'sock');
  const run = [process.execPath, DAEMON, '-f', file, '-s', socket, '-m', '127.0.0.1:0', '-w', '1'];
  const daemon = spawn('ip', ['netns', 'exec', between.name, ...onCore(pinned, run)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endWithProcess(daemon, folder);
  await lineWith(daemon, '"ready"');
  const hosts = ready(a, b, inside[0] as string, inside[1] as string, async () => {
    await end(daemon);
    for (const ns of [a, b, between]) ns.destroy();
    rmSync(folder, { recursive: true });
  });
  const smrctl = (...words: string[]): string =>
    execFileSync(process.execPath, [SMRCTL, '-s', socket, ...words], { encoding: 'utf8' });
  return { ...hosts, pid: daemon.pid ?? 0, smrctl };
}

/** Waits for a line of the pseudo-terminal-less testpmd; rejects with what it printed when it ends. */
function started(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (said.includes(word)) resolve();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('exit', (code) => reject(new Error(`testpmd ended (${code}): ${said.slice(-500)}`)));
  });
}

/** DPDK's testpmd, which forwards from each port to the other without a look, on the forwarder's core; why not, where it cannot. */
export async function throughTestpmd(driver: DpdkDriver): Promise<ProcessHosts | string> {
  try {
    execFileSync('dpdk-testpmd', ['--version'], { stdio: 'ignore' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'DPDK is not installed';
  }
  const { a, b, between } = veths(['da', 'db', 'dr'], [true, true]);
  sumInHosts([a, b]);
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const ports = OUTSIDE.flatMap((link, n) => ['--vdev', `${driver}${n},iface=${link}`]);
  const memory = ['--no-huge', '-m', String(DPDK_MEMORY), '--no-pci', '--no-telemetry'];
  const eal = ['-l', '0,1', '--main-lcore', '0', ...memory, '--file-prefix', `smr${process.pid}`, ...ports];
  const app = ['--forward-mode=io', '--nb-cores=1', '--total-num-mbufs=16384', '-i', '--auto-start'];
  const testpmd = spawn('ip', ['netns', 'exec', between.name, 'dpdk-testpmd', ...eal, '--', ...app], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, RUNTIME_DIRECTORY: folder },
  });
  endWithProcess(testpmd, folder);
  const stop = async (): Promise<void> => {
    await end(testpmd);
    for (const ns of [a, b, between]) ns.destroy();
    rmSync(folder, { recursive: true });
  };
  try {
    await started(testpmd, 'testpmd>');
    return { ...ready(a, b, INSIDE[0], INSIDE[1], stop), pid: testpmd.pid ?? 0, spins: true };
  } catch (error) {
    await stop();
    return (error as Error).message;
  }
}

/** Open vSwitch with DPDK's net_af_xdp, forwarding as a learning bridge, on the forwarder's core; why not, where it cannot. */
export async function throughOvsDpdk(): Promise<ProcessHosts | string> {
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const [database, socket] = [join(folder, 'conf.db'), join(folder, 'db.sock')];
  const program = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk';
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    execFileSync('ovsdb-tool', ['create', database, OVS_SCHEMA], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return 'Open vSwitch with DPDK is not installed';
  }
  const { a, b, between } = veths(['oa', 'ob', 'or'], [true, true]);
  sumInHosts([a, b]);
  const env = { ...process.env, OVS_RUNDIR: folder, OVS_DBDIR: folder, OVS_LOGDIR: folder };
  const start = (command: readonly string[]): ChildProcess => {
    const quiet = ['-vconsole:off', '-vsyslog:off', `--log-file=${join(folder, 'log')}`];
    const child = spawn('ip', ['netns', 'exec', between.name, ...command, ...quiet], { stdio: 'ignore', env });
    endWithProcess(child, folder);
    return child;
  };
  const server = start([
    'ovsdb-server',
    database,
    `--remote=punix:${socket}`,
    `--unixctl=${join(folder, 'server.ctl')}`,
  ]);
  const vsctl = (...words: string[]): void => {
    execFileSync('ovs-vsctl', ['--retry', `--db=unix:${socket}`, '--timeout=20', ...words], { stdio: 'pipe', env });
  };
  const children = [server];
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await end(child);
    for (const ns of [a, b, between]) ns.destroy();
    rmSync(folder, { recursive: true });
  };
  try {
    const extra = `--no-huge --legacy-mem -m ${DPDK_MEMORY} --no-pci --file-prefix smr${process.pid}o`;
    vsctl('--no-wait', 'init');
    vsctl('--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:dpdk-init=true', `other_config:dpdk-extra="${extra}"`);
    vsctl('--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:pmd-cpu-mask=2', 'other_config:dpdk-lcore-mask=1');
    const daemon = start([program, `unix:${socket}`, `--unixctl=${join(folder, 'switch.ctl')}`]);
    children.push(daemon);
    vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev', 'fail_mode=standalone');
    for (const [n, link] of OUTSIDE.entries()) {
      const options = ['type=dpdk', `options:dpdk-devargs=net_af_xdp${n},iface=${link}`];
      vsctl('add-port', 'br0', `x${n}`, '--', 'set', 'interface', `x${n}`, ...options);
    }
    return { ...ready(a, b, INSIDE[0], INSIDE[1], stop), pid: daemon.pid ?? 0, spins: true };
  } catch (error) {
    await stop();
    return (error as Error).message.split('\n')[0] as string;
  }
}
