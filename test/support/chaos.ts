/**
 * Chaos: everything that can happen to a router, at random and seeded, while numbered frames cross it between two hosts. At the end the
 * books balance to the frame, every lost frame has its reason, and the kernel is as it was.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '../../src/main/cli/command.js';
import { splitWords } from '../../src/main/config/lines.js';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { drops } from '../../src/shared/counter/books.js';
import { DROP_REASONS } from '../../src/shared/counter/drop-reason.js';
import { LinkProcess } from '../load/link-process.js';
import { Netns } from './netns.js';
import { uniqueTap } from './programs.js';
import { residentOf } from './resident.js';
import { BROADCAST, frame } from './rig.js';
import { silent, waitUntil } from './stress.js';

/** What is to be done to it. */
export interface ChaosOptions {
  readonly seconds: number;
  /** A whole number below `n`, seeded. */
  readonly random: (n: number) => number;
  readonly say: (line: string) => void;
}

/** What came of it. */
export interface ChaosReport {
  readonly events: Readonly<Record<string, number>>;
  readonly offered: number;
  readonly lost: number;
  /** Frames dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** MiB that the process keeps in memory, half-way and at the end. */
  readonly resident: readonly [number, number];
}

const RATE = 2000;
const FLOWS = 16;
const RUN = 7;
/** Workers that die more often than ten times a minute are given up: so long between two deaths. */
const DEATH_MS = 7000;
/** A bound on being stuck. */
const REST_MS = 60_000;
const wallClock = Date.now;
const NO_DAEMON = { reload: async (): Promise<void> => {}, shutdown: (): void => {} };

/** Runs it. Throws what did not hold. */
export async function chaos({ seconds, random, say }: ChaosOptions): Promise<ChaosReport> {
  const hosts = [Netns.create('chaos'), Netns.create('chaos')] as const;
  const taps = [uniqueTap(), uniqueTap()] as const;
  const router = await Router.start({ workers: 2, poison: true, log: silent });
  const run = (line: string): Promise<string> => runCommand(router, splitWords(line), false, NO_DAEMON);
  const lines = async (...all: string[]): Promise<void> => {
    for (const line of all) await run(line);
  };
  const children: LinkProcess[] = [];
  try {
    await lines(
      'ifconfig veb0 create up',
      ...taps.flatMap((tap, n) => [
        `ifconfig ${tap} create netns ${hosts[n as 0 | 1].name} up`,
        `ifconfig veb0 add ${tap}`,
      ]),
      'ifconfig mem0 create inet 10.9.0.1/24 up',
      'ifconfig veb1 create up',
      'ifconfig vport0 create inet 10.9.1.1/24 up',
      'ifconfig veb1 add vport0',
    );
    hosts.forEach((host, n) => {
      host.exec(['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
      host.exec(['ip', 'link', 'set', taps[n as 0 | 1], 'up']);
    });
    const events = makeEvents(router, lines, random);
    const place = (n: 0 | 1) => ({ link: taps[n], netns: hosts[n].name });
    const sink = new LinkProcess('sink', place(1), { link: taps[1], run: RUN, flows: FLOWS });
    const task = { link: taps[0], run: RUN, seed: random(1e6), rate: RATE, seconds, count: 1e9, size: 'imix' as const };
    const generator = new LinkProcess('generator', place(0), { ...task, flows: FLOWS, macs: 0 });
    children.push(sink, generator);
    const { mac } = await sink.message('ready');
    await generator.message('ready');
    generator.order({ kind: 'go', destination: mac });

    const done: Record<string, number> = {};
    const began = performance.now();
    let [died, half] = [began - DEATH_MS, 0];
    while (performance.now() - began < seconds * 1000) {
      await sleep(20 + random(150));
      if (half === 0 && performance.now() - began > seconds * 500) half = resident();
      let name = Object.keys(events)[random(Object.keys(events).length)] as string;
      if (name === 'kill' && performance.now() - died < DEATH_MS) name = 'churn';
      if (name === 'kill') died = performance.now();
      await events[name]?.();
      done[name] = (done[name] ?? 0) + 1;
    }
    say(`chaos: ${JSON.stringify(done)}`);
    const offered = await generator.message('offered');
    sink.order({ kind: 'end' });
    const received = await sink.message('received');
    await waitUntil(() => unrest(router) === '', 'all workers are back and nothing moves', REST_MS).catch((error) => {
      throw new Error(`${error.message}: ${unrest(router)}`);
    });

    assert.deepEqual([received.corrupted, received.duplicated], [0, 0], 'no frame is damaged or doubled');
    const lost = offered.frames - received.first - received.dropped;
    const dropped = dropsOf(router);
    const reasons = Object.values(dropped).reduce((sum, n) => sum + n, 0);
    assert.ok(lost <= reasons, `${lost} lost, ${reasons} dropped: ${JSON.stringify(dropped)}`);
    assert.ok(received.first > 0.8 * offered.frames, `${received.first} of ${offered.frames} arrived`);
    return {
      events: done,
      offered: offered.frames,
      lost,
      drops: dropped,
      resident: [half, resident()],
    };
  } finally {
    Date.now = wallClock;
    for (const child of children) child.kill();
    await router.stop();
    for (const host of hosts) host.destroy();
  }
}

/** MiB of this process. */
function resident(): number {
  return Math.round(residentOf(process.pid).all);
}

/** What can happen, by name. Ports and addresses of the two hosts stay; all else is fair. */
function makeEvents(
  router: Router,
  lines: (...all: string[]) => Promise<void>,
  random: (n: number) => number,
): Record<string, () => Promise<void>> {
  let made = 0;
  /** Interfaces of this run's own, which may go again. */
  const mortal: string[] = [];
  const destroyOne = async (): Promise<void> => {
    const [name] = mortal.splice(random(mortal.length), 1);
    if (name !== undefined) await lines(`ifconfig ${name} destroy`);
  };
  return {
    kill: () => router.killWorker(random(2)),
    churn: async () => {
      if (mortal.length > 6) return destroyOne();
      const name = `mem${100 + made++}`;
      await lines(`ifconfig ${name} create up`, `ifconfig veb1 add ${name}`);
      mortal.push(name);
    },
    // Ports that nobody reads: a broadcast to each keeps a slot, until their queues are full.
    starve: async () => {
      const name = mortal[random(mortal.length)];
      const live = name === undefined ? undefined : router.table.find(name);
      if (live === undefined) return;
      const host = new MemoryHost(router.memory, live);
      for (let n = 0; n < 200; n++) host.send(frame(BROADCAST, '02:00:00:00:00:77'));
    },
    // Packets that main must see: requests for addresses that nobody has.
    flood: async () => {
      const host = new MemoryHost(router.memory, router.table.get('mem0'));
      for (let n = 0; n < 200; n++) host.send(arpRequest(random(250) + 2));
    },
    rules: () => lines(`ifconfig veb1 rule block in on vport0 src 02:00:00:00:00:${(10 + random(80)).toString()}`),
    flushrule: () => lines('ifconfig veb1 flushrule vport0'),
    routes: async () => {
      const net = `10.${100 + (made++ % 100)}.0.0/16`;
      await lines(`route add ${net} 10.9.1.9`, `route delete ${net} 10.9.1.9`);
    },
    table: () => lines(`ifconfig veb0 maxaddr ${50 + random(500)} timeout ${100 + random(300)}`, 'ifconfig veb1 flush'),
    jump: async () => router.advanceClock(random(200_000)),
    // The time of day, hours ahead or back.
    step: async () => {
      const seconds = random(20_000) - 10_000;
      Date.now = () => wallClock() + seconds * 1000;
    },
    idle: () =>
      lines(`sysctl smrouter.idle=${['sleep', 'adaptive', 'spin'][random(3)]}`, 'sysctl smrouter.idle=adaptive'),
    refused: async () => {
      await lines('ifconfig veb0 add mem0 add absent0').then(
        () => assert.fail('that is an error'),
        () => {},
      );
    },
    destroy: destroyOne,
  };
}

/** A request of 10.9.0.200 for 10.9.0.N. */
function arpRequest(n: number): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 9, 200, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 9, 200]);
  bytes.set([10, 9, 0, 200, 0, 0, 0, 0, 0, 0, 10, 9, 0, n], 28);
  return bytes;
}

/** What is not as it should be at the end; empty = nothing. */
function unrest(router: Router): string {
  const { errors, totals } = router.books();
  const lost = [...router.lostWorkers.keys()].map((worker) => `worker ${worker} is gone`);
  const held =
    totals.held === router.stack.held ? [] : [`${totals.held} held, ${router.stack.held} of them by the stack`];
  return [...lost, ...errors, ...held].join('; ');
}

/** Drops of all interfaces, those that are gone among them. */
function dropsOf(router: Router): Record<string, number> {
  const indices = [0, ...router.table.all().map(({ index }) => index)];
  const found: Record<string, number> = {};
  DROP_REASONS.forEach(({ name }, reason) => {
    const sum = indices.reduce((frames, index) => frames + drops(router.memory.views, index, reason), 0);
    if (sum > 0) found[name] = sum;
  });
  return found;
}
