/**
 * Another pass through the stack, within the burst: what comes out of a tunnel goes in again, in the routing domain it belongs to. The
 * frame keeps its place and its slot; the passes begin when all frames of the burst have had the one before, so that no path
 * recurses and each step runs over many frames. A pass is a virtual hop, of which a frame may take 16 (work-list.ts). Runs on a
 * worker.
 */
import { Drop } from '../shared/counter/drop-reason.js';
import { SidCount, sidLane } from '../shared/layout/counters.js';
import { Meta } from '../shared/layout/packet.js';
import { Cast } from '../shared/ring/punt-reason.js';
import { totalLength } from '../shared/wire/ipv4.js';
import { Ipv6, payloadLength } from '../shared/wire/ipv6.js';
import { BURST, type Context } from './context.js';
import { drop } from './drop.js';
import type { IpInput } from './inet/ip4-input.js';
import type { Srv6Encap } from './tunnel/srv6-encap.js';
import type { LocalSid } from './tunnel/srv6-local-sid.js';
import type { VrfInput } from './tunnel/vrf-input.js';
import { HOPS_MOST } from './work-list.js';

/** Where a frame goes in again; its packet is at its begin. */
export const enum Pass {
  /** IPv6 as received by a VRF; IPv4 goes there at once, as nothing leads from it back to a SID but a pass. */
  VRF6 = 1,
  /** As received by the interface it came in on. */
  INPUT4 = 2,
  INPUT6 = 3,
  /** To a local SID whose route is known already. */
  SID = 4,
  /** A packet of our own into an encapsulation. */
  ENCAP = 5,
  /** An IPv6 packet on its way through, into an encapsulation. */
  ENCAP6 = 6,
  /** The same of IPv4. */
  ENCAP4 = 7,
}

/** Counts a virtual hop of frame `i`, which is on interface `index`. False if it has taken too many, and is dropped. */
export function takeHop(ctx: Context, i: number, index: number): boolean {
  if (ctx.hops[i] + ctx.workList.hopsOf(ctx, i) >= HOPS_MOST) {
    drop(ctx, i, index, Drop.LOOP);
    return false;
  }
  ctx.hops[i]++;
  ctx.passed = true;
  return true;
}

/** Puts frame `i` on the list for a pass as received on interface `index`; `hop` is the record of the next hop of a SID or an encapsulation. */
export function passOn(ctx: Context, i: number, index: number, pass: Pass, hop: number): void {
  if (!takeHop(ctx, i, index)) return;
  ctx.passWhat[i] = pass | (index << 8);
  ctx.passHop[i] = hop;
  ctx.passList[ctx.passes++] = i;
}

/** What the passes run. */
export interface PassParts {
  readonly ip4Input: IpInput;
  readonly ip6Input: IpInput;
  readonly vrfInput: VrfInput;
  readonly localSid: LocalSid;
  readonly encap: Srv6Encap;
}

/** Makes the passes of one worker: a function that runs all that the burst in hand has before it. */
export function makePasses(ctx: Context, { ip4Input, ip6Input, vrfInput, localSid, encap }: PassParts): () => void {
  const { meta, slots, passList, passWhat, passHop } = ctx;
  const current = new Int32Array(BURST);

  function runPasses(): void {
    while (ctx.passes !== 0) {
      const n = ctx.passes;
      ctx.passes = 0;
      for (let k = 0; k < n; k++) current[k] = passList[k];
      for (let k = 0; k < n; k++) run(current[k]);
    }
  }

  function run(i: number): void {
    const what = passWhat[i];
    const index = what >>> 8;
    const ip = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    ctx.failed = false;
    switch (what & 0xff) {
      case Pass.VRF6:
        if (vrfInput.v6(i, index, ip, ctx.length[i])) ip6Input(i, index, ip, Cast.UNICAST);
        break;
      case Pass.INPUT4:
        ip4Input(i, index, ip, Cast.UNICAST);
        break;
      case Pass.INPUT6:
        ip6Input(i, index, ip, Cast.UNICAST);
        break;
      case Pass.ENCAP:
        encap.own(i, index, ip, passHop[i]);
        break;
      case Pass.ENCAP4:
        encap.v4(i, index, ip, Cast.UNICAST, totalLength(ctx.u8, ip), passHop[i]);
        break;
      case Pass.ENCAP6:
        encap.v6(i, index, ip, Cast.UNICAST, Ipv6.LENGTH + payloadLength(ctx.u8, ip), passHop[i]);
        break;
      default:
        settleSid(ctx, i);
        localSid(i, index, ip, Cast.UNICAST, passHop[i]);
        return;
    }
    settleSid(ctx, i);
  }

  return runPasses;
}

/** Counts what has become of frame `i` at the SID that it was for, if that one is counted (spec B §1.9). */
export function settleSid(ctx: Context, i: number): void {
  const number = ctx.sid[i];
  if (number === 0) return;
  ctx.sid[i] = 0;
  const lane = sidLane(ctx.views.sizes.threads, ctx.me, number);
  if (ctx.failed) {
    ctx.counters[lane + SidCount.ERRORS] += 1;
    return;
  }
  ctx.counters[lane + SidCount.PACKETS] += 1;
  ctx.counters[lane + SidCount.BYTES] += ctx.sidBytes[i];
}
