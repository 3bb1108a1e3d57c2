/** The way to main (workers/punt.ts): what becomes of a frame, and of a copy, that finds no room on it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryHost } from '../../../src/main/memory/memory-host.js';
import { total } from '../../../src/shared/counter/books.js';
import { Drop } from '../../../src/shared/counter/drop-reason.js';
import { Lane } from '../../../src/shared/layout/counters.js';
import { etherFrame } from '../../support/ip-frame.js';
import { OfflineRouter } from '../../support/offline-router.js';
import { B, macBytes } from '../../support/rig.js';
import { outer, sidRoute, srh } from '../../support/srv6-rig.js';
import { udpPacket } from '../../support/udp-packet.js';

test('a packet that leaves where it came from goes on though main cannot hear of it; of one that a SID passes on main need not hear', async () => {
  const router = new OfflineRouter();
  await router.ifconfig('mem0 create inet6 2001:db8:c::1/64 up');
  const network = 'fcff:1::e';
  await router.edit(
    ({ state }) => void state.routes.push(sidRoute(network, 128, 'mem0', { action: 'End', count: true })),
  );
  router.bindNeighbour('mem0', '2001:db8:c::2', Uint8Array.from(macBytes(B)));
  const { lladdr, index } = router.table.get('mem0');
  const host = new MemoryHost(router.memory, router.table.get('mem0'));
  const send = (packet: Uint8Array): void => {
    assert.ok(host.send(etherFrame(lladdr, B, 0x86dd, packet)));
    while (router.loop.pollMemoryPorts() !== 0);
  };
  const refused = (): number => total(router.memory.views, index, Lane.DROPS + Drop.PUNT_FULL);
  // Nobody takes what has no route.
  while (refused() === 0) send(udpPacket('2001:db8:c::2', '2001:db8:77::1'));
  send(udpPacket('2001:db8:c::3', '2001:db8:c::2'));
  assert.equal(refused(), 2);
  assert.equal(host.receive().length, 1);
  send(outer(network, [srh([network, '2001:db8:c::2'], 1)], 59, new Uint8Array(0), { src: '2001:db8:c::3' }));
  assert.equal(refused(), 2);
  assert.equal(host.receive().length, 1);
  assert.deepEqual(router.routing.countsOf({ rdomain: 0, network, length: 128 }), { packets: 1, bytes: 80, errors: 0 });
  assert.deepEqual(router.books().errors, []);
});
