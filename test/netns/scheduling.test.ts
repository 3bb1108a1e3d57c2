/** `sysctl smrouter.nice`: workers and main have the nice value that it says, also a worker that takes a dead one's place. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { describe, it } from 'node:test';
import { sysctl } from '../../src/main/cli/sysctl.js';
import { DEFAULT_SETTINGS } from '../../src/main/config/state.js';
import { Router } from '../../src/main/router.js';
import { Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { Daemon } from '../support/daemon.js';
import { until } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

const NICE = -5;

describe('the nice value', { skip: skipReason.root() }, () => {
  it('is that of the setting for workers and main, and goes back with it', async () => {
    const inherited = getPriority();
    const settings = { ...DEFAULT_SETTINGS, 'smrouter.nice': String(NICE) } as const;
    const router = await Router.start({ workers: 2, settings, sizes: smallSizes(3), kernelTaps: false, log: silent });
    const values = (): number[] => {
      const { heap } = router.memory.views;
      return [process.pid, ...[0, 1].map((worker) => heap[threadBlock(worker) + Thread.TID] as number)].map(
        getPriority,
      );
    };
    try {
      assert.deepEqual(values(), [NICE, NICE, NICE]);
      const killed = router.killWorker(1);
      // It may be gone by then, or not.
      await router.change((draft) => sysctl(draft, [`smrouter.nice=${NICE - 1}`]));
      await router.change((draft) => sysctl(draft, [`smrouter.nice=${NICE}`]));
      await waitUntil(() => router.replacements === 1 && !router.lostWorkers.has(1), 'the worker is replaced');
      await killed;
      assert.deepEqual(values(), [NICE, NICE, NICE]);
      await router.change((draft) => sysctl(draft, ['smrouter.nice=inherit']));
      assert.deepEqual(values(), [inherited, inherited, inherited]);
      for (const wrong of ['-21', '20', 'high', '1.5', '']) {
        await assert.rejects(
          router.change((draft) => sysctl(draft, [`smrouter.nice=${wrong}`])),
          { code: 'EINVAL' },
        );
      }
    } finally {
      await router.stop();
    }
  });

  it('is not handed on to the next daemon, which has settings of its own', async () => {
    const inherited = getPriority();
    const daemon = await Daemon.start({ workers: 1, config: [] });
    let next = 0;
    try {
      await daemon.run('sysctl', `smrouter.nice=${NICE}`);
      next = Number(/^process (\d+) takes over$/m.exec((await daemon.ctl('upgrade')).stdout)?.[1]);
      assert.deepEqual(
        [getPriority(next), await daemon.run('sysctl', '-n', 'smrouter.nice')],
        [inherited, 'inherit\n'],
      );
    } finally {
      if (next > 0) process.kill(next, 'SIGTERM');
      await until('both are gone', 10_000, () => next === 0 || !existsSync(`/proc/${next}/task`));
      await daemon.stop();
    }
  });

  it('is refused to who may not lower it, with everything else that the command wanted', async () => {
    const daemon = await Daemon.start({ workers: 1, config: [], under: ['setpriv', '--bounding-set', '-sys_nice'] });
    try {
      await daemon.run('sysctl', 'smrouter.nice=3');
      await assert.rejects(daemon.run('sysctl', 'smrouter.nice=-1', 'smrouter.idle=spin'), /EACCES/);
      assert.deepEqual((await daemon.run('sysctl', '-n', 'smrouter.nice', 'smrouter.idle')).trim().split('\n'), [
        '3',
        'adaptive',
      ]);
      assert.equal(getPriority(daemon.pid), 3);
    } finally {
      await daemon.stop();
    }
  });
});
