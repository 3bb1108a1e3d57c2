/**
 * Two hosts in namespaces with a forwarder between them: smrouterd on TAPs, Open vSwitch in user space on TAPs, the
 * kernel's bridge on veths, a bare loop on TAPs, or nothing but a veth.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Netns } from '../support/netns.js';

export const DAEMON = fileURLToPath(new URL('../../src/main/smrouterd.js', import.meta.url));
export const SMRCTL = fileURLToPath(new URL('../../src/main/smrctl.js', import.meta.url));
const FLOOD = fileURLToPath(new URL('../load/flood.js', import.meta.url));
const C_LOOP = fileURLToPath(new URL('../../../test/bench/peers/tap-loop.c', import.meta.url));
export const OVS_SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
/** The forwarder's core; load comes from the other. */
const FORWARDER_CORE = '1';
export const SENDER_CORE = '0';

/** Two namespaces whose links can reach each other. */
export interface TwoHosts {
  readonly a: Netns;
  readonly b: Netns;
  readonly linkA: string;
  readonly linkB: string;
  readonly macA: string;
  readonly macB: string;
  readonly addressB: string;
  /** Where the kernel's bridge is, if that is the forwarder; its port on the side of `a` is `p0`. */
  readonly bridge?: Netns;
  /** Further arguments of the flood, where frames must be packets. */
  readonly flood?: readonly string[];
  stop(): Promise<void>;
}

/** Two hosts with the daemon between them. */
export interface SmrouterHosts extends TwoHosts {
  readonly pid: number;
  /** Runs smrctl with these words. Throws with its message. */
  smrctl(...words: string[]): string;
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Addresses and links up; returns what a bench needs to know. */
export function ready(a: Netns, b: Netns, linkA: string, linkB: string, stop: () => Promise<void>): TwoHosts {
  const macOf = (ns: Netns, link: string): string => ns.exec(['cat', `/sys/class/net/${link}/address`]).trim();
  for (const [ns, link, address] of [
    [a, linkA, '198.18.1.1/24'],
    [b, linkB, '198.18.1.2/24'],
  ] as const) {
    ns.exec(['ip', 'address', 'add', address, 'dev', link]);
    ns.exec(['ip', 'link', 'set', link, 'up']);
  }
  const hosts = { a, b, linkA, linkB, macA: macOf(a, linkA), macB: macOf(b, linkB), addressB: '198.18.1.2', stop };
  a.exec(['ping', '-c', '2', '-i', '0.2', '-W', '2', hosts.addressB]);
  b.exec(['ping', '-c', '1', '-W', '2', '198.18.1.1']);
  return hosts;
}

/** A command on the forwarder's core, or on any. */
export function onCore(pinned: boolean, command: readonly string[]): readonly string[] {
  return pinned ? ['taskset', '-c', FORWARDER_CORE, ...command] : command;
}

/** Waits for a line of standard output that contains `word`. */
export function lineWith(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes(word)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the forwarder ended (${code})`)));
  });
}

/** Whatever goes wrong in a bench, its forwarder and folder go with this process. */
export function endWithProcess(child: ChildProcess, folder: string): void {
  process.once('exit', () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  // One that was stopped does not hear of it before it runs again.
  child.kill('SIGCONT');
  await gone;
}

/** smrouterd with a veb over two TAPs, one worker; `first` are lines of its configuration. */
export async function throughSmrouter(pinned: boolean, first: readonly string[] = []): Promise<SmrouterHosts> {
  const a = Netns.create('ba');
  const b = Netns.create('bb');
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const file = join(folder, 'conf');
  const lines = [
    ...first,
    `ifconfig tap10 create netns ${a.name}`,
    `ifconfig tap11 create netns ${b.name}`,
    'ifconfig veb0 create add tap10 add tap11',
  ];
  writeFileSync(file, [...lines, 'ifconfig tap10 up', 'ifconfig tap11 up', 'ifconfig veb0 up', ''].join('\n'));
  const socket = join(folder, 'sock');
  const run = [process.execPath, DAEMON, '-f', file, '-s', socket, '-m', '127.0.0.1:0', '-w', '1'];
  const [command = '', ...args] = onCore(pinned, run);
  const daemon = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  endWithProcess(daemon, folder);
  const stop = async (): Promise<void> => {
    await end(daemon);
    a.destroy();
    b.destroy();
    rmSync(folder, { recursive: true });
  };
  await lineWith(daemon, '"ready"');
  const smrctl = (...words: string[]): string =>
    execFileSync(process.execPath, [SMRCTL, '-s', socket, ...words], { encoding: 'utf8' });
  return { ...ready(a, b, 'tap10', 'tap11', stop), pid: daemon.pid ?? 0, smrctl };
}

/** One veth, no forwarder. */
export async function throughNothing(): Promise<TwoHosts> {
  const [a, b] = [Netns.create('na'), Netns.create('nb')];
  a.exec(['ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1', 'netns', b.name]);
  // Both ends, before the first ping.
  b.exec(['ip', 'link', 'set', 'v1', 'up']);
  return ready(a, b, 'v0', 'v1', async () => {
    for (const ns of [a, b]) ns.destroy();
  });
}

/** The kernel's bridge over two veths, in a namespace of its own. */
export async function throughLinuxBridge(): Promise<TwoHosts> {
  const [a, b, bridge] = [Netns.create('ka'), Netns.create('kb'), Netns.create('kr')];
  bridge.exec(['ip', 'link', 'add', 'br0', 'type', 'bridge']);
  for (const [ns, inside, outside] of [
    [a, 'v0', 'p0'],
    [b, 'v1', 'p1'],
  ] as const) {
    bridge.exec(['ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', ns.name]);
    bridge.exec(['ip', 'link', 'set', outside, 'master', 'br0', 'up']);
  }
  bridge.exec(['ip', 'link', 'set', 'br0', 'up']);
  const hosts = ready(a, b, 'v0', 'v1', async () => {
    for (const ns of [a, b, bridge]) ns.destroy();
  });
  return { ...hosts, bridge };
}

/** Hosts whose forwarder is a process of ours: it can be stopped while another is measured. */
export interface LoopHosts extends TwoHosts {
  readonly pid: number;
}

/** The bare loop in C over two TAPs, which sleeps, naps or spins while it has nothing to do; undefined where there is no C compiler. */
export async function throughBareLoop(
  pinned: boolean,
  idle: 'sleep' | 'nap' | 'spin' = 'sleep',
): Promise<LoopHosts | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const program = join(folder, 'tap-loop');
  try {
    execFileSync('cc', ['-O2', '-o', program, C_LOOP], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const a = Netns.create('fa');
  const b = Netns.create('fb');
  const [linkA, linkB] = { sleep: ['tap12', 'tap13'], spin: ['tap14', 'tap15'], nap: ['tap18', 'tap19'] }[idle] as [
    string,
    string,
  ];
  const run = [program, linkA, linkB, ...(idle === 'sleep' ? [] : [idle])];
  const [command = '', ...args] = onCore(pinned, run);
  const loop = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endWithProcess(loop, folder);
  await lineWith(loop, 'ready');
  ip('link', 'set', linkA, 'netns', a.name);
  ip('link', 'set', linkB, 'netns', b.name);
  const hosts = ready(a, b, linkA, linkB, async () => {
    await end(loop);
    a.destroy();
    b.destroy();
    rmSync(folder, { recursive: true });
  });
  return { ...hosts, pid: loop.pid ?? 0 };
}

/**
 * Open vSwitch's userspace datapath (`datapath_type=netdev`, forwarding as a learning bridge) over two TAPs, with a database
 * server and a switch daemon of its own in a namespace of its own, and all their files in a temporary folder. It keeps the
 * TAPs' descriptors when their kernel ends move to the hosts. Undefined where it is not installed.
 */
export async function throughOpenVswitch(pinned: boolean): Promise<TwoHosts | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const database = join(folder, 'conf.db');
  const socket = join(folder, 'db.sock');
  try {
    execFileSync('ovs-vswitchd', ['--version'], { stdio: 'ignore' });
    execFileSync('ovsdb-tool', ['create', database, OVS_SCHEMA], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const a = Netns.create('oa');
  const b = Netns.create('ob');
  const inside = Netns.create('os');
  const env = { ...process.env, OVS_RUNDIR: folder, OVS_DBDIR: folder, OVS_LOGDIR: folder };
  const start = (command: readonly string[]): ChildProcess => {
    const quiet = ['-vconsole:off', '-vsyslog:off', '-vfile:off'];
    const args = ['netns', 'exec', inside.name, ...onCore(pinned, [...command, ...quiet])];
    const child = spawn('ip', args, { stdio: 'ignore', env });
    endWithProcess(child, folder);
    return child;
  };
  // vsctl tries until the server answers, and then waits until the switch has done what was asked.
  const server = start([
    'ovsdb-server',
    database,
    `--remote=punix:${socket}`,
    `--unixctl=${join(folder, 'server.ctl')}`,
  ]);
  const vsctl = (...words: string[]): void => {
    execFileSync('ovs-vsctl', ['--retry', `--db=unix:${socket}`, '--timeout=10', ...words], { stdio: 'pipe', env });
  };
  vsctl('--no-wait', 'init');
  const daemon = start(['ovs-vswitchd', `unix:${socket}`, `--unixctl=${join(folder, 'switch.ctl')}`]);
  const bridge = ['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev', 'fail_mode=standalone'];
  const ports = ['tap14', 'tap15'].flatMap((tap) => [
    '--',
    'add-port',
    'br0',
    tap,
    '--',
    'set',
    'interface',
    tap,
    'type=tap',
  ]);
  vsctl(...bridge, ...ports);
  inside.exec(['ip', 'link', 'set', 'tap14', 'netns', a.name]);
  inside.exec(['ip', 'link', 'set', 'tap15', 'netns', b.name]);
  return ready(a, b, 'tap14', 'tap15', async () => {
    await end(daemon);
    await end(server);
    for (const ns of [a, b, inside]) ns.destroy();
    rmSync(folder, { recursive: true });
  });
}

/** What became of a flood, in thousand frames a second. */
export interface Flood {
  /** Arrived at the sink. */
  readonly got: number;
  /** Tried by the sender: what the link took, and what it refused. */
  readonly offered: number;
  /** Refused by the sender's link (`tx_dropped`), as the forwarder had not emptied its queue. */
  readonly refused: number;
}

/** A counter of a link, from its namespace. */
function counter(hosts: TwoHosts, side: 'a' | 'b', name: string): number {
  const link = side === 'a' ? hosts.linkA : hosts.linkB;
  return Number(hosts[side].exec(['cat', `/sys/class/net/${link}/statistics/${name}`]));
}

/** Floods 60-byte frames from the sender's core for `seconds` seconds. */
export function floodOnce(hosts: TwoHosts, seconds: number): Flood {
  const received = counter(hosts, 'b', 'rx_packets');
  const dropped = counter(hosts, 'a', 'tx_dropped');
  const traffic = [hosts.linkA, hosts.macB, hosts.macA, String(seconds), ...(hosts.flood ?? [])];
  const flood = ['taskset', '-c', SENDER_CORE, process.execPath, FLOOD, ...traffic];
  const said = JSON.parse(hosts.a.exec(flood, { timeoutMs: (seconds + 10) * 1000 })) as {
    sent: number;
    seconds: number;
  };
  const refused = counter(hosts, 'a', 'tx_dropped') - dropped;
  const rate = (frames: number): number => frames / said.seconds / 1000;
  return {
    got: rate(counter(hosts, 'b', 'rx_packets') - received),
    offered: rate(said.sent + refused),
    refused: rate(refused),
  };
}

/** A router's side of each link, and a network behind host b, which drops what comes for it. */
const ROUTED = { a: '198.18.1.254', b: '198.18.2.254', macA: '02:00:00:00:5e:01', far: '192.0.2.0/24' } as const;
const PACKETS = ['0', '60', '1', '198.18.1.1', '192.0.2.9'];

/** Hosts a and b with addresses of two networks, and routes through what is between them. */
export function readyRouted(
  a: Netns,
  b: Netns,
  linkA: string,
  linkB: string,
  macA: string,
  stop: () => Promise<void>,
): TwoHosts {
  for (const [ns, link, address, router] of [
    [a, linkA, '198.18.1.1', ROUTED.a],
    [b, linkB, '198.18.2.1', ROUTED.b],
  ] as const) {
    ns.exec(['ip', 'address', 'add', `${address}/24`, 'dev', link]);
    ns.exec(['ip', 'link', 'set', link, 'up']);
    ns.exec(['ip', 'route', 'add', 'default', 'via', router]);
  }
  const addressB = '198.18.2.1';
  a.exec(['ping', '-c', '2', '-i', '0.2', '-W', '2', addressB]);
  const own = a.exec(['cat', `/sys/class/net/${linkA}/address`]).trim();
  return { a, b, linkA, linkB, macA: own, macB: macA, addressB, flood: PACKETS, stop };
}

/** smrouterd that routes between two TAPs, one worker. */
export async function routedBySmrouter(pinned: boolean): Promise<TwoHosts> {
  const [a, b] = [Netns.create('ra'), Netns.create('rb')];
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const file = join(folder, 'conf');
  const lines = [
    `ifconfig tap16 create lladdr ${ROUTED.macA} netns ${a.name} inet ${ROUTED.a}/24 up`,
    `ifconfig tap17 create netns ${b.name} inet ${ROUTED.b}/24 up`,
    `route add ${ROUTED.far} 198.18.2.1`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const run = [process.execPath, DAEMON, '-f', file, '-s', join(folder, 'sock'), '-m', '127.0.0.1:0', '-w', '1'];
  const [command = '', ...args] = onCore(pinned, run);
  const daemon = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  endWithProcess(daemon, folder);
  await lineWith(daemon, '"ready"');
  return readyRouted(a, b, 'tap16', 'tap17', ROUTED.macA, async () => {
    await end(daemon);
    for (const ns of [a, b]) ns.destroy();
    rmSync(folder, { recursive: true });
  });
}

/** The kernel that routes between two veths, in a namespace of its own. */
export async function routedByLinux(): Promise<TwoHosts> {
  const [a, b, router] = [Netns.create('ta'), Netns.create('tb'), Netns.create('tr')];
  for (const [ns, inside, outside, address] of [
    [a, 'v0', 'p0', ROUTED.a],
    [b, 'v1', 'p1', ROUTED.b],
  ] as const) {
    router.exec(['ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', ns.name]);
    router.exec(['ip', 'address', 'add', `${address}/24`, 'dev', outside]);
    router.exec(['ip', 'link', 'set', outside, 'up']);
    // A veth forwards once both of its ends are up.
    ns.exec(['ip', 'link', 'set', inside, 'up']);
  }
  router.exec(['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  router.exec(['ip', 'route', 'add', ROUTED.far, 'via', '198.18.2.1']);
  const mac = router.exec(['cat', '/sys/class/net/p0/address']).trim();
  return readyRouted(a, b, 'v0', 'v1', mac, async () => {
    for (const ns of [a, b, router]) ns.destroy();
  });
}
