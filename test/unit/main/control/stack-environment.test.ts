/** The stack's world over shared memory (main/control/stack-environment.ts): interfaces as they are now, routes, bindings, the books. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Injector } from '../../../../src/main/control/inject.js';
import { stackEnvironment } from '../../../../src/main/control/stack-environment.js';
import type { StackEnvironment } from '../../../../src/main/stack/environment.js';
import { Drop } from '../../../../src/shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../../../src/shared/layout/counters.js';
import { If, ifRecord } from '../../../../src/shared/layout/heap.js';
import { ip } from '../../../support/fake-stack.js';
import { OfflineRouter } from '../../../support/offline-router.js';

let router: OfflineRouter;
let env: StackEnvironment;
beforeEach(async () => {
  router = new OfflineRouter();
  const { memory, table, neighbours } = router;
  const log = { info: () => {}, warn: () => {} };
  const settings = () => ({
    'net.inet.icmp.errppslimit': 7,
    'net.inet6.icmp6.errppslimit': 8,
    'net.inet6.ip6.dad_count': 2,
  });
  const encapPaths = () => router.routing.encapPaths;
  env = stackEnvironment({ memory, table, injector: new Injector(memory), neighbours, encapPaths, settings, log });
  await router.ifconfig(
    'mem0 create lladdr 02:00:00:00:00:a0 10.0.0.1/24 inet6 2001:db8::1/64 up',
    'mem1 create rdomain 7 10.0.0.1/24 up',
    'veb0 create',
    'vport0 create 10.9.0.1/24 up',
  );
});

const index = (name: string): number => router.table.get(name).index;

test('an interface is described as it is now, its own link-local address with it; a veb is none', async () => {
  const mem0 = env.interfaceOf(index('mem0'));
  assert.deepEqual(
    [mem0?.kind, mem0?.up, mem0?.mtu, mem0?.rdomain, [...(mem0?.lladdr ?? [])]],
    ['ethernet', true, 1500, 0, [2, 0, 0, 0, 0, 0xa0]],
  );
  const addresses = mem0?.addresses.map((a) => [...a.words]);
  assert.deepEqual(
    addresses,
    ['fe80::ff:fe00:a0', '10.0.0.1', '2001:db8::1'].map((text) => [...ip(text)]),
  );
  assert.equal(env.interfaceOf(index('mem0')), mem0);
  await router.ifconfig('mem0 down');
  assert.equal(env.interfaceOf(index('mem0'))?.up, false);
  assert.equal(env.interfaceOf(index('veb0')), undefined);
  assert.equal(env.interfaceOf(index('vport0'))?.up, false, 'on no bridge');
});

test('a route is of its domain: ours, a neighbour, a gateway, none', async () => {
  await router.route('add 10.8.0.0/16 10.0.0.9', 'add -blackhole 10.7.0.0/16');
  const kinds = ['10.0.0.1', '10.0.0.2', '10.0.0.255', '10.8.1.1', '10.7.1.1', '10.6.1.1'].map(
    (to) => env.route(0, 4, ip(to))?.kind,
  );
  assert.deepEqual(kinds, ['local', 'connected', 'broadcast', 'gateway', 'blackhole', undefined]);
  const gateway = env.route(0, 4, ip('10.8.1.1'));
  assert.deepEqual([[...(gateway?.gateway ?? [])], gateway?.out], [[...ip('10.0.0.9')], index('mem0')]);
  assert.equal(env.route(7, 4, ip('10.8.1.1')), undefined);
  assert.equal(env.route(7, 4, ip('10.0.0.2'))?.out, index('mem1'));
  assert.equal(env.route(0, 6, ip('2001:db8::5'))?.kind, 'connected');
});

test('what a packet ends as is booked where it came in', () => {
  const { counters } = router.memory.views;
  const lane = laneOf(router.memory.me, index('mem0'));
  env.drop(index('mem0'), 'ttl');
  env.drop(index('mem0'), 'down');
  env.drop(index('mem0'), 'transmit');
  env.consume(index('mem0'));
  const booked = [Lane.DROPS + Drop.NOTRUNNING, Lane.DROPS + Drop.RING_FULL, Lane.CONSUMED];
  assert.deepEqual(
    booked.map((at) => counters[lane + at]),
    [1, 1, 1],
  );
});

test('settings and bindings', () => {
  assert.deepEqual([env.errorLimit(4), env.errorLimit(6), env.dadCount()], [7, 8, 2]);
  const at = index('mem0');
  env.bindNeighbour(at, 4, ip('10.0.0.2'), Uint8Array.of(2, 0, 0, 0, 0, 9), true);
  assert.equal(env.neighbourUsed(at, 4, ip('10.0.0.2')), false);
  env.unbindNeighbour(at, 4, ip('10.0.0.2'));
  env.tentative(at, 3);
  assert.equal(router.memory.views.heap[ifRecord(at) + If.TENTATIVE], 3);
});
