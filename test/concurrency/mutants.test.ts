/**
 * The stresses of this folder on code that is broken on purpose: each must notice. The same mutants and more are searched to the
 * end by test/models; here it is the real code, in real threads. A mutant gets so many rounds of a stress, each with its own
 * seed, and is caught in one of the first as a rule.
 *
 * One is not here: the fence of `online` removed (`Thread.EPOCH` stored plainly). On x86-64 it matters only while that store waits
 * in the store buffer and main gets from its unlink to its look at the epochs. A loop made for it, which went offline and online
 * all the time and stored to other threads' cache lines just before, showed it in 10 of 28 runs of a second (1 to 10 million turns,
 * 2 cores, AMD EPYC, Node 20.20, 21 November 2026): too seldom to rely on elsewhere, so that mutant is the model's alone.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Mutation, mutatedBuild } from '../support/mutant.js';
import { BOX_MS, SEED } from '../support/stress.js';
import { runTestFile } from '../support/test-process.js';

/** Most rounds of a mutant; the slowest to be caught, that of the table, needs some seconds at most. */
const ROUNDS = 40;

/** A mutant, and the stress that is to catch it. */
interface Mutant {
  readonly name: string;
  readonly mutation: Mutation;
  readonly stress: string;
  /** The time box of a round. */
  readonly boxMs: number;
  /** Tests of the stress that are run; those that fail are among them. */
  readonly tests: string;
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'freed one epoch early',
    mutation: {
      module: 'src/shared/smr/reclaimer.js',
      from: 'return next;',
      to: 'return (next - 1) | 0 || -1;',
    },
    stress: 'smr.test.js',
    boxMs: BOX_MS / 3,
    tests: 'no reader meets a freed record',
  },
  {
    name: 'ring index published before its entries',
    mutation: {
      module: 'src/shared/ring/ring.js',
      from: 'let tail = this.tail;',
      to: 'let tail = this.tail; Atomics.store(words, this.base + 0 /* Ring.TAIL */, (tail + n) | 0);',
    },
    stress: 'ring.test.js',
    boxMs: BOX_MS / 3,
    tests: 'between two threads keeps every entry in order',
  },
  {
    name: 'entry of the table not looked at again after its value was read',
    mutation: {
      module: 'src/shared/table/etherbridge.js',
      from: 'const same = h[again]',
      to: 'const same = true || h[again]',
    },
    stress: 'etherbridge.test.js',
    boxMs: BOX_MS,
    tests: 'a table of 16 under two learners',
  },
  {
    name: 'generation of the egress not looked at again by the worker that sends',
    mutation: {
      module: 'src/workers/loop.js',
      from: ' && heap[ifRecord(index) + 1 /* If.GENERATION */] === generation',
      to: '',
    },
    stress: 'index-reuse.test.js',
    boxMs: BOX_MS,
    tests: 'never comes out of the one that takes its index',
  },
];

for (const { name, mutation, stress, boxMs, tests } of MUTANTS) {
  test(`${stress} catches: ${name}`, async (t) => {
    const file = join(mutatedBuild(mutation), 'test/concurrency', stress);
    for (let round = 0; round < ROUNDS; round++) {
      const end = await runTestFile(file, { boxMs, seed: SEED + round, pattern: tests });
      if (end.ok) continue;
      assert.ok(
        end.failed.some((failed) => failed.includes(tests)),
        end.output,
      );
      t.diagnostic(`caught in round ${round + 1}, SMROUTER_SEED=${SEED + round}`);
      return;
    }
    assert.fail(`not caught in ${ROUNDS} rounds from SMROUTER_SEED=${SEED}`);
  });
}

test('the same stresses pass on a copy of the build that is not changed', async () => {
  const dist = mutatedBuild();
  for (const { stress, boxMs, tests } of MUTANTS) {
    const file = join(dist, 'test/concurrency', stress);
    const end = await runTestFile(file, { boxMs, seed: SEED, pattern: tests });
    assert.ok(end.ok, end.output);
  }
});
