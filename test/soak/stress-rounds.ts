/**
 * The stresses of test/concurrency for longer than `npm test` gives them: the same files, a process a round, each round with
 * the next seed, until enough operations have been done. What an operation is, the test says (`operations` of stress.ts).
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { OPERATIONS } from '../support/stress.js';
import type { Outcome, SoakOptions } from './contract.js';

/** Operations of each stress, where no time is given. */
const GOAL = 10_000_000;
/** The time box of one round. */
const ROUND_MS = 20_000;
/** A round that has not ended after its box and so much more is stuck. */
const STUCK_MS = 120_000;

/** The stresses by name: the test files they are. */
export const STRESSES = {
  smr: '../concurrency/smr.test.js',
  ring: '../concurrency/ring.test.js',
  etherbridge: '../concurrency/etherbridge.test.js',
  churn: '../concurrency/veb-churn.test.js',
} as const;

/** What one round came to. */
interface Round {
  readonly ok: boolean;
  readonly operations: number;
  readonly output: string;
}

/** Runs one stress in rounds. Stops at the first that fails. */
export async function stressRounds(name: keyof typeof STRESSES, { seed, seconds, say }: SoakOptions): Promise<Outcome> {
  const start = performance.now();
  const spent = (): number => performance.now() - start;
  let operations = 0;
  let rounds = 0;
  const enough = (): boolean => (seconds === undefined ? operations >= GOAL : spent() >= seconds * 1000);
  while (rounds === 0 || !enough()) {
    const roundSeed = (seed + rounds++) | 0;
    const boxMs = seconds === undefined ? ROUND_MS : Math.min(ROUND_MS, seconds * 1000);
    const round = await runRound(STRESSES[name], boxMs, roundSeed);
    operations += round.operations;
    say(`${name}: seed ${roundSeed}, ${round.operations} operations, ${operations} so far`);
    if (!round.ok) {
      say(round.output);
      const again = `npm run soak -- --only ${name} --seed ${roundSeed}`;
      return { ok: false, lines: [`failed in round ${rounds}; to have it again: ${again}`] };
    }
  }
  const line = `${operations} operations in ${rounds} rounds, ${Math.round(spent() / 1000)} s, seeds from ${seed}`;
  return { ok: operations > 0, lines: [line] };
}

/** Runs the test file once in a process of its own. */
function runRound(file: string, boxMs: number, seed: number): Promise<Round> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  // Were this itself run by a test, the file would think that it reports to that one's runner.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const env = { ...inherited, SMROUTER_BOX_MS: String(boxMs), SMROUTER_SEED: String(seed) };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', '--test-reporter=tap', path], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: boxMs * 2 + STUCK_MS,
      killSignal: 'SIGKILL',
    });
    const endWithProcess = (): boolean => child.kill('SIGKILL');
    process.once('exit', endWithProcess);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('exit', endWithProcess);
      let operations = 0;
      for (const [, count] of output.matchAll(new RegExp(`^\\s*# ${OPERATIONS} (\\d+)$`, 'gm')))
        operations += Number(count);
      resolve({ ok: code === 0, operations, output });
    });
  });
}
