/**
 * A reader under SMR as a worker is one: it announces between bursts, goes offline now and then, and in a burst follows the
 * published pointer and keeps what it found to the burst's end. A record that changes under it is counted.
 */
import { workerData } from 'node:worker_threads';
import { Control, threadBlock } from '../../../src/shared/layout/heap.js';
import { announce, offline, online } from '../../../src/shared/smr/reader.js';
import { seeded } from '../../support/stress.js';

/** Words of a record. */
export const enum Rec {
  KIND = 0,
  SERIAL = 1,
  FIRST = 2,
  WORDS = 16,
}

/** First word of a live record. */
export const RECORD_KIND = 0x5ec02d01;

/** Words that a reader reports in, and the pointer it follows. */
export const enum Told {
  POINTER = 0,
  STARTED = 32,
  FOLLOWED = 33,
  VIOLATIONS = 34,
  WORDS = 64,
}

/** What word `n` of the record with `serial` holds. */
export function recordWord(serial: number, n: number): number {
  return Math.imul(serial ^ (n * 0x9e3779b1), 0x85ebca6b);
}

/** What the thread is given. */
export interface ReaderTask {
  readonly heap: Int32Array;
  readonly me: number;
  readonly told: Int32Array;
  /** Where the pointer is. */
  readonly pointer: Int32Array;
  readonly seed: number;
}

function intact(heap: Int32Array, at: number, serial: number): boolean {
  if (heap[at + Rec.KIND] !== RECORD_KIND || heap[at + Rec.SERIAL] !== serial) return false;
  for (let n = Rec.FIRST; n < Rec.WORDS; n++) if (heap[at + n] !== recordWord(serial, n)) return false;
  return true;
}

function read({ heap, me, told, pointer, seed }: ReaderTask): void {
  const random = seeded(seed);
  const block = threadBlock(me);
  const held = new Int32Array(8);
  const serials = new Int32Array(8);
  let epoch = online(heap, block);
  Atomics.store(told, Told.STARTED, 1);
  while (Atomics.load(heap, Control.STOP) === 0) {
    epoch = announce(heap, block, epoch);
    for (let n = 0; n < held.length; n++) {
      held[n] = pointer[Told.POINTER];
      serials[n] = heap[held[n] + Rec.SERIAL];
      for (let spin = random(40); spin > 0; spin--) Atomics.load(told, Told.STARTED);
    }
    for (let n = 0; n < held.length; n++) if (!intact(heap, held[n], serials[n])) told[Told.VIOLATIONS]++;
    told[Told.FOLLOWED] += held.length;
    if (random(200) !== 0) continue;
    offline(heap, block);
    Atomics.wait(told, Told.STARTED, 1, random(2));
    epoch = online(heap, block);
  }
  offline(heap, block);
}

if (workerData !== null) read(workerData as ReaderTask);
