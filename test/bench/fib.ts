/**
 * `fib4` and `fib6`: look-ups of random addresses in a table of the Internet's size, one thread, beside bare random reads of as
 * much memory in the same run; the memory a table takes; and changes a second while a second thread looks up.
 */
import { Worker } from 'node:worker_threads';
import { Slab } from '../../src/main/memory/slab.js';
import { Control, SLAB_BASE, threadBlock } from '../../src/shared/layout/heap.js';
import { announce, offline, online } from '../../src/shared/smr/reader.js';
import { Reclaimer } from '../../src/shared/smr/reclaimer.js';
import { Fib4, makeFib4Lookup } from '../../src/shared/table/fib4.js';
import { Fib6, makeFib6Lookup } from '../../src/shared/table/fib6.js';
import type { FibMemory } from '../../src/shared/table/prefix-trie.js';
import { internet4, internet6, type Prefixes } from '../support/prefixes.js';
import { seeded } from '../support/stress.js';
import { type Bench, interleaved, type Measured, round } from './bench.js';

const SEED = 20261121;
const HEAP_BYTES = 256 << 20;
const LOOKUPS = 1 << 20;
const PAIRS = 7;
const NEXT_HOPS = 500;
const BURST = 64;
const UPDATE_MS = 2000;
const MIB = 1 << 20;

type Random = (below: number) => number;

/** A table of either family, whose prefixes are known by number. */
interface Table {
  readonly root: number;
  insert(n: number, nextHop: number): void;
  remove(n: number): void;
  readonly bytes: number;
  readonly privateBytes: number;
}

/** What the second thread is given. */
export interface LookupTask {
  readonly words: number;
  readonly heap: Int32Array;
  readonly root: number;
  readonly addresses: Int32Array;
  /** Look-ups done, and whether it has begun. */
  readonly told: Int32Array;
}

/** Looks up all addresses and returns a sum of what it found, `burst` by `burst`; `between` is called between bursts. */
function lookups(task: LookupTask, between: () => void): () => number {
  const { heap, root, addresses, words } = task;
  const lookup4 = makeFib4Lookup(heap);
  const lookup6 = makeFib6Lookup(heap);
  if (words === 1) {
    return () => {
      let sum = 0;
      for (let i = 0; i < LOOKUPS; i++) {
        sum ^= lookup4(root, addresses[i]);
        if ((i & (BURST - 1)) === 0) between();
      }
      return sum;
    };
  }
  return () => {
    let sum = 0;
    for (let i = 0, at = 0; i < LOOKUPS; i++, at += 4) {
      sum ^= lookup6(root, addresses[at], addresses[at + 1], addresses[at + 2], addresses[at + 3]);
      if ((i & (BURST - 1)) === 0) between();
    }
    return sum;
  };
}

/** Looks up as a worker does until it is told to stop. Runs in the second thread. */
export function lookUp(task: LookupTask): void {
  const { heap, told } = task;
  const block = threadBlock(0);
  let epoch = online(heap, block);
  const run = lookups(task, () => {
    epoch = announce(heap, block, epoch);
  });
  while (Atomics.load(heap, Control.STOP) === 0) {
    told[1] ^= run();
    Atomics.add(told, 0, 1);
  }
  offline(heap, block);
}

/** Addresses within random prefixes. */
function addressesIn({ words, count, address, length }: Prefixes, random: Random): Int32Array {
  const addresses = new Int32Array(new SharedArrayBuffer(LOOKUPS * words * 4));
  for (let i = 0; i < LOOKUPS; i++) {
    const n = random(count);
    for (let w = 0; w < words; w++) {
      const bits = Math.min(32, Math.max(0, (length[n] as number) - 32 * w));
      const host = bits === 32 ? 0 : -1 >>> bits;
      addresses[i * words + w] = (address[n * words + w] as number) | (random(2 ** 32) & host);
    }
  }
  return addresses;
}

function open(prefixes: Prefixes, memory: FibMemory, reclaimer: Reclaimer): Table {
  const { address, length, words } = prefixes;
  if (words === 1) {
    const fib = new Fib4(memory, reclaimer);
    return {
      root: fib.root,
      insert: (n, nextHop) => void fib.insert(address[n], length[n], nextHop),
      remove: (n) => void fib.remove(address[n], length[n]),
      get bytes() {
        return fib.bytes;
      },
      get privateBytes() {
        return fib.privateBytes;
      },
    };
  }
  const fib = new Fib6(memory, reclaimer, SEED);
  const words6 = (n: number): [number, number, number, number] => {
    const at = n * 4;
    return [address[at], address[at + 1], address[at + 2], address[at + 3]];
  };
  return {
    root: fib.root,
    insert: (n, nextHop) => void fib.insert(...words6(n), length[n], nextHop),
    remove: (n) => void fib.remove(...words6(n), length[n]),
    get bytes() {
      return fib.bytes;
    },
    get privateBytes() {
      return fib.privateBytes;
    },
  };
}

/** Million calls a second of what `run` does `LOOKUPS` times. */
function rate(run: () => number, sum: number): number {
  const start = performance.now();
  if (run() !== sum) throw new Error('not the same sum again');
  return LOOKUPS / (performance.now() - start) / 1000;
}

/** Random reads of `bytes` of memory that has been written. */
function bareReads(bytes: number, random: Random): () => number {
  const memory = new Int32Array(new SharedArrayBuffer(bytes));
  for (let i = 0; i < memory.length; i++) memory[i] = i;
  const places = Int32Array.from({ length: LOOKUPS }, () => random(memory.length));
  return () => {
    let sum = 0;
    for (let i = 0; i < LOOKUPS; i++) sum ^= memory[places[i]];
    return sum;
  };
}

/** Changes a second, each a removal or an addition of a random prefix, while a second thread looks up. */
async function updates(
  task: LookupTask,
  table: Table,
  reclaimer: Reclaimer,
  count: number,
  random: Random,
): Promise<Measured> {
  const code = `
    import { workerData } from 'node:worker_threads';
    const { lookUp } = await import(${JSON.stringify(import.meta.url)});
    lookUp(workerData);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: task });
  const done = new Promise<void>((resolve, reject) => {
    worker.once('exit', () => resolve());
    worker.once('error', reject);
  });
  while (Atomics.load(task.told, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const before = Atomics.load(task.told, 0);
  const start = performance.now();
  let changes = 0;
  let now = start;
  for (; now - start < UPDATE_MS; now = performance.now()) {
    for (let i = 0; i < 100; i++) {
      const n = random(count);
      table.remove(n);
      table.insert(n, 1 + random(NEXT_HOPS));
    }
    changes += 200;
    reclaimer.poll();
  }
  const passes = Atomics.load(task.told, 0) - before;
  Atomics.store(task.heap, Control.STOP, 1);
  await done;
  const seconds = (now - start) / 1000;
  const beside = round((passes * LOOKUPS) / seconds / 1e6);
  return {
    value: round(changes / seconds / 1000),
    unit: 'k changes/s',
    note: `while another thread makes about ${beside} M look-ups/s; 100 k wanted`,
  };
}

async function run(make: (count: number, random: Random) => Prefixes, count: number): Promise<Measured> {
  const random = seeded(SEED);
  const prefixes = make(count, random);
  const heap = new Int32Array(new SharedArrayBuffer(HEAP_BYTES));
  const slab = new Slab('heap', heap, SLAB_BASE);
  const memory: FibMemory = {
    heap,
    allocate: (words) => slab.allocate(words),
    release: (at, words) => slab.release(at, words),
  };
  const reclaimer = new Reclaimer(heap, 1, HEAP_BYTES, () => {});
  const table = open(prefixes, memory, reclaimer);
  const start = performance.now();
  for (let n = 0; n < count; n++) table.insert(n, 1 + (n % NEXT_HOPS));
  const loading = performance.now() - start;
  const { bytes, privateBytes } = table;

  const told = new Int32Array(new SharedArrayBuffer(8));
  const task = { words: prefixes.words, heap, root: table.root, addresses: addressesIn(prefixes, random), told };
  const ours = lookups(task, () => {});
  const bare = bareReads(bytes, random);
  const [sum, bareSum] = [ours(), bare()];
  const { a, b, ratio, spread } = await interleaved(
    PAIRS,
    () => rate(ours, sum),
    () => rate(bare, bareSum),
  );
  const changes = await updates(task, table, reclaimer, count, random);
  reclaimer.close();
  const size: Measured = {
    value: round(bytes / MIB),
    unit: 'MiB',
    note: `shared, 100 MiB at most wanted; ${round(privateBytes / MIB)} MiB more on main; loaded in ${round(loading)} ms`,
  };
  return {
    value: round(a),
    unit: 'M look-ups/s',
    ratio: round(ratio),
    peer: `bare random reads of as much memory (${round(b)} M/s)`,
    note: `${count} prefixes; ${spread}`,
    more: [size, changes],
  };
}

export const fib4: Bench = {
  name: 'fib4',
  about: 'longest prefix match, 1 M IPv4 prefixes',
  run: () => run(internet4, 1_000_000),
};

export const fib6: Bench = {
  name: 'fib6',
  about: 'longest prefix match, 230 k IPv6 prefixes',
  run: () => run(internet6, 230_000),
};
