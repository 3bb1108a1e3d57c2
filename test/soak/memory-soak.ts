/**
 * Ten minutes of a real smrouterd: default regions, two workers, paced traffic both ways between two hosts on TAPs, while ports
 * come and go, the file is reloaded, addresses are flushed, and somebody scrapes every second. Before that the workers use every
 * slot they have. Resident memory must stay under its limit and be flat; in the end the books balance and nothing waits for a
 * grace period.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { baseLines, flood, useEverySlot } from '../support/flood.js';
import { type Host, Lan } from '../support/hosts.js';
import { uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { heaviestMappings, type Resident, residentOf } from '../support/resident.js';
import { seeded } from '../support/stress.js';
import type { Outcome, SoakOptions } from './contract.js';

const SECONDS = 600;
const SAMPLE_MS = 1000;
/** Samples between two lines of progress. */
const TOLD_SAMPLES = 30;
const LIMIT_MIB = 300;
/** Frames a second of each host; the two make 20 000. */
const RATE = 10_000;
/** Of what is sent, what must arrive: a queue may overflow while the machine does something else. */
const ARRIVES = 0.9;
/** Between two changes of the configuration. */
const CHANGE_MS = 100;
/** A run shorter than this says nothing of how memory goes on. */
const JUDGED_SECONDS = 60;
/**
 * Growth within the second half, from its first quarter to its last, that is taken for flat. In the first half the heaps of main and the
 * workers grow to their working size: 156 to 185 MiB in 300 s, then 185 to 187 in as many (Node 20.20, 21 November 2026).
 */
const FLAT_FACTOR = 1.02;
const FLAT_MIB = 2;

/** A row of `show smr`. */
interface Smr {
  readonly deferredObjects: number;
  readonly deferredBytes: number;
}

/** Runs it. What is wrong in the end is in the outcome's lines. */
export async function memorySoak({ seed, seconds = SECONDS, say }: SoakOptions): Promise<Outcome> {
  const skip = skipReason.tun();
  if (skip !== false) return { ok: false, lines: [`cannot run here: ${skip}`] };
  const lan = await Lan.start('soak', { hosts: 2, workers: 2 });
  const wrong: string[] = [];
  const lines: string[] = [];
  try {
    await useEverySlot(lan);
    say(`memory: every slot of the workers used, ${mib(residentOf(lan.daemon.pid).all)} MiB`);
    const samples = await run(lan, seed, seconds, say, wrong);
    judge(samples, seconds, lines, wrong);
    const last = samples.at(-1) as Resident;
    lines.push(`anonymous ${mib(last.anonymous)}, of files ${mib(last.file)}, shared ${mib(last.shared)} MiB`);
    lines.push(`regions: ${await regions(lan)}`);
    if (Math.max(...samples.map((s) => s.all)) > LIMIT_MIB) lines.push(...whatTakesIt(lan.daemon.pid));
    await atRest(lan, wrong);
  } finally {
    const status = await lan.stop();
    if (status !== 0) wrong.push(`smrouterd ended with ${status}`);
  }
  return { ok: wrong.length === 0, lines: [...lines, ...wrong.map((what) => `WRONG: ${what}`)] };
}

/** Traffic, changes, scrapes and samples, all at once. Returns the samples. */
async function run(
  lan: Lan,
  seed: number,
  seconds: number,
  say: (line: string) => void,
  wrong: string[],
): Promise<Resident[]> {
  const [a, b] = lan.hosts as [Host, Host];
  const floods = [flood(lan, a, b, seconds, RATE), flood(lan, b, a, seconds, RATE)];
  const samples: Resident[] = [];
  const end = performance.now() + seconds * 1000;
  const changes = change(lan, seeded(seed), end);
  // Heard at once, so that a change that fails before anybody awaits it does not end the process.
  changes.catch(() => {});
  while (performance.now() < end) {
    await sleep(Math.min(SAMPLE_MS, (seconds * 1000) / 5));
    await lan.daemon.metrics();
    const sample = residentOf(lan.daemon.pid);
    samples.push(sample);
    if (samples.length % TOLD_SAMPLES === 0) say(`memory: sample ${samples.length}, ${mib(sample.all)} MiB`);
  }
  const made = await changes;
  const counts = await Promise.all(floods);
  counts.forEach(({ sent, arrived }, n) => {
    if (arrived < sent * ARRIVES) wrong.push(`of ${sent} frames from host ${n} only ${arrived} arrived`);
  });
  const frames = counts.reduce((sum, { arrived }) => sum + arrived, 0);
  say(`memory: ${frames} frames forwarded, ${made} changes, ${samples.length} scrapes; seed ${seed}`);
  return samples;
}

/** Changes the configuration at random until `end`, and leaves it as it was. Returns how many changes it made. */
async function change(lan: Lan, random: (below: number) => number, end: number): Promise<number> {
  const { daemon } = lan;
  const base = baseLines(lan);
  const more = ['ifconfig mem9 create up', 'ifconfig veb0 add mem9', 'ifconfig veb0 description soak maxaddr 500'];
  const tap = uniqueTap();
  const before = await daemon.run('show', 'running');
  const comeAndGo = async (port: string): Promise<void> => {
    await daemon.run('ifconfig', port, 'create', 'up');
    await daemon.run('ifconfig', 'veb0', 'add', port);
    await sleep(random(50));
    if (random(2) === 0) await daemon.run('ifconfig', 'veb0', 'del', port);
    await daemon.run('ifconfig', port, 'destroy');
  };
  const reload = async (lines: readonly string[]): Promise<void> => {
    daemon.configure(lines);
    await daemon.run('reload');
  };
  const mac = '02:00:00:00:00:55';
  const choices: (() => Promise<unknown>)[] = [
    () => comeAndGo(tap),
    () => comeAndGo('mem0'),
    () => daemon.run('ifconfig', 'veb0', 'flush'),
    () => daemon.run('ifconfig', 'veb0', 'flushall'),
    () => daemon.run('ifconfig', 'veb0', 'maxaddr', String(2 + random(4000)), 'timeout', String(8 + random(300))),
    () => reload([...base, ...more]),
    () => reload(base),
    async () => {
      await daemon.run('ifconfig', 'veb0', 'static', lan.hosts[0]?.tap as string, mac);
      await daemon.run('ifconfig', 'veb0', 'deladdr', mac);
    },
  ];
  let made = 0;
  for (; performance.now() < end; made++) {
    await (choices[random(choices.length)] as () => Promise<unknown>)();
    await sleep(random(2 * CHANGE_MS));
  }
  await reload(base);
  const after = await daemon.run('show', 'running');
  if (after !== before) throw new Error(`the configuration is another one than before:\n${after}`);
  return made;
}

/** Whether memory stayed within its limit and flat. */
function judge(samples: readonly Resident[], seconds: number, lines: string[], wrong: string[]): void {
  const all = samples.map((sample) => sample.all);
  const peak = Math.max(...all);
  lines.push(`resident ${mib(Math.min(...all))} to ${mib(peak)} MiB of ${LIMIT_MIB}, ${seconds} s`);
  if (peak > LIMIT_MIB) wrong.push(`resident memory is over ${LIMIT_MIB} MiB`);
  if (seconds < JUDGED_SECONDS) {
    lines.push(`whether it is flat cannot be told from less than ${JUDGED_SECONDS} s`);
    return;
  }
  const half = all.slice(Math.floor(all.length / 2));
  const quarter = Math.floor(half.length / 4);
  const first = middle(half.slice(0, quarter));
  const last = middle(half.slice(-quarter));
  lines.push(`second half: its first quarter's median ${mib(first)} MiB, its last one's ${mib(last)} MiB`);
  if (last > first * FLAT_FACTOR + FLAT_MIB) wrong.push('resident memory grows');
}

/** The books balance, nothing waits, nothing was complained of. */
async function atRest(lan: Lan, wrong: string[]): Promise<void> {
  const { daemon } = lan;
  await daemon.books().catch((error: Error) => wrong.push(error.message));
  await until('nothing is deferred', 5000, async () => {
    const [smr] = await daemon.json<Smr[]>('show', 'smr');
    return smr?.deferredObjects === 0 && smr.deferredBytes === 0;
  }).catch((error: Error) => wrong.push(error.message));
  wrong.push(...daemon.complaints());
}

/** Each region: used of its size where main knows, in MiB. */
async function regions(lan: Lan): Promise<string> {
  const rows = await lan.daemon.json<{ region: string; bytes: number; used: number | string }[]>('show', 'memory');
  const size = (bytes: number): string => mib(bytes / 2 ** 20);
  return rows
    .map((row) => `${row.region} ${typeof row.used === 'number' ? `${size(row.used)} of ` : ''}${size(row.bytes)}`)
    .join(', ');
}

/** The largest mappings, for a run over the limit. */
function whatTakesIt(pid: number): string[] {
  return heaviestMappings(pid, 12).map((m) => `${mib(m.residentMiB)} MiB of ${mib(m.sizeMiB)}: ${m.name}`);
}

function middle(values: readonly number[]): number {
  return [...values].sort((x, y) => x - y)[values.length >> 1] as number;
}

function mib(value: number): string {
  return value.toFixed(1);
}
