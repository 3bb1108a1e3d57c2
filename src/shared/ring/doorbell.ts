/**
 * Doorbells: a worker that declared itself asleep is woken by its eventfd; one that is awake is never disturbed.
 *
 * The sleeper stores ASLEEP = 1 (a full fence) and then looks once more for work; the caller publishes its work with a
 * store (a full fence) and then looks at ASLEEP. One of the two sees the other. The first caller to turn ASLEEP to 0
 * rings; further ones need not.
 */
import { Thread, threadBlock } from '../layout/heap.js';
import { eventfdRing } from '../sys/eventfd.js';

/** Wakes `thread` if it sleeps. Call after the work was published. */
export function ringDoorbell(heap: Int32Array, thread: number): void {
  const block = threadBlock(thread);
  if (Atomics.load(heap, block + Thread.ASLEEP) === 0) return;
  if (Atomics.compareExchange(heap, block + Thread.ASLEEP, 1, 0) === 1) eventfdRing(heap[block + Thread.DOORBELL]);
}
