/**
 * The two ends of a capture ring (layout/capture.ts): a worker puts records in, the capture writer takes them out. Records are
 * bytes of the packet view, so a frame is copied into one without a view of its own.
 */
import {
  CaptureBell,
  CaptureRecord,
  CaptureRing,
  captureBell,
  captureRing,
  WriterRest,
  wakeWords,
} from '../layout/capture.js';
import type { Views } from '../layout/regions.js';

/** The worker's end. */
export class CaptureProducer {
  private readonly i32: Int32Array;
  private readonly bell: number;
  private readonly ring: number;
  private readonly records: number;
  private readonly mask: number;
  private readonly capacity: number;
  private readonly wakeAt: number;
  private tail: number;
  private published: number;
  private headSeen: number;

  /** Takes up the ring of `thread` where its worker last published. */
  constructor(views: Views, thread: number) {
    const { sizes, i32 } = views;
    this.i32 = i32;
    this.bell = captureBell(sizes);
    this.ring = captureRing(sizes, thread);
    this.records = this.ring + CaptureRing.RECORDS;
    this.capacity = sizes.captureBytes >> 2;
    this.mask = this.capacity - 1;
    this.wakeAt = wakeWords(sizes.captureBytes);
    this.tail = this.capacity === 0 ? 0 : Atomics.load(i32, this.ring + CaptureRing.TAIL);
    this.published = this.tail;
    this.headSeen = this.capacity === 0 ? 0 : Atomics.load(i32, this.ring + CaptureRing.HEAD);
  }

  /** Room for a record of `words` words in one piece: where it begins in the packet view, in words; -1 if the ring is full. */
  reserve(words: number): number {
    const at = this.tail & this.mask;
    const rest = this.capacity - at;
    const wanted = words <= rest ? words : rest + words;
    if (this.capacity - ((this.tail - this.headSeen) | 0) < wanted) {
      if (this.capacity === 0) return -1;
      this.headSeen = Atomics.load(this.i32, this.ring + CaptureRing.HEAD);
      if (this.capacity - ((this.tail - this.headSeen) | 0) < wanted) return -1;
    }
    this.tail = (this.tail + wanted) | 0;
    if (wanted === words) return this.records + at;
    this.i32[this.records + at + CaptureRecord.SIZE] = 0;
    return this.records;
  }

  /** Makes all records written so far visible, and wakes the writer if it sleeps, or if it naps and the ring fills. */
  publish(): void {
    if (this.tail === this.published) return;
    this.published = this.tail;
    Atomics.store(this.i32, this.ring + CaptureRing.TAIL, this.tail);
    const bell = this.bell + CaptureBell.ASLEEP;
    const rest = Atomics.load(this.i32, bell);
    if (rest === WriterRest.NONE || (rest === WriterRest.NAP && !this.fills())) return;
    if (Atomics.exchange(this.i32, bell, WriterRest.NONE) !== WriterRest.NONE) Atomics.notify(this.i32, bell);
  }

  /** Whether a writer that naps is to see to the ring. */
  private fills(): boolean {
    if (((this.tail - this.headSeen) | 0) < this.wakeAt) return false;
    this.headSeen = Atomics.load(this.i32, this.ring + CaptureRing.HEAD);
    return ((this.tail - this.headSeen) | 0) >= this.wakeAt;
  }
}

/** The writer's end. */
export class CaptureConsumer {
  private readonly i32: Int32Array;
  private readonly ring: number;
  private readonly records: number;
  private readonly mask: number;
  private readonly capacity: number;
  private head: number;
  /** Where the record last taken begins. */
  private last: number;
  private tailSeen: number;

  /** Takes up the ring of `thread` where its writer last was. */
  constructor(views: Views, thread: number) {
    const { sizes, i32 } = views;
    this.i32 = i32;
    this.ring = captureRing(sizes, thread);
    this.records = this.ring + CaptureRing.RECORDS;
    this.capacity = sizes.captureBytes >> 2;
    this.mask = this.capacity - 1;
    this.head = Atomics.load(i32, this.ring + CaptureRing.HEAD);
    this.last = this.head;
    this.tailSeen = this.head;
  }

  /**
   * The next record: where its header (`CaptureRecord`) begins in the packet view, in words; its bytes follow the header. -1 when there is
   * none now. It stays as it is until `release`.
   */
  next(): number {
    for (;;) {
      if (this.head === this.tailSeen) {
        this.tailSeen = Atomics.load(this.i32, this.ring + CaptureRing.TAIL);
        if (this.head === this.tailSeen) return -1;
      }
      const place = this.head & this.mask;
      const words = this.i32[this.records + place + CaptureRecord.SIZE];
      if (words >= CaptureRecord.HEADER) {
        this.last = this.head;
        this.head = (this.head + words) | 0;
        return this.records + place;
      }
      this.head = (this.head + this.capacity - place) | 0;
    }
  }

  /** Position behind the records taken so far, or behind all of them but the last. */
  position(butLast = false): number {
    return butLast ? this.last : this.head;
  }

  /** Gives the room of all records before a position back. */
  release(position = this.head): void {
    Atomics.store(this.i32, this.ring + CaptureRing.HEAD, position);
  }

  /** Words published and not yet given back. */
  get occupancy(): number {
    const tail = Atomics.load(this.i32, this.ring + CaptureRing.TAIL);
    return (tail - Atomics.load(this.i32, this.ring + CaptureRing.HEAD)) | 0;
  }
}
