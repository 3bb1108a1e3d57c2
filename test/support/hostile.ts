/**
 * A daemon under attack: two hosts on one bridge with a flow between them, and a third on a bridge of its own with a vport, who floods it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { flood } from './flood.js';
import { type Host, Lan } from './hosts.js';

const HOSTILE = fileURLToPath(new URL('../load/hostile-flood.js', import.meta.url));
const ROUTER_MAC = '02:00:00:00:01:01';
/** Addresses that the attacked bridge may learn. */
export const MAXADDR = 1000;
/** Between two questions at the control socket. */
const ASK_MS = 5;

/** Each flood, the reason that `show drops` must name, and how many frames of it at least. */
export const FLOODS = [
  ['macs', 'other-host', 10_000],
  ['arp', 'punt-full', 1],
  ['nd', 'punt-full', 1],
  ['no-route', 'no-route', 100],
  ['ttl', 'ttl', 100],
  ['fragments', 'reassembly-full', 1],
] as const;

/** veb0 with hosts a and b; veb1 with the attacker and vport0, which has addresses and routes. */
export async function startHostile(name: string, workers: number): Promise<Lan> {
  const lan = await Lan.start(name, { hosts: 3, workers });
  const attacker = lan.hosts[2] as Host;
  for (const line of [
    `ifconfig veb0 del ${attacker.tap}`,
    `ifconfig veb1 create maxaddr ${MAXADDR} add ${attacker.tap} up`,
    `ifconfig vport0 create lladdr ${ROUTER_MAC} inet 198.19.0.1/16 up`,
    'ifconfig vport0 inet6 fd01::1/64',
    'ifconfig veb1 add vport0',
    'route add 198.18.0.0/24 198.19.0.99',
  ])
    await lan.daemon.run(...line.split(' '));
  return lan;
}

/** A flood of one kind by the attacker, `under` words that start it. Resolves to the frames it sent. */
export async function attack(lan: Lan, kind: string, seconds: number, under: readonly string[] = []): Promise<number> {
  const attacker = lan.hosts[2] as Host;
  const words = [HOSTILE, kind, attacker.tap, ROUTER_MAC, String(seconds)];
  const child = attacker.netns.spawn([...under, process.execPath, ...words]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => void (said += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the flood of ${kind} ended with ${code}: ${said}`);
  return (JSON.parse(said) as { sent: number }).sent;
}

/** The flow from a to b, `rate` frames a second. Resolves to how many arrived in a second. */
export async function steadyFlow(lan: Lan, seconds: number, rate: number): Promise<number> {
  const [a, b] = lan.hosts as [Host, Host];
  return (await flood(lan, a, b, seconds, rate)).arrived / seconds;
}

/** Frames dropped for `reason` so far, wherever. */
export async function droppedFor(lan: Lan, reason: string): Promise<number> {
  return [...(await lan.drops())].reduce((sum, [key, n]) => (key.endsWith(` ${reason}`) ? sum + n : sum), 0);
}

/** Asks `show drops` again and again until `work` is done. Returns what that came to, and the milliseconds that each answer took. */
export async function askingMeanwhile<T>(lan: Lan, work: () => Promise<T>): Promise<{ result: T; took: number[] }> {
  const took: number[] = [];
  let over = false;
  const asking = (async (): Promise<void> => {
    while (!over) {
      const start = performance.now();
      await lan.daemon.run('show', 'drops');
      took.push(performance.now() - start);
      await sleep(ASK_MS);
    }
  })();
  const result = await work().finally(() => {
    over = true;
  });
  await asking;
  return { result, took };
}

/** The value below which `part` of all are. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number;
}
