/**
 * A capture file: appended to, put aside when it is large or old, forced to the disk as told. Runs in the capture writer.
 *
 * The file holds whole records when `flush` returns: of one that the disk had no room for, what was written goes again. Then
 * packets are dropped and counted for a second, and the next one is tried.
 */
import { closeSync, fdatasyncSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs';
import type { FileTarget, WriterReply } from '../shared/ring/writer-message.js';
import type { Encoder, PacketView } from './encoder.js';
import { FileBuffer } from './file-buffer.js';
import type { Sink, SinkCounters } from './sink.js';

/** How long a file that cannot be written is left alone, and one that cannot be put aside. */
const RETRY_MS = 1000;
const RENAME_RETRY_MS = 60_000;
/** Packets that are in hand at most before what is whole of the blocks they fill is written. */
const IN_HAND = 1 << 16;
/** Who may read packets. */
const MODE = 0o600;

export class FileSink implements Sink {
  readonly id: number;
  private readonly target: FileTarget;
  private readonly encoder: Encoder;
  private readonly counters: SinkCounters;
  private readonly tell: (reply: WriterReply) => void;
  private readonly buffer: FileBuffer;
  /** Bytes of each packet whose end is not in the file yet. */
  private readonly lengths = new Int32Array(IN_HAND);
  private packets = 0;
  /** -1 while there is none. */
  private fd: number;
  /** Bytes of the file that are whole records. */
  private size: number;
  /** Whether packets may follow; what is appended to pcapng begins a section of its own. */
  private headed: boolean;
  private now = 0;
  private begun: number;
  /** Until when it is left alone; 0 = it can be written. */
  private stuckUntil = 0;
  private lostBefore = 0;
  private renameAfter = 0;

  constructor(
    id: number,
    target: FileTarget,
    encoder: Encoder,
    packets: PacketView,
    counters: SinkCounters,
    tell: (reply: WriterReply) => void,
  ) {
    this.id = id;
    this.target = target;
    this.encoder = encoder;
    this.buffer = new FileBuffer(packets);
    this.counters = counters;
    this.tell = tell;
    this.fd = target.fd;
    this.size = target.size;
    this.now = performance.now();
    this.begun = this.now;
    this.headed = this.size > 0 && target.encoding.format === 'pcap';
    counters.sized(this.size);
    counters.willBe(this.size);
    this.buffer.begin(this.size);
    if (this.headed) counters.file();
    else this.begin();
  }

  isFull(at: number): boolean {
    const { rotateBytes } = this.target;
    if (rotateBytes === 0 || this.stuckUntil > this.now || this.now < this.renameAfter) return false;
    const grown = this.buffer.end;
    return grown > this.encoder.header.length && grown + this.encoder.bytesOf(at) > rotateBytes;
  }

  hurry(fills: boolean): void {
    this.buffer.hurry = fills;
  }

  take(at: number): void {
    const { buffer, encoder } = this;
    const bytes = encoder.bytesOf(at);
    if (this.packets === IN_HAND || !buffer.fits(bytes)) this.write(false);
    if (this.stuckUntil > this.now || !this.begin()) {
      this.counters.dropped(1);
      return;
    }
    encoder.put(buffer, at);
    this.lengths[this.packets++] = bytes;
  }

  flush(): void {
    if (this.packets > 0) this.write(true);
  }

  /** Writes what the buffer holds: all, or whole blocks alone. */
  private write(all: boolean): void {
    const { buffer } = this;
    const whole = buffer.writeTo(this.fd, all);
    this.count();
    if (whole) this.wrote(all);
    else this.wroteLess(buffer.code);
  }

  tick(now: number): void {
    this.now = now;
    const { rotateSeconds } = this.target;
    if (rotateSeconds > 0 && now - this.begun >= rotateSeconds * 1000 && this.size > this.encoder.header.length) {
      this.flush();
      this.rotate();
    }
  }

  prepare(): void {
    this.counters.willBe(this.size);
  }

  book(): void {
    this.counters.book();
  }

  close(): void {
    this.flush();
    this.prepare();
    this.book();
    this.release();
  }

  /** Counts the packets that are in the file as a whole. */
  private count(): void {
    const { lengths, buffer } = this;
    const before = this.size;
    let whole = 0;
    while (whole < this.packets && this.size + lengths[whole] <= buffer.written) this.size += lengths[whole++];
    this.counters.wrote(whole, this.size - before);
    lengths.copyWithin(0, whole, this.packets);
    this.packets -= whole;
  }

  private wrote(all: boolean): void {
    if (all && this.target.fsync === 'always') {
      try {
        fdatasyncSync(this.fd);
      } catch (error) {
        this.stick((error as NodeJS.ErrnoException).code ?? 'EIO');
        return;
      }
    }
    if (this.stuckUntil !== 0) {
      this.stuckUntil = 0;
      const dropped = this.counters.lost - this.lostBefore;
      this.tell({ op: 'resumed', id: this.id, path: this.target.path, dropped });
    }
  }

  /** Takes back what was written of a packet that is not whole, and loses it and all behind it. */
  private wroteLess(code: string): void {
    this.stick(code);
    this.counters.dropped(this.packets);
    this.packets = 0;
    this.cutTo(this.size);
    this.buffer.begin(this.size);
  }

  /** Leaves the file alone for a while. */
  private stick(code: string): void {
    if (this.stuckUntil === 0) {
      this.lostBefore = this.counters.lost;
      this.tell({ op: 'stuck', id: this.id, path: this.target.path, code });
    }
    this.stuckUntil = this.now + RETRY_MS;
  }

  /** Makes sure that there is a file with a header. False if there cannot be one now. */
  private begin(): boolean {
    if (this.headed) return true;
    const { header } = this.encoder;
    try {
      if (this.fd === -1) this.fd = openSync(this.target.path, 'a', MODE);
      const written = writeSync(this.fd, header);
      if (written === header.length) {
        this.size += written;
        this.buffer.begin(this.size);
        this.headed = true;
        this.begun = this.now;
        this.counters.file();
        return true;
      }
      this.stick('ENOSPC');
    } catch (error) {
      this.stick((error as NodeJS.ErrnoException).code ?? 'EIO');
    }
    this.cutTo(this.size);
    return false;
  }

  private cutTo(bytes: number): void {
    if (this.fd === -1) return;
    try {
      ftruncateSync(this.fd, bytes);
    } catch {
      // Not a file that can be cut (a device): nothing to be done.
    }
  }

  /** Puts the file aside, under the name PATH.0, and goes on with a new one. */
  rotate(): void {
    if (this.now < this.renameAfter) return;
    const { path, keep } = this.target;
    try {
      for (let n = keep - 1; n > 0; n--) renameIfThere(`${path}.${n - 1}`, `${path}.${n}`);
      renameIfThere(path, `${path}.0`);
    } catch (error) {
      this.renameAfter = this.now + RENAME_RETRY_MS;
      const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
      this.tell({ op: 'unrotated', id: this.id, path, code });
      return;
    }
    this.release();
    this.begin();
    // What it may have more than this is of no ring either.
    this.counters.sized(this.size);
    this.counters.willBe(this.size);
  }

  /** Gives the file up. Forcing it to the disk may take long, so main does that. */
  private release(): void {
    if (this.fd === -1) return;
    this.buffer.close();
    const fd = this.target.fsync === 'never' ? -1 : this.fd;
    if (fd === -1) closeSync(this.fd);
    this.tell({ op: 'closed', id: this.id, path: this.target.path, fd });
    this.fd = -1;
    this.size = 0;
    this.buffer.begin(0);
    this.headed = false;
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
