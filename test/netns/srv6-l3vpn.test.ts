/**
 * Topology A (spec B §4.1): two provider edges, two tenants whose addresses overlap, End.DT4, End.DT6 or End.DT46 at either side. Between
 * two smrouterd, and between smrouterd and Linux, which encapsulates and takes out again (this kernel has no VRFs, so there is a Linux
 * edge for each tenant).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Netns } from '../support/netns.js';
import { until } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { Mesh } from '../support/srv6-mesh.js';

/** Hosts of tenant 100 are 1 and 2, those of tenant 200 are 3 and 4; odd ones are behind rt-1. */
const TENANT: Readonly<Record<number, number>> = { 1: 100, 2: 100, 3: 200, 4: 200 };
const PEER: Readonly<Record<number, number>> = { 1: 2, 2: 1, 3: 4, 4: 3 };
const edgeOf = (host: number): number => (host % 2 === 1 ? 1 : 2);

/** The SID of the edge of `to` for traffic from `from`. */
const sidOf = (from: number, to: number, fn: string): string => `fc00:${from}${to}:${TENANT[to]}::${fn}`;

/** What one edge is told but for the routes of its tenants. */
function edge(n: number, tenants: readonly number[]): string[] {
  return [
    'sysctl -wq net.ipv4.conf.all.rp_filter=0',
    `ip -6 addr add fd00::${n}/64 dev {core}`,
    'ip -6 rule add to fc00::/16 lookup 90 prio 999',
    ...tenants.flatMap((tenant) => [
      `ip link add vrf-${tenant} type vrf table ${tenant}`,
      `ip link set vrf-${tenant} up`,
    ]),
    ...[1, 2, 3, 4]
      .filter((host) => edgeOf(host) === n)
      .flatMap((host) => [
        `ip link set {h${host}} master vrf-${TENANT[host]}`,
        `ip addr add 10.0.0.254/24 dev {h${host}}`,
        `ip addr add cafe::254/64 dev {h${host}}`,
        `sysctl -wq net.ipv4.conf.{h${host}}.proxy_arp=1`,
        `sysctl -wq net.ipv6.conf.{h${host}}.proxy_ndp=1`,
      ]),
    'sysctl -wq net.vrf.strict_mode=1',
  ];
}

describe('topology A between two smrouterd', { skip: skipReason.tun() }, () => {
  let mesh: Mesh;

  before(async () => {
    mesh = new Mesh();
    await Promise.all([mesh.router('rt1'), mesh.router('rt2')]);
    await mesh.link('core', 'rt1', 'rt2');
    for (const host of [1, 2, 3, 4]) {
      await mesh.host(`h${host}`, `rt${edgeOf(host)}`, `10.0.0.${host}/24`, `cafe::${host}/64`);
    }
    for (const n of [1, 2]) {
      const mine = [1, 2, 3, 4].filter((host) => edgeOf(host) === n);
      await mesh.run(
        `rt${n}`,
        ...edge(n, [100, 200]),
        ...mine.flatMap((own) => {
          const [tenant, far] = [TENANT[own] as number, PEER[own] as number];
          const out = sidOf(own, far, '6004');
          return [
            `ip -4 route add 10.0.0.${far}/32 vrf vrf-${tenant} encap seg6 mode encap segs ${out} dev {core}`,
            `ip -6 route add ${out}/128 vrf vrf-${tenant} via fd00::${3 - n} dev {core}`,
            `ip -6 route add ${sidOf(far, own, '6004')}/128 table 90 encap seg6local action End.DT4 vrftable ${tenant} count dev vrf-${tenant}`,
          ];
        }),
      );
    }
    await until('the routers know each other', 10_000, async () => {
      const printed = await mesh
        .get('rt1')
        .daemon.run('ping', '-c', '1', 'fd00::2')
        .catch(() => '');
      return / 1 packets received/.test(printed);
    });
  });

  after(async () => {
    assert.deepEqual(await mesh?.stop(), [0, 0]);
  });

  const pairs = (far: boolean): [string, string][] =>
    [1, 2, 3, 4].flatMap((from) =>
      [1, 2, 3, 4]
        .filter((to) => to !== from && (PEER[from] === to) === far)
        .map((to): [string, string] => [`h${from}`, `10.0.0.${to}`]),
    );
  const same = (count: number, status: number): number[] => new Array<number>(count).fill(status);

  it('routers reach each other, hosts their gateways', async () => {
    for (const [from, to] of [
      ['rt1', 'fd00::2'],
      ['rt2', 'fd00::1'],
    ] as const) {
      assert.match(await mesh.get(from).daemon.run('ping', '-c', '2', to), / 2 packets received/);
    }
    const gateways = ['h1', 'h2', 'h3', 'h4'].map((host): [string, string] => [host, '10.0.0.254']);
    assert.deepEqual(await mesh.pings(gateways, 4), same(4, 0));
  });

  it('hosts of one tenant reach each other', async () => {
    assert.deepEqual(await mesh.pings(pairs(true), 4), same(4, 0));
  });

  it('hosts of different tenants do not: every ping ends with 1', async () => {
    assert.deepEqual(await mesh.pings(pairs(false), 2), same(8, 1));
  });

  it('End.DT46 and reduced encapsulation carry both families over one SID', async () => {
    for (const n of [1, 2]) {
      for (const own of [1, 2, 3, 4].filter((host) => edgeOf(host) === n)) {
        const [tenant, far] = [TENANT[own] as number, PEER[own] as number];
        const out = sidOf(own, far, '6046');
        const encap = `vrf vrf-${tenant} encap seg6 mode encap.red segs ${out} dev {core}`;
        await mesh.run(
          `rt${n}`,
          `ip -4 route replace 10.0.0.${far}/32 ${encap}`,
          `ip -6 route add cafe::${far}/128 ${encap}`,
          // In table 0, where the underlay is.
          `ip -6 route add ${out}/128 via fd00::${3 - n}`,
          `ip -6 route add ${sidOf(far, own, '6046')}/128 table 90 encap seg6local action End.DT46 vrftable ${tenant} dev vrf-${tenant}`,
        );
      }
    }
    const six = (list: [string, string][]): [string, string][] =>
      list.map(([from, to]) => [from, to.replace('10.0.0.', 'cafe::')]);
    assert.deepEqual(await mesh.pings([...pairs(true), ...six(pairs(true))], 4), same(8, 0));
    assert.deepEqual(await mesh.pings([...pairs(false), ...six(pairs(false))], 2), same(16, 1));
  });

  it('counters, books, and a configuration that reads back', async () => {
    for (const { daemon } of mesh.routers.values()) {
      await daemon.books();
      const shown = await daemon.run('ip', '-s', '-6', 'route', 'show', 'table', '90');
      const counted = [...shown.matchAll(/End\.DT4 vrftable \d00 packets (\d+) bytes (\d+) errors 0 dev vrf-/g)];
      assert.equal(counted.length, 2, shown);
      for (const [, packets, bytes] of counted) assert.ok(Number(packets) > 0 && Number(bytes) > Number(packets) * 64);
      assert.deepEqual(daemon.complaints(), []);
    }
    const { daemon, taps } = mesh.get('rt2');
    await daemon.run('ip', 'link', 'del', 'vrf-100');
    assert.deepEqual(
      await mesh.pings(
        [
          ['h1', '10.0.0.2'],
          ['h3', '10.0.0.4'],
        ],
        2,
      ),
      [1, 0],
    );
    assert.match(await daemon.run('ifconfig', taps.get('h2') as string), /^(?!.*rdomain)/);
  });
});

describe('topology A between smrouterd and Linux', { skip: skipReason.tun() }, () => {
  let mesh: Mesh;
  const edges = new Map<number, Netns>();

  /** A Linux edge of one tenant: its host behind a veth, the core through the bridge. */
  function linuxEdge(host: number, mode: string): void {
    const netns = Netns.create('pe');
    edges.set(host, netns);
    const [tenant, far] = [TENANT[host] as number, PEER[host] as number];
    const name = `h${host}`;
    const end = Netns.create('hs');
    mesh.hosts.set(name, end);
    mesh.core.exec(['ip', 'link', 'add', `c${host}`, 'type', 'veth', 'peer', 'name', 'core', 'netns', netns.name]);
    mesh.core.exec(['ip', 'link', 'set', `c${host}`, 'master', 'core', 'up']);
    netns.exec(['ip', 'link', 'add', 'tenant', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', end.name]);
    const set = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding', 'net.ipv4.conf.tenant.proxy_arp'];
    for (const setting of [...set, 'net.ipv6.conf.tenant.proxy_ndp']) netns.exec(['sysctl', '-qw', `${setting}=1`]);
    for (const which of ['all', 'default', 'core', 'tenant']) {
      netns.exec(['sysctl', '-qw', `net.ipv4.conf.${which}.rp_filter=0`]);
    }
    const seg6 = ['encap', 'seg6', 'mode', mode, 'segs', sidOf(host, far, '6046'), 'dev', 'core'];
    const local = ['encap', 'seg6local', 'action'];
    for (const words of [
      ['link', 'set', 'core', 'up'],
      ['link', 'set', 'tenant', 'up'],
      ['addr', 'add', `fd00::1${host}/64`, 'dev', 'core', 'nodad'],
      ['addr', 'add', '10.0.0.254/24', 'dev', 'tenant'],
      ['addr', 'add', 'cafe::254/64', 'dev', 'tenant', 'nodad'],
      ['sr', 'tunsrc', 'set', `fd00::1${host}`],
      ['-4', 'route', 'add', `10.0.0.${far}/32`, ...seg6],
      ['-6', 'route', 'add', `cafe::${far}/128`, ...seg6],
      ['-6', 'neigh', 'add', 'proxy', `cafe::${far}`, 'dev', 'tenant'],
      ['-6', 'route', 'add', `${sidOf(host, far, '6046')}/128`, 'via', 'fd00::2'],
      [
        '-6',
        'route',
        'add',
        `${sidOf(far, host, '6004')}/128`,
        ...local,
        'End.DX4',
        'nh4',
        `10.0.0.${host}`,
        'dev',
        'core',
      ],
      [
        '-6',
        'route',
        'add',
        `${sidOf(far, host, '6006')}/128`,
        ...local,
        'End.DX6',
        'nh6',
        `cafe::${host}`,
        'dev',
        'core',
      ],
    ]) {
      netns.exec(['ip', ...words]);
    }
    end.exec(['ip', 'addr', 'add', `10.0.0.${host}/24`, 'dev', 'eth0']);
    end.exec(['ip', 'addr', 'add', `cafe::${host}/64`, 'dev', 'eth0', 'nodad']);
    end.exec(['ip', 'link', 'set', 'eth0', 'up']);
    void tenant;
  }

  before(async () => {
    mesh = new Mesh();
    await mesh.router('rt2');
    await mesh.link('core', 'rt2');
    for (const host of [2, 4]) await mesh.host(`h${host}`, 'rt2', `10.0.0.${host}/24`, `cafe::${host}/64`);
    linuxEdge(1, 'encap');
    linuxEdge(3, 'encap.red');
    await mesh.run(
      'rt2',
      ...edge(2, [100, 200]),
      ...[2, 4].flatMap((own) => {
        const [tenant, far] = [TENANT[own] as number, PEER[own] as number];
        const mode = own === 2 ? 'encap' : 'encap.red';
        return [
          `ip -4 route add 10.0.0.${far}/32 vrf vrf-${tenant} encap seg6 mode ${mode} segs ${sidOf(own, far, '6004')} dev {core}`,
          `ip -6 route add cafe::${far}/128 vrf vrf-${tenant} encap seg6 mode ${mode} segs ${sidOf(own, far, '6006')} dev {core}`,
          `ip -6 route add fc00:${own}${far}::/32 via fd00::1${far}`,
          `ip -6 route add ${sidOf(far, own, '6046')}/128 table 90 encap seg6local action End.DT46 vrftable ${tenant} count dev vrf-${tenant}`,
        ];
      }),
    );
  });

  after(async () => {
    assert.deepEqual(await mesh?.stop(), [0]);
    for (const netns of edges.values()) netns.destroy();
  });

  it('tenants meet across it in both families and both forms, and do not meet others', async () => {
    const to = (host: number, peer: number): [string, string][] => [
      [`h${host}`, `10.0.0.${peer}`],
      [`h${host}`, `cafe::${peer}`],
    ];
    const own = [1, 2, 3, 4].flatMap((host) => to(host, PEER[host] as number));
    await until('addresses are usable', 10_000, async () => (await mesh.pings(own.slice(1, 2), 1))[0] === 0);
    assert.deepEqual(await mesh.pings(own, 4), new Array(8).fill(0));
    const others = [2, 4].flatMap((host) => [...to(host, host === 2 ? 3 : 1), ...to(host, host === 2 ? 4 : 2)]);
    assert.deepEqual(await mesh.pings(others, 2), new Array(8).fill(1));
    await mesh.get('rt2').daemon.books();
    assert.deepEqual(mesh.get('rt2').daemon.complaints(), []);
  });
});
