/**
 * Runs the Promela models beside this file with spin, as they are and as mutants (README.md). A model must pass a search of
 * all its states, and its runs together must reach every statement; a mutant must be caught.
 *
 * Each run takes place in a directory of its own: spin writes the checker, cc compiles it, it searches.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';

const MODELS = resolve(import.meta.dirname, '../../../test/models');
/** Deepest path a search may take. */
const DEPTH = 500_000;
/** How to compile, and the size of the hash table: a mutant is found at once, so that compiling is what takes time. */
const FAST_SEARCH = { compile: '-O2', table: '-w24' };
const FAST_START = { compile: '-O0', table: '-w18' };
const RUN_MS = 100_000;

/** What to look for: a failed assertion or a deadlock, or also a fair cycle without progress. */
type Search = 'safety' | 'progress';

interface Run {
  readonly model: string;
  readonly flags: readonly string[];
  readonly search: Search;
}

/** A model as it should be, and what it claims. */
interface Correct extends Run {
  readonly claim: string;
}

/** A mutant, by what was broken, and how the checker says so. */
interface Mutant extends Run {
  readonly broken: string;
  readonly caught: RegExp;
}

const CORRECT: readonly Correct[] = [
  correct('smr', 'no reader uses a freed object: two readers, two objects waiting, epochs that wrap', []),
  correct('smr', 'what waits is freed, whoever sleeps: two readers', ['-DWAITING=1'], 'progress'),
  correct('smr', 'what waits is freed, whoever sleeps: two objects waiting', ['-DREADERS=1'], 'progress'),
  correct('ring', 'entries come out once, in order, whoever takes an end up', []),
  correct('etherbridge', 'a value belongs to its key: one bucket, two writers', ['-DBUCKETS=1']),
  correct('etherbridge', 'a value belongs to its key: two buckets', ['-DWRITERS=1']),
  correct('etherbridge', 'a key that stays is never missed', ['-DSTAYS', '-DWRITERS=1']),
  correct('etherbridge', 'two writers leave no key twice and PASSED right', ['-DNO_READER']),
  correct('removal', 'nothing names or leads to a port that has left', []),
  correct('removal', 'a removal ends', ['-DKEYS=1'], 'progress'),
];

const ASSERTION = /assertion violated/;
const CYCLE = /non-progress cycle/;
const ONE = ['-DBUCKETS=1', '-DWRITERS=1'];
const STAYS = ['-DSTAYS', '-DWRITERS=1'];

const MUTANTS: readonly Mutant[] = [
  mutant('smr', 'ONLINE_NOT_FENCED', 'online announces with a plain store'),
  mutant('smr', 'POINTER_BEFORE_ONLINE', 'the first pointer is loaded before online'),
  mutant('smr', 'ADVANCE_NOT_FENCED', 'the epoch moves with a plain store'),
  mutant('smr', 'FREED_EARLY', 'an object is freed one epoch early'),
  mutant('smr', 'ANNOUNCE_BEFORE_USE', 'announce comes before the last use'),
  mutant('smr', 'UNSIGNED_EPOCHS', 'epochs are compared as unsigned numbers'),
  mutant('smr', 'ZERO_NOT_SKIPPED', 'the epoch takes the value of offline'),
  mutant('smr', 'NO_ANNOUNCE', 'a reader does not announce between bursts', ['-DREADERS=1'], 'progress'),
  mutant('smr', 'SLEEPS_ONLINE', 'a reader sleeps without going offline', ['-DREADERS=1'], 'progress'),
  mutant('ring', 'PUBLISHED_BEFORE_WRITTEN', 'the index is published before its entries'),
  mutant('ring', 'ROOM_GIVEN_BEFORE_READ', 'room is given back before its entries are read'),
  mutant('ring', 'ROOM_FOR_ONE_MORE', 'a full ring takes one more'),
  mutant('ring', 'INDEX_NOT_WRAPPED', 'indices are compared without wrapping'),
  mutant('ring', 'ATTACH_AT_START', 'an end is taken up at the start'),
  checked(0, 'the key is not compared again', ONE),
  checked(1, 'the key is compared again; the slot may be half filled both times', ONE),
  checked(1, 'the key is compared again, and may have left and come back', [...ONE, '-DAPART']),
  checked(2, 'key and VALUE are compared again, and both may have come back', [...ONE, '-DAPART']),
  checked(3, 'all of VALUE is compared again, and a station moves', STAYS),
  checked(5, 'a version at insertions guards VALUE and key', ONE),
  checked(6, 'a version at insertions and removals guards VALUE and key', ONE),
  mutant('etherbridge', 'NOT_NUMBERED', 'all newcomers have the same number', ONE),
  mutant('etherbridge', 'NUMBER_ZERO', 'a newcomer may have the number of an empty slot', ONE),
  mutant('etherbridge', 'VALUE_BEFORE_KEY', 'VALUE is written before the key', ONE),
  mutant('etherbridge', 'KEY_CLEARED_BEFORE_VALUE', 'the key is cleared before VALUE', ONE),
  mutant('etherbridge', 'NO_LOCK', 'writers take no locks', ['-DNO_READER']),
  mutant('etherbridge', 'MOVE_IN_TWO_STEPS', 'a move clears VALUE first', STAYS),
  mutant('etherbridge', 'MISMATCH_IS_A_MISS', 'a look-up ends at a slot that changed under it', STAYS),
  mutant('removal', 'GENERATION_NOT_CHECKED', 'a look-up does not compare the generation'),
  mutant('removal', 'GENERATION_NOT_CLEARED', 'the generation is not cleared'),
  mutant('removal', 'GENERATION_KEPT', 'a worker keeps the generation over bursts'),
  mutant('removal', 'PURGED_BEFORE_GRACE', 'entries are purged before the grace period'),
  mutant('removal', 'NO_GRACE', 'there is no grace period'),
  mutant('removal', 'ONLINE_NOT_FENCED', 'online announces with a plain store'),
  mutant('removal', 'SLEEPS_ONLINE', 'a worker sleeps without going offline', ['-DKEYS=1'], 'progress'),
];

/** The tools that are not there. */
const missing = ['spin', 'cc'].filter((tool) => spawnSync(tool, [tool === 'spin' ? '-V' : '--version']).error);
const skip = missing.length > 0 && `not installed: ${missing.join(', ')}`;

describe('the models pass', { skip }, () => {
  /** Of each model, the statements that none of its runs has reached. */
  const never = new Map<string, string[]>();

  for (const run of CORRECT) {
    it(`${run.model}: ${run.claim}`, async (t) => {
      const { output, states, seconds } = await check(run, FAST_SEARCH);
      assert.match(output, /errors: 0/, output);
      assert.doesNotMatch(output, /max search depth too small|out of memory|MEMLIM/, output);
      const missed = unreached(output);
      never.set(run.model, never.get(run.model)?.filter((at) => missed.includes(at)) ?? missed);
      t.diagnostic(`${command(run)}: ${states} states, ${seconds} s`);
    });
  }

  it('the runs of a model reach all of it', () => {
    for (const [model, statements] of never) assert.deepEqual(statements, [], model);
  });
});

describe('every mutant is caught', { skip }, () => {
  for (const run of MUTANTS) {
    it(`${run.model}: ${run.broken}`, async (t) => {
      const { output } = await check(run, FAST_START);
      const verdict = run.caught.exec(output);
      assert.ok(verdict, `${command(run)} passed\n${output}`);
      t.diagnostic(`${command(run)}: caught, ${verdict[0]}`);
    });
  }

  it('a missing fence goes unseen without store buffers', async () => {
    const run = correct('smr', '', ['-DREADERS=1', '-DMUTANT_ONLINE_NOT_FENCED', '-DSEQUENTIAL']);
    assert.match((await check(run, FAST_START)).output, /errors: 0/);
  });
});

function correct(model: string, claim: string, flags: readonly string[], search: Search = 'safety'): Correct {
  return { model, claim, flags, search };
}

function mutant(
  model: string,
  name: string,
  broken: string,
  flags: readonly string[] = [],
  search: Search = 'safety',
): Mutant {
  const caught = search === 'safety' ? ASSERTION : CYCLE;
  return { model, broken, flags: [...flags, `-DMUTANT_${name}`], search, caught };
}

/** The etherbridge with another way to make sure of a value. */
function checked(how: number, broken: string, flags: readonly string[]): Mutant {
  return { model: 'etherbridge', broken, flags: [...flags, `-DCHECK=${how}`], search: 'safety', caught: ASSERTION };
}

/** Searches a model. The event loop turns meanwhile, so that each result is told when it is there. */
async function check(
  { model, flags, search }: Run,
  { compile, table }: typeof FAST_SEARCH,
): Promise<{ output: string; states: string; seconds: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'smr-model-'));
  const safety = search === 'safety';
  const call = (program: string, args: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile(program, args, { cwd: directory, timeout: RUN_MS, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`;
        const failed = error !== null && (program !== './pan' || typeof error.code !== 'number');
        if (failed) reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${output}`, { cause: error }));
        else resolve(output);
      });
    });
  try {
    await call('spin', [...flags, '-a', join(MODELS, `${model}.pml`)]);
    await call('cc', [compile, '-w', '-DMEMLIM=2000', safety ? '-DSAFETY' : '-DNP', '-o', 'pan', 'pan.c']);
    const began = performance.now();
    const output = await call('./pan', [`-m${DEPTH}`, table, ...(safety ? [] : ['-l', '-f'])]);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    return { output, states: /(\d+) states, stored/.exec(output)?.[1] ?? '?', seconds };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Statements not reached, but for the ends of processes that never end and the places where nobody may come. */
function unreached(output: string): string[] {
  const found = output.matchAll(/^\t\S*?([\w.]+:\d+), state \d+, "(.*)"$/gm);
  return [...found].map(([, at, text]) => `${at} ${text}`).filter((at) => !/-end-|assert\(0\)/.test(at));
}

function command({ model, flags, search }: Run): string {
  return `${model} ${[...flags, ...(search === 'progress' ? ['(progress)'] : [])].join(' ')}`.trim();
}
