/**
 * A VRF as what receives: the packet filter's place (B22), and a VRF that is gone while its SID stays (B23, B25).
 */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { newInterface } from '../../../../src/main/config/state.js';
import { MemoryHost } from '../../../../src/main/memory/memory-host.js';
import { total } from '../../../../src/shared/counter/books.js';
import { Drop } from '../../../../src/shared/counter/drop-reason.js';
import { Lane } from '../../../../src/shared/layout/counters.js';
import { FilterDirection } from '../../../../src/workers/ether/packet-filter.js';
import { etherFrame } from '../../../support/ip-frame.js';
import { OfflineRouter } from '../../../support/offline-router.js';
import { dt4, INNER, outer, SID, sidRoute } from '../../../support/srv6-rig.js';

const OURS = '02:ff:00:00:00:c0';
const FRAME = etherFrame(OURS, '02:00:00:00:00:01', 0x86dd, outer(SID, [], 4, INNER), true);

describe('a VRF as what receives', () => {
  let router: OfflineRouter;
  let hosts: { core: MemoryHost; tenant: MemoryHost };

  beforeEach(async () => {
    router = new OfflineRouter();
    await router.ifconfig(`mem0 create lladdr ${OURS} inet6 2001:db8:c::1/64 up`);
    await router.edit(({ state }) => {
      addVrf(state, 'vrf-100', 100);
      const port = newInterface('mem1', 'mem');
      Object.assign(port, { rdomain: 100, up: true });
      port.addresses.push({ family: 'inet', address: '10.0.0.254', length: 24, destination: '' });
      state.interfaces.set('mem1', port);
      const { sid } = dt4(SID, 100);
      assert.ok(sid !== undefined);
      state.routes.push(sidRoute(SID, 128, 'mem0', { ...sid, count: true }));
    });
    router.bindNeighbour('mem1', '10.0.0.2', Uint8Array.of(2, 0, 0, 0, 0, 2));
    const host = (name: string): MemoryHost => new MemoryHost(router.memory, router.table.get(name));
    hosts = { core: host('mem0'), tenant: host('mem1') };
  });

  type Draft = Parameters<Parameters<OfflineRouter['edit']>[0]>[0];
  function addVrf(state: Draft['state'], name: string, table: number): void {
    const vrf = newInterface(name, 'vrf');
    Object.assign(vrf, { rdomain: table, up: true });
    state.interfaces.set(name, vrf);
  }

  /** Sends the packet. Returns how many come out at the tenant. */
  function send(): number {
    assert.ok(hosts.core.send(FRAME));
    while (router.loop.pollMemoryPorts() !== 0);
    assert.deepEqual(router.books().errors, []);
    return hosts.tenant.receive().length;
  }
  const counter = (name: string, word: number): number =>
    total(router.memory.views, router.table.get(name).index, word);
  const counts = (): unknown => router.routing.countsOf({ rdomain: 0, network: SID, length: 128 });

  it('B22 a filter that drops: the packet is gone, and its SID has processed it', () => {
    const asked: number[][] = [];
    router.ctx.packetFilter = (i, direction, index, rdomain) => {
      asked.push([i, direction, index, rdomain]);
      return false;
    };
    assert.equal(send(), 0);
    assert.deepEqual(asked, [[0, FilterDirection.IN, router.table.get('vrf-100').index, 100]]);
    assert.equal(counter('vrf-100', Lane.DROPS + Drop.PF), 1);
    assert.deepEqual(counts(), { packets: 1, bytes: 40 + INNER.length, errors: 0 });
    router.ctx.packetFilter = () => true;
    assert.equal(send(), 1);
    assert.equal(counter('vrf-100', Lane.IPACKETS), 2);
  });

  it('B23, B25 the VRF deleted, and another that takes its index: every packet is dropped and counted', async () => {
    assert.equal(send(), 1);
    const { index } = router.table.get('vrf-100');
    await router.edit(({ state }) => void state.interfaces.delete('vrf-100'));
    assert.equal(send(), 0);
    await router.edit(({ state }) => addVrf(state, 'vrf-200', 200));
    assert.equal(router.table.get('vrf-200').index, index, 'the index is used again');
    assert.equal(send(), 0);
    assert.equal(counter('mem0', Lane.DROPS + Drop.VRF_MISSING), 2);
    assert.equal(counter('vrf-200', Lane.IPACKETS), 0);
    assert.deepEqual(counts(), { packets: 1, bytes: 40 + INNER.length, errors: 2 });
  });
});
