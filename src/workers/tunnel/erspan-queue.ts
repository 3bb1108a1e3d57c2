/**
 * What waits for an erspan interface at the end of a burst, once everything else of the burst has been sent: encapsulated there and then, or
 * put on the list, by the worker that owns the interface (spec A §6.6).
 *
 * One worker owns the sending side, and others hand their frames over to it: so one thread alone counts the sequence, and packets
 * leave in the order of their numbers; were each worker to take a range of numbers, bursts of two would overtake each other on the wire
 * and every collector would report it. Copies for a span port keep within a budget a turn: beyond it they are dropped, not the originals.
 * Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { If, ifRecord, PortFlag } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { BURST, type Context } from '../context.js';
import type { Device } from '../device/device.js';
import { handOver } from '../device/hand-over.js';
import { dropCopy } from '../drop.js';
import { Hop } from '../work-list.js';
import type { ErspanStraight } from './erspan-straight.js';

/** Makes what takes the place of a device for the erspan interfaces of one worker. */
export function makeErspanQueue(ctx: Context, straight: ErspanStraight): Device {
  const { heap, meta, slots, egressList, egressTag, me } = ctx;

  function send(index: number, n: number): void {
    const record = ifRecord(index);
    const list = index * BURST;
    let most = n;
    // What another worker handed over was counted there.
    if ((heap[record + If.PORT_FLAGS] & PortFlag.SPAN) !== 0 && ctx.ingress !== 0) {
      most = Math.min(n, ctx.mirrors);
      ctx.mirrors -= most;
      for (let k = most; k < n; k++) dropCopy(ctx, index, Drop.MIRROR);
    }
    const owner = heap[record + If.OWNER];
    if (owner !== me) {
      handOver(ctx, index, owner, ctx.fromList ? withoutExits(index, most) : most);
      return;
    }
    for (let k = mayGoStraight() ? straight(index, most) : 0; k < most; k++) {
      const place = egressList[list + k];
      if (ctx.ingress !== 0) meta[(slots[place] << Meta.SHIFT) + Meta.INGRESS] = ctx.ingress;
      ctx.workList.defer(ctx, place, index, Hop.TUNNEL_OUTPUT);
    }
  }

  /** Whether the frames of this burst have no trail, no tags and nothing before them that they must not overtake, and nobody follows them. */
  function mayGoStraight(): boolean {
    return !(ctx.fromList || ctx.passed || ctx.tagged || ctx.tracing) && ctx.workList.length === 0;
  }

  /**
   * A frame does not take its trail to another worker, so one that has been in a tunnel or an rport stays here: or it could go round
   * between two workers for ever. Returns how many of the `n` in the list may go.
   */
  function withoutExits(index: number, n: number): number {
    const list = index * BURST;
    let kept = 0;
    for (let k = 0; k < n; k++) {
      if (ctx.workList.hasLeft(slots[egressList[list + k]])) dropCopy(ctx, index, Drop.LOOP);
      else {
        egressTag[list + kept] = egressTag[list + k];
        egressList[list + kept++] = egressList[list + k];
      }
    }
    return kept;
  }

  return { receive: () => 0, send };
}
