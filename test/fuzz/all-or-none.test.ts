/**
 * Random changes of a router whose heap or rings are soon full: after each one, done or failed, what lives in the heap is what
 * the state says.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlError } from '../../src/main/errors.js';
import { Router } from '../../src/main/router.js';
import {
  If,
  IfFlag,
  ifRecord,
  PortFlag,
  PortList,
  SLAB_BASE,
  Thread,
  threadBlock,
} from '../../src/shared/layout/heap.js';
import { Table } from '../../src/shared/table/etherbridge.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { BOX_MS, silent, withSeed } from '../support/stress.js';

const VEBS = 3;
const PORTS = 12;

/** What the heap says of interfaces, in the words of the state. */
function live(router: Router): unknown[] {
  const { heap } = router.memory.views;
  return router.table.all().map((l) => {
    const record = ifRecord(l.index);
    const flags = heap[record + If.FLAGS];
    const bridge = heap[record + If.BRIDGE];
    const of = bridge === 0 ? '' : router.table.nameOf(bridge);
    const common = {
      name: l.name,
      up: (flags & IfFlag.UP) !== 0,
      link0: (flags & IfFlag.LINK0) !== 0,
      mtu: heap[record + If.MTU],
    };
    if (l.type !== 'veb') return { ...common, bridge: of, portFlags: bridge === 0 ? 0 : heap[record + If.PORT_FLAGS] };
    const list = heap[record + If.PORTS];
    const indices = Array.from({ length: heap[list + PortList.COUNT] }, (_, n) => heap[list + PortList.FIRST + n]);
    const statics = router.vebs.list(l).filter((a) => a.static);
    return {
      ...common,
      ports: indices.map((index) => router.table.nameOf(index)),
      maxaddr: heap[heap[record + If.TABLE] + Table.MAX],
      timeout: heap[heap[record + If.TABLE] + Table.TIMEOUT],
      statics: statics.map((s) => `${s.mac} ${s.port}`),
    };
  });
}

/** The same as the state has it. */
function configured(router: Router): unknown[] {
  const specs = [...router.state.interfaces.values()];
  return specs.map((spec) => {
    const common = { name: spec.name, up: spec.up, link0: spec.link[0], mtu: spec.mtu };
    if (spec.veb === undefined) {
      const bridge = specs.find((s) => s.veb?.ports.some((p) => p.name === spec.name));
      const port = bridge?.veb?.ports.find((p) => p.name === spec.name);
      const portFlags = (port?.learn ? PortFlag.LEARNING : 0) | (port?.discover ? PortFlag.DISCOVER : 0);
      return { ...common, bridge: bridge?.name ?? '', portFlags };
    }
    const { ports, maxaddr, timeout, statics } = spec.veb;
    const listed = statics.map((s) => `${s.mac} ${s.port}`).sort();
    return { ...common, ports: ports.map((p) => p.name), maxaddr, timeout, statics: listed };
  });
}

/** The memory ports that the worker polls. */
function polled(router: Router): string[] {
  const { heap } = router.memory.views;
  const list = heap[threadBlock(0) + Thread.POLL_LIST];
  if (list === 0) return [];
  const first = list + PortList.FIRST;
  // 0 is the hole that a port left behind.
  const indices = [...heap.subarray(first, first + heap[list + PortList.COUNT])].filter((index) => index !== 0);
  return indices.map((index) => router.table.nameOf(index)).sort();
}

function command(random: (below: number) => number): string {
  const veb = `veb${random(VEBS)}`;
  const mem = (): string => `mem${random(PORTS)}`;
  const mac = `02:00:00:00:00:0${random(9) + 1}`;
  const words = [
    () => `${mem()} create up`,
    () => `${mem()} create`,
    () => `${mem()} destroy`,
    () => `${veb} create`,
    () => `${veb} destroy`,
    () => `${veb} add ${mem()} add ${mem()}`,
    () => `${veb} add ${mem()}`,
    () => `${veb} del ${mem()}`,
    () => `${veb} maxaddr ${1 << random(15)} timeout ${8 + random(90)}`,
    () => `${veb} static ${mem()} ${mac}`,
    () => `${veb} -learn ${mem()}`,
    () => `${random(2) === 0 ? veb : mem()} ${random(2) === 0 ? 'up' : 'down'} ${random(2) === 0 ? '' : '-'}link0`,
    () => `${mem()} mtu ${1000 + random(1000)}`,
  ];
  return (words[random(words.length)] as () => string)();
}

const byName = (a: unknown, b: unknown): number =>
  (a as { name: string }).name < (b as { name: string }).name ? -1 : 1;
const SMALL = smallSizes(2);
/** What a router takes from the heap when it starts: the neighbour table and the next hops. */
const STACK_BYTES = 69 << 10;

/** Takes all small records there are in the heap. Returns what gives them back. */
function eat(router: Router): () => void {
  const eaten: number[] = [];
  try {
    for (;;) eaten.push(router.memory.heap.allocate(1));
  } catch (error) {
    assert.equal((error as ControlError).code, 'ENOMEM');
  }
  return () => {
    for (const at of eaten) router.memory.heap.release(at, 1);
  };
}

for (const [what, sizes, hungry] of [
  ['heap', { ...SMALL, heapBytes: (SLAB_BASE << 2) + STACK_BYTES + (24 << 10) }, false],
  ['heap, to the last record,', { ...SMALL, heapBytes: (SLAB_BASE << 2) + STACK_BYTES + (24 << 10) }, true],
  ['rings', { ...SMALL, ringBytes: 148 << 10 }, false],
] as const) {
  test(`with the ${what} region nearly full, a change is done or leaves everything as it was`, () =>
    withSeed(async (random) => {
      const router = await Router.start({ workers: 1, kernelTaps: false, poison: true, sizes, log: silent });
      let failed = 0;
      const history: string[] = [];
      try {
        for (const until = performance.now() + BOX_MS / 3; performance.now() < until; ) {
          const lines = Array.from({ length: 1 + random(4) }, () => command(random));
          const full = hungry && random(4) === 0;
          const release = full ? eat(router) : (): void => {};
          const outcome = await ifconfigOn(router)(...lines).catch((error: unknown) => error as Error);
          release();
          if (outcome instanceof Error && !(outcome instanceof ControlError)) throw outcome;
          if (outcome instanceof ControlError && outcome.code === 'ENOMEM') failed++;
          history.push(
            `${full ? '(full) ' : ''}${lines.join('; ')}${outcome === undefined ? '' : `  → ${outcome.message}`}`,
          );
          const recent = `after:\n${history.slice(-12).join('\n')}`;
          assert.deepEqual(live(router).sort(byName), configured(router).sort(byName), recent);
          const mems = [...router.state.interfaces.values()].filter((s) => s.type === 'mem').map((s) => s.name);
          assert.deepEqual(polled(router), mems.sort(), recent);
        }
        assert.ok(failed > 0, 'the region was never full');
      } finally {
        await router.stop();
      }
    }));
}
