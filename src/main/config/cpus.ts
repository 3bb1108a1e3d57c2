/**
 * A list of CPUs as operators write one: `0,2-5`, or `any`.
 */
import { CPUS_MOST } from '../../shared/sys/affinity.js';

/** The CPUs in the order written; none for `any`, undefined for what is no list. */
export function parseCpus(text: string): number[] | undefined {
  if (text === 'any') return [];
  const cpus: number[] = [];
  for (const part of text.split(',')) {
    const [, first = '', last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === '' || from > to || to >= CPUS_MOST) return undefined;
    for (let cpu = from; cpu <= to; cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** CPUs in ascending order as a list with ranges: `0,2-5`. */
export function formatCpus(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let n = 0; n < cpus.length; n++) {
    const first = cpus[n] as number;
    while (cpus[n + 1] === (cpus[n] as number) + 1) n++;
    parts.push(cpus[n] === first ? `${first}` : `${first}-${cpus[n]}`);
  }
  return parts.join(',');
}
