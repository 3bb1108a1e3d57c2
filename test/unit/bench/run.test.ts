/** The options of `npm run bench` (test/bench/run.ts): no bench is run by mistake. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const RUN = fileURLToPath(new URL('../../bench/run.js', import.meta.url));
const USAGE = /^usage: npm run bench .*\n {2}names: ring, veb, .*; all unless given\n$/m;

test('--help lists the benches; an option or a name there is not is refused', () => {
  const run = (...args: string[]): unknown[] => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, ...args], { encoding: 'utf8' });
    return [status, stdout, stderr];
  };
  const [status, stdout, stderr] = run('--help') as [number, string, string];
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, USAGE);
  assert.deepEqual(run('--jsn', 'veb'), [1, '', `bench: --jsn: unknown option\n${stdout}`]);
  assert.match((run('nothing') as string[])[2] as string, /^no such bench: nothing; there are ring, veb, /);
});
