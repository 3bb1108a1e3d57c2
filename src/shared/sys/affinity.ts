/**
 * On which CPUs a thread of this process may run (sched_setaffinity(2)). Main only: it sets what workers may, by their numbers.
 */
import { SysError, throwErrno } from './errno.js';
import { fixedBuffer, schedGetaffinity, schedSetaffinity } from './libc.js';

/** CPUs that a mask has room for. */
export const CPUS_MOST = 1024;

const mask = fixedBuffer(CPUS_MOST / 8);

/** The CPUs that thread `tid` may run on; 0 = the calling one. Throws SysError: ESRCH no such thread. */
export function affinityOf(tid: number): number[] {
  const bytes = schedGetaffinity(tid, CPUS_MOST / 8, mask.address);
  if (bytes === -1) throwErrno('sched_getaffinity');
  const cpus: number[] = [];
  for (let cpu = 0; cpu < bytes * 8; cpu++) {
    if (((mask.u8[cpu >> 3] as number) & (1 << (cpu & 7))) !== 0) cpus.push(cpu);
  }
  return cpus;
}

/** Has thread `tid` run on `cpus` alone. Throws SysError: EINVAL none of them is there, ESRCH no such thread, EPERM. */
export function setAffinity(tid: number, cpus: readonly number[]): void {
  if (cpus.some((cpu) => cpu < 0 || cpu >= CPUS_MOST)) throw new SysError(`CPUs ${cpus.join(',')}`, 'EINVAL');
  mask.u8.fill(0);
  for (const cpu of cpus) mask.u8[cpu >> 3] = (mask.u8[cpu >> 3] as number) | (1 << (cpu & 7));
  if (schedSetaffinity(tid, CPUS_MOST / 8, mask.address) === -1) {
    throwErrno(`CPUs ${cpus.join(',')}`, { EINVAL: 'this process may run on none of them; see /proc/self/status' });
  }
}
