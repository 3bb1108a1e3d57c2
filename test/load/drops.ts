/** What a smrouterd says it dropped, by interface and reason. */
import { runProgram } from '../support/programs.js';

/** Frames that one interface dropped for one reason. */
export interface DropCount {
  readonly interface: string;
  readonly reason: string;
  readonly frames: number;
}

/** `show drops` of the smrouterd behind a control socket. Throws what smrctl says. */
export async function dropsOf(socket: string): Promise<DropCount[]> {
  const { status, stdout, stderr } = await runProgram('smrctl', ['-s', socket, '--json', 'show', 'drops']);
  if (status !== 0) throw new Error(stderr.trim());
  return JSON.parse(stdout) as DropCount[];
}

/** What came to `before` until `after`. */
export function dropsBetween(before: readonly DropCount[], after: readonly DropCount[]): DropCount[] {
  const was = (row: DropCount): number =>
    before.find((old) => old.interface === row.interface && old.reason === row.reason)?.frames ?? 0;
  return after
    .map((row) => ({ interface: row.interface, reason: row.reason, frames: row.frames - was(row) }))
    .filter(({ frames }) => frames !== 0);
}
