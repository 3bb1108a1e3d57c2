/** One address at a time in an etherbridge, as tests want it: workers read the table's constants once a burst. */
import { homeOf, isKnown } from '../../src/shared/table/etherbridge.js';

/** `isKnown` of an address in the table at `t`. */
export function isKnownOne(h: Int32Array, t: number, lo: number, hi: number, value: number, now: number): boolean {
  return isKnown(h, t, homeOf(h, t, lo, hi), lo, hi, value, now);
}
