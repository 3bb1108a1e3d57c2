/**
 * Zones of link-local IPv6 addresses (RFC 4007; spec B §5.3): each interface of a domain is a network fe80::/10 of its own, in words, in
 * what is shown, and for packets. Through two workers, main and memory ports.
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { ether, icmp, ipv6, mac, sum6 } from '../support/fake-stack.js';
import { RoutedRig } from '../support/routed-rig.js';

const SETUP = [
  'ifconfig mem0 create lladdr 02:00:00:00:00:a0 up',
  'ifconfig mem1 create lladdr 02:00:00:00:00:a1 up',
  'ifconfig mem0 inet6 2001:db8:1::1/64',
  'ifconfig mem0 inet6 fe80::1%mem0/64',
  'ifconfig mem1 inet6 2001:db8:2::1/64',
  'ifconfig mem1 inet6 fe80::1%mem1/64',
  'route add -inet6 2001:db8:a::/48 fe80::2%mem0',
  'route add -inet6 2001:db8:b::/48 fe80::2%mem1',
  'ip -6 route add 2001:db8:c::/48 nexthop via fe80::2 dev mem0 nexthop via fe80::2 dev mem1',
  'ip -6 route add 2001:db8:d::/48 via fe80::2 dev mem1',
];
const rig = await RoutedRig.start(SETUP);
after(() => rig.stop());
beforeEach(() => rig.forget());

const PORTS = ['mem0', 'mem1'] as const;
const STATION = { mem0: mac(8), mem1: mac(9) };

/** Has the port's host fe80::2 answer one echo request, and gives its link-layer destination; both hosts have the same address. */
async function answer(port: (typeof PORTS)[number], running: Promise<string>): Promise<string> {
  const over = running.then(() => true);
  for (;;) {
    await rig.settle();
    const request = rig.take(port).find((bytes) => bytes[20] === 58 && bytes[54] === 128);
    if (request !== undefined) {
      const body = Uint8Array.from(request.slice(54));
      body.set([129, 0, 0, 0]);
      const reply = ipv6('fe80::2', 'fe80::1', 58, sum6('fe80::2', 'fe80::1', 58, body));
      await rig.send(port, ether(rig.lladdr(port), STATION[port], 0x86dd, reply));
      return [...request.slice(0, 6)].join(':');
    }
    if (await Promise.race([over, new Promise<false>((done) => setTimeout(() => done(false), 20))])) return '';
  }
}

for (const port of PORTS) {
  test(`ping fe80::2%${port} asks the host of ${port}, and nobody on the other link`, async () => {
    await rig.command(
      `ndp -s fe80::2%${port} ${[...STATION[port]].map((b) => b.toString(16).padStart(2, '0')).join(':')}`,
    );
    const running = rig.command(`ping -c 1 fe80::2%${port}`);
    assert.equal(await answer(port, running), [...STATION[port]].join(':'));
    const output = await running;
    assert.match(output, new RegExp(`^64 bytes from fe80::2%${port}: icmp_seq=0 hlim=64 `, 'm'));
    assert.match(output, /1 packets received/);
    const other = port === 'mem0' ? 'mem1' : 'mem0';
    assert.deepEqual(
      rig.take(other).filter((bytes) => bytes[54] === 128),
      [],
    );
  });

  test(`fe80::1 is answered for on ${port} from ${port}`, async () => {
    const echo = sum6('fe80::2', 'fe80::1', 58, icmp(128, 0, 0x10001, new Uint8Array(8)));
    await rig.send(port, ether(rig.lladdr(port), STATION[port], 0x86dd, ipv6('fe80::2', 'fe80::1', 58, echo)));
    const replies = rig.take(port).filter((bytes) => bytes[54] === 129);
    assert.deepEqual(
      replies.map((bytes) => [...bytes.slice(0, 6)]),
      [[...STATION[port]]],
    );
  });
}

test('a gateway is on the link that its zone says', async () => {
  const to = (network: string, mark: number): Uint8Array => {
    const packet = ipv6('2001:db8:1::9', `2001:db8:${network}::7`, 17, new Uint8Array(16).fill(mark));
    return ether(rig.lladdr('mem0'), mac(7), 0x86dd, packet);
  };
  await rig.send('mem0', to('a', 1), to('b', 2), to('d', 3));
  const seen = (port: (typeof PORTS)[number]): number[][] =>
    rig
      .take(port)
      .filter((bytes) => bytes[20] === 17)
      .map((bytes) => [bytes[5] as number, bytes[54] as number]);
  assert.deepEqual(seen('mem0'), [[STATION.mem0[5], 1]]);
  assert.deepEqual(seen('mem1'), [
    [STATION.mem1[5], 2],
    [STATION.mem1[5], 3],
  ]);
});

test('neighbours are shown with their zones, and taken away by them', async () => {
  const table = await rig.command('ndp -a');
  assert.match(table, /^fe80::2%mem0 +02:00:00:00:00:08 +mem0 permanent/m);
  assert.match(table, /^fe80::2%mem1 +02:00:00:00:00:09 +mem1 permanent/m);
  await rig.command(
    'ip neigh add fe80::3 lladdr 02:00:00:00:00:33 dev mem1',
    'ip neigh add fe80::3 lladdr 02:00:00:00:00:34 dev mem0',
  );
  await rig.command('ndp -d fe80::3%mem1');
  assert.match(await rig.command('ip -6 neigh show dev mem0'), /^fe80::3 lladdr 02:00:00:00:00:34 PERMANENT/m);
  assert.doesNotMatch(await rig.command('ip -6 neigh show dev mem1'), /fe80::3/);
});

test('routes are shown with their zones', async () => {
  const table = await rig.command('route -n show -inet6');
  for (const port of PORTS) {
    assert.match(table, new RegExp(`^fe80::%${port}/64 +fe80::1%${port} +UCn +0 +0 +- +4 ${port}$`, 'm'));
    assert.match(table, new RegExp(`^fe80::1%${port} +02:00:00:00:00:a. +UHLl +0 +0 +- +1 ${port}$`, 'm'));
  }
  assert.match(table, /^2001:db8:b::\/48 +fe80::2%mem1 +UGS +0 +0 +- +8 mem1$/m);
  assert.match(await rig.command('route get fe80::9%mem1'), /interface: mem1\n if address: fe80::1%mem1\n/);
  const shown = await rig.command('ip -6 route show');
  for (const port of PORTS) assert.match(shown, new RegExp(`^fe80::/64 dev ${port} proto kernel metric 256`, 'm'));
  assert.match(shown, /^2001:db8:a::\/48 via fe80::2 dev mem0 metric 1024/m);
});

test('the configuration says it all again', async () => {
  const running = await rig.command('show running');
  for (const line of [
    'route -T 0 add -inet6 2001:db8:a::/48 fe80::2%mem0',
    'route -T 0 add -inet6 2001:db8:c::/48 fe80::2%mem0',
    'route -T 0 add -inet6 2001:db8:c::/48 fe80::2%mem1 -mpath',
    'ip -6 route add 2001:db8:d::/48 via fe80::2 dev mem1',
  ]) {
    assert.ok(running.split('\n').includes(line), line);
  }
  const again = await RoutedRig.start(running.trim().split('\n'));
  assert.equal(await again.command('show running'), running);
  await again.stop();
});

test('what does not say its link is refused, and so is a link that is not there', async () => {
  for (const [code, line] of [
    ['EINVAL', 'ping fe80::2'],
    ['ENETUNREACH', 'ping fe80::2%mem9'],
    ['EINVAL', 'ping 2001:db8:1::2%mem0'],
    ['EINVAL', 'route add -inet6 2001:db8:e::/48 fe80::2'],
    ['ENETUNREACH', 'route add -inet6 2001:db8:e::/48 fe80::2%mem9'],
    ['ENETUNREACH', 'ip -6 route add 2001:db8:e::/48 via fe80::2'],
    ['EINVAL', 'ndp -s fe80::5 02:00:00:00:00:05'],
    ['EINVAL', 'ifconfig mem0 inet6 fe80::7%mem1/64'],
  ] as const) {
    await assert.rejects(rig.command(line), { code }, line);
  }
});

test('a route goes with the last IPv6 address of its gateway’s link', async () => {
  await rig.command('ifconfig mem1 inet6 fe80::1 delete', 'ifconfig mem1 inet6 2001:db8:2::1 delete');
  const running = await rig.command('show running');
  assert.doesNotMatch(running, /2001:db8:b::/);
  assert.match(running, /2001:db8:c::\/48 fe80::2%mem0$/m);
});
