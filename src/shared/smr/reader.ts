/**
 * The reader's side of SMR (spec A §7.4): what a worker does so that main knows which objects it may still hold.
 *
 * A worker holds protected pointers only within a burst. `announce` between bursts says that it holds none; `offline`
 * before a blocking call says that it holds none until `online`. All three are the only writers of `Thread.EPOCH`.
 */
import { Control, Thread } from '../layout/heap.js';

/**
 * Announces a quiescent state: every pointer read before is dropped. One load, and a store only when the epoch moved.
 * `block` is the worker's thread block; `last` the epoch it announced before. Returns the epoch now announced.
 */
export function announce(heap: Int32Array, block: number, last: number): number {
  const epoch = Atomics.load(heap, Control.EPOCH);
  if (epoch !== last) Atomics.store(heap, block + Thread.EPOCH, epoch);
  return epoch;
}

/** Goes offline: until `online`, this thread holds nothing and delays no grace period. */
export function offline(heap: Int32Array, block: number): void {
  Atomics.store(heap, block + Thread.EPOCH, 0);
}

/**
 * Comes back online. `Atomics.store` is a full fence, so no protected load that follows can be answered from before main
 * saw the announcement (store→load: the usual bug). The epoch is read again after the store: had main moved it between,
 * the announcement would only be older than need be, which is safe. Returns the epoch announced.
 */
export function online(heap: Int32Array, block: number): number {
  const epoch = Atomics.load(heap, Control.EPOCH);
  Atomics.store(heap, block + Thread.EPOCH, epoch);
  return epoch;
}
