/**
 * `npm run bench [-- NAME… [--json]]`: runs benches, each in a process of its own, and prints a line for each figure.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { tuneCompiler } from '../../src/shared/sys/compiler.js';
import { packetPps, xdp1514, xdpImix, xdpPps } from './attached.js';
import { mixedTcp, packetTcp } from './attached-tcp.js';
import { type Bench, type Measured, resultLine } from './bench.js';
import { captureFile } from './capture-file.js';
import { captureOff } from './capture-off.js';
import { cpu } from './cpu.js';
import { dt4Tap, dt4Tcp } from './dt4-tap.js';
import { erspanDecap, erspanEncap } from './erspan.js';
import { erspanCollect } from './erspan-collect.js';
import { erspanMirror } from './erspan-mirror.js';
import { fib4, fib6 } from './fib.js';
import { floods } from './floods.js';
import { latency } from './latency.js';
import { memory } from './memory.js';
import { ports } from './ports.js';
import { ring } from './ring.js';
import { route4, route6 } from './route.js';
import { rport } from './rport.js';
import { smr } from './smr.js';
import { endDt4, hEncaps, vrfScale } from './srv6.js';
import { tapPps } from './tap-pps.js';
import { tapRoutePps, tapRouteTcp } from './tap-route.js';
import { tapTcp } from './tap-tcp.js';
import { restartGap, takeoverGap } from './upgrade.js';
import { veb } from './veb.js';
import { vebChurn } from './veb-churn.js';
import { vebFlood } from './veb-flood.js';
import { vebMacs } from './veb-macs.js';
import { vebRules } from './veb-rules.js';
import { vebScaling } from './veb-scaling.js';

/** In the order they run. */
const BENCHES: readonly Bench[] = [
  ...[ring, veb, vebRules, vebMacs, vebFlood, vebChurn, vebScaling, smr, captureOff, fib4, fib6, route4, route6, rport],
  ...[endDt4, hEncaps, vrfScale, dt4Tap, dt4Tcp],
  ...[tapTcp, tapPps, tapRouteTcp, tapRoutePps, latency, cpu, memory, captureFile, restartGap, takeoverGap, floods],
  ...[erspanEncap, erspanDecap, erspanMirror, erspanCollect],
  ...[xdpPps, xdpImix, xdp1514, packetPps, packetTcp, mixedTcp, ports],
];

/** One figure as text. */
function text(name: string, m: Measured): string {
  const ratio = m.ratio === undefined ? '' : `, ${m.ratio} × ${m.peer}`;
  const limit = m.limit === undefined ? '' : `, limit ${m.limit}`;
  return `${name.padEnd(12)} ${m.value} ${m.unit}${ratio}${limit}\n             ${m.note ?? ''}`;
}

/** Runs one bench in this process. Returns the exit status. */
async function one(bench: Bench, json: boolean): Promise<number> {
  tuneCompiler(); // as smrouterd does
  const result = await bench.run();
  if (typeof result === 'string') {
    process.stderr.write(`${bench.name}: not run: ${result}\n`);
    return 0;
  }
  if (json) process.stdout.write(`${resultLine(bench.name, result)}\n`);
  else for (const m of [result, ...(result.more ?? [])]) process.stdout.write(`${text(bench.name, m)}\n`);
  return 0;
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const json = args.includes('--json');
  const odd = args.find((arg) => arg.startsWith('-') && arg !== '--json');
  if (odd !== undefined) {
    const help = `usage: npm run bench [-- [--json] NAME…]\n  names: ${BENCHES.map((b) => b.name).join(', ')}; all unless given\n`;
    const asked = odd === '--help';
    (asked ? process.stdout : process.stderr).write(asked ? help : `bench: ${odd}: unknown option\n${help}`);
    return asked ? 0 : 1;
  }
  const names = args.filter((arg) => !arg.startsWith('-'));
  const unknown = names.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no such bench: ${unknown.join(', ')}; there are ${BENCHES.map((b) => b.name).join(', ')}\n`);
    return 1;
  }
  const wanted = BENCHES.filter((bench) => names.length === 0 || names.includes(bench.name));
  const [only] = wanted;
  if (wanted.length === 1 && only !== undefined) return one(only, json);
  let status = 0;
  for (const bench of wanted) {
    const flags = [...process.execArgv, fileURLToPath(import.meta.url), bench.name, ...(json ? ['--json'] : [])];
    status ||= spawnSync(process.execPath, flags, { stdio: 'inherit' }).status ?? 1;
  }
  return status;
}

process.exitCode = await main();
