/**
 * A reader of next hops as a worker is one: in a burst it goes from an address to an index, to a record, and through an ECMP
 * group to a member. Each record must be whole, and of the prefix that led to it, to the burst's end.
 */
import { workerData } from 'node:worker_threads';
import { Control, threadBlock } from '../../../src/shared/layout/heap.js';
import { announce, offline, online } from '../../../src/shared/smr/reader.js';
import { makeFib4Lookup } from '../../../src/shared/table/fib4.js';
import { makeNextHopRecord, NextHop, NextHopKind, pickMember } from '../../../src/shared/table/next-hop.js';
import { seeded } from '../../support/stress.js';

/** Prefixes 10.0.n.0/24, n below this. */
export const PREFIXES = 64;

/** Words that a reader reports in. */
export const enum Told {
  STARTED = 0,
  LOOKUPS = 1,
  VIOLATIONS = 2,
  /** Look-ups that went through a group. */
  GROUPS = 3,
  WORDS = 32,
}

/** What the thread is given. */
export interface NextHopReaderTask {
  readonly heap: Int32Array;
  readonly told: Int32Array;
  readonly fib: number;
  readonly nextHops: number;
  readonly seed: number;
}

/** What the other words of a record say if its INTERFACE is this; the low byte is the number of its prefix. */
export function gatewayOf(serial: number): number {
  return Math.imul(serial, 0x9e3779b1);
}

function read({ heap, told, fib, nextHops, seed }: NextHopReaderTask): void {
  const random = seeded(seed);
  const block = threadBlock(0);
  const lookup = makeFib4Lookup(heap);
  const recordOf = makeNextHopRecord(heap);
  const records = new Int32Array(8);
  const numbers = new Int32Array(8);
  const pause = (): void => {
    for (let spin = random(60); spin > 0; spin--) Atomics.load(told, Told.STARTED);
  };
  let epoch = online(heap, block);
  Atomics.store(told, Told.STARTED, 1);
  while (Atomics.load(heap, Control.STOP) === 0) {
    epoch = announce(heap, block, epoch);
    for (let n = 0; n < records.length; n++) {
      numbers[n] = random(PREFIXES);
      const index = lookup(fib, 0x0a000001 | (numbers[n] << 8));
      pause();
      let record = recordOf(nextHops, index);
      if (heap[record + NextHop.KIND] === NextHopKind.ECMP) {
        told[Told.GROUPS]++;
        const member = pickMember(heap, record, random(1 << 30));
        pause();
        record = recordOf(nextHops, member);
      }
      records[n] = record;
      pause();
    }
    for (let n = 0; n < records.length; n++) {
      const record = records[n];
      const serial = heap[record + NextHop.INTERFACE];
      const whole =
        heap[record + NextHop.KIND] === NextHopKind.GATEWAY && heap[record + NextHop.GATEWAY] === gatewayOf(serial);
      if (!whole || (serial & 0xff) !== numbers[n]) told[Told.VIOLATIONS]++;
    }
    told[Told.LOOKUPS] += records.length;
    if (random(200) !== 0) continue;
    offline(heap, block);
    Atomics.wait(told, Told.STARTED, 1, random(2));
    epoch = online(heap, block);
  }
  offline(heap, block);
}

if (workerData !== null) read(workerData as NextHopReaderTask);
