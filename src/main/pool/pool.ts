/**
 * The forwarding pool: one piscina with as many threads as workers, each running one endless task, and one to spare: it takes 130 ms to
 * start a thread and load its code (2 cores of an AMD EPYC, Node 20.20, 21 November 2026), and a worker is to be replaced within 100.
 */
import { Piscina } from 'piscina';
import { Control, Thread, threadBlock } from '../../shared/layout/heap.js';
import { eventfdRing } from '../../shared/sys/eventfd.js';
import type { Memory } from '../memory/memory.js';
import { WORKER_MIB } from './leaks.js';
import { THREAD_FLAGS } from './thread-flags.js';

/** The worker's entry point: all that main knows of src/workers. */
const ENTRY = new URL('../../workers/entry.js', import.meta.url).href;

/** How many times the heap at which a worker counts as leaking V8 lets it have: one that grows faster than it is looked at ends there. */
const V8_ALLOWS = 2;
/** When the spare thread is made: what starts has other things to do first. */
const SPARE_MS = 2000;
/** How long a worker may take to leave when it is asked to; then its thread is ended. */
const LEAVE_MS = 2000;
/** How long stopping waits for threads that load their code. */
const LOAD_MS = 10_000;

/** What the threads are. */
export interface PoolOptions {
  /** What they run, if not ENTRY (tests). */
  readonly entry?: string | undefined;
  /** MiB that the JavaScript heap of each may take; 0 = WORKER_MIB. */
  readonly heapMib: number;
}

export class Pool {
  private readonly memory: Memory;
  private readonly piscina: Piscina;
  private readonly onDeath: (worker: number, error: unknown) => void;
  private readonly onError: (error: unknown) => void;
  private readonly spareTimer: NodeJS.Timeout;
  /** Threads, by id, that have loaded their code, or have a task that waits for it. */
  private readonly loaded = new Set<number>();
  private readonly tasks: Promise<void>[] = [];
  private stopping = false;

  /**
   * `onDeath` hears of a worker whose thread ended though nobody asked it to; `start` gives it a new one. `onError` hears of
   * errors of the pool itself.
   */
  constructor(
    memory: Memory,
    { entry = ENTRY, heapMib }: PoolOptions,
    onDeath: (worker: number, error: unknown) => void,
    onError: (error: unknown) => void,
  ) {
    this.memory = memory;
    this.onDeath = onDeath;
    this.onError = onError;
    this.piscina = new Piscina({
      filename: entry,
      resourceLimits: { maxOldGenerationSizeMb: V8_ALLOWS * (heapMib || WORKER_MIB) },
      minThreads: memory.workers,
      maxThreads: memory.workers + 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      execArgv: [...THREAD_FLAGS],
    });
    // An error outside a task, such as a thread that cannot load its code: without a listener it would end the process.
    this.piscina.on('error', (error: unknown) => onError(error));
    this.piscina.on('workerCreate', ({ id }: { id: number }) => this.loaded.add(id));
    for (let me = 0; me < memory.workers; me++) this.start(me);
    this.spareTimer = setTimeout(() => this.spare(), SPARE_MS).unref();
  }

  /** Sees to it that a thread stands by for the next worker that dies. */
  spare(): void {
    // An error is that of a thread that could not start: the worker that needs it has it as well.
    if (!this.stopping) this.piscina.run(undefined, { name: 'standBy' }).catch(() => {});
  }

  /** Runs worker `me` on a free thread. */
  start(me: number): void {
    const { regions, workers, returnRings, workerRings, eventRings, puntRings, ledgers, callCode } = this.memory;
    const shared = { regions, workers, returnRings, workerRings, eventRings, puntRings };
    const originMs = performance.timeOrigin - 1000;
    const task = { ...shared, me, ledger: ledgers[me], callCode, originMs };
    const died = (error: unknown): void => {
      if (!this.stopping) this.onDeath(me, error);
    };
    this.tasks[me] = this.piscina.run(task, { name: 'run' }).then(() => died(new Error('the task ended')), died);
  }

  /** Ends the thread of worker `me` where it stands; the rest is as if it had died. A thread in a system call ends after it. */
  async kill(me: number): Promise<void> {
    const id = this.memory.views.heap[threadBlock(me) + Thread.THREAD_ID];
    await this.piscina.threads.find((thread) => thread.threadId === id)?.terminate();
  }

  /** Resolves when all `workers`, every one unless told, forward, or when they have been asked to leave. Rejects after `deadlineMs`. */
  async ready(deadlineMs: number, workers: Iterable<number> = this.tasks.keys()): Promise<void> {
    const { heap } = this.memory.views;
    const until = performance.now() + deadlineMs;
    for (const w of workers) {
      while (heap[threadBlock(w) + Thread.STATE] !== 1 && !this.stopping) {
        if (performance.now() > until) throw new Error(`worker ${w} did not start within ${deadlineMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  }

  /** Asks every worker to leave, and ends one that does not; resolves when none forwards. A second call waits for the first. */
  async halt(): Promise<void> {
    const { heap } = this.memory.views;
    this.stopping = true;
    clearTimeout(this.spareTimer);
    Atomics.store(heap, Control.STOP, 1);
    for (let w = 0; w < this.memory.workers; w++) eventfdRing(heap[threadBlock(w) + Thread.DOORBELL]);
    const late = setTimeout(() => {
      for (let w = 0; w < this.memory.workers; w++) {
        if (heap[threadBlock(w) + Thread.STATE] !== 1) continue;
        this.onError(new Error(`worker ${w} has not left within ${LEAVE_MS} ms; its thread is ended`));
        void this.kill(w);
      }
    }, LEAVE_MS);
    await Promise.all(this.tasks);
    clearTimeout(late);
  }

  /** Asks every worker to leave, waits until all have, and ends all threads. */
  async stop(): Promise<void> {
    await this.halt();
    // A thread that is ended while it loads koffi's addon aborts the process (Node 20.20).
    const until = performance.now() + LOAD_MS;
    while (this.piscina.threads.some(({ threadId }) => !this.loaded.has(threadId)) && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await this.piscina.destroy();
  }
}
