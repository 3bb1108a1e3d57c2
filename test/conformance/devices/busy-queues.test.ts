/**
 * Queues that a busy worker takes out of epoll's hands, of attached interfaces and of TAPs: it looks into them by itself, nothing is lost when
 * they go back, also when another thread puts them back, and a queue whose interface has left is left alone.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../../src/main/config/state.js';
import { total } from '../../../src/shared/counter/books.js';
import { Lane } from '../../../src/shared/layout/counters.js';
import { setLinkUp } from '../../../src/shared/sys/link.js';
import { PacketSender } from '../../../src/shared/sys/packet-socket.js';
import { DENSE, makeBusyQueues, VAIN_LOOKS } from '../../../src/workers/device/busy-queues.js';
import { uniqueLinkName } from '../../support/netns.js';
import { OfflineRouter } from '../../support/offline-router.js';
import { until } from '../../support/programs.js';
import { quietLink } from '../../support/quiet-link.js';
import { skipReason } from '../../support/require.js';

const BATCH = 100;
const LIMIT_MS = 10_000;

for (const kind of ['packet', 'xdp'] as const) {
  describe(`queues of ${kind} ports that are looked into directly`, { skip: skipReason.root() }, () => {
    test('take every frame, and lose none on their way out of epoll and back', async () => {
      const router = new OfflineRouter(1, 0, DEFAULT_SETTINGS, true);
      const [near, from, far, to] = Array.from({ length: 4 }, () => uniqueLinkName()) as [
        string,
        string,
        string,
        string,
      ];
      for (const pair of [
        [near, from],
        [far, to],
      ] as const) {
        execFileSync('ip', ['link', 'add', pair[0], 'type', 'veth', 'peer', 'name', pair[1]]);
        for (const name of pair) {
          quietLink(name);
          execFileSync('ip', ['link', 'set', name, 'up']);
        }
      }
      await router.ifconfig('veb0 create up', `${from} attach ${kind} up`, `${to} attach ${kind} up`);
      await router.ifconfig(`veb0 add ${from} add ${to}`);
      const { loop } = router;
      const sender = new PacketSender(near, BATCH, 60);
      for (let n = 0; n < BATCH; n++)
        sender.frames.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], n * sender.stride);
      let sent = 0;
      const send = (): void => {
        for (let left = BATCH; left > 0; ) left -= sender.send(left);
        sent += BATCH;
      };
      const received = (): number => total(router.memory.views, router.table.get(from).index, Lane.IPACKETS);
      const byEpoll = (): void => {
        while (loop.pollTaps() !== 0);
      };
      const directly = (): void => {
        while (loop.pollBusy() !== 0);
      };
      try {
        send();
        directly();
        assert.equal(received(), 0, 'as long as it is not busy, it asks epoll');
        byEpoll();
        assert.equal(received(), sent);

        loop.lookIntoQueues(true);
        send();
        assert.equal(loop.pollTaps(), 0, 'epoll does not speak of them any more');
        directly();
        assert.equal(received(), sent);

        send();
        loop.lookIntoQueues(false);
        directly();
        assert.equal(received(), sent - BATCH);
        byEpoll();
        assert.equal(received(), sent, 'epoll tells of what came before');

        loop.lookIntoQueues(true);
        send();
        makeBusyQueues(router.ctx).recover();
        byEpoll();
        assert.equal(received(), sent, 'a thread that knows nothing of it puts them back');

        loop.lookIntoQueues(false);
        loop.lookIntoQueues(true);
        const gone = received();
        await router.ifconfig(`veb0 del ${from}`, `${from} detach`);
        directly();
        // The kernel lets a queue go a moment after its socket was closed; on a busy machine a long one.
        const attach = (): Promise<boolean> =>
          router.ifconfig(`${from} attach ${kind} up`).then(
            () => true,
            () => false,
          );
        await until('it can be attached again', LIMIT_MS, attach);
        await router.ifconfig(`veb0 add ${from}`);
        send();
        directly();
        assert.equal(received(), 0, 'what is new is epoll’s');
        byEpoll();
        assert.equal(received(), BATCH);
        assert.equal(gone, sent - BATCH);
        assert.deepEqual(router.books().errors, []);
      } finally {
        sender.close();
        await router.ifconfig('veb0 destroy', `${to} detach`);
        if (router.table.find(from) !== undefined) await router.ifconfig(`${from} detach`);
        for (const name of [near, far]) execFileSync('ip', ['link', 'del', name]);
      }
    });
  });
}

describe('TAPs that are looked into directly', { skip: skipReason.tun() }, () => {
  test('are those that bring many frames at once, until they bring none', async () => {
    const router = new OfflineRouter(1, 0, DEFAULT_SETTINGS, true);
    const number = (process.pid % 100_000) * 10;
    const [from, to] = [`tap${number}`, `tap${number + 1}`];
    await router.ifconfig('veb0 create up', `${from} create up`, `${to} create up`, `veb0 add ${from} add ${to}`);
    for (const name of [from, to]) {
      quietLink(name);
      setLinkUp(name, true);
    }
    const { loop } = router;
    const sender = new PacketSender(from, BATCH, 60);
    for (let n = 0; n < BATCH; n++)
      sender.frames.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], n * sender.stride);
    let sent = 0;
    const send = (n: number): void => {
      assert.equal(sender.send(n), n);
      sent += n;
    };
    const received = (): number => total(router.memory.views, router.table.get(from).index, Lane.IPACKETS);
    const byEpoll = (): void => {
      while (loop.pollTaps() !== 0);
    };
    const directly = (): void => {
      while (loop.pollBusy() !== 0);
    };
    /** Brings so many frames that the TAP is taken out. */
    const heat = (): void => {
      for (let round = 0; round < 2; round++) {
        send(BATCH);
        byEpoll();
        directly();
      }
      assert.equal(received(), sent);
    };
    try {
      heat();
      send(1);
      directly();
      assert.equal(received(), sent - 1, 'as long as it is not busy, it asks epoll');
      byEpoll();

      loop.lookIntoQueues(true);
      for (let few = 0; few < 2; few++) {
        send(DENSE - 1);
        byEpoll();
      }
      send(1);
      directly();
      assert.equal(received(), sent - 1, 'a few frames at a time do not take it out');
      byEpoll();
      heat();
      send(1);
      assert.equal(loop.pollTaps(), 0, 'epoll does not speak of it any more');
      directly();
      assert.equal(received(), sent);

      for (let look = 0; look < VAIN_LOOKS; look++) loop.pollBusy();
      send(1);
      directly();
      assert.equal(received(), sent - 1, 'it went back when it brought nothing for long');
      byEpoll();
      assert.equal(received(), sent);

      heat();
      send(1);
      loop.lookIntoQueues(false);
      directly();
      assert.equal(received(), sent - 1);
      byEpoll();
      assert.equal(received(), sent, 'epoll tells of what came before the worker slept');

      loop.lookIntoQueues(true);
      heat();
      send(1);
      makeBusyQueues(router.ctx).recover();
      byEpoll();
      assert.equal(received(), sent, 'a thread that knows nothing of it puts it back');

      heat();
      await router.ifconfig(`${from} destroy`);
      assert.equal(loop.pollBusy(), 0, 'one that is gone is left alone');
      assert.deepEqual(router.books().errors, []);
    } finally {
      sender.close();
      await router.ifconfig('veb0 destroy', `${to} destroy`);
      if (router.table.find(from) !== undefined) await router.ifconfig(`${from} destroy`);
    }
  });
});
