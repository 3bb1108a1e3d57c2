/**
 * Policy rules (spec B §1.2 item 1, §4.1; rows.md): packets input in table 0 whose destination is in a rule's network are looked up in
 * its table first. Exact frames through two workers, main and memory ports.
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { ether, ipv4, ipv6, mac } from '../support/fake-stack.js';
import { RoutedRig } from '../support/routed-rig.js';

const rig = await RoutedRig.start([
  'ifconfig mem0 create 10.0.1.1/24 inet6 2001:db8:1::1/64 up',
  'ifconfig mem1 create 10.0.2.1/24 inet6 2001:db8:2::1/64 up',
  'ifconfig mem2 create 10.0.3.1/24 inet6 2001:db8:3::1/64 up',
  'ifconfig mem3 create rdomain 5 inet6 2001:db8:1::1/64 up',
  'route add -inet6 fc00::/16 2001:db8:2::9',
  'route add -inet 10.9.0.0/16 10.0.2.9',
  'route -T 5 add -inet6 default 2001:db8:1::9',
  'ip -6 route add fc00:12::/32 table 90 via 2001:db8:3::9',
  'ip -6 route add 2001:db8::/32 table 91 via 2001:db8:3::9',
  'ip -4 route add 10.9.1.0/24 table 90 via 10.0.3.9',
  'ip -4 route add blackhole 10.9.2.0/24 table 90',
]);
for (const [port, network] of [
  ['mem1', 2],
  ['mem2', 3],
] as const) {
  rig.neighbour(port, `10.0.${network}.9`, mac(9));
  rig.neighbour(port, `2001:db8:${network}::9`, mac(9));
}
rig.neighbour('mem0', '2001:db8:1::9', mac(9));
rig.neighbour('mem3', '2001:db8:1::9', mac(9));
after(() => rig.stop());
beforeEach(() => rig.forget());

const v6 = (to: string, port = 'mem0'): Uint8Array =>
  ether(rig.lladdr(port), mac(9), 0x86dd, ipv6('2001:db8:1::9', to, 59, new Uint8Array(0)));
const v4 = (to: string): Uint8Array =>
  ether(rig.lladdr('mem0'), mac(9), 0x0800, ipv4('10.0.1.9', to, 253, new Uint8Array(8)));

/** The ports that a frame sent into `from` leaves by. */
async function leavesBy(frame: Uint8Array, from = 'mem0'): Promise<string[]> {
  rig.forget();
  await rig.send(from, frame);
  return ['mem0', 'mem1', 'mem2', 'mem3'].filter((port) => rig.take(port).length > 0);
}

test('without a rule nobody asks another table', async () => {
  assert.deepEqual(await leavesBy(v6('fc00:12::1')), ['mem1']);
  assert.deepEqual(await leavesBy(v4('10.9.1.1')), ['mem1']);
});

test('a rule has its table asked first, and what that misses goes by table 0', async () => {
  await rig.command('ip -6 rule add to fc00::/16 lookup 90 prio 999', 'ip rule add to 10.9.0.0/16 lookup 90');
  assert.deepEqual(await leavesBy(v6('fc00:12::1')), ['mem2']);
  assert.deepEqual(await leavesBy(v6('fc00:13::1')), ['mem1'], 'a miss');
  assert.deepEqual(await leavesBy(v4('10.9.1.1')), ['mem2']);
  assert.deepEqual(await leavesBy(v4('10.9.3.1')), ['mem1'], 'a miss');
  assert.deepEqual(await leavesBy(v4('10.9.2.1')), [], 'a route that says no is a route');
});

test('rules are for packets input in table 0 alone', async () => {
  assert.deepEqual(await leavesBy(v6('fc00:12::1', 'mem3'), 'mem3'), ['mem3']);
});

test('our own addresses come before any rule, also those that come later', async () => {
  await rig.command('ip -6 rule add to 2001:db8::/32 lookup 91 prio 5');
  const own = rig.router.books().totals.consumed;
  assert.deepEqual(await leavesBy(v6('2001:db8:2::1')), []);
  assert.ok(rig.router.books().totals.consumed > own, 'it is for us');
  assert.deepEqual(await leavesBy(v6('2001:db8:2::77')), ['mem2'], 'a neighbour is not us');
  assert.deepEqual(await leavesBy(v6('2001:db8:77::1')), ['mem2']);
  await rig.command('ip addr add 2001:db8:77::1/128 dev mem1');
  await rig.usable();
  assert.deepEqual(await leavesBy(v6('2001:db8:77::1')), []);
  await rig.command('ip -6 rule del to 2001:db8::/32 lookup 91');
});

test('the first rule that knows a route decides', async () => {
  await rig.command(
    'ip -6 route add fc00:12:7::/48 table 92 via 2001:db8:2::9',
    'ip -6 rule add to fc00:12::/32 lookup 92 prio 998',
  );
  assert.deepEqual(await leavesBy(v6('fc00:12:7::1')), ['mem1']);
  assert.deepEqual(await leavesBy(v6('fc00:12:8::1')), ['mem2']);
  await rig.command('ip -6 rule del prio 998');
  assert.deepEqual(await leavesBy(v6('fc00:12:7::1')), ['mem2']);
});

test('B16 VRFs that come and go while they fall through; what has no VRF never does', async () => {
  await rig.command('sysctl net.vrf.fallthrough=1', 'ip link add vrf-7 type vrf table 7');
  await rig.command('ifconfig vrf-7 up', 'ifconfig mem4 create 10.0.7.1/24 inet6 2001:db8:7::1/64 up');
  await rig.command('ip link set mem4 master vrf-7');
  await rig.usable();
  const six = (): Uint8Array => v6('fc00:7::1', 'mem4');
  assert.deepEqual(await leavesBy(six(), 'mem4'), ['mem1']);
  assert.deepEqual(await leavesBy(v6('2001:db8:2::9', 'mem3'), 'mem3'), ['mem3'], 'a domain without a VRF');
  assert.deepEqual(await leavesBy(v6('fc00:12::1', 'mem4'), 'mem4'), ['mem1'], 'rules are of table 0 alone');
  await rig.command('ip link del vrf-7');
  await rig.usable();
  assert.deepEqual(await leavesBy(six(), 'mem4'), ['mem1'], 'mem4 is in table 0 now');
  await rig.command('ifconfig mem4 destroy', 'ifconfig mem4 create rdomain 7 inet6 2001:db8:7::1/64 up');
  await rig.usable();
  assert.deepEqual(await leavesBy(six(), 'mem4'), []);
  await rig.command('sysctl net.vrf.fallthrough=0', 'ifconfig mem4 destroy');
});

test('a rule that is deleted is not asked', async () => {
  await rig.command('ip -6 rule del to fc00::/16');
  assert.deepEqual(await leavesBy(v6('fc00:12::1')), ['mem1']);
});
