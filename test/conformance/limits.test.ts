/**
 * What docs/limits.md says of limits that no other test comes to: the errno, and that nothing has changed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runCommand } from '../../src/main/cli/command.js';
import { newInterface } from '../../src/main/config/state.js';
import { Router } from '../../src/main/router.js';
import { MAX_INTERFACES } from '../../src/shared/layout/heap.js';
import { BUCKETS_MAX } from '../../src/shared/table/next-hop.js';
import { until } from '../support/programs.js';
import { smallSizes } from '../support/stations.js';
import { silent } from '../support/stress.js';

/** Enough for the interface records, and for no large table. */
const HEAP_BYTES = 16 << 20;
const daemon = { reload: async (): Promise<void> => {}, shutdown: (): void => {} };

describe('limits', () => {
  let router: Router;
  const run = (...words: string[]): Promise<string> => runCommand(router, words, false, daemon);
  /** The lines refused with `code`; the configuration and the heap are as before. */
  const refused = async (code: string, ...words: string[]): Promise<void> => {
    await router.grace();
    const running = await run('show', 'running');
    const heap = router.memory.heap.usedWords;
    await assert.rejects(run(...words), { code });
    await router.grace();
    assert.equal(await run('show', 'running'), running);
    assert.equal(router.memory.heap.usedWords, heap);
    assert.deepEqual(router.books().errors, []);
  };

  before(async () => {
    router = await Router.start({
      workers: 1,
      kernelTaps: false,
      sizes: { ...smallSizes(2), heapBytes: HEAP_BYTES },
      log: silent,
    });
    await run('ifconfig', 'mem0', 'create', 'up');
    await run('ifconfig', 'veb0', 'create', 'add', 'mem0', 'up');
  });
  after(() => router.stop());

  it('a learning table that the heap has no room for: ENOMEM', async () => {
    await refused('ENOMEM', 'ifconfig', 'veb0', 'maxaddr', '1048576');
    await refused('ENOMEM', 'ifconfig', 'veb9', 'create', 'description', 'x', 'maxaddr', '1048576', 'up');
    await run('ifconfig', 'veb0', 'maxaddr', '200');
  });

  it('static addresses beyond maxaddr: ENOSPC', async () => {
    await run('ifconfig', 'veb0', 'maxaddr', '1');
    await run('ifconfig', 'veb0', 'static', 'mem0', '02:00:00:00:00:01');
    await refused('ENOSPC', 'ifconfig', 'veb0', 'static', 'mem0', '02:00:00:00:00:02');
  });

  it('gateways of a route beyond those that a group takes: EINVAL', async () => {
    await run('ifconfig', 'vport0', 'create', 'inet', '10.0.0.1/16', 'up');
    const add = (n: number): string[] => ['route', 'add', '-mpath', '10.9.0.0/16', `10.0.1.${n}`];
    for (let n = 1; n <= BUCKETS_MAX; n++) await run(...add(n));
    await refused('EINVAL', ...add(BUCKETS_MAX + 1));
  });

  it('too much waits for a grace period: EAGAIN, until it is over', async () => {
    let freed = false;
    router.reclaimer.retire(17 << 20, () => {
      freed = true;
    });
    await assert.rejects(run('ifconfig', 'mem0', 'description', 'late'), { code: 'EAGAIN' });
    await router.grace();
    await until('freed', 5000, () => freed);
    await run('ifconfig', 'mem0', 'description', 'now');
  });

  it('more pings than there can be at once: EAGAIN, and the others end', async () => {
    await run('ifconfig', 'veb0', 'add', 'vport0');
    const one = (): Promise<string> => run('ping', '-c', '1', '10.0.0.99');
    const all = await Promise.allSettled(Array.from({ length: 65 }, one));
    const refused = all.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
    assert.equal(refused.length, 1);
    assert.match(refused[0] as string, /no more than 64 pings at once/);
  });

  it('one interface more than there can be: ENOMEM', async () => {
    const have = router.table.all().length;
    await router.change(({ state }) => {
      for (let n = have; n < MAX_INTERFACES - 1; n++)
        state.interfaces.set(`veb${n + 1000}`, newInterface(`veb${n + 1000}`, 'veb'));
    });
    assert.equal(router.table.all().length, MAX_INTERFACES - 1);
    await refused('ENOMEM', 'ifconfig', 'veb99', 'create');
    await run('ifconfig', 'veb1020', 'destroy');
    await run('ifconfig', 'veb99', 'create');
  });
});
