/**
 * Nothing is allocated per frame between two TAPs: by lists of calls in machine code or by koffi alone, as the environment of this process says. The file
 * runs itself again for the second way: two sets of the same closures in one process would make their code polymorphic.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DEFAULT_SETTINGS } from '../../src/main/config/state.js';
import { total } from '../../src/shared/counter/books.js';
import { Lane, Work, workLane } from '../../src/shared/layout/counters.js';
import { setLinkUp } from '../../src/shared/sys/link.js';
import { PacketSender } from '../../src/shared/sys/packet-socket.js';
import { heapGrowth } from '../support/heap-growth.js';
import { OfflineRouter } from '../support/offline-router.js';
import { quietLink } from '../support/quiet-link.js';
import { skipReason } from '../support/require.js';

const FRAME = 60;
/** Frames at a time: several bursts. */
const BATCH = 256;
const ROUND = 20 * BATCH;
const WARM_ROUNDS = 15;
const MOST_BYTES = 0.1;

const code = process.env.SMROUTER_TEST_CODE !== '0';
const skip = skipReason.tun() || (global.gc === undefined ? 'needs --expose-gc' : false);

test(`TAP to TAP, ${code ? 'by lists in machine code' : 'by koffi alone'}: no garbage`, { skip }, async () => {
  const router = new OfflineRouter(1, 0, DEFAULT_SETTINGS, true, code);
  const number = (process.pid % 100_000) * 10;
  const [from, to] = [`tap${number}`, `tap${number + 1}`];
  await router.ifconfig('veb0 create up', `${from} create up`, `${to} create up`, `veb0 add ${from} add ${to}`);
  const { loop, memory } = router;
  const { counters, sizes } = memory.views;
  for (const name of [from, to]) {
    quietLink(name);
    setLinkUp(name, true);
  }
  const sender = new PacketSender(from, BATCH, FRAME);
  for (let n = 0; n < BATCH; n++) {
    // From a station to one that nobody knows, of an ethertype that nobody takes.
    sender.frames.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], n * sender.stride);
  }
  let refused = 0;
  const run = (frames: number): void => {
    for (let sent = 0; sent < frames; sent += BATCH) {
      refused += BATCH - sender.send(BATCH);
      while (loop.pollTaps() !== 0);
    }
  };
  try {
    const [bursts, frames] = [Work.BURSTS, Work.FRAMES].map((word) => workLane(sizes.threads, 0) + word);
    const bytes = heapGrowth(run, ROUND, WARM_ROUNDS, MOST_BYTES);
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes a frame`);
    assert.equal(refused, 0);
    assert.ok(counters[frames as number] > 20 * counters[bursts as number], 'they came in bursts');
    const out = total(memory.views, router.table.get(to).index, Lane.OPACKETS);
    assert.ok(out >= ROUND * (WARM_ROUNDS + 10), `${out} frames sent`);
    assert.deepEqual(router.books().errors, []);
  } finally {
    sender.close();
    await router.ifconfig(`veb0 destroy`, `${from} destroy`, `${to} destroy`);
  }
});

test('and by koffi alone', { skip: code ? skip : 'this is it' }, () => {
  const args = ['--expose-gc', '--test-reporter=spec', fileURLToPath(import.meta.url)];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, args, {
    env: { ...env, SMROUTER_TEST_CODE: '0' },
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
});
