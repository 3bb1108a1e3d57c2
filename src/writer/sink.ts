/**
 * Where the packets of one capture go: a file or a stream. Runs in the capture writer.
 *
 * A sink takes records as they stand in the ring and must have written, kept or dropped them all when `flush` returns: their room is
 * given back then. It never waits for a reader.
 */
import { WriterLane } from '../shared/layout/capture.js';
import type { CaptureStatistics } from '../shared/ring/writer-message.js';

export interface Sink {
  /** The capture's, as in its records. */
  readonly id: number;
  /** Takes the record at word `at` of the packet view. */
  take(at: number): void;
  flush(): void;
  /** Does what time asks for; `now` on `performance.now()`. */
  tick(now: number): void;
  close(statistics: CaptureStatistics): void;
}

/** A capture's counters (`WriterLane`). */
export class SinkCounters {
  private readonly words: Float64Array;
  private readonly base: number;

  constructor(words: Float64Array, id: number) {
    this.words = words;
    this.base = (id & 0xffff) * WriterLane.WORDS;
  }

  /** Counts packets written. */
  wrote(packets: number, bytes: number): void {
    this.words[this.base + WriterLane.WRITTEN] += packets;
    this.words[this.base + WriterLane.BYTES] += bytes;
  }

  /** Counts packets lost: the disk was full, or the reader slow. */
  dropped(packets: number): void {
    this.words[this.base + WriterLane.DROPPED] += packets;
  }

  /** Counts a file begun. */
  file(): void {
    this.words[this.base + WriterLane.FILES] += 1;
  }

  /** Packets lost so far. */
  get lost(): number {
    return this.words[this.base + WriterLane.DROPPED];
  }
}
