/**
 * Looks for workers that leak: whose JavaScript heap has grown too large, or who keep frames that they should long have given away. Main only.
 *
 * Between two bursts a worker holds the buffers that its TAPs are read into and no more; within one, a burst and its copies. Which slots
 * those are changes with each turn, how many does not, so a leak is a number that is high at every look. Two numbers tell it: the slots
 * whose owner word names the worker, and the frames that it has taken in and not brought to an end, by its counters; frames that came over a
 * ring have no owner while it has them in hand (layout/packet.ts).
 */
import { Thread, threadBlock } from '../../shared/layout/heap.js';
import type { Live } from '../control/interface-table.js';
import type { Memory } from '../memory/memory.js';
import { unfinished } from './worker-death.js';

/** MiB that the JavaScript heap of a worker may take, when the operator says nothing. */
export const WORKER_MIB = 256;
/** Percent of a thread's share of slots that a worker may hold, when the operator says nothing. */
const HELD_PERCENT = 75;
/** Looks in a row, one a second, at which a worker must hold too many. */
export const LEAK_LOOKS = 10;
/** Slots of each kind that a worker may hold in any case: buffers for TAPs, and a burst with what is cut from it. */
const HELD_LEAST = 192;

/** What a worker holds: slots of each kind, and frames that it has not brought to an end. */
export interface Held {
  readonly frames: number;
  readonly superframes: number;
  readonly unfinished: number;
}

/** A worker that is beyond a limit: MiB of its heap, slots, or frames. */
export interface Leak {
  readonly worker: number;
  readonly what: 'memory' | keyof Held;
  readonly held: number;
  readonly limit: number;
}

/** The limits of an operator; 0 is the default of each. */
export interface LeakLimits {
  readonly mib: number;
  readonly percent: number;
}

export class LeakWatch {
  private readonly memory: Memory;
  /** Looks in a row at which each worker held too much. */
  private readonly looks: Int32Array;
  /** Workers that leak and have been told of. */
  private readonly told = new Set<number>();

  constructor(memory: Memory) {
    this.memory = memory;
    this.looks = new Int32Array(memory.workers);
  }

  /** Looks once, at workers with so many interfaces: those that leak and were not told of before. To be called once a second. */
  look({ mib, percent }: LeakLimits, interfaces: readonly Live[]): Leak[] {
    const { heap, sizes } = this.memory.views;
    const most = mib || WORKER_MIB;
    const share = (slots: number): number =>
      Math.max(HELD_LEAST, Math.floor((slots / sizes.threads) * ((percent || HELD_PERCENT) / 100)));
    const frames = share(sizes.frames);
    const limit: Held = { frames, superframes: share(sizes.superframes), unfinished: frames };
    const found: Leak[] = [];
    this.held(interfaces).forEach((held, worker) => {
      const block = threadBlock(worker);
      if (heap[block + Thread.STATE] !== 1 || this.told.has(worker)) return;
      const what = (['frames', 'superframes', 'unfinished'] as const).find((kind) => held[kind] > limit[kind]);
      this.looks[worker] = what === undefined ? 0 : this.looks[worker] + 1;
      const used = Math.round(heap[block + Thread.HEAP_KIB] / 1024);
      if (used > most) found.push({ worker, what: 'memory', held: used, limit: most });
      else if (what !== undefined && this.looks[worker] >= LEAK_LOOKS)
        found.push({ worker, what, held: held[what], limit: limit[what] });
      else return;
      this.told.add(worker);
    });
    return found;
  }

  /** Worker `worker` has a new thread, which begins with nothing. */
  forget(worker: number): void {
    this.looks[worker] = 0;
    this.told.delete(worker);
  }

  /** What each worker holds now. Walks all slots: half a millisecond for the most there can be. */
  held(interfaces: readonly Live[]): Held[] {
    const { owner, sizes } = this.memory.views;
    const { workers } = this.memory;
    const slots = new Int32Array(2 * workers);
    for (let slot = 0; slot < owner.length; slot++) {
      const who = owner[slot];
      if (who >= 0 && who < workers) slots[slot < sizes.frames ? who : workers + who]++;
    }
    return Array.from({ length: workers }, (_, worker) => ({
      frames: slots[worker],
      superframes: slots[workers + worker],
      unfinished: Math.max(0, unfinished(this.memory, worker, interfaces)),
    }));
  }
}
