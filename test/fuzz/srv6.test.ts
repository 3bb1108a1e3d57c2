/**
 * Random SRHs and chains of extension headers at SIDs of every behaviour: no crash, nothing read beyond a packet, and the books hold.
 * Packets are made of parts that are nearly right, as noise would not come far.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newInterface } from '../../src/main/config/state.js';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import { etherFrame } from '../support/ip-frame.js';
import { OfflineRouter } from '../support/offline-router.js';
import { dt4, encapRoute, type Header, INNER, outer, sidRoute, srh } from '../support/srv6-rig.js';
import { BOX_MS, didOperations, SEED } from '../support/stress.js';
import { udpPacket } from '../support/udp-packet.js';

const OURS = '02:ff:00:00:00:c0';
const SIDS = [
  'fcff:1::d4',
  'fcff:1::e',
  'fcff:1::ef',
  'fcff:1::e2',
  'fcff:1::e3',
  'fcff:1::d2',
  'fcff:1::d6',
  'fcff:1::46',
];
const FAR = 'fcff:2::e';

const segment = fc.constantFrom(...SIDS, FAR, '2001:db8:c::1', 'ff02::1', '::1');
const routing = fc
  .tuple(
    fc.array(segment, { minLength: 1, maxLength: 4 }),
    fc.integer({ min: 0, max: 5 }),
    fc.dictionary(fc.integer({ min: 1, max: 6 }).map(String), fc.nat(255), { maxKeys: 1 }),
  )
  .map(([path, left, changes]): Header => srh(path, left, changes));
const other = fc
  .tuple(fc.constantFrom(0, 43, 44, 51, 60), fc.uint8Array({ minLength: 7, maxLength: 39 }))
  .map(([number, rest]): Header => [number, (next) => Uint8Array.from([next, (rest.length >> 3) & 3, ...rest])]);
const packet = fc
  .record({
    to: fc.constantFrom(...SIDS),
    headers: fc.array(fc.oneof({ weight: 3, arbitrary: routing }, other), { maxLength: 4 }),
    protocol: fc.constantFrom(4, 41, 143, 17, 58, 59),
    payload: fc.oneof(
      fc.constantFrom(INNER, udpPacket('cafe::1', 'cafe::9'), udpPacket('10.0.0.1', '10.1.1.9')),
      fc.uint8Array({ maxLength: 60 }),
    ),
    hl: fc.constantFrom(0, 1, 64),
    cut: fc.integer({ min: -8, max: 8 }),
  })
  .map(({ to, headers, protocol, payload, hl, cut }) => {
    const bytes = outer(to, headers, protocol, payload, { hl });
    return etherFrame(OURS, '02:00:00:00:00:01', 0x86dd, bytes.subarray(0, bytes.length - Math.max(cut, 0)), true);
  });

/** An edge with SIDs of all kinds and a tunnel that leads to one of them. */
async function edge(): Promise<OfflineRouter> {
  const router = new OfflineRouter();
  await router.ifconfig(`mem0 create lladdr ${OURS} inet6 2001:db8:c::1/64 up`);
  await router.edit(({ state }) => {
    const vrf = newInterface('vrf-100', 'vrf');
    Object.assign(vrf, { rdomain: 100, up: true });
    const port = newInterface('mem1', 'mem');
    Object.assign(port, { rdomain: 100, up: true, master: 'vrf-100' });
    port.addresses.push(
      { family: 'inet', address: '10.0.0.254', length: 24, destination: '' },
      { family: 'inet6', address: 'cafe::254', length: 64, destination: '' },
    );
    state.interfaces.set('vrf-100', vrf).set('mem1', port);
    const end = (address: string, sid: Parameters<typeof sidRoute>[3]): number =>
      state.routes.push(sidRoute(address, 128, 'mem0', { count: true, ...sid }));
    state.routes.push(dt4(SIDS[0] as string, 100, true), encapRoute(100, '10.1.0.0/16', [SIDS[0] as string]));
    end('fcff:1::e', { action: 'End' });
    end('fcff:1::ef', { action: 'End', flavors: ['psp', 'usp', 'usd'] });
    end('fcff:1::e2', { action: 'End.X', nh6: '2001:db8:c::2', flavors: ['psp'] });
    end('fcff:1::e3', { action: 'End.T', table: 0 });
    end('fcff:1::d2', { action: 'End.DX2', oif: 'mem1' });
    end('fcff:1::d6', { action: 'End.DX6', nh6: '::' });
    end('fcff:1::46', { action: 'End.DT46', vrftable: 100, vrf: 'vrf-100' });
  });
  router.bindNeighbour('mem0', '2001:db8:c::2', Uint8Array.of(2, 0, 0, 0, 0, 2));
  router.bindNeighbour('mem1', '10.0.0.2', Uint8Array.of(2, 0, 0, 0, 0, 3));
  return router;
}

test('random headers at every kind of SID: each packet ends, none is longer than its slot, the books balance', async (t) => {
  const router = await edge();
  const host = (name: string): MemoryHost => new MemoryHost(router.memory, router.table.get(name));
  const [core, tenant] = [host('mem0'), host('mem1')];
  const punted = router.takePunts();
  let bursts = 0;
  const property = fc.property(fc.array(packet, { minLength: 1, maxLength: 20 }), (frames) => {
    bursts++;
    for (const frame of frames) assert.ok(core.send(frame));
    while (router.loop.pollMemoryPorts() !== 0);
    for (const { bytes } of [...core.receive(), ...tenant.receive()]) assert.ok(bytes.length <= Slot.FRAME_MAX);
    punted();
    assert.deepEqual(router.books().errors, []);
  });
  fc.assert(property, { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: BOX_MS });
  didOperations(t, bursts);
  const { views } = router.memory;
  const passed = ['vrf-100'].map((name) => total(views, router.table.get(name).index, Lane.IPACKETS));
  assert.ok((passed[0] as number) > 0, 'some came through');
  assert.equal(views.meta.length % (1 << Meta.SHIFT), 0);
});
