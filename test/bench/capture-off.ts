/**
 * `capture-off`: what taps and traces cost while nobody captures or traces. The forwarding loop as it is beside the same loop without them, in one process,
 * interleaved: copies of the build, in half of which the words that taps and traces look at are 0 in the code. There are two of each, since
 * copies of the same code differ by a per cent or two; the note tells by how much these do. A figure is the median of rounds of 1024 frames, so that others on the machine are not in it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mutatedBuild } from '../support/mutant.js';
import type * as OfflineRouters from '../support/offline-router.js';
import { type Bench, inTurn, type Measured, median, round, span } from './bench.js';
import type * as MemoryHosts from './memory-hosts.js';

const STATIONS = 1000;
const ROUNDS = 15;
const BRIDGE = ['veb0 create maxaddr 1024', 'mem0 create up', 'mem1 create up', 'veb0 add mem0 add mem1 up'];

/** What taps look at: in which modules, as compiled, and what it is without them. */
const LOOKS: readonly (readonly [RegExp, string])[] = [
  [/heap\[[^[\]]*\/\* If\.CAPTURE \*\/\]/g, '0'],
  [/heap\[\d+ \/\* Control\.CAPTURES \*\/\] !== ctx\.capturesSeen/g, 'false'],
  [/if \(ctx\.captured\)/g, 'if (false)'],
  [/if \(ctx\.tracing\)/g, 'if (false)'],
];
const MODULES = ['loop.js', 'burst.js', 'ether/veb-input.js', 'ether/ethernet-output.js', 'tunnel/rport.js', 'drop.js'];

/** A copy of the build; `cut` takes the taps out. */
function build(cut: boolean): string {
  const dist = mutatedBuild();
  if (!cut) return dist;
  let found = 0;
  for (const module of MODULES) {
    const path = join(dist, 'src/workers', module);
    let text = readFileSync(path, 'utf8');
    for (const [look, without] of LOOKS) {
      found += text.match(look)?.length ?? 0;
      text = text.replace(look, without);
    }
    writeFileSync(path, text);
  }
  if (found < 14) throw new Error(`only ${found} looks of taps in the compiled code; the patterns no longer fit`);
  return dist;
}

/** A bridge of one copy of the build. Returns what measures it: nanoseconds a frame. */
async function measure(dist: string): Promise<() => number> {
  const load = (path: string): Promise<unknown> => import(pathToFileURL(join(dist, path)).href);
  const { OfflineRouter } = (await load('test/support/offline-router.js')) as typeof OfflineRouters;
  const { Hosts, nsAFrame } = (await load('test/bench/memory-hosts.js')) as typeof MemoryHosts;
  const router = new OfflineRouter();
  await router.ifconfig(...BRIDGE);
  const hosts = Hosts.on(router, ['mem0', 'mem1'], STATIONS);
  const forward = (): void => {
    while (router.loop.pollMemoryPorts() !== 0);
  };
  hosts.teach(forward);
  return () => nsAFrame(hosts, forward, true);
}

/** The mean of two copies, round by round. */
function mean(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, n) => (value + (b[n] as number)) / 2);
}

/** Percent by which `a` is above `b`, the median over the rounds. */
function percent(a: readonly number[], b: readonly number[]): number {
  return round((median(a.map((value, n) => value / (b[n] as number))) - 1) * 100);
}

async function run(): Promise<Measured> {
  const measures: (() => number)[] = [];
  for (const cut of [false, true, true, false]) measures.push(await measure(build(cut)));
  await inTurn(3, measures);
  const [first = [], firstCut = [], secondCut = [], second = []] = await inTurn(ROUNDS, measures);
  const [present, cut] = [mean(first, second), mean(firstCut, secondCut)];
  const value = percent(present, cut);
  return {
    value,
    unit: '% of a frame',
    ratio: round(1 / (1 + value / 100)),
    peer: 'the same loop with its taps compiled out',
    note:
      `goal at most 1; ${round(median(present))} against ${round(median(cut))} ns a frame (${ROUNDS} rounds, ${span(present)} and ` +
      `${span(cut)}); second copies against first ones: ${percent(second, first)} % with taps, ${percent(secondCut, firstCut)} % without`,
  };
}

export const captureOff: Bench = {
  name: 'capture-off',
  about: 'memory → memory through a veb, taps present and unused against taps compiled out',
  run,
};
