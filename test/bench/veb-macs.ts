/**
 * `veb-macs`: time per frame through a bridge that knows 1000, 64 000 and 1 000 000 addresses, random source and destination of
 * every frame, and through one that knows 1 000 000 of which 1000 talk. One worker; tables as large as their addresses need.
 *
 * Each bridge has a clock of its own, which counts the time spent forwarding for it, so that addresses are refreshed as often
 * as they would be on a bridge that does nothing else.
 */
import { DEFAULT_SETTINGS } from '../../src/main/config/state.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Learned, learn } from '../../src/shared/table/etherbridge.js';
import { OfflineRouter } from '../support/offline-router.js';
import { seeded } from '../support/stress.js';
import { type Bench, inTurn, type Measured, median, medianRatio, round, span } from './bench.js';
import { Hosts, nsAFrame, stationBytes } from './memory-hosts.js';

const ROUNDS = 9;
const SEED = 0x5eed;
const HEAP_MIB = 256;

/** Addresses that a bridge knows, those of them that talk, and the table's size. */
const CASES = [
  { known: 1000, active: 1000, maxaddr: 1024 },
  { known: 64_000, active: 64_000, maxaddr: 65_536 },
  { known: 1_000_000, active: 1_000_000, maxaddr: 1_048_576 },
  { known: 1_000_000, active: 1000, maxaddr: 1_048_576 },
] as const;

/** Puts the stations of both sides into the table, as if they had been heard. */
function teach(router: OfflineRouter, veb: string, ports: readonly string[], stations: number): void {
  const { heap } = router.memory.views;
  const table = heap[ifRecord(router.table.get(veb).index) + If.TABLE];
  for (const [side, port] of ports.entries()) {
    const { index } = router.table.get(port);
    const value = index | (heap[ifRecord(index) + If.PORT_GENERATION] << 16);
    for (let n = 0; n < stations / 2; n++) {
      const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = stationBytes(0, side, n);
      const lo = c | (d << 8) | (e << 16) | (f << 24);
      const done = learn(heap, table, lo, a | (b << 8), value, 1, router.memory.me);
      if (done !== Learned.NEW) throw new Error(`address ${n} of ${port} was not learned (${done})`);
    }
  }
}

/** A bridge for each case, all on one worker. Returns what measures each. */
async function bridges(): Promise<(() => number)[]> {
  const router = new OfflineRouter(1, 0, { ...DEFAULT_SETTINGS, 'smrouter.heap': HEAP_MIB });
  const measures: (() => number)[] = [];
  for (const [n, { known, active, maxaddr }] of CASES.entries()) {
    const veb = `veb${n}`;
    const ports = [`mem${2 * n}`, `mem${2 * n + 1}`] as const;
    const made = ports.map((port) => `${port} create up`);
    await router.ifconfig(...made, `${veb} create maxaddr ${maxaddr} add ${ports[0]} add ${ports[1]} up`);
    teach(router, veb, ports, known);
    const hosts = Hosts.on(router, ports, active, seeded(SEED + n));
    const forward = (): void => {
      router.ctx.seconds = 1 + Math.floor(hosts.forwarded / 1e9);
      while (router.loop.pollMemoryPorts() !== 0);
    };
    measures.push(() => nsAFrame(hosts, forward));
  }
  return measures;
}

async function run(): Promise<Measured> {
  const measures = await bridges();
  await inTurn(3, measures);
  const found = await inTurn(ROUNDS, measures);
  const few = found[0] as number[];
  const figure = (n: number): Measured => {
    const { known, active } = CASES[n] as (typeof CASES)[number];
    const of = found[n] as number[];
    const note = `${known} addresses, ${active} talk; ${ROUNDS} rounds, ${span(of)}`;
    const peer = 'the same with 1000 addresses';
    return { value: round(median(of)), unit: 'ns/frame', ratio: medianRatio(few, of), peer, note };
  };
  return { ...figure(2), more: [figure(0), figure(1), figure(3)] };
}

export const vebMacs: Bench = {
  name: 'veb-macs',
  about: 'memory → memory through a veb with 1 k to 1 M addresses',
  run,
};
