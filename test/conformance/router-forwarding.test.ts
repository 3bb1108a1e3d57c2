/**
 * What an IP router does with the packets of others (spec B §5.2 to §5.4, rows B75 to B79, B83): exact bytes through two workers, main
 * and memory ports.
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ether, type Fields4, icmp, ipv4, ipv6, mac, sum6 } from '../support/fake-stack.js';
import { naiveChecksum, readIpv4, readIpv6 } from '../support/naive-ip.js';
import { RoutedRig } from '../support/routed-rig.js';

const LIMITS = ['net.inet.icmp.errppslimit', 'net.inet6.icmp6.errppslimit'] as const;
const limits = (rate: number): string[] => LIMITS.map((name) => `sysctl ${name}=${rate}`);
const rig = await RoutedRig.start([
  ...limits(-1),
  'ifconfig mem0 create 10.0.1.1/24 up',
  'ifconfig mem1 create 10.0.2.1/24 up',
  'ifconfig mem2 create mtu 1280 10.0.3.1/24 up',
  'ifconfig mem3 create rdomain 5 10.0.1.1/24 up',
  'ifconfig mem4 create rdomain 5 10.0.2.1/24 up',
  'ifconfig mem0 inet6 2001:db8:1::1/64',
  'ifconfig mem1 inet6 2001:db8:2::1/64',
  'ifconfig mem2 inet6 2001:db8:3::1/64',
  'route add -inet 10.9.0.0/16 10.0.2.9',
  'route add -inet 10.8.0.0/16 10.0.2.9',
  'route add -inet 10.8.0.0/16 10.0.3.9 -mpath',
  'route add -inet6 2001:db8:8::/48 2001:db8:2::9',
  'route add -inet6 2001:db8:8::/48 2001:db8:3::9 -mpath',
  'route add -inet 10.66.0.0/16 -reject',
  'route add -inet 10.67.0.0/16 -blackhole',
  'route add -inet6 2001:db8:66::/48 -reject',
  'route add -inet6 2001:db8:67::/48 -blackhole',
  'route add -inet 10.77.0.0/16 10.0.1.7',
]);
for (const [port, network] of [
  ['mem0', 1],
  ['mem1', 2],
  ['mem2', 3],
] as const) {
  rig.neighbour(port, `10.0.${network}.9`, mac(9));
  rig.neighbour(port, `2001:db8:${network}::9`, mac(9));
}
rig.neighbour('mem0', '10.0.1.7', mac(7));
rig.neighbour('mem3', '10.0.1.9', mac(9));
rig.neighbour('mem4', '10.0.2.9', mac(9));
after(() => rig.stop());
beforeEach(() => rig.forget());

const US = rig.lladdr('mem0');
const GROUP = new Uint8Array(6).fill(255);
const udp = (size: number, sport = 7, dport = 7): Uint8Array => {
  const bytes = new Uint8Array(size).map((_, k) => k * 7);
  bytes.set([sport >> 8, sport & 255, dport >> 8, dport & 255, size >> 8, size & 255, 0, 0]);
  return bytes;
};
const v4 = (to: string, size = 16, fields: Fields4 = {}, source = '10.0.1.9'): Uint8Array =>
  ether(US, mac(9), 0x0800, ipv4(source, to, 17, udp(size), fields));
const v6 = (to: string, size = 16, hops = 64, source = '2001:db8:1::9'): Uint8Array =>
  ether(US, mac(9), 0x86dd, ipv6(source, to, 17, udp(size), hops));
/** The same frame to another destination, as a broadcast has it. */
const asGroup = (frame: Uint8Array): Uint8Array => Uint8Array.from([...GROUP, ...frame.slice(6)]);

/** Type, code and the word behind the checksum of the only packet that the host on mem0 got; its checksum is right. */
function error(port = 'mem0'): readonly [number, number, number] {
  const [one, ...more] = rig.take(port);
  assert.ok(one !== undefined && more.length === 0, 'one error');
  const six = one[12] === 0x86;
  const message = (six ? readIpv6 : readIpv4)(one.slice(14)).payload;
  if (!six) assert.equal(naiveChecksum(message), 0);
  return [message[0], message[1], new DataView(message.buffer, message.byteOffset).getUint32(4)];
}

function silent(): void {
  for (const port of ['mem0', 'mem1', 'mem2']) assert.equal(rig.take(port).length, 0, `${port} has something`);
}

/** Frames that leave by mem1 for the host there. */
function sentOn(): Uint8Array[] {
  return rig.take('mem1').map((bytes) => {
    assert.deepEqual(bytes.slice(0, 12), Uint8Array.from([...mac(9), ...rig.lladdr('mem1')]));
    return bytes.slice(14);
  });
}

test('B75 a packet goes on with its TTL less one, the checksum to match, and all else as it was', async () => {
  await rig.send('mem0', v4('10.9.1.2', 32, { ttl: 2, id: 0xabcd, df: true }), v6('2001:db8:2::9', 32, 2));
  assert.deepEqual(sentOn(), [
    ipv4('10.0.1.9', '10.9.1.2', 17, udp(32), { ttl: 1, id: 0xabcd, df: true }),
    ipv6('2001:db8:1::9', '2001:db8:2::9', 17, udp(32), 1),
  ]);
});

test('B75 unicast IP in a broadcast frame is not forwarded and makes no error', async () => {
  const frames = [v4('10.9.1.2'), v4('10.99.0.1'), v4('10.9.1.2', 16, { ttl: 1 }), v6('2001:db8:2::9')].map(asGroup);
  const dropped = await rig.dropsOf(() => rig.send('mem0', ...frames));
  assert.deepEqual(dropped, { 'l2-broadcast': 4 });
  silent();
});

test('B75 a directed broadcast is not forwarded; an echo to the one of its own net is not answered by an error', async () => {
  const dropped = await rig.dropsOf(() => rig.send('mem0', v4('10.0.2.255'), v4('10.0.3.255')));
  assert.deepEqual(dropped, { 'directed-broadcast': 2 });
  silent();
  await rig.send('mem0', asGroup(v4('10.0.1.255')), v4('255.255.255.255'));
  silent();
});

test('B75 forwarding that is off stops the packets of others alone', async () => {
  await rig.command('sysctl net.inet.ip.forwarding=0', 'sysctl net.inet6.ip6.forwarding=0');
  const dropped = await rig.dropsOf(() => rig.send('mem0', v4('10.9.1.2'), v6('2001:db8:2::9')));
  assert.deepEqual(dropped, { 'forwarding-off': 2 });
  silent();
  await rig.send('mem0', ether(US, mac(9), 0x0800, ipv4('10.0.1.9', '10.0.1.1', 1, icmp(8, 0, 1))));
  assert.deepEqual(error(), [0, 0, 1]);
  await rig.command('sysctl net.inet.ip.forwarding=1', 'sysctl net.inet6.ip6.forwarding=1');
});

test('B76 a packet whose TTL is used up gets time exceeded, also where it is too long as well', async () => {
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', v4('10.9.1.2', 16, { ttl: 1 }))), { ttl: 1 });
  assert.deepEqual(error(), [11, 0, 0]);
  await rig.send('mem0', v6('2001:db8:2::9', 16, 1));
  assert.deepEqual(error(), [3, 0, 0]);
  await rig.send('mem0', v4('10.0.3.9', 1400, { ttl: 1, df: true }));
  assert.deepEqual(error(), [11, 0, 0]);
  await rig.send('mem0', v6('2001:db8:3::9', 1400, 1));
  assert.deepEqual(error(), [3, 0, 0]);
});

test('B76 an error quotes the packet, comes from the ingress, and goes to its source', async () => {
  const frame = v4('10.9.1.2', 900, { ttl: 1, id: 0x1234 });
  await rig.send('mem0', frame);
  const [bytes] = rig.take('mem0');
  assert.deepEqual(bytes.slice(0, 14), Uint8Array.from([...mac(9), ...US, 8, 0]));
  const packet = readIpv4(bytes.slice(14));
  assert.deepEqual(
    [packet.source, packet.destination, packet.tos],
    [Uint8Array.of(10, 0, 1, 1), Uint8Array.of(10, 0, 1, 9), 0xc0],
  );
  assert.equal(bytes.length - 14, 576);
  assert.deepEqual(packet.payload.slice(8), frame.slice(14, 14 + 576 - 28));
});

test('B76 no error about errors, later fragments, and sources that are nobody', async () => {
  const quoted = ipv4('10.9.1.2', '10.0.1.9', 17, udp(8));
  const errorTypes = [3, 4, 5, 11, 12, 200].map((type) =>
    ether(US, mac(9), 0x0800, ipv4('10.0.1.9', '10.9.1.2', 1, icmp(type, 0, 0, quoted), { ttl: 1 })),
  );
  const later = v4('10.9.1.2', 16, { ttl: 1, offset: 8 });
  const [from, to] = ['2001:db8:1::9', '2001:db8:2::9'];
  const quoted6 = ipv6(to, from, 17, udp(8));
  const errors6 = [1, 2, 3, 4, 100].map((type) =>
    ether(US, mac(9), 0x86dd, ipv6(from, to, 58, sum6(from, to, 58, icmp(type, 0, 0, quoted6)), 1)),
  );
  const dropped = await rig.dropsOf(() => rig.send('mem0', ...errorTypes, later, ...errors6));
  assert.deepEqual(dropped, { ttl: 12 });
  silent();
  // A query gets one, and so does a first fragment.
  await rig.send('mem0', ether(US, mac(9), 0x0800, ipv4('10.0.1.9', '10.9.1.2', 1, icmp(8, 0, 1), { ttl: 1 })));
  assert.deepEqual(error(), [11, 0, 0]);
  await rig.send('mem0', v4('10.9.1.2', 16, { ttl: 1, mf: true }));
  assert.deepEqual(error(), [11, 0, 0]);
});

test('B74 an unknown hop-by-hop option of a packet for others is skipped, or says what becomes of the packet', async () => {
  const options = (type: number): Uint8Array =>
    ipv6('2001:db8:1::9', '2001:db8:2::9', 0, Uint8Array.from([17, 0, type, 4, 0, 0, 0, 0, ...udp(16)]));
  const sent = (type: number) => () => rig.send('mem0', ether(US, mac(9), 0x86dd, options(type)));
  assert.deepEqual(await rig.dropsOf(sent(0x1e)), {});
  assert.equal(sentOn().length, 1);
  for (const type of [0x9e, 0xde]) {
    assert.deepEqual(await rig.dropsOf(sent(type)), { 'ip6-option': 1 });
    assert.deepEqual(error(), [4, 2, 42]);
    assert.equal(rig.take('mem1').length, 0);
  }
});

test('B77 errors to one destination: a burst of six, and no more within the second', async () => {
  await rig.command(...limits(1000));
  const dead = Array.from({ length: 20 }, () => v4('10.9.1.2', 16, { ttl: 1 }));
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', ...dead)), { ttl: 20 });
  assert.equal(rig.take('mem0').length, 6);
  await rig.send('mem0', ...Array.from({ length: 20 }, () => v6('2001:db8:2::9', 16, 1)));
  assert.equal(rig.take('mem0').length, 6);
});

test('B77 errors to all together: errppslimit, -1 is no limit and 0 none', async () => {
  const many = Array.from({ length: 200 }, (_, k) => v4('10.9.1.2', 16, { ttl: 1 }, `10.0.1.${k + 20}`));
  for (let k = 0; k < 200; k++) rig.neighbour('mem0', `10.0.1.${k + 20}`, mac(9));
  await rig.command(...limits(20));
  await rig.send('mem0', ...many);
  // A burst of 20, each of which costs a random 0 to 2, and what the time adds.
  const some = rig.take('mem0').length;
  assert.ok(some >= 10 && some < 150, `${some} of 200`);
  await rig.command(...limits(0));
  await rig.send('mem0', ...many);
  silent();
  await rig.command(...limits(-1));
  await rig.send('mem0', ...many);
  assert.equal(rig.take('mem0').length, 200);
});

test('B77 fragmentation needed and packet too big are outside these limits', async () => {
  await rig.command(...limits(0));
  await rig.send('mem0', ...Array.from({ length: 20 }, () => v4('10.0.3.9', 1400, { df: true })));
  assert.equal(rig.take('mem0').length, 20);
  await rig.send('mem0', ...Array.from({ length: 20 }, () => v6('2001:db8:3::9', 1400)));
  assert.equal(rig.take('mem0').length, 20);
  await rig.command(...limits(-1));
});

test('B78 a long packet with DF gets 3/4 with the MTU of the next hop; IPv6 gets packet too big', async () => {
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', v4('10.0.3.9', 1261, { df: true }))), { 'too-big': 1 });
  assert.deepEqual(error(), [3, 4, 1280]);
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', v6('2001:db8:3::9', 1241))), { 'too-big': 1 });
  assert.deepEqual(error(), [2, 0, 1280]);
  // One byte less fits.
  await rig.send('mem0', v4('10.0.3.9', 1260, { df: true }), v6('2001:db8:3::9', 1240));
  assert.equal(rig.take('mem2').length, 2);
});

test('B78 a long packet without DF is cut; its parts have the data, the offsets, the id and the right checksums', async () => {
  await rig.send(
    'mem0',
    v4('10.0.3.9', 1480, { id: 0x4242, ttl: 9 }),
    v4('10.0.3.9', 1472, { mf: true, offset: 1480 }),
  );
  const parts = rig.take('mem2').map((bytes) => readIpv4(bytes.slice(14)));
  assert.deepEqual(
    parts.map((p) => [p.id, p.fragmentOffset, p.mf, p.ttl, p.payload.length]),
    [
      [0x4242, 0, true, 8, 1256],
      [0x4242, 1256, false, 8, 224],
      [7, 1480, true, 63, 1256],
      [7, 1480 + 1256, true, 63, 216],
    ],
  );
  assert.deepEqual(Buffer.concat([parts[0].payload, parts[1].payload]), Buffer.from(udp(1480)));
});

test('B78 options go into later fragments only where they say so', async () => {
  // Record route is not copied, a security option (130) is; two no-ops make up the length.
  const options = Uint8Array.of(7, 3, 4, 1, 130, 3, 0, 1);
  await rig.send('mem0', v4('10.0.3.9', 1480, { options }));
  const [first, second] = rig.take('mem2').map((bytes) => readIpv4(bytes.slice(14)));
  assert.deepEqual([...first.options], [...options]);
  assert.deepEqual([...second.options].slice(0, 3), [130, 3, 0]);
  assert.deepEqual(Buffer.concat([first.payload, second.payload]), Buffer.from(udp(1480)));
});

test('B79 a redirect goes to an on-link sender whose next hop is on its own link; the packet still goes on', async () => {
  await rig.send('mem0', v4('10.77.1.1'));
  const [redirect, on, ...more] = rig.take('mem0').sort((a, b) => b.length - a.length);
  assert.equal(more.length, 0, 'it goes on once');
  assert.deepEqual([...redirect.slice(34, 36), ...redirect.slice(38, 42)], [5, 1, 10, 0, 1, 7]);
  assert.deepEqual([...on.slice(0, 6)], [...mac(7)]);
  // Within the second no second one, none to a sender from afar, none for another link.
  await rig.send('mem0', v4('10.77.1.1'), v4('10.77.1.2', 16, {}, '10.200.0.1'), v4('10.9.1.2'));
  assert.deepEqual([rig.take('mem0').length, rig.take('mem1').length], [2, 1]);
});

test('B77 reject says host unreachable, blackhole nothing, and no route net unreachable', async () => {
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', v4('10.66.1.1'))), { reject: 1 });
  assert.deepEqual(error(), [3, 1, 0]);
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', v6('2001:db8:66::1'))), { reject: 1 });
  assert.deepEqual(error(), [1, 6, 0]);
  const holes = await rig.dropsOf(() => rig.send('mem0', v4('10.67.1.1'), v6('2001:db8:67::1')));
  assert.deepEqual(holes, { blackhole: 2 });
  silent();
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', v4('172.16.0.1'))), { 'no-route': 1 });
  assert.deepEqual(error(), [3, 0, 0]);
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', v6('2001:db9::1'))), { 'no-route': 1 });
  assert.deepEqual(error(), [1, 0, 0]);
});

test('A95 routing domains have tables of their own: the same addresses, and nothing crosses', async () => {
  const from5 = (to: string): Uint8Array => {
    const frame = v4(to);
    frame.set(rig.lladdr('mem3'));
    return frame;
  };
  await rig.send('mem3', from5('10.0.2.9'));
  assert.equal(rig.take('mem4').length, 1);
  silent();
  const dropped = await rig.dropsOf(() => rig.send('mem3', from5('10.9.1.2'), from5('10.0.3.9')));
  assert.deepEqual(dropped, { 'no-route': 2 });
  silent();
  assert.equal(rig.take('mem3').length, 2, 'two errors, in the domain of the packets');
});

test('ECMP spreads flows over its next hops and keeps each flow on one', async () => {
  for (const [six, to] of [
    [false, '10.8.1.1'],
    [true, '2001:db8:8::1'],
  ] as const) {
    const flows = Array.from({ length: 64 }, (_, k) =>
      six
        ? ether(US, mac(9), 0x86dd, ipv6('2001:db8:1::9', to, 17, udp(16, 1000 + k)))
        : ether(US, mac(9), 0x0800, ipv4('10.0.1.9', to, 17, udp(16, 1000 + k))),
    );
    const at = six ? 54 : 34;
    const flowsOf = (port: string): number[] =>
      rig
        .take(port)
        .map((bytes) => (bytes[at] << 8) | bytes[at + 1])
        .sort((a, b) => a - b);
    await rig.send('mem0', ...flows);
    const first = [flowsOf('mem1'), flowsOf('mem2')];
    assert.equal(first[0].length + first[1].length, 64);
    assert.ok(first[0].length > 8 && first[1].length > 8, `${first[0].length} and ${first[1].length}`);
    await rig.send('mem0', ...flows.reverse());
    assert.deepEqual([flowsOf('mem1'), flowsOf('mem2')], first);
  }
});

test('ECMP: all fragments of an IPv6 packet go one way', async () => {
  const part = (offset: number, more: number, data: Uint8Array): Uint8Array =>
    Uint8Array.from([17, 0, offset >> 8, (offset & 0xf8) | more, 0, 0, 0, 1, ...data]);
  for (let k = 0; k < 16; k++) {
    const data = Uint8Array.from(udp(24, 1000 + k));
    const parts = [
      part(0, 1, data.subarray(0, 16)),
      part(16, 1, data.subarray(16, 24)),
      part(24, 0, data.subarray(24)),
    ];
    await rig.send(
      'mem0',
      ...parts.map((p) => ether(US, mac(9), 0x86dd, ipv6('2001:db8:1::9', '2001:db8:8::1', 44, p))),
    );
    assert.deepEqual([rig.take('mem1').length, rig.take('mem2').length].sort(), [0, 3], `source port ${1000 + k}`);
  }
});

test('B83 a route that changes to and fro under traffic loses nothing', async () => {
  const frames = Array.from({ length: 32 }, () => v4('10.9.1.2'));
  let [sent, left, right] = [0, 0, 0];
  /** A host that takes nothing for long has a full queue. */
  const take = (): void => {
    left += rig.take('mem1').length;
    right += rig.take('mem2').length;
  };
  const dropped = await rig.dropsOf(async () => {
    for (let round = 0; round < 40; round++) {
      rig.push('mem0', ...frames);
      sent += frames.length;
      await rig.command(`route change -inet 10.9.0.0/16 ${round % 2 === 0 ? '10.0.3.9' : '10.0.2.9'}`);
      // Workers may have to wait for the processor: no more is under way than the queues hold, and each round sees both routes.
      for (let turns = 0; turns < 10_000 && sent - left - right > frames.length; turns++) {
        take();
        await sleep(1);
      }
      take();
    }
    await rig.settle();
  });
  take();
  assert.deepEqual(dropped, {});
  assert.equal(left + right, sent);
  assert.ok(left > 0 && right > 0, `${left} and ${right}`);
});
