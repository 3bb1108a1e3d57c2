/** The look-up with a memory of one: what it answers is what the tables say, and a change of them is seen in the next burst. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { addressWords } from '../../../../src/main/config/address.js';
import { MemoryHost } from '../../../../src/main/memory/memory-host.js';
import { Control } from '../../../../src/shared/layout/heap.js';
import { makeNextHopRecord } from '../../../../src/shared/table/next-hop.js';
import { makeRoute6 } from '../../../../src/shared/table/policy-rules.js';
import { makeRecentRoute6 } from '../../../../src/workers/inet6/recent-route.js';
import { OfflineRouter } from '../../../support/offline-router.js';

/** One differs from the first in each word, and one is the first in another domain. */
const ASKED: readonly (readonly [number, string])[] = [
  [0, '2001:db8:a:1::1'],
  [0, '2001:db8:a:1::1'],
  [0, '2001:db8:b:1::1'],
  [0, '2001:db8:a:2::1'],
  [0, '2001:db9:a:1::1'],
  [0, '2001:db8:a:1:1::1'],
  [0, '2001:db8:a:1::2'],
  [7, '2001:db8:a:1::1'],
];

it('prefixes of one /32 that come and go between bursts', async () => {
  const router = new OfflineRouter();
  await router.ifconfig('mem0 create inet6 2001:dead:c::1/64 up');
  const { ctx } = router;
  const recent = makeRecentRoute6(ctx);
  const route = makeRoute6(ctx.heap);
  const record = makeNextHopRecord(ctx.heap);
  const networks = Array.from({ length: 24 }, (_, n) => `2001:db8:${(n * 0x511 + 1).toString(16)}::`);
  const check = (when: string): void => {
    for (const network of networks) {
      const [w0, w1, w2] = addressWords(network) as unknown as [number, number, number];
      // An address of its own each time, so that only the first word is remembered.
      const found = record(ctx.heap[Control.NEXT_HOPS], route(0, w0, w1, w2, 9));
      assert.equal(recent(0, w0, w1, w2, 9), found, `${when} ${network}`);
    }
  };
  const nextBurst = (): void => {
    assert.ok(new MemoryHost(router.memory, router.table.get('mem0')).send(new Uint8Array(60)));
    while (router.loop.pollMemoryPorts() !== 0);
  };
  // More than a range block holds, so that there are nodes down to the first word.
  const around = Array.from({ length: 16 }, (_, n) => `2001:db${n.toString(16)}::`);
  await router.route(...around.map((network, n) => `add ${network}/32 2001:dead:c::${(n + 3).toString(16)}`));
  nextBurst();
  check('none');
  for (const word of ['add', 'delete']) {
    for (let n = 0; n < networks.length; n += 4) {
      await router.route(...networks.slice(n, n + 4).map((network) => `${word} ${network}/48 2001:dead:c::2`));
      nextBurst();
      check(`${word} ${n}`);
    }
  }
});

it('packets to one destination and to others, in one burst and across a change of the routes', async () => {
  const router = new OfflineRouter();
  await router.ifconfig('mem0 create inet6 2001:db8:c::1/64 up');
  await router.route(
    ...['2001:db8:a::/48', '2001:db8:a:1::1/128', '2001:db8:b::/48', '2001:db9::/32'].map(
      (network, n) => `add ${network} 2001:db8:c::${n + 2}`,
    ),
  );
  const { ctx } = router;
  const recent = makeRecentRoute6(ctx);
  const route = makeRoute6(ctx.heap);
  const record = makeNextHopRecord(ctx.heap);
  const both = ([rdomain, address]: readonly [number, string]): [number, number] => {
    const [w0, w1, w2, w3] = addressWords(address) as unknown as [number, number, number, number];
    const found = record(ctx.heap[Control.NEXT_HOPS], route(rdomain, w0, w1, w2, w3));
    return [recent(rdomain, w0, w1, w2, w3), found];
  };
  for (const one of ASKED) {
    for (const other of ASKED) {
      for (const asked of [one, other, one]) {
        const [mine, tables] = both(asked);
        assert.equal(mine, tables, `${asked.join(' ')} behind ${one.join(' ')}`);
      }
    }
  }
  const first = ASKED[0] as readonly [number, string];
  const [before] = both(first);
  await router.route('delete 2001:db8:a:1::1/128');
  // Any burst will do.
  assert.ok(new MemoryHost(router.memory, router.table.get('mem0')).send(new Uint8Array(60)));
  while (router.loop.pollMemoryPorts() !== 0);
  const [after, tables] = both(first);
  assert.notEqual(after, before);
  assert.equal(after, tables);
});
