/**
 * Output of an erspan interface: frames become packets to its remote address (spec A §6.6, with the REC column of §6.8). Deferred: what is
 * here was put on the list by erspan-queue.ts, by the worker that owns the interface.
 *
 *   1 may it?      GRE allowed, a remote address, a session (but type I has none): else all of it is dropped
 *   2 capture      EN10MB, whatever it says
 *   3 cut          what is longer than the interface's MTU, or with DF than the way's, loses its end and has T set
 *   4 headers      ERSPAN, GRE, IP, in the headroom
 *   5 capture      LOOP and RAW: the outer packet
 *   6 out          inet/ip-output.ts, in the tunnel's routing domain
 *
 * Superframes have been cut into segments by then, and checksums completed. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Direction } from '../../shared/layout/capture.js';
import { Lane } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, Kind } from '../../shared/layout/heap.js';
import { Af, Meta } from '../../shared/layout/packet.js';
import { Tunnel, TunnelFlag, TunnelPriority, TunnelState } from '../../shared/table/tunnel.js';
import { Erspan2, ErspanEncap, writeErspan2 } from '../../shared/wire/erspan.js';
import { Ether, EtherType, etherType } from '../../shared/wire/ethernet.js';
import { Gre, GreProtocol, writeGre, writeGreSequenced } from '../../shared/wire/gre.js';
import { Ipv4, Ipv4Fragment, writeIpv4 } from '../../shared/wire/ipv4.js';
import { Ipv6, writeIpv6 } from '../../shared/wire/ipv6.js';
import { read16, write32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { vnetClear } from '../../shared/wire/vnet.js';
import { tapFrame, tapPacket } from '../capture/taps.js';
import { type Context, count } from '../context.js';
import { drop } from '../drop.js';
import { cutTo } from '../frame.js';
import type { IpOutput } from '../inet/ip-output.js';
import { reportPoison } from '../poison.js';
import { makeRoom } from '../slots.js';
import { swapBestEffort } from './erspan-priority.js';
import { sendRefusal } from './erspan-refusal.js';

/** Bytes of a VLAN tag. */
const TAG = 4;

/** Makes the output of one worker: (index) encapsulates the burst in `ctx`, which leaves by erspan `index`. */
export function makeErspanOutput(ctx: Context, ipOutput: IpOutput): (index: number) => void {
  const { heap, meta, u8, u16, slots, length } = ctx;

  function erspanOutput(index: number): void {
    const record = ifRecord(index);
    const tunnel = heap[record + If.TUNNEL];
    if (ctx.poison && tunnel !== 0 && heap[tunnel + Tunnel.KIND] !== Kind.TUNNEL) reportPoison(ctx, index);
    const refused = sendRefusal(heap, record);
    if (refused !== -1) {
      for (let i = 0; i < ctx.n; i++) drop(ctx, i, index, refused);
      return;
    }
    const flags = heap[tunnel + Tunnel.FLAGS];
    const four = (flags & TunnelFlag.INET6) === 0;
    const one = (flags & TunnelFlag.TYPE_1) !== 0;
    const rdomain = heap[tunnel + Tunnel.RDOMAIN];
    const headers = (four ? Ipv4.LENGTH : Ipv6.LENGTH) + (one ? Gre.LENGTH : Gre.SEQUENCED + Erspan2.LENGTH);
    const indexed = (heap[record + If.FLAGS] & IfFlag.LINK0) !== 0;
    const state = heap[tunnel + Tunnel.STATE];
    let sequence = heap[state + TunnelState.SEQUENCE];
    const given = heap[tunnel + Tunnel.TX_PRIORITY];
    const session = heap[tunnel + Tunnel.SESSION];
    const longest = heap[record + If.MTU] + Ether.LENGTH;
    const watched = heap[record + If.CAPTURE] !== 0;
    // All of them go the same way, so one look-up does.
    const hop = ipOutput.hopBetween(tunnel + Tunnel.LOCAL, tunnel + Tunnel.REMOTE, four, Protocol.GRE, rdomain);
    const whole = ipOutput.mtu(hop);
    const most = (flags & TunnelFlag.DF) === 0 || whole === 0 ? 0 : whole - headers;
    const neighbour = ipOutput.straight(tunnel + Tunnel.REMOTE, four, hop);
    let packets = 0;
    let bytes = 0;
    for (let i = 0; i < ctx.n; i++) {
      if (watched) tapFrame(ctx, i, index, Direction.OUT);
      const number = sequence;
      if (!one) sequence = (sequence + 1) | 0;
      if (!makeRoom(ctx, i, headers + Ether.LENGTH)) {
        drop(ctx, i, index, Drop.NO_SLOT);
        continue;
      }
      const m = slots[i] << Meta.SHIFT;
      const frame = meta[m + Meta.OFFSET];
      const ip = frame - headers;
      const type = etherType(u16, frame);
      const tagged = type === EtherType.VLAN || type === EtherType.QINQ;
      const fits = longest + (tagged ? TAG : 0);
      const keep = most > 0 && most < fits ? most : fits;
      const truncated = length[i] > keep;
      if (truncated) cutTo(ctx, i, keep);
      const kept = length[i];
      const priority = meta[m + Meta.PRIORITY] & 7;
      const from = indexed ? meta[m + Meta.INGRESS] : 0;
      vnetClear(meta, m);
      if (one) writeGre(u16, frame - Gre.LENGTH, GreProtocol.ERSPAN);
      else {
        const header = frame - Erspan2.LENGTH;
        const encap = type === EtherType.VLAN ? ErspanEncap.PRESERVED : ErspanEncap.UNTAGGED;
        const vlan = type === EtherType.VLAN ? read16(u8, frame + Ether.LENGTH) & 0xfff : 0;
        writeErspan2(u16, header, session, vlan, swapBestEffort(priority), encap, truncated, from);
        writeGreSequenced(u16, header - Gre.SEQUENCED, GreProtocol.ERSPAN, number);
      }
      const total = headers + kept;
      const straight = neighbour !== 0 && total <= whole;
      const id = straight && four ? ipOutput.identification(1) : 0;
      writeOuter(ip, tunnel, four, given === TunnelPriority.PACKET ? priority : given, total, id);
      packets++;
      bytes += kept;
      if (watched) tapPacket(ctx, i, index, Direction.OUT, ip, four ? Af.INET : Af.INET6);
      if (straight) ipOutput.toNeighbour(i, ip, hop, neighbour);
      else ipOutput.via(i, index, ip, rdomain, hop);
    }
    count(ctx, index, Lane.OPACKETS, packets);
    count(ctx, index, Lane.OBYTES, bytes);
    heap[state + TunnelState.SEQUENCE] = sequence;
  }

  /** The outer IP header at byte `ip` of a packet of `total` bytes. */
  function writeOuter(ip: number, tunnel: number, four: boolean, priority: number, total: number, id: number): void {
    const ttl = heap[tunnel + Tunnel.TTL];
    const df = (heap[tunnel + Tunnel.FLAGS] & TunnelFlag.DF) !== 0;
    const tos = priority << 5;
    const l = tunnel + Tunnel.LOCAL;
    const r = tunnel + Tunnel.REMOTE;
    if (four) {
      writeIpv4(u16, ip, tos, total, id, df ? Ipv4Fragment.DF : 0, ttl, Protocol.GRE, heap[l], heap[r]);
      return;
    }
    writeIpv6(u8, ip, tos, 0, total - Ipv6.LENGTH, Protocol.GRE, ttl);
    for (let w = 0; w < 4; w++) {
      write32(u8, ip + Ipv6.SOURCE + 4 * w, heap[l + w]);
      write32(u8, ip + Ipv6.DESTINATION + 4 * w, heap[r + w]);
    }
  }

  return erspanOutput;
}
