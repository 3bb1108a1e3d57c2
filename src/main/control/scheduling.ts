/**
 * How the kernel schedules what forwards: the CPU of each worker (`sysctl smrouter.cpus`: worker n on the n-th of the list, round again
 * when there are more workers; `any` leaves it to the kernel), and the nice value of workers and of main (`smrouter.nice`). Main only.
 */
import { getPriority, setPriority } from 'node:os';
import { Thread, threadBlock } from '../../shared/layout/heap.js';
import { affinityOf, setAffinity } from '../../shared/sys/affinity.js';
import { SysError } from '../../shared/sys/errno.js';
import { parseCpus } from '../config/cpus.js';
import type { Settings } from '../config/state.js';
import type { Memory } from '../memory/memory.js';

const NAMES = ['smrouter.cpus', 'smrouter.nice'] as const;
type Wanted = Pick<Settings, (typeof NAMES)[number]>;

export class Scheduling {
  private readonly memory: Memory;
  /** What this process was started with. */
  private readonly all = affinityOf(0);
  private readonly inherited = getPriority();
  private wanted: Wanted = { 'smrouter.cpus': 'any', 'smrouter.nice': 'inherit' };

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /**
   * Schedules every worker, and main, as `wanted` says. Throws SysError (EINVAL: a CPU that is not there; EACCES: no right to be less nice);
   * then each is as it was.
   */
  set(wanted: Wanted): void {
    const before = this.wanted;
    if (NAMES.every((name) => wanted[name] === before[name])) return;
    this.wanted = wanted;
    try {
      this.apply();
    } catch (error) {
      this.wanted = before;
      this.apply();
      throw error;
    }
  }

  /** Schedules one worker, whose thread may be new. One that has died is left: whoever takes its place comes here as well. */
  pin(worker: number): void {
    const tid = this.memory.views.heap[threadBlock(worker) + Thread.TID];
    if (tid === 0) return;
    try {
      setAffinity(tid, this.cpusOf(worker));
      this.setNice(tid);
    } catch (error) {
      if ((error as SysError).code !== 'ESRCH') throw error;
    }
  }

  /** Runs `start` with the nice value that main was started with, as a child that it starts has main's. */
  asInherited<T>(start: () => T): T {
    const nice = getPriority();
    if (nice === this.inherited) return start();
    this.setOwn(this.inherited);
    try {
      return start();
    } finally {
      this.setOwn(nice);
    }
  }

  /** Where that is refused, as of who may not be less nice again, it stays. */
  private setOwn(nice: number): void {
    try {
      setPriority(nice);
    } catch {
      // Said when the setting was made.
    }
  }

  /** The CPUs that a worker may run on. */
  cpusOf(worker: number): readonly number[] {
    const list = parseCpus(this.wanted['smrouter.cpus']) ?? [];
    return list.length === 0 ? this.all : [list[worker % list.length] as number];
  }

  private apply(): void {
    for (let w = 0; w < this.memory.workers; w++) this.pin(w);
    this.setNice(process.pid);
  }

  /** The thread's own: Linux knows a thread by its number wherever it knows a process. */
  private setNice(tid: number): void {
    const { 'smrouter.nice': text } = this.wanted;
    const nice = text === 'inherit' ? this.inherited : Number(text);
    try {
      if (getPriority(tid) !== nice) setPriority(tid, nice);
    } catch (error) {
      const { code } = (error as { info: { code: string } }).info;
      throw new SysError(
        `nice value ${nice}`,
        code,
        'run as root, with CAP_SYS_NICE or LimitNICE=, or take a higher one',
      );
    }
  }
}
