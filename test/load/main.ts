/**
 * `npm run load`: starts a sink and a generator for each direction, waits for them, and says whether every frame arrived once,
 * whole and in order.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkNetns } from '../../src/shared/sys/link.js';
import { type DropCount, dropsBetween, dropsOf } from './drops.js';
import { startLab } from './lab.js';
import { LinkProcess, type Place } from './link-process.js';
import { HELP, type Options, parseOptions, UsageError } from './options.js';
import { type Direction, direction, faultsOf, type Result, resultText } from './report.js';
import { WINDOW_BYTES } from './window.js';

const WRONG = 2;

/** Runs one direction. `started` are the processes to end if anything fails; `file`: where the sink counts for the generator. */
async function load(
  options: Options,
  [from, to]: readonly [Place, Place],
  run: number,
  file: string,
  started: LinkProcess[],
): Promise<() => Promise<Direction>> {
  const { rate, seconds, size, macs, flows, seed, window: most } = options;
  const count = Math.min(options.count, Number.MAX_SAFE_INTEGER);
  if (most !== 0) writeFileSync(file, Buffer.alloc(WINDOW_BYTES));
  const sink = new LinkProcess('sink', to, { link: to.link, run, flows, ...(most === 0 ? {} : { window: file }) });
  started.push(sink);
  const bound = most === 0 ? {} : { window: { most, file } };
  const what = { run, seed, rate, seconds, count, size, flows, macs, ...bound };
  const generator = new LinkProcess('generator', from, { link: from.link, ...what });
  started.push(generator);
  const { mac } = await sink.message('ready');
  await generator.message('ready');
  return async () => {
    generator.order({ kind: 'go', destination: options.destination ?? mac });
    const offered = await generator.message('offered');
    sink.order({ kind: 'end' });
    return direction(from, to, rate, offered, await sink.message('received'));
  };
}

/** Runs all directions between two places. */
async function loadAll(options: Options, from: Place, to: Place): Promise<Direction[]> {
  const started: LinkProcess[] = [];
  const run = Math.floor(Math.random() * 2 ** 32);
  const ways: [Place, Place][] = [[from, to]];
  if (options.bidirectional) ways.push([to, from]);
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-load-'));
  try {
    // All are ready before the first frame is sent.
    const runs = await Promise.all(
      ways.map((way, n) => load(options, way, (run ^ n) >>> 0, join(folder, String(n)), started)),
    );
    return await Promise.all(runs.map((go) => go()));
  } finally {
    for (const child of started) child.kill();
    rmSync(folder, { recursive: true });
  }
}

/** The run, with what the router between dropped if there is a socket to ask. */
async function measure(
  options: Options,
  ends: { from: Place; to: Place },
  socket: string | undefined,
  everyDrop: boolean,
): Promise<Result> {
  for (const { netns } of [ends.from, ends.to]) if (netns !== undefined) checkNetns(netns);
  const before: DropCount[] = socket === undefined ? [] : await dropsOf(socket);
  const directions = await loadAll(options, ends.from, ends.to);
  const drops = socket === undefined ? undefined : dropsBetween(before, await dropsOf(socket));
  const faults = faultsOf(directions, drops, { allowLoss: options.allowLoss, everyDrop });
  const verdict = faults.length === 0 ? 'pass' : 'fail';
  return { verdict, faults, seed: options.seed, directions, ...(drops === undefined ? {} : { drops }) };
}

async function run(options: Options): Promise<Result> {
  if (options.ends !== undefined) return measure(options, options.ends, options.socket, false);
  const lab = await startLab(options.workers, 2 * options.macs);
  try {
    return await measure(options, lab, lab.daemon.socket, true);
  } finally {
    await lab.stop();
  }
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(HELP);
  else {
    const result = await run(options);
    process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : resultText(result));
    process.exitCode = result.verdict === 'pass' ? 0 : 1;
  }
} catch (error) {
  const usage = error instanceof UsageError ? '; --help says more' : '';
  process.stderr.write(`load: ${(error as Error).message}${usage}\n`);
  process.exitCode = WRONG;
}
