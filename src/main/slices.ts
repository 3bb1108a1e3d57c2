/**
 * Long work of the main thread in slices, so that commands are answered and probes heard in between. Main only.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** How long a slice may take, in milliseconds. */
const SLICE_MS = 3;

/** Long work: it yields wherever it may be interrupted, and often. What it has read before it yields may have changed after that. */
export type Work<T> = Generator<void, T, void>;

/** Does work at once. Returns what comes of it. */
export function atOnce<T>(work: Work<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/**
 * Does work in slices, each in a turn of the event loop of its own. Resolves to what comes of it, or to undefined if `goesOn` has said
 * between two slices that it is not wanted any more. Rejects with what it throws.
 */
export async function inSlices<T>(work: Work<T>, goesOn: () => boolean = () => true): Promise<T | undefined> {
  for (let began = performance.now(); ; ) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (performance.now() - began < SLICE_MS) continue;
    await turn();
    if (!goesOn()) {
      // Closes what it has open.
      work.return(undefined as T);
      return undefined;
    }
    began = performance.now();
  }
}
