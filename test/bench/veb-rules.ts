/**
 * `veb-rules`: memory → memory through bridges whose ports have 0, 8 and 1000 rules on the way in, none of which matches, 60-byte
 * frames, one worker. Further figures: 8 rules; the verdict alone, beside a plain walk over objects in the same run, where a
 * quarter of the frames meet a rule; and the kernel's bridge with the same 1000 rules in nftables, beside itself without.
 * Rules name one or two addresses, or fields of ARP.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { formatRule } from '../../src/main/config/rule.js';
import { OfflineRouter } from '../support/offline-router.js';
import { skipReason } from '../support/require.js';
import { type Bench, inTurn, interleaved, type Measured, median, medianRatio, round, span } from './bench.js';
import { benchRule, LISTS } from './bench-rules.js';
import { Hosts, nsAFrame } from './memory-hosts.js';
import { floodOnce, type TwoHosts, throughLinuxBridge } from './two-hosts.js';

const STATIONS = 1000;
const PAIRS = 9;
const LINUX_ROUNDS = 5;
const LINUX_SECONDS = 2;

/** The whole path, a bridge for each list, all on one worker. The longest list first. */
async function throughBridges(): Promise<Measured[]> {
  const router = new OfflineRouter();
  const forward = (): void => {
    while (router.loop.pollMemoryPorts() !== 0);
  };
  const measures: (() => number)[] = [];
  for (const [n, count] of LISTS.entries()) {
    const ports = [`mem${2 * n}`, `mem${2 * n + 1}`] as const;
    const lines = ports.flatMap((port) => [
      `${port} create up`,
      `veb${n} add ${port}`,
      ...Array.from({ length: count }, (_, r) => `veb${n} rule ${formatRule(port, benchRule(r))}`),
    ]);
    await router.ifconfig(`veb${n} create maxaddr 1024 up`, ...lines);
    const hosts = Hosts.on(router, ports, STATIONS);
    hosts.teach(forward);
    measures.push(() => nsAFrame(hosts, forward));
  }
  await inTurn(3, measures);
  const [none = [], ...others] = await inTurn(PAIRS, measures);
  return others
    .map((of, n) => ({
      value: round(median(of)),
      unit: 'ns/frame',
      ratio: medianRatio(none, of),
      peer: `the same without rules (${round(median(none))} ns)`,
      note: `${LISTS[n + 1]} rules on each port; ${PAIRS} rounds, ${span(of)}, without ${span(none)}`,
    }))
    .reverse();
}

/** Rule `n` as nftables has it. */
function nftRule(n: number): string {
  const { action, src, dst, arp, spa } = benchRule(n);
  const matches: string[] = [];
  if (src !== '') matches.push(`ether saddr ${src}`);
  if (dst !== '') matches.push(`ether daddr ${dst}`);
  if (arp !== '') matches.push(`ether type arp arp operation request arp saddr ip ${spa}`);
  return `${matches.join(' ')} ${action === 'block' ? 'drop' : 'accept'}`;
}

/** Gives the kernel's bridge `count` rules for what comes from the sender; 0 takes them away. */
function nftables(hosts: TwoHosts, count: number): void {
  const rules = Array.from({ length: count }, (_, n) => `iifname "p0" ${nftRule(n)}`);
  const chain = `chain c {\ntype filter hook prerouting priority 0; policy accept;\n${rules.join('\n')}\n}`;
  const input = `flush ruleset\n${count === 0 ? '' : `table bridge t {\n${chain}\n}\n`}`;
  hosts.bridge?.exec(['nft', '-f', '-'], { input });
}

/** The kernel's bridge with and without the 1000 rules, or why it cannot be measured. */
async function linuxBridge(): Promise<Measured | string> {
  const skip = skipReason.root();
  if (skip) return skip;
  if (spawnSync('nft', ['--version']).error !== undefined) return 'nft is not installed (script/bootstrap bench)';
  const hosts = await throughLinuxBridge();
  try {
    const rate = (count: number) => (): number => {
      nftables(hosts, count);
      return floodOnce(hosts, LINUX_SECONDS).got;
    };
    const { a, b, ratio } = await interleaved(LINUX_ROUNDS, rate(1000), rate(0));
    return {
      value: round(a),
      unit: 'kframes/s',
      ratio: round(ratio),
      peer: `itself without rules (${round(b)} kframes/s)`,
      note: `the Linux bridge with the same 1000 rules in nftables; ${LINUX_ROUNDS} pairs of ${LINUX_SECONDS} s`,
    };
  } finally {
    await hosts.stop();
  }
}

/** What the thread of `rule-verdicts.ts` finds. */
async function verdicts(): Promise<Measured[]> {
  const [found] = (await once(new Worker(new URL('./rule-verdicts.js', import.meta.url)), 'message')) as [Measured[]];
  return found;
}

async function run(): Promise<Measured> {
  const [thousand, ...fewer] = (await throughBridges()) as [Measured, ...Measured[]];
  const linux = await linuxBridge();
  const more = [...fewer, ...(await verdicts())];
  if (typeof linux === 'string') return { ...thousand, note: `${thousand.note}; no Linux bridge: ${linux}`, more };
  return { ...thousand, more: [...more, linux] };
}

export const vebRules: Bench = {
  name: 'veb-rules',
  about: 'memory → memory through a veb with 0, 8 and 1000 rules that do not match',
  run,
};
