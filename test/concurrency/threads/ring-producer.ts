/** A thread that puts 0, 1, 2 … into a ring in batches of random size until it is told to stop. */
import { workerData } from 'node:worker_threads';
import { RingProducer } from '../../../src/shared/ring/ring.js';
import { seeded } from '../../support/stress.js';

/** Words beside the ring by which the two threads agree. */
export const enum Agreed {
  STOP = 0,
  SENT = 1,
  REFUSED = 2,
  DONE = 3,
  WORDS = 4,
}

/** What the thread is given. */
export interface ProducerTask {
  readonly words: Int32Array;
  readonly base: number;
  readonly agreed: Int32Array;
  readonly seed: number;
}

function produce({ words, base, agreed, seed }: ProducerTask): void {
  const random = seeded(seed);
  const ring = new RingProducer(words, base);
  const batch = new Int32Array(100);
  let next = 0;
  let refused = 0;
  while (Atomics.load(agreed, Agreed.STOP) === 0) {
    if (random(4) === 0) {
      if (ring.push(next)) next = (next + 1) | 0;
      else refused++;
    } else {
      const size = 1 + random(batch.length);
      for (let i = 0; i < size; i++) batch[i] = (next + i) | 0;
      const put = ring.pushList(batch, size);
      next = (next + put) | 0;
      refused += size - put;
    }
    if (random(3) !== 0) ring.publish();
  }
  ring.publish();
  agreed[Agreed.SENT] = next;
  agreed[Agreed.REFUSED] = refused | 0;
  Atomics.store(agreed, Agreed.DONE, 1);
}

if (workerData !== null) produce(workerData as ProducerTask);
