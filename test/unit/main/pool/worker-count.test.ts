/** The number of workers unless somebody says (main/pool/worker-count.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { defaultWorkers } from '../../../../src/main/pool/worker-count.js';

test('one fewer than the CPUs, at least 1 and at most 16', () => {
  for (const [cpus, workers] of [
    [1, 1],
    [2, 1],
    [4, 3],
    [17, 16],
    [18, 16],
    [128, 16],
  ] as const)
    assert.equal(defaultWorkers(cpus), workers, `${cpus} CPUs`);
});
