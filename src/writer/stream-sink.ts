/**
 * A capture that somebody reads as it is made, over a unix stream socket. Runs in the capture writer.
 *
 * What the reader does not take at once is kept, up to 4 MiB; what finds no room there is dropped and counted, always whole packets.
 */
import type { CaptureStatistics, StreamTarget, WriterReply } from '../shared/ring/writer-message.js';
import { ERRNO, errnoName } from '../shared/sys/errno.js';
import { addressOf, close, lastErrno, memmove, write, writev } from '../shared/sys/libc.js';
import { connectUnix, streamLives } from '../shared/sys/unix-stream.js';
import type { Encoder } from './encoder.js';
import { Gather, MOST_PIECES } from './gather.js';
import type { Sink, SinkCounters } from './sink.js';

/** Bytes kept for a slow reader. */
export const BACKLOG_BYTES = 4 << 20;
/** How often it is asked whether the reader is still there. */
const PROBE_MS = 200;
/** How long a reader has for what is left when the capture ends. */
const CLOSE_MS = 1000;

export class StreamSink implements Sink {
  readonly id: number;
  private readonly encoder: Encoder;
  private readonly counters: SinkCounters;
  private readonly tell: (reply: WriterReply) => void;
  private readonly gather = new Gather();
  private readonly fd: number;
  private readonly backlog = new Uint8Array(new SharedArrayBuffer(BACKLOG_BYTES));
  private readonly backlogAddress = addressOf(this.backlog);
  /** What waits is from `start` to `end`. */
  private start = 0;
  private end = 0;
  private gone = false;
  private probeAt = 0;

  /** Connects. Throws SysError. */
  constructor(
    id: number,
    target: StreamTarget,
    encoder: Encoder,
    counters: SinkCounters,
    tell: (reply: WriterReply) => void,
  ) {
    this.id = id;
    this.encoder = encoder;
    this.counters = counters;
    this.tell = tell;
    this.fd = connectUnix(target.path);
    this.backlog.set(encoder.header);
    this.end = encoder.header.length;
    this.push();
  }

  isFull(): boolean {
    return false;
  }

  rotate(): void {}

  hurry(): void {}

  prepare(): void {}

  take(at: number): void {
    if (this.gone) return;
    if (this.gather.count === MOST_PIECES) this.flush();
    this.encoder.add(this.gather, at);
  }

  flush(): void {
    const { gather, encoder } = this;
    this.push();
    if (gather.count === 0) return;
    let written = 0;
    if (!this.gone && this.start === this.end) written = this.sent(writev(this.fd, gather.address, gather.count));
    const packets = gather.count / encoder.pieces;
    if (written === gather.bytes) {
      this.counters.wrote(packets, written);
      gather.clear();
      return;
    }
    let [kept, bytes] = [0, 0];
    for (let n = 0; n < packets; n++) {
      const length = gather.bytesOf(n * encoder.pieces, (n + 1) * encoder.pieces);
      const sent = Math.min(length, written);
      written -= sent;
      if (sent < length && (this.gone || !this.keep(n, sent, length))) continue;
      kept++;
      bytes += length;
    }
    this.counters.wrote(kept, bytes);
    this.counters.dropped(packets - kept);
    gather.clear();
  }

  book(): void {
    this.counters.book();
  }

  tick(now: number): void {
    this.push();
    if (this.gone || now < this.probeAt) return;
    this.probeAt = now + PROBE_MS;
    if (!streamLives(this.fd)) this.leave('its reader has left');
  }

  close(statistics: CaptureStatistics): void {
    this.flush();
    this.book();
    const trailer = this.encoder.trailer(statistics);
    if (this.room(trailer.length)) {
      this.backlog.set(trailer, this.end);
      this.end += trailer.length;
    }
    const until = performance.now() + CLOSE_MS;
    const never = new Int32Array(new SharedArrayBuffer(4));
    for (this.push(); !this.gone && this.start < this.end && performance.now() < until; this.push()) {
      Atomics.wait(never, 0, 0, 5);
    }
    close(this.fd);
  }

  /** Sends of what waits as much as the reader takes. */
  private push(): void {
    while (!this.gone && this.start < this.end) {
      const n = this.sent(write(this.fd, this.backlogAddress + this.start, this.end - this.start));
      if (n === 0) return;
      this.start += n;
    }
    if (this.start === this.end) this.start = this.end = 0;
  }

  /** Bytes sent by a call that returned `n`. */
  private sent(n: number): number {
    if (n >= 0) return n;
    const errno = lastErrno();
    if (errno !== ERRNO.EAGAIN && errno !== ERRNO.EINTR) this.leave(errnoName(errno));
    return 0;
  }

  private leave(why: string): void {
    this.gone = true;
    this.tell({ op: 'gone', id: this.id, why });
  }

  /** Keeps packet `n` but for its first `sent` bytes. A packet that was begun must end: there is always room for that. */
  private keep(n: number, sent: number, length: number): boolean {
    const { gather, encoder } = this;
    if (!this.room(length - sent)) return false;
    let skip = sent;
    for (let piece = n * encoder.pieces; piece < (n + 1) * encoder.pieces; piece++) {
      const bytes = gather.bytesOf(piece, piece + 1);
      const from = Math.min(skip, bytes);
      skip -= from;
      if (bytes === from) continue;
      memmove(this.backlogAddress + this.end, gather.addressOf(piece) + from, bytes - from);
      this.end += bytes - from;
    }
    return true;
  }

  /** Whether `bytes` more can wait. */
  private room(bytes: number): boolean {
    if (this.end + bytes > BACKLOG_BYTES && this.start > 0) {
      this.backlog.copyWithin(0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
    }
    return this.end + bytes <= BACKLOG_BYTES;
  }
}
