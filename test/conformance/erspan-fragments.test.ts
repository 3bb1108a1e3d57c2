/** ERSPAN whose outer packet comes in fragments or behind extension headers: by way of main, and back to a worker (A118, spec A §6.5). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { mirrored, typeTwo } from '../support/erspan.js';
import { ether, ipv4, ipv6, mac } from '../support/fake-stack.js';
import { RoutedRig } from '../support/routed-rig.js';

let rig: RoutedRig;
before(async () => {
  rig = await RoutedRig.start([
    'ifconfig mem0 create inet 192.0.2.1/24 inet6 2001:db8::1/64 up',
    'ifconfig mem1 create up',
    'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 -monitor up',
    'ifconfig erspan1 create tunneladdr 2001:db8::1 up',
    'ifconfig veb0 create add mem1 add erspan0 up',
  ]);
  rig.neighbour('mem0', '192.0.2.2', mac(2));
});
after(() => rig.stop());

const packets = (name: string): number =>
  total(rig.router.memory.views, rig.router.table.get(name).index, Lane.IPACKETS);
const LONG = mirrored(7, 1400);

test('A118 fragments are put together by main, and the frame is delivered; the books hold', async () => {
  const gre = typeTwo(LONG, { session: 5 });
  const piece = (from: number, to: number): Uint8Array =>
    ether(
      rig.lladdr('mem0'),
      mac(2),
      0x0800,
      ipv4('192.0.2.2', '192.0.2.1', 47, gre.slice(from, to), { id: 9, offset: from, mf: to < gre.length }),
    );
  const dropped = await rig.dropsOf(() => rig.send('mem0', piece(800, gre.length), piece(0, 800)));
  assert.deepEqual(dropped, {});
  assert.deepEqual(rig.take('mem1'), [LONG]);
  assert.equal(packets('erspan0'), 1);
});

test('A118 the same of IPv6, and behind destination options', async () => {
  const gre = typeTwo(LONG, { session: 5 });
  const from6 = (next: number, payload: Uint8Array): Uint8Array =>
    ether(rig.lladdr('mem0'), mac(2), 0x86dd, ipv6('2001:db8::2', '2001:db8::1', next, payload));
  const piece = (from: number, to: number): Uint8Array =>
    from6(
      44,
      Uint8Array.from([
        47,
        0,
        from >> 8,
        (from & 0xf8) | (to < gre.length ? 1 : 0),
        0,
        0,
        0,
        9,
        ...gre.slice(from, to),
      ]),
    );
  await rig.send('mem0', piece(0, 800), piece(800, gre.length));
  assert.equal(packets('erspan1'), 1);
  await rig.send('mem0', from6(60, Uint8Array.from([47, 0, 1, 4, 0, 0, 0, 0, ...gre])));
  assert.equal(packets('erspan1'), 2);
  await rig.send('mem0', from6(0, Uint8Array.from([47, 0, 1, 4, 0, 0, 0, 0, ...gre])));
  assert.equal(packets('erspan1'), 3, 'hop-by-hop options need no detour');
});

test('A118 GRE that nobody takes gets no answer', async () => {
  const frame = ether(
    rig.lladdr('mem0'),
    mac(2),
    0x0800,
    ipv4('192.0.2.2', '192.0.2.1', 47, Uint8Array.of(0, 0, 8, 0)),
  );
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', frame)), { 'gre-protocol': 1 });
  assert.equal(rig.take('mem0').length, 0);
});
