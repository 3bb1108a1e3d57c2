/**
 * Hosts with a provider edge between them, or two: smrouterd on TAPs, or Linux on veths. For `dt4-tap` and `dt4-tcp`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Netns } from '../support/netns.js';
import { DAEMON, end, endWithProcess, lineWith, onCore, readyRouted, type TwoHosts } from './two-hosts.js';

const SID = 'fc00:12:100::6004';
const MAC = '02:00:00:00:5e:01';
/** 64 bytes inside 40 of outer header, as fast as it goes. */
const FLOOD = ['0', '118', '1', '198.18.1.1', '192.0.2.9', SID];

/** A daemon with these lines of configuration. */
async function smrouterd(pinned: boolean, lines: readonly string[]): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const file = join(folder, 'conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const run = [process.execPath, DAEMON, '-f', file, '-s', join(folder, 'sock'), '-m', '127.0.0.1:0', '-w', '1'];
  const [command = '', ...args] = onCore(pinned, run);
  const daemon = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  endWithProcess(daemon, folder);
  await lineWith(daemon, '"ready"');
  return async () => {
    await end(daemon);
    rmSync(folder, { recursive: true });
  };
}

/** A VRF with one port. */
function vrf(table: number, tap: string, address: string): string[] {
  return [
    `ip link add vrf-${table} type vrf table ${table}`,
    `ip link set vrf-${table} up`,
    `ip link set ${tap} master vrf-${table}`,
    `ip addr add ${address} dev ${tap}`,
  ];
}

const dt4 = (sid: string, table: number): string =>
  `ip -6 route add ${sid}/128 encap seg6local action End.DT4 vrftable ${table} dev vrf-${table}`;

/** Host b's side: an address, and a router that it never asks. */
function sink(b: Netns, link: string): void {
  b.exec(['ip', 'address', 'add', '198.18.2.1/24', 'dev', link]);
  b.exec(['ip', 'link', 'set', link, 'up']);
}

/** Packets from host a to the SID of a smrouterd, out of a VRF to host b. */
export async function dt4BySmrouter(): Promise<TwoHosts> {
  const [a, b] = [Netns.create('qa'), Netns.create('qb')];
  const stop = await smrouterd(true, [
    'sysctl net.vrf.strict_mode=1',
    `ifconfig tap20 create lladdr ${MAC} netns ${a.name} inet6 2001:db8:1::254/64 up`,
    `ifconfig tap21 create netns ${b.name} up`,
    ...vrf(100, 'tap21', '198.18.2.254/24'),
    'ip route add 192.0.2.0/24 vrf vrf-100 via 198.18.2.1',
    dt4(SID, 100),
  ]);
  a.exec(['ip', 'link', 'set', 'tap20', 'up']);
  sink(b, 'tap21');
  const macA = a.exec(['cat', '/sys/class/net/tap20/address']).trim();
  const ends = { a, b, linkA: 'tap20', linkB: 'tap21', macA, macB: MAC, addressB: '198.18.2.1', flood: FLOOD };
  return {
    ...ends,
    stop: async () => {
      await stop();
      for (const ns of [a, b]) ns.destroy();
    },
  };
}

/** The same through Linux's End.DX4 between two veths: there are no VRFs in this kernel. */
export async function dx4ByLinux(): Promise<TwoHosts> {
  const [a, b, router] = [Netns.create('ka'), Netns.create('kb'), Netns.create('kr')];
  edgeOf(router, a, 'v0', 'p0');
  edgeOf(router, b, 'v1', 'p1');
  router.exec(['ip', 'address', 'add', '2001:db8:1::254/64', 'dev', 'p0', 'nodad']);
  router.exec(['ip', 'address', 'add', '198.18.2.254/24', 'dev', 'p1']);
  router.exec(['ip', 'route', 'add', '192.0.2.0/24', 'via', '198.18.2.1']);
  router.exec(['ip', '-6', 'route', 'add', SID, ...END_DX4, 'dev', 'p0']);
  sink(b, 'v1');
  const macA = a.exec(['cat', '/sys/class/net/v0/address']).trim();
  const macB = router.exec(['cat', '/sys/class/net/p0/address']).trim();
  const ends = { a, b, linkA: 'v0', linkB: 'v1', macA, macB, addressB: '198.18.2.1', flood: FLOOD };
  return {
    ...ends,
    stop: async () => {
      for (const ns of [a, b, router]) ns.destroy();
    },
  };
}

/** End.DX4 by the inner destination. */
const END_DX4 = ['encap', 'seg6local', 'action', 'End.DX4', 'nh4', '0.0.0.0'];

/** A veth from a Linux router to a host, up at both ends; the router forwards. */
function edgeOf(router: Netns, host: Netns, inside: string, outside: string): void {
  router.exec(['ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', host.name]);
  router.exec(['ip', 'link', 'set', outside, 'up']);
  host.exec(['ip', 'link', 'set', inside, 'up']);
  forwards(router, outside);
}

function forwards(router: Netns, link: string): void {
  for (const [name, value] of [
    ['ipv4/ip_forward', 1],
    ['ipv6/conf/all/forwarding', 1],
    ['ipv4/conf/all/rp_filter', 0],
    [`ipv4/conf/${link}/rp_filter`, 0],
  ] as const) {
    router.exec(['sh', '-c', `echo ${value} > /proc/sys/net/${name}`]);
  }
}

/** Two hosts in VRFs of one smrouterd, each reached from the other's by H.Encaps and End.DT4. */
export async function tunnelBySmrouter(): Promise<TwoHosts> {
  const [a, b] = [Netns.create('ua'), Netns.create('ub')];
  const way = (from: number, to: number): string =>
    `ip route add 198.18.${to}.0/24 vrf vrf-${from} encap seg6 mode encap segs fc00:${to}::1 dev vrf-${from}`;
  const stop = await smrouterd(false, [
    'sysctl net.vrf.strict_mode=1',
    'ip sr tunsrc set fd00::1',
    `ifconfig tap22 create lladdr ${MAC} netns ${a.name} up`,
    `ifconfig tap23 create netns ${b.name} up`,
    ...vrf(1, 'tap22', '198.18.1.254/24'),
    ...vrf(2, 'tap23', '198.18.2.254/24'),
    dt4('fc00:1::1', 1),
    dt4('fc00:2::1', 2),
    way(1, 2),
    way(2, 1),
  ]);
  return readyRouted(a, b, 'tap22', 'tap23', MAC, async () => {
    await stop();
    for (const ns of [a, b]) ns.destroy();
  });
}

/** The same by two Linux routers, with a link of MTU 1600 between them. */
export async function tunnelByLinux(): Promise<TwoHosts> {
  const [a, b] = [Netns.create('la'), Netns.create('lb')];
  const [one, two] = [Netns.create('l1'), Netns.create('l2')];
  edgeOf(one, a, 'v0', 'p0');
  edgeOf(two, b, 'v1', 'p1');
  one.exec([
    'ip',
    'link',
    'add',
    'core',
    'mtu',
    '1600',
    'type',
    'veth',
    'peer',
    'name',
    'core',
    'mtu',
    '1600',
    'netns',
    two.name,
  ]);
  for (const [router, own, far, port] of [
    [one, 1, 2, 'p0'],
    [two, 2, 1, 'p1'],
  ] as const) {
    router.exec(['ip', 'link', 'set', 'core', 'up']);
    forwards(router, 'core');
    router.exec(['ip', 'address', 'add', `198.18.${own}.254/24`, 'dev', port]);
    router.exec(['ip', 'address', 'add', `fd00::${own}/64`, 'dev', 'core', 'nodad']);
    router.exec(['ip', '-6', 'route', 'add', `fc00:${far}::/32`, 'via', `fd00::${far}`]);
    router.exec(['ip', '-6', 'route', 'add', `fc00:${own}::1`, ...END_DX4, 'dev', 'core']);
    const encap = ['encap', 'seg6', 'mode', 'encap', 'segs', `fc00:${far}::1`, 'dev', 'core'];
    router.exec(['ip', 'route', 'add', `198.18.${far}.0/24`, ...encap]);
  }
  const mac = one.exec(['cat', '/sys/class/net/p0/address']).trim();
  return readyRouted(a, b, 'v0', 'v1', mac, async () => {
    for (const ns of [a, b, one, two]) ns.destroy();
  });
}
