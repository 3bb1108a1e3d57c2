/**
 * rport: packets out of one end are input on the other, in its routing domain, untouched (spec A §5.3). Deferred: what is here was
 * put on the work list by the sender's output. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Direction } from '../../shared/layout/capture.js';
import { Lane } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord } from '../../shared/layout/heap.js';
import { Af, Meta } from '../../shared/layout/packet.js';
import { Cast } from '../../shared/ring/punt-reason.js';
import { type Context, count, DONE, UNDECIDED } from '../context.js';
import { consume, drop } from '../drop.js';
import type { IpInput } from '../inet/ip4-input.js';

/** Makes the hand-over of one worker: (index) takes the burst in `ctx`, which left by rport `index`. */
export function makeRportOutput(ctx: Context, ip4Input: IpInput, ip6Input: IpInput): (index: number) => void {
  const { heap, meta, slots, destination, length } = ctx;

  function rportOutput(index: number): void {
    const record = ifRecord(index);
    const peer = heap[record + If.PEER] & 0xffff;
    if (!peerRuns(index, record, peer)) {
      for (let i = 0; i < ctx.n; i++) drop(ctx, i, index, Drop.PEER_DOWN);
      return;
    }
    count(ctx, index, Lane.OPACKETS, ctx.n);
    count(ctx, index, Lane.OBYTES, ctx.bytes);
    const sent = heap[record + If.CAPTURE];
    if (sent !== 0) tapSender(sent, index);
    const received = heap[ifRecord(peer) + If.CAPTURE];
    if (sent !== 0) countInput(peer);
    else {
      count(ctx, peer, Lane.IPACKETS, ctx.n);
      count(ctx, peer, Lane.IBYTES, ctx.bytes);
    }
    const monitor = (heap[ifRecord(peer) + If.FLAGS] & IfFlag.MONITOR) !== 0;
    for (let i = 0; i < ctx.n; i++) {
      if (sent !== 0 && destination[i] === DONE) continue;
      const m = slots[i] << Meta.SHIFT;
      const family = meta[m + Meta.INGRESS];
      const packet = meta[m + Meta.OFFSET];
      if (received !== 0 && ctx.taps.packet(received, i, peer, Direction.IN, packet, family)) {
        drop(ctx, i, peer, Drop.FILDROP);
      } else if (monitor) consume(ctx, i, peer);
      else if (family === Af.INET) ip4Input(i, peer, packet, Cast.UNICAST);
      else if (family === Af.INET6) ip6Input(i, peer, packet, Cast.UNICAST);
      else drop(ctx, i, peer, Drop.MPLS);
    }
  }

  /** Counts what captures have left of the burst on the receiving side. */
  function countInput(peer: number): void {
    let packets = 0;
    let bytes = 0;
    for (let i = 0; i < ctx.n; i++) {
      if (destination[i] === DONE) continue;
      packets++;
      bytes += length[i];
    }
    count(ctx, peer, Lane.IPACKETS, packets);
    count(ctx, peer, Lane.IBYTES, bytes);
  }

  /** Shows the burst to the captures on the sending side; what one of them drops never gets to the peer (A107). */
  function tapSender(list: number, index: number): void {
    for (let i = 0; i < ctx.n; i++) {
      const m = slots[i] << Meta.SHIFT;
      destination[i] = UNDECIDED;
      const dropped = ctx.taps.packet(list, i, index, Direction.OUT, meta[m + Meta.OFFSET], meta[m + Meta.INGRESS]);
      if (dropped) drop(ctx, i, index, Drop.FILDROP);
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
