/**
 * `smr`: what announcing costs the forwarding loop, and how long grace periods take.
 *
 * The cost is that of the same loop, in one process, with one announcement a turn and without. As it is less than the
 * measurement scatters, it is also found from a loop that announces many times a turn. Grace periods are timed on main as a command
 * waits for them: with one worker that never runs out of frames, and with two that sleep.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { Work, workLane } from '../../src/shared/layout/counters.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { announce, online } from '../../src/shared/smr/reader.js';
import { OfflineRouter } from '../support/offline-router.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { seeded, silent } from '../support/stress.js';
import { type Bench, interleaved, type Measured, round } from './bench.js';
import { Hosts, nsAFrame } from './memory-hosts.js';

const STATIONS = 1000;
const PAIRS = 15;
/** Announcements a turn of the loop that has many. */
const MANY = 64;
const GRACES = 2000;
/** Frames that go round and round. */
const CIRCLING = 256;

/** Percent of the frame time that announcing takes, and the same from many announcements a turn. */
async function cost(): Promise<Measured[]> {
  const router = new OfflineRouter();
  await router.ifconfig('veb0 create maxaddr 1024', 'mem0 create up', 'mem1 create up', 'veb0 add mem0 add mem1 up');
  const hosts = Hosts.on(router, ['mem0', 'mem1'], STATIONS);
  const { ctx, loop } = router;
  const { heap, block } = ctx;
  ctx.epoch = online(heap, block);
  const never = (): void => {
    while (loop.pollMemoryPorts() !== 0);
  };
  const once = (): void => {
    do ctx.epoch = announce(heap, block, ctx.epoch);
    while (loop.pollMemoryPorts() !== 0);
  };
  const many = (): void => {
    do for (let n = 0; n < MANY; n++) ctx.epoch = announce(heap, block, ctx.epoch);
    while (loop.pollMemoryPorts() !== 0);
  };
  hosts.teach(never);
  for (const forward of [never, once, many, never, once, many]) nsAFrame(hosts, forward);
  const percent = (ratio: number): number => round((ratio - 1) * 100);
  const one = await interleaved(
    PAIRS,
    () => nsAFrame(hosts, once),
    () => nsAFrame(hosts, never),
  );
  const lots = await interleaved(
    PAIRS,
    () => nsAFrame(hosts, many),
    () => nsAFrame(hosts, never),
  );
  const peer = 'the same loop without';
  const unit = '% of a frame';
  return [
    {
      value: percent(one.ratio),
      unit,
      ratio: round(1 / one.ratio),
      peer,
      note: `goal at most 2; one announcement a turn, ${round(one.b)} ns a frame without; ${one.spread}`,
    },
    {
      value: percent(1 + (lots.ratio - 1) / MANY),
      unit,
      note: `the same from ${MANY} announcements a turn: ${round(lots.a)} against ${round(lots.b)} ns a frame; ${lots.spread}`,
    },
  ];
}

/** Percentiles of the lengths of grace periods, one after the other at odd times. */
async function graces(router: Router, what: string, goalMs: number): Promise<Measured> {
  const random = seeded(1);
  const lengths: number[] = [];
  for (let n = 0; n < GRACES; n++) {
    if (random(4) === 0) await sleep(random(3));
    const start = performance.now();
    await router.grace();
    lengths.push(performance.now() - start);
  }
  lengths.sort((a, b) => a - b);
  const at = (share: number): number => round(lengths[Math.min(GRACES - 1, Math.floor(GRACES * share))] as number);
  const note = `p99 of ${GRACES} grace periods, ${what}: p50 ${at(0.5)}, most ${at(1)}; goal at most ${goalMs}`;
  return { value: at(0.99), unit: 'ms', note };
}

/**
 * Grace periods while a worker has frames without end: what leaves mem1 comes in on mem0, as over a cable. Frames are put on it
 * through a third port, as a ring has one producer.
 */
async function busyGraces(): Promise<Measured> {
  const router = await Router.start({ workers: 1, kernelTaps: false, sizes: smallSizes(2), log: silent });
  try {
    const ifconfig = ifconfigOn(router);
    await ifconfig('veb0 create up', ...[0, 1, 2].map((n) => `mem${n} create up`));
    await ifconfig('veb0 add mem0 add mem1 add mem2');
    const { heap, counters, sizes } = router.memory.views;
    const [mem0, mem1] = ['mem0', 'mem1'].map((name) => ifRecord(router.table.get(name).index)) as [number, number];
    const ring = heap[mem1 + If.TX_RING];
    const generation = heap[mem1 + If.GENERATION];
    // The worker opens its ends of the rings anew for a generation that it does not know.
    heap[mem1 + If.TX_RING] = heap[mem0 + If.RX_RING];
    heap[mem1 + If.GENERATION] = generation + 1000;
    const host = new MemoryHost(router.memory, router.table.get('mem2'));
    const frame = new Uint8Array(60).fill(0xff, 0, 6);
    frame[6] = 2;
    for (let n = 0; n < CIRCLING; n++) host.send(frame);
    await sleep(50);
    await ifconfig('veb0 del mem2');
    const frames = (): number => counters[workLane(sizes.threads, 0) + Work.FRAMES];
    const [before, start] = [frames(), performance.now()];
    const measured = await graces(router, 'one busy worker', 1);
    const rate = (frames() - before) / (performance.now() - start) / 1000;
    heap[mem1 + If.TX_RING] = ring;
    heap[mem1 + If.GENERATION] = generation;
    if (rate === 0) throw new Error('the worker was not busy');
    return { ...measured, note: `${measured.note}; it forwarded ${round(rate)} Mframes/s` };
  } finally {
    await router.stop();
  }
}

async function idleGraces(): Promise<Measured> {
  const router = await Router.start({ workers: 2, kernelTaps: false, sizes: smallSizes(3), log: silent });
  try {
    return await graces(router, 'two idle workers', 5);
  } finally {
    await router.stop();
  }
}

async function run(): Promise<Measured> {
  const [announcing, many] = (await cost()) as [Measured, Measured];
  return { ...announcing, more: [many, await busyGraces(), await idleGraces()] };
}

export const smr: Bench = { name: 'smr', about: 'the cost of announcing, and grace periods', run };
