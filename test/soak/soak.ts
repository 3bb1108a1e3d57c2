/**
 * `npm run soak`: the long runs that `npm test` only boxes in time. Each prints its seeds; a summary closes. Exit status 0 if
 * all went well, 1 if not, 2 for wrong arguments.
 */
import { parseArgs } from 'node:util';
import { attachedSoak } from './attached-soak.js';
import { chaosSoak } from './chaos-soak.js';
import type { Outcome, SoakOptions } from './contract.js';
import { memorySoak } from './memory-soak.js';
import { STRESSES, stressRounds } from './stress-rounds.js';

const USAGE = `usage: npm run soak [-- [--seconds N | --hours H] [--seed S] [--only NAME]… [--help]]
  --seconds N   let each run take about N seconds, instead of 10^7 operations (stresses) or frames (attached) and 600 s (memory, chaos)
  --hours H     let all together take about H hours
  --seed S      the first seed, a whole number; of the time of day unless given
  --only NAME   this one only; may be repeated
`;

/** Every soak by name, in the order they are run. */
const SOAKS: ReadonlyMap<string, (options: SoakOptions) => Promise<Outcome>> = new Map([
  ...(Object.keys(STRESSES) as (keyof typeof STRESSES)[]).map(
    (name) => [name, (options: SoakOptions) => stressRounds(name, options)] as const,
  ),
  ['memory', memorySoak] as const,
  ['chaos', chaosSoak] as const,
  ['attached', attachedSoak] as const,
]);

/** What the command line asks for. */
interface Wanted {
  readonly help: boolean;
  readonly names: readonly string[];
  readonly seed: number;
  readonly seconds: number | undefined;
}

/** Reads the command line. Throws Error with what is wrong. */
function wanted(args: string[]): Wanted {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string' },
      hours: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  const names = [...SOAKS.keys()].filter((name) => values.only.length === 0 || values.only.includes(name));
  const each = values.hours === undefined ? values.seconds : String((Number(values.hours) * 3600) / names.length);
  const seconds = each === undefined ? undefined : Number(each);
  if (seconds !== undefined && !(seconds > 0 && seconds < 1e6))
    throw new Error(
      values.hours === undefined ? `--seconds ${values.seconds}: not a time` : `--hours ${values.hours}: not a time`,
    );
  const seed = values.seed === undefined ? Date.now() & 0x7fffffff : Number(values.seed);
  if (!Number.isInteger(seed)) throw new Error(`--seed ${values.seed}: not a whole number`);
  for (const name of values.only) {
    if (!SOAKS.has(name)) throw new Error(`--only ${name}: there are ${[...SOAKS.keys()].join(', ')}`);
  }
  return { help: values.help, names, seed, seconds };
}

async function main(): Promise<number> {
  let asked: Wanted;
  try {
    asked = wanted(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`soak: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  if (asked.help) {
    process.stdout.write(`${USAGE}  names: ${[...SOAKS.keys()].join(', ')}\n`);
    return 0;
  }
  const { seed, seconds } = asked;
  say(`soak: seed ${seed}`);
  const outcomes = new Map<string, Outcome>();
  for (const name of asked.names) {
    const soak = SOAKS.get(name) as (options: SoakOptions) => Promise<Outcome>;
    outcomes.set(
      name,
      await soak({ seed, seconds, say }).catch((error: Error) => ({
        ok: false,
        lines: [error.stack ?? error.message],
      })),
    );
  }
  say('');
  for (const [name, { ok, lines }] of outcomes) {
    lines.forEach((line, n) => {
      say(`${(n === 0 ? `${ok ? 'ok  ' : 'FAIL'} ${name}` : '').padEnd(18)}${line}`);
    });
  }
  const failed = [...outcomes].filter(([, { ok }]) => !ok).map(([name]) => name);
  say(failed.length === 0 ? `soak: all ${outcomes.size} passed` : `soak: FAILED: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
