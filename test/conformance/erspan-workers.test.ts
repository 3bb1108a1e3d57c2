/**
 * erspan as a span port among several workers: one of them counts the sequence, copies are complete and in order, superframes are cut, and what
 * does not fit the budget is counted.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { ErspanRig, mirrored } from '../support/erspan.js';
import { mac } from '../support/fake-stack.js';
import { readIpv4 } from '../support/naive-ip.js';
import { RoutedRig } from '../support/routed-rig.js';
import { assertSegments, build, noise, type Recipe, TCP } from '../support/superframe.js';

const PORTS = ['mem0', 'mem1', 'mem2', 'mem3'];
let rig: RoutedRig;
before(async () => {
  rig = await RoutedRig.start(
    [
      'ifconfig mem9 create inet 192.0.2.1/24 up',
      ...PORTS.map((port) => `ifconfig ${port} create up`),
      'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 up',
      `ifconfig veb0 create ${PORTS.map((port) => `add ${port}`).join(' ')} addspan erspan0 up`,
    ],
    3,
  );
  rig.neighbour('mem9', '192.0.2.2', mac(2));
});
after(() => rig.stop());

test('A117 frames of all workers get numbers in a row, and leave in their order', async () => {
  for (let n = 0; n < 50; n++) {
    for (const [side, port] of PORTS.entries()) {
      const frame = mirrored(n, 100);
      frame[5] = 0x77;
      frame[11] = side;
      frame[15] = n;
      rig.push(port, frame);
    }
    if (n % 10 === 9) await rig.settle();
  }
  await rig.settle();
  const outer = rig.take('mem9').map((bytes) => readIpv4(bytes.slice(14)).payload);
  assert.equal(outer.length, 200);
  assert.deepEqual(
    outer.map((gre) => new DataView(gre.buffer, gre.byteOffset).getUint32(4)),
    Array.from({ length: 200 }, (_, n) => n),
  );
  for (const side of PORTS.keys()) {
    const order = outer.filter((gre) => gre[16 + 11] === side).map((gre) => gre[16 + 15]);
    assert.deepEqual(
      order,
      Array.from({ length: 50 }, (_, n) => n),
    );
  }
  for (const port of PORTS) assert.equal(rig.take(port).length, 150);
  assert.deepEqual(rig.drops(), {});
});

test('A117 link0 names the port that a frame came in by, whoever received it; as a port of the bridge too', async () => {
  const index = (port: string): number => rig.router.table.get(port).index;
  for (const words of ['', 'delspan erspan0 add erspan0 -discover mem0']) {
    if (words !== '') await rig.command(`ifconfig veb0 ${words}`);
    await rig.command('ifconfig erspan0 link0');
    await rig.settle();
    rig.take('mem9');
    for (const [side, port] of PORTS.entries()) {
      const frame = mirrored(side);
      frame[5] = 0x78;
      frame[11] = 0x40 + side;
      rig.push(port, frame);
    }
    await rig.settle();
    const outer = rig.take('mem9').map((bytes) => readIpv4(bytes.slice(14)).payload);
    const seen = outer.map((gre) => [
      (gre[16 + 11] as number) - 0x40,
      new DataView(gre.buffer, gre.byteOffset).getUint32(12),
    ]);
    assert.deepEqual(
      seen.toSorted(([a = 0], [b = 0]) => a - b),
      PORTS.map((port, side) => [side, index(port)]),
    );
  }
  await rig.command('ifconfig veb0 del erspan0 addspan erspan0 discover mem0', 'ifconfig erspan0 -link0');
  for (const port of PORTS) rig.take(port);
});

test('A123 mirrors of each other, owned by different workers, end too', async () => {
  await rig.command(
    'ifconfig vport0 create inet 10.0.0.1/24 up',
    'ifconfig vport1 create inet 10.0.1.1/24 up',
    'ifconfig erspan1 create tunnel 10.0.1.1 10.0.1.2 vnetid 1 up',
    'ifconfig erspan2 create tunnel 10.0.0.1 10.0.0.2 vnetid 2 up',
    'ifconfig mem5 create up',
    'ifconfig veb1 create add mem5 add vport0 addspan erspan1 up',
    'ifconfig veb2 create add vport1 addspan erspan2 up',
  );
  await rig.usable();
  rig.neighbour('vport0', '10.0.0.2', mac(7));
  rig.neighbour('vport1', '10.0.1.2', mac(8));
  await rig.settle();
  const sent = (): number =>
    ['erspan1', 'erspan2'].reduce(
      (sum, name) => sum + total(rig.router.memory.views, rig.router.table.get(name).index, Lane.OPACKETS),
      0,
    );
  const was = sent();
  await rig.send('mem5', mirrored());
  assert.ok(sent() - was >= 1 && sent() - was <= 3, `${sent() - was} packets of one frame`);
  await rig.command('ifconfig veb1 destroy', 'ifconfig veb2 destroy');
});

test('a superframe is mirrored as its segments, each with a right checksum and a number of its own', async () => {
  const one = await ErspanRig.start(
    'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 up',
    'ifconfig mem0 mtu 9000',
    'ifconfig mem1 create up',
    'ifconfig mem2 create up',
    'ifconfig veb0 create add mem1 add mem2 addspan erspan0 up',
  );
  const recipe: Recipe = { version: 4, protocol: TCP, payload: noise(10_000), size: 1448 };
  const made = build(recipe);
  one.push('mem1', [made.bytes], made.vnet);
  const outer = one.sent('mem0').map((bytes) => readIpv4(bytes.slice(14)).payload);
  assertSegments(
    recipe,
    made,
    outer.map((gre) => ({ bytes: gre.slice(16), vnet: [0, 0, 0] as const })),
  );
  assert.deepEqual(
    outer.map((gre) => [gre[7], gre[10] & 4]),
    Array.from({ length: 7 }, (_, n) => [n, 0]),
  );
  assert.deepEqual(one.drops(), {});
});
