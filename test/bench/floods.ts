/**
 * `floods`: what a flow keeps of its rate, and how soon the control socket answers, while the daemon is attacked: by floods of what costs a
 * router most, by crowds of scrapers, by clients that are slow, and with every slot in use.
 *
 * A flow of RATE frames a second crosses one bridge. Alone and under attack take turns; the ratio is what arrived under it / alone. The
 * attacker is on core 0, as fast as it goes; the rest runs where Linux puts it. `show drops` is asked every 5 ms meanwhile. The goals are
 * 0.8 of the rate and 50 ms for 99 of 100 answers.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { askingMeanwhile, attack, FLOODS, percentile, startHostile, steadyFlow } from '../support/hostile.js';
import type { Lan } from '../support/hosts.js';
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, round, span } from './bench.js';
import { SENDER_CORE } from './two-hosts.js';

const CROWD = fileURLToPath(new URL('../load/crowd.js', import.meta.url));
const ROUNDS = 3;
const SECONDS = 2;
const RATE = 20_000;
const GOAL_MS = 50;
/** Memory ports that nobody takes from, and that a flood fills: each keeps 1024 slots. */
const HOARDERS = 24;
/** Reasons that are printed: those that most frames were dropped for. */
const REASONS = 3;

/** One attack: its name, and how it is done. */
interface Attack {
  readonly name: string;
  run(lan: Lan): Promise<unknown>;
}

/** A process of clients, on core 0. */
async function crowd(lan: Lan, kind: string): Promise<void> {
  const where = [lan.daemon.origin, lan.daemon.socket, String(SECONDS)];
  const child = spawn('taskset', ['-c', SENDER_CORE, process.execPath, CROWD, kind, ...where], { stdio: 'inherit' });
  await new Promise((resolve) => child.once('close', resolve));
}

const ATTACKS: readonly Attack[] = [
  ...FLOODS.map(([name]) => ({
    name,
    run: (lan: Lan) => attack(lan, name, SECONDS, ['taskset', '-c', SENDER_CORE]),
  })),
  { name: 'scrapes', run: (lan) => crowd(lan, 'scrapes') },
  { name: 'slow clients', run: (lan) => crowd(lan, 'slow') },
  {
    name: 'pools dry',
    run: async (lan) => {
      for (let n = 0; n < HOARDERS; n++) {
        await lan.daemon.run('ifconfig', `mem${n}`, 'create', 'up');
        await lan.daemon.run('ifconfig', 'veb1', 'add', `mem${n}`);
      }
      await attack(lan, 'macs', SECONDS, ['taskset', '-c', SENDER_CORE]);
      for (let n = 0; n < HOARDERS; n++) await lan.daemon.run('ifconfig', `mem${n}`, 'destroy');
    },
  },
];

/** What `show drops` has, over all interfaces. */
async function dropsByReason(lan: Lan): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const [key, n] of await lan.drops()) {
    const reason = key.slice(key.indexOf(' ') + 1);
    sums.set(reason, (sums.get(reason) ?? 0) + n);
  }
  return sums;
}

/** One attack in turn with the flow alone. */
async function under(lan: Lan, { name, run }: Attack): Promise<Measured[]> {
  const ratios: number[] = [];
  const took: number[] = [];
  const calm: number[] = [];
  const before = await dropsByReason(lan);
  for (let n = 0; n < ROUNDS; n++) {
    const alone = await askingMeanwhile(lan, () => steadyFlow(lan, SECONDS, RATE));
    const asked = await askingMeanwhile(lan, () => Promise.all([steadyFlow(lan, SECONDS, RATE), run(lan)]));
    ratios.push(asked.result[0] / alone.result);
    calm.push(...alone.took);
    took.push(...asked.took);
  }
  const more = [...(await dropsByReason(lan))].map(([reason, n]) => [reason, n - (before.get(reason) ?? 0)] as const);
  const most = more.filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  const why = most.slice(0, REASONS).map(([reason, n]) => `${reason} ${n}`);
  return [
    {
      value: round(percentile(took, 0.99)),
      unit: 'ms',
      limit: GOAL_MS,
      note: `control socket under ${name}, p99; p50 ${round(percentile(took, 0.5))}, most ${round(Math.max(...took))}, ${took.length} answers; without it p99 ${round(percentile(calm, 0.99))}, p50 ${round(percentile(calm, 0.5))}; show drops: ${why.join(', ') || 'nothing'}`,
    },
    {
      value: round(median(ratios)),
      unit: 'of the rate',
      note: `flow of ${RATE} frames/s under ${name}, ${ROUNDS} pairs, ${span(ratios)}`,
    },
  ];
}

export const floods: Bench = {
  name: 'floods',
  about: 'p99 of the control socket and what a flow keeps of its rate, under floods, crowds and with no slot left',
  run: async () => {
    const skip = skipReason.tun();
    if (skip !== false) return String(skip);
    const lan = await startHostile('bench', 1);
    const found: Measured[] = [];
    try {
      await steadyFlow(lan, SECONDS, RATE);
      for (const one of ATTACKS) found.push(...(await under(lan, one)));
    } finally {
      await lan.stop();
    }
    const [first, ...more] = found;
    return { ...(first as Measured), more };
  },
};
