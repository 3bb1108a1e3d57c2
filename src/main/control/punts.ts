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
import { completeChecksum, hasChecksum, VnetFlag } from '../../shared/wire/vnet.js';
import type { Memory } from '../memory/memory.js';

/** Frames taken from all rings in a turn, but from each so many at most, and so many at least. */
const BUDGET = 128;
const RING_MOST = 64;
const RING_LEAST = 4;

/** A frame that a worker left to main. */
export interface Punt {
  readonly reason: PuntReason;
  /** Interface it was received on. */
  readonly index: number;
  /** A copy of the frame: Ethernet, or an IP packet from a point-to-point interface. Its checksums are whole. */
  readonly bytes: Uint8Array;
  /** Where the ARP or IP header begins in it. */
  readonly network: number;
  readonly cast: Exclude<Cast, Cast.OWN>;
  /** Routing domain of a packet that the worker made. */
  readonly rdomain: number | undefined;
  /** What it has behind it, for who sends it on. */
  readonly trail: Int32Array | undefined;
}

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
    if ((meta[m + Meta.VNET0] & VnetFlag.NEEDS_CSUM) !== 0 && hasChecksum(meta, m)) completeChecksum(u8, u16, meta, m);
    const reason: PuntReason = word & PuntWord.REASON_MASK;
    const cast: Cast = (word >> PuntWord.CAST_SHIFT) & PuntWord.CAST_MASK;
    const own = reason === PuntReason.OUTPUT;
    const begin = slotOffset[slot] >> 2;
    return {
      reason,
      index: meta[m + Meta.INGRESS],
      bytes: u8.slice(offset, offset + length),
      network: own ? 0 : word >>> PuntWord.OFFSET_SHIFT,
      cast: cast === Cast.OWN ? Cast.UNICAST : cast,
      rdomain: own ? word >>> PuntWord.OFFSET_SHIFT : undefined,
      trail: (word & PuntWord.TRAIL) === 0 ? undefined : i32.slice(begin, begin + TRAIL_WORDS),
    };
  }
}
