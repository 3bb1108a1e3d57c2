/**
 * Ways through a router without threads: frames that are put into one memory port, forwarded in this thread, and taken from another.
 * What the host does to them is not timed.
 */
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import { write32 } from '../../src/shared/wire/network-order.js';
import type { OfflineRouter } from '../support/offline-router.js';
import { median } from './bench.js';

/** Frames that are put into the ring at once. */
const ROUND = 512;
const RUN_MS = 200;

export interface WayOptions {
  /** Byte of a frame where its number is written. */
  readonly numberAt?: number;
  /** Where as many frames come out besides, copies. */
  readonly copiesTo?: string;
}

/** The host's end of a memory port that frames are put into. There can be one of a port. */
export function intoPort(router: OfflineRouter, name: string): RingProducer {
  const { heap, rings } = router.memory.views;
  return new RingProducer(rings, heap[ifRecord(router.table.get(name).index) + If.RX_RING]);
}

/** The host's end that frames are taken from. */
function outOf(router: OfflineRouter, name: string): RingConsumer {
  const { heap, rings } = router.memory.views;
  return new RingConsumer(rings, heap[ifRecord(router.table.get(name).index) + If.TX_RING]);
}

/**
 * A function that sends `frames`, one after the other and again, for a while, and gives the nanoseconds a frame: the median of rounds of 512, so
 * that what the machine does besides is not in it. All of them must come out of port `to`.
 */
export function memoryWay(
  router: OfflineRouter,
  into: RingProducer,
  frames: readonly Uint8Array[],
  to: string,
  { numberAt, copiesTo }: WayOptions = {},
): () => number {
  const { views, cache } = router.memory;
  const { u8, meta, slotOffset } = views;
  const out = outOf(router, to);
  const copies = copiesTo === undefined ? undefined : outOf(router, copiesTo);
  const slots = Int32Array.from({ length: ROUND }, () => cache.takeFrame());
  const back = new Int32Array(ROUND);
  let number = 0;

  /** Every slot has its frame as the host would send it. */
  function fill(): void {
    for (let k = 0; k < ROUND; k++) {
      const frame = frames[k % frames.length] as Uint8Array;
      const m = slots[k] << Meta.SHIFT;
      const at = slotOffset[slots[k]] + Slot.HEADROOM;
      u8.set(frame, at);
      if (numberAt !== undefined) write32(u8, at + numberAt, number++);
      meta.fill(0, m, m + 8);
      meta[m + Meta.OFFSET] = at;
      meta[m + Meta.LENGTH] = frame.length;
    }
    into.pushList(slots, ROUND);
    into.publish();
  }

  function take(from: RingConsumer): void {
    const got = from.popList(back, ROUND);
    if (got !== ROUND) throw new Error(`put ${ROUND} frames, got ${got}`);
  }

  return () => {
    const times: number[] = [];
    const until = performance.now() + RUN_MS;
    while (performance.now() < until) {
      fill();
      const start = process.hrtime();
      while (router.loop.pollMemoryPorts() !== 0);
      const [s, n] = process.hrtime(start);
      times.push((s * 1e9 + n) / ROUND);
      take(out);
      slots.set(back);
      if (copies !== undefined) {
        take(copies);
        for (const slot of back) cache.give(slot);
        cache.flush();
        // As a worker's clock has it do: else it uses every slot there is in turn, and none is in the processor's cache.
        router.ctx.cache.collect();
      }
    }
    return median(times);
  };
}
