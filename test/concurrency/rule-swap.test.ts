/**
 * A76, A77: two lists of 1000 rules take turns on a port under traffic, with poison on. A frame sees the one list or the other,
 * whole: what only a mix of them, or a part of one, would let through never arrives, and other ports lose nothing.
 *
 * Each list begins by tagging every frame and ends by letting one of two stations through and blocking all else. So a frame that
 * arrives with the tag of the one list and the station of the other has seen the head of one and the tail of the other.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand } from '../../src/main/cli/command.js';
import { splitWords } from '../../src/main/config/lines.js';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { A, B, BROADCAST, C, frame } from '../support/rig.js';
import { Stations, smallSizes } from '../support/stations.js';
import { BOX_MS, silent, waitUntil } from '../support/stress.js';

const WORKERS = 2;
const RULES = 1000;
const UNTOUCHED = ['mem0', 'mem1', 'mem2', 'mem3'];
const FLOWS = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 0],
] as const;
const FLYING = 16;
/** Sent at once; few enough for the rings of the ports. */
const VOLLEY = 32;
const NO_DAEMON = { reload: async (): Promise<void> => {}, shutdown: (): void => {} };
/** Who passes by which list; C passes by none. */
const LISTS = [
  { name: 'even', tag: 'tag-even', station: A },
  { name: 'odd', tag: 'tag-odd', station: B },
] as const;
type List = (typeof LISTS)[number];

/** A list of rules for `port`; what stands between head and tail matches no frame there is. */
function ruleFile({ tag, station }: List, dir: 'in' | 'out', port: string): string {
  const filler = (n: number): string => {
    const mac = `2:0:0:1:${(n >> 8).toString(16)}:${(n & 255).toString(16)}`;
    const qualifier = [`src ${mac}`, `dst ${mac}`, `src ${mac} dst ${mac}`, `arp sha ${mac}`][n & 3];
    return `block ${dir} on ${port} ${qualifier}`;
  };
  const lines = [`match ${dir} on ${port} tag ${tag}`];
  while (lines.length < RULES - 2) lines.push(filler(lines.length));
  lines.push(`pass ${dir} on ${port} src ${station}`, `block ${dir} on ${port}`);
  return lines.join('\n');
}

for (const dir of ['in', 'out'] as const) {
  test(`A76 A77 no frame sees half of a list that is replaced, rules ${dir}`, async () => {
    const sizes = smallSizes(WORKERS + 1);
    const router = await Router.start({ workers: WORKERS, kernelTaps: false, poison: true, sizes, log: silent });
    const run = (line: string): Promise<string> => runCommand(router, splitWords(line), false, NO_DAEMON, files);
    const port = dir === 'in' ? 'mem4' : 'mem5';
    const files = Object.fromEntries(LISTS.map((list) => [list.name, ruleFile(list, dir, port)]));
    let over = false;
    try {
      for (const name of [...UNTOUCHED, 'mem4', 'mem5', 'mem6']) await run(`ifconfig ${name} create up`);
      await run(`ifconfig veb0 create up ${UNTOUCHED.map((name) => `add ${name}`).join(' ')}`);
      // A bridge of its own, so that its floods are not in the way of the others'. A third port keeps the tags in use.
      await run('ifconfig veb1 create up add mem4 add mem5 add mem6 -learn mem4');
      for (const { tag } of LISTS) await run(`ifconfig veb1 rule match out on mem6 tag ${tag}`);
      const stations = new Stations(router, UNTOUCHED, FLOWS);
      const from = new MemoryHost(router.memory, router.table.get('mem4'));
      const to = new MemoryHost(router.memory, router.table.get('mem5'));
      const aside = new MemoryHost(router.memory, router.table.get('mem6'));
      /** Tag numbers that frames of each station came with. */
      const seen = new Map<string, Set<number>>();
      let received = 0;
      let sent = 0;
      const receive = (): string[] => {
        aside.receive();
        return to.receive().map(({ bytes, tag }) => {
          const src = Buffer.from(bytes.subarray(6, 12)).toString('hex').replace(/..\B/g, '$&:');
          seen.set(src, (seen.get(src) ?? new Set()).add(tag));
          received++;
          return src;
        });
      };
      const volley = (): void => {
        for (let n = 0; n < VOLLEY; n++) if (from.send(frame(BROADCAST, [A, B, C][n % 3] as string))) sent++;
      };
      /** Resolves when every frame sent has come to its end: several looks, as books may balance in passing. */
      const quiet = async (): Promise<void> => {
        const { index } = router.table.get('mem4');
        let looks = 0;
        await waitUntil(() => {
          const rest = receive().length === 0 && total(router.memory.views, index, Lane.READ) === sent;
          const { totals, errors } = router.books();
          looks = rest && errors.length === 0 && totals.held === 0 ? looks + 1 : 0;
          return looks === 3;
        }, 'nothing moves');
      };

      await run(`ifconfig veb1 rulefile -f ${LISTS[1].name}`);
      let failed: unknown;
      const pump = (): void => {
        if (over) return;
        try {
          stations.receive();
          stations.send(FLYING);
          receive();
          volley();
          setImmediate(pump);
        } catch (error) {
          failed = error;
        }
      };
      pump();
      let changes = 0;
      for (const until = performance.now() + BOX_MS; performance.now() < until; changes++) {
        await run(`ifconfig veb1 rulefile -f ${(LISTS[changes & 1] as List).name}`);
        // A change of rules waits for nothing, so the hosts would never have their turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
      over = true;
      if (failed !== undefined) throw failed;
      await waitUntil(() => {
        stations.receive();
        return stations.flying === 0;
      }, 'every frame of the untouched ports arrived');

      // What the lists say when nothing changes: so much for the marks themselves.
      for (const list of LISTS) {
        await run(`ifconfig veb1 rulefile -f ${list.name}`);
        await router.grace();
        await quiet();
        volley();
        const arrived: string[] = [];
        await waitUntil(() => {
          arrived.push(...receive());
          return arrived.length >= Math.floor(VOLLEY / 3);
        }, `frames pass by ${list.name}`);
        assert.deepEqual(new Set(arrived), new Set([list.station]));
      }
      await quiet();

      assert.ok(changes > 20, `only ${changes} changes`);
      assert.ok(received > changes, `only ${received} frames`);
      assert.deepEqual([...seen.keys()].sort(), [A, B], 'C passes by no list');
      const [even, odd] = [seen.get(A), seen.get(B)] as [Set<number>, Set<number>];
      assert.deepEqual([even.size, odd.size], [1, 1], `tags ${[...even]} and ${[...odd]}: one a list`);
      assert.ok(!even.has(0) && !odd.has(0) && [...even][0] !== [...odd][0]);
      for (let w = 0; w < WORKERS; w++) assert.equal(router.memory.views.heap[threadBlock(w) + Thread.POISONED], 0);
      await waitUntil(() => router.reclaimer.status().deferredObjects === 0, 'the reclaimer is empty');
      assert.deepEqual(router.books().errors, []);
    } finally {
      over = true;
      await router.stop();
    }
  });
}
