/**
 * `veb-churn`: what forwarding loses while a port's rules are replaced a thousand times a second. A worker thread forwards as
 * fast as it can; main replaces the rules, a change of the configuration each, or sleeps, in turn.
 *
 * No host stands in the way: the ports of two bridges are spliced, each one's tx ring the other's rx ring, so a set of frames
 * goes round for ever and the worker is the only thread that forwarding needs. Time in which the worker was ready and another
 * process had its core is not counted; the rates with it are the second figure.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifconfig } from '../../src/main/cli/ifconfig.js';
import { splitWords } from '../../src/main/config/lines.js';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { frame } from '../support/rig.js';
import { silent } from '../support/stress.js';
import { threadsOf, waitSeconds } from '../support/threads.js';
import { type Bench, inTurn, type Measured, median, medianRatio, round, span } from './bench.js';

const REPLACEMENTS_A_SECOND = 1000;
const ROUNDS = 9;
const RUN_MS = 1000;
/** Frames that go round: fewer than a ring holds. */
const FRAMES = 512;
const RULES = 8;
const SRC = '02:00:00:00:00:0a';
const DST = '02:00:00:00:00:0b';

const LINES = [
  ...['mem0', 'mem1', 'mem2', 'mem3'].map((port) => `${port} create up`),
  'veb0 create add mem0 add mem1 up',
  'veb1 create add mem2 add mem3 up',
  `veb0 static mem1 ${DST}`,
  `veb1 static mem3 ${DST}`,
];

/** Rules that no frame meets; `odd` tells two lists apart. */
function rules(odd: number): string[] {
  const address = (n: number): string => `06:00:00:00:0${odd}:${n.toString(16).padStart(2, '0')}`;
  return Array.from({ length: RULES }, (_, n) => `veb0 rule block in on mem0 src ${address(n)}`);
}

const LISTS = [0, 1].map((odd) => ['veb0 flushrule mem0', ...rules(odd)].map(splitWords));

/** Replaces the rules of mem0 by list `n & 1`. */
function replace(router: Router, n: number): Promise<void> {
  return router.change((draft) => {
    for (const words of LISTS[n & 1] as string[][]) ifconfig(draft, words);
  });
}

/** Frames received on mem0. */
function forwarded(router: Router): number {
  return total(router.memory.views, router.table.get('mem0').index, Lane.IPACKETS);
}

/** The record of port `to` as it was; from now on the port takes what port `from` sends. */
function splice(router: Router, from: string, to: string): () => void {
  const { heap } = router.memory.views;
  const record = ifRecord(router.table.get(to).index);
  const ring = heap[record + If.RX_RING];
  const generation = heap[record + If.GENERATION];
  const set = (rx: number, as: number): void => {
    Atomics.store(heap, record + If.RX_RING, rx);
    // The worker opens a port's rings once for each generation.
    Atomics.store(heap, record + If.GENERATION, as);
  };
  set(heap[ifRecord(router.table.get(from).index) + If.TX_RING], router.table.nextGeneration());
  return () => set(ring, generation);
}

/** The number of the worker's thread, which is the busiest by now. It gets a core of its own. */
function pinWorker(): number {
  const { tid } = threadsOf(process.pid)
    .filter((thread) => thread.tid !== process.pid)
    .reduce((a, b) => (b.seconds > a.seconds ? b : a));
  if (availableParallelism() < 2) return tid;
  spawnSync('taskset', ['-a', '-p', '-c', '0', String(process.pid)]);
  spawnSync('taskset', ['-p', '-c', '1', String(tid)]);
  return tid;
}

/** Million frames a second, of the time the worker had a core or wanted none, and of all time. */
interface Rate {
  readonly own: number;
  readonly wall: number;
}

/** What passes both bridges while `meanwhile` runs; it ends by itself at the time it is given. */
async function rate(router: Router, worker: number, meanwhile: (until: number) => Promise<void>): Promise<Rate> {
  const before = forwarded(router);
  const waited = waitSeconds(worker);
  const start = performance.now();
  await meanwhile(start + RUN_MS);
  const seconds = (performance.now() - start) / 1000;
  // A frame that passes mem0 has passed two bridges since it did so last.
  const millions = (2 * (forwarded(router) - before)) / 1e6;
  return { own: millions / (seconds - (waitSeconds(worker) - waited)), wall: millions / seconds };
}

async function run(): Promise<Measured> {
  const router = await Router.start({ workers: 1, log: silent });
  const undo: (() => void)[] = [];
  try {
    await router.change((draft) => {
      for (const line of LINES) ifconfig(draft, splitWords(line));
    });
    await replace(router, 0);
    undo.push(splice(router, 'mem1', 'mem2'));
    const host = new MemoryHost(router.memory, router.table.get('mem0'));
    for (let n = 0; n < FRAMES; n++) host.send(frame(DST, SRC));
    while (forwarded(router) < FRAMES) await sleep(10);
    undo.push(splice(router, 'mem3', 'mem0'));
    await sleep(RUN_MS);
    const worker = pinWorker();
    let replaced = 0;
    const quiet = (): Promise<Rate> => rate(router, worker, (until) => sleep(until - performance.now()));
    const churn = (): Promise<Rate> =>
      rate(router, worker, async (until) => {
        const start = performance.now();
        let done = 0;
        for (let now = start; now < until; now = performance.now()) {
          for (; done < ((now - start) / 1000) * REPLACEMENTS_A_SECOND; done++) await replace(router, done);
          await sleep(1);
        }
        replaced += done;
      });
    await inTurn(2, [churn, quiet]);
    replaced = 0;
    const [disturbed = [], undisturbed = []] = await inTurn(ROUNDS, [churn, quiet]);
    const did = `${round((replaced * 1000) / (ROUNDS * RUN_MS))} replacements/s of ${RULES} rules; ${ROUNDS} rounds`;
    const figure = (of: keyof Rate, what: string): Measured => {
      const [changing, still] = [disturbed.map((r) => r[of]), undisturbed.map((r) => r[of])];
      return {
        value: round(median(changing)),
        unit: 'Mframes/s',
        ratio: medianRatio(changing, still),
        peer: 'the same without replacements',
        note: `${what}; ${did}, ${span(changing)}, undisturbed ${span(still)}`,
      };
    };
    const wall = figure('wall', 'of all time, other processes on the core included');
    return { ...figure('own', 'of the time the worker could run'), more: [wall] };
  } finally {
    // Frames that are under way stay behind in rings, and go home with them.
    for (const back of undo) back();
    await router.stop();
  }
}

export const vebChurn: Bench = {
  name: 'veb-churn',
  about: 'forwarding while rules are replaced 1000 times a second',
  run,
};
