/**
 * `ring`: descriptors between two threads, 32 at a time, beside the bare loop: the same two threads on the same array with
 * nothing but a word each way to say how far they are (no room check, no refused count, no objects).
 */
import { Worker } from 'node:worker_threads';
import { Ring, ringWords } from '../../src/shared/layout/rings.js';
import { RingConsumer, RingProducer, ringInit } from '../../src/shared/ring/ring.js';
import { type Bench, interleaved, type Measured, round } from './bench.js';

const CAPACITY = 1024;
const BATCH = 32;
const COUNT = 20_000_000;
const PAIRS = 7;

/** What the consumer's thread is to do. */
type Kind = 'ring' | 'bare';

/** Takes `COUNT` descriptors and checks their order. Runs in the second thread. */
export function consume(kind: Kind, words: Int32Array): void {
  const out = new Int32Array(BATCH);
  let next = 0;
  if (kind === 'ring') {
    const consumer = new RingConsumer(words, 0);
    while (next < COUNT) {
      const n = consumer.popList(out, BATCH);
      for (let i = 0; i < n; i++) if (out[i] !== next++) throw new Error('out of order');
    }
    return;
  }
  while (next < COUNT) {
    if (Atomics.load(words, Ring.TAIL) - next < BATCH) continue;
    for (let i = 0; i < BATCH; i++) {
      if (words[Ring.ENTRIES + (next & (CAPACITY - 1))] !== next) throw new Error('out of order');
      next++;
    }
    Atomics.store(words, Ring.HEAD, next);
  }
}

/** Puts `COUNT` descriptors; the first thread's side. */
function produce(kind: Kind, words: Int32Array): void {
  let next = 0;
  if (kind === 'ring') {
    const producer = new RingProducer(words, 0);
    const list = new Int32Array(BATCH);
    while (next < COUNT) {
      if (producer.room(BATCH) < BATCH) continue;
      for (let i = 0; i < BATCH; i++) list[i] = next++;
      producer.pushList(list, BATCH);
      producer.publish();
    }
    return;
  }
  while (next < COUNT) {
    if (next + BATCH - Atomics.load(words, Ring.HEAD) > CAPACITY) continue;
    for (let i = 0; i < BATCH; i++) {
      words[Ring.ENTRIES + (next & (CAPACITY - 1))] = next;
      next++;
    }
    Atomics.store(words, Ring.TAIL, next);
  }
}

/** Million descriptors a second through one kind. */
async function measure(kind: Kind): Promise<number> {
  const shared = new SharedArrayBuffer((ringWords(CAPACITY) + 32) * 4);
  const words = new Int32Array(shared);
  ringInit(words, 0, CAPACITY);
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { consume } = await import(${JSON.stringify(import.meta.url)});
    Atomics.store(workerData.flag, 0, 1);
    consume(workerData.kind, workerData.words);
    parentPort.postMessage('done');`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { flag, kind, words },
  });
  const done = new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  while (Atomics.load(flag, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const start = performance.now();
  produce(kind, words);
  await done;
  const ms = performance.now() - start;
  await worker.terminate();
  return COUNT / ms / 1000;
}

async function run(): Promise<Measured> {
  await measure('ring');
  await measure('bare');
  const { a, b, ratio, spread } = await interleaved(
    PAIRS,
    () => measure('ring'),
    () => measure('bare'),
  );
  const peer = 'bare loop over the same shared array, two threads';
  return {
    value: round(a),
    unit: 'M descriptors/s',
    limit: round(b),
    ratio: round(ratio),
    peer,
    note: `batch ${BATCH}; ${spread}`,
  };
}

export const ring: Bench = { name: 'ring', about: `descriptors between two threads, ${BATCH} at a time`, run };
