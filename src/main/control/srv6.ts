/**
 * Next hops of SRv6 routes: local SIDs and encapsulations as workers read them (shared/table/sid.ts), and the counters of SIDs.
 * Main only.
 */
import { MAX_COUNTED_SIDS, SidCount, sidLane } from '../../shared/layout/counters.js';
import { Control } from '../../shared/layout/heap.js';
import type { Views } from '../../shared/layout/regions.js';
import { NextHopKind, type NextHopSpec } from '../../shared/table/next-hop.js';
import { EncapFlag, OVERHEAD_MOST, SidAction, SidFlavor } from '../../shared/table/sid.js';
import { Ecn } from '../../shared/wire/ecn.js';
import { Ipv6, writeIpv6 } from '../../shared/wire/ipv6.js';
import { write32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { segmentAt, srhBytes, writeSrh } from '../../shared/wire/srh.js';
import { addressWords } from '../config/address.js';
import type { LiveEncap } from '../config/routes.js';
import type { EncapSpec, SidAction as SidActionName, SidSpec } from '../config/seg6.js';
import type { Settings } from '../config/state.js';
import { ControlError } from '../errors.js';

const ACTION: Readonly<Record<SidActionName, SidAction>> = {
  End: SidAction.END,
  'End.X': SidAction.END_X,
  'End.T': SidAction.END_T,
  'End.DX2': SidAction.END_DX2,
  'End.DX4': SidAction.END_DX4,
  'End.DX6': SidAction.END_DX6,
  'End.DT4': SidAction.END_DT4,
  'End.DT6': SidAction.END_DT6,
  'End.DT46': SidAction.END_DT46,
};

const FLAVOR = { psp: SidFlavor.PSP, usp: SidFlavor.USP, usd: SidFlavor.USD } as const;

/** An interface that a SID refers to, as of now: who takes its index later is another. */
export interface Referred {
  readonly index: number;
  readonly generation: number;
}

/**
 * The next hop of a local SID of table `home`. `referred` is its VRF or, without one, its oif; `counter` is 0 or of `SidCounters`.
 */
export function sidNextHop(sid: SidSpec, home: number, referred: Referred | undefined, counter: number): NextHopSpec {
  const flavors = sid.flavors.reduce((bits, name) => bits | FLAVOR[name], 0);
  const enters = sid.vrftable === -1 ? 0 : SidFlavor.VRF | (sid.action === 'End.DT6' ? 0 : SidFlavor.VRF4);
  const nexthop = sid.nh4 || sid.nh6;
  return {
    kind: NextHopKind.SID,
    interface: referred?.index ?? 0,
    generation: referred?.generation ?? 0,
    gateway: nexthop === '' ? [] : [...addressWords(nexthop)],
    flags: ACTION[sid.action] | (flavors << SidFlavor.SHIFT) | enters,
    table: sid.table === -1 ? home : sid.table,
    counter,
  };
}

/** Bytes that an encapsulation puts in front of a packet (spec B §1.1). */
export function overheadOf({ mode, segs, hmac }: Pick<EncapSpec, 'mode' | 'segs' | 'hmac'>): number {
  const carried = carriedSegments(mode, segs.length, hmac !== 0);
  return Ipv6.LENGTH + (carried === 0 ? 0 : srhBytes(carried, hmac !== 0));
}

/** Segments that the SRH carries: a reduced one leaves out the first, and one without segments is left out itself (RFC 8986 §5.2). */
export function carriedSegments(mode: EncapSpec['mode'], segments: number, hmac: boolean): number {
  if (mode === 'encap') return segments;
  return segments === 1 && hmac ? 1 : segments - 1;
}

/** The next hop of a route that encapsulates. Throws EINVAL for a path that is too long. */
export function encapNextHop(encap: LiveEncap): NextHopSpec {
  const bytes = overheadOf(encap);
  if (bytes > OVERHEAD_MOST) throw new ControlError('EINVAL', `${encap.segs.length} segments are too many`);
  const header = new Uint8Array(bytes);
  const path = encap.segs.map((segment) => addressWords(segment));
  const first = path[0] as Int32Array;
  const carried = carriedSegments(encap.mode, path.length, encap.hmac !== 0);
  writeIpv6(header, 0, 0, 0, 0, Protocol.ROUTING, 0);
  writeAddress(header, Ipv6.SOURCE, addressWords(encap.source));
  writeAddress(header, Ipv6.DESTINATION, first);
  if (carried > 0) {
    writeSrh(header, Ipv6.LENGTH, Protocol.NO_NEXT_HEADER, carried, path.length - 1, encap.hmac);
    // The last of the path comes first; a reduced header ends with the second.
    for (let n = 0; n < carried; n++) {
      writeAddress(header, segmentAt(Ipv6.LENGTH, n), path[path.length - 1 - n] as Int32Array);
    }
  }
  const bytesAsWords = new Int32Array(header.buffer);
  return {
    kind: NextHopKind.ENCAP,
    gateway: [...first],
    table: encap.underlay,
    flags: carried > 0 ? EncapFlag.SRH : 0,
    key: encap.hmac,
    header: [...bytesAsWords],
  };
}

function writeAddress(u8: Uint8Array, at: number, words: Int32Array): void {
  words.forEach((word, n) => {
    write32(u8, at + 4 * n, word);
  });
}

/** Tells workers what the settings say of SRv6. */
export function applySrv6Settings(heap: Int32Array, settings: Settings): void {
  heap[Control.SRV6_COMPAT] = settings['srv6.compat'] === 'linux' ? 1 : 0;
  const ecn = settings['srv6.ecn'] === 'rfc6040';
  heap[Control.SRV6_ECN] = ecn ? 1 : 0;
  heap[Control.SRV6_TOS] = (ecn ? Ecn.MASK : 0) | (settings['srv6.dscp'] === 'inherit' ? ~Ecn.MASK & 0xff : 0);
  heap[Control.SEG6_ENABLED] = settings['net.ipv6.conf.all.seg6_enabled'];
  heap[Control.SRV6_FLOW_LABEL] = settings['net.ipv6.seg6_flowlabel'];
}

/** What a SID has counted. */
export interface SidCounts {
  readonly packets: number;
  readonly bytes: number;
  readonly errors: number;
}

/** The numbers of SID counters: which are free, and what they say. */
export class SidCounters {
  private readonly free: number[] = [];
  private used = 1;

  constructor(private readonly views: Views) {}

  /** A number whose counters are 0. Throws ENOMEM when all are taken. */
  take(): number {
    const number = this.free.pop() ?? this.used++;
    if (number >= MAX_COUNTED_SIDS)
      throw new ControlError('ENOMEM', `no more than ${MAX_COUNTED_SIDS - 1} counted SIDs`);
    return number;
  }

  /** Gives a number back; no worker may know of it any more. */
  give(number: number): void {
    for (let thread = 0; thread < this.views.sizes.threads; thread++) {
      const at = sidLane(this.views.sizes.threads, thread, number);
      this.views.counters.fill(0, at, at + SidCount.WORDS);
    }
    this.free.push(number);
  }

  /** What all workers have counted. */
  read(number: number): SidCounts {
    const sum = (word: SidCount): number => {
      let total = 0;
      for (let thread = 0; thread < this.views.sizes.threads; thread++) {
        total += this.views.counters[sidLane(this.views.sizes.threads, thread, number) + word] as number;
      }
      return total;
    };
    return { packets: sum(SidCount.PACKETS), bytes: sum(SidCount.BYTES), errors: sum(SidCount.ERRORS) };
  }
}
