/**
 * SRv6 routes in iproute2's words: what is accepted, what is refused and how, and what is shown, token for token (spec B §1.6, §2, §3;
 * rows B55, B59, B60, B68, B72, B93); what happens to SIDs when their VRF or their device goes (B23 to B25).
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { readConfig } from '../../src/main/cli/command.js';
import { routesOf } from '../../src/main/config/routes.js';
import { Control } from '../../src/shared/layout/heap.js';
import { makeNextHopRecord, NextHop, NextHopKind } from '../../src/shared/table/next-hop.js';
import { makeRoute6 } from '../../src/shared/table/policy-rules.js';
import { RoutedRig } from '../support/routed-rig.js';

const rigs: RoutedRig[] = [];
after(() => Promise.all(rigs.map((rig) => rig.stop())));

/** rt-2 of the topology: two tenants, a core, strict mode. */
const PROVIDER: readonly string[] = [
  'ifconfig mem0 create inet6 fd00::2/64 up',
  'ifconfig mem1 create up',
  'ifconfig mem2 create up',
  'ifconfig mem3 create up',
  ...['100', '200'].flatMap((tenant) => [
    `ip link add vrf-${tenant} type vrf table ${tenant}`,
    `ip link set vrf-${tenant} up`,
  ]),
  'ip link set mem1 master vrf-100',
  'ip link set mem2 master vrf-200',
  'ip addr add 10.0.0.254/24 dev mem1',
  'ip addr add 10.0.0.254/24 dev mem2',
  'sysctl -wq net.vrf.strict_mode=1',
];

async function provider(...more: string[]): Promise<RoutedRig> {
  const rig = await RoutedRig.start([...PROVIDER, ...more], 1);
  rigs.push(rig);
  return rig;
}

const shared = await provider();

/** Words after `ip -6 route add`, and the line of that route. */
const SHOWN: readonly (readonly [string, string])[] = [
  ['fc00:12:100::6004 encap seg6local action End.DT4 vrftable 100 dev vrf-100', ''],
  ['fc00:12:200::6004/128 encap seg6local count action End.DT4 vrftable 200 dev vrf-200 metric 7', ''],
  ['fc00:12::/48 encap seg6local action End.DT6 table 100 dev mem0', ''],
  ['fc00::6 encap seg6local action End.DT6 vrftable 100 dev vrf-100', ''],
  ['fc00::46 encap seg6local action End.DT46 vrftable 200 dev vrf-200', ''],
  ['fcff:1::e encap seg6local action End dev mem0', ''],
  ['fcff:1::ef encap seg6local action End flavors usd,psp dev mem0', ''],
  ['fc00::26 encap seg6local action End.X nh6 fe80::1 oif mem3 dev mem0', ''],
  ['fc00::27 encap seg6local action End.T table 90 dev mem0', ''],
  ['fc00::28 encap seg6local action End.T table main dev mem0', ''],
  ['fc00::d2 encap seg6local action End.DX2 oif mem3 dev mem0', ''],
  ['fc00::d4 encap seg6local action End.DX4 nh4 10.0.0.1 dev mem0', ''],
  ['fc00::d6 encap seg6local action End.DX6 nh6 :: dev mem0', ''],
  [
    '2001:db8::/64 encap seg6 mode encap.red tunsrc fc00::1 segs fcff:3::e,fcff:2::d46 dev mem0',
    '2001:db8::/64  encap seg6 mode encap.red tunsrc fc00::1 segs 2 [ fcff:3::e fcff:2::d46 ] dev mem0 metric 1024 pref medium',
  ],
  [
    '2001:db8:1::/64 encap seg6 mode encap segs fcff:3::e hmac 42 lookup 90 dev mem0',
    '2001:db8:1::/64  encap seg6 mode encap segs 1 [ fcff:3::e ] hmac 2A lookup 90 dev mem0 metric 1024 pref medium',
  ],
  [
    '2001:db8:2::/64 encap seg6 mode encap segs fcff:3::e via fd00::4 dev mem0',
    '2001:db8:2::/64  encap seg6 mode encap segs 1 [ fcff:3::e ] via fd00::4 dev mem0 metric 1024 pref medium',
  ],
  ['fcff:1::e2 encap seg6local action End via fd00::4 dev mem0', ''],
  ['fcff:4::/32 via fd00::4 dev mem0', 'fcff:4::/32 via fd00::4 dev mem0 metric 1024 pref medium'],
  ['fcff:5::/32 dev mem0', 'fcff:5::/32 dev mem0 metric 1024 pref medium'],
  ['unreachable default metric 4278198272', 'unreachable default dev lo metric 4278198272 pref medium'],
  ['prohibit fcff:6::/32', 'prohibit fcff:6::/32 dev lo metric 1024 pref medium'],
];

/** Where nothing else is said, a line is the words with two spaces, without what is not shown, and with what is. */
function lineOf(words: string): string {
  const line = words
    .replace(' encap', '  encap')
    .replace('/128', '')
    .replace(' count', '')
    .replace('usd,psp', 'psp,usd');
  return `${line}${line.includes(' metric ') ? '' : ' metric 1024'} pref medium`;
}

describe('B93 ip -6 route show', () => {
  for (const [words, line] of SHOWN) {
    test(line === '' ? lineOf(words) : line, async () => {
      await shared.command(`ip -6 route add ${words} table 90`);
      const shown = await shared.command('ip -6 route show table 90');
      assert.ok(shown.split('\n').includes(line === '' ? lineOf(words) : line), shown);
      const all = await shared.command('ip -6 route show table all');
      assert.ok(/ dev \S+ table 90 metric /.test(all), all);
      await assert.rejects(shared.command(`ip -6 route add ${words} table 90`), { code: 'EEXIST' });
      await shared.command(`ip -6 route replace ${words} table 90`, `ip -6 route del ${words} table 90`);
      assert.equal(await shared.command('ip -6 route show table 90'), '');
    });
  }

  test('the gateway of an encapsulated route is shown and kept, and a route is found by it', async () => {
    const words = '10.8.0.0/16 encap seg6 mode encap segs fcff:3::e via 10.0.0.9';
    await shared.command('ifconfig mem0 inet 10.0.0.1/24 alias', `ip route add ${words}`);
    const line = '10.8.0.0/16  encap seg6 mode encap segs 1 [ fcff:3::e ] via 10.0.0.9 dev mem0 \n';
    assert.equal(await shared.command('ip route show 10.8.0.0/16'), line);
    const [shown] = JSON.parse(await shared.command('ip -json route show 10.8.0.0/16')) as Record<string, unknown>[];
    assert.equal(shown?.gateway, '10.0.0.9');
    assert.match(
      await shared.command('show running'),
      /^ip -4 route add 10\.8\.0\.0\/16 encap seg6 mode encap segs fcff:3::e via 10\.0\.0\.9 dev mem0$/m,
    );
    await assert.rejects(shared.command('ip route del 10.8.0.0/16 via 10.0.0.8'), { code: 'ESRCH' });
    await shared.command(`ip route del ${words}`, 'ifconfig mem0 inet 10.0.0.1 delete');
    await assert.rejects(shared.command(`ip route add ${words} dev mem0`), { code: 'ENETUNREACH' });
    assert.equal(await shared.command('ip route show 10.8.0.0/16'), '');
  });

  test('IPv4 routes of a tenant, values for programs', async () => {
    await shared.command(
      'ip -4 route add 10.0.0.1/32 vrf vrf-100 encap seg6 mode encap segs fc00:21:100::6004 dev mem0',
      'ip -6 route add fc00:21:100::6004/128 vrf vrf-100 via fd00::1 dev mem0',
      'ip route add unreachable default vrf vrf-100 metric 4278198272',
      'ip -6 route add fc00::d4 table 90 encap seg6local action End.DT4 vrftable 100 count dev vrf-100',
    );
    assert.equal(
      await shared.command('ip route show vrf vrf-100'),
      `unreachable default metric 4278198272${' '}
10.0.0.0/24 dev mem1 proto kernel scope link src 10.0.0.254${' '}
10.0.0.1  encap seg6 mode encap segs 1 [ fc00:21:100::6004 ] dev mem0 scope link${' '}
`,
    );
    assert.equal(
      await shared.command('ip -6 route show vrf vrf-100'),
      'fc00:21:100::6004 via fd00::1 dev mem0 metric 1024 pref medium\n',
    );
    assert.equal(
      await shared.command('ip -s -6 route show table 90'),
      'fc00::d4  encap seg6local action End.DT4 vrftable 100 packets 0 bytes 0 errors 0 dev vrf-100 metric 1024 pref medium\n',
    );
    assert.deepEqual(JSON.parse(await shared.command('ip -s -json -6 route show table 90')), [
      {
        dst: 'fc00::d4',
        encap: {
          encap_type: 'seg6local',
          action: 'End.DT4',
          vrftable: '100',
          stats64: { packets: 0, bytes: 0, errors: 0 },
        },
        dev: 'vrf-100',
        metric: 1024,
        flags: [],
        pref: 'medium',
      },
    ]);
    const [, , encap] = JSON.parse(await shared.command('ip -json route show table 100')) as { encap: object }[];
    assert.deepEqual(encap?.encap, { encap_type: 'seg6', mode: 'encap', segs: ['fc00:21:100::6004'] });
    assert.match(await shared.command('route -T 100 show -inet'), /^10\.0\.0\.1 +fc00:21:100::6004 +UGHS /m);
  });
});

const LOCAL = 'ip -6 route add fc00::1 encap seg6local';
const HEAD = 'ip -6 route add 2001:db8:9::/64 encap seg6';
const FLAVORS = 'Unsupported Flavor operation(s)';

/** Command lines with the errno, and the text where upstream has one. */
const REFUSED: readonly (readonly [string, string, string?])[] = [
  [`${LOCAL} dev mem0`, 'EINVAL', 'Missing action type'],
  [`${LOCAL} action end dev mem0`, 'EINVAL', 'argument "end" is wrong: "action" value is invalid'],
  [`${LOCAL} action End.B6 srh segs fc00::2 dev mem0`, 'EOPNOTSUPP'],
  [`${LOCAL} action End.B6.Encaps dev mem0`, 'EOPNOTSUPP'],
  [`${LOCAL} action End.BPF endpoint x dev mem0`, 'EOPNOTSUPP'],
  [`${LOCAL} action End.BM dev mem0`, 'EOPNOTSUPP'],
  [`${LOCAL} action End.DT4 dev mem0`, 'EINVAL'],
  [`${LOCAL} action End.DT4 vrftable 300 dev mem0`, 'ENODEV', 'Table has no associated VRF device'],
  [`${LOCAL} action End.DT46 table 100 dev mem0`, 'EINVAL'],
  [`${LOCAL} action End.DT4 vrftable 100`, 'ENODEV', 'No such device'],
  [`${LOCAL} action End.DT4 vrftable 100 dev vrf-300`, 'ENODEV', 'Cannot find device "vrf-300"'],
  [`${LOCAL} action End.DT4 vrftable 100 dev lo1`, 'EINVAL'],
  [`${LOCAL} action End.DT4 vrftable 0 dev mem0`, 'EINVAL'],
  [
    `${LOCAL} action End.DT4 vrftable 100 vrftable 200 dev mem0`,
    'EINVAL',
    'duplicate "vrftable": "200" is the second value',
  ],
  [`${LOCAL} action End.DT4 vrftable 100 nh4 10.0.0.1 dev mem0`, 'EINVAL', 'nh4: not a word of End.DT4'],
  [`${LOCAL} action End.DT6 dev mem0`, 'EINVAL', 'table or vrftable must be specified'],
  [`${LOCAL} action End.DT6 table 100 vrftable 100 dev mem0`, 'EINVAL', 'table or vrftable must be specified'],
  [`${LOCAL} action End.X dev mem0`, 'EINVAL'],
  [`${LOCAL} action End.X nh6 10.0.0.1 dev mem0`, 'EINVAL'],
  [`${LOCAL} action End.X nh6 ff02::1 dev mem0`, 'EINVAL'],
  [`${LOCAL} action End.DX4 nh4 fe80::1 dev mem0`, 'EINVAL'],
  [`${LOCAL} action End.DX2 oif mem9 dev mem0`, 'ENODEV', 'Cannot find device "mem9"'],
  [`${LOCAL} action End.T dev mem0`, 'EINVAL'],
  [`${LOCAL} action End flavors next-csid lblen 32 nflen 16 dev mem0`, 'EOPNOTSUPP'],
  [`${LOCAL} action End flavors next-csid dev mem0`, 'EOPNOTSUPP', FLAVORS],
  [`${LOCAL} action End flavors psp,psp dev mem0`, 'EINVAL'],
  [`${LOCAL} action End flavors xyz dev mem0`, 'EINVAL'],
  [`${LOCAL} action End.DT4 vrftable 100 flavors psp dev mem0`, 'EOPNOTSUPP', FLAVORS],
  ['ip route add 10.9.0.1 encap seg6local action End dev mem0', 'EINVAL'],
  ['ip -6 route add fc00::1 encap mpls 100 dev mem0', 'EOPNOTSUPP'],
  [`${HEAD} segs fc00::2 mode encap dev mem0`, 'EINVAL'],
  [`${HEAD} mode sideways segs fc00::2 dev mem0`, 'EINVAL', 'argument "sideways" is wrong: "mode" value is invalid'],
  [`${HEAD} mode inline segs fc00::2 dev mem0`, 'EOPNOTSUPP', 'mode inline is not supported'],
  [`${HEAD} mode inline tunsrc fc00::9 segs fc00::2 dev mem0`, 'EINVAL', 'incompatible mode for tunsrc'],
  ['ip route add 10.9.0.1 encap seg6 mode inline segs fc00::2 dev mem0', 'EINVAL'],
  [`${HEAD} mode l2encap segs fc00::2 dev mem0`, 'EOPNOTSUPP'],
  [`${HEAD} mode l2encap.red segs fc00::2 dev mem0`, 'EOPNOTSUPP'],
  [`${HEAD} mode encap dev mem0`, 'EINVAL', 'segs missing'],
  [`${HEAD} mode encap segs fc00::2,,fc00::3 dev mem0`, 'EINVAL'],
  [`${HEAD} mode encap segs 10.0.0.1 dev mem0`, 'EINVAL'],
  [`${HEAD} mode encap segs ff02::1 dev mem0`, 'EINVAL'],
  [`${HEAD} mode encap segs ${Array.from({ length: 128 }, (_, n) => `fc00::${n + 1}`).join(',')} dev mem0`, 'EINVAL'],
  [`${HEAD} mode encap segs fc00::2`, 'ENODEV', 'No such device'],
  [`${HEAD} mode encap segs fc00::2 hmac x dev mem0`, 'EINVAL'],
  ...['::', '::1', 'ff02::1', '10.0.0.1'].map((tunsrc): readonly [string, string, string] => [
    `${HEAD} mode encap tunsrc ${tunsrc} segs fc00::2 dev mem0`,
    'EINVAL',
    'invalid tunsrc address',
  ]),
  ['ip -6 route add 2001:db8:9::/64 vrf vrf-300 dev mem0', 'EINVAL', 'argument "vrf-300" is wrong: Invalid VRF'],
  ['ip -6 route add 2001:db8:9::/64 via fd00::1 dev mem3', 'ENETUNREACH', 'fd00::1: Nexthop has invalid gateway'],
  ['ip -6 route del 2001:db8:9::/64', 'ESRCH', 'No such process'],
  ['ip sr tunsrc set ff02::1', 'EINVAL', 'invalid tunsrc address'],
  ['ip sr hmac set 0 sha1 x', 'EINVAL'],
  ['ip sr hmac set 1 md5 x', 'EINVAL'],
  ['ip sr hmac set 1 sha256', 'ENOENT', 'No such key'],
  [`ip sr hmac set 1 sha256 ${'x'.repeat(65)}`, 'EINVAL'],
];

describe('B55 B59 B60 B68 B72 what is refused', () => {
  for (const [line, code, message] of REFUSED) {
    test(`${line.slice(0, 100)} is ${code}`, async () => {
      if (line.includes('lo1')) await shared.command('ifconfig lo1 create').catch(() => {});
      await assert.rejects(shared.command(line), message === undefined ? { code } : { code, message });
    });
  }

  test('B59 in compat mode End has psp alone, and End.X none', async () => {
    const rig = await provider('sysctl srv6.compat=linux');
    await rig.command(`${LOCAL} action End flavors psp dev mem0`);
    for (const flavors of ['usp', 'usd', 'psp,usd']) {
      const line = `${LOCAL.replace('::1', '::2')} action End flavors ${flavors} dev mem0`;
      await assert.rejects(rig.command(line), { code: 'EOPNOTSUPP', message: FLAVORS });
    }
    const x = `${LOCAL.replace('::1', '::2')} action End.X nh6 fd00::1 flavors psp dev mem0`;
    await assert.rejects(rig.command(x), { code: 'EOPNOTSUPP', message: FLAVORS });
    await rig.command('sysctl srv6.compat=rfc', x);
  });

  test('what is not possible is refused in a file with its place', () => {
    assert.throws(() => readConfig('f', `ifconfig mem0 create up\n${LOCAL} action End.DT4 vrftable 7 dev mem0`), {
      message: 'f:2: Strict mode for VRF is disabled',
    });
    const two = 'ip link add a type vrf table 7\nip link add b type vrf table 7';
    assert.throws(() => readConfig('f', `${two}\nsysctl net.vrf.strict_mode=1`), { message: /^f:3: 1 table has/ });
    assert.throws(() => readConfig('f', `sysctl net.vrf.strict_mode=1\n${two}`), { message: /^f:3: Table is used/ });
  });
});

test('ip sr', async () => {
  const rig = await provider(
    'ip sr tunsrc set fc00::1',
    'ip sr hmac set 42 sha256 secret',
    'ip sr hmac set 0x7 sha1 a#b',
  );
  assert.equal(await rig.command('ip sr tunsrc show'), 'tunsrc addr fc00::1\n');
  assert.equal(
    await rig.command('ip sr hmac show'),
    'hmac 7 algo sha1 secret "a#b"\nhmac 42 algo sha256 secret "secret"\n',
  );
  await rig.command('ip sr hmac set 42 sha1 other', 'ip sr hmac set 7 sha1', 'ip sr tunsrc set ::');
  assert.equal(await rig.command('ip sr hmac show'), 'hmac 42 algo sha1 secret "other"\n');
  assert.equal(await rig.command('ip sr tunsrc show'), 'tunsrc addr ::\n');
});

test('B68 the source of the outer header: the route, the router, an address of the underlay, and without one no route', async () => {
  const rig = await provider('ip route add 10.9.0.0/24 vrf vrf-100 encap seg6 mode encap segs fc00::2 dev mem1');
  const source = (): string | undefined =>
    [...routesOf(rig.router.state).values()].flatMap((r) => r.hops).find((hop) => hop.encap !== undefined)?.encap
      ?.source;
  assert.equal(source(), 'fd00::2', "not a tenant's");
  await rig.command('ip sr tunsrc set fc00::1');
  assert.equal(source(), 'fc00::1');
  await rig.command(
    'ip route replace 10.9.0.0/24 vrf vrf-100 encap seg6 mode encap tunsrc fc00::7 segs fc00::2 dev mem1',
  );
  assert.equal(source(), 'fc00::7');
  await rig.command('ip route replace 10.9.0.0/24 vrf vrf-100 encap seg6 mode encap segs fc00::2 dev mem1');
  await rig.command('ip sr tunsrc set ::', 'ip addr del fd00::2/64 dev mem0');
  assert.equal(source(), undefined);
});

test("B69 the outer packet is looked up in table 0, by its rules too; else, or in compat first, in the route's own table", async () => {
  const rig = await provider(
    'ip route add 10.9.0.0/24 vrf vrf-100 encap seg6 mode encap segs fc00:21:100::6004 dev mem0',
    'ip route add unreachable default vrf vrf-100',
  );
  const underlay = (): number | undefined =>
    [...routesOf(rig.router.state).values()].flatMap((r) => r.hops).find((hop) => hop.encap !== undefined)?.encap
      ?.underlay;
  const is = async (table: number, ...lines: string[]): Promise<void> => {
    await rig.command(...lines);
    assert.equal(underlay(), table, lines.at(-1));
  };
  await is(0);
  await is(100, 'ip -6 route add fc00:21:100::6004/128 vrf vrf-100 via fd00::1 dev mem0');
  await is(0, 'ip -6 route add fc00:21::/32 via fd00::1');
  await is(100, 'sysctl srv6.compat=linux');
  await is(0, 'ip -6 route del fc00:21:100::6004/128 vrf vrf-100');
  await is(
    100,
    'ip -6 route add fc00:21:100::6004/128 vrf vrf-100 via fd00::1 dev mem0',
    'sysctl srv6.compat=rfc',
    'ip -6 route del fc00:21::/32',
  );
  await is(0, 'ip -6 route add fc00:21::/32 table 90 via fd00::1', 'ip -6 rule add to fc00::/16 lookup 90');
  await is(
    7,
    'ip route replace 10.9.0.0/24 vrf vrf-100 encap seg6 mode encap segs fc00:21:100::6004 lookup 7 dev mem0',
  );
});

describe('what happens to a SID', () => {
  const sid = (dev: string): string => `${LOCAL} action End.DT4 vrftable 100 dev ${dev}`;
  const shown = (rig: RoutedRig): Promise<string> => rig.command('ip -6 route show fc00::1');

  test('B24 on its VRF: it goes when that is deleted, and does not come back', async () => {
    const rig = await provider(sid('vrf-100'));
    await rig.command('ip link del vrf-100');
    assert.equal(await shown(rig), '');
    await rig.command('ip link add vrf-100 type vrf table 100', 'ip link set vrf-100 up');
    assert.equal(await shown(rig), '');
  });

  test('B24 on its VRF: it goes when that is set down, and does not come back', async () => {
    const rig = await provider(sid('vrf-100'));
    await rig.command('ip link set vrf-100 down');
    assert.equal(await shown(rig), '');
    await rig.command('ip link set vrf-100 up');
    assert.equal(await shown(rig), '');
  });

  test('B23 B25 on another device: it stays without its VRF, and one that comes later is another', async () => {
    const rig = await provider(sid('mem0'));
    const line = await shown(rig);
    const vrf = (): number => {
      const { heap } = rig.router.memory.views;
      const found = makeRoute6(heap)(0, 0xfc000000 | 0, 0, 0, 1);
      const record = makeNextHopRecord(heap)(heap[Control.NEXT_HOPS], found);
      assert.equal(heap[record + NextHop.KIND], NextHopKind.SID);
      return heap[record + NextHop.INTERFACE];
    };
    const before = vrf();
    assert.equal(before, rig.router.table.get('vrf-100').index);
    await rig.command('ip link del vrf-100');
    assert.equal(await shown(rig), line);
    assert.equal(vrf(), 0);
    await rig.command('ip link add vrf-100 type vrf table 100', 'ip link set vrf-100 up');
    assert.equal(vrf(), 0, 'the same name, table and index');
    await rig.command(sid('mem0').replace('add', 'replace'));
    assert.equal(vrf(), rig.router.table.get('vrf-100').index, 'made again');
  });

  test('a route whose device comes up later waits for it', async () => {
    const rig = await provider('ifconfig mem4 create', sid('mem4'));
    assert.equal(await shown(rig), '');
    await rig.command('ifconfig mem4 up');
    assert.match(await shown(rig), / dev mem4 /);
    await rig.command('ifconfig mem4 destroy');
    assert.equal(await shown(rig), '');
  });
});

test('what shows the configuration gives it again: unbound SIDs, strict mode off, two VRFs on a table', async () => {
  const rig = await provider(
    `${LOCAL} action End.DT4 vrftable 100 count dev mem0`,
    `${LOCAL.replace('::1', '::2')} action End.DT46 vrftable 200 dev vrf-200`,
    `${LOCAL.replace('::1', '::3')} action End.DT6 table 100 dev mem0`,
    'ip link del vrf-100',
    'sysctl net.vrf.strict_mode=0',
    'ip link add vrf-100 type vrf table 100',
    'ip link add vrf-201 type vrf table 200',
    'ip sr tunsrc set fc00::1',
    'ip sr hmac set 42 sha256 "a secret"',
    'sysctl net.ipv6.conf.mem0.seg6_require_hmac=-1',
    'sysctl net.ipv6.conf.mem0.seg6_enabled=1',
    'ip -6 rule add to fc00::/16 lookup 90 prio 999',
    `${HEAD} mode encap.red tunsrc fc00::3 segs fc00::1,fc00::2 hmac 42 lookup 90 dev mem0 metric 5`,
    'ip -6 route add fc00:21::/32 vrf vrf-200 via fd00::1 dev mem0',
    'ip route add prohibit 10.8.0.0/16 vrf vrf-200',
  );
  const lines = await rig.command('show running secrets');
  assert.match(lines, /vrftable 100 count unbound dev mem0/);
  assert.deepEqual(readConfig('running', lines), rig.router.state);
});
