/**
 * Reclamation against workers played by hand: who delays a free and who does not (shared/smr, spec A §7.4).
 */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { Control } from '../../../../src/shared/layout/heap.js';
import { GraceTimeout, Reclaimer } from '../../../../src/shared/smr/reclaimer.js';
import { Workers } from '../../support/fake-workers.js';

function setUp(t: TestContext, count: number, epoch = 1, cap = 1000): { workers: Workers; reclaimer: Reclaimer } {
  const workers = new Workers(epoch);
  const reclaimer = new Reclaimer(workers.heap, count, cap, () => {});
  t.after(() => reclaimer.close());
  return { workers, reclaimer };
}

test('A124 an unlinked object is not freed before its reader is quiescent', (t) => {
  const { workers, reclaimer } = setUp(t, 2);
  let freed = 0;
  workers.online(0);
  workers.online(1);
  reclaimer.retire(64, () => freed++);
  assert.equal(reclaimer.poll(), 0);
  workers.announce(0);
  assert.equal(reclaimer.poll(), 0, 'the other reader has not moved');
  assert.deepEqual(reclaimer.status().laggards, [1]);
  workers.announce(1);
  assert.equal(reclaimer.poll(), 1);
  assert.equal(freed, 1);
  assert.deepEqual(reclaimer.status().laggards, []);
});

test('A124 objects are freed oldest first, each at its own epoch', (t) => {
  const { workers, reclaimer } = setUp(t, 1);
  const freed: string[] = [];
  workers.online(0);
  reclaimer.retire(8, () => freed.push('first'));
  workers.announce(0);
  reclaimer.retire(8, () => freed.push('second'));
  assert.equal(reclaimer.poll(), 1);
  assert.deepEqual(freed, ['first']);
  workers.announce(0);
  reclaimer.poll();
  assert.deepEqual(freed, ['first', 'second']);
});

test('A124 a reader that came online after the unlink delays nothing', (t) => {
  const { workers, reclaimer } = setUp(t, 1);
  reclaimer.retire(8, () => {});
  workers.online(0);
  assert.equal(reclaimer.poll(), 1);
});

test('A125 a barrier returns when all are idle, and not before an online reader moves', async (t) => {
  const { workers, reclaimer } = setUp(t, 3);
  await reclaimer.barrier(60_000);
  workers.online(1);
  let done = false;
  let then = false;
  const barrier = reclaimer
    .barrier(60_000, () => {
      then = true;
    })
    .then(() => {
      done = true;
    });
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  assert.equal(done, false);
  assert.equal(then, false);
  workers.announce(1);
  await barrier;
  assert.equal(then, true);
});

test('A126 a barrier that nobody could look at before its deadline has passed if the workers have', async (t) => {
  const { workers, reclaimer } = setUp(t, 1);
  workers.online(0);
  const barrier = reclaimer.barrier(5);
  workers.announce(0);
  for (const until = performance.now() + 20; performance.now() < until; );
  await barrier;
});

test('A126 a barrier whose deadline passes rejects with ETIMEDOUT and frees nothing', async (t) => {
  const { workers, reclaimer } = setUp(t, 2);
  let freed = 0;
  let then = 0;
  workers.online(0);
  workers.online(1);
  workers.announce(0);
  reclaimer.retire(100, () => freed++);
  workers.announce(0);
  await assert.rejects(
    reclaimer.barrier(5, () => then++),
    (error: unknown) => {
      assert.ok(error instanceof GraceTimeout);
      assert.equal(error.code, 'ETIMEDOUT');
      assert.match(error.message, /workers .*\b1\b/);
      return true;
    },
  );
  reclaimer.poll();
  assert.equal(freed, 0);
  assert.equal(then, 0);
  assert.equal(reclaimer.status().deferredObjects, 2);
  workers.announce(0);
  workers.announce(1);
  assert.equal(reclaimer.poll(), 2);
  assert.equal(freed, 1);
  assert.equal(then, 1, 'what follows the barrier still runs, late');
});

test('A127 an offline worker never delays a grace period', (t) => {
  const { workers, reclaimer } = setUp(t, 2);
  workers.online(0);
  workers.online(1);
  reclaimer.retire(8, () => {});
  workers.offline(0);
  assert.equal(reclaimer.poll(), 0);
  workers.offline(1);
  assert.equal(reclaimer.poll(), 1);
  for (let n = 0; n < 100; n++) {
    reclaimer.retire(8, () => {});
    assert.equal(reclaimer.poll(), 1);
  }
});

for (const [name, epoch] of [
  ['past 2^31 - 1', 0x7fffffff - 2],
  ['past 0', -3],
] as const) {
  test(`A124 the epoch wraps ${name} and order holds`, (t) => {
    const { workers, reclaimer } = setUp(t, 2, epoch);
    workers.online(0);
    workers.online(1);
    for (let n = 0; n < 8; n++) {
      reclaimer.retire(8, () => {});
      assert.notEqual(workers.heap[Control.EPOCH], 0, 'no worker may announce 0');
      workers.announce(0);
      assert.equal(reclaimer.poll(), 0, `retirement ${n}: worker 1 still holds it`);
      workers.announce(1);
      assert.equal(reclaimer.poll(), 1, `retirement ${n}`);
    }
  });
}

test('A129 deferred bytes are counted, the cap refuses churn, and both fall again', (t) => {
  const { workers, reclaimer } = setUp(t, 1, 1, 1000);
  workers.online(0);
  for (let n = 0; n < 10; n++) reclaimer.retire(100, () => {});
  assert.equal(reclaimer.full, false, 'at the cap');
  reclaimer.retire(1, () => {});
  assert.equal(reclaimer.full, true);
  assert.deepEqual(reclaimer.status(), { epoch: 12, deferredObjects: 11, deferredBytes: 1001, laggards: [0] });
  workers.announce(0);
  assert.equal(reclaimer.poll(), 11);
  assert.equal(reclaimer.full, false);
  assert.equal(reclaimer.status().deferredBytes, 0);
});

test('A129 what waits is freed without being asked for, and the wait is reported', async (t) => {
  const workers = new Workers(1);
  const waits: number[] = [];
  const reclaimer = new Reclaimer(workers.heap, 1, 1000, (seconds) => waits.push(seconds));
  t.after(() => reclaimer.close());
  workers.online(0);
  await new Promise<void>((resolve) => {
    reclaimer.retire(8, resolve);
    workers.announce(0);
  });
  assert.equal(waits.length, 1);
  assert.ok((waits[0] as number) >= 0 && (waits[0] as number) < 60, 'seconds');
});

test('closed while something waits long, it leaves other timers alone', async (t) => {
  const { workers, reclaimer } = setUp(t, 1);
  workers.online(0);
  let freed = false;
  reclaimer.retire(8, () => {
    freed = true;
  });
  await sleep(40); // from 20 ms on it polls by timeouts
  reclaimer.close();
  const late = new Promise((resolve) => setTimeout(resolve, 20_000, 'never').unref());
  assert.equal(await Promise.race([setImmediate('ran'), late]), 'ran');
  workers.announce(0);
  await sleep(10);
  assert.equal(freed, false);
});

test('a new heap starts at epoch 1, and a heap in use keeps its epoch', () => {
  const fresh = new Workers(0);
  new Reclaimer(fresh.heap, 1, 0, () => {}).close();
  assert.equal(fresh.heap[Control.EPOCH], 1);
  const used = new Workers(-9);
  new Reclaimer(used.heap, 1, 0, () => {}).close();
  assert.equal(used.heap[Control.EPOCH], -9);
});
