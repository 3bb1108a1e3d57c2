/**
 * rport: packets out of one end are input on the other, in its routing domain, untouched (spec A §5.3). Deferred: what is here was
 * put on the work list by the sender's output. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord } from '../../shared/layout/heap.js';
import { Af, Meta } from '../../shared/layout/packet.js';
import { Cast } from '../../shared/ring/punt-reason.js';
import { type Context, count } from '../context.js';
import { drop } from '../drop.js';
import type { IpInput } from '../inet/ip4-input.js';

/** Makes the hand-over of one worker: (index) takes the burst in `ctx`, which left by rport `index`. */
export function makeRportOutput(ctx: Context, ip4Input: IpInput, ip6Input: IpInput): (index: number) => void {
  const { heap, meta, slots } = ctx;

  function rportOutput(index: number): void {
    const record = ifRecord(index);
    const peer = heap[record + If.PEER] & 0xffff;
    if (!peerRuns(index, record, peer)) {
      for (let i = 0; i < ctx.n; i++) drop(ctx, i, index, Drop.PEER_DOWN);
      return;
    }
    count(ctx, index, Lane.OPACKETS, ctx.n);
    count(ctx, index, Lane.OBYTES, ctx.bytes);
    count(ctx, peer, Lane.IPACKETS, ctx.n);
    count(ctx, peer, Lane.IBYTES, ctx.bytes);
    for (let i = 0; i < ctx.n; i++) {
      const m = slots[i] << Meta.SHIFT;
      const family = meta[m + Meta.INGRESS];
      if (family === Af.INET) ip4Input(i, peer, meta[m + Meta.OFFSET], Cast.UNICAST);
      else if (family === Af.INET6) ip6Input(i, peer, meta[m + Meta.OFFSET], Cast.UNICAST);
      else drop(ctx, i, peer, Drop.MPLS);
    }
  }

  /** Whether there is a peer that still exists, runs, and points back. */
  function peerRuns(index: number, record: number, peer: number): boolean {
    if (peer === 0 || (heap[record + If.FLAGS] & IfFlag.RUNNING) === 0) return false;
    const other = ifRecord(peer);
    if (heap[other + If.GENERATION] !== heap[record + If.PEER] >>> 16) return false;
    if ((heap[other + If.FLAGS] & IfFlag.RUNNING) === 0) return false;
    return heap[other + If.PEER] === (index | (heap[record + If.GENERATION] << 16));
  }

  return rportOutput;
}
