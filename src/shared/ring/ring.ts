/**
 * The two ends of a single-producer single-consumer ring (layout/rings.ts).
 *
 * Any thread may hold an end, one at a time. The producer writes entries with plain stores and publishes them with one
 * `Atomics.store` of TAIL; the consumer reads entries after one `Atomics.load` of TAIL and gives the room back with one
 * store of HEAD. Each end keeps its own index privately and the other's as last seen, so that a burst touches the other's
 * line at most once (Snabb `lib/interlink.lua`; FastForward, PPoPP 2008).
 */
import { Ring } from '../layout/rings.js';

/** Prepares a ring at word `base`: empty, with room for `capacity` entries (a power of two). Main only. */
export function ringInit(words: Int32Array, base: number, capacity: number): void {
  if (capacity < 1 || (capacity & (capacity - 1)) !== 0)
    throw new RangeError(`ring capacity ${capacity} is not a power of two`);
  words.fill(0, base, base + Ring.ENTRIES);
  words[base + Ring.CAPACITY] = capacity;
}

/** Entries published and not yet taken, as any thread may read it: a snapshot. */
export function ringOccupancy(words: Int32Array, base: number): number {
  return (Atomics.load(words, base + Ring.TAIL) - Atomics.load(words, base + Ring.HEAD)) | 0;
}

/** The producing end. */
export class RingProducer {
  readonly words: Int32Array;
  readonly base: number;
  readonly mask: number;
  private tail: number;
  private published: number;
  private headSeen: number;

  /** Takes up the ring where its producer last published. */
  constructor(words: Int32Array, base: number) {
    this.words = words;
    this.base = base;
    this.mask = words[base + Ring.CAPACITY] - 1;
    this.tail = Atomics.load(words, base + Ring.TAIL);
    words[base + Ring.WRITTEN] = this.tail;
    this.published = this.tail;
    this.headSeen = Atomics.load(words, base + Ring.HEAD);
  }

  /** Room left, in entries; asks for the consumer's index only if what was last seen leaves less than `wanted`. */
  room(wanted: number): number {
    let used = (this.tail - this.headSeen) | 0;
    if (this.mask + 1 - used < wanted) {
      this.headSeen = Atomics.load(this.words, this.base + Ring.HEAD);
      used = (this.tail - this.headSeen) | 0;
    }
    return this.mask + 1 - used;
  }

  /** Counts `count` entries that were not put because there was no room for them. */
  refuse(count: number): void {
    this.words[this.base + Ring.REFUSED] += count;
  }

  /** Writes one entry, not yet published. Returns false, and counts it, if the ring is full. */
  push(value: number): boolean {
    if (this.room(1) < 1) {
      this.words[this.base + Ring.REFUSED]++;
      return false;
    }
    this.words[this.base + Ring.ENTRIES + (this.tail & this.mask)] = value;
    this.tail = (this.tail + 1) | 0;
    this.words[this.base + Ring.WRITTEN] = this.tail;
    return true;
  }

  /** Writes the first `count` of `list`, as many as fit, not yet published. Returns how many; counts the rest. */
  pushList(list: Int32Array, count: number): number {
    const words = this.words;
    const entries = this.base + Ring.ENTRIES;
    const mask = this.mask;
    const room = this.room(count);
    const n = Math.min(room, count);
    let tail = this.tail;
    for (let i = 0; i < n; i++) {
      words[entries + (tail & mask)] = list[i];
      tail = (tail + 1) | 0;
    }
    this.tail = tail;
    words[this.base + Ring.WRITTEN] = tail;
    if (n < count) words[this.base + Ring.REFUSED] += count - n;
    return n;
  }

  /** Makes all entries written so far visible. Returns whether there was anything new. */
  publish(): boolean {
    if (this.tail === this.published) return false;
    this.published = this.tail;
    Atomics.store(this.words, this.base + Ring.TAIL, this.tail);
    return true;
  }
}

/** The consuming end. */
export class RingConsumer {
  readonly words: Int32Array;
  readonly base: number;
  readonly mask: number;
  private head: number;
  private tailSeen: number;

  /** Takes up the ring where its consumer last was. */
  constructor(words: Int32Array, base: number) {
    this.words = words;
    this.base = base;
    this.mask = words[base + Ring.CAPACITY] - 1;
    this.head = Atomics.load(words, base + Ring.HEAD);
    this.tailSeen = this.head;
  }

  /** Takes up to `most` entries into `out` and gives their room back. Returns how many. */
  popList(out: Int32Array, most: number): number {
    const words = this.words;
    let head = this.head;
    let n = (this.tailSeen - head) | 0;
    if (n < most) {
      this.tailSeen = Atomics.load(words, this.base + Ring.TAIL);
      n = (this.tailSeen - head) | 0;
    }
    if (n === 0) return 0;
    if (n > most) n = most;
    const entries = this.base + Ring.ENTRIES;
    const mask = this.mask;
    for (let i = 0; i < n; i++) {
      out[i] = words[entries + (head & mask)];
      head = (head + 1) | 0;
    }
    this.head = head;
    Atomics.store(words, this.base + Ring.HEAD, head);
    return n;
  }
}
