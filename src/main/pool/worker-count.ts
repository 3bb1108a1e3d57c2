/** How many workers there may be, and are unless somebody says. Main only. */

/** Most workers of one daemon. */
export const MOST_WORKERS = 16;

/** One fewer than the CPUs that the process may use, which leaves one to main: at least 1, at most MOST_WORKERS. */
export function defaultWorkers(cpus: number): number {
  return Math.min(Math.max(1, cpus - 1), MOST_WORKERS);
}
