/** Matrix A and B, rport: two routing domains joined by a point-to-point link that changes nothing. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { DROP_REASONS, Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Cast } from '../../src/shared/ring/punt-reason.js';
import { makeEthernetOutput } from '../../src/workers/ether/ethernet-output.js';
import { etherFrame } from '../support/ip-frame.js';
import { LiveRouter } from '../support/live-router.js';
import { naiveChecksum } from '../support/naive-ip.js';
import { Rig } from '../support/rig.js';
import { build, noise } from '../support/superframe.js';
import { afterHops, udpPacket } from '../support/udp-packet.js';
import { UNPROBED } from '../support/usable.js';

/** The router's ends, and the hosts behind them. */
const R0 = '02:00:00:00:01:00';
const R1 = '02:00:00:00:01:01';
const H0 = '02:00:00:00:02:00';
const H1 = '02:00:00:00:02:01';
/** A host in rdomain 0 and one in rdomain 1. */
const FROM = { inet: '10.0.0.2', inet6: '2001:db8:0::2' } as const;
const TO = { inet: '10.0.1.2', inet6: '2001:db8:1::2' } as const;
const TYPE = { inet: 0x0800, inet6: 0x86dd } as const;

/** mem0 in rdomain 0, and the host behind it. */
const NEAR = `ifconfig mem0 create lladdr ${R0} inet 10.0.0.1/24 inet6 2001:db8:0::1/64 up`;
const HERE = `arp -s ${FROM.inet} ${H0}`;
/** Both, and mem1 in rdomain 1 with a host. */
const ENDS = [
  UNPROBED,
  NEAR,
  `ifconfig mem1 create lladdr ${R1} rdomain 1 inet 10.0.1.1/24 inet6 2001:db8:1::1/64 up`,
  HERE,
  `arp -V 1 -s ${TO.inet} ${H1}`,
  `ndp -s ${FROM.inet6} ${H0}`,
  `ndp -V 1 -s ${TO.inet6} ${H1}`,
];

/** rport0 in rdomain 0 and rport1 in rdomain 1, a pair, and routes across it. */
const PAIR = [
  'ifconfig rport0 create inet 169.254.169.254 169.254.254.169 inet6 fd00::1 fd00::2 up',
  'ifconfig rport1 create rdomain 1 inet 169.254.254.169 169.254.169.254 inet6 fd00::2 fd00::1 up',
  'ifconfig rport0 parent rport1',
  'route add default 169.254.254.169',
  'route -T 1 add default 169.254.169.254',
  'route add -inet6 default fd00::2',
  'route -T 1 add -inet6 default fd00::1',
];

let live: LiveRouter;

/** Whatever a row did, every frame is accounted for. */
afterEach(() => live.stop());

/** What a host sends to the router. */
function frameTo(router: string, host: string, packet: Uint8Array): Uint8Array {
  return etherFrame(router, host, packet[0] >> 4 === 4 ? TYPE.inet : TYPE.inet6, packet);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const plain = (frames: readonly { readonly bytes: Uint8Array }[]): string[] => frames.map((f) => hex(f.bytes));

/** The counters of an rport that count packets. */
const counts = (name: string): number[] =>
  [Lane.IPACKETS, Lane.IBYTES, Lane.OPACKETS, Lane.OBYTES].map((word) => live.counter(name, word));

test('A101 the MTU of an rport is 1280 to 32768, and 32768 unless told', async () => {
  live = await LiveRouter.start('ifconfig rport0 create');
  assert.match(await live.words('ifconfig rport0'), / mtu 32768\n/);
  for (const mtu of [1279, 32769, 0, 65535]) {
    await assert.rejects(live.words(`ifconfig rport0 mtu ${mtu}`), { code: 'EINVAL' });
  }
  for (const mtu of [1280, 32768]) {
    await live.words(`ifconfig rport0 mtu ${mtu}`);
    assert.match(await live.words('ifconfig rport0'), new RegExp(` mtu ${mtu}\n`));
  }
});

test('A102 B94 pairing: every case of the matrix, symmetric in whatever order and state', async () => {
  live = await LiveRouter.start(
    ...['rport0', 'rport1', 'rport2', 'rport3', 'tap0', 'veb0', 'vport0'].map((name) => `ifconfig ${name} create`),
  );
  const parents = async (): Promise<unknown[]> =>
    (await live.json<{ name: string; parent?: string }[]>('ifconfig -a'))
      .filter(({ name }) => name.startsWith('rport'))
      .map(({ parent }) => parent);
  const refused: [string, string][] = [
    ['rport0 parent rport9', 'EINVAL'],
    ['rport0 parent rport0', 'EINVAL'],
    ['rport0 parent tap0', 'EPROTONOSUPPORT'],
    ['rport0 parent veb0', 'EPROTONOSUPPORT'],
    ['rport0 parent vport0', 'EPROTONOSUPPORT'],
    ['rport0 parent lo0', 'EINVAL'],
    ['rport0 parent', 'EINVAL'],
    ['tap0 parent rport0', 'ENOTTY'],
    ['veb0 -parent', 'ENOTTY'],
  ];
  for (const [words, code] of refused) await assert.rejects(live.words(`ifconfig ${words}`), { code }, words);
  assert.deepEqual(await parents(), ['', '', '', '']);
  assert.doesNotMatch(await live.words('ifconfig rport0'), /parent/);

  await live.words('ifconfig rport0 up', 'ifconfig rport0 parent rport1', 'ifconfig rport2 parent rport3');
  assert.deepEqual(await parents(), ['rport1', 'rport0', 'rport3', 'rport2']);
  assert.match(await live.words('ifconfig rport1'), /^\tparent: rport0$/m);
  assert.match(await live.words('ifconfig rport0'), /^\tparent: rport1$/m);
  await live.words('ifconfig rport0 parent rport1', 'ifconfig rport1 parent rport0');
  for (const words of ['rport0 parent rport2', 'rport1 parent rport3', 'rport2 parent rport1']) {
    await assert.rejects(live.words(`ifconfig ${words}`), { code: 'EBUSY' }, words);
  }
  await live.words('ifconfig rport4 create');
  await assert.rejects(live.words('ifconfig rport4 parent rport0'), { code: 'EBUSY' });
  await assert.rejects(live.words('ifconfig rport0 parent rport4'), { code: 'EBUSY' });
  assert.deepEqual(await parents(), ['rport1', 'rport0', 'rport3', 'rport2', '']);

  await live.words('ifconfig rport1 -parent', 'ifconfig rport1 -parent', 'ifconfig rport4 -parent');
  assert.deepEqual(await parents(), ['', '', 'rport3', 'rport2', '']);
  await live.words('ifconfig rport0 parent rport4');
  assert.deepEqual(await parents(), ['rport4', '', 'rport3', 'rport2', 'rport0']);
});

test('A103 B95 down is ENETDOWN, a family that is none of three EAFNOSUPPORT, and nothing is counted', async () => {
  live = await LiveRouter.start(...ENDS, ...PAIR);
  await live.usable();
  const packet = hex(udpPacket(FROM.inet, TO.inet));
  await live.words('ifconfig rport0 down');
  await assert.rejects(live.words(`inject rport0 00000002${packet}`), { code: 'ENETDOWN' });
  await live.words('ifconfig rport0 up');
  const before = counts('rport0');
  const refused: [string, string][] = [
    [`00000000${packet}`, 'EAFNOSUPPORT'],
    [`00000001${packet}`, 'EAFNOSUPPORT'],
    [`02000000${packet}`, 'EAFNOSUPPORT'],
    [`0000001c${packet}`, 'EAFNOSUPPORT'],
    ['00000002', 'EINVAL'],
    ['000002', 'EINVAL'],
    [`00000002${'00'.repeat(32769)}`, 'EMSGSIZE'],
  ];
  for (const [bytes, code] of refused) {
    await assert.rejects(live.words(`inject rport0 ${bytes}`), { code }, bytes.slice(0, 20));
  }
  await assert.rejects(live.words(`inject lo1 00000002${packet}`), { code: 'ENODEV' });
  assert.deepEqual(counts('rport0'), before);
  assert.equal(live.counter('rport0', Lane.ORIGINATED), 0);
});

test('A103 what is to be forwarded out of an rport that is down is dropped there', async () => {
  live = await LiveRouter.start(...ENDS, ...PAIR, 'ifconfig rport0 down');
  await live.send(
    'mem0',
    frameTo(R0, H0, udpPacket(FROM.inet, TO.inet)),
    frameTo(R0, H0, udpPacket(FROM.inet6, TO.inet6)),
  );
  assert.equal(live.drops('rport0', Drop.NOTRUNNING), 2);
  assert.deepEqual(live.received('mem1'), []);
});

for (const [what, words] of [
  ['down', 'ifconfig rport1 down'],
  ['missing', 'ifconfig rport0 -parent'],
  ['destroyed', 'ifconfig rport1 destroy'],
] as const) {
  test(`A104 B95 the peer is ${what}: sending succeeds, every packet is purged and counted`, async () => {
    live = await LiveRouter.start(...ENDS, ...PAIR, words);
    await live.usable();
    const before = counts('rport0');
    const packets = Array.from({ length: 70 }, (_, n) =>
      udpPacket(n % 2 === 0 ? FROM.inet : FROM.inet6, n % 2 === 0 ? TO.inet : TO.inet6),
    );
    await live.send('mem0', ...packets.map((packet) => frameTo(R0, H0, packet)));
    assert.equal(live.drops('rport0', Drop.PEER_DOWN), 70);
    await live.words(`inject rport0 00000002${hex(udpPacket(FROM.inet, TO.inet))}`);
    await live.settle();
    assert.equal(live.drops('rport0', Drop.PEER_DOWN), 71);
    assert.deepEqual(counts('rport0'), before);
    assert.deepEqual(live.received('mem0'), [], 'nobody is told');
    assert.deepEqual(live.received('mem1'), []);
  });
}

test('A104 a peer that comes back is reached again', async () => {
  live = await LiveRouter.start(...ENDS, ...PAIR, 'ifconfig rport1 down', 'ifconfig rport1 up');
  await live.send('mem0', frameTo(R0, H0, udpPacket(FROM.inet, TO.inet)));
  assert.equal(live.received('mem1').length, 1);
});

for (const family of ['inet', 'inet6'] as const) {
  test(`A105 B95 ${family}: what comes out in rdomain 1 is what went in but for what forwarding changes on each side`, async () => {
    live = await LiveRouter.start(...ENDS, ...PAIR);
    await live.usable();
    const before = [counts('rport0'), counts('rport1')];
    const packets = Array.from({ length: 40 }, (_, n) =>
      udpPacket(FROM[family], TO[family], { payload: noise(n * 36, n + 1), ttl: 200 - n }),
    );
    await live.send('mem0', ...packets.map((packet) => frameTo(R0, H0, packet)));
    const wanted = packets.map((packet) => hex(etherFrame(H1, R1, TYPE[family], afterHops(packet, 2), true)));
    assert.deepEqual(plain(live.received('mem1')), wanted);
    const bytes = packets.reduce((sum, packet) => sum + packet.length, 0);
    const now = [counts('rport0'), counts('rport1')];
    const grown = now.map((lane, n) => lane.map((value, k) => value - (before[n]?.[k] as number)));
    assert.deepEqual(grown, [
      [0, 0, packets.length, bytes],
      [packets.length, bytes, 0, 0],
    ]);
  });

  test(`A105 ${family}: the rport takes nothing off the TTL, and the packet is input on its peer`, async () => {
    live = await LiveRouter.start(...ENDS, ...PAIR);
    const packet = udpPacket(FROM[family], TO[family], { ttl: 2 });
    await live.words(`inject rport0 ${family === 'inet' ? '00000002' : '00000018'}${hex(packet)}`);
    await live.settle();
    assert.deepEqual(plain(live.received('mem1')), [hex(etherFrame(H1, R1, TYPE[family], afterHops(packet, 1), true))]);
    assert.equal(live.counter('rport1', Lane.IPACKETS), 1);
    // The same destination is nowhere in rdomain 0 but across the pair, so what entered elsewhere would have come out of it again.
    assert.equal(live.counter('rport0', Lane.OPACKETS), 1);
    assert.equal(live.counter('rport0', Lane.ORIGINATED), 1);
  });
}

test('A105 a family that is not the packet is found out by the far side', async () => {
  live = await LiveRouter.start(...ENDS, ...PAIR);
  await live.words(`inject rport0 00000018${hex(udpPacket(FROM.inet, TO.inet, { payload: noise(64) }))}`);
  await live.words(`inject rport0 00000002${hex(udpPacket(FROM.inet6, TO.inet6))}`);
  await live.settle();
  assert.deepEqual([live.drops('rport1', Drop.IP6_VERSION), live.drops('rport1', Drop.IP4_VERSION)], [1, 1]);
});

test('A105 a superframe crosses whole, as long as its segments fit', async () => {
  live = await LiveRouter.start(...ENDS, ...PAIR);
  const addresses = [10, 0, 0, 2, 10, 0, 1, 2];
  const made = build({ version: 4, protocol: 6, payload: noise(40_000), size: 1448, addresses, dst: R0, src: H0 });
  await live.sendSuper('mem0', made.bytes, made.vnet);
  const [got, more] = live.received('mem1');
  assert.equal(more, undefined);
  assert.deepEqual(got?.vnet, made.vnet);
  assert.equal(
    hex(got?.bytes as Uint8Array),
    hex(etherFrame(H1, R1, 0x0800, afterHops(made.bytes.slice(14), 2), true)),
  );
  assert.equal(live.counter('mem1', Lane.SEGMENTED), 0);
});

test('A106 B96 a packet that would leave by an rport for the second time is dropped: EIO', async () => {
  live = await LiveRouter.start(...ENDS, ...PAIR);
  assert.match(DROP_REASONS[Drop.LOOP]?.help ?? '', /EIO/);
  // Neither side knows 192.0.2.1: each sends it to the other.
  await live.send('mem0', frameTo(R0, H0, udpPacket(FROM.inet, '192.0.2.1')));
  assert.equal(live.counter('rport0', Lane.OPACKETS), 1);
  assert.equal(live.counter('rport1', Lane.OPACKETS), 1, 'each end once is fine');
  assert.equal(live.drops('rport0', Drop.LOOP), 1);
  assert.equal(live.drops('rport1', Drop.LOOP), 0);
});

/** An IPv4 packet with the router alert option, which main looks at on each side. */
function alerting(packet: Uint8Array): Uint8Array {
  const made = Uint8Array.from([...packet.subarray(0, 20), 0x94, 4, 0, 0, ...packet.subarray(20)]);
  made.set([0x46, 0, made.length >> 8, made.length & 255]);
  made.set([0, 0], 10);
  const checksum = naiveChecksum(made.subarray(0, 24));
  made.set([checksum >> 8, checksum & 255], 10);
  return made;
}

test('A106 B96 the guard holds for a packet that goes through main on each side', async () => {
  live = await LiveRouter.start(...ENDS, ...PAIR);
  await live.usable();
  const before = counts('rport0');
  await live.send('mem0', frameTo(R0, H0, alerting(udpPacket(FROM.inet, '192.0.2.1', { ttl: 255 }))));
  assert.equal(live.drops('rport0', Drop.LOOP), 1);
  assert.equal(live.drops('rport0', Drop.TTL) + live.drops('rport1', Drop.TTL), 0, 'it is not the TTL that ends it');
  const now = counts('rport0');
  assert.deepEqual([now[0], now[2]], [1 + (before[0] as number), 1 + (before[2] as number)], 'each end once');
});

test('A106 a packet that came by virtual hops reaches a neighbour that main had to find first', async () => {
  live = await LiveRouter.start(...ENDS.filter((line) => !line.startsWith('arp -V')), ...PAIR);
  await live.usable();
  const packet = udpPacket(FROM.inet, TO.inet);
  await live.send('mem0', frameTo(R0, H0, packet));
  live.received('mem1');
  await live.words(`arp -V 1 -s ${TO.inet} ${H1}`);
  await live.send('mem0', frameTo(R0, H0, packet));
  const wanted = hex(etherFrame(H1, R1, 0x0800, afterHops(packet, 2), true));
  assert.ok(plain(live.received('mem1')).includes(wanted));
});

/** Pairs rport(2n) in rdomain n and rport(2n+1) in the next of `domains`, each with a route for `net` to the other side. */
function chain(pairs: number, domains: number, net: string): string[] {
  return Array.from({ length: pairs }, (_, n) => {
    const [near, far] = [`rport${2 * n}`, `rport${2 * n + 1}`];
    const [a, b] = [`172.16.${n}.1`, `172.16.${n}.2`];
    return [
      `ifconfig ${near} create rdomain ${n} inet ${a} ${b} up`,
      `ifconfig ${far} create rdomain ${(n + 1) % domains} inet ${b} ${a} up`,
      `ifconfig ${near} parent ${far}`,
      `route -T ${n} add ${net} ${b}`,
    ];
  }).flat();
}

test('A106 B96 three pairs in a ring: the guard holds through other pairs, and the TTL where that ends first', async () => {
  live = await LiveRouter.start(NEAR, HERE, ...chain(3, 3, '192.0.2.0/24'));
  await live.send('mem0', frameTo(R0, H0, udpPacket(FROM.inet, '192.0.2.1')));
  assert.deepEqual(
    [0, 2, 4].map((n) => live.counter(`rport${n}`, Lane.OPACKETS)),
    [1, 1, 1],
  );
  assert.deepEqual(
    [1, 3, 5].map((n) => live.counter(`rport${n}`, Lane.IPACKETS)),
    [1, 1, 1],
  );
  assert.equal(live.drops('rport0', Drop.LOOP), 1);
  await live.send('mem0', frameTo(R0, H0, udpPacket(FROM.inet, '192.0.2.1', { ttl: 3 })));
  assert.deepEqual(
    [0, 2, 4].map((n) => live.counter(`rport${n}`, Lane.OPACKETS)),
    [2, 2, 1],
  );
  assert.equal(live.drops('rport0', Drop.LOOP), 1);
  assert.equal(live.drops('rport3', Drop.TTL), 1);
});

test('A106 16 virtual hops are as many as a packet may take', async () => {
  const end = (rdomain: number): string[] => [
    `ifconfig mem1 create lladdr ${R1} rdomain ${rdomain} inet 192.0.2.1/24 up`,
    `arp -V ${rdomain} -s 192.0.2.9 ${H1}`,
  ];
  const packet = udpPacket(FROM.inet, '192.0.2.9');
  live = await LiveRouter.start(NEAR, HERE, ...chain(16, 99, '192.0.2.0/24'), ...end(16));
  await live.send('mem0', frameTo(R0, H0, packet));
  assert.deepEqual(plain(live.received('mem1')), [hex(etherFrame(H1, R1, 0x0800, afterHops(packet, 17), true))]);
  await live.words('ifconfig mem1 destroy');
  await live.words(...chain(17, 99, '192.0.2.0/24').slice(-4), ...end(17));
  await live.settle();
  await live.send('mem0', frameTo(R0, H0, packet));
  assert.equal(live.drops('rport32', Drop.LOOP), 1);
  assert.equal(live.counter('rport32', Lane.OPACKETS), 0);
  assert.deepEqual(live.received('mem1'), []);
});

test('A108 the sender comes back before its packet is handed over', async () => {
  live = await LiveRouter.start();
  const rig = await Rig.bridge(1, 'rport0 create up', 'rport1 create rdomain 1 up', 'rport0 parent rport1');
  const { ctx, table } = rig.router;
  const packet = udpPacket(FROM.inet, TO.inet);
  const slot = ctx.cache.takeFrame();
  const at = ctx.slotOffset[slot] + 256;
  ctx.u8.set(packet, at);
  ctx.meta.fill(0, slot << 3, (slot << 3) + 8);
  ctx.meta.set([at, packet.length], slot << 3);
  ctx.slots[0] = slot;
  ctx.length[0] = packet.length;
  ctx.n = 1;
  const out = table.get('rport0').index;
  makeEthernetOutput(ctx).toAddress(0, table.get('mem0').index, at, Cast.UNICAST, out, 0, 0, 0, 0);
  assert.equal(ctx.workList.length, 1);
  assert.equal(rig.counter('rport0', Lane.OPACKETS), 0);
  assert.equal(rig.counter('rport1', Lane.IPACKETS), 0);
  assert.equal(ctx.workList.take(ctx) & 0xffff, out);
  rig.endBurst();
});

test('A109 its own parent a great many times leaves nothing behind; destroying one end unpairs the other', async () => {
  live = await LiveRouter.start('ifconfig rport0 create', 'ifconfig rport1 create');
  const { heap } = live.router.memory;
  const used = heap.usedWords;
  const { size } = live.router.state.interfaces;
  for (let n = 0; n < 5000; n++) {
    await assert.rejects(live.words('ifconfig rport0 parent rport0'), { code: 'EINVAL' });
  }
  assert.equal(heap.usedWords, used);
  assert.equal(live.router.state.interfaces.size, size);
  for (let n = 0; n < 20; n++) {
    await live.words('ifconfig rport0 parent rport1', `ifconfig rport${n % 2} destroy`);
    const left = `rport${1 - (n % 2)}`;
    assert.doesNotMatch(await live.words(`ifconfig ${left}`), /parent/);
    assert.equal(live.router.memory.views.heap[ifRecord(live.router.table.get(left).index) + If.PEER], 0);
    await live.words(`ifconfig rport${n % 2} create`);
  }
});

test('A109 either end is destroyed and made again under traffic: no packet is unaccounted for, and it flows again', async () => {
  live = await LiveRouter.start(...ENDS, ...PAIR);
  const frames = [frameTo(R0, H0, udpPacket(FROM.inet, TO.inet)), frameTo(R0, H0, udpPacket(FROM.inet6, TO.inet6))];
  let over = false;
  const traffic = (async (): Promise<void> => {
    while (!over) {
      for (let n = 0; n < 32; n++) live.host('mem0').send(frames[n % 2] as Uint8Array);
      live.received('mem1');
      live.received('mem0');
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let n = 0; n < 12; n++) {
    const end = n % 2;
    // The routes across it have gone with its address.
    const again = [end, 2, 3 + end, 5 + end].map((line) => PAIR[line] as string);
    await live.words(`ifconfig rport${end} destroy`, ...again);
  }
  over = true;
  await traffic;
  await live.usable();
  live.received('mem1');
  await live.send('mem0', ...frames);
  assert.equal(live.received('mem1').length, 2);
});

test('MPLS is the third family: handed over, counted on both sides, and dropped for want of label switching', async () => {
  live = await LiveRouter.start(...ENDS, ...PAIR);
  await live.usable();
  const before = [counts('rport0'), counts('rport1')];
  await live.words(`inject rport0 00000021${'00064140'}${hex(udpPacket(FROM.inet, TO.inet))}`);
  await live.settle();
  assert.equal(live.drops('rport1', Drop.MPLS), 1);
  const bytes = 4 + 60;
  assert.deepEqual(counts('rport0'), [
    before[0]?.[0],
    before[0]?.[1],
    1 + (before[0]?.[2] as number),
    bytes + (before[0]?.[3] as number),
  ]);
  assert.deepEqual(counts('rport1').slice(0, 2), [1 + (before[1]?.[0] as number), bytes + (before[1]?.[1] as number)]);
  assert.deepEqual(live.received('mem1'), []);
});

test('addresses of a point-to-point link: with and without inet, with and without a length, are the same', async () => {
  live = await LiveRouter.start('ifconfig rport0 create');
  const lines: string[] = [];
  for (const words of [
    'inet 169.254.169.254 169.254.254.169',
    'inet 169.254.169.254/32 169.254.254.169',
    '169.254.169.254 169.254.254.169',
    '169.254.169.254/32 169.254.254.169',
    'inet 169.254.169.254 169.254.254.169 netmask 255.255.255.255',
  ]) {
    await live.words('ifconfig rport0 destroy', 'ifconfig rport0 create', `ifconfig rport0 ${words}`);
    lines.push(await live.words('ifconfig rport0'));
  }
  for (const line of lines) {
    assert.match(line, /^\tinet 169\.254\.169\.254 --> 169\.254\.254\.169 netmask 0xffffffff$/m);
  }
  assert.equal(live.router.state.interfaces.get('rport0')?.up, false, 'an address does not bring it up');
});

test('ifconfig prints an rport and a loopback as links without stations', async () => {
  live = await LiveRouter.start(...PAIR);
  const rport = (await live.words('ifconfig rport1')).split('\n');
  assert.equal(rport[0], 'rport1: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> rdomain 1 mtu 32768');
  assert.ok(rport.includes('\tparent: rport0'));
  assert.ok(!rport.some((line) => line.startsWith('\tlladdr')));
  const [lo, ...more] = (await live.words('ifconfig lo1')).split('\n');
  assert.equal(lo, 'lo1: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> rdomain 1 mtu 32768');
  assert.ok(!more.some((line) => line.startsWith('\tlladdr')));
  assert.ok(more.includes('\tinet 127.0.0.1 netmask 0xff000000'));
  assert.ok(more.includes('\tinet6 ::1 prefixlen 128'));
});
