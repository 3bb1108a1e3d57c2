/** A worker that dies in the middle of bursts between TAPs, again and again. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../src/main/config/state.js';
import { Router } from '../../src/main/router.js';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { linkByName, setLinkUp } from '../../src/shared/sys/link.js';
import { PacketSender } from '../../src/shared/sys/packet-socket.js';
import { skipReason } from '../support/require.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

const KILLS = 3;
const BATCH = 200;

describe('a router of TAPs', { skip: skipReason.tun() }, () => {
  const number = (process.pid % 100_000) * 10;
  const taps = [`tap${number}`, `tap${number + 1}`] as const;

  test('a worker killed under traffic leaves TAPs that its successor reads, in or out of its epoll set, and that go when told', async () => {
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
