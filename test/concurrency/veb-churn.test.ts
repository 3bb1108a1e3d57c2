/**
 * A56, A57: a bridge with two workers carries numbered traffic between ports that nobody touches, while main adds and deletes
 * other ports and span ports, gives ports rules and protected domains, flushes, and changes the table, with poison on.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router } from '../../src/main/router.js';
import { Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { SlotOwner } from '../../src/shared/layout/packet.js';
import { ringOccupancy } from '../../src/shared/ring/ring.js';
import { ifconfigOn } from '../support/router-words.js';
import { Stations, smallSizes } from '../support/stations.js';
import { BOX_MS, didOperations, silent, waitUntil, withSeed } from '../support/stress.js';

const WORKERS = 2;
/** Dealt to the workers in turn, so that two of the flows cross from one worker to the other. */
const UNTOUCHED = ['mem0', 'mem1', 'mem2', 'mem3'];
const FLOWS = [
  [0, 1],
  [1, 2],
  [2, 0],
  [3, 1],
] as const;
const CHURNED = 4;
const SPAN = 'mem20';
/** Few enough that even flooded to all ports they fit the ring between the workers. */
const FLYING = 24;

type Ifconfig = (...lines: string[]) => Promise<void>;

/** Rules that let every frame of the flows pass, in words after "on PORT". */
const HARMLESS = [
  'src 2:0:0:0:9:9',
  'dst 2:0:0:0:9:9',
  'arp',
  'rarp request sha 2:0:0:0:9:9',
  'src 2:0:0:0:9:8 tag blue',
];

/** Ports and span ports that come and go, rules and protected domains that change, and a table that grows. */
class Churn {
  changes = 0;
  private readonly there = new Set<number>();
  private maxaddr = 8;
  private spans = false;

  constructor(
    private readonly ifconfig: Ifconfig,
    private readonly random: (below: number) => number,
  ) {}

  async step(): Promise<void> {
    this.changes++;
    const { random } = this;
    const n = 10 + random(CHURNED);
    const choice = random(15);
    if (choice === 14) await this.setSpan();
    else if (choice >= 10) await this.setPort(n, choice);
    else if (choice === 0) await this.ifconfig(`veb0 ${random(2) === 0 ? 'flush' : 'flushall'}`);
    else if (choice === 1) await this.setTable();
    else if (choice === 2) await this.ifconfig(`veb0 maxaddr ${4 + random(this.maxaddr)} timeout ${8 + random(100)}`);
    else if (!this.there.has(n)) {
      this.there.add(n);
      await this.ifconfig(`mem${n} create up`, `veb0 add mem${n}`);
    } else if (choice < 5) {
      await this.ifconfig(`veb0 del mem${n} add mem${n}`);
      await this.ifconfig(`veb0 del mem${n}`);
      await this.ifconfig(`veb0 add mem${n} -discover mem${n}`);
    } else {
      this.there.delete(n);
      await this.ifconfig(choice < 8 ? `mem${n} destroy` : `veb0 del mem${n}`);
      if (choice >= 8) await this.ifconfig(`mem${n} destroy`);
    }
  }

  /** Rules and domains that concern no flow, on a port that comes and goes or on one that nobody else touches. */
  private async setPort(n: number, choice: number): Promise<void> {
    const { random } = this;
    const untouched = random(2) === 0;
    if (!untouched && !this.there.has(n)) return;
    const port = untouched ? (UNTOUCHED[random(UNTOUCHED.length)] as string) : `mem${n}`;
    const own = untouched ? 1 + UNTOUCHED.indexOf(port) : 5 + random(27);
    if (choice === 10) await this.ifconfig(`veb0 flushrule ${port}`);
    else if (choice === 11)
      await this.ifconfig(random(3) === 0 ? `veb0 -protected ${port}` : `veb0 protected ${port} ${own}`);
    else {
      const rules = Array.from({ length: 1 + random(20) }, () => {
        const dir = ['', ' in', ' out'][random(3)] as string;
        return `veb0 rule ${random(4) === 0 ? 'match' : 'block'}${dir} on ${port} ${HARMLESS[random(HARMLESS.length)]}`;
      });
      await this.ifconfig(`veb0 flushrule ${port}`, ...rules);
    }
  }

  /** A span port that comes or goes, at once or interface and all. */
  private async setSpan(): Promise<void> {
    this.spans = !this.spans;
    if (this.spans) await this.ifconfig(`${SPAN} create up`, `veb0 addspan ${SPAN}`);
    else await this.ifconfig(...(this.random(2) === 0 ? [`veb0 delspan ${SPAN}`] : []), `${SPAN} destroy`);
  }

  async end(): Promise<void> {
    if (this.spans) await this.setSpan();
    for (const n of this.there) await this.ifconfig(`mem${n} destroy`);
  }

  /** A table larger than ever is a new one, in place of the old. */
  private setTable(): Promise<void> {
    this.maxaddr = Math.min(this.maxaddr * 2, 1 << 14);
    return this.ifconfig(`veb0 maxaddr ${this.maxaddr}`);
  }
}

test('A56 A57 ports nobody touches lose, double and reorder nothing while others come and go', (t) =>
  withSeed(async (random) => {
    const sizes = smallSizes(WORKERS + 1);
    const router = await Router.start({ workers: WORKERS, kernelTaps: false, poison: true, sizes, log: silent });
    try {
      const ifconfig = ifconfigOn(router);
      await ifconfig('veb0 create up maxaddr 8', ...UNTOUCHED.map((name) => `${name} create up`));
      await ifconfig(`veb0 ${UNTOUCHED.map((name) => `add ${name}`).join(' ')}`);
      const used = router.memory.rings.usedWords;
      const stations = new Stations(router, UNTOUCHED, FLOWS);
      const churn = new Churn(ifconfig, random);

      await withTraffic(stations, async () => {
        for (const until = performance.now() + BOX_MS * 2; performance.now() < until; ) await churn.step();
      });
      await churn.end();
      await router.grace();

      assert.ok(churn.changes > 50, `only ${churn.changes} changes`);
      for (const flow of stations.flows) assert.ok(flow.received > 100);
      didOperations(
        t,
        stations.flows.reduce((sum, flow) => sum + flow.received, churn.changes),
      );
      const { views } = router.memory;
      for (let w = 0; w < WORKERS; w++) assert.equal(views.heap[threadBlock(w) + Thread.POISONED], 0);
      await waitUntil(() => router.reclaimer.status().deferredObjects === 0, 'the reclaimer is empty');
      assert.deepEqual(router.books().errors, []);
      assert.equal(router.memory.rings.usedWords, used, 'rings of deleted ports were given back');
      await assertSlotsHome(router);
    } finally {
      await router.stop();
    }
  }));

/** Runs `body` with traffic, then lets what flies arrive. */
async function withTraffic(stations: Stations, body: () => Promise<void>): Promise<void> {
  let error: unknown;
  let over = false;
  const pump = (): void => {
    if (over) return;
    try {
      stations.receive();
      stations.send(FLYING);
      setImmediate(pump);
    } catch (failed) {
      error ??= failed;
    }
  };
  pump();
  await body();
  over = true;
  if (error !== undefined) throw error;
  await waitUntil(() => {
    stations.receive();
    return stations.flying === 0;
  }, 'every frame arrived');
}

/** Every slot rests at home or is on its way there in a return ring; no two caches have the same one. */
async function assertSlotsHome(router: Router): Promise<void> {
  const { views, returnRings, cache } = router.memory;
  const { sizes, heap } = views;
  const free = (): number => {
    let sum = cache.freeFrames + cache.freeSuperframes;
    for (let w = 0; w < WORKERS; w++) {
      sum += heap[threadBlock(w) + Thread.FREE_FRAMES] + heap[threadBlock(w) + Thread.FREE_SUPERFRAMES];
    }
    for (const base of returnRings) if (base !== 0) sum += ringOccupancy(views.rings, base);
    return sum;
  };
  const slots = sizes.frames + sizes.superframes;
  await waitUntil(() => free() === slots, `${slots} slots are free`).catch((error: Error) => {
    throw new Error(`${error.message}: ${free()}`);
  });
  for (let slot = 0; slot < slots; slot++) {
    const owner = views.owner[slot];
    assert.ok(owner === SlotOwner.RESTING || owner <= SlotOwner.RETURNING, `slot ${slot} is held by ${owner}`);
  }
}
