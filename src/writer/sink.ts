/**
 * Where the packets of one capture go: a file or a stream. Runs in the capture writer.
 *
 * A sink takes records as they stand in the ring and must have written, kept or dropped them all when `flush` returns: their room is
 * given back then, between `prepare` and `book`. So the thread that follows one that dies knows which records are in a file (loop.ts), and
 * whoever reads that packets were written knows that no thread will take them again. It never waits for a reader.
 */
import { WriterLane } from '../shared/layout/capture.js';
import type { CaptureStatistics } from '../shared/ring/writer-message.js';

export interface Sink {
  /** The capture's, as in its records. */
  readonly id: number;
  /** Whether the record at word `at` of the packet view is to begin another file: all records before it are done then, and `rotate` is called. */
  isFull(at: number): boolean;
  rotate(): void;
  /** Says whether a ring fills, so that there is no time to lose. */
  hurry(fills: boolean): void;
  /** Takes the record at word `at`. */
  take(at: number): void;
  flush(): void;
  /** Notes how much is written, for when the room of the packets taken has been given back. */
  prepare(): void;
  /** Tells what became of the packets taken, after their room was given back. */
  book(): void;
  /** Does what time asks for; `now` on `performance.now()`. */
  tick(now: number): void;
  close(statistics: CaptureStatistics): void;
}

/** A capture's counters (`WriterLane`). */
export class SinkCounters {
  private readonly words: Float64Array;
  private readonly base: number;
  /** What `book` is to add. */
  private packets = 0;
  private bytes = 0;
  private losses = 0;

  constructor(words: Float64Array, id: number) {
    this.words = words;
    this.base = (id & 0xffff) * WriterLane.WORDS;
  }

  /** Counts packets written. */
  wrote(packets: number, bytes: number): void {
    this.packets += packets;
    this.bytes += bytes;
  }

  /** Counts packets lost: the disk was full, or the reader slow. */
  dropped(packets: number): void {
    this.losses += packets;
  }

  /** Counts a file begun. */
  file(): void {
    this.words[this.base + WriterLane.FILES] += 1;
  }

  /** Packets lost so far. */
  get lost(): number {
    return this.words[this.base + WriterLane.DROPPED] + this.losses;
  }

  /** Notes that the file has `bytes` bytes, none of which the rings hold as well. */
  sized(bytes: number): void {
    this.words[this.base + WriterLane.SIZE] = bytes;
  }

  /** Notes that it will have so many. */
  willBe(bytes: number): void {
    this.words[this.base + WriterLane.NEXT_SIZE] = bytes;
  }

  /** Makes what was counted visible. */
  book(): void {
    const { words, base } = this;
    words[base + WriterLane.SIZE] = words[base + WriterLane.NEXT_SIZE];
    words[base + WriterLane.BYTES] += this.bytes;
    words[base + WriterLane.DROPPED] += this.losses;
    words[base + WriterLane.WRITTEN] += this.packets;
    this.packets = this.bytes = this.losses = 0;
  }
}
