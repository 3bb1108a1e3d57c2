/**
 * CPU time of another process's threads, from /proc/PID/task.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second of the times in /proc; USER_HZ is 100 on every Linux that Node runs on. */
const TICKS = 100;

/** One thread: its number and the seconds it has run, in user and kernel mode together. */
export interface ThreadTime {
  readonly tid: number;
  readonly name: string;
  readonly seconds: number;
}

/** Every thread of a process. One that ends meanwhile is left out. */
export function threadsOf(pid: number): ThreadTime[] {
  const threads: ThreadTime[] = [];
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1');
      // The name stands in brackets and may hold anything; the fields after it are counted from the last bracket.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
      threads.push({ tid: Number(tid), name, seconds: (Number(fields[11]) + Number(fields[12])) / TICKS });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && (error as NodeJS.ErrnoException).code !== 'ESRCH')
        throw error;
    }
  }
  return threads;
}

/** Seconds of all of them. */
export function cpuSeconds(threads: readonly ThreadTime[]): number {
  return threads.reduce((sum, thread) => sum + thread.seconds, 0);
}

/** Seconds that a thread of this process was ready to run and had no core, since it began; 0 where the kernel does not count. */
export function waitSeconds(tid: number): number {
  try {
    return Number(readFileSync(`/proc/self/task/${tid}/schedstat`, 'latin1').split(' ')[1]) / 1e9;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return 0;
  }
}
