/**
 * The forwarding pool: one piscina with as many threads as workers, each running one endless task.
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
    this.piscina = new Piscina({
      filename: entry,
      resourceLimits: { maxOldGenerationSizeMb: V8_ALLOWS * (heapMib || WORKER_MIB) },
      minThreads: memory.workers,
      maxThreads: memory.workers,
      atomics: 'disabled',
      execArgv: [...THREAD_FLAGS],
    });
    // An error outside a task, such as a thread that cannot load its code: without a listener it would end the process.
    this.piscina.on('error', (error: unknown) => onError(error));
    for (let me = 0; me < memory.workers; me++) this.start(me);
  }

  /** Runs worker `me` on a free thread. */
  start(me: number): void {
    const { regions, workers, returnRings, workerRings, eventRings, puntRings, ledgers, ioRings } = this.memory;
    const shared = { regions, workers, returnRings, workerRings, eventRings, puntRings };
    const originMs = performance.timeOrigin - 1000;
    const task = { ...shared, me, ledger: ledgers[me], ioRing: ioRings[me], originMs };
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

  /** Resolves when every worker forwards. Rejects after `deadlineMs`. */
  async ready(deadlineMs: number): Promise<void> {
    const { heap } = this.memory.views;
    const until = performance.now() + deadlineMs;
    for (let w = 0; w < this.memory.workers; w++) {
      while (heap[threadBlock(w) + Thread.STATE] !== 1) {
        if (performance.now() > until) throw new Error(`worker ${w} did not start within ${deadlineMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  }

  /** Asks every worker to leave; resolves when none forwards. A second call waits for the first. */
  halt(): Promise<unknown> {
    const { heap } = this.memory.views;
    this.stopping = true;
    Atomics.store(heap, Control.STOP, 1);
    for (let w = 0; w < this.memory.workers; w++) eventfdRing(heap[threadBlock(w) + Thread.DOORBELL]);
    return Promise.all(this.tasks);
  }

  /** Asks every worker to leave, waits until all have, and ends their threads. */
  async stop(): Promise<void> {
    await this.halt();
    await this.piscina.destroy();
  }
}
