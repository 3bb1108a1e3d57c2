/** iproute2's words: what they change, and what they print (main/cli/ip.ts, ip-display.ts). */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { readConfig } from '../../../../src/main/cli/command.js';
import { showRules } from '../../../../src/main/cli/ip-rule.js';
import { Commands, NETWORK } from '../../support/commands.js';
import { applied, configured } from '../../support/lines.js';

const commands = await Commands.after(...NETWORK);
after(() => commands.router.stop());

const BASE = configured(
  'ifconfig tap0 create inet 10.0.0.1/24 inet6 2001:db8::1/64',
  'ifconfig tap1 create rdomain 1 inet 10.0.0.1/24',
  'ifconfig rport0 create inet 169.254.0.1 169.254.0.2',
  'route add 192.0.2.0/24 10.0.0.2',
);

/** Each line with the OpenBSD words that do the same to BASE. */
const SAME: readonly (readonly [string, ...string[]])[] = [
  ['addr add 10.0.5.1/24 dev tap0', 'ifconfig tap0 inet 10.0.5.1/24 alias'],
  ['address add 10.0.5.1/24 brd + dev tap0', 'ifconfig tap0 inet 10.0.5.1/24 alias'],
  ['a add 10.0.5.1 dev tap0', 'ifconfig tap0 inet 10.0.5.1/32 alias'],
  ['-6 addr add 2001:db8:5::1/64 dev tap0', 'ifconfig tap0 inet6 2001:db8:5::1/64'],
  ['addr add 169.254.1.1 peer 169.254.1.2 dev rport0', 'ifconfig rport0 inet 169.254.1.1 169.254.1.2 alias'],
  ['addr del 10.0.0.1/24 dev tap0', 'ifconfig tap0 inet 10.0.0.1 delete'],
  ['addr replace 10.0.0.1/16 dev tap0', 'ifconfig tap0 inet 10.0.0.1/16 alias'],
  ['link set tap0 up', 'ifconfig tap0 up'],
  ['link set dev tap0 mtu 1400 up', 'ifconfig tap0 mtu 1400 up'],
  ['link set tap0 address 2:0:0:0:0:9', 'ifconfig tap0 lladdr 02:00:00:00:00:09'],
  ['link set tap0 netns host1', 'ifconfig tap0 netns host1'],
  ['route add default via 10.0.0.2', 'route add default 10.0.0.2'],
  ['route add default via 10.0.0.2 dev tap0', 'route add default 10.0.0.2'],
  ['-6 route add default via 2001:db8::2', 'route add -inet6 default 2001:db8::2'],
  ['-6 route add 2001:db8:9::7/48 via 2001:db8::2', 'route add -inet6 2001:db8:9::/48 2001:db8::2'],
  ['route add 198.51.100.0/24 via 10.0.0.2 table 1', 'route -T 1 add 198.51.100.0/24 10.0.0.2'],
  ['route add 198.51.100.0/24 via 10.0.0.2 table main', 'route add 198.51.100.0/24 10.0.0.2'],
  ['route add 198.51.100.0/24 via 10.0.0.2 table 254', 'route add 198.51.100.0/24 10.0.0.2'],
  ['route add 198.51.100.9 dev rport0', 'route add 198.51.100.9 169.254.0.2'],
  ['route add blackhole 198.51.100.0/24', 'route add -blackhole 198.51.100.0/24'],
  ['route add unreachable 2001:db8:9::/48', 'route add -reject 2001:db8:9::/48'],
  [
    'route add 198.51.100.0/24 nexthop via 10.0.0.2 dev tap0 weight 1 nexthop via 10.0.0.3',
    'route add 198.51.100.0/24 10.0.0.2',
    'route add -mpath 198.51.100.0/24 10.0.0.3',
  ],
  ['route append 192.0.2.0/24 via 10.0.0.3', 'route add -mpath 192.0.2.0/24 10.0.0.3'],
  ['route replace 192.0.2.0/24 via 10.0.0.3', 'route change 192.0.2.0/24 10.0.0.3'],
  ['route replace 198.51.100.0/24 via 10.0.0.3', 'route add 198.51.100.0/24 10.0.0.3'],
  ['route change 192.0.2.0/24 via 10.0.0.3', 'route change 192.0.2.0/24 10.0.0.3'],
  ['route del 192.0.2.0/24', 'route delete 192.0.2.0/24'],
  ['route delete 192.0.2.0/24 via 10.0.0.2', 'route delete 192.0.2.0/24 10.0.0.2'],
];

for (const [line, ...same] of SAME) {
  test(`ip ${line}`, () => assert.deepEqual(applied(BASE, `ip ${line}`), applied(BASE, ...same)));
}

test('ip route del without a metric takes the route of the lowest, in whatever order they came', () => {
  for (const [option, to, via] of [
    ['-4', '10.9.0.0/16', '10.0.0'],
    ['-6', 'fc00::/16', '2001:db8:'],
  ]) {
    const line = (host: number, metric: number): string =>
      `ip ${option} route add ${to} via ${via}${option === '-4' ? '.' : ':'}${host} metric ${metric}`;
    const lines = [line(2, 1024), line(3, 5), line(4, 99)];
    const left = applied(BASE, ...lines, `ip ${option} route del ${to}`).routes.map((route) => route.metric);
    assert.deepEqual(left.slice(1), [1024, 99]);
    const named = applied(BASE, ...lines, `ip ${option} route del ${to} via ${via}${option === '-4' ? '.' : ':'}4`);
    assert.deepEqual(named.routes.map((route) => route.metric).slice(1), [1024, 5]);
  }
});

test('ip rule: in the order of their priorities, by default before all others', () => {
  const state = applied(
    BASE,
    'ip -6 rule add to fc00::/16 lookup 90 prio 999',
    'ip rule add from all to 10.9.1.7 table 7',
    'ip rule add to 10.9.0.0/16 lookup 90',
  );
  assert.deepEqual(state.rules, [
    { family: 'inet6', network: 'fc00::', length: 16, table: 90, priority: 999 },
    { family: 'inet', network: '10.9.0.0', length: 16, table: 90, priority: 32_764 },
    { family: 'inet', network: '10.9.1.7', length: 32, table: 7, priority: 32_765 },
  ]);
  assert.equal(
    showRules(state, 'inet', false),
    `0:\tfrom all lookup local
32764:\tfrom all to 10.9.0.0/16 lookup 90
32765:\tfrom all to 10.9.1.7 lookup 7
32766:\tfrom all lookup main
32767:\tfrom all lookup default
`,
  );
  assert.deepEqual(JSON.parse(showRules(state, 'inet6', true)), [
    { priority: 0, src: 'all', table: 'local' },
    { priority: 999, src: 'all', dst: 'fc00::', dstlen: 16, table: '90' },
    { priority: 32_766, src: 'all', table: 'main' },
  ]);
  assert.deepEqual(applied(state, 'ip -6 rule del prio 999').rules, state.rules.slice(1));
  assert.deepEqual(applied(state, 'ip rule del to 10.9.0.0/16 lookup 90').rules, state.rules.toSpliced(1, 1));
});

const ERRORS: readonly (readonly [string, string])[] = [
  ['EEXIST', 'addr add 10.0.0.1/24 dev tap0'],
  ['EADDRNOTAVAIL', 'addr del 10.0.0.9/24 dev tap0'],
  ['EOPNOTSUPP', 'addr add 2001:db8::9/64 dev tap0 nodad'],
  ['ENODEV', 'addr add 10.0.5.1/24 dev tap9'],
  ['EINVAL', 'addr add 10.0.5.1/24'],
  ['EINVAL', 'addr add dev tap0'],
  ['EINVAL', 'addr flush dev tap0'],
  ['EINVAL', 'link set tap0 sideways'],
  ['EINVAL', 'link set tap0 mtu 1'],
  ['ENODEV', 'link set tap9 up'],
  ['EEXIST', 'route add 192.0.2.0/24 via 10.0.0.3'],
  ['ESRCH', 'route del 198.51.100.0/24'],
  ['ESRCH', 'route change 198.51.100.0/24 via 10.0.0.2'],
  ['ENETUNREACH', 'route add default via 10.0.9.2'],
  ['ENETUNREACH', 'route add default via 10.0.0.2 dev rport0'],
  ['EINVAL', 'route add 198.51.100.1/24 via 10.0.0.2'],
  ['EINVAL', 'route add 198.51.100.0/24 via 10.0.0.2 via 10.0.0.3'],
  ['EINVAL', 'route add 198.51.100.0/24 nexthop via 10.0.0.2 weight 0'],
  ['EOPNOTSUPP', 'route add 198.51.100.0/24 nexthop via 10.0.0.2 weight 2 nexthop via 10.0.0.3'],
  ['EINVAL', '-6 route add 198.51.100.0/24 via 10.0.0.2'],
  ['EINVAL', 'route add default via 10.0.0.2 table 253'],
  ['EINVAL', 'route add default via 10.0.0.2 table local'],
  ['EINVAL', 'route sideways'],
  ['EINVAL', 'rule add to 10.9.0.0/16'],
  ['EINVAL', 'rule add lookup 90'],
  ['EINVAL', 'rule add to 10.9.0.0/16 lookup main'],
  ['EINVAL', 'rule add to 10.9.0.0/16 lookup 253'],
  ['EINVAL', 'rule add to 10.9.0.0/16 lookup 4096'],
  ['EINVAL', 'rule add to 10.9.0.0/16 lookup 90 prio 32766'],
  ['EINVAL', '-6 rule add to 10.9.0.0/16 lookup 90'],
  ['EOPNOTSUPP', 'rule add from 10.0.0.0/8 to 10.9.0.0/16 lookup 90'],
  ['EOPNOTSUPP', 'rule add iif tap0 lookup 90'],
  ['ENOENT', 'rule del to 10.9.0.0/16'],
  ['EINVAL', 'rule flush'],
  ['EINVAL', 'tunnel add'],
  ['EINVAL', '-x addr'],
  ['EINVAL', ''],
];

for (const [code, line] of ERRORS) {
  test(`ip ${line} is ${code}`, () => assert.throws(() => applied(BASE, `ip ${line}`.trim()), { code }));
}

test('what asks, or is live alone, is no setting', () => {
  for (const line of ['ip addr', 'ip route show', 'ip neigh add 10.0.0.2 lladdr 2:0:0:0:0:1 dev tap0']) {
    assert.throws(() => readConfig('f', line), { message: /not a setting/ });
  }
  assert.equal(readConfig('f', 'ifconfig tap0 create\nip addr add 10.0.0.1/24 dev tap0').interfaces.size, 1);
});

test('ip addr show', async () => {
  assert.equal(
    await commands.run('ip addr show dev mem0'),
    `2: mem0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default
    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
    inet 10.0.0.1/24 brd 10.0.0.255 scope global mem0
       valid_lft forever preferred_lft forever
    inet6 2001:db8::1/64 scope global${' '}
       valid_lft forever preferred_lft forever
    inet6 fe80::ff:fe00:1/64 scope link${' '}
       valid_lft forever preferred_lft forever
`,
  );
  assert.equal(
    await commands.run('ip -4 a show rport0'),
    `4: rport0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 32768 qdisc noqueue state UNKNOWN group default
    inet 169.254.0.1 peer 169.254.0.2/32 scope global rport0
       valid_lft forever preferred_lft forever
`,
  );
  assert.match(await commands.run('ip addr'), /^1: lo0: <LOOPBACK,UP,LOWER_UP> .*\n {4}link\/loopback 00:.* brd 00:/);
  assert.match(await commands.run('ip -d -4 a show rport0'), /^ {4}link\/none$/m);
  assert.doesNotMatch(await commands.run('ip -6 addr'), / inet |link\//);
  await assert.rejects(commands.run('ip addr show dev mem9'), {
    code: 'ENXIO',
    message: 'Device "mem9" does not exist',
  });
});

test('ip -s link show has what was counted, as iproute2 prints it', async () => {
  // A header checksum that is wrong: sent by one, dropped at the other.
  await commands.run(`inject rport0 00000002${'4500001400000000400000000a0000010a000002'}`);
  const shown = async (): Promise<string> => await commands.run('ip -s link show rport1');
  while (!/ {7}1 {7}0 {7}0 $/m.test(await shown())) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(
    (await shown()).split('\n').slice(2).join('\n'),
    `    RX:  bytes packets errors dropped  missed   mcast${' '.repeat(11)}
            20       1      0       1       0       0${' '}
    TX:  bytes packets errors dropped carrier collsns${' '.repeat(11)}
             0       0      0       0       0       0${' '}
`,
  );
  const [sent] = (await commands.json('ip -s link show rport0')) as [{ stats64: Record<string, unknown> }];
  assert.deepEqual(sent.stats64.tx, {
    ...{ bytes: 20, packets: 1, errors: 0, dropped: 0 },
    ...{ carrier_errors: 0, collisions: 0 },
  });
  assert.doesNotMatch(await commands.run('ip link show rport1'), /RX/);
});

test('ip link show leaves addresses out', async () => {
  assert.equal(
    await commands.run('ip link show mem1'),
    `3: mem1: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN mode DEFAULT group default
    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
`,
  );
});

test('ip route show', async () => {
  const own = '10.0.0.0/24 dev mem0 proto kernel scope link src 10.0.0.1 \n';
  assert.equal(
    await commands.run('ip route'),
    `default via 10.0.0.2 dev mem0 \n${own}10.0.1.0/24 dev mem1 proto kernel scope link src 10.0.1.1${' '}
10.0.2.0/28 dev mem1 proto kernel scope link src 10.0.2.1${' '}
169.254.0.2 dev rport0 proto kernel scope link src 169.254.0.1${' '}
172.16.0.0/12${' '}
\tnexthop via 10.0.1.2 dev mem1 weight 1${' '}
\tnexthop via 10.0.0.3 dev mem0 weight 1${' '}
blackhole 192.168.9.0/24${' '}
`,
  );
  assert.equal(
    await commands.run('ip -6 route'),
    'default via 2001:db8::2 dev mem0 metric 1024 pref medium\n2001:db8::/64 dev mem0 proto kernel metric 256 pref medium\nfe80::/64 dev mem0 proto kernel metric 256 pref medium\n',
  );
  assert.match(await commands.run('ip route show table 1'), /^unreachable 192\.0\.2\.4 $/m);
  assert.doesNotMatch(await commands.run('ip route show dev mem1'), /dev mem0 proto/);
  const lead = 'default via 10.0.0.2 dev mem0 \n';
  for (const [words, lines] of [
    ['10.0.0.0/24', own],
    ['to exact 10.0.0.0/24', own],
    ['root 10.0.0.0/24', own],
    ['match 10.0.0.7', `${lead}${own}`],
    ['match 10.0.0.0/16', lead],
    ['default', lead],
    ['root 10.0.2.0/24', '10.0.2.0/28 dev mem1 proto kernel scope link src 10.0.2.1 \n'],
    ['10.0.0.0/16', ''],
    ['exact 10.0.0.7', ''],
    ['root 10.0.0.0/25', ''],
    ['2001:db8::/64', ''],
  ])
    assert.equal(await commands.run(`ip route show ${words}`), lines, words);
});

test('ip neigh', async () => {
  await commands.run('ip neigh add 10.0.0.5 lladdr 2:0:0:0:0:9 dev mem0');
  await commands.run('ip neigh replace 2001:db8::5 lladdr 2:0:0:0:0:a dev mem0 nud permanent');
  assert.equal(
    await commands.run('ip neigh'),
    '10.0.0.5 dev mem0 lladdr 02:00:00:00:00:09 PERMANENT \n2001:db8::5 dev mem0 lladdr 02:00:00:00:00:0a PERMANENT \n',
  );
  assert.equal(await commands.run('ip -4 neigh show dev mem0'), '10.0.0.5 lladdr 02:00:00:00:00:09 PERMANENT \n');
  for (const words of ['10.0.0.5', 'to 10.0.0.0/24', '10.0.0.5 dev mem0'])
    assert.match(await commands.run(`ip neigh show ${words}`), /^10\.0\.0\.5 .*PERMANENT \n$/, words);
  assert.equal(await commands.run('ip neigh show 10.0.0.6'), '');
  assert.deepEqual(await commands.json('ip -6 neigh'), [
    { dst: '2001:db8::5', dev: 'mem0', lladdr: '02:00:00:00:00:0a', state: ['PERMANENT'] },
  ]);
  await commands.run('ip neigh del 10.0.0.5 dev mem0');
  await commands.run('ip neigh del 2001:db8::5 dev mem0');
  assert.equal(await commands.run('ip neigh'), '');
  await assert.rejects(commands.run('ip neigh del 10.0.0.5 dev mem0'), { code: 'ESRCH' });
  await assert.rejects(commands.run('ip neigh add 10.0.1.5 lladdr 2:0:0:0:0:9 dev mem0'), { code: 'EINVAL' });
  await assert.rejects(commands.run('ip neigh add 10.0.0.5 lladdr 2:0:0:0:0:9'), { code: 'EINVAL' });
});

test('--json is what ip -json gives', async () => {
  const [mem0] = (await commands.json('ip addr show mem0')) as [Record<string, unknown>];
  assert.deepEqual(mem0, {
    ...{ ifindex: 2, ifname: 'mem0', flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'], mtu: 1500 },
    ...{ operstate: 'UP', group: 'default', link_type: 'ether', address: '02:00:00:00:00:01' },
    addr_info: [
      {
        ...{ family: 'inet', local: '10.0.0.1', prefixlen: 24, broadcast: '10.0.0.255' },
        ...{ scope: 'global', label: 'mem0' },
      },
      { family: 'inet6', local: '2001:db8::1', prefixlen: 64, scope: 'global' },
      { family: 'inet6', local: 'fe80::ff:fe00:1', prefixlen: 64, scope: 'link' },
    ],
  });
  const routes = (await commands.json('ip route')) as unknown[];
  assert.deepEqual(routes[0], { dst: 'default', gateway: '10.0.0.2', dev: 'mem0', flags: [] });
  assert.deepEqual(routes.at(-1), { type: 'blackhole', dst: '192.168.9.0/24', flags: [] });
});
