/**
 * veb output: a burst whose destinations are resolved leaves the bridge (spec A §1.4, §1.5).
 *
 * To one known port: hairpin → running → count → queue. A refusal here is final; a known unicast is never flooded.
 * To all: once counted, then each port in order of addition: not the ingress → running → discover → copy → queue.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, Kind, PortFlag, PortList } from '../../shared/layout/heap.js';
import { isGroup } from '../../shared/wire/ethernet.js';
import { openList, queueFrame } from '../burst.js';
import { BURST, type Context, count, DONE, FLOOD } from '../context.js';
import { consume, drop, dropCopy } from '../drop.js';
import { reportPoison } from '../poison.js';

/** Sends or drops every frame of the burst that is not done, in order: (ingress, veb). */
export type VebOutput = (ingress: number, veb: number) => void;

/** Makes the veb output of one worker. */
export function makeVebOutput(ctx: Context): VebOutput {
  const { heap, counters, destination, length, shared, dstHi, egressList, egressCount, me } = ctx;

  function vebOutput(ingress: number, veb: number): void {
    const { n } = ctx;
    let unicast = 0;
    let flooded = 0;
    let bytes = 0;
    // Most frames of a burst go the way of the one before: `run` is that egress, `at` where its list goes on.
    let run = 0;
    let at = 0;
    for (let i = 0; i < n; i++) {
      const to = destination[i];
      if (to === DONE) continue;
      if (to !== run) {
        if (run !== 0) egressCount[run] = at - run * BURST;
        run = 0;
        if (to === FLOOD) {
          flooded++;
          bytes += length[i];
          flood(i, ingress, veb);
          continue;
        }
        if (!eligible(i, ingress, to)) continue;
        run = to;
        at = openList(ctx, to);
      }
      unicast++;
      bytes += length[i];
      egressList[at++] = i;
    }
    if (run !== 0) egressCount[run] = at - run * BURST;
    const lane = laneOf(me, veb);
    counters[lane + Lane.OPACKETS] += unicast + flooded;
    counters[lane + Lane.OBYTES] += bytes;
    counters[lane + Lane.UNICAST] += unicast;
    counters[lane + Lane.FLOODED] += flooded;
  }

  /** Whether frame `i` may go to its one port; else it is dropped, and never flooded. */
  function eligible(i: number, ingress: number, to: number): boolean {
    if (to === ingress) drop(ctx, i, to, Drop.HAIRPIN);
    else if ((heap[ifRecord(to) + If.FLAGS] & IfFlag.RUNNING) === 0) drop(ctx, i, to, Drop.NOTRUNNING);
    else return true;
    return false;
  }

  /** Frame `i` to every port that may have it; the frame itself then ends at the veb, however many took a copy. */
  function flood(i: number, ingress: number, veb: number): void {
    const ports = heap[ifRecord(veb) + If.PORTS];
    if (ctx.poison && heap[ports + PortList.KIND] !== Kind.PORT_LIST) reportPoison(ctx, veb);
    const end = ports + PortList.FIRST + heap[ports + PortList.COUNT];
    const group = isGroup(dstHi[i]);
    let copies = 0;
    for (let p = ports + PortList.FIRST; p < end; p++) {
      const port = heap[p];
      if (port === ingress) continue;
      const record = ifRecord(port);
      if ((heap[record + If.FLAGS] & IfFlag.RUNNING) === 0) {
        dropCopy(ctx, port, Drop.NOTRUNNING);
      } else if (!group && (heap[record + If.PORT_FLAGS] & PortFlag.DISCOVER) === 0) {
        dropCopy(ctx, port, Drop.FLOOD_NODISCOVER);
      } else {
        queueFrame(ctx, i, port);
      }
      copies++;
    }
    shared[i] = 1;
    ctx.anyShared = true;
    count(ctx, veb, Lane.COPIED, copies);
    consume(ctx, i, veb);
  }

  return vebOutput;
}
