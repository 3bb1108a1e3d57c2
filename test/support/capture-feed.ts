/**
 * A worker's end of a capture ring, for tests and benches of the capture writer: puts records of made-up packets in.
 */
import type { Memory } from '../../src/main/memory/memory.js';
import { CaptureRecord, type Direction, recordWords } from '../../src/shared/layout/capture.js';
import { CaptureProducer } from '../../src/shared/ring/capture-ring.js';

export class CaptureFeed {
  private readonly ring: CaptureProducer;
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;

  constructor(memory: Memory, thread = 0) {
    this.ring = new CaptureProducer(memory.views, thread);
    this.i32 = memory.views.i32;
    this.u8 = memory.views.u8;
  }

  /** Puts a packet of capture `id`, of which `bytes` were kept; not yet published. False if the ring is full. */
  put(
    id: number,
    seconds: number,
    nanoseconds: number,
    bytes: Uint8Array,
    length = bytes.length,
    direction = 0 as Direction,
  ): boolean {
    const words = recordWords(bytes.length);
    const at = this.ring.reserve(words);
    if (at === -1) return false;
    const header = [words, id, 1 | (direction << 16), 0, seconds, nanoseconds, bytes.length, length];
    this.i32.set(header, at);
    this.u8.set(bytes, (at + CaptureRecord.HEADER) * 4);
    return true;
  }

  publish(): void {
    this.ring.publish();
  }
}
