/** io_uring in a running router: where it is forbidden, and when the worker that uses it dies. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../src/main/config/state.js';
import { Router } from '../../src/main/router.js';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { TapIo, Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { linkByName, setLinkUp } from '../../src/shared/sys/link.js';
import { PacketSender } from '../../src/shared/sys/packet-socket.js';
import { Daemon } from '../support/daemon.js';
import { forbidding } from '../support/forbid.js';
import { Netns } from '../support/netns.js';
import { skipReason } from '../support/require.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

const KILLS = 3;
const BATCH = 200;
const IO_URING_SETUP = 425;

describe('a router whose TAPs go by io_uring', { skip: skipReason.tun() }, () => {
  const number = (process.pid % 100_000) * 10;
  const taps = [`tap${number}`, `tap${number + 1}`] as const;

  for (const forbidden of [false, true]) {
    test(`${forbidden ? 'forbidden: says so once, and frames pass a call each' : 'allowed: says nothing'}`, async () => {
      const hosts = [Netns.create('ua'), Netns.create('ub')] as const;
      const config = taps.map((tap, n) => `ifconfig ${tap} create netns ${hosts[n as 0 | 1].name} up`);
      const under = forbidden ? forbidding(IO_URING_SETUP, []) : [];
      const daemon = await Daemon.start({
        workers: 2,
        config: [...config, `ifconfig veb0 create up add ${taps[0]} add ${taps[1]}`],
        under,
      });
      try {
        const lines = daemon.log.filter((line) => line.event === 'no-io-uring');
        assert.deepEqual(
          lines.map(({ level, code }) => [level, code]),
          forbidden ? [[30, 'EPERM']] : [],
        );
        const ways = (await daemon.json<{ tap_io: string }[]>('show', 'workers')).map((row) => row.tap_io);
        assert.deepEqual(ways, new Array(2).fill(forbidden ? 'read/write' : 'io_uring'));
        hosts.forEach((host, n) => {
          host.exec(['ip', 'address', 'add', `198.18.1.${n + 1}/24`, 'dev', taps[n as 0 | 1]]);
          host.exec(['ip', 'link', 'set', taps[n as 0 | 1], 'up']);
        });
        // Packets of many fragments: bursts.
        hosts[0].exec(['ping', '-c', '3', '-i', '0.2', '-W', '2', '-s', '20000', '198.18.1.2']);
        await daemon.books();
        await assert.rejects(daemon.run('sysctl', 'smrouter.uring=0'), /EBUSY/);
      } finally {
        await daemon.stop();
        for (const host of hosts) host.destroy();
      }
    });
  }

  test('a worker killed under traffic leaves a ring that its successor uses, and TAPs that go when told', async () => {
    const settings = { ...DEFAULT_SETTINGS, 'smrouter.idle': 'spin' } as const;
    const router = await Router.start({ workers: 1, settings, sizes: smallSizes(2), log: silent });
    try {
      const ifconfig = ifconfigOn(router);
      await ifconfig('veb0 create up', ...taps.map((tap) => `${tap} create up`));
      await ifconfig(`veb0 add ${taps[0]} add ${taps[1]}`);
      for (const tap of taps) setLinkUp(tap, true);
      const sender = new PacketSender(taps[0], BATCH, 60);
      for (let n = 0; n < BATCH; n++) {
        sender.frames.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], n * sender.stride);
      }
      const { views } = router.memory;
      const sent = (): number => total(views, router.table.get(taps[1]).index, Lane.OPACKETS);
      const whileTraffic = (condition: () => boolean, what: string): Promise<void> =>
        waitUntil(() => {
          sender.send(BATCH);
          return condition();
        }, what);
      for (let kill = 1; kill <= KILLS; kill++) {
        const before = sent();
        await whileTraffic(() => sent() > before + 10 * BATCH, 'frames pass');
        const killed = router.killWorker(0);
        await whileTraffic(() => router.replacements === kill, 'the death is noticed');
        await killed;
        await whileTraffic(() => !router.lostWorkers.has(0), 'the worker is replaced');
        assert.equal(views.heap[threadBlock(0) + Thread.TAP_IO], TapIo.RING);
      }
      const before = sent();
      await whileTraffic(() => sent() > before + 10 * BATCH, 'frames pass');
      sender.close();
      await waitUntil(() => router.books().errors.length === 0, 'the books balance');
      await ifconfig(`veb0 del ${taps[0]} del ${taps[1]}`, ...taps.map((tap) => `${tap} destroy`));
      for (const tap of taps) assert.equal(linkByName(tap), undefined);
    } finally {
      await router.stop();
    }
  });
});
