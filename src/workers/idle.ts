/**
 * What a worker does when there is nothing to do (`sysctl smrouter.idle`): sleep at once, spin for ever, or, adaptive, spin
 * for a moment if work has lately come back within that moment and was no bulk traffic. Waking a sleeping core costs 30 to 40 µs here; an idle
 * router must not spin.
 *
 * One per worker. Time comes as an argument, in milliseconds.
 */
import { IdlePolicy } from '../shared/layout/heap.js';

/** Longest spin. Traffic with gaps above it is better off with sleep. */
export const SPIN_MS = 0.06;
/** A gap counts for at most this much, so that one long pause is forgotten after a few short ones. */
const GAP_CAP_MS = 4 * SPIN_MS;
/** Weight of the newest gap in the average: 1/8. */
const NEWEST = 0.125;

export class Idle {
  /** [0] when this idle time began, 0 = busy; [1] average length of the last idle times. Boxes that are never made again. */
  private readonly state = new Float64Array([0, GAP_CAP_MS]);

  /** Whether to look again at once (true) or to sleep, nothing having come at `now`. */
  spins(policy: IdlePolicy, now: number): boolean {
    const { state } = this;
    if (state[0] === 0) state[0] = now;
    if (policy !== IdlePolicy.ADAPTIVE) return policy === IdlePolicy.SPIN;
    return state[1] < SPIN_MS && now - state[0] < SPIN_MS;
  }

  /**
   * Work has come at `now`; `bulk` if there were superframes in it. Bulk traffic waits for nothing but the cores its ends run
   * on, and a spinning worker takes one from them: TCP over two cores 11 Gb/s with, 16.5 without (Linux 6.18, Node 20.20,
   * 21 November 2026).
   */
  ends(now: number, bulk: boolean): void {
    const { state } = this;
    if (bulk) state[1] = GAP_CAP_MS;
    if (state[0] === 0) return;
    if (!bulk) state[1] += (Math.min(now - state[0], GAP_CAP_MS) - state[1]) * NEWEST;
    state[0] = 0;
  }
}
