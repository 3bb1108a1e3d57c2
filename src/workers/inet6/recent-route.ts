/**
 * The IPv6 look-up with a memory of one: packets of a burst to the destination of the one before, such as those for one SID or into one
 * tunnel, are not looked up again. What is remembered is void when the burst ends, as main may change tables then. Runs on a worker.
 */
import { Control } from '../../shared/layout/heap.js';
import { Fib6Near } from '../../shared/table/fib6.js';
import { makeNextHopRecord } from '../../shared/table/next-hop.js';
import { makeRoute6 } from '../../shared/table/policy-rules.js';
import type { Context } from '../context.js';

/** Words of what is remembered: of which burst, the domain and the address asked for, and the record found. */
const enum Recent {
  BURST = 0,
  RDOMAIN = 1,
  ADDRESS = 2,
  RECORD = 6,
  WORDS = 8,
}

/** Finds the record of the next hop of an address (four words in host order) in a routing domain; it may be a group's. */
export type RecentRoute6 = (rdomain: number, w0: number, w1: number, w2: number, w3: number) => number;

/** Makes a look-up with a memory of its own. */
export function makeRecentRoute6(ctx: Context): RecentRoute6 {
  const { heap } = ctx;
  const near = new Int32Array(Fib6Near.WORDS);
  const route = makeRoute6(heap, near);
  const nextHop = makeNextHopRecord(heap);
  const recent = new Int32Array(Recent.WORDS);

  function look(rdomain: number, w0: number, w1: number, w2: number, w3: number): number {
    if (recent[Recent.BURST] !== ctx.burst) near[Fib6Near.ROOT] = 0;
    const record = nextHop(heap[Control.NEXT_HOPS], route(rdomain, w0, w1, w2, w3));
    recent[Recent.BURST] = ctx.burst;
    recent[Recent.RDOMAIN] = rdomain;
    recent[Recent.ADDRESS] = w0;
    recent[Recent.ADDRESS + 1] = w1;
    recent[Recent.ADDRESS + 2] = w2;
    recent[Recent.ADDRESS + 3] = w3;
    recent[Recent.RECORD] = record;
    return record;
  }

  return (rdomain, w0, w1, w2, w3) => {
    const same =
      recent[Recent.ADDRESS + 3] === w3 &&
      recent[Recent.ADDRESS + 2] === w2 &&
      recent[Recent.ADDRESS + 1] === w1 &&
      recent[Recent.ADDRESS] === w0 &&
      recent[Recent.RDOMAIN] === rdomain &&
      recent[Recent.BURST] === ctx.burst;
    return same ? recent[Recent.RECORD] : look(rdomain, w0, w1, w2, w3);
  };
}
