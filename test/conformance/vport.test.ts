/** Matrix A, vport: a bridge's door to the router's own stack, and what a port with addresses may not do. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { vportOutput } from '../../src/workers/ether/ethernet-output.js';
import { etherFrame } from '../support/ip-frame.js';
import { LiveRouter } from '../support/live-router.js';
import { A, B, BROADCAST, frame, Rig } from '../support/rig.js';
import { afterHops, udpPacket } from '../support/udp-packet.js';
import { UNPROBED } from '../support/usable.js';

const V0 = '02:00:00:00:01:00';
const V1 = '02:00:00:00:01:01';
const R9 = '02:00:00:00:01:09';
const H9 = '02:00:00:00:02:09';
const HOST = '02:00:00:00:02:00';

/** veb0 with mem0, mem1 and vport0, which is 10.0.0.1; a host 10.0.0.2 behind mem0. */
const BRIDGE = [
  'ifconfig veb0 create up',
  'ifconfig mem0 create up',
  'ifconfig mem1 create up',
  `ifconfig vport0 create lladdr ${V0} inet 10.0.0.1/24 up`,
  'ifconfig veb0 add mem0 add mem1 add vport0',
  `arp -s 10.0.0.2 ${HOST}`,
];
/** mem9, which is 10.0.9.1 and no port; a host 10.0.9.2 behind it. */
const ASIDE = [`ifconfig mem9 create lladdr ${R9} inet 10.0.9.1/24 up`, `arp -s 10.0.9.2 ${H9}`];

let live: LiveRouter;

/** Whatever a row did, every frame is accounted for. */
afterEach(() => live.stop());

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const plain = (port: string): string[] => live.received(port).map((f) => hex(f.bytes));

/** From the host aside to the host on the bridge, through the router. */
const ONWARD = udpPacket('10.0.9.2', '10.0.0.2', { payload: Buffer.alloc(100, 7) });
const onward = etherFrame(R9, H9, 0x0800, ONWARD);
const arrived = hex(etherFrame(HOST, V0, 0x0800, afterHops(ONWARD, 1), true));
/** The other way. */
const BACK = udpPacket('10.0.0.2', '10.0.9.2', { payload: Buffer.alloc(100, 9) });
const back = etherFrame(V0, HOST, 0x0800, BACK);
const returned = hex(etherFrame(H9, R9, 0x0800, afterHops(BACK, 1), true));

test('a vport routes between its bridge and another interface, both ways, byte for byte, and counts', async () => {
  live = await LiveRouter.start(...BRIDGE, ...ASIDE);
  const words = [Lane.IPACKETS, Lane.IBYTES, Lane.OPACKETS, Lane.OBYTES];
  const before = words.map((word) => live.counter('vport0', word));
  await live.send('mem9', onward);
  assert.deepEqual([plain('mem0'), plain('mem1')], [[arrived], [arrived]], 'flooded');
  await live.send('mem0', back);
  assert.deepEqual([plain('mem9'), plain('mem1')], [[returned], []], 'known');
  const grown = words.map((word, n) => live.counter('vport0', word) - (before[n] as number));
  assert.deepEqual(grown, [1, back.length, 1, arrived.length / 2]);
});

test('a vport that joins a bridge tells its link of its addresses: ARP at once, IPv6 when nobody else has it', async () => {
  live = await LiveRouter.start(...BRIDGE, 'ifconfig veb0 del vport0', 'ifconfig vport0 inet6 2001:db8::1/64');
  live.all('mem0');
  const heard: string[] = [];
  const hears = async (what: string, start: string): Promise<void> => {
    for (const end = performance.now() + 5000; !heard.some((one) => one.startsWith(start)); await sleep(20)) {
      assert.ok(performance.now() < end, `${what}: ${heard.join(', ')}`);
      heard.push(...live.all('mem0').map(({ bytes }) => hex(bytes)));
    }
  };
  const own = V0.replaceAll(':', '');
  const request = `ffffffffffff${own}08060001080006040001${own}0a000001`;
  await live.words('ifconfig veb0 add vport0');
  await hears('a gratuitous request', request);
  await hears('a probe', `3333ff000001${own}86dd60000000`);
  await hears('an advertisement', `333300000001${own}86dd60000000`);
  heard.splice(0);
  await live.words('ifconfig mem1 mtu 1400');
  await live.settle();
  assert.deepEqual(heard, [], 'nothing new, nothing said');
  await live.words('ifconfig veb0 down', 'ifconfig veb0 up');
  await hears('the bridge is back', request);
});

test('A95 a vport on no bridge: ENETDOWN, and it counts nothing as sent', async () => {
  live = await LiveRouter.start(...BRIDGE, ...ASIDE, 'ifconfig veb0 del vport0');
  const [sent, bytes] = [live.counter('vport0', Lane.OPACKETS), live.counter('vport0', Lane.OBYTES)];
  // What it announced when it joined may have been on its way.
  const lost = live.drops('vport0', Drop.DETACHED);
  await assert.rejects(live.words(`inject vport0 ${hex(frame(A, V0))}`), { code: 'ENETDOWN' });
  assert.match(await live.words('ping -c 1 10.0.0.2'), /not sent: down/);
  await live.send('mem9', onward);
  assert.equal(live.drops('vport0', Drop.DETACHED) - lost, 1);
  assert.deepEqual([live.counter('vport0', Lane.OPACKETS), live.counter('vport0', Lane.OBYTES)], [sent, bytes]);
  assert.deepEqual(plain('mem0'), []);
});

test('A96 its bridge is down: sending succeeds and is counted, and the frame is gone with a reason', async () => {
  live = await LiveRouter.start(...BRIDGE, ...ASIDE, 'ifconfig veb0 down');
  const sent = live.counter('vport0', Lane.OPACKETS);
  const lost = live.drops('vport0', Drop.NOTRUNNING);
  const entered = live.counter('veb0', Lane.IPACKETS);
  await live.words(`inject vport0 ${hex(frame(A, V0))}`);
  await live.send('mem9', onward);
  assert.equal(live.counter('vport0', Lane.OPACKETS) - sent, 2);
  assert.equal(live.drops('vport0', Drop.NOTRUNNING) - lost, 2);
  assert.equal(live.counter('veb0', Lane.IPACKETS), entered, 'it did not enter the bridge');
  assert.deepEqual(plain('mem0'), []);
});

test('a frame of the stack to a reserved group ends at its vport', async () => {
  live = await LiveRouter.start(...BRIDGE);
  await live.words(`inject vport0 ${hex(frame('01:80:c2:00:00:0e', V0))}`);
  await live.settle();
  assert.equal(live.counter('veb0', Lane.RETURNED), 1);
  assert.equal(live.drops('vport0', Drop.DETACHED), 1);
});

test('A97 what the stack sends is learned on the vport, spanned, and passes the IN rules of its port', async () => {
  live = await LiveRouter.start(...BRIDGE, ...ASIDE, 'ifconfig mem2 create up', 'ifconfig veb0 addspan mem2 flush');
  await live.send('mem9', onward);
  const addresses = await live.json<{ mac: string; port: string }[]>('ifconfig veb0 addr');
  assert.ok(addresses.some(({ mac, port }) => mac === V0 && port === 'vport0'));
  assert.deepEqual(plain('mem2'), [arrived]);
  live.received('mem0');
  live.received('mem1');

  await live.words(`ifconfig veb0 rule block in on vport0 dst ${HOST}`);
  await live.send('mem9', onward);
  assert.equal(live.drops('vport0', Drop.RULES_IN), 1);
  assert.deepEqual([plain('mem0'), plain('mem1')], [[], []]);
  assert.deepEqual(plain('mem2'), [arrived], 'a span port sees what is blocked later');
  await live.words('ifconfig veb0 flushrule vport0', `ifconfig veb0 rule block out on vport0 src ${HOST}`);
  await live.send('mem0', back);
  assert.equal(live.drops('vport0', Drop.RULES_OUT), 1);
  assert.deepEqual(plain('mem9'), []);
});

test('a vport and a port in one protected domain do not hear each other', async () => {
  live = await LiveRouter.start(...BRIDGE, ...ASIDE, 'ifconfig veb0 protected mem0 3 protected vport0 3');
  await live.send('mem0', back);
  assert.deepEqual(plain('mem9'), []);
  assert.equal(live.drops('vport0', Drop.PROTECTED), 1);
});

test('A98 unicast to another station that is flooded to a vport is not delivered to IP', async () => {
  live = await LiveRouter.start(...BRIDGE, ...ASIDE);
  const [came, other] = [live.counter('vport0', Lane.IPACKETS), live.drops('vport0', Drop.OTHER_HOST)];
  await live.send('mem0', etherFrame(B, HOST, 0x0800, BACK));
  assert.equal(live.counter('vport0', Lane.IPACKETS) - came, 1);
  assert.equal(live.drops('vport0', Drop.OTHER_HOST) - other, 1);
  assert.deepEqual(plain('mem9'), []);
  assert.equal(plain('mem1').length, 1);
});

test('a vport that is down gets neither known unicast nor floods, and both when it is up again', async () => {
  live = await LiveRouter.start(...BRIDGE, ...ASIDE);
  await live.send('mem9', onward);
  live.received('mem0');
  live.received('mem1');
  await live.words('ifconfig vport0 down');
  await live.settle();
  const lost = live.drops('vport0', Drop.NOTRUNNING);
  const came = live.counter('vport0', Lane.IPACKETS);
  await live.send('mem0', back);
  assert.equal(live.drops('vport0', Drop.NOTRUNNING) - lost, 1);
  assert.deepEqual(plain('mem1'), [], 'it was known there');
  await live.send('mem0', frame(BROADCAST, HOST));
  assert.equal(live.drops('vport0', Drop.NOTRUNNING) - lost, 2);
  await live.send('mem9', onward);
  assert.equal(live.drops('vport0', Drop.NOTRUNNING) - lost, 3);
  assert.equal(live.counter('vport0', Lane.IPACKETS), came);
  await live.words('ifconfig vport0 up', `arp -s 10.0.0.2 ${HOST}`);
  await live.send('mem0', back);
  assert.deepEqual(plain('mem9'), [returned]);
});

test('A99 two vports in rdomains 1 and 2 on one veb ping each other; each sees its own rdomain', async () => {
  live = await LiveRouter.start(
    UNPROBED,
    'ifconfig veb0 create up',
    `ifconfig vport0 create lladdr ${V0} rdomain 1 inet 10.0.0.1/24 inet6 2001:db8::1/64 up`,
    `ifconfig vport1 create lladdr ${V1} rdomain 2 inet 10.0.0.2/24 inet6 2001:db8::2/64 up`,
    'ifconfig veb0 add vport0 add vport1',
  );
  for (const words of ['-V 1 10.0.0.2', '-V 2 10.0.0.1', '-V 1 2001:db8::2', '-V 2 2001:db8::1']) {
    assert.match(await live.words(`ping -c 1 ${words}`), / 1 packets received, 0\.0% packet loss/, words);
  }
  const neighbours = async (rdomain: number): Promise<string[]> =>
    (await live.json<{ address: string; lladdr: string; interface: string }[]>(`arp -V ${rdomain} -a`)).map(
      ({ address, lladdr, interface: name }) => `${address} ${lladdr} ${name}`,
    );
  assert.deepEqual(await neighbours(1), [`10.0.0.2 ${V1} vport0`]);
  assert.deepEqual(await neighbours(2), [`10.0.0.1 ${V0} vport1`]);
  assert.deepEqual(await neighbours(0), []);
  await assert.rejects(live.words('ping -c 1 10.0.0.2'), { code: 'ENETUNREACH' });
  const addresses = await live.json<{ mac: string; port: string }[]>('ifconfig veb0 addr');
  assert.deepEqual(addresses.map(({ mac, port }) => `${mac} ${port}`).sort(), [`${V0} vport0`, `${V1} vport1`]);
});

test('A100 from the stack by a vport into the bridge, and by another into the stack: neither happens on the call stack of the other', async () => {
  live = await LiveRouter.start();
  const rig = await Rig.bridge(1, 'vport0 create up', 'vport1 create up rdomain 1', 'veb0 add vport0 add vport1');
  const { ctx, table } = rig.router;
  const [from, to] = [table.get('vport0').index, table.get('vport1').index];
  const slot = ctx.cache.takeFrame();
  const at = ctx.slotOffset[slot] + 256;
  const bytes = frame(BROADCAST, V0);
  ctx.u8.set(bytes, at);
  ctx.meta.fill(0, slot << 3, (slot << 3) + 8);
  ctx.meta.set([at, bytes.length], slot << 3);
  ctx.slots[0] = slot;
  ctx.length[0] = bytes.length;
  ctx.n = 1;
  vportOutput(ctx, 0, from);
  assert.equal(rig.counter('vport0', Lane.OPACKETS), 1);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 0, 'the bridge has not seen it yet');
  assert.equal(ctx.workList.length, 1);
  // A frame from a port runs the worker, which takes up what waits; each step is a burst of its own.
  rig.send('mem0', frame(BROADCAST, A));
  assert.equal(ctx.workList.length, 0);
  assert.equal(rig.counter('vport1', Lane.IPACKETS), 2);
  assert.equal(rig.counter('vport0', Lane.IPACKETS), 1);
  assert.equal(rig.counts('mem0')[0], 1);
  assert.notEqual(from, to);
});

test('A47 A60 what may be a port, and what a span port', async () => {
  live = await LiveRouter.start(
    ...['veb0', 'rport0', 'vport0', 'vport1', 'mem0'].map((name) => `ifconfig ${name} create`),
    'ifconfig mem0 rdomain 1',
  );
  const refused: [string, string][] = [
    ['veb0 add rport0', 'EPROTONOSUPPORT'],
    ['veb0 add lo1', 'EPROTONOSUPPORT'],
    ['veb0 addspan rport0', 'EPROTONOSUPPORT'],
    ['veb0 addspan vport0', 'EPROTONOSUPPORT'],
    ['veb0 add vport9', 'EINVAL'],
    ['vport0 add mem0', 'ENOTTY'],
  ];
  for (const [words, code] of refused) await assert.rejects(live.words(`ifconfig ${words}`), { code }, words);
  await live.words('ifconfig veb0 add vport0 add vport1');
  await assert.rejects(live.words('ifconfig veb0 add vport0'), { code: 'EBUSY' });
  await assert.rejects(live.words('ifconfig veb0 addspan vport0'), { code: 'EBUSY' });
});

test('A49 a port gets no address, a vport does', async () => {
  live = await LiveRouter.start(...BRIDGE, 'ifconfig mem2 create', 'ifconfig veb0 addspan mem2');
  for (const name of ['mem0', 'mem2']) {
    await assert.rejects(live.words(`ifconfig ${name} inet 10.2.0.1/24`), { code: 'EBUSY' });
    await assert.rejects(live.words(`ifconfig ${name} inet6 2001:db8::1/64`), { code: 'EBUSY' });
  }
  await assert.rejects(live.words('ifconfig veb0 inet 10.2.0.1/24'), { code: 'ENOTTY' });
  await live.words('ifconfig vport0 inet 10.2.0.1/24 alias', 'ifconfig vport0 inet6 2001:db8::1/64');
});

test('A50 the stack does not send by a port that has an address from before, nor by a span port', async () => {
  live = await LiveRouter.start(
    ...BRIDGE,
    ...ASIDE,
    ...['mem3', 'mem4'].map((name, n) => `ifconfig ${name} create inet 10.3.${n}.1/24 up`),
    ...[0, 1].map((n) => `arp -s 10.3.${n}.2 ${B}`),
    'ifconfig veb0 add mem3 addspan mem4',
  );
  const sent = [live.counter('mem3', Lane.OPACKETS), live.counter('mem4', Lane.OPACKETS)];
  for (const n of [0, 1]) await live.send('mem9', etherFrame(R9, H9, 0x0800, udpPacket('10.0.9.2', `10.3.${n}.2`)));
  assert.deepEqual([live.drops('mem3', Drop.BRIDGE_PORT), live.drops('mem4', Drop.BRIDGE_PORT)], [1, 1]);
  assert.match(await live.words('ping -c 1 10.3.0.2'), /not sent: down/);
  assert.deepEqual([live.counter('mem3', Lane.OPACKETS), live.counter('mem4', Lane.OPACKETS)], sent);
  await live.words('ifconfig veb0 del mem3', `arp -s 10.3.0.2 ${B}`);
  await live.send('mem9', etherFrame(R9, H9, 0x0800, udpPacket('10.0.9.2', '10.3.0.2')));
  assert.equal(live.received('mem3').length, 1);
});
