/**
 * GRE input: ERSPAN to an address of ours (spec A §6.5, with the REC column of §6.8), in this order:
 *
 *   1 allowed?     net.inet.gre.allow
 *   2 GRE          version, protocol, flags: type I has none, types II and III a sequence number and nothing else
 *   3 ERSPAN       long enough, the version of its type
 *   4 whose?       (session, remote), (session, any), (any, any); of type I its own receivers: (remote), (any)
 *   5 sequence     what is missing, late or there twice is counted by session and source
 *     capture      LOOP and RAW: the outer packet
 *   6 priority     as rxprio says
 *   7 the frame    counted; capture EN10MB
 *   8 deliver      an exact match, whole and sound, without `monitor`: to the bridge, or to our own stack
 *
 * Up to 4 a packet is declined: dropped by its ingress, with a reason of its own, and nobody is told. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Direction } from '../../shared/layout/capture.js';
import { Lane } from '../../shared/layout/counters.js';
import { Control, If, IfFlag, ifRecord, Kind } from '../../shared/layout/heap.js';
import { Af, Meta } from '../../shared/layout/packet.js';
import { TraceEvent } from '../../shared/layout/trace.js';
import { makeTrack, makeTrackNext } from '../../shared/table/sequence.js';
import {
  makeTunnelLookup,
  SESSION_ANY,
  SESSION_TYPE_1,
  Tunnel,
  TunnelPriority,
  Where,
} from '../../shared/table/tunnel.js';
import {
  checkErspan2,
  checkErspan3,
  Erspan2,
  ErspanBso,
  ErspanFault,
  ErspanFrame,
  erspanBits,
  erspanCos,
  erspanSession,
  frameType,
  headerLength3,
  isTruncated,
} from '../../shared/wire/erspan.js';
import { Ether } from '../../shared/wire/ethernet.js';
import { checkGre, Gre, GreFault, GreFlag, GreProtocol, greFlags, greProtocol } from '../../shared/wire/gre.js';
import { destination4, Ipv4, source4 } from '../../shared/wire/ipv4.js';
import { Ipv6, isUnspecified6, trafficClass } from '../../shared/wire/ipv6.js';
import { read32 } from '../../shared/wire/network-order.js';
import { vnetCheck, vnetClear } from '../../shared/wire/vnet.js';
import { tapFrame, tapPacket } from '../capture/taps.js';
import { type Context, count } from '../context.js';
import { consume, drop } from '../drop.js';
import { beginAt } from '../frame.js';
import { reportPoison } from '../poison.js';
import { Hop } from '../work-list.js';
import { swapBestEffort } from './erspan-priority.js';
import { type ErspanRepeat, OUTER4 } from './erspan-repeat.js';

/** Takes frame `i`, received on interface `index`, to an address of ours: its IP header is at byte `ip`, its GRE header at `gre`. */
export type GreInput = (i: number, index: number, ip: number, gre: number) => void;

/** Words of the receiver last found: of which burst, asked for by what besides the addresses, and what was found. */
const enum Recent {
  BURST = 0,
  SESSION = 1,
  /** Where the packet was received, and the version of IP. */
  WHERE = 2,
  RECEIVER = 3,
  EXACT = 4,
  /** Its stream of numbers; 0 = not known. */
  STREAM = 5,
  WORDS = 6,
}

/** What is known of a packet's ERSPAN header. */
const enum Sound {
  /** A whole Ethernet frame follows. */
  WHOLE = 0,
  /** A frame that is cut, or that the switch found bad: for captures alone. */
  CUT = 1,
  /** No Ethernet frame at all. */
  OTHER = 2,
}

/** Makes the GRE input of one worker. */
export function makeGreInput(ctx: Context, repeat: ErspanRepeat): GreInput {
  const { heap, meta, u8, u16, slots, length } = ctx;
  const lookup = makeTunnelLookup(heap);
  const track = makeTrack(heap, ctx.workers === 1);
  const trackNext = makeTrackNext(heap, ctx.workers === 1);
  const recent = new Int32Array(Recent.WORDS);
  /** The addresses that go with it, as they lie in the packet. */
  const addresses = new Uint16Array(Ipv6.LENGTH >> 1);
  /** Whether the receiver last found is one for exactly this source. */
  let exact = false;

  function greInput(i: number, index: number, ip: number, gre: number): void {
    if (heap[Control.GRE] === 0) {
      drop(ctx, i, index, Drop.GRE_OFF);
      return;
    }
    const room = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET] + length[i] - gre;
    const fault = checkGre(u8, gre, room);
    if (fault !== GreFault.NONE) {
      drop(ctx, i, index, fault === GreFault.SHORT ? Drop.GRE_SHORT : Drop.GRE_VERSION);
      return;
    }
    const protocol = greProtocol(u8, gre);
    const flags = greFlags(u8, gre);
    if (protocol !== GreProtocol.ERSPAN && protocol !== GreProtocol.ERSPAN_3) drop(ctx, i, index, Drop.GRE_PROTOCOL);
    else if (flags === GreFlag.SEQUENCE) sequenced(i, index, ip, gre, room, protocol === GreProtocol.ERSPAN_3);
    else if (flags === GreFlag.NONE && protocol === GreProtocol.ERSPAN) {
      receive(i, index, ip, gre + Gre.LENGTH, SESSION_TYPE_1, -1, Sound.WHOLE);
    } else drop(ctx, i, index, Drop.GRE_FLAGS);
  }

  /** Step 3, types II and III. */
  function sequenced(i: number, index: number, ip: number, gre: number, room: number, three: boolean): void {
    const at = gre + Gre.SEQUENCED;
    const fault = three ? checkErspan3(u8, at, room - Gre.SEQUENCED) : checkErspan2(u8, at, room - Gre.SEQUENCED);
    if (fault !== ErspanFault.NONE) {
      drop(ctx, i, index, fault === ErspanFault.SHORT ? Drop.GRE_SHORT : Drop.ERSPAN_VERSION);
      return;
    }
    let sound = isTruncated(u8, at) ? Sound.CUT : Sound.WHOLE;
    if (three) {
      if (erspanBits(u8, at) !== ErspanBso.GOOD) sound = Sound.CUT;
      if (frameType(u8, at) !== ErspanFrame.ETHERNET) sound = Sound.OTHER;
    }
    const payload = at + (three ? headerLength3(u8, at) : Erspan2.LENGTH);
    receive(i, index, ip, payload, erspanSession(u8, at), at, sound);
  }

  /** Steps 4 to 8. `header` is the byte of the ERSPAN header, -1 of type I, which has none. */
  function receive(
    i: number,
    index: number,
    ip: number,
    payload: number,
    session: number,
    header: number,
    sound: Sound,
  ): void {
    const four = u8[ip] >> 4 === 4;
    const same = isRecent(session, index, ip, four);
    if (!same && !four && isUnspecified6(u8, ip + Ipv6.SOURCE)) {
      drop(ctx, i, index, Drop.MARTIAN_SOURCE);
      return;
    }
    const erspan = same ? recent[Recent.RECEIVER] : find(session, index, ip, four);
    exact = recent[Recent.EXACT] === 1;
    const record = ifRecord(erspan);
    if (erspan === 0 || (heap[record + If.FLAGS] & IfFlag.RUNNING) === 0) {
      drop(ctx, i, index, Drop.NO_TUNNEL);
      return;
    }
    if (header !== -1 && same && recent[Recent.STREAM] !== 0) {
      const sequence = read32(u8, header - Gre.SEQUENCED + Gre.SEQUENCE);
      trackNext(heap[Control.SEQUENCES], ctx.me, ctx.seconds, recent[Recent.STREAM], sequence, 1);
    } else if (header !== -1)
      trackSequence(erspan, session, ip, four, read32(u8, header - Gre.SEQUENCED + Gre.SEQUENCE));
    const refused = tapPacket(ctx, i, erspan, Direction.IN, ip, four ? Af.INET : Af.INET6);
    const deliver = exact && sound === Sound.WHOLE && !refused;
    const priority = priorityOf(heap[record + If.TUNNEL], ip, four, header);
    const start = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    const plain = four && payload - ip === OUTER4 && start + Ether.LENGTH === ip && header !== -1;
    if (deliver && plain && isUnseen(i, index, record) && length[i] >= Ether.LENGTH + OUTER4 + Ether.LENGTH) {
      repeat.remember(i, index, erspan, recent[Recent.STREAM], priority);
    }
    if (priority !== -1) {
      const word = (slots[i] << Meta.SHIFT) + Meta.PRIORITY;
      meta[word] = (meta[word] & ~0xffff) | priority;
    }
    beginAt(ctx, i, payload);
    if (sound !== Sound.OTHER && length[i] < Ether.LENGTH) {
      drop(ctx, i, erspan, Drop.ERSPAN_SHORT);
      return;
    }
    const m = slots[i] << Meta.SHIFT;
    // Offloads of the outer packet mean nothing to what is in it, unless they point there.
    if (meta[m + Meta.VNET0] !== 0 && !vnetCheck(meta, m, length[i])) vnetClear(meta, m);
    count(ctx, erspan, Lane.IPACKETS, 1);
    count(ctx, erspan, Lane.IBYTES, length[i]);
    const dropped = sound !== Sound.OTHER && tapFrame(ctx, i, erspan, Direction.IN);
    const monitor = (heap[record + If.FLAGS] & IfFlag.MONITOR) !== 0;
    if (heap[record + If.CAPTURE] !== 0 && (monitor || !deliver)) {
      ctx.tracer.ends(i, erspan, monitor ? TraceEvent.MONITOR : TraceEvent.CONSUME);
    }
    if (!deliver || monitor) consume(ctx, i, erspan);
    else if (dropped) drop(ctx, i, erspan, Drop.FILDROP);
    else if ((heap[record + If.BRIDGE] | heap[record + If.INET]) === 0) consume(ctx, i, erspan);
    else if (!repeat.keep(i)) ctx.workList.defer(ctx, i, erspan, Hop.FRAME_INPUT);
  }

  /** Whether the last packet of this burst had the same session and addresses: its receiver and its stream are this one's. */
  function isRecent(session: number, index: number, ip: number, four: boolean): boolean {
    if (recent[Recent.BURST] !== ctx.burst || recent[Recent.SESSION] !== session) return false;
    if (recent[Recent.WHERE] !== (index | (four ? 0 : Where.INET6))) return false;
    const w = (ip + (four ? Ipv4.ADDRESSES : Ipv6.SOURCE)) >> 1;
    const words = four ? 4 : 16;
    for (let k = 0; k < words; k++) if (u16[w + k] !== addresses[k]) return false;
    return true;
  }

  /** Step 4, remembered for the next packet. */
  function find(session: number, index: number, ip: number, four: boolean): number {
    const found = receiver(session, heap[ifRecord(index) + If.RDOMAIN], ip, four);
    recent[Recent.BURST] = ctx.burst;
    recent[Recent.SESSION] = session;
    recent[Recent.WHERE] = index | (four ? 0 : Where.INET6);
    recent[Recent.RECEIVER] = found;
    recent[Recent.EXACT] = exact ? 1 : 0;
    recent[Recent.STREAM] = 0;
    const w = (ip + (four ? Ipv4.ADDRESSES : Ipv6.SOURCE)) >> 1;
    for (let k = 0; k < addresses.length; k++) addresses[k] = u16[w + k];
    return found;
  }

  /** Step 4: who takes a packet of this session, in the domain it was received in; 0 = nobody. The first hit wins. */
  function receiver(session: number, rdomain: number, ip: number, four: boolean): number {
    const table = heap[Control.TUNNELS];
    exact = false;
    if (table === 0) return 0;
    if (ctx.poison && heap[table] !== Kind.TUNNELS) reportPoison(ctx, -1);
    const s = ip + (four ? Ipv4.SOURCE : Ipv6.SOURCE);
    const d = ip + (four ? Ipv4.DESTINATION : Ipv6.DESTINATION);
    const l0 = four ? destination4(u8, ip) : read32(u8, d);
    const l1 = four ? 0 : read32(u8, d + 4);
    const l2 = four ? 0 : read32(u8, d + 8);
    const l3 = four ? 0 : read32(u8, d + 12);
    const r0 = four ? source4(u8, ip) : read32(u8, s);
    const r1 = four ? 0 : read32(u8, s + 4);
    const r2 = four ? 0 : read32(u8, s + 8);
    const r3 = four ? 0 : read32(u8, s + 12);
    const where = four ? rdomain : rdomain | Where.INET6;
    const found = lookup(table, session, where, l0, l1, l2, l3, r0, r1, r2, r3);
    exact = found !== 0;
    if (found !== 0) return found;
    const any = lookup(table, session, where | Where.WILDCARD, l0, l1, l2, l3, 0, 0, 0, 0);
    if (any !== 0 || session === SESSION_TYPE_1) return any;
    return lookup(table, SESSION_ANY, where | Where.WILDCARD, l0, l1, l2, l3, 0, 0, 0, 0);
  }

  /** Every packet of a stream counts, whatever becomes of it. */
  function trackSequence(erspan: number, session: number, ip: number, four: boolean, sequence: number): void {
    const table = heap[Control.SEQUENCES];
    if (table === 0) return;
    const s = ip + (four ? Ipv4.SOURCE : Ipv6.SOURCE);
    const where = erspan | (heap[ifRecord(erspan) + If.GENERATION] << 16);
    const s1 = four ? 0 : read32(u8, s + 4);
    const s2 = four ? 0 : read32(u8, s + 8);
    const s3 = four ? 0 : read32(u8, s + 12);
    recent[Recent.STREAM] = track(table, ctx.me, ctx.seconds, where, session, read32(u8, s), s1, s2, s3, sequence);
  }

  /** Whether nobody looks at frame `i`, which leaves the tunnel of `record` for its bridge or the stack, on its way from interface `index`. */
  function isUnseen(i: number, index: number, record: number): boolean {
    if (ctx.fromList || ctx.passed || ctx.ingress !== index || ctx.tracing || recent[Recent.STREAM] === 0) return false;
    if ((heap[record + If.FLAGS] & IfFlag.MONITOR) !== 0 || heap[record + If.CAPTURE] !== 0) return false;
    return (
      (heap[record + If.BRIDGE] | heap[record + If.INET]) !== 0 && meta[(slots[i] << Meta.SHIFT) + Meta.VNET0] === 0
    );
  }

  /** Step 6: the priority of a frame, -1 = as it is. */
  function priorityOf(tunnel: number, ip: number, four: boolean, header: number): number {
    let priority = tunnel === 0 ? TunnelPriority.PACKET : heap[tunnel + Tunnel.RX_PRIORITY];
    if (priority === TunnelPriority.OUTER) priority = (four ? u8[ip + Ipv4.TOS] : trafficClass(u8, ip)) >> 5;
    else if (priority === TunnelPriority.PAYLOAD) {
      priority = header === -1 ? TunnelPriority.PACKET : swapBestEffort(erspanCos(u8, header));
    }
    return priority;
  }

  return greInput;
}
