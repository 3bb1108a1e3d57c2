/**
 * Matrix A, captures at the stack's interfaces: vport, rport, injected frames, over two workers (spec A §4, §5.3, §8).
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { CaptureBench } from '../support/captures.js';
import { etherFrame } from '../support/ip-frame.js';
import { LiveRouter } from '../support/live-router.js';
import { BROADCAST, frame } from '../support/rig.js';
import { afterHops, udpPacket } from '../support/udp-packet.js';

const V0 = '02:00:00:00:01:00';
const R9 = '02:00:00:00:01:09';
const H9 = '02:00:00:00:02:09';
const HOST = '02:00:00:00:02:00';
const OTHER = '02:00:00:00:02:77';

/** vport0 on veb0 with mem0, mem1 and the span port mem2; the host 10.0.9.2 aside, behind mem9; 10.0.0.2 behind mem0. */
const BRIDGE = [
  ...['veb0', 'mem0', 'mem1', 'mem2'].map((name) => `ifconfig ${name} create up`),
  `ifconfig vport0 create lladdr ${V0} inet 10.0.0.1/24 up`,
  'ifconfig veb0 add mem0 add mem1 add vport0 addspan mem2',
  `arp -s 10.0.0.2 ${HOST}`,
  `ifconfig mem9 create lladdr ${R9} inet 10.0.9.1/24 up`,
  `arp -s 10.0.9.2 ${H9}`,
];
/** mem0 in rdomain 0 and mem1 in rdomain 1, joined by rport0 and rport1. */
const RPORTS = [
  `ifconfig mem0 create lladdr ${R9} inet 10.0.0.1/24 inet6 2001:db8:0::1/64 up`,
  `ifconfig mem1 create lladdr ${V0} rdomain 1 inet 10.0.1.1/24 inet6 2001:db8:1::1/64 up`,
  `arp -V 1 -s 10.0.1.2 ${HOST}`,
  `ndp -V 1 -s 2001:db8:1::2 ${HOST}`,
  'ifconfig rport0 create inet 169.254.0.1 169.254.0.2 inet6 fd00::1 fd00::2 up',
  'ifconfig rport1 create rdomain 1 inet 169.254.0.2 169.254.0.1 inet6 fd00::2 fd00::1 up',
  'ifconfig rport0 parent rport1',
  'route add default 169.254.0.2',
  'route add -inet6 default fd00::2',
];

let live: LiveRouter;
let bench: CaptureBench;

async function start(lines: readonly string[]): Promise<void> {
  live = await LiveRouter.start(...lines);
  bench = new CaptureBench(live.router);
}

/** Whatever a row did, every frame is accounted for. */
afterEach(() => live.stop());

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const ONWARD = udpPacket('10.0.9.2', '10.0.0.2', { payload: Buffer.alloc(100, 7) });
const onward = etherFrame(R9, H9, 0x0800, ONWARD);
const arrived = etherFrame(HOST, V0, 0x0800, afterHops(ONWARD, 1), true);
const BACK = udpPacket('10.0.0.2', '10.0.9.2', { payload: Buffer.alloc(100, 9) });
const back = etherFrame(V0, HOST, 0x0800, BACK);

test('A97 stack to bridge: captured OUT on the vport and without direction on the veb, spanned, learned, ruled as from the vport', async () => {
  await start(BRIDGE);
  const [vport, veb] = [bench.attach('vport0'), bench.attach('veb0')];
  await live.send('mem9', onward);
  assert.deepEqual(bench.brief(vport), [`vport0 out ${hex(arrived)}`]);
  assert.deepEqual(bench.brief(veb), [`veb0  ${hex(arrived)}`]);
  assert.deepEqual(
    live.received('mem2').map((f) => hex(f.bytes)),
    [hex(arrived)],
  );
  const listed = live.router.vebs.list(live.router.table.get('veb0')).map((a) => `${a.mac} ${a.port}`);
  assert.deepEqual(listed, [`${V0} vport0`]);
  await live.words('ifconfig veb0 rule block in on vport0');
  await live.send('mem9', onward);
  assert.equal(bench.take(vport).length, 1, 'the capture comes before the rules');
  assert.equal(live.drops('vport0', Drop.RULES_IN), 1);
});

test('A98 bridge to stack: captured IN on the vport, frames to others too; those do not get to IP', async () => {
  await start(BRIDGE);
  const vport = bench.attach('vport0');
  const foreign = etherFrame(OTHER, HOST, 0x0800, BACK);
  await live.send('mem0', back, foreign);
  assert.deepEqual(bench.brief(vport), [`vport0 in ${hex(back)}`, `vport0 in ${hex(foreign)}`]);
  assert.equal(live.received('mem9').length, 1);
  assert.equal(live.drops('vport0', Drop.OTHER_HOST), 1);
});

test('A133 a capture of a vport that excludes OUT hides what goes to the bridge, and that alone', async () => {
  await start(BRIDGE);
  const [into, all] = [bench.attach('vport0', { direction: 'in' }), bench.attach('vport0')];
  await live.send('mem9', onward);
  await live.send('mem0', back);
  assert.deepEqual(bench.brief(into), [`vport0 in ${hex(back)}`]);
  assert.equal(bench.take(all).length, 2);
});

test('a verdict at a vport is ignored towards the bridge and honoured towards the stack', async () => {
  await start(BRIDGE);
  const vport = bench.attach('vport0', { fildrop: 'capture' });
  await live.send('mem9', onward);
  assert.equal(live.received('mem0').length, 1);
  await live.send('mem0', back);
  assert.equal(live.received('mem9').length, 0);
  assert.equal(live.drops('vport0', Drop.FILDROP), 1);
  assert.equal(live.counter('vport0', Lane.IPACKETS) > 0, true);
  assert.equal(bench.take(vport).length, 2);
});

test('A96 a vport whose bridge is down: what the stack sends is counted and captured', async () => {
  await start([...BRIDGE, 'ifconfig veb0 down']);
  const vport = bench.attach('vport0');
  await live.send('mem9', onward);
  assert.deepEqual(bench.brief(vport), [`vport0 out ${hex(arrived)}`]);
});

test('A110 the monitor flag of a vport: what its bridge gives it ends there, counted and captured', async () => {
  await start([...BRIDGE, 'ifconfig vport0 monitor']);
  const vport = bench.attach('vport0');
  const before = live.counter('vport0', Lane.IPACKETS);
  await live.send('mem0', back);
  assert.equal(live.received('mem9').length, 0);
  assert.equal(live.counter('vport0', Lane.IPACKETS) - before, 1);
  assert.equal(bench.take(vport).length, 1);
});

const packet4 = udpPacket('10.0.0.2', '10.0.1.2', { payload: Buffer.alloc(40, 1) });
const packet6 = udpPacket('2001:db8:0::2', '2001:db8:1::2', { payload: Buffer.alloc(40, 2) });
const frame4 = etherFrame(R9, H9, 0x0800, packet4);
const frame6 = etherFrame(R9, H9, 0x86dd, packet6);

test('A107 an rport: OUT on the sender and IN on the receiver, behind the family in four bytes, the packets as they are', async () => {
  await start(RPORTS);
  const [out, into] = [bench.attach('rport0'), bench.attach('rport1')];
  await live.send('mem0', frame4, frame6);
  // IPv6 is 24, as in OpenBSD; forwarding into the rport took one hop.
  const loop = [`00000002${hex(afterHops(packet4, 1))}`, `00000018${hex(afterHops(packet6, 1))}`];
  assert.deepEqual(bench.brief(out).sort(), loop.map((bytes) => `rport0 out ${bytes}`).sort());
  assert.deepEqual(bench.brief(into).sort(), loop.map((bytes) => `rport1 in ${bytes}`).sort());
  assert.deepEqual(
    live
      .received('mem1')
      .map((f) => hex(f.bytes))
      .sort(),
    [
      hex(etherFrame(HOST, V0, 0x0800, afterHops(packet4, 2), true)),
      hex(etherFrame(HOST, V0, 0x86dd, afterHops(packet6, 2), true)),
    ].sort(),
    'nothing of the headers that captures were shown is left in the frames',
  );
});

for (const [side, drops, sender] of [
  ['rport0', 'rport0', true],
  ['rport1', 'rport1', false],
] as const) {
  test(`A107 fildrop on ${side} stops the packet there`, async () => {
    await start(RPORTS);
    const capture = bench.attach(side, { fildrop: 'drop' });
    await live.send('mem0', frame4);
    assert.equal(live.received('mem1').length, 0);
    assert.equal(live.drops(drops, Drop.FILDROP), 1);
    assert.deepEqual(bench.take(capture), []);
    assert.equal(live.counter('rport0', Lane.OPACKETS), 1);
    assert.equal(live.counter('rport1', Lane.IPACKETS), sender ? 0 : 1);
  });
}

test('A110 the monitor flag of the peer stops packets, counted and captured', async () => {
  await start([...RPORTS, 'ifconfig rport1 monitor']);
  const into = bench.attach('rport1');
  await live.send('mem0', frame4);
  assert.equal(live.received('mem1').length, 0);
  assert.equal(bench.take(into).length, 1);
  assert.equal(live.counter('rport1', Lane.IPACKETS), 1);
  assert.equal(live.counter('rport1', Lane.CONSUMED), 1);
});

test('what is injected is captured as what is sent', async () => {
  await start([...BRIDGE, ...RPORTS.filter((line) => line.includes('rport'))]);
  const [port, veb, vport, rport, peer] = ['mem1', 'veb0', 'vport0', 'rport0', 'rport1'].map((n) => bench.attach(n));
  const sent = frame(BROADCAST, HOST);
  await live.words(`inject mem1 ${hex(sent)}`, `inject vport0 ${hex(sent)}`, `inject rport0 00000002${hex(packet4)}`);
  await live.settle();
  const text = hex(sent);
  assert.deepEqual(bench.brief(port as never), [`mem1 out ${text}`, `mem1 out ${text}`], 'injected, and flooded');
  assert.deepEqual(bench.brief(vport as never), [`vport0 out ${text}`]);
  assert.deepEqual(bench.brief(veb as never), [`veb0  ${text}`], 'not what was injected at the port');
  assert.deepEqual(bench.brief(rport as never), [`rport0 out 00000002${hex(packet4)}`]);
  assert.deepEqual(bench.brief(peer as never), [`rport1 in 00000002${hex(packet4)}`]);
});
