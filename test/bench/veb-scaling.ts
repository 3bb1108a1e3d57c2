/**
 * `veb-scaling`: two workers against one through one veb, memory ports, 1000 stations each that are all learned, so that nothing
 * shared is written. Each worker is a thread with two ports and their hosts, whose work is not timed. How far two cores are free
 * is measured beside it: the same threads with a loop that touches no memory.
 */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { announce, online } from '../../src/shared/smr/reader.js';
import { addressOf } from '../../src/shared/sys/libc.js';
import { addresses, Learned, learn } from '../../src/shared/table/etherbridge.js';
import { formatMac, type Mac, parseMac } from '../../src/shared/wire/ethernet.js';
import { Context, type WorkerTask } from '../../src/workers/context.js';
import { makeLoop } from '../../src/workers/loop.js';
import { OfflineRouter } from '../support/offline-router.js';
import { type Bench, type Measured, median, round } from './bench.js';
import { Hosts, nsAFrame, stationBytes } from './memory-hosts.js';

const WORKERS = 2;
const STATIONS = 1000;
const PAIRS = 9;
const WARM = 3;
/** Rounds of the loop without memory: some 100 ms. */
const SPINS = 100_000_000;

/** What a thread is asked for; it answers with nanoseconds, of a frame or of a round of the bare loop. */
type Kind = 'veb' | 'spin';

/** What a thread is given. */
interface Task {
  readonly task: WorkerTask;
  readonly records: readonly number[];
}

/** Nanoseconds of one round of a loop in registers. */
function spin(): number {
  const start = performance.now();
  let x = 1;
  for (let n = 0; n < SPINS; n++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  const ns = ((performance.now() - start) * 1e6) / SPINS;
  return x === 0 ? ns + 1e-9 : ns;
}

/** One worker with its hosts: measures when asked. */
function serve({ task, records }: Task): void {
  const ctx = new Context(task, addressOf);
  const loop = makeLoop(ctx);
  const hosts = new Hosts(ctx.views, ctx.cache, records, STATIONS, task.me);
  const forward = (): void => {
    do ctx.epoch = announce(ctx.heap, ctx.block, ctx.epoch);
    while (loop.pollMemoryPorts() !== 0);
  };
  ctx.epoch = online(ctx.heap, ctx.block);
  parentPort?.on('message', (kind: Kind) => {
    parentPort?.postMessage(kind === 'veb' ? nsAFrame(hosts, forward) : spin());
  });
}

/** Teaches the table the stations of worker `group`, as of the second at which a context's clock stands until a loop runs. */
function teach(router: OfflineRouter, table: number, group: number): void {
  const { heap } = router.memory.views;
  for (let side = 0; side < 2; side++) {
    const port = router.table.get(`mem${group + WORKERS * side}`).index;
    const value = port | (heap[ifRecord(port) + If.PORT_GENERATION] << 16);
    for (let n = 0; n < STATIONS / 2; n++) {
      const text = stationBytes(group, side, n)
        .map((byte) => byte.toString(16).padStart(2, '0'))
        .join(':');
      const { lo, hi } = parseMac(text) as Mac;
      const done = learn(heap, table, lo, hi, value, router.ctx.seconds, router.memory.me);
      if (done !== Learned.NEW) throw new Error(`${formatMac({ lo, hi })} was not learned`);
    }
  }
}

/** A veb with two ports for each worker, the workers' threads, and what is in the table, as text. */
async function start(): Promise<{ threads: Worker[]; stations: () => string }> {
  const router = new OfflineRouter(WORKERS);
  const ports = Array.from({ length: 2 * WORKERS }, (_, n) => `mem${n}`);
  await router.ifconfig(`veb0 create maxaddr ${4 * STATIONS}`, ...ports.map((port) => `${port} create up`));
  await router.ifconfig(`veb0 ${ports.map((port) => `add ${port}`).join(' ')} up`);
  const { regions, returnRings, workerRings, eventRings, puntRings, ledgers, callCode, views } = router.memory;
  const table = views.heap[ifRecord(router.table.get('veb0').index) + If.TABLE];
  const shared = { regions, workers: WORKERS, returnRings, workerRings, eventRings, puntRings, callCode };
  const threads = Array.from({ length: WORKERS }, (_, me) => {
    teach(router, table, me);
    const records = [me, me + WORKERS].map((n) => ifRecord(router.table.get(`mem${n}`).index));
    if (records.some((record) => views.heap[record + If.OWNER] !== me)) throw new Error(`worker ${me} has other ports`);
    const task = { ...shared, me, ledger: ledgers[me] as Int32Array, originMs: performance.timeOrigin - 1000 };
    return new Worker(new URL(import.meta.url), { workerData: { task, records } satisfies Task });
  });
  return { threads, stations: () => JSON.stringify(addresses(views.heap, table)) };
}

/** Asks some of the threads at once. Returns how much they did together, in units a nanosecond. */
async function together(threads: readonly Worker[], kind: Kind): Promise<number> {
  const answers = threads.map((thread) => once(thread, 'message'));
  for (const thread of threads) thread.postMessage(kind);
  let rate = 0;
  for (const [ns] of await Promise.all(answers)) rate += 1 / (ns as number);
  return rate;
}

/** What one worker and two did, in turn, in units a nanosecond. */
interface Rates {
  readonly one: number[];
  readonly two: number[];
}

/** One worker and two, frames and the bare loop, all in turn; which worker is the one alternates. */
async function measure(threads: readonly Worker[]): Promise<Record<Kind, Rates>> {
  const rates: Record<Kind, Rates> = { veb: { one: [], two: [] }, spin: { one: [], two: [] } };
  for (let n = -WARM; n < PAIRS; n++) {
    for (const kind of ['spin', 'veb'] as const) {
      const one = await together([threads[n & 1] as Worker], kind);
      const two = await together(threads, kind);
      if (n < 0) continue;
      rates[kind].one.push(one);
      rates[kind].two.push(two);
    }
  }
  return rates;
}

async function run(): Promise<Measured> {
  const { threads, stations } = await start();
  const before = stations();
  try {
    const { veb, spin } = await measure(threads);
    if (stations() !== before) throw new Error('the table has changed meanwhile');
    const scale = ({ one, two }: Rates): number => median(two.map((value, n) => value / (one[n] as number)));
    const span = (list: number[]): string => `${round(Math.min(...list) * 1000)}–${round(Math.max(...list) * 1000)}`;
    const cores = round(scale(spin));
    return {
      value: round(median(veb.two) * 1000),
      unit: 'Mframes/s',
      limit: round(median(veb.one) * 1000 * cores),
      ratio: round(scale(veb)),
      peer: 'one worker',
      note: `goal 1.8 where two cores are free: a loop without memory does ${cores} × one; ${PAIRS} pairs, two ${span(veb.two)}, one ${span(veb.one)}`,
    };
  } finally {
    for (const thread of threads) await thread.terminate();
  }
}

if (workerData !== null) serve(workerData as Task);

export const vebScaling: Bench = { name: 'veb-scaling', about: 'two workers against one through a veb', run };
