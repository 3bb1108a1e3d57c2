/** Matrix A, veb ingress and forwarding: rows that need no capture, rule, protected domain or vport. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { A, B, BROADCAST, C, frame, MULTICAST, macBytes, Rig } from '../support/rig.js';

let rig: Rig;

/** Whatever a row did, every frame is accounted for. */
afterEach(() => assert.deepEqual(rig.bookErrors(), []));

/** Lets the bridge learn that `mac` is on `port`, and forgets the copies. */
function learn(port: string, mac: string, ports: string[]): void {
  rig.send(port, frame(BROADCAST, mac));
  rig.counts(...ports);
}

const PORTS = ['mem0', 'mem1', 'mem2'];

test("A1 a veb that is down leaves a frame to the port's own input and counts nothing", async () => {
  rig = await Rig.bridge(3, 'veb0 down');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 0);
  assert.equal(rig.counter('mem0', Lane.IPACKETS), 1);
  assert.equal(rig.counter('mem0', Lane.CONSUMED), 1);
  assert.deepEqual(rig.addresses(), []);
});

test('A1 A50 the stack of a port hears all while its veb is down, and answers nothing by the port', async () => {
  rig = await Rig.bridge(2);
  await rig.ifconfig('veb0 del mem0', 'mem0 inet 10.0.0.1/24', 'veb0 add mem0', 'veb0 down');
  rig.router.bindNeighbour('mem0', '10.0.0.9', Uint8Array.from(macBytes(A)));
  const request = frame(BROADCAST, A, { type: 0x0806 });
  request.set([0, 1, 8, 0, 6, 4, 0, 1, ...macBytes(A), 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1], 14);
  rig.send('mem0', request);
  assert.deepEqual(rig.counts('mem0', 'mem1'), [0, 0]);
  assert.equal(rig.drops('mem0', Drop.BRIDGE_PORT), 1);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 0);
  await rig.ifconfig('veb0 del mem0');
  rig.send('mem0', request);
  assert.deepEqual(rig.counts('mem0', 'mem1'), [1, 0]);
});

for (const type of [0x8100, 0x88a8]) {
  test(`A5 ethertype 0x${type.toString(16)} without link2 is counted, dropped, not learned`, async () => {
    rig = await Rig.bridge(3);
    rig.send('mem0', frame(BROADCAST, A, { type }));
    assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
    assert.equal(rig.counter('veb0', Lane.IPACKETS), 1);
    assert.equal(rig.drops('mem0', Drop.VLAN), 1);
    assert.deepEqual(rig.addresses(), []);
  });

  test(`A5 ethertype 0x${type.toString(16)} with link2 is bridged, its tag untouched`, async () => {
    rig = await Rig.bridge(3, 'veb0 link2');
    const sent = frame(BROADCAST, A, { type });
    rig.send('mem0', sent);
    assert.deepEqual(
      rig.received('mem1').map((f) => f.bytes),
      [sent],
    );
    assert.deepEqual(rig.addresses(), [`${A} mem0`]);
  });
}

const reserved = Array.from({ length: 16 }, (_, x) => `01:80:c2:00:00:0${x.toString(16)}`);

test('A8 without link0 no reserved group address is forwarded, counted or learned from', async () => {
  rig = await Rig.bridge(3);
  for (const dst of reserved) rig.send('mem0', frame(dst, A));
  assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 0);
  assert.equal(rig.counter('veb0', Lane.RETURNED), 16);
  assert.equal(rig.counter('mem0', Lane.CONSUMED), 16);
  assert.deepEqual(rig.addresses(), []);
});

test("A8 A50 what the port's own stack would answer in the frame goes nowhere, the next frame of the burst its way", async () => {
  rig = await Rig.bridge(2);
  await rig.ifconfig('veb0 del mem0', 'mem0 inet 10.0.0.1/24', 'veb0 add mem0');
  rig.router.bindNeighbour('mem0', '10.0.0.9', Uint8Array.from(macBytes(A)));
  const request = frame('01:80:c2:00:00:0e', A, { type: 0x0806 });
  request.set([0, 1, 8, 0, 6, 4, 0, 1, ...macBytes(A), 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1], 14);
  rig.burst('mem0', [request, frame(BROADCAST, A)]);
  assert.deepEqual(rig.counts('mem0', 'mem1'), [0, 1]);
  assert.equal(rig.drops('mem0', Drop.BRIDGE_PORT), 1, 'the stack does not send by a port');
  assert.equal(rig.counter('veb0', Lane.RETURNED), 1);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 1);
  assert.equal(rig.counter('veb0', Lane.IBYTES), 60);
});

test('A9 with link0 only 0, b, c, d, f are forwarded', async () => {
  rig = await Rig.bridge(2, 'veb0 link0');
  const through = reserved.filter((dst) => {
    rig.send('mem0', frame(dst, A));
    return rig.received('mem1').length === 1;
  });
  assert.deepEqual(
    through.map((dst) => dst.at(-1)),
    ['0', 'b', 'c', 'd', 'f'],
  );
  assert.equal(rig.counter('veb0', Lane.RETURNED), 11);
});

test('A8 the group addresses next to the reserved block are ordinary multicast', async () => {
  rig = await Rig.bridge(2);
  for (const dst of ['01:80:c2:00:00:10', '01:80:c2:00:01:00', '01:80:c3:00:00:00', '01:80:c2:01:00:0e']) {
    rig.send('mem0', frame(dst, A));
    assert.equal(rig.received('mem1').length, 1, dst);
  }
});

test('A15 a port without learn teaches nothing, and forwards', async () => {
  rig = await Rig.bridge(3, 'veb0 -learn mem0');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts(...PORTS), [0, 1, 1]);
  assert.deepEqual(rig.addresses(), []);
});

test('A16 a known destination goes to its port alone, once, unmodified', async () => {
  rig = await Rig.bridge(3);
  learn('mem1', A, PORTS);
  const sent = frame(A, B, { mark: 5, length: 1514 });
  rig.send('mem0', sent);
  assert.deepEqual(
    rig.received('mem1').map((f) => f.bytes),
    [sent],
  );
  assert.deepEqual(rig.counts('mem0', 'mem2'), [0, 0]);
});

test('A17 A18 a destination on the port it came from is dropped as hairpin, not flooded', async () => {
  rig = await Rig.bridge(3);
  learn('mem0', A, PORTS);
  const floods = rig.counter('veb0', Lane.FLOODED);
  rig.send('mem0', frame(A, B));
  assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
  assert.equal(rig.drops('mem0', Drop.HAIRPIN), 1);
  assert.equal(rig.counter('veb0', Lane.FLOODED), floods);
});

test('A19 an unknown destination reaches every other port once, unmodified', async () => {
  rig = await Rig.bridge(3);
  const sent = frame(C, A, { mark: 9 });
  rig.send('mem0', sent);
  assert.deepEqual(rig.counts('mem0'), [0]);
  for (const port of ['mem1', 'mem2'])
    assert.deepEqual(
      rig.received(port).map((f) => f.bytes),
      [sent],
    );
});

test('A20 a port without discover gets no unknown unicast, but broadcast and multicast', async () => {
  rig = await Rig.bridge(3, 'veb0 -discover mem2');
  rig.send('mem0', frame(C, A));
  assert.deepEqual(rig.counts(...PORTS), [0, 1, 0]);
  assert.equal(rig.drops('mem2', Drop.FLOOD_NODISCOVER), 1);
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem0', frame(MULTICAST, A));
  assert.deepEqual(rig.counts(...PORTS), [0, 2, 2]);
});

test('A21 floods skip a port that is down and resume when it is up', async () => {
  rig = await Rig.bridge(3, 'mem2 down');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts(...PORTS), [0, 1, 0]);
  await rig.ifconfig('mem2 up');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts(...PORTS), [0, 1, 1]);
});

test('A22 frames to a known port that is down are dropped and counted, not queued', async () => {
  rig = await Rig.bridge(3);
  learn('mem1', A, PORTS);
  await rig.ifconfig('mem1 down');
  rig.send('mem0', frame(A, B));
  assert.deepEqual(rig.addresses(), [`${A} mem1`, `${B} mem0`], 'what was learned there stays');
  assert.equal(rig.drops('mem1', Drop.NOTRUNNING), 1);
  await rig.ifconfig('mem1 up');
  assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
});

test('A25 a flood that no port may have still counts once', async () => {
  rig = await Rig.bridge(1);
  rig.send('mem0', frame(BROADCAST, A));
  assert.equal(rig.counter('veb0', Lane.OPACKETS), 1);
  assert.equal(rig.counter('veb0', Lane.OBYTES), 60);
});

test('A26 a flood to three ports counts once', async () => {
  rig = await Rig.bridge(4);
  rig.send('mem0', frame(BROADCAST, A));
  assert.equal(rig.counter('veb0', Lane.OPACKETS), 1);
  assert.deepEqual(rig.counts('mem1', 'mem2', 'mem3'), [1, 1, 1]);
});

test('A27 a unicast that is refused does not count as output', async () => {
  rig = await Rig.bridge(2);
  learn('mem0', A, PORTS.slice(0, 2));
  const before = rig.counter('veb0', Lane.OPACKETS);
  rig.send('mem0', frame(A, B));
  assert.equal(rig.counter('veb0', Lane.OPACKETS), before);
});

test('A28 whatever the mix, frames in equal unicasts, floods and drops', async () => {
  rig = await Rig.bridge(3, 'veb0 -discover mem2');
  const destinations = [A, B, C, BROADCAST, MULTICAST, '01:80:c2:00:00:0e'];
  for (let n = 0; n < 300; n++) {
    const type = n % 11 === 0 ? 0x8100 : 0x88b5;
    rig.send(`mem${n % 3}`, frame(destinations[n % 6] as string, [A, B, C][(n >> 2) % 3] as string, { type }));
  }
  const veb = (word: Lane): number => rig.counter('veb0', word);
  const drops = ['mem0', 'mem1', 'mem2'].reduce(
    (sum, p) => sum + rig.drops(p, Drop.VLAN) + rig.drops(p, Drop.HAIRPIN),
    0,
  );
  assert.equal(veb(Lane.IPACKETS), veb(Lane.UNICAST) + veb(Lane.FLOODED) + drops);
  assert.equal(veb(Lane.IPACKETS) + veb(Lane.RETURNED), 300);
});

test("A29 a frame to a port's own MAC is bridged like any other", async () => {
  rig = await Rig.bridge(3, 'mem1 lladdr 02:00:00:00:00:99');
  rig.send('mem0', frame('02:00:00:00:00:99', A));
  assert.deepEqual(rig.counts(...PORTS), [0, 1, 1]);
  assert.equal(rig.counter('mem1', Lane.CONSUMED), 0);
});

test('A31 a frame shorter than 14 bytes never reaches the bridge', async () => {
  rig = await Rig.bridge(2);
  for (const length of [0, 1, 13]) rig.send('mem0', frame(BROADCAST, A).subarray(0, length));
  assert.equal(rig.drops('mem0', Drop.RUNT), 3);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 0);
  assert.deepEqual(rig.counts('mem1'), [0]);
});

test('A32 losing carrier changes nothing while the port is running: its addresses stay and floods reach it', async () => {
  // A memory port has no carrier to lose; what the row asks is that nothing but RUNNING decides.
  rig = await Rig.bridge(2);
  learn('mem1', A, ['mem0', 'mem1']);
  await rig.ifconfig('mem1 description moved');
  rig.send('mem0', frame(A, B));
  assert.deepEqual(rig.counts('mem0', 'mem1'), [0, 1]);
});

test('superframes pass whole, their offload state with them', async () => {
  rig = await Rig.bridge(2);
  const sent = frame(BROADCAST, A, { type: 0x0800, length: 40_014 });
  const vnet: [number, number, number] = [0x01 | (1 << 8) | (54 << 16), 1448 | (34 << 16), 16];
  rig.send('mem0', sent, vnet);
  const [got] = rig.received('mem1');
  assert.deepEqual(got?.vnet, vnet);
  assert.deepEqual(got?.bytes, sent);
  assert.ok(rig.counter('mem0', Lane.IWIRE) > 20);
  assert.equal(rig.counter('mem1', Lane.OWIRE), rig.counter('mem0', Lane.IWIRE));
});

test('a virtio-net header that lies is dropped as offload and harms nothing else', async () => {
  rig = await Rig.bridge(2);
  const lies: [number, number, number][] = [
    [1, 50 << 16, 16],
    [1 | (1 << 8), 34 << 16, 16],
    [1 | (2 << 8), 1448 | (34 << 16), 16],
    [1 << 8, 1448 | (34 << 16), 16],
    [(200 << 16) | 1, 34 << 16, 16],
  ];
  for (const vnet of lies) rig.send('mem0', frame(BROADCAST, A), vnet);
  assert.equal(rig.drops('mem0', Drop.OFFLOAD), lies.length);
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem1'), [1]);
});

test('the pool run dry drops with a reason and recovers', async () => {
  rig = await Rig.bridge(2);
  const { cache } = rig.router.ctx;
  const taken: number[] = [];
  for (let slot = cache.takeFrame(); slot !== -1; slot = cache.takeFrame()) taken.push(slot);
  rig.send('mem0', frame(BROADCAST, A));
  assert.equal(rig.drops('mem1', Drop.NOBUF), 1);
  for (const slot of taken) cache.give(slot);
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem1'), [1]);
});
