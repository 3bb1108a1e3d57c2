/** Slots that AF_XDP receives into: a port that the pool had none for hears again once it has some. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../../src/main/config/state.js';
import { MemoryHost } from '../../../src/main/memory/memory-host.js';
import { total } from '../../../src/shared/counter/books.js';
import { Lane } from '../../../src/shared/layout/counters.js';
import { SlotOwner } from '../../../src/shared/layout/packet.js';
import { PacketSender } from '../../../src/shared/sys/packet-socket.js';
import { uniqueLinkName } from '../../support/netns.js';
import { OfflineRouter } from '../../support/offline-router.js';
import { quietLink } from '../../support/quiet-link.js';
import { skipReason } from '../../support/require.js';
import { A, B, BROADCAST, frame } from '../../support/rig.js';
import { waitUntil } from '../../support/stress.js';

const BATCH = 100;

/** A veth pair with one end attached, in a router without a thread; what undoes it. */
async function attached(): Promise<{ router: OfflineRouter; near: string; from: string; end(): Promise<void> }> {
  const router = new OfflineRouter(1, 0, DEFAULT_SETTINGS, true);
  const [near, from] = [uniqueLinkName(), uniqueLinkName()];
  execFileSync('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', from]);
  for (const name of [near, from]) {
    quietLink(name);
    execFileSync('ip', ['link', 'set', name, 'up']);
  }
  await router.ifconfig(`${from} attach xdp up`);
  const end = async (): Promise<void> => {
    await router.ifconfig(`${from} detach`);
    execFileSync('ip', ['link', 'del', near]);
  };
  return { router, near, from, end };
}

test('a port whose last slot the pool could not replace receives again', { skip: skipReason.root() }, async () => {
  const { router, near, from, end } = await attached();
  const sender = new PacketSender(near, BATCH, 60);
  for (let n = 0; n < BATCH; n++)
    sender.frames.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], n * sender.stride);
  try {
    const { ctx, loop, memory } = router;
    const { index } = router.table.get(from);
    const received = (): number => total(memory.views, index, Lane.IPACKETS);
    const held = (): number => memory.views.owner.filter((owner) => owner === SlotOwner.DEVICE - index).length;
    const send = (): void => {
      sender.send(BATCH);
      while (loop.pollTaps() !== 0);
      loop.feed();
    };
    // Others have all slots of the worker; those of the frames received are main's.
    const taken: number[] = [];
    for (let slot = ctx.cache.takeFrame(); slot !== -1; slot = ctx.cache.takeFrame()) taken.push(slot);
    await waitUntil(() => {
      send();
      return held() === 0;
    }, 'the port has no slot');
    const before = received();
    assert.ok(before > 0);
    for (const slot of taken) ctx.cache.give(slot);
    loop.feed();
    await waitUntil(() => {
      send();
      return received() > before;
    }, 'it receives again');
    assert.deepEqual(router.books().errors, []);
  } finally {
    sender.close();
    await end();
  }
});

test('a worker that dies while slots come home from a port: none of them comes home again', {
  skip: skipReason.root(),
}, async () => {
  const { router, near, from, end } = await attached();
  const sender = new PacketSender(near, 1, 60);
  sender.frames.set(frame(BROADCAST, B), 0);
  try {
    await router.ifconfig('mem0 create up', 'veb0 create up', `veb0 add mem0 add ${from}`);
    const { ctx, loop, memory } = router;
    const { owner } = memory.views;
    const host = new MemoryHost(memory, router.table.get('mem0'));
    for (let n = 0; n < 8; n++) assert.ok(host.send(frame(BROADCAST, A)));
    assert.equal(loop.pollMemoryPorts(), 8);
    const give = ctx.cache.give.bind(ctx.cache);
    const home = new Set<number>();
    let twice = 0;
    ctx.cache.give = (slot) => {
      if (owner[slot] === SlotOwner.RESTING) twice++;
      const first = home.size === 0 && owner[slot] < SlotOwner.DEVICE;
      give(slot);
      if (!first) return;
      home.add(slot);
      throw new Error('ended');
    };
    // It takes slots home before it receives.
    const receive = (): void => {
      sender.send(1);
      try {
        while (loop.pollTaps() !== 0);
      } catch (error) {
        assert.match(String(error), /ended/);
      }
    };
    await waitUntil(() => {
      receive();
      return home.size > 0;
    }, 'a slot comes home');
    const received = total(memory.views, router.table.get(from).index, Lane.IPACKETS);
    await waitUntil(() => {
      receive();
      return total(memory.views, router.table.get(from).index, Lane.IPACKETS) > received;
    }, 'the next one receives');
    assert.equal(twice, 0);
  } finally {
    sender.close();
    await end();
  }
});
