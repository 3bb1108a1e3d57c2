/** A ring between two real threads: nothing lost, doubled, reordered or written outside, over the end and over 2^31. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ring, ringWords } from '../../src/shared/layout/rings.js';
import { RingConsumer, ringInit, ringOccupancy } from '../../src/shared/ring/ring.js';
import { BOX_MS, didOperations, SEED, startThread, withSeed } from '../support/stress.js';
import { Agreed, type ProducerTask } from './threads/ring-producer.js';

const CANARIES = 128;
const CANARY = 0x0ca7a21e;
const CAPACITIES = [1, 2, 64, 1024];

/** Where the indices begin: at 0, and so that they soon pass 2^31. */
const STARTS = [0, 0x7fffffff - 5000];

for (const capacity of CAPACITIES)
  for (const start of STARTS) {
    test(`a ring of ${capacity} from index ${start} between two threads keeps every entry in order`, (t) =>
      withSeed(async (random) => {
        const words = new Int32Array(new SharedArrayBuffer((ringWords(capacity) + 2 * CANARIES) * 4)).fill(CANARY);
        const agreed = new Int32Array(new SharedArrayBuffer(Agreed.WORDS * 4));
        ringInit(words, CANARIES, capacity);
        words[CANARIES + Ring.TAIL] = start;
        words[CANARIES + Ring.HEAD] = start;
        const task: ProducerTask = { words, base: CANARIES, agreed, seed: SEED + capacity };
        const thread = startThread(new URL('./threads/ring-producer.js', import.meta.url), task);

        let received = 0;
        try {
          received = consume(new RingConsumer(words, CANARIES), agreed, random, start);
        } finally {
          // Also a consumer that has met a wrong entry lets the producer end.
          Atomics.store(agreed, Agreed.STOP, 1);
          await thread.done;
        }

        assert.ok(received > capacity, `only ${received} entries came`);
        didOperations(t, received);
        assert.equal(received | 0, agreed[Agreed.SENT]);
        assert.equal(words[CANARIES + Ring.REFUSED], agreed[Agreed.REFUSED]);
        assert.equal(ringOccupancy(words, CANARIES), 0);
        assert.ok(words.subarray(0, CANARIES).every((word) => word === CANARY));
        assert.ok(words.subarray(CANARIES + ringWords(capacity)).every((word) => word === CANARY));
      }));
  }

/** Takes entries in random portions for the box's share, then all that is left. Returns how many; they count up from 0. */
function consume(ring: RingConsumer, agreed: Int32Array, random: (below: number) => number, start: number): number {
  const out = new Int32Array(200);
  const until = performance.now() + BOX_MS / (CAPACITIES.length * STARTS.length);
  let expected = 0;
  let stopped = false;
  for (;;) {
    const done = Atomics.load(agreed, Agreed.DONE) === 1;
    const most = 1 + random(out.length);
    const n = ring.popList(out, most);
    assert.ok(n <= most);
    for (let i = 0; i < n; i++) {
      if (out[i] !== ((expected + i) | 0)) assert.fail(`${out[i]} instead of ${expected + i}, indices from ${start}`);
    }
    expected += n;
    if (n === 0 && done) return expected;
    if (!stopped && performance.now() > until && expected > ring.mask + 1) {
      stopped = true;
      Atomics.store(agreed, Agreed.STOP, 1);
    }
  }
}
