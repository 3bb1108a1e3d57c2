/**
 * Nothing is allocated per frame between two attached interfaces: through AF_PACKET or AF_XDP, as the environment of this process
 * says. The file runs itself again for the second kind: two sets of the same closures in one process would make their code polymorphic.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DEFAULT_SETTINGS } from '../../src/main/config/state.js';
import { total } from '../../src/shared/counter/books.js';
import { Lane, Work, workLane } from '../../src/shared/layout/counters.js';
import { PacketSender } from '../../src/shared/sys/packet-socket.js';
import { heapGrowth } from '../support/heap-growth.js';
import { uniqueLinkName } from '../support/netns.js';
import { OfflineRouter } from '../support/offline-router.js';
import { quietLink } from '../support/quiet-link.js';
import { skipReason } from '../support/require.js';

/** Frames at a time: several bursts, and fewer than a ring holds. */
const BATCH = 128;
const ROUND = 40 * BATCH;
const WARM_ROUNDS = 15;
const MOST_BYTES = 0.1;
/** Both ways of copying: by words, and by a call. */
const LENGTHS = [60, 1000];

const kind = process.env.SMROUTER_TEST_ATTACHED === 'xdp' ? 'xdp' : 'packet';
const skip = skipReason.root() || (global.gc === undefined ? 'needs --expose-gc' : false);

test(`${kind} to ${kind}: no garbage`, { skip }, async () => {
  const router = new OfflineRouter(1, 0, DEFAULT_SETTINGS, true);
  const names = Array.from({ length: 4 }, () => uniqueLinkName()) as [string, string, string, string];
  const [near, from, far, to] = names;
  for (const [a, b] of [
    [near, from],
    [far, to],
  ] as const) {
    execFileSync('ip', ['link', 'add', a, 'type', 'veth', 'peer', 'name', b]);
    for (const name of [a, b]) {
      quietLink(name);
      execFileSync('ip', ['link', 'set', name, 'up']);
    }
  }
  await router.ifconfig('veb0 create up', `${from} attach ${kind} up`, `${to} attach ${kind} up`);
  await router.ifconfig(`veb0 add ${from} add ${to}`);
  const { loop, memory } = router;
  const { counters, sizes } = memory.views;
  const senders = LENGTHS.map((length) => {
    const sender = new PacketSender(near, BATCH, length);
    for (let n = 0; n < BATCH; n++) {
      // From a station to one that nobody knows, of an ethertype that nobody takes.
      sender.frames.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], n * sender.stride);
    }
    return sender;
  });
  let taken = 0;
  const run = (frames: number): void => {
    for (let sent = 0; sent < frames; sent += BATCH) {
      taken += (senders[(sent / BATCH) % senders.length] as PacketSender).send(BATCH);
      while (loop.pollTaps() + loop.pollBusy() !== 0);
    }
  };
  try {
    const [bursts, frames] = [Work.BURSTS, Work.FRAMES].map((word) => workLane(sizes.threads, 0) + word);
    // By epoll, and then as a busy worker does.
    for (const directly of [false, true]) {
      loop.lookIntoQueues(directly);
      const bytes = heapGrowth(run, ROUND, WARM_ROUNDS, MOST_BYTES);
      assert.ok(bytes < MOST_BYTES, `${bytes} bytes a frame`);
    }
    assert.ok(counters[frames as number] > 10 * counters[bursts as number], 'they came in bursts');
    const out = total(memory.views, router.table.get(to).index, Lane.OPACKETS);
    assert.ok(out >= 0.9 * taken && out >= ROUND, `${out} frames of ${taken} sent`);
    assert.deepEqual(router.books().errors, []);
  } finally {
    for (const sender of senders) sender.close();
    await router.ifconfig('veb0 destroy', `${from} detach`, `${to} detach`);
    for (const name of [near, far]) execFileSync('ip', ['link', 'del', name]);
  }
});

test('and the other kind', { skip: kind === 'xdp' ? 'this is it' : skip }, () => {
  const args = ['--expose-gc', '--test-reporter=spec', fileURLToPath(import.meta.url)];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, args, {
    env: { ...env, SMROUTER_TEST_ATTACHED: 'xdp' },
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
});
