/**
 * The writer's side of SMR (spec A §7.4): main retires what it unlinked and frees it when no worker can hold it.
 *
 * Runs on main alone. An object may be freed once every worker is offline or has announced an epoch at or after the
 * object's target. Epochs are int32 compared by signed difference; 0 means offline and is skipped. A worker that does not
 * announce is never freed under: `barrier` rejects with ETIMEDOUT and the object stays retired.
 */
import { Control, Thread, threadBlock } from '../layout/heap.js';

/** One retired object. */
interface Deferred {
  readonly target: number;
  readonly bytes: number;
  readonly since: number;
  readonly free: () => void;
}

/** What is waiting and how long waiting took. */
export interface ReclaimerStatus {
  readonly epoch: number;
  readonly deferredObjects: number;
  readonly deferredBytes: number;
  /** Workers that hold up the oldest object. */
  readonly laggards: readonly number[];
}

/** Thrown (as a rejection) by `barrier` when its deadline passes. */
export class GraceTimeout extends Error {
  readonly code = 'ETIMEDOUT';
}

export class Reclaimer {
  private readonly heap: Int32Array;
  private readonly workers: number;
  private readonly cap: number;
  private readonly onGrace: (seconds: number) => void;
  private queue: Deferred[] = [];
  private bytes = 0;
  /** Takes the next poll back; undefined while nothing waits. */
  private cancel: (() => void) | undefined;

  /**
   * `workers`: threads 0 … workers-1 are readers. `capBytes`: above it `full` is true and optional churn is to be refused.
   * `onGrace` hears how long each freed object waited, in seconds.
   */
  constructor(heap: Int32Array, workers: number, capBytes: number, onGrace: (seconds: number) => void) {
    this.heap = heap;
    this.workers = workers;
    this.cap = capBytes;
    this.onGrace = onGrace;
    if (heap[Control.EPOCH] === 0) heap[Control.EPOCH] = 1;
  }

  /** True while more than the cap is waiting: rule and port changes are then answered with EAGAIN. */
  get full(): boolean {
    return this.bytes > this.cap;
  }

  /** Retires an object that no shared pointer leads to any more; `free` runs after the grace period, on main. */
  retire(bytes: number, free: () => void): void {
    this.queue.push({ target: this.advance(), bytes, since: performance.now(), free });
    this.bytes += bytes;
    this.schedule();
  }

  /**
   * Resolves when every worker has passed a quiescent state after this call. Rejects with `GraceTimeout` after
   * `deadlineMs`; the wait then goes on unseen and frees nothing early. `then` runs when the grace period has passed,
   * in time or not.
   */
  barrier(deadlineMs: number, then: () => void = () => {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        // A main thread that was kept from running has not looked: they may have passed long ago.
        this.poll();
        reject(
          new GraceTimeout(
            `no grace period within ${deadlineMs} ms; waiting for workers ${this.laggards().join(', ')}`,
          ),
        );
      }, deadlineMs);
      this.retire(0, () => {
        clearTimeout(late);
        then();
        resolve();
      });
    });
  }

  /** What is waiting now. */
  status(): ReclaimerStatus {
    return {
      epoch: this.heap[Control.EPOCH],
      deferredObjects: this.queue.length,
      deferredBytes: this.bytes,
      laggards: this.laggards(),
    };
  }

  /** Frees what may be freed; called by its own timer while anything waits, and by tests. Returns how many. */
  poll(): number {
    let freed = 0;
    while (freed < this.queue.length && this.passed((this.queue[freed] as Deferred).target)) freed++;
    if (freed === 0) return 0;
    const now = performance.now();
    const errors: unknown[] = [];
    for (const object of this.queue.splice(0, freed)) {
      this.bytes -= object.bytes;
      this.onGrace((now - object.since) / 1000);
      try {
        object.free();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'freeing retired objects failed');
    return freed;
  }

  /** Stops polling; what waits is dropped with the process. */
  close(): void {
    this.unschedule();
    this.queue = [];
  }

  /** Moves the epoch on by one, never to 0 (no worker may announce that), and returns it. The store fences the unlink before it. */
  private advance(): number {
    const next = (this.heap[Control.EPOCH] + 1) | 0 || 1;
    Atomics.store(this.heap, Control.EPOCH, next);
    return next;
  }

  private passed(target: number): boolean {
    for (let w = 0; w < this.workers; w++) {
      const seen = Atomics.load(this.heap, threadBlock(w) + Thread.EPOCH);
      if (seen !== 0 && ((seen - target) | 0) < 0) return false;
    }
    return true;
  }

  private laggards(): number[] {
    const oldest = this.queue[0];
    if (oldest === undefined) return [];
    const late: number[] = [];
    for (let w = 0; w < this.workers; w++) {
      const seen = Atomics.load(this.heap, threadBlock(w) + Thread.EPOCH);
      if (seen !== 0 && ((seen - oldest.target) | 0) < 0) late.push(w);
    }
    return late;
  }

  /** Polls at every turn of the loop for the first 20 ms of a wait, then every millisecond: a stuck worker must not spin main. */
  private schedule(): void {
    if (this.cancel !== undefined) return;
    const run = (): void => {
      try {
        this.poll();
      } finally {
        const oldest = this.queue[0];
        if (oldest === undefined) this.cancel = undefined;
        else if (performance.now() - oldest.since < 20) soon();
        else later();
      }
    };
    // Each is cancelled by its own function: clearImmediate() of a timeout spoils node's count of immediates, and no other fires.
    const soon = (): void => {
      const next = setImmediate(run);
      this.cancel = () => clearImmediate(next);
    };
    const later = (): void => {
      const next = setTimeout(run, 1);
      this.cancel = () => clearTimeout(next);
    };
    soon();
  }

  private unschedule(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
