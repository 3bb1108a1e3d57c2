/**
 * The regions as main holds them: made once with sizes printed at start, never grown; slabs over heap and rings; the rings
 * every thread needs. Main's own slot cache is here too (memory hosts and injected frames take slots from it).
 */
import { SLAB_BASE } from '../../shared/layout/heap.js';
import {
  createRegions,
  openRegions,
  type RegionSizes,
  type Regions,
  regionBytes,
  type Views,
} from '../../shared/layout/regions.js';
import { ringWords } from '../../shared/layout/rings.js';
import { ringInit } from '../../shared/ring/ring.js';
import { returnRing, SlotCache } from '../../shared/ring/slot-cache.js';
import { addressOf } from '../../shared/sys/libc.js';
import { Slab } from './slab.js';

/** Entries of a ring between two workers, and of a worker's event ring. */
const WORKER_RING = 1024;
const EVENT_RING = 256;
/** What a return ring of the default sizes takes of the rings region. */
const RETURN_RING_BYTES = 256 << 10;

/** A ring that exists for as long as the process. */
export interface NamedRing {
  readonly name: string;
  readonly base: number;
}

/** Sizes when the operator says nothing. */
export function defaultSizes(threads: number): RegionSizes {
  const ringBytes = (16 << 20) + threads * threads * RETURN_RING_BYTES;
  return { frames: 16_384 * threads, superframes: 192 * threads, heapBytes: 128 << 20, ringBytes, threads };
}

export class Memory {
  readonly regions: Regions;
  readonly views: Views;
  readonly heap: Slab;
  readonly rings: Slab;
  readonly workers: number;
  /** Main's thread number. */
  readonly me: number;
  readonly returnRings: Int32Array;
  readonly workerRings: Int32Array;
  readonly eventRings: Int32Array;
  readonly cache: SlotCache;
  readonly namedRings: NamedRing[] = [];

  /** `sizes.threads` is at least `workers` + 1; threads beyond are generators of benches and tests. */
  constructor(sizes: RegionSizes, workers: number) {
    this.workers = workers;
    this.me = workers;
    this.regions = createRegions(sizes, addressOf);
    this.views = openRegions(this.regions);
    this.heap = new Slab('heap', this.views.heap, SLAB_BASE);
    this.rings = new Slab('rings', this.views.rings, 16);
    const { threads } = sizes;
    this.returnRings = new Int32Array(threads * threads);
    // The last home also has the remainders.
    const share = Math.floor(sizes.frames / threads) + Math.floor(sizes.superframes / threads);
    const homeSlots = powerOfTwo(share + 2 * threads);
    for (let from = 0; from < threads; from++) {
      for (let home = 0; home < threads; home++) {
        if (from !== home) this.returnRings[returnRing(threads, from, home)] = this.newRing(homeSlots);
      }
    }
    this.workerRings = new Int32Array(workers * workers);
    this.eventRings = new Int32Array(workers);
    for (let from = 0; from < workers; from++) {
      for (let to = 0; to < workers; to++) {
        if (from !== to) this.workerRings[from * workers + to] = this.named(`worker${from}-worker${to}`, WORKER_RING);
      }
      this.eventRings[from] = this.named(`worker${from}-event`, EVENT_RING);
    }
    this.cache = new SlotCache(this.views, this.me, this.returnRings);
  }

  /** A new empty ring of `capacity` entries (a power of two); returns its base. Throws ENOMEM. */
  newRing(capacity: number): number {
    const base = this.rings.allocate(ringWords(capacity));
    ringInit(this.views.rings, base, capacity);
    return base;
  }

  /** Bytes of each region. */
  sizes(): Record<string, number> {
    return regionBytes(this.regions.sizes);
  }

  private named(name: string, capacity: number): number {
    const base = this.newRing(capacity);
    this.namedRings.push({ name, base });
    return base;
  }
}

function powerOfTwo(atLeast: number): number {
  let n = 1;
  while (n < atLeast) n *= 2;
  return n;
}
