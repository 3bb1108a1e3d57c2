/**
 * Which CPU each worker runs on (`sysctl smrouter.cpus`): worker n on the n-th of the list, round again when there are more
 * workers; `any` leaves it to the kernel. Main only.
 */
import { Thread, threadBlock } from '../../shared/layout/heap.js';
import { affinityOf, setAffinity } from '../../shared/sys/affinity.js';
import { parseCpus } from '../config/cpus.js';
import type { Memory } from '../memory/memory.js';

export class Affinity {
  private readonly memory: Memory;
  /** What this process was started with. */
  private readonly all = affinityOf(0);
  private list: readonly number[] = [];

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** Pins every worker as `text` says. Throws SysError (EINVAL: a CPU that is not there); then each is where it was. */
  set(text: string): void {
    const before = this.list;
    this.list = parseCpus(text) ?? [];
    try {
      for (let w = 0; w < this.memory.workers; w++) this.pin(w);
    } catch (error) {
      this.list = before;
      for (let w = 0; w < this.memory.workers; w++) this.pin(w);
      throw error;
    }
  }

  /** Pins one worker, whose thread may be new. */
  pin(worker: number): void {
    const tid = this.memory.views.heap[threadBlock(worker) + Thread.TID];
    if (tid !== 0) setAffinity(tid, this.cpusOf(worker));
  }

  /** The CPUs that a worker may run on. */
  cpusOf(worker: number): readonly number[] {
    return this.list.length === 0 ? this.all : [this.list[worker % this.list.length] as number];
  }
}
