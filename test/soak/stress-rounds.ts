/**
 * The stresses of test/concurrency, the oracle of test/netns, and the fuzzers of what operators, scrapers and SRv6 nodes send, for longer than
 * `npm test` gives them: the same files, a process a round, each round with the next seed, until enough operations have been done. What an
 * operation is, the test says (`operations` of stress.ts).
 */
import { fileURLToPath } from 'node:url';
import { runTestFile } from '../support/test-process.js';
import type { Outcome, SoakOptions } from './contract.js';

/** Operations of each stress, where no time is given, and packets for the comparison with Linux. */
const GOAL = 10_000_000;
const PACKETS = 100_000;
/** Cases of a fuzzer. */
const CASES = 1_000_000;
/** The time box of one round. */
const ROUND_MS = 20_000;

/** The stresses by name: the test files they are. */
export const STRESSES = {
  smr: '../concurrency/smr.test.js',
  ring: '../concurrency/ring.test.js',
  etherbridge: '../concurrency/etherbridge.test.js',
  churn: '../concurrency/veb-churn.test.js',
  'linux-router': '../netns/linux-router.test.js',
  'fuzz-http': '../fuzz/http.test.js',
  'fuzz-config': '../fuzz/config.test.js',
  'fuzz-control': '../fuzz/control-socket.test.js',
  'fuzz-srv6': '../fuzz/srv6.test.js',
} as const;

/** How many operations are enough. */
function goalOf(name: keyof typeof STRESSES): number {
  if (name === 'linux-router') return PACKETS;
  return name.startsWith('fuzz-') ? CASES : GOAL;
}

/** Runs one stress in rounds. Stops at the first that fails. */
export async function stressRounds(name: keyof typeof STRESSES, { seed, seconds, say }: SoakOptions): Promise<Outcome> {
  const file = fileURLToPath(new URL(STRESSES[name], import.meta.url));
  const start = performance.now();
  const goal = goalOf(name);
  const spent = (): number => performance.now() - start;
  let operations = 0;
  let rounds = 0;
  const enough = (): boolean => (seconds === undefined ? operations >= goal : spent() >= seconds * 1000);
  while (rounds === 0 || !enough()) {
    const roundSeed = (seed + rounds++) | 0;
    const boxMs = seconds === undefined ? ROUND_MS : Math.min(ROUND_MS, seconds * 1000);
    const round = await runTestFile(file, { boxMs, seed: roundSeed });
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
