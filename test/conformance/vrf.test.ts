/**
 * VRFs as interfaces and as tables (spec B §1.5, §1.6; rows B33 to B43, B45): every refusal with its errno and its text, the strict-mode
 * script, ports that move with their routes. Two namespaces are two routers.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { RoutedRig } from '../support/routed-rig.js';

const rigs: RoutedRig[] = [];
after(() => Promise.all(rigs.map((rig) => rig.stop())));

async function router(...lines: string[]): Promise<RoutedRig> {
  const rig = await RoutedRig.start(lines, 1);
  rigs.push(rig);
  return rig;
}

/** `line` is refused with `code` and exactly that text, and leaves everything as it was. */
async function refused(rig: RoutedRig, line: string, code: string, message: string): Promise<void> {
  const before = await rig.command('show running');
  await assert.rejects(rig.command(line), { code, message }, line);
  assert.equal(await rig.command('show running'), before, line);
}

const SID = 'ip -6 route add fc00:12:100::6004 table 90 encap seg6local action End.DT4 vrftable 100 dev mem0';
const DISABLED = 'Strict mode for VRF is disabled';

describe('strict mode and SIDs', () => {
  test('B33 strict mode is off by default, and an End.DT4 SID is then refused', async () => {
    const rig = await router('ifconfig mem0 create up');
    assert.equal(await rig.command('sysctl net.vrf.strict_mode'), 'net.vrf.strict_mode=0\n');
    await refused(rig, SID, 'EPERM', DISABLED);
  });

  test('B34 a table without a VRF: ENODEV', async () => {
    const rig = await router('ifconfig mem0 create up', 'sysctl net.vrf.strict_mode=1');
    await refused(rig, SID, 'ENODEV', 'Table has no associated VRF device');
  });

  test('B35 with strict mode off a single VRF on the table is not enough', async () => {
    const rig = await router('ifconfig mem0 create up', 'ip link add vrf-100 type vrf table 100');
    await refused(rig, SID, 'EPERM', DISABLED);
    await rig.command('sysctl -wq net.vrf.strict_mode=1', SID);
  });

  test('B36 B37 a shared table keeps strict mode off, and a third VRF on it is no other one', async () => {
    const rig = await router(
      'ip link add vrf-100 type vrf table 100',
      'ip link add vrf-101 type vrf table 100',
      'ip link add vrf-102 type vrf table 100',
    );
    const on = 'sysctl -w net.vrf.strict_mode=1';
    await refused(rig, on, 'EBUSY', '1 table has several VRFs');
    assert.equal(await rig.command('sysctl net.vrf.strict_mode'), 'net.vrf.strict_mode=0\n');
    await rig.command('ip link del vrf-101');
    await refused(rig, on, 'EBUSY', '1 table has several VRFs');
    await rig.command('ip link del vrf-100', on);
    assert.equal(await rig.command('sysctl net.vrf.strict_mode'), 'net.vrf.strict_mode=1\n');
  });

  test('B38 with strict mode a second VRF on a table is refused and leaves no interface behind', async () => {
    const rig = await router('sysctl net.vrf.strict_mode=1', 'ip link add vrf-100 type vrf table 100');
    await refused(rig, 'ip link add vrf-101 type vrf table 100', 'EBUSY', 'Table is used by another VRF');
    assert.equal(rig.router.table.find('vrf-101'), undefined);
    await rig.command('ip link add vrf-101 type vrf table 101');
  });

  test('B39 the same value again, and off, are always taken; other values are not', async () => {
    const rig = await router('ip link add vrf-100 type vrf table 100');
    const set = (value: string): Promise<string> => rig.command(`sysctl net.vrf.strict_mode=${value}`);
    for (const value of ['0', '1', '1', '0', '0']) await set(value);
    await rig.command('ip link add vrf-101 type vrf table 100');
    await set('0');
    for (const value of ['2', '-1', 'on', '']) await assert.rejects(set(value), { code: 'EINVAL' });
  });

  test('B41 SIDs that are there keep working when strict mode goes off and another VRF takes the table', async () => {
    const rig = await router(
      'ifconfig mem0 create up',
      'sysctl net.vrf.strict_mode=1',
      'ip link add vrf-100 type vrf table 100',
      SID,
      'sysctl net.vrf.strict_mode=0',
      'ip link add vrf-101 type vrf table 100',
    );
    const [route] = rig.router.state.routes;
    assert.equal(route?.sid?.vrf, 'vrf-100');
    assert.match(await rig.command('ip -6 route show table 90'), /vrftable 100 dev mem0/);
  });

  test('B45 End.DT4 table N is vrftable N', async () => {
    const rig = await router('ifconfig mem0 create up', 'sysctl net.vrf.strict_mode=1');
    await rig.command('ip link add vrf-100 type vrf table 100', SID.replace('vrftable', 'table'));
    assert.equal(
      await rig.command('ip -6 route show table 90'),
      'fc00:12:100::6004  encap seg6local action End.DT4 vrftable 100 dev mem0 metric 1024 pref medium\n',
    );
    await refused(rig, SID.replace('vrftable 100', 'table 101'), 'ENODEV', 'Table has no associated VRF device');
  });
});

test('B40 the strict-mode script, in two routers that know nothing of each other', async () => {
  const [one, two] = [await router(), await router()];
  const ok = (rig: RoutedRig, line: string): Promise<string> => rig.command(line);
  const fails = (rig: RoutedRig, line: string): Promise<void> => assert.rejects(rig.command(line), { code: 'EBUSY' });
  const vrf = (name: number, table: number): string => `ip link add vrf${name} type vrf table ${table}`;
  const strict = (value: number): string => `sysctl -w net.vrf.strict_mode=${value}`;
  const reads = async (rig: RoutedRig, value: number): Promise<void> =>
    assert.equal(await rig.command('sysctl net.vrf.strict_mode'), `net.vrf.strict_mode=${value}\n`);

  await reads(one, 0);
  await ok(one, vrf(100, 100));
  await ok(one, strict(1));
  await fails(one, vrf(101, 100));
  await ok(one, strict(0));
  await ok(one, vrf(101, 100));
  await fails(one, strict(1));
  await ok(one, 'ip link del vrf101');
  await ok(one, strict(1));
  await ok(one, vrf(102, 102));

  await ok(two, strict(1));
  await ok(two, vrf(100, 100));
  await fails(two, vrf(101, 100));
  await fails(two, vrf(102, 100));
  await ok(two, vrf(200, 200));
  await ok(two, strict(0));
  await ok(two, vrf(101, 100));
  await ok(two, vrf(102, 100));
  await reads(one, 1);
  for (const value of [1, 1, 0, 0]) await ok(one, strict(value));
});

describe('VRFs as interfaces', () => {
  test('B42 a VRF needs a table, and table 0 is none', async () => {
    const rig = await router();
    await refused(rig, 'ip link add vrf-100 type vrf', 'EINVAL', 'VRF table id is missing');
    await refused(rig, 'ip link add vrf-100 type vrf table 0', 'EINVAL', 'Invalid VRF table id');
    for (const table of ['253', '254', '255', '4096', 'red', '-1']) {
      await refused(rig, `ip link add vrf-100 type vrf table ${table}`, 'EINVAL', 'Invalid VRF table id');
    }
    await rig.command('ip link add vrf-100 type vrf table 4095');
    await refused(rig, 'ip link add vrf-100 type vrf table 7', 'EEXIST', 'File exists');
    await refused(rig, 'ip link add tap7 type vrf table 7', 'EINVAL', '"tap7" is the name of a tap');
    await refused(
      rig,
      'ip link add a-name-of-16-chars type vrf table 7',
      'EINVAL',
      '"a-name-of-16-chars" not a valid ifname',
    );
    await refused(rig, 'ip link del vrf-101', 'ENODEV', 'Cannot find device "vrf-101"');
  });

  test('B43 who cannot be a port of a VRF', async () => {
    const rig = await router(
      ...['ifconfig mem0 create', 'ifconfig mem1 create', 'ifconfig lo1 create', 'ifconfig veb0 create add mem1'],
      ...['ip link add red type vrf table 100', 'ip link add blue type vrf table 200', 'ip link set mem0 master red'],
    );
    const lo = 'Can not enslave loopback device to a VRF';
    await refused(rig, 'ip link set lo1 master red', 'EOPNOTSUPP', lo);
    await refused(rig, 'ip link set blue master red', 'EINVAL', 'Can not enslave an L3 master device to a VRF');
    await refused(rig, 'ip link set mem0 master blue', 'EINVAL', 'mem0: enslaved to red already');
    await refused(rig, 'ip link set mem1 master blue', 'EBUSY', 'mem1: a port of veb0');
    await refused(rig, 'ip link set mem0 master green', 'ENODEV', 'Cannot find device "green"');
    await refused(rig, 'ifconfig red rdomain 5', 'EPERM', 'red: its table is its domain');
    await rig.command('ip link set mem0 master red');
  });

  test('B43 a port takes its addresses and connected routes with it, and back', async () => {
    const rig = await router(
      'ifconfig mem0 create 10.0.0.254/24 inet6 2001:db8::1/64 up',
      'ip link add vrf-100 type vrf table 100',
      'ip link set vrf-100 up',
    );
    const own = '10.0.0.0/24 dev mem0 proto kernel scope link src 10.0.0.254 \n';
    assert.equal(await rig.command('ip route show'), own);
    await rig.command('ip link set mem0 master vrf-100');
    assert.equal(await rig.command('ip route show'), '');
    assert.equal(await rig.command('ip route show vrf vrf-100'), own);
    assert.match(await rig.command('ip -6 route show table 100'), /^2001:db8::\/64 dev mem0 /);
    assert.match(await rig.command('ifconfig mem0'), / rdomain 100 /);
    assert.match(await rig.command('ip link show master vrf-100'), /^\d+: mem0: .* master vrf-100 /);
    await rig.command('ip link set mem0 nomaster');
    assert.equal(await rig.command('ip route show'), own);
    await rig.command('ip link set mem0 vrf vrf-100', 'ip link del vrf-100');
    assert.equal(await rig.command('ip route show'), own, 'a VRF that goes lets its ports go');
  });

  test('what a VRF is, in both tongues', async () => {
    const rig = await router('ip link add vrf-100 type vrf table 100', 'ifconfig mem0 create');
    assert.equal(await rig.command('ip vrf show'), vrfs(['vrf-100', 100]));
    assert.equal(await rig.command('ip vrf show vrf-100'), 'vrf-100 100\n');
    await assert.rejects(rig.command('ip vrf show mem0'), { code: 'ENODEV', message: 'Invalid VRF' });
    const { lladdr, generated, index } = rig.router.table.get('vrf-100');
    assert.equal(lladdr, generated);
    await rig.command('ip link set mem0 master vrf-100', 'ip link set vrf-100 up');
    assert.equal(
      await rig.command('ip -d link show type vrf'),
      `${index}: vrf-100: <NOARP,MASTER,UP,LOWER_UP> mtu 65575 qdisc noqueue state UP mode DEFAULT group default
    link/ether ${lladdr} brd ff:ff:ff:ff:ff:ff
    vrf table 100${' '}
`,
    );
    assert.match(await rig.command('ip -d link show vrf vrf-100'), /\n {4}vrf_slave table 100 \n$/);
    const [described] = JSON.parse(await rig.command('ip -d -json link show vrf-100')) as [{ linkinfo: object }];
    assert.deepEqual(described.linkinfo, { info_kind: 'vrf', info_data: { table: 100 } });
    assert.match(
      await rig.command('ifconfig vrf-100'),
      /^vrf-100: flags=\S+<UP,RUNNING,SIMPLEX> rdomain 100 mtu 65575\n/,
    );
    await refused(rig, 'ip link set vrf-100 mtu 1279', 'EINVAL', 'mtu 1279 is not between 1280 and 65575');
    await refused(rig, 'ip link set vrf-100 mtu 65576', 'EINVAL', 'mtu 65576 is not between 1280 and 65575');
    await rig.command('ip link set vrf-100 mtu 1280 address 02:00:00:00:00:09', 'ip link add x.y_z type vrf table 9');
    assert.equal(await rig.command('ip vrf'), vrfs(['vrf-100', 100], ['x.y_z', 9]));
    await rig.command('ip link del vrf-100', 'ip link delete x.y_z type vrf');
    assert.equal(await rig.command('ip vrf show'), `${vrfs()}No VRF has been configured\n`);
  });

  test('the rule of VRFs is there as long as a VRF is', async () => {
    const rig = await router('ip link add vrf-100 type vrf table 100');
    assert.match(await rig.command('ip -6 rule show'), /^1000:\tfrom all lookup \[l3mdev-table\]$/m);
    await rig.command('ip link del vrf-100');
    assert.doesNotMatch(await rig.command('ip rule'), /l3mdev/);
  });
});

function vrfs(...rows: readonly (readonly [string, number])[]): string {
  const lines = rows.map(([name, table]) => `${name.padEnd(16)}  ${String(table).padStart(5)}\n`);
  return `Name              Table\n-----------------------\n${lines.join('')}`;
}
