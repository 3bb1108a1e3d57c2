/**
 * A test file run once in a process of its own, with a time box and a seed of its own (stress.ts).
 */
import { spawn } from 'node:child_process';
import { OPERATIONS } from './stress.js';

/** A file that has not ended after twice its box and so much more is stuck, and killed. */
const STUCK_MS = 60_000;

/** How a file is run. */
export interface TestProcessOptions {
  readonly boxMs: number;
  readonly seed: number;
  /** Only tests whose names this matches. */
  readonly pattern?: string;
}

/** What a run came to. */
export interface TestProcessEnd {
  readonly ok: boolean;
  /** Names of tests that failed. */
  readonly failed: readonly string[];
  /** Sum of what its stresses said they did. */
  readonly operations: number;
  /** All that it printed. */
  readonly output: string;
}

/** Runs the compiled test file `path` to its end. It is killed with this process. */
export function runTestFile(path: string, { boxMs, seed, pattern }: TestProcessOptions): Promise<TestProcessEnd> {
  // Run by a test, the file would otherwise think that it reports to that one's runner.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const env = { ...inherited, SMROUTER_BOX_MS: String(boxMs), SMROUTER_SEED: String(seed) };
  const only = pattern === undefined ? [] : [`--test-name-pattern=${pattern}`];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', '--test-reporter=tap', ...only, path], {
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
      const failed = Array.from(output.matchAll(/^\s*not ok \d+ - (.*)$/gm), ([, name = '']) => name);
      const counts = output.matchAll(new RegExp(`^\\s*# ${OPERATIONS} (\\d+)$`, 'gm'));
      let operations = 0;
      for (const [, count] of counts) operations += Number(count);
      resolve({ ok: code === 0, failed, operations, output });
    });
  });
}
