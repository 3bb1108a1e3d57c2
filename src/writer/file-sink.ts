/**
 * A capture file: appended to, put aside when it is large or old, forced to the disk as told. Runs in the capture writer.
 *
 * The file holds whole records at all times but during a write: of one that the disk had no room for, what was written goes again. Then
 * packets are dropped and counted for a second, and the next one is tried.
 */
import { closeSync, fdatasyncSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs';
import type { FileTarget, WriterReply } from '../shared/ring/writer-message.js';
import { errnoName } from '../shared/sys/errno.js';
import { lastErrno } from '../shared/sys/libc.js';
import type { Encoder } from './encoder.js';
import { Gather, MOST_PIECES } from './gather.js';
import type { Sink, SinkCounters } from './sink.js';

/** How long a file that cannot be written is left alone, and one that cannot be put aside. */
const RETRY_MS = 1000;
const RENAME_RETRY_MS = 60_000;
/** Who may read packets. */
const MODE = 0o600;

export class FileSink implements Sink {
  readonly id: number;
  private readonly target: FileTarget;
  private readonly encoder: Encoder;
  private readonly counters: SinkCounters;
  private readonly tell: (reply: WriterReply) => void;
  private readonly gather = new Gather();
  /** -1 while there is none. */
  private fd: number;
  /** Bytes in the file. */
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
    counters: SinkCounters,
    tell: (reply: WriterReply) => void,
  ) {
    this.id = id;
    this.target = target;
    this.encoder = encoder;
    this.counters = counters;
    this.tell = tell;
    this.fd = target.fd;
    this.size = target.size;
    this.now = performance.now();
    this.begun = this.now;
    this.headed = this.size > 0 && target.encoding.format === 'pcap';
    counters.sized(this.size);
    counters.willBe(this.size);
    if (this.headed) counters.file();
    else this.begin();
  }

  isFull(at: number): boolean {
    const { rotateBytes } = this.target;
    if (rotateBytes === 0 || this.stuckUntil > this.now || this.now < this.renameAfter) return false;
    const grown = this.size + this.gather.bytes;
    return grown > this.encoder.header.length && grown + this.encoder.bytesOf(at) > rotateBytes;
  }

  take(at: number): void {
    if (this.stuckUntil > this.now) {
      this.counters.dropped(1);
      return;
    }
    const { gather, encoder } = this;
    if (gather.count === MOST_PIECES) this.flush();
    encoder.add(gather, at);
  }

  flush(): void {
    const { gather } = this;
    if (gather.count === 0) return;
    const packets = gather.count / this.encoder.pieces;
    if (!this.begin()) this.counters.dropped(packets);
    else {
      const written = gather.writeTo(this.fd, this.size);
      if (written === gather.bytes) this.wrote(packets, written);
      // A short write has no errno of its own: it is a disk that became full.
      else this.wroteLess(packets, Math.max(0, written), written < 0 ? errnoName(lastErrno()) : 'ENOSPC');
    }
    gather.clear();
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

  private wrote(packets: number, bytes: number): void {
    this.size += bytes;
    this.counters.wrote(packets, bytes);
    if (this.target.fsync === 'always') {
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

  /** Counts those packets that are whole, and takes back what was written of the next. */
  private wroteLess(packets: number, written: number, code: string): void {
    const { gather, encoder } = this;
    let whole = 0;
    let bytes = 0;
    for (; whole < packets; whole++) {
      const next = gather.bytesOf(whole * encoder.pieces, (whole + 1) * encoder.pieces);
      if (bytes + next > written) break;
      bytes += next;
    }
    this.size += bytes;
    this.counters.wrote(whole, bytes);
    this.stick(code);
    this.counters.dropped(packets - whole);
    this.cutTo(this.size);
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
    const fd = this.target.fsync === 'never' ? -1 : this.fd;
    if (fd === -1) closeSync(this.fd);
    this.tell({ op: 'closed', id: this.id, path: this.target.path, fd });
    this.fd = -1;
    this.size = 0;
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
