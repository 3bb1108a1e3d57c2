/**
 * Sequence numbers of what tunnels bring, by interface, session and source: what is missing, late, or there twice (spec A §6.7, A122).
 *
 * A table of fixed size in the heap: buckets of four streams and a lock. Workers look a stream up without the lock, and change it with it; they
 * only try for it, so two that have the same stream at the same moment (a switch's packets come by one queue, but what main put together
 * of fragments comes by another) may miss a number: that is counted beside it, and taken off what is missing. Nothing is allocated.
 */
import { Kind } from '../layout/heap.js';

/** Words of the table's record. W: main. R: workers. */
const enum SequenceTable {
  KIND = 0,
  KEY = 1,
  /** Packets of streams that found no place. W: workers, by Atomics. R: main. */
  UNTRACKED = 32,
  /** The first bucket: the first of its four streams. */
  STREAMS = 64,
}

/** Words of a stream. W: the worker that holds the bucket's lock; main, once its interface is gone. R: main. */
export const enum Stream {
  /** Of a bucket's first stream: the bucket's lock, thread + 1. W: that worker; main, once it is dead. */
  LOCK = 0,
  /** index | generation << 16 of the interface; 0 = no stream. */
  INTERFACE = 1,
  SESSION = 2,
  /** Address, four words in host order. */
  SOURCE = 3,
  /** The number that is next. */
  NEXT = 7,
  /** Uptime in seconds of the last packet. */
  SEEN = 8,
  /** Bit n: the number n + 1 before `NEXT` has come; two words. */
  WINDOW = 9,
  /** Counts of two words, low and high. */
  RECEIVED = 11,
  /** Numbers that had not come when one behind them came. */
  MISSING = 13,
  /** Of those, the ones that came after all. */
  LATE = 15,
  DUPLICATE = 17,
  /** The sender began anew. */
  RESTARTS = 19,
  /** Packets that found the lock taken. W: workers, by Atomics. */
  BUSY = 21,
  WORDS = 32,
}

const WAYS = 4;
const BUCKETS = 256;
/** Most streams. */
export const STREAMS_MOST = WAYS * BUCKETS;
/** Words of a table. */
export const SEQUENCE_TABLE_WORDS = SequenceTable.STREAMS + STREAMS_MOST * Stream.WORDS;
/** Seconds without a packet after which another stream may take a place. */
const IDLE_SECONDS = 300;
/** Tries for a lock. */
const TRIES = 64;
/** Numbers that the window tells apart, those that may be late, and the longest gap: beyond, the sender has begun anew. */
const WINDOW = 64;
const LATE_MOST = 1024;
const GAP_MOST = 1 << 24;

/** Makes an empty table at word `at` of `heap`. Main only. */
export function initSequences(heap: Int32Array, at: number, key: number): void {
  heap.fill(0, at, at + SEQUENCE_TABLE_WORDS);
  heap[at + SequenceTable.KIND] = Kind.SEQUENCES;
  heap[at + SequenceTable.KEY] = key;
}

/**
 * Takes a number into account: (table, thread, uptime in seconds, interface | generation << 16, session, source, number). Returns the
 * stream, which is its place as long as a worker may not have seen all that main does, or 0 if it has found none.
 */
export type Track = (
  table: number,
  me: number,
  seconds: number,
  where: number,
  session: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  sequence: number,
) => number;

/** The same of the next `n` numbers, from `sequence` on, of a stream that `Track` has just returned. */
export type TrackNext = (
  table: number,
  me: number,
  seconds: number,
  stream: number,
  sequence: number,
  n: number,
) => void;

/** Makes the tracker of one worker; `alone` says that there is no other, and so no need of locks. Workers only. */
export function makeTrack(heap: Int32Array, alone = false): Track {
  return (table, me, seconds, where, session, s0, s1, s2, s3, sequence) => {
    const bucket = bucketOf(heap, table, where, session, s0, s1, s2, s3);
    let stream = find(heap, bucket, where, session, s0, s1, s2, s3);
    if (!alone && !lock(heap, bucket, me)) {
      Atomics.add(heap, stream === 0 ? table + SequenceTable.UNTRACKED : stream + Stream.BUSY, 1);
      return stream;
    }
    if (stream === 0) stream = find(heap, bucket, where, session, s0, s1, s2, s3);
    if (stream === 0) stream = place(heap, bucket, seconds);
    if (stream === 0) Atomics.add(heap, table + SequenceTable.UNTRACKED, 1);
    else {
      if (heap[stream + Stream.INTERFACE] === 0) {
        heap[stream + Stream.SESSION] = session;
        heap[stream + Stream.SOURCE] = s0;
        heap[stream + Stream.SOURCE + 1] = s1;
        heap[stream + Stream.SOURCE + 2] = s2;
        heap[stream + Stream.SOURCE + 3] = s3;
        heap[stream + Stream.NEXT] = sequence;
        heap[stream + Stream.INTERFACE] = where;
      }
      note(heap, stream, seconds, sequence);
    }
    if (!alone) Atomics.store(heap, bucket + Stream.LOCK, 0);
    return stream;
  };
}

/** Makes the short way of the tracker of one worker. Workers only. */
export function makeTrackNext(heap: Int32Array, alone = false): TrackNext {
  return (table, me, seconds, stream, sequence, n) => {
    if (alone) {
      noteRun(heap, stream, seconds, sequence, n);
      return;
    }
    const first = table + SequenceTable.STREAMS;
    const bucket = first + ((stream - first) & ~(WAYS * Stream.WORDS - 1));
    if (!lock(heap, bucket, me)) {
      Atomics.add(heap, stream + Stream.BUSY, n);
      return;
    }
    noteRun(heap, stream, seconds, sequence, n);
    Atomics.store(heap, bucket + Stream.LOCK, 0);
  };
}

/** A packet of a stream, which is this thread's alone for now. */
function note(heap: Int32Array, stream: number, seconds: number, sequence: number): void {
  heap[stream + Stream.SEEN] = seconds;
  add(heap, stream + Stream.RECEIVED, 1);
  judge(heap, stream, sequence);
}

/** `n` packets, numbered one after the other from `sequence` on. */
function noteRun(heap: Int32Array, stream: number, seconds: number, sequence: number, n: number): void {
  heap[stream + Stream.SEEN] = seconds;
  add(heap, stream + Stream.RECEIVED, n);
  let k = 0;
  // Once one is the number that was next, so are those behind it.
  while (k < n && ((sequence + k) | 0) !== heap[stream + Stream.NEXT]) judge(heap, stream, (sequence + k++) | 0);
  if (k === n) return;
  slide(heap, stream, n - k);
  const w = stream + Stream.WINDOW;
  heap[w] |= lowest(n - k);
  heap[w + 1] |= lowest(n - k - 32);
  heap[stream + Stream.NEXT] = (sequence + n) | 0;
}

/** The lowest `bits` bits of a word; none of fewer than 1, all of 32 or more. */
function lowest(bits: number): number {
  return bits >= 32 ? -1 : bits <= 0 ? 0 : (1 << bits) - 1;
}

function bucketOf(
  heap: Int32Array,
  table: number,
  where: number,
  session: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): number {
  let h = Math.imul(heap[table + SequenceTable.KEY] ^ where ^ Math.imul(session, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ s0, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15) ^ s1 ^ Math.imul(s2, 0x165667b1), 0x27d4eb2f);
  h = Math.imul(h ^ (h >>> 13) ^ s3, 0x165667b1);
  h ^= h >>> 15;
  return table + SequenceTable.STREAMS + ((h ^ (h >>> 16)) & (BUCKETS - 1)) * WAYS * Stream.WORDS;
}

/** The stream with this key, or 0. */
function find(
  heap: Int32Array,
  bucket: number,
  where: number,
  session: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): number {
  for (let way = 0; way < WAYS; way++) {
    const stream = bucket + way * Stream.WORDS;
    if (
      heap[stream + Stream.INTERFACE] === where &&
      heap[stream + Stream.SESSION] === session &&
      heap[stream + Stream.SOURCE] === s0 &&
      heap[stream + Stream.SOURCE + 1] === s1 &&
      heap[stream + Stream.SOURCE + 2] === s2 &&
      heap[stream + Stream.SOURCE + 3] === s3
    )
      return stream;
  }
  return 0;
}

function lock(heap: Int32Array, bucket: number, me: number): boolean {
  for (let n = 0; n < TRIES; n++) {
    if (Atomics.compareExchange(heap, bucket + Stream.LOCK, 0, me + 1) === 0) return true;
  }
  return false;
}

/** A place for a new stream: an empty one, or that of the one that has been silent the longest, emptied; 0 if all are in use. */
function place(heap: Int32Array, bucket: number, seconds: number): number {
  let oldest = bucket;
  for (let way = 0; way < WAYS; way++) {
    const stream = bucket + way * Stream.WORDS;
    if (heap[stream + Stream.INTERFACE] === 0) return stream;
    if (heap[stream + Stream.SEEN] < heap[oldest + Stream.SEEN]) oldest = stream;
  }
  if (seconds - heap[oldest + Stream.SEEN] < IDLE_SECONDS) return 0;
  heap.fill(0, oldest + Stream.INTERFACE, oldest + Stream.WORDS);
  return oldest;
}

/** What a number says after those before it. */
function judge(heap: Int32Array, stream: number, sequence: number): void {
  const ahead = (sequence - heap[stream + Stream.NEXT]) | 0;
  if (ahead >= 0 && ahead < GAP_MOST) {
    if (ahead > 0) add(heap, stream + Stream.MISSING, ahead);
    slide(heap, stream, ahead + 1);
    heap[stream + Stream.NEXT] = (sequence + 1) | 0;
    return;
  }
  if (ahead >= 0 || ahead < -LATE_MOST) {
    add(heap, stream + Stream.RESTARTS, 1);
    heap[stream + Stream.WINDOW] = 1;
    heap[stream + Stream.WINDOW + 1] = 0;
    heap[stream + Stream.NEXT] = (sequence + 1) | 0;
    return;
  }
  const bit = -ahead - 1;
  if (bit >= WINDOW) {
    add(heap, stream + Stream.LATE, 1);
    return;
  }
  const word = stream + Stream.WINDOW + (bit >> 5);
  const mask = 1 << (bit & 31);
  if ((heap[word] & mask) !== 0) add(heap, stream + Stream.DUPLICATE, 1);
  else {
    heap[word] |= mask;
    add(heap, stream + Stream.LATE, 1);
  }
}

/** Moves the window on by `by` numbers, the last of which has come. */
function slide(heap: Int32Array, stream: number, by: number): void {
  const w = stream + Stream.WINDOW;
  if (by >= WINDOW) heap[w] = heap[w + 1] = 0;
  else if (by >= 32) {
    heap[w + 1] = heap[w] << (by - 32);
    heap[w] = 0;
  } else {
    heap[w + 1] = (heap[w + 1] << by) | (heap[w] >>> (32 - by));
    heap[w] <<= by;
  }
  heap[w] |= 1;
}

/** Adds to a count of two words. */
function add(heap: Int32Array, at: number, amount: number): void {
  const before = heap[at] >>> 0;
  heap[at] = (before + amount) | 0;
  if (heap[at] >>> 0 < before) heap[at + 1]++;
}

/** A stream as main reads it. */
export interface SequenceCounts {
  /** index | generation << 16. */
  readonly interface: number;
  readonly session: number;
  readonly source: readonly number[];
  readonly received: number;
  /** Never came, as far as can be told by now. */
  readonly lost: number;
  /** Came behind one that was sent later. */
  readonly reordered: number;
  readonly duplicate: number;
  readonly restarts: number;
}

/** All streams of a table. Main only. */
export function readSequences(heap: Int32Array, table: number): SequenceCounts[] {
  const found: SequenceCounts[] = [];
  for (let n = 0; n < STREAMS_MOST; n++) {
    const stream = table + SequenceTable.STREAMS + n * Stream.WORDS;
    const where = heap[stream + Stream.INTERFACE];
    if (where === 0) continue;
    const count = (at: number): number => heap[stream + at + 1] * 0x1_0000_0000 + (heap[stream + at] >>> 0);
    const late = count(Stream.LATE);
    found.push({
      interface: where,
      session: heap[stream + Stream.SESSION],
      source: [...heap.slice(stream + Stream.SOURCE, stream + Stream.SOURCE + 4)],
      received: count(Stream.RECEIVED) + heap[stream + Stream.BUSY],
      lost: Math.max(0, count(Stream.MISSING) - late - heap[stream + Stream.BUSY]),
      reordered: late,
      duplicate: count(Stream.DUPLICATE),
      restarts: count(Stream.RESTARTS),
    });
  }
  return found;
}

/** Packets whose stream found no place in a table. Main only. */
export function untracked(heap: Int32Array, table: number): number {
  return heap[table + SequenceTable.UNTRACKED] >>> 0;
}

/** Forgets the streams of an interface that no worker receives by any more. Main only. */
export function forgetSequences(heap: Int32Array, table: number, index: number): void {
  for (let n = 0; n < STREAMS_MOST; n++) {
    const stream = table + SequenceTable.STREAMS + n * Stream.WORDS;
    if ((heap[stream + Stream.INTERFACE] & 0xffff) === index) {
      heap.fill(0, stream + Stream.INTERFACE, stream + Stream.WORDS);
    }
  }
}

/** Opens the locks that a dead worker held. Main only. */
export function breakSequenceLocks(heap: Int32Array, table: number, dead: number): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const at = table + SequenceTable.STREAMS + bucket * WAYS * Stream.WORDS;
    Atomics.compareExchange(heap, at + Stream.LOCK, dead + 1, 0);
  }
}
