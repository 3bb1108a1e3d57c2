/**
 * veb input: what a bridge does with a burst from one of its ports (spec A §1.3, REC choices of rows.md), in this order:
 *
 *   1 running?            no: the port's own input (A1)
 *   2 reserved group?     the port's own input; link0 lets five of the sixteen pass (A8, A9)
 *   3 count               ipackets, ibytes
 *   4 tagged?             link2 clear: drop(vlan), not learned (A5)
 *   5 learn               the source, if the port learns
 *   6 resolve             group and unknown: flood; known: one port
 *   7 output              veb-output.ts
 *
 * Each step is one loop over the burst. Captures, span ports, rules and the packet filter take their places between 3 and
 * 5 when they come. Runs on a worker, within one read section: the records read here stay until the burst is finished.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, PortFlag } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { Learned, learn, lookup } from '../../shared/table/etherbridge.js';
import { dstHi, dstLo, EtherType, etherType, isGroup, Reserved, srcHi, srcLo } from '../../shared/wire/ethernet.js';
import { type Context, count, DONE, FLOOD, UNDECIDED } from '../context.js';
import { drop } from '../drop.js';
import { ethernetInput } from './ethernet-input.js';
import { vebOutput } from './veb-output.js';

/** Last nibble of the reserved groups that link0 lets through: 0, b, c, d, f. */
const LINK0_PASSES = (1 << 0x0) | (1 << 0xb) | (1 << 0xc) | (1 << 0xd) | (1 << 0xf);

/** Takes the burst in `ctx`, received on port `ingress` of veb `veb`. */
export function vebInput(ctx: Context, ingress: number, veb: number): void {
  const flags = ctx.heap[ifRecord(veb) + If.FLAGS];
  if ((flags & IfFlag.RUNNING) === 0) {
    giveBackAll(ctx, ingress);
    return;
  }
  readHeaders(ctx);
  giveBackReserved(ctx, ingress, veb, (flags & IfFlag.LINK0) !== 0);
  countInput(ctx, veb);
  if ((flags & IfFlag.LINK2) === 0) dropTagged(ctx, ingress);
  if ((ctx.heap[ifRecord(ingress) + If.PORT_FLAGS] & PortFlag.LEARNING) !== 0) learnSources(ctx, ingress, veb);
  resolve(ctx, veb);
  vebOutput(ctx, ingress, veb);
}

/** Step 1: a veb that is down leaves its ports to themselves. */
function giveBackAll(ctx: Context, ingress: number): void {
  for (let i = 0; i < ctx.n; i++) ethernetInput(ctx, i, ingress);
}

/** The fields that the steps look at, each read from the frame once. */
function readHeaders(ctx: Context): void {
  const { meta, u16, slots } = ctx;
  for (let i = 0; i < ctx.n; i++) {
    const offset = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    ctx.dstHi[i] = dstHi(u16, offset);
    ctx.dstLo[i] = dstLo(u16, offset);
    ctx.srcHi[i] = srcHi(u16, offset);
    ctx.srcLo[i] = srcLo(u16, offset);
    ctx.etherType[i] = etherType(u16, offset);
    ctx.destination[i] = UNDECIDED;
  }
}

/** Step 2: 01:80:c2:00:00:0X belongs to the port itself. */
function giveBackReserved(ctx: Context, ingress: number, veb: number, link0: boolean): void {
  for (let i = 0; i < ctx.n; i++) {
    if (ctx.dstHi[i] !== Reserved.HI || (ctx.dstLo[i] & Reserved.LO_MASK) !== Reserved.LO) continue;
    if (ctx.dstLo[i] >>> 28 !== 0) continue;
    if (link0 && ((LINK0_PASSES >> ((ctx.dstLo[i] >>> 24) & 15)) & 1) !== 0) continue;
    count(ctx, veb, Lane.RETURNED, 1);
    ethernetInput(ctx, i, ingress);
  }
}

/** Step 3: the veb's input counters, before any filter. */
function countInput(ctx: Context, veb: number): void {
  let packets = 0;
  let bytes = 0;
  for (let i = 0; i < ctx.n; i++) {
    if (ctx.destination[i] === DONE) continue;
    packets++;
    bytes += ctx.meta[(ctx.slots[i] << Meta.SHIFT) + Meta.LENGTH];
  }
  const lane = laneOf(ctx.me, veb);
  ctx.counters[lane + Lane.IPACKETS] += packets;
  ctx.counters[lane + Lane.IBYTES] += bytes;
}

/** Step 4: tags end here unless link2 makes them payload. */
function dropTagged(ctx: Context, ingress: number): void {
  for (let i = 0; i < ctx.n; i++) {
    const type = ctx.etherType[i];
    if ((type === EtherType.VLAN || type === EtherType.QINQ) && ctx.destination[i] !== DONE) {
      drop(ctx, i, ingress, Drop.VLAN);
    }
  }
}

/** Step 5: where the sources are. Group and all-zero sources teach nothing (A81). */
function learnSources(ctx: Context, ingress: number, veb: number): void {
  const { heap } = ctx;
  const table = heap[ifRecord(veb) + If.TABLE];
  const generation = heap[ifRecord(ingress) + If.PORT_GENERATION];
  if (generation === 0) return;
  const value = ingress | (generation << 16);
  for (let i = 0; i < ctx.n; i++) {
    const hi = ctx.srcHi[i];
    const lo = ctx.srcLo[i];
    if (ctx.destination[i] === DONE || isGroup(hi) || (hi | lo) === 0) continue;
    const done = learn(heap, table, lo, hi, value, ctx.seconds, ctx.me);
    if (done !== Learned.KNOWN) count(ctx, veb, LEARN_COUNTER[done], 1);
  }
}

/** Counter of each `Learned` that is not KNOWN. */
const LEARN_COUNTER = [0, Lane.LEARNED, Lane.MOVED, Lane.REFUSED, Lane.BUSY];

/** Step 6: the port behind each destination. An entry of a port that has left since is a miss. */
function resolve(ctx: Context, veb: number): void {
  const { heap } = ctx;
  const table = heap[ifRecord(veb) + If.TABLE];
  for (let i = 0; i < ctx.n; i++) {
    if (ctx.destination[i] === DONE) continue;
    const hi = ctx.dstHi[i];
    if (isGroup(hi)) {
      ctx.destination[i] = FLOOD;
      continue;
    }
    const value = lookup(heap, table, ctx.dstLo[i], hi, ctx.seconds);
    const port = value & 0xffff;
    const known = value !== 0 && heap[ifRecord(port) + If.PORT_GENERATION] === value >>> 16;
    ctx.destination[i] = known ? port : FLOOD;
  }
}
