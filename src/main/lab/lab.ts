/**
 * `npm start`: the quick-start lab. Runs examples/quickstart.conf with hosts on it, prints what it built and the live rates,
 * and removes every trace when it ends.
 *
 * With root and /dev/net/tun the hosts are network namespaces behind kernel TAPs, and the router is a real smrouterd. Else
 * the same configuration runs in this process on in-memory hosts, and the lab says why.
 */
import { accessSync, constants } from 'node:fs';
import { parseArgs } from 'node:util';
import type { InterfaceCounters, Lab } from './contract.js';
import { startKernelLab } from './kernel-lab.js';
import { startMemoryLab } from './memory-lab.js';

const PERIOD_MS = 1000;

/** Why kernel TAPs cannot be used here, or undefined. */
export function whyNoTaps(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return 'no /dev/net/tun (modprobe tun)';
  }
  return undefined;
}

/** Frames and bits a second between two readings, a line an interface. */
function rates(
  before: Map<string, InterfaceCounters>,
  after: Map<string, InterfaceCounters>,
  seconds: number,
): string[] {
  const lines = [
    `${'interface'.padEnd(10)}${'in frames/s'.padStart(14)}${'in Mbit/s'.padStart(12)}${'out frames/s'.padStart(14)}${'out Mbit/s'.padStart(12)}`,
  ];
  for (const [name, now] of after) {
    const was = before.get(name) ?? { ipackets: 0, ibytes: 0, opackets: 0, obytes: 0 };
    const frames = (a: number, b: number): string => ((a - b) / seconds).toFixed(0).padStart(14);
    const bits = (a: number, b: number): string => (((a - b) * 8) / seconds / 1e6).toFixed(1).padStart(12);
    lines.push(
      `${name.padEnd(10)}${frames(now.ipackets, was.ipackets)}${bits(now.ibytes, was.ibytes)}${frames(now.opackets, was.opackets)}${bits(now.obytes, was.obytes)}`,
    );
  }
  return lines;
}

/** Set by the first SIGINT or SIGTERM, also while the lab is still being built. */
let over = false;
let wake: () => void = () => {};

/** Prints rates until `seconds` are over or a signal comes. */
async function watch(lab: Lab, seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1000;
  let before = await lab.counters();
  let at = performance.now();
  while (!over && performance.now() < until) {
    const period = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PERIOD_MS);
      wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
    await Promise.race([period, lab.failed]);
    if (over) break;
    const after = await lab.counters();
    const now = performance.now();
    process.stdout.write(`\n${rates(before, after, (now - at) / 1000).join('\n')}\n`);
    before = after;
    at = now;
  }
}

async function main(): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      over = true;
      wake();
    });
  }
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '86400' }, memory: { type: 'boolean', default: false } },
  });
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds ${values.seconds}: not a number of seconds`);
  const why = values.memory ? 'asked for with --memory' : whyNoTaps();
  if (why !== undefined) process.stdout.write(`No kernel TAPs: ${why}. The hosts are in memory.\n`);
  const lab = await (why === undefined ? startKernelLab() : startMemoryLab());
  // One that is told to end before anybody watches it does not fail.
  lab.failed.catch(() => {});
  try {
    process.stdout.write(
      `${lab.built.join('\n')}\nmetrics: ${lab.metricsUrl}\nCtrl-C ends the lab and removes every trace.\n`,
    );
    await watch(lab, seconds);
  } finally {
    await lab.stop();
  }
  process.stdout.write('\nEverything removed.\n');
  return 0;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`lab: ${(error as Error).message}\n`);
  return 1;
});
