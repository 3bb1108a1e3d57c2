/** Routes as workers find them (main/control/routing.ts): next hops, their interfaces, the bucket of a gateway, addresses of ours. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Control, Rdomain, rdomainBlock } from '../../../../src/shared/layout/heap.js';
import { makeFib4Lookup } from '../../../../src/shared/table/fib4.js';
import { makeFib6Lookup } from '../../../../src/shared/table/fib6.js';
import { INET6, Neighbour, neighbourIn } from '../../../../src/shared/table/neighbour.js';
import { makeNextHopRecord, NextHop, NextHopKind } from '../../../../src/shared/table/next-hop.js';
import { mayBeOwn } from '../../../../src/shared/table/own-sources.js';
import { ip } from '../../../support/fake-stack.js';
import { OfflineRouter } from '../../../support/offline-router.js';

let router: OfflineRouter;
let heap: Int32Array;
beforeEach(async () => {
  router = new OfflineRouter();
  heap = router.memory.views.heap;
  await router.ifconfig('mem0 create 10.0.0.1/24 inet6 2001:db8::1/64 up', 'mem1 create rdomain 7 10.0.0.1/24 up');
});

const table = (rdomain: number, word: Rdomain): number => heap[rdomainBlock(rdomain) + word] as number;

/** The record of the next hop of an address in a domain. */
function hopOf(address: string, rdomain = 0): number {
  const [a = 0, b = 0, c = 0, d = 0] = ip(address);
  const index =
    ip(address).length === 1
      ? makeFib4Lookup(heap)(table(rdomain, Rdomain.FIB4), a)
      : makeFib6Lookup(heap)(table(rdomain, Rdomain.FIB6), a, b, c, d);
  return makeNextHopRecord(heap)(heap[Control.NEXT_HOPS] as number, index);
}

const kindOf = (address: string, rdomain = 0): number => heap[hopOf(address, rdomain) + NextHop.KIND] as number;

test('an address makes a local, a connected and a broadcast route, in its own domain alone', () => {
  assert.equal(kindOf('10.0.0.1'), NextHopKind.LOCAL);
  assert.equal(kindOf('10.0.0.77'), NextHopKind.CONNECTED);
  assert.equal(kindOf('10.0.0.255'), NextHopKind.BROADCAST);
  assert.equal(kindOf('10.0.1.1'), NextHopKind.NONE);
  const [zero, seven] = [hopOf('10.0.0.77'), hopOf('10.0.0.77', 7)].map((hop) => heap[hop + NextHop.INTERFACE]);
  assert.deepEqual([zero, seven], [router.table.get('mem0').index, router.table.get('mem1').index]);
});

test('a gateway is found in the bucket that its next hop names', async () => {
  await router.route('add 10.9.0.0/16 10.0.0.9', 'add 2001:db8:9::/48 2001:db8::9');
  const { index } = router.table.get('mem0');
  for (const [to, gateway, where] of [
    ['10.9.1.1', '10.0.0.9', index],
    ['2001:db8:9::1', '2001:db8::9', index | INET6],
  ] as const) {
    const hop = hopOf(to);
    const [a = 0, b = 0, c = 0, d = 0] = ip(gateway);
    const find = (): number => neighbourIn(heap, heap[hop + NextHop.NEIGHBOUR] as number, where, a, b, c, d);
    assert.equal(heap[hop + NextHop.KIND], NextHopKind.GATEWAY);
    assert.equal(find(), 0);
    router.bindNeighbour('mem0', gateway, Uint8Array.of(2, 0, 0, 0, 0, 9));
    assert.equal(heap[find() + Neighbour.HI], 2);
  }
});

test('a route that changes has its new next hop; routes of an interface made anew lead to the new one', async () => {
  await router.route('add 10.9.0.0/16 10.0.0.9');
  const before = hopOf('10.9.1.1');
  await router.route('change 10.9.0.0/16 10.0.0.8');
  assert.notEqual(hopOf('10.9.1.1'), before);
  assert.equal(heap[hopOf('10.9.1.1') + NextHop.GATEWAY], ip('10.0.0.8')[0]);
  const { index, generation } = router.table.get('mem0');
  await router.ifconfig('mem0 destroy');
  await router.ifconfig('mem0 create 10.0.0.1/24 up');
  await router.route('add 10.9.0.0/16 10.0.0.8');
  const now = router.table.get('mem0');
  assert.notDeepEqual([now.index, now.generation], [index, generation]);
  for (const to of ['10.9.1.1', '10.0.0.77', '10.0.0.1']) {
    const hop = hopOf(to);
    assert.deepEqual([heap[hop + NextHop.INTERFACE], heap[hop + NextHop.GENERATION]], [now.index, now.generation], to);
  }
});

test('addresses and broadcasts are marked as no sources until the last domain has lost them', async () => {
  const may = (address: string): boolean =>
    mayBeOwn(heap, heap[Control.OWN_SOURCES] as number, ip(address)[0] as number);
  assert.deepEqual(['10.0.0.1', '10.0.0.255', '10.0.0.2'].map(may), [true, true, false]);
  await router.ifconfig('mem0 destroy');
  assert.ok(may('10.0.0.1'), 'of domain 7');
  await router.ifconfig('mem1 destroy');
  assert.deepEqual(['10.0.0.1', '10.0.0.255'].map(may), [false, false]);
});

test('a domain without routes has no tables', async () => {
  assert.notEqual(table(7, Rdomain.FIB4), 0);
  await router.ifconfig('mem1 destroy', 'lo7 destroy').catch(() => router.ifconfig('mem1 destroy'));
  assert.equal(table(7, Rdomain.FIB4), 0);
  assert.notEqual(table(0, Rdomain.FIB6), 0);
});
