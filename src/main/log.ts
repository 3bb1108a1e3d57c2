/**
 * The daemon's log: JSON lines on standard output, which whoever reads them can neither stop nor slow down. Main only.
 *
 * A line is written at once where that does not wait, so that one that crashes has said all. A pipe that is full, a terminal that was stopped
 * or a full disk has lines wait, as many as LOG_WAITS takes; those beyond are lost and counted, which the log says when it goes on. Standard
 * output is shared with others, so it is not made non-blocking: poll(2) tells whether there is room, which a piece of PIECE bytes always finds
 * then. (A write on a thread of its own, as pino's libraries have it, cannot be given up: a full pipe would keep the process from ending.)
 */
import { writeSync } from 'node:fs';
import pino from 'pino';
import { waitWritable } from '../shared/sys/poll.js';

/** Bytes of the log that wait while it cannot be written; what comes then is lost. */
const LOG_WAITS = 1 << 20;
/** Bytes that a pipe takes whole once it says that it has room (pipe(7), PIPE_BUF). */
const PIECE = 4096;
/** How often room is looked for while lines wait, and how long the last lines of a process wait for it. */
const AGAIN_MS = 100;
const LAST_MS = 1000;

/** Where lines go. */
export class LogOutput {
  /** Lines that were lost. */
  lost = 0;
  /** Hears that lines are written again after so many were lost. */
  onRoom: (lost: number) => void = () => {};
  private readonly fd: number;
  private readonly waiting: Buffer[] = [];
  private bytes = 0;
  /** Bytes of the first line that are written. */
  private written = 0;
  /** Of `lost`, what was told. */
  private told = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Writes `line`, or keeps it; never waits, never throws. */
  write(line: string): void {
    const buffer = Buffer.from(line);
    if (this.bytes + buffer.length > LOG_WAITS) {
      this.lost++;
      return;
    }
    this.waiting.push(buffer);
    this.bytes += buffer.length;
    // While lines wait, the timer looks for room.
    if (this.timer === undefined) this.drain(0);
  }

  /** Writes what waits, and waits for room for a second at most: the last lines. */
  flushSync(): void {
    this.drain(LAST_MS);
  }

  private drain(waitMs: number): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const end = performance.now() + waitMs; this.waiting.length > 0; ) {
      if (!waitWritable(this.fd, Math.max(0, Math.ceil(end - performance.now()))) || !this.writePiece()) {
        this.timer = setTimeout(() => this.drain(0), AGAIN_MS).unref();
        return;
      }
    }
    const lost = this.lost - this.told;
    this.told = this.lost;
    if (lost > 0) this.onRoom(lost);
  }

  /** False when it could not be written, though there seemed to be room: a full disk, a reader that has gone. */
  private writePiece(): boolean {
    const first = this.waiting[0] as Buffer;
    try {
      this.written += writeSync(this.fd, first, this.written, Math.min(PIECE, first.length - this.written));
    } catch {
      return false;
    }
    if (this.written === first.length) {
      this.bytes -= first.length;
      this.written = 0;
      this.waiting.shift();
    }
    return true;
  }
}

/** A log and where it goes. */
export interface DaemonLog {
  readonly log: pino.Logger;
  readonly output: LogOutput;
}

/** Opens the log of this process, which writes its last lines when the process ends. */
export function openLog(): DaemonLog {
  const output = new LogOutput(1);
  const log = pino({ base: { pid: process.pid } }, output);
  output.onRoom = (lines) =>
    log.warn({ event: 'log-lost', lines }, 'lines of the log were lost: it could not be written');
  process.on('exit', () => output.flushSync());
  return { log, output };
}
