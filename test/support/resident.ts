/**
 * Resident memory of another process, from /proc/PID/status and /proc/PID/smaps.
 */
import { readFileSync } from 'node:fs';

const KIB = 1024;

/** Resident MiB of a process, and of what kind the pages are. */
export interface Resident {
  readonly all: number;
  /** Anonymous: heaps, stacks, and the regions, as a SharedArrayBuffer is memory of one process. */
  readonly anonymous: number;
  /** Of files: programs and libraries, shared with other processes that run them. */
  readonly file: number;
  readonly shared: number;
}

/** One mapping, or several of one file, as /proc/PID/smaps has them. */
export interface Mapping {
  readonly name: string;
  readonly sizeMiB: number;
  readonly residentMiB: number;
}

/** Resident memory of process `pid` now. Throws when there is none. */
export function residentOf(pid: number): Resident {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string): number => {
    const found = new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status);
    if (found === null) throw new Error(`/proc/${pid}/status has no ${name}`);
    return Number(found[1]) / KIB;
  };
  return { all: field('VmRSS'), anonymous: field('RssAnon'), file: field('RssFile'), shared: field('RssShmem') };
}

/** The `most` mappings that hold most of the resident memory, largest first. Those of a file are one; others stand alone. */
export function heaviestMappings(pid: number, most: number): Mapping[] {
  const mappings = new Map<string, { name: string; sizeMiB: number; residentMiB: number }>();
  let current = { name: '', sizeMiB: 0, residentMiB: 0 };
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'latin1').split('\n')) {
    const head = /^([0-9a-f]+)-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)$/.exec(line);
    if (head !== null) {
      const [, start = '', file = ''] = head;
      const name = file === '' ? `anonymous at ${start}` : file;
      current = mappings.get(name) ?? { name, sizeMiB: 0, residentMiB: 0 };
      mappings.set(name, current);
      continue;
    }
    const [, field, amount] = /^(Size|Rss):\s*(\d+) kB/.exec(line) ?? [];
    if (field === 'Size') current.sizeMiB += Number(amount) / KIB;
    else if (field === 'Rss') current.residentMiB += Number(amount) / KIB;
  }
  return [...mappings.values()].sort((a, b) => b.residentMiB - a.residentMiB).slice(0, most);
}
