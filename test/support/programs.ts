/**
 * Running the programs in bin/ to their end, and what such tests share.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Where the programs are. */
export const BIN = fileURLToPath(new URL('../../../bin/', import.meta.url));
/** What a command may take. */
export const COMMAND_MS = 20_000;

/** What a program left: exit status (-1 for a signal) and what it printed. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How much longer than it should take is waited: a machine with other work to do has failed nothing. */
const PATIENCE = 4;

/** The value of a condition that is polled until it is neither false nor undefined; an error when it takes several times `ms`. */
export async function until<T>(what: string, ms: number, look: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (const end = performance.now() + PATIENCE * ms; ; ) {
    const value = await look();
    if (value !== undefined && value !== null && value !== false) return value;
    if (performance.now() > end) throw new Error(`not within ${PATIENCE * ms} ms: ${what}`);
    await sleep(20);
  }
}

/** Runs one of the programs in bin/ to its end, in folder `cwd` if one is given. */
export function runProgram(
  program: 'smrouterd' | 'smrctl',
  args: readonly string[],
  env = {},
  cwd = process.cwd(),
): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { timeout: COMMAND_MS, killSignal: 'SIGKILL', env: { ...process.env, ...env }, cwd } as const;
    execFile(process.execPath, [join(BIN, program), ...args], options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout, stderr });
    });
  });
}

let taps = 0;

/** A TAP name that no other process of this machine uses, whatever runs beside. */
export function uniqueTap(): string {
  return `tap${process.pid * 100 + taps++}`;
}

const folders = new Set<string>();

process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed with the process. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-test-'));
  folders.add(folder);
  return folder;
}
