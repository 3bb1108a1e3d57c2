/** erspan interfaces: input, output, look-up order, monitor, captures (spec A §6, rows A113 to A123, E1 to E18). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Control, If, ifRecord } from '../../src/shared/layout/heap.js';
import { DEFAULT_PRIORITY } from '../../src/shared/layout/packet.js';
import { readSequences } from '../../src/shared/table/sequence.js';
import { CaptureBench } from '../support/captures.js';
import { ErspanRig, hsrpHello, mirrored, OTHER, OTHER6, PEER, PEER6, typeTwo, US, US6 } from '../support/erspan.js';
import { ether, ipv4, mac } from '../support/fake-stack.js';
import { hex, readIpv4, readIpv6 } from '../support/naive-ip.js';

const EXACT = `ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 5 up`;
/** A veb whose span port is erspan0, mirroring mem1. */
const SPAN = [
  'ifconfig mem1 create up',
  'ifconfig mem2 create up',
  'ifconfig veb0 create add mem1 add mem2 addspan erspan0 up',
];

/** The payload of an outer IPv4 packet in a frame. */
function greOf(frame: Uint8Array): Uint8Array {
  return readIpv4(frame.slice(14)).payload;
}

test('A113 the exact receiver is before the one of any source, and that before the one of anything', async () => {
  const rig = await ErspanRig.start(
    EXACT,
    `ifconfig erspan1 create tunneladdr ${US} vnetid 5 up`,
    `ifconfig erspan2 create tunneladdr ${US} up`,
  );
  const packets = (): number[] => [0, 1, 2].map((n) => rig.counts(`erspan${n}`)[0]);
  rig.receive(PEER, typeTwo(mirrored(), { session: 5 }));
  assert.deepEqual(packets(), [1, 0, 0]);
  rig.receive(OTHER, typeTwo(mirrored(), { session: 5 }));
  assert.deepEqual(packets(), [1, 1, 0]);
  rig.receive(OTHER, typeTwo(mirrored(), { session: 6 }));
  assert.deepEqual(packets(), [1, 1, 1]);
  rig.receive(PEER, typeTwo(mirrored(), { session: 6 }));
  assert.deepEqual(packets(), [1, 1, 2]);
  assert.deepEqual(rig.drops(), {});
});

test('A113 the same of IPv6; another family, another domain or another address of ours is no match', async () => {
  const rig = await ErspanRig.start(
    `ifconfig erspan0 create tunnel ${US6} ${PEER6} vnetid 5 up`,
    `ifconfig erspan1 create tunneladdr ${US6} vnetid 5 up`,
    'ifconfig mem9 create rdomain 3 inet 192.0.2.1/24 up',
    `ifconfig erspan3 create tunneladdr ${US} tunneldomain 3 up`,
    'ifconfig mem8 create inet 198.51.100.1/24 up',
    'ifconfig erspan4 create tunneladdr 198.51.100.1 up',
  );
  rig.receive(PEER6, typeTwo(mirrored()));
  rig.receive(OTHER6, typeTwo(mirrored()));
  assert.deepEqual([rig.counts('erspan0')[0], rig.counts('erspan1')[0]], [1, 1]);
  rig.receive(PEER, typeTwo(mirrored()));
  assert.deepEqual(rig.drops(), { 'mem0 no-tunnel': 1 });
  assert.deepEqual([rig.counts('erspan3')[0], rig.counts('erspan4')[0]], [0, 0]);
});

test('A114 a receiver of any source never delivers, and sends nothing', async () => {
  const rig = await ErspanRig.start(
    `ifconfig erspan0 create tunneladdr ${US} vnetid 5 -monitor`,
    ...SPAN,
    'ifconfig erspan0 up',
  );
  rig.push('mem1', [mirrored()]);
  assert.deepEqual(rig.drops(), { 'erspan0 no-remote': 1 });
  await rig.router.configure('ifconfig veb0 delspan erspan0 add erspan0');
  rig.sent('mem1');
  rig.receive(OTHER, typeTwo(mirrored()));
  assert.equal(rig.sent('mem1').length, 0);
  assert.deepEqual(rig.counts('erspan0').slice(0, 2), [1, 60]);
});

test('A115 with monitor cleared an exact receiver delivers a whole frame; one that is cut is captured only', async () => {
  const rig = await ErspanRig.start(EXACT, 'ifconfig mem1 create up', 'ifconfig veb0 create add mem1 add erspan0 up');
  rig.receive(PEER, typeTwo(mirrored(1)));
  assert.equal(rig.sent('mem1').length, 0, 'monitor is what it is made with');
  await rig.router.configure('ifconfig erspan0 -monitor');
  rig.receive(PEER, typeTwo(mirrored(2)));
  assert.deepEqual(rig.sent('mem1'), [mirrored(2)]);
  const bench = new CaptureBench(rig.router);
  const capture = bench.attach('erspan0');
  rig.receive(PEER, typeTwo(mirrored(3), { word0: 0x10000400 }));
  assert.equal(rig.sent('mem1').length, 0);
  assert.deepEqual(bench.brief(capture), [`erspan0 in ${Buffer.from(mirrored(3)).toString('hex')}`]);
  assert.deepEqual(rig.counts('erspan0').slice(0, 2), [3, 180]);
});

test('A116 the bytes behind the outer header: session 11, sequence 0, priority 3, link0 off', async () => {
  const rig = await ErspanRig.start(`ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 11 up`, ...SPAN);
  rig.push('mem1', [mirrored()]);
  const [frame, ...more] = rig.sent('mem0');
  assert.equal(more.length, 0);
  assert.deepEqual(frame.slice(0, 14), Uint8Array.from([...mac(2), ...rig.lladdr('mem0'), 8, 0]));
  const outer = readIpv4(frame.slice(14));
  assert.deepEqual([outer.ttl, outer.tos, outer.df, outer.protocol], [64, DEFAULT_PRIORITY << 5, false, 47]);
  assert.deepEqual([outer.source, outer.destination], [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 2)]);
  assert.deepEqual(outer.payload.slice(0, 16), hex('1000 88be 00000000 1000 600b 00000000'));
  assert.deepEqual(outer.payload.slice(16), mirrored());
  assert.deepEqual(rig.sent('mem2'), [mirrored()], 'and the original');
  assert.deepEqual(rig.counts('erspan0').slice(2), [1, 60]);
});

test('A116 the same over IPv6', async () => {
  const words = `tunnel ${US6} ${PEER6} vnetid 11 tunnelttl 9 txprio 6`;
  const rig = await ErspanRig.start(`ifconfig erspan0 create ${words} up`, ...SPAN);
  rig.push('mem1', [mirrored()]);
  const outer = readIpv6(rig.sent('mem0')[0].slice(14));
  assert.deepEqual([outer.ttl, outer.tos, outer.protocol], [9, 6 << 5, 47]);
  assert.deepEqual(outer.payload, Uint8Array.from([...hex('1000 88be 00000000 1000 600b 00000000'), ...mirrored()]));
});

test('A117 the sequence counts every frame and goes on over down and up; link0 puts the ingress into the index', async () => {
  const rig = await ErspanRig.start(EXACT, ...SPAN);
  rig.push('mem1', [mirrored(), mirrored(), mirrored()]);
  await rig.router.configure('ifconfig erspan0 down', 'ifconfig erspan0 vnetid 6 link0 up');
  rig.push('mem2', [mirrored()]);
  const packets = rig.sent('mem0').map((frame) => Buffer.from(greOf(frame).slice(0, 16)).toString('hex'));
  const { index } = rig.router.table.get('mem2');
  assert.deepEqual(packets, [
    '100088be000000001000600500000000',
    '100088be000000011000600500000000',
    '100088be000000021000600500000000',
    `100088be0000000310006006${index.toString(16).padStart(8, '0')}`,
  ]);
});

test('A118 what has other flags, is too short, or is no ERSPAN is declined, each by its own reason', async () => {
  const rig = await ErspanRig.start(EXACT);
  for (const gre of [0x9000, 0x3000, 0x5000, 0x1008, 0x1800, 0x0800]) rig.receive(PEER, typeTwo(mirrored(), { gre }));
  rig.receive(PEER, typeTwo(mirrored(), { gre: 0x1001 }));
  for (const length of [0, 3]) rig.receive(PEER, typeTwo(mirrored()).slice(0, length));
  for (const length of [4, 7, 8, 15]) rig.receive(PEER, typeTwo(mirrored()).slice(0, length));
  rig.receive(PEER, hex('0000 0800 45000014'));
  rig.receive(PEER, hex('1000 6558 00000000'));
  rig.receive(PEER, hex('0000 22eb 00000000 00000000 00000000'));
  assert.deepEqual(rig.drops(), {
    'mem0 gre-flags': 7,
    'mem0 gre-version': 1,
    'mem0 gre-short': 6,
    'mem0 gre-protocol': 2,
  });
  assert.deepEqual(rig.counts('erspan0').slice(0, 2), [0, 0]);
});

test('A119 LOOP shows the family and the outer packet, RAW the packet, EN10MB the frame inside, both ways', async () => {
  const rig = await ErspanRig.start(`ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 11 up`, ...SPAN);
  const bench = new CaptureBench(rig.router);
  const captures = [undefined, 'LOOP', 'RAW'] as const;
  const attached = captures.map((link) => bench.attach('erspan0', link === undefined ? {} : { link }));
  const inner = Buffer.from(mirrored()).toString('hex');
  const outer = ipv4(PEER, US, 47, typeTwo(mirrored(), { session: 11 }));
  rig.push('mem0', [rig.outer(PEER, typeTwo(mirrored(), { session: 11 }))]);
  const seen = (): string[] => attached.flatMap((capture) => bench.brief(capture));
  const packet = Buffer.from(outer).toString('hex');
  assert.deepEqual(seen(), [`erspan0 in ${inner}`, `erspan0 in 00000002${packet}`, `erspan0 in ${packet}`]);
  rig.push('mem1', [mirrored()]);
  const sent = rig.sent('mem0')[0].slice(14);
  // The identification is IP's, which comes behind the capture.
  const before = Buffer.from(ipv4(US, PEER, 47, greOf(rig.outer(PEER, readIpv4(sent).payload)), { tos: 0x60, id: 0 }));
  assert.deepEqual(seen(), [
    `erspan0 out ${inner}`,
    `erspan0 out 00000002${before.toString('hex')}`,
    `erspan0 out ${before.toString('hex')}`,
  ]);
});

test('the example of the seed: HSRP in VLAN 33, mirrored with session 11, on erspan0 and with LOOP', async () => {
  const rig = await ErspanRig.start(`ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 11 up`);
  const bench = new CaptureBench(rig.router);
  const [inner, outer] = [bench.attach('erspan0'), bench.attach('erspan0', { link: 'LOOP' })];
  const gre = typeTwo(hsrpHello(), { session: 11, sequence: 7, word0: 0x10211800 });
  rig.receive(PEER, gre);
  assert.deepEqual(bench.brief(inner), [`erspan0 in ${Buffer.from(hsrpHello()).toString('hex')}`]);
  const [packet, ...more] = bench.take(outer);
  assert.equal(more.length, 0);
  const bytes = hex(packet?.bytes ?? '');
  assert.deepEqual(bytes.slice(0, 4), hex('00000002'));
  assert.deepEqual(readIpv4(bytes.slice(4)).payload.slice(0, 16), hex('1000 88be 00000007 1021 180b 00000000'));
});

test('A119 filter-drop on the outer packet only prevents delivery, on a frame that is delivered it drops', async () => {
  const rig = await ErspanRig.start(
    `${EXACT} -monitor`,
    'ifconfig mem1 create up',
    'ifconfig veb0 create add mem1 add erspan0 up',
  );
  const bench = new CaptureBench(rig.router);
  const plain = bench.attach('erspan0');
  const loop = bench.attach('erspan0', { link: 'LOOP', fildrop: 'drop' });
  rig.receive(PEER, typeTwo(mirrored()));
  assert.equal(rig.sent('mem1').length, 0);
  assert.equal(bench.take(plain).length, 1, 'the frame inside is shown all the same');
  assert.deepEqual(rig.drops(), {});
  rig.router.captures.detach(loop);
  bench.attach('erspan0', { fildrop: 'drop' });
  rig.receive(PEER, typeTwo(mirrored()));
  rig.receive(PEER, typeTwo(mirrored(), { word0: 0x10000400 }));
  assert.equal(rig.sent('mem1').length, 0);
  assert.deepEqual(rig.drops(), { 'erspan0 fildrop': 1 }, 'of a frame that is for captures alone it is ignored');
});

test('A120 frames that are only captured count by their own length (E7); too short ones are counted, not shown (E14)', async () => {
  const rig = await ErspanRig.start(`ifconfig erspan0 create tunneladdr ${US} up`);
  const bench = new CaptureBench(rig.router);
  const capture = bench.attach('erspan0');
  rig.receive(PEER, typeTwo(mirrored(1, 60)));
  rig.receive(PEER, typeTwo(mirrored(1, 1000)));
  assert.deepEqual(rig.counts('erspan0'), [2, 1060, 0, 0]);
  rig.receive(PEER, typeTwo(mirrored().slice(0, 13)));
  assert.equal(bench.take(capture).length, 2);
  assert.deepEqual(rig.drops(), { 'erspan0 erspan-short': 1 });
});

test('A121 another version is counted and declined (E6)', async () => {
  const rig = await ErspanRig.start(`ifconfig erspan0 create tunneladdr ${US} up`);
  for (const version of [0, 2, 3, 15]) rig.receive(PEER, typeTwo(mirrored(), { word0: (version << 28) >>> 0 }));
  assert.deepEqual(rig.drops(), { 'mem0 erspan-version': 4 });
});

test('A122 type I is for who asks for it by link1, by source before any, and never for others', async () => {
  const one = (mark: number): Uint8Array => Uint8Array.from([...hex('0000 88be'), ...mirrored(mark)]);
  const rig = await ErspanRig.start(
    `ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 0 up`,
    `ifconfig erspan1 create tunneladdr ${US} up`,
  );
  rig.receive(PEER, one(1));
  assert.deepEqual(rig.drops(), { 'mem0 no-tunnel': 1 });
  await rig.router.configure(
    `ifconfig erspan2 create link1 tunnel ${US} ${PEER} up`,
    `ifconfig erspan3 create link1 tunneladdr ${US} up`,
  );
  const bench = new CaptureBench(rig.router);
  const capture = bench.attach('erspan2');
  rig.receive(PEER, one(2));
  assert.deepEqual(bench.brief(capture), [`erspan2 in ${Buffer.from(mirrored(2)).toString('hex')}`]);
  rig.receive(OTHER, one(3));
  rig.receive(OTHER, typeTwo(mirrored()));
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => rig.counts(`erspan${n}`)[0]),
    [0, 1, 1, 1],
  );
});

test('A122 type III: subheaders, the frame behind them; a bad or a cut frame, and one that is IP, is not delivered', async () => {
  const rig = await ErspanRig.start(
    `${EXACT} -monitor`,
    'ifconfig mem1 create up',
    'ifconfig veb0 create add mem1 add erspan0 up',
  );
  const three = (header: string): Uint8Array =>
    Uint8Array.from([...hex(`1000 22eb 00000007 ${header}`), ...mirrored()]);
  rig.receive(PEER, three('2021 0005 00000001 0000 8000'));
  rig.receive(PEER, three('2021 0005 00000001 0000 8001 0c000001 00000002'));
  assert.deepEqual(rig.sent('mem1'), [mirrored(), mirrored()]);
  const bench = new CaptureBench(rig.router);
  const [frames, packets] = [bench.attach('erspan0'), bench.attach('erspan0', { link: 'RAW' })];
  for (const header of ['2021 0405', '2021 0805', '2021 1005', '2021 1805']) {
    rig.receive(PEER, three(`${header} 00000001 0000 8000`));
  }
  assert.deepEqual([bench.take(frames).length, bench.take(packets).length], [4, 4]);
  rig.receive(PEER, three('2021 0005 00000001 0000 8800'));
  assert.deepEqual([bench.take(frames).length, bench.take(packets).length], [0, 1], 'an IP packet is no frame');
  assert.equal(rig.sent('mem1').length, 0);
  assert.deepEqual(rig.drops(), {});
  rig.receive(PEER, three('1021 0005 00000001 0000 8000'));
  rig.receive(PEER, hex('1000 22eb 00000007 2021 0005 00000001 0000 8001 0c000001 000000'));
  assert.deepEqual(rig.drops(), { 'mem0 erspan-version': 1, 'mem0 gre-short': 1 });
});

test('A122 gaps, late and double numbers are counted by source and session', async () => {
  const rig = await ErspanRig.start(`ifconfig erspan0 create tunneladdr ${US} up`);
  const come = (from: string, session: number, ...numbers: number[]): void => {
    for (const sequence of numbers) rig.receive(from, typeTwo(mirrored(), { session, sequence }));
  };
  come(PEER, 5, 1, 2, 4, 6, 5, 5);
  come(PEER, 6, 1000, 1001);
  come(OTHER, 5, 9, 19);
  const { heap } = rig.router.memory.views;
  const seen = readSequences(heap, heap[Control.SEQUENCES])
    .map((s) => [s.source[0] & 255, s.session, s.received, s.lost, s.reordered, s.duplicate])
    .sort();
  assert.deepEqual(seen, [
    [2, 5, 6, 1, 1, 1],
    [2, 6, 2, 0, 0, 0],
    [3, 5, 2, 9, 0, 0],
  ]);
});

test('A123 a span port whose way leads through its own bridge does not mirror what it made', async () => {
  const rig = await ErspanRig.start(
    'ifconfig mem1 create up',
    'ifconfig vport0 create inet 10.0.0.1/24 up',
    'ifconfig erspan0 create tunnel 10.0.0.1 10.0.0.2 vnetid 5 up',
    'ifconfig veb0 create add mem1 add vport0 addspan erspan0 up',
  );
  rig.router.bindNeighbour('vport0', '10.0.0.2', mac(7));
  rig.push('mem1', [mirrored()]);
  const [outer, ...more] = rig.sent('mem1');
  assert.equal(more.length, 0);
  assert.deepEqual(greOf(outer).slice(16), mirrored());
  // The frame to vport0's bridge was mirrored once; the mirror's own packet a second time would have been a loop.
  assert.deepEqual(rig.drops(), { 'erspan0 loop': 1, 'vport0 other-host': 1 });
});

test('A123 two that mirror each other end as well', async () => {
  const rig = await ErspanRig.start(
    ...['ifconfig mem1 create up', 'ifconfig mem2 create up'],
    ...['ifconfig vport0 create inet 10.0.0.1/24 up', 'ifconfig vport1 create inet 10.0.1.1/24 up'],
    'ifconfig erspan0 create tunnel 10.0.1.1 10.0.1.2 vnetid 1 up',
    'ifconfig erspan1 create tunnel 10.0.0.1 10.0.0.2 vnetid 2 up',
    'ifconfig veb0 create add mem1 add vport0 addspan erspan0 up',
    'ifconfig veb1 create add mem2 add vport1 addspan erspan1 up',
  );
  rig.router.bindNeighbour('vport0', '10.0.0.2', mac(7));
  rig.router.bindNeighbour('vport1', '10.0.1.2', mac(8));
  rig.push('mem1', [mirrored()]);
  assert.equal(rig.sent('mem2').length, 1);
  assert.equal(rig.sent('mem1').length, 1);
  assert.equal(rig.drops()['erspan0 loop'], 1);
});

/** erspan1, whose packets go by erspan0: a tunnel in a tunnel. */
const NESTED = [
  `ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 5 -monitor inet 10.5.0.1/24 up`,
  'ifconfig erspan1 create tunnel 10.5.0.1 10.5.0.9 vnetid 6 -monitor up',
];

test('A115 ERSPAN in ERSPAN comes out whole, all of a burst in their order', async () => {
  const rig = await ErspanRig.start(
    ...NESTED,
    'ifconfig mem1 create up',
    'ifconfig veb0 create add mem1 add erspan1 up',
  );
  const to = Uint8Array.from(rig.lladdr('erspan0'));
  let sequence = 0;
  for (const burst of [1, 4, 1, 2]) {
    const frames = Array.from({ length: burst }, (_, n) => mirrored(n + 1));
    const packets = frames.map((frame) => {
      const inner = ipv4('10.5.0.9', '10.5.0.1', 47, typeTwo(frame, { session: 6, sequence }));
      return rig.outer(PEER, typeTwo(ether(to, mac(5), 0x0800, inner), { sequence: sequence++ }));
    });
    rig.push('mem0', packets);
    assert.deepEqual(rig.sent('mem1'), frames);
  }
  assert.deepEqual(rig.drops(), {});
  assert.deepEqual([rig.counts('erspan0')[0], rig.counts('erspan1')[0]], [8, 8]);
});

test('A123 a mirror whose way leads through another tunnel leaves by each once', async () => {
  const rig = await ErspanRig.start(
    ...NESTED,
    ...['ifconfig mem1 create up', 'ifconfig mem2 create up'],
    'ifconfig veb0 create add mem1 add mem2 addspan erspan1 up',
  );
  rig.router.bindNeighbour('erspan0', '10.5.0.9', mac(9));
  const frames = [mirrored(1), mirrored(2), mirrored(3)];
  rig.push('mem1', frames);
  const [...outer] = rig.sent('mem0').map((frame) => greOf(frame).slice(16));
  assert.deepEqual(
    outer.map((frame) => greOf(frame).slice(16)),
    frames,
  );
  assert.deepEqual(rig.sent('mem2'), frames);
  assert.deepEqual(rig.drops(), {});
  await rig.router.configure('ifconfig veb0 delspan erspan1 addspan erspan0');
  rig.push('mem1', frames);
  assert.equal(rig.sent('mem0').length, 3);
});

test('E8 a source of zeros matches nobody', async () => {
  const rig = await ErspanRig.start(
    `ifconfig erspan0 create tunneladdr ${US} up`,
    `ifconfig erspan1 create tunneladdr ${US6} up`,
  );
  rig.receive('0.0.0.0', typeTwo(mirrored()));
  rig.receive('::', typeTwo(mirrored()));
  assert.deepEqual(rig.drops(), { 'mem0 martian-source': 2 });
});

test('E11 a C-tag at the front is in the header too, and stays in the frame; an S-tag is not', async () => {
  const rig = await ErspanRig.start(EXACT, ...SPAN, 'ifconfig veb0 link2');
  const tagged = mirrored();
  tagged.set(hex('8100 6021'), 12);
  const service = mirrored();
  service.set(hex('88a8 0021'), 12);
  rig.push('mem1', [tagged, service]);
  const [one, two] = rig.sent('mem0').map(greOf);
  assert.deepEqual(one.slice(8), Uint8Array.from([...hex('1021 7805 00000000'), ...tagged]));
  assert.deepEqual(two.slice(8), Uint8Array.from([...hex('1000 6005 00000000'), ...service]));
});

test('E16 priorities 0 and 1 change places in the class of service, both ways', async () => {
  const rig = await ErspanRig.start(EXACT, 'ifconfig mem1 create up', 'ifconfig veb0 create add mem1 add erspan0 up');
  await rig.router.configure('ifconfig erspan0 -monitor');
  const other = `ifconfig erspan1 create tunnel ${US} ${OTHER} vnetid 9 up`;
  await rig.router.configure(other, 'ifconfig veb0 addspan erspan1');
  const back = (word0: number): number => {
    rig.receive(PEER, typeTwo(mirrored(), { word0 }));
    rig.sent('mem1');
    return greOf(rig.sent('mem0')[0])[10] >> 5;
  };
  assert.deepEqual(
    [0, 1, 2, 7].map((cos) => back(0x10000000 | (cos << 13))),
    [0, 1, 2, 7],
  );
  const tosOf = (rxprio: string, cos: number): Promise<number> =>
    rig.router.configure(`ifconfig erspan0 rxprio ${rxprio}`).then(() => {
      rig.push('mem0', [rig.outer(PEER, typeTwo(mirrored(), { word0: 0x10000000 | (cos << 13) }), { tos: 0xa0 })]);
      return readIpv4(rig.sent('mem0')[0].slice(14)).tos >> 5;
    });
  // txprio packet: the outer TOS shows what the frame's priority became.
  assert.equal(await tosOf('payload', 0), 1);
  assert.equal(await tosOf('payload', 1), 0);
  assert.equal(await tosOf('outer', 2), 5);
  assert.equal(await tosOf('7', 2), 7);
  assert.equal(await tosOf('packet', 2), DEFAULT_PRIORITY);
});

test('net.inet.gre.allow 0 stops both directions, and nothing else', async () => {
  const rig = await ErspanRig.start(EXACT, ...SPAN);
  rig.router.memory.views.heap[Control.GRE] = 0;
  rig.receive(PEER, typeTwo(mirrored()));
  rig.push('mem1', [mirrored()]);
  assert.deepEqual(rig.drops(), { 'mem0 gre-off': 1, 'erspan0 gre-off': 1 });
  assert.equal(rig.sent('mem2').length, 1);
  assert.deepEqual(rig.counts('erspan0'), [0, 0, 0, 0]);
});

test('an interface that is down takes nothing', async () => {
  const rig = await ErspanRig.start(EXACT);
  await rig.router.configure('ifconfig erspan0 down');
  rig.receive(PEER, typeTwo(mirrored()));
  assert.deepEqual(rig.drops(), { 'mem0 no-tunnel': 1 });
});

test('a frame above the MTU loses its end and has T set; with DF the way counts too; else the outer packet is cut', async () => {
  const rig = await ErspanRig.start(EXACT, ...SPAN, 'ifconfig erspan0 mtu 128');
  rig.push('mem1', [mirrored(1, 142), mirrored(1, 143)]);
  const [fits, cut] = rig.sent('mem0').map(greOf);
  assert.deepEqual([fits.length - 16, fits[10] & 4], [142, 0]);
  assert.deepEqual([cut.length - 16, cut[10] & 4], [142, 4]);
  await rig.router.configure('ifconfig erspan0 mtu 1500 tunneldf');
  rig.push('mem1', [mirrored(1, 1514)]);
  const [short] = rig.sent('mem0').map((frame) => readIpv4(frame.slice(14)));
  assert.deepEqual([short.df, short.payload.length + 20, short.payload[10] & 4], [true, 1500, 4]);
  await rig.router.configure('ifconfig erspan0 -tunneldf');
  rig.push('mem1', [mirrored(1, 1514)]);
  const parts = rig.sent('mem0').map((frame) => readIpv4(frame.slice(14)));
  assert.deepEqual(Buffer.concat(parts.map((p) => p.payload)).subarray(16), Buffer.from(mirrored(1, 1514)));
  assert.deepEqual(rig.drops(), {});
});

test('copies beyond the budget of a turn are dropped and counted, the originals are not', async () => {
  const rig = await ErspanRig.start(EXACT, ...SPAN);
  rig.router.memory.views.heap[Control.MIRRORS] = 10;
  rig.push(
    'mem1',
    Array.from({ length: 32 }, () => mirrored()),
  );
  assert.equal(rig.sent('mem2').length, 32);
  assert.equal(rig.sent('mem0').length, 10);
  assert.deepEqual(rig.drops(), { 'erspan0 mirror': 22 });
});

test('A3 as a port it takes part in the bridge: learned, sent to, flooded to', async () => {
  const rig = await ErspanRig.start(
    `${EXACT} -monitor`,
    'ifconfig mem1 create up',
    'ifconfig veb0 create add mem1 add erspan0 up',
  );
  rig.receive(PEER, typeTwo(mirrored(1)));
  assert.equal(rig.sent('mem1').length, 1);
  const answer = mirrored(2);
  answer.set(hex('020000000a02 020000000a01'));
  rig.push('mem1', [answer]);
  assert.deepEqual(greOf(rig.sent('mem0')[0]).slice(16), answer);
  const flags = rig.router.memory.views.heap[ifRecord(rig.router.table.get('erspan0').index) + If.PORT_FLAGS];
  assert.notEqual(flags, 0);
});

test('with an address and without monitor it is an interface of the stack', async () => {
  const rig = await ErspanRig.start(`${EXACT} -monitor inet 10.5.0.1/24`);
  const inner = new Uint8Array(14 + 28);
  inner.set([...rig.lladdr('erspan0'), ...mac(5), 8, 0]);
  inner.set(ipv4('10.5.0.9', '192.0.2.2', 17, new Uint8Array(8)), 14);
  rig.receive(PEER, typeTwo(inner));
  const [frame] = rig.sent('mem0');
  assert.equal(readIpv4(frame.slice(14)).ttl, 63, 'it is forwarded');
});
