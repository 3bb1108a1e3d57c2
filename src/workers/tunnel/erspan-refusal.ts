/**
 * Whether an erspan interface may send (spec A §6.6). Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Control, If, IfFlag } from '../../shared/layout/heap.js';
import { Tunnel, TunnelFlag } from '../../shared/table/tunnel.js';

/** Why the erspan interface with this record sends nothing, or -1: GRE forbidden, no remote address, no session (but type I has none). */
export function sendRefusal(heap: Int32Array, record: number): Drop | -1 {
  if ((heap[record + If.FLAGS] & IfFlag.RUNNING) === 0) return Drop.NOTRUNNING;
  if (heap[Control.GRE] === 0) return Drop.GRE_OFF;
  const tunnel = heap[record + If.TUNNEL];
  if (tunnel === 0) return Drop.NO_REMOTE;
  const flags = heap[tunnel + Tunnel.FLAGS];
  const whom = (flags & TunnelFlag.REMOTE) !== 0 && (flags & (TunnelFlag.SESSION | TunnelFlag.TYPE_1)) !== 0;
  return whom ? -1 : Drop.NO_REMOTE;
}
