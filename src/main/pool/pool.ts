/**
 * The forwarding pool: one piscina with as many threads as workers, each running one endless task.
 */
import { Piscina } from 'piscina';
import { Control, Thread, threadBlock } from '../../shared/layout/heap.js';
import { eventfdRing } from '../../shared/sys/eventfd.js';
import type { Memory } from '../memory/memory.js';

/** The worker's entry point: all that main knows of src/workers. */
const ENTRY = new URL('../../workers/entry.js', import.meta.url).href;

export class Pool {
  private readonly memory: Memory;
  private readonly piscina: Piscina;
  private tasks: Promise<void>[] = [];

  /** `onDeath` hears of a worker that ended though nobody asked it to. */
  constructor(memory: Memory, onDeath: (worker: number, error: unknown) => void) {
    this.memory = memory;
    this.piscina = new Piscina({
      filename: ENTRY,
      minThreads: memory.workers,
      maxThreads: memory.workers,
      atomics: 'disabled',
    });
    const { regions, workers, returnRings, workerRings, eventRings } = memory;
    for (let me = 0; me < workers; me++) {
      const task = {
        regions,
        me,
        workers,
        returnRings,
        workerRings,
        eventRings,
        originMs: performance.timeOrigin - 1000,
      };
      this.tasks.push(
        this.piscina.run(task, { name: 'run' }).then(
          () => {
            if (memory.views.heap[Control.STOP] === 0) onDeath(me, new Error('the task ended'));
          },
          (error: unknown) => onDeath(me, error),
        ),
      );
    }
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

  /** Asks every worker to leave, waits until all have, and ends their threads. */
  async stop(): Promise<void> {
    const { heap } = this.memory.views;
    Atomics.store(heap, Control.STOP, 1);
    for (let w = 0; w < this.memory.workers; w++) eventfdRing(heap[threadBlock(w) + Thread.DOORBELL]);
    await Promise.all(this.tasks);
    await this.piscina.destroy();
  }
}
