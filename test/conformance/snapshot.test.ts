/**
 * What is kept over a restart (main/snapshot.ts): addresses, neighbours and counters of one router in the next, and no more of them than
 * is still true.
 */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { runCommand } from '../../src/main/cli/command.js';
import { splitWords } from '../../src/main/config/lines.js';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { atOnce, inSlices } from '../../src/main/slices.js';
import {
  keepSnapshots,
  readSnapshot,
  restoreSnapshot,
  type Snapshot,
  takeSnapshot,
  writeSnapshot,
} from '../../src/main/snapshot.js';
import { total } from '../../src/shared/counter/books.js';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { temporaryFolder } from '../support/programs.js';
import { BROADCAST, frame } from '../support/rig.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

const NO_DAEMON = { reload: async (): Promise<void> => {}, shutdown: (): void => {} };
const CONFIG = [
  'ifconfig mem0 create up',
  'ifconfig mem1 create up',
  'ifconfig mem2 create inet 10.0.0.1/24 up',
  'ifconfig veb0 create add mem0 add mem1 timeout 300 up',
];

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
const routers: Router[] = [];

/** A router configured by these lines. */
async function start(lines: readonly string[] = CONFIG): Promise<Router> {
  const options = { workers: 1, kernelTaps: false, poison: true, sizes: smallSizes(2), log: silent };
  const router = await Router.start(options);
  routers.push(router);
  for (const line of lines) await runCommand(router, splitWords(line), false, NO_DAEMON);
  return router;
}

/** The snapshot of a router that has learned an address and a neighbour. */
async function lived(): Promise<Snapshot> {
  const router = await start();
  const veb = router.table.get('veb0');
  const host = new MemoryHost(router.memory, router.table.get('mem0'));
  for (const from of ['02:00:00:00:00:05', '02:00:00:00:00:06']) host.send(frame(BROADCAST, from));
  await waitUntil(() => total(router.memory.views, veb.index, Lane.OPACKETS) === 2, 'both are flooded');
  router.stack.remember(router.table.get('mem2').index, Int32Array.of(0x0a000009), Uint8Array.of(2, 0, 0, 0, 0, 9));
  await balanced(router);
  return takeSnapshot(router);
}

/** The books balance, once what the stack announces has gone out. */
const balanced = (router: Router, why = 'the books balance') =>
  waitUntil(() => router.books().errors.length === 0, why);
const learned = (router: Router) => router.vebs.learned(router.table.get('veb0'));
const neighbours = (router: Router) => router.stack.neighbours().map((n) => [n.words[0], n.state]);

afterEach(async () => {
  for (const router of routers.splice(0)) await router.stop();
});

describe('a snapshot', () => {
  it('gives the next router addresses, neighbours and counters, and its books balance', async () => {
    const snapshot = await lived();
    const next = await start();
    assert.deepEqual(restoreSnapshot(next, snapshot), { addresses: 2, neighbours: 1, counters: 5 });
    assert.deepEqual(
      learned(next)
        .map(({ mac, port }) => [mac, port])
        .sort(),
      [
        ['02:00:00:00:00:05', 'mem0'],
        ['02:00:00:00:00:06', 'mem0'],
      ],
    );
    assert.deepEqual(neighbours(next), [[0x0a000009, 'stale']], 'hearsay, to be asked when it is used');
    const { views } = next.memory;
    assert.equal(total(views, next.table.get('mem0').index, Lane.IPACKETS), 2);
    assert.equal(total(views, next.table.get('veb0').index, Lane.FLOODED), 2);
    await balanced(next);
    // An address that is known is not flooded.
    new MemoryHost(next.memory, next.table.get('mem1')).send(frame('02:00:00:00:00:05', '02:00:00:00:00:07'));
    await waitUntil(() => total(views, next.table.get('veb0').index, Lane.UNICAST) === 1, 'sent to the one port');
  });

  it('addresses age meanwhile, and those too old are gone', async () => {
    const snapshot = await lived();
    const next = await start();
    const earlier = { ...snapshot, at: snapshot.at - 200_000 };
    assert.equal(restoreSnapshot(next, earlier).addresses, 2);
    assert.ok(learned(next).every(({ age }) => age >= 200 && age <= 300));
    next.advanceClock(102_000);
    assert.equal(next.vebs.sweep(next.table.get('veb0')), 2);
    const late = await start();
    assert.equal(restoreSnapshot(late, { ...snapshot, at: snapshot.at - 301_000 }).addresses, 0);
  });

  it('whatever age an address has, it is not taken for static', async () => {
    const snapshot = await lived();
    const [first] = snapshot.addresses;
    for (let age = 0; age < 8; age++) {
      const next = await start();
      restoreSnapshot(next, { ...snapshot, addresses: [{ ...(first as (typeof snapshot.addresses)[0]), age }] });
      assert.equal(learned(next).length, 1, `age ${age}`);
    }
  });

  it('only what the configuration has a place for', async () => {
    const snapshot = await lived();
    const next = await start(['ifconfig mem0 create up', 'ifconfig veb0 create up', 'ifconfig mem2 create up']);
    assert.deepEqual(restoreSnapshot(next, snapshot), { addresses: 0, neighbours: 0, counters: 5 });
    assert.deepEqual(learned(next), []);
    assert.deepEqual(neighbours(next), []);
    await balanced(next, 'what mem1 counted is counted among those that are gone');
  });

  it('frames that were in hand are drops, and frames counted late are received', async () => {
    const snapshot = await lived();
    const shift = (word: number, by: number): Snapshot => ({
      ...snapshot,
      counters: snapshot.counters.map((kept) =>
        kept.interface === 'mem0' ? { ...kept, words: kept.words.map((v, w) => (w === word ? v + by : v)) } : kept,
      ),
    });
    const lost = await start();
    restoreSnapshot(lost, shift(Lane.IPACKETS, 3));
    await balanced(lost);
    assert.equal(total(lost.memory.views, 0, Lane.DROPS + Drop.WORKER_LOST), 3);
    const late = await start();
    restoreSnapshot(late, shift(Lane.CONSUMED, 4));
    await balanced(late);
    assert.equal(total(late.memory.views, 0, Lane.READ), 4);
  });

  it('is a file that only its owner reads, always whole', async () => {
    const file = join(temporaryFolder(), 'state.json');
    assert.equal(readSnapshot(file), undefined);
    const snapshot = await lived();
    writeSnapshot(file, snapshot);
    assert.deepEqual(readSnapshot(file), snapshot);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const text = readFileSync(file, 'utf8');
    for (const wrong of ['', text.slice(0, -2), '{}', 'null', '[]', text.replace('"version":1', '"version":2')]) {
      writeFileSync(file, wrong);
      assert.throws(() => readSnapshot(file), wrong.slice(0, 20));
    }
  });

  it('many addresses are written bit by bit, and come back; lists may be empty', async () => {
    const file = join(temporaryFolder(), 'state.json');
    const { addresses, ...rest } = await lived();
    const [one] = addresses;
    assert.ok(one);
    for (const count of [0, 256, 257, 1000]) {
      const many = { ...rest, addresses: Array.from({ length: count }, (_, n) => ({ ...one, age: n })) };
      writeSnapshot(file, many);
      assert.deepEqual(readSnapshot(file), many);
    }
  });

  it('a table of many buckets is listed whole, and so many of it at most', async () => {
    const router = await start([...CONFIG, 'ifconfig veb0 maxaddr 4000']);
    const veb = router.table.get('veb0');
    const macs = Array.from({ length: 3000 }, (_, n) => `02:00:00:01:${hex(n >> 8)}:${hex(n & 255)}`);
    for (const mac of macs) assert.ok(router.vebs.remember(veb, 'mem0', mac, 1));
    assert.deepEqual(
      learned(router)
        .map(({ mac }) => mac)
        .sort(),
      macs,
    );
    assert.equal(atOnce(router.vebs.listing(veb, 1234)).length, 1234);
    router.advanceClock(400_000);
    assert.equal(await inSlices(router.vebs.sweeping(veb)), 3000);
    assert.equal(router.vebs.count(veb), 0);
  });

  it('what is listed or swept bit by bit ends when the bridge goes', async () => {
    const router = await start([...CONFIG, 'ifconfig veb0 maxaddr 4000']);
    const veb = router.table.get('veb0');
    assert.ok(router.vebs.remember(veb, 'mem0', '02:00:00:00:00:05', 1));
    const [listing, sweeping] = [router.vebs.listing(veb, 10), router.vebs.sweeping(veb)];
    for (const work of [listing, sweeping]) assert.equal(work.next().done, false);
    await runCommand(router, splitWords('ifconfig veb0 destroy'), false, NO_DAEMON);
    for (const work of [listing, sweeping]) assert.equal(work.next().done, true);
  });

  it('a last one is written when the keeping ends', async () => {
    const file = join(temporaryFolder(), 'state.json');
    const router = await start();
    const end = keepSnapshots(router, file, (error) => assert.fail(error as Error));
    router.vebs.remember(router.table.get('veb0'), 'mem0', '02:00:00:00:00:05', 1);
    end();
    assert.equal(readSnapshot(file)?.addresses.length, 1);
    const failures: unknown[] = [];
    keepSnapshots(router, join(file, 'absent'), (error) => failures.push(error))();
    assert.equal(failures.length, 1);
  });

  it('nonsense in it does nothing', async () => {
    const snapshot = await lived();
    const next = await start();
    const nonsense = {
      ...snapshot,
      addresses: [
        { veb: 'mem0', port: 'mem0', mac: '02:00:00:00:00:05', age: 0 },
        { veb: 'veb0', port: 'mem2', mac: '02:00:00:00:00:05', age: 0 },
        { veb: 'veb0', port: 'mem0', mac: 'ff:ff:ff:ff:ff:ff', age: 0 },
        { veb: 'veb0', port: 'mem0', mac: 'five', age: 0 },
        { veb: 'veb0', port: 'mem0', mac: '02:00:00:00:00:05', age: Number.NaN },
        { veb: 'veb0', port: 'mem0', mac: '02:00:00:00:00:05', age: -5 },
      ],
      neighbours: [{ interface: 'mem2', address: '10.0.0.9', lladdr: 'nine' }],
      counters: [{ interface: 'mem0', type: 'mem', words: [-5, Number.NaN] }],
    };
    assert.deepEqual(restoreSnapshot(next, nonsense), { addresses: 0, neighbours: 0, counters: 1 });
    await balanced(next);
  });
});
