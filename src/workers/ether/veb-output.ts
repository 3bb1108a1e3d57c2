/**
 * veb output: a burst whose destinations are resolved leaves the bridge (spec A §1.4, §1.5).
 *
 * To one known port: hairpin → running → count → queue. A refusal here is final; a known unicast is never flooded.
 * To all: once counted, then each port in order of addition: not the ingress → running → discover → copy → queue.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, Kind, PortFlag, PortList } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { isGroup } from '../../shared/wire/ethernet.js';
import { queueFrame } from '../burst.js';
import { type Context, count, DONE, FLOOD } from '../context.js';
import { consume, drop, dropCopy } from '../drop.js';
import { reportPoison } from '../poison.js';

/** Sends or drops every frame of the burst that is not done, in order. */
export function vebOutput(ctx: Context, ingress: number, veb: number): void {
  const { destination } = ctx;
  let unicast = 0;
  let flooded = 0;
  let bytes = 0;
  for (let i = 0; i < ctx.n; i++) {
    const to = destination[i];
    if (to === DONE) continue;
    const length = ctx.meta[(ctx.slots[i] << Meta.SHIFT) + Meta.LENGTH];
    if (to === FLOOD) {
      flooded++;
      bytes += length;
      flood(ctx, i, ingress, veb);
    } else if (transmit(ctx, i, ingress, to)) {
      unicast++;
      bytes += length;
    }
  }
  const lane = laneOf(ctx.me, veb);
  ctx.counters[lane + Lane.OPACKETS] += unicast + flooded;
  ctx.counters[lane + Lane.OBYTES] += bytes;
  ctx.counters[lane + Lane.UNICAST] += unicast;
  ctx.counters[lane + Lane.FLOODED] += flooded;
}

/** Frame `i` to the one port it is for. Returns whether it was sent on. */
function transmit(ctx: Context, i: number, ingress: number, egress: number): boolean {
  if (egress === ingress) {
    drop(ctx, i, egress, Drop.HAIRPIN);
    return false;
  }
  if ((ctx.heap[ifRecord(egress) + If.FLAGS] & IfFlag.RUNNING) === 0) {
    drop(ctx, i, egress, Drop.NOTRUNNING);
    return false;
  }
  queueFrame(ctx, i, egress);
  return true;
}

/** Frame `i` to every port that may have it; the frame itself then ends at the veb, however many took a copy. */
function flood(ctx: Context, i: number, ingress: number, veb: number): void {
  const { heap } = ctx;
  const ports = heap[ifRecord(veb) + If.PORTS];
  if (ctx.poison && heap[ports + PortList.KIND] !== Kind.PORT_LIST) reportPoison(ctx, veb);
  const end = ports + PortList.FIRST + heap[ports + PortList.COUNT];
  const group = isGroup(ctx.dstHi[i]);
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
  ctx.shared[i] = 1;
  count(ctx, veb, Lane.COPIED, copies);
  consume(ctx, i, veb);
}
