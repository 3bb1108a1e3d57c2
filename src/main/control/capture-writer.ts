/**
 * The capture writer as main sees it: a piscina of one thread, started when a capture needs it and ended when none does; files opened
 * for it; what it says. Main only.
 *
 * Whoever captures opens a target first, then attaches the capture; and detaches it, waits for a grace period, and closes the target: so
 * everything that was captured is written.
 */
import { close as closeFile, fsync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import {
  CaptureBell,
  CaptureRing,
  captureBell,
  captureRing,
  MAX_CAPTURES,
  WRITER_WORDS,
  WriterBatch,
  WriterLane,
} from '../../shared/layout/capture.js';
import type {
  CaptureStatistics,
  FileTarget,
  Target,
  WriterReply,
  WriterRequest,
} from '../../shared/ring/writer-message.js';
import { asControlError, ControlError } from '../errors.js';
import type { Memory } from '../memory/memory.js';
import { THREAD_FLAGS } from '../pool/thread-flags.js';
import { type CaptureFileSpec, openCaptureFile } from './capture-file.js';

/** The writer's entry point: all that main knows of src/writer. */
const ENTRY = new URL('../../writer/entry.js', import.meta.url).href;

/** Where a capture is to go: as a `Target`, but a file is not open yet. */
export type CaptureTarget = CaptureFileSpec | Exclude<Target, { kind: 'file' }>;

/** What the writer did with a capture's packets. */
export interface WriterCounts {
  /** Packets written, and the bytes they took. */
  readonly written: number;
  readonly bytes: number;
  /** Packets lost because the disk was full or the reader slow. */
  readonly dropped: number;
  /** Files begun. */
  readonly files: number;
}

/** What is written where. */
interface Open {
  readonly target: CaptureTarget;
  readonly onGone: (why: string) => void;
}

/** How long the writer may take to answer: a disk that hangs must not hold up every change. */
const ANSWER_MS = 15_000;

export class CaptureWriter {
  private readonly memory: Memory;
  private readonly warn: (fields: object, message: string) => void;
  private readonly counters = new Float64Array(new SharedArrayBuffer(WRITER_WORDS * 8));
  private piscina: Piscina | undefined;
  private port: MessagePort | undefined;
  private task: Promise<void> = Promise.resolve();
  private readonly targets = new Map<number, Open>();
  private readonly waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
  private serial = 0;

  /** `warn` hears what an operator should know. */
  constructor(memory: Memory, warn: (fields: object, message: string) => void) {
    this.memory = memory;
    this.warn = warn;
  }

  /**
   * Has what is captured as `id` (number | generation << 16) written to `target` from now on. `onGone` hears when nobody reads a stream any
   * more: the capture is to be ended then, and closed here. Throws ControlError.
   */
  async open(id: number, target: CaptureTarget, onGone: (why: string) => void = () => {}): Promise<void> {
    this.forgetCounts(id);
    await this.begin(id, { target, onGone }, target.kind === 'file' ? await openCaptureFile(target) : target);
  }

  private forgetCounts(id: number): void {
    const lane = (id & 0xffff) * WriterLane.WORDS;
    this.counters.fill(0, lane, lane + WriterLane.WORDS);
  }

  /** Has the thread write to `opened`, which it is asked for before this returns its promise. */
  private async begin(id: number, open: Open, opened: Target): Promise<void> {
    this.targets.set(id, open);
    // Should the thread die before it has heard of the file, that is as long as it is.
    if (opened.kind === 'file') {
      const lane = (id & 0xffff) * WriterLane.WORDS;
      this.counters[lane + WriterLane.SIZE] = opened.size;
      this.counters[lane + WriterLane.NEXT_SIZE] = opened.size;
    }
    try {
      await this.ask((serial) => ({ op: 'open', serial, id, target: opened }));
    } catch (error) {
      this.targets.delete(id);
      // Who is only slow will open it yet, and is then to close it.
      if (error instanceof ControlError && error.code === 'ETIMEDOUT') {
        this.send({ op: 'close', serial: ++this.serial, id, statistics: { received: 0, dropped: 0 } });
      } else if (opened.kind === 'file') closeFile(opened.fd, () => {});
      await this.restIfIdle();
      throw asControlError(error);
    }
  }

  /** Writes what was captured as `id` before this, and closes its target. Counters stay until the next `open` of the number. */
  async close(id: number, statistics: CaptureStatistics): Promise<void> {
    if (!this.targets.delete(id)) return;
    await this.ask((serial) => ({ op: 'close', serial, id, statistics })).catch((error: unknown) => {
      this.warn({ event: 'capture-close', err: error }, 'could not close a capture in order');
    });
    await this.restIfIdle();
  }

  /** What became of the packets of `id`. */
  counts(id: number): WriterCounts {
    const lane = (id & 0xffff) * WriterLane.WORDS;
    const [written, bytes, dropped, files] = this.counters.subarray(lane, lane + WriterLane.WORDS);
    return { written, bytes, dropped, files };
  }

  /** Where `id` is written: a path. Undefined if nowhere. */
  pathOf(id: number): string | undefined {
    return this.targets.get(id)?.target.path;
  }

  /**
   * Ends the thread. Files that are still being forced to the disk hold up nobody who waits for this, such as a daemon that takes our place;
   * the process ends after them.
   */
  async stop(): Promise<void> {
    this.targets.clear();
    await this.restIfIdle();
  }

  /** Ends the thread where it stands, for tests: as if it had died. */
  async kill(): Promise<void> {
    await Promise.all(this.piscina?.threads.map((thread) => thread.terminate()) ?? []);
  }

  private ask(make: (serial: number) => WriterRequest): Promise<void> {
    if (this.port === undefined) {
      this.port = this.start();
      // Behind all that is asked for in this turn; the thread may run already, and look at the rings.
      queueMicrotask(() => this.send({ op: 'begin' }));
    }
    const serial = ++this.serial;
    const answer = new Promise<void>((resolve, reject) => this.waiting.set(serial, { resolve, reject }));
    this.send(make(serial));
    const late = setTimeout(() => {
      const waiter = this.waiting.get(serial);
      this.waiting.delete(serial);
      waiter?.reject(new ControlError('ETIMEDOUT', `the capture writer did not answer within ${ANSWER_MS} ms`));
    }, ANSWER_MS);
    return answer.finally(() => clearTimeout(late));
  }

  private send(request: WriterRequest): void {
    this.port?.postMessage(request);
    const { i32, sizes } = this.memory.views;
    const bell = captureBell(sizes);
    Atomics.add(i32, bell + CaptureBell.REQUESTS, 1);
    Atomics.store(i32, bell + CaptureBell.ASLEEP, 0);
    Atomics.notify(i32, bell + CaptureBell.ASLEEP);
  }

  /** Starts the thread. What the rings hold from before is for nobody: their captures have ended. */
  private start(): MessagePort {
    // Files are opened by one thread and closed by another, so Node must not take them for a thread's own and close them with it.
    const files = { trackUnmanagedFds: false };
    const threads = { minThreads: 0, maxThreads: 1, execArgv: [...THREAD_FLAGS] };
    this.piscina ??= new Piscina({ filename: ENTRY, atomics: 'disabled', ...threads, ...files });
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (reply: WriterReply) => this.hear(reply));
    const task = { regions: this.memory.regions, counters: this.counters, port: port2 };
    this.task = this.piscina
      .run(task, { name: 'run', transferList: [port2] })
      .catch((error: unknown) => this.died(port1, error));
    return port1;
  }

  /** Ends the thread if nothing is to be written. */
  private async restIfIdle(): Promise<void> {
    if (this.targets.size > 0 || this.waiting.size > 0 || this.port === undefined) return;
    const { port } = this;
    this.send({ op: 'stop' });
    this.port = undefined;
    // One that hangs in a system call is left to itself.
    const ended = await Promise.race([this.task.then(() => true), sleep(ANSWER_MS, false, { ref: false })]);
    if (!ended) return;
    port.close();
    if (this.port !== undefined) return;
    const { piscina } = this;
    this.piscina = undefined;
    await piscina?.destroy();
  }

  /** The thread has ended by itself: who waits is told, and every capture goes on in a new one. */
  private died(port: MessagePort, error: unknown): void {
    port.close();
    if (this.port === port) this.port = undefined;
    this.warn({ event: 'capture-writer-lost', err: error }, 'the capture writer has died');
    const lost = new ControlError('EIO', 'the capture writer has died', error);
    for (const { reject } of this.waiting.values()) reject(lost);
    this.waiting.clear();
    const open = [...this.targets];
    this.targets.clear();
    const files: [number, Open & { target: CaptureFileSpec }][] = [];
    for (const [id, { target, onGone }] of open) {
      if (target.kind === 'stream') onGone(lost.message);
      else files.push([id, { target, onGone }]);
    }
    void this.goOn(files);
  }

  /**
   * Goes on with files in a new thread. It hears of all of them before it looks at the rings: what waits there for one that it did not know
   * would be for nobody.
   */
  private async goOn(files: readonly [number, Open & { target: CaptureFileSpec }][]): Promise<void> {
    const ended = (path: string, error: unknown): void =>
      this.warn({ event: 'capture-lost', path, err: error }, 'a capture has ended');
    this.endBatch();
    const opened = await Promise.allSettled(
      files.map(([id, { target }]) =>
        openCaptureFile(target, this.counters[(id & 0xffff) * WriterLane.WORDS + WriterLane.SIZE]),
      ),
    );
    files.forEach(([id, open], n) => {
      const found = opened[n] as PromiseSettledResult<FileTarget>;
      this.forgetCounts(id);
      const gone = (error: unknown): void => ended(open.target.path, error);
      if (found.status === 'rejected') gone(found.reason);
      else this.begin(id, open, found.value).catch(gone);
    });
  }

  /** If the thread died behind the store that ends a batch, does the rest of what it would have done. */
  private endBatch(): void {
    const { i32, sizes } = this.memory.views;
    const { counters } = this;
    const batch = MAX_CAPTURES * WriterLane.WORDS;
    const ring = counters[batch + WriterBatch.RING];
    counters[batch + WriterBatch.RING] = 0;
    if (ring === 0) return;
    const head = i32[captureRing(sizes, ring & 0xffff) + CaptureRing.HEAD];
    if (head !== counters[batch + WriterBatch.HEAD]) return;
    for (let lane = 0; lane < batch; lane += WriterLane.WORDS) {
      counters[lane + WriterLane.SIZE] = counters[lane + WriterLane.NEXT_SIZE];
    }
  }

  private hear(reply: WriterReply): void {
    if (reply.op === 'done') {
      const waiter = this.waiting.get(reply.serial);
      this.waiting.delete(reply.serial);
      if (reply.code === undefined) waiter?.resolve();
      else waiter?.reject(Object.assign(new Error(reply.message), { code: reply.code }));
    } else if (reply.op === 'gone') this.targets.get(reply.id)?.onGone(reply.why);
    else if (reply.op === 'closed') this.sync(reply.fd, reply.path);
    else {
      const { op, id: _, ...fields } = reply;
      this.warn({ event: `capture-${op}`, ...fields }, MEANING[op]);
    }
  }

  /** Forces a file to the disk and closes it, on a thread of Node's own: it may take long. */
  private sync(fd: number, path: string): void {
    if (fd === -1) return;
    fsync(fd, (error) => {
      if (error !== null) this.warn({ event: 'capture-fsync', path, err: error }, 'fsync of a capture failed');
      closeFile(fd, () => {});
    });
  }
}

const MEANING = {
  stuck: 'a capture file cannot be written; packets are dropped',
  resumed: 'a capture file can be written again',
  unrotated: 'a capture file could not be put aside; it goes on',
} as const;
