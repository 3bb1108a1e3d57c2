/**
 * What workers punt: taken from their rings, copied out, and handed to the stack. Main only.
 *
 * The rings of ARP and ND come first, and each turn takes a bounded number from every ring, so that neither a flood of packets nor one of
 * neighbours keeps main from the rest of its work.
 */
import { Work, workLane } from '../../shared/layout/counters.js';
import { Meta, TRAIL_WORDS } from '../../shared/layout/packet.js';
import { Cast, PuntReason, PuntWord } from '../../shared/ring/punt-reason.js';
import { RingConsumer } from '../../shared/ring/ring.js';
import { Tcp } from '../../shared/wire/tcp.js';
import { Udp } from '../../shared/wire/udp.js';
import { completeChecksum, Gso, hasChecksum, VnetFlag } from '../../shared/wire/vnet.js';
import type { Memory } from '../memory/memory.js';
import type { Superframe } from '../stack/packet.js';

/** Frames taken from all rings in a turn, but from each so many at most, and so many at least. */
const BUDGET = 128;
const RING_MOST = 64;
const RING_LEAST = 4;

/** A frame that a worker left to main. */
export interface Punt {
  readonly reason: PuntReason;
  /** Interface it was received on. */
  readonly index: number;
  /** A copy of the frame: Ethernet, or an IP packet from a point-to-point interface. Its checksums are whole, but for a superframe's. */
  readonly bytes: Uint8Array;
  /** Where the ARP or IP header begins in it. */
  readonly network: number;
  readonly cast: Exclude<Cast, Cast.OWN>;
  /** Routing domain of a packet that the worker made. */
  readonly rdomain: number | undefined;
  /** What it has behind it, for who sends it on. */
  readonly trail: Int32Array | undefined;
  /** Of one that is to be sent on and is more than one packet; then its transport checksum is partial. */
  readonly superframe: Superframe | undefined;
}

/** Reasons for which a packet is sent on as it came. */
const SENT_ON: readonly PuntReason[] = [PuntReason.RESOLVE, PuntReason.OUTPUT, PuntReason.VIA];

export class Punts {
  private readonly memory: Memory;
  /** Of all workers: those for neighbours first. */
  private readonly rings: readonly RingConsumer[];
  /** Frames taken from one ring in one turn. */
  private readonly budget: number;
  private readonly slots = new Int32Array(RING_MOST);

  constructor(memory: Memory) {
    const { puntRings, views } = memory;
    this.memory = memory;
    const ends = Array.from(puntRings, (base) => new RingConsumer(views.rings, base));
    this.rings = [...ends.filter((_, n) => n % 2 === 0), ...ends.filter((_, n) => n % 2 === 1)];
    this.budget = Math.max(RING_LEAST, Math.min(RING_MOST, Math.floor(BUDGET / this.rings.length)));
  }

  /** Hands up to a budget of frames from each ring to `take`. Returns whether any ring may have more. */
  turn(take: (punt: Punt) => void): boolean {
    const { views, cache, me } = this.memory;
    let more = false;
    for (const ring of this.rings) {
      const n = ring.popList(this.slots, this.budget);
      if (n === 0) continue;
      more ||= n === this.budget;
      views.counters[workLane(views.sizes.threads, me) + Work.HANDED_IN] += n;
      for (let k = 0; k < n; k++) {
        const punt = this.read(this.slots[k]);
        cache.give(this.slots[k]);
        take(punt);
      }
      cache.flush();
    }
    return more;
  }

  private read(slot: number): Punt {
    const { u8, u16, i32, meta, slotOffset } = this.memory.views;
    const m = slot << Meta.SHIFT;
    const offset = meta[m + Meta.OFFSET];
    const length = meta[m + Meta.LENGTH];
    const word = meta[m + Meta.EGRESS];
    const reason: PuntReason = word & PuntWord.REASON_MASK;
    const cast: Cast = (word >> PuntWord.CAST_SHIFT) & PuntWord.CAST_MASK;
    const own = reason === PuntReason.OUTPUT;
    const network = own ? 0 : word >>> PuntWord.OFFSET_SHIFT;
    const superframe = SENT_ON.includes(reason) ? this.superframe(m, network) : undefined;
    const partial = superframe === undefined && (meta[m + Meta.VNET0] & VnetFlag.NEEDS_CSUM) !== 0;
    if (partial && hasChecksum(meta, m)) completeChecksum(u8, u16, meta, m);
    const begin = slotOffset[slot] >> 2;
    return {
      reason,
      index: meta[m + Meta.INGRESS],
      bytes: u8.slice(offset, offset + length),
      network,
      cast: cast === Cast.OWN ? Cast.UNICAST : cast,
      rdomain: own ? word >>> PuntWord.OFFSET_SHIFT : undefined,
      trail: (word & PuntWord.TRAIL) === 0 ? undefined : i32.slice(begin, begin + TRAIL_WORDS),
      superframe,
    };
  }

  /** What the frame with its meta at `m`, whose IP header is at byte `network`, says of a superframe; undefined if it is none. */
  private superframe(m: number, network: number): Superframe | undefined {
    const { u8, meta } = this.memory.views;
    const word0 = meta[m + Meta.VNET0];
    const gso = (word0 >>> 8) & 0x7f;
    if (gso === Gso.NONE) return undefined;
    const start = meta[m + Meta.VNET1] >>> 16;
    const transport = meta[m + Meta.OFFSET] + start;
    const header = gso === Gso.UDP_L4 ? Udp.LENGTH : (u8[transport + Tcp.DATA_OFFSET] >> 4) << 2;
    const from = network << 16;
    // An hdr_len that is not said stays so.
    const words = [
      word0 >>> 16 === 0 ? word0 : word0 - from,
      meta[m + Meta.VNET1] - from,
      meta[m + Meta.VNET2],
    ] as const;
    return { words, size: start - network + header + (meta[m + Meta.VNET1] & 0xffff) };
  }
}
