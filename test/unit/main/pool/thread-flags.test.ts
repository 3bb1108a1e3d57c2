/** A thread of a pool may be ended while it loads its code: the process lives on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { THREAD_FLAGS } from '../../../../src/main/pool/thread-flags.js';

const ENTRY = new URL('../../../../src/workers/entry.js', import.meta.url).href;
const ROUNDS = 40;

test('threads that are ended in the middle of loading take nothing with them', () => {
  const code = `
    import { Piscina } from '${import.meta.resolve('piscina')}';
    import { setTimeout as sleep } from 'node:timers/promises';
    let ended = 0;
    for (let n = 0; n < ${ROUNDS}; n += 4) {
      const pools = Array.from({ length: 4 }, () => new Piscina({
        filename: '${ENTRY}', minThreads: 1, maxThreads: 1, atomics: 'disabled', execArgv: ${JSON.stringify(THREAD_FLAGS)},
      }));
      for (const pool of pools) pool.on('error', () => {});
      await Promise.all(pools.map(async (pool, k) => {
        await sleep(20 + n * 3 + k * 7);
        await pool.destroy();
        ended++;
      }));
    }
    console.log(ended);`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  assert.deepEqual([status, signal, stdout], [0, null, `${ROUNDS}\n`], stderr);
});
