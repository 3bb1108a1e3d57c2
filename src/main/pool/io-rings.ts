/**
 * One io_uring for each worker, made by main, so that it outlives the thread that uses it. Main only.
 */
import { MAX_INTERFACES } from '../../shared/layout/heap.js';
import { SysError } from '../../shared/sys/errno.js';
import { closeIoRing, openIoRing, type RingMap } from '../../shared/sys/io-uring.js';
import type { RouterLog } from '../router.js';

/** Reads, and writes, that a ring takes at a time: those of a burst (workers/context.ts). */
const BATCH = 64;

/**
 * Rings for `workers` workers, with a place for the descriptor of each interface, by its index. Where they cannot be had it says
 * so and returns none: TAPs are then read and written one frame a call.
 */
export function openIoRings(workers: number, log: RouterLog): RingMap[] {
  const rings: RingMap[] = [];
  try {
    for (let w = 0; w < workers; w++) rings.push(openIoRing(BATCH, MAX_INTERFACES));
    return rings;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    for (const ring of rings) closeIoRing(ring);
    log.info({ event: 'no-io-uring', code: error.code }, `TAPs are read and written a frame a call: ${error.message}`);
    return [];
  }
}
