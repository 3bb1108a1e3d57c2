/**
 * The regions as main holds them: made once with sizes printed at start, never grown; slabs over heap and rings; the rings
 * every thread needs. Main's own slot cache is here too (memory hosts and injected frames take slots from it).
 */
import { captureAreaBytes } from '../../shared/layout/capture.js';
import { SLAB_BASE } from '../../shared/layout/heap.js';
import { packetBytes } from '../../shared/layout/packet.js';
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
import { callCode } from '../../shared/sys/call-list.js';
import { addressOf } from '../../shared/sys/libc.js';
import { DEFAULT_SETTINGS, type Settings } from '../config/state.js';
import { ControlError } from '../errors.js';
import { Slab } from './slab.js';

/** Entries of a ring between two workers, and of a worker's event ring. */
const WORKER_RING = 1024;
const EVENT_RING = 256;
/** Room for rings between workers, of events, and of memory ports. */
const OTHER_RINGS_BYTES = 16 << 20;

/** Frames that wait for main, of one worker and one kind. */
const PUNT_RING = 256;
/** A burst's slots (workers/context.ts, PLACES), and those of a burst that is taken apart. */
const LEDGER_BYTES = (128 + 64) * 4;

/** A ring that exists for as long as the process. */
export interface NamedRing {
  readonly name: string;
  readonly base: number;
}

/** Slots each thread has, and MiB of heap, when the operator says nothing. */
const FRAMES_A_THREAD = 16_384;
const SUPERFRAMES_A_THREAD = 192;
const HEAP_MIB = 128;
/** Slots and capture rings together have less. */
const PACKET_BYTES_MOST = 2 ** 31;
/** MiB of each thread's capture ring: no page of it is there before a capture needs it. */
const CAPTURE_MIB = 16;

/**
 * The sizes that `settings` ask for, for `threads` threads. Throws EINVAL if slots and capture rings together, which are one view of int32 places,
 * would be 2 GiB or more.
 */
export function sizesFor(threads: number, settings: Settings = DEFAULT_SETTINGS): RegionSizes {
  const frames = settings['smrouter.frames'] || FRAMES_A_THREAD * threads;
  const superframes = settings['smrouter.superframes'] || SUPERFRAMES_A_THREAD * threads;
  // A ring takes twice its entries at most: the slab's classes are powers of two.
  const returnRing = 8 * homeSlots({ frames, superframes }, threads);
  const ringBytes = OTHER_RINGS_BYTES + threads * threads * returnRing;
  const captureBytes = powerOfTwo(settings['smrouter.capture'] || CAPTURE_MIB) << 20;
  const bytes = packetBytes({ frames, superframes }) + captureAreaBytes(captureBytes, threads);
  if (bytes >= PACKET_BYTES_MOST) {
    throw new ControlError(
      'EINVAL',
      `smrouter.frames, smrouter.superframes and ${threads} rings of smrouter.capture take ${Math.ceil(bytes / 2 ** 20)} MiB; less than 2048 is possible`,
    );
  }
  return {
    frames,
    superframes,
    heapBytes: (settings['smrouter.heap'] || HEAP_MIB) << 20,
    ringBytes,
    captureBytes,
    threads,
  };
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
  /** `from * workers + to`; main's are behind those of the workers. */
  readonly workerRings: Int32Array;
  readonly eventRings: Int32Array;
  /** Frames for main: `2 * worker` those of ARP and ND, the next one all others. */
  readonly puntRings: Int32Array;
  /** Workers whose thread ended and that will not have another. */
  readonly givenUp = new Set<number>();
  /** What workers run for a list of system calls (shared/sys/call-list.ts); one page for all of them. */
  callCode = callCode();
  /** Slots of the burst each worker has in hand. */
  readonly ledgers: readonly Int32Array[];
  /** For each thread, frames by which its lanes of interfaces that are gone were out of balance. */
  readonly settledBalance: Float64Array;
  readonly cache: SlotCache;
  readonly namedRings: NamedRing[] = [];

  /** `sizes.threads` is at least `workers` + 1; threads beyond are generators of benches and tests. */
  constructor(sizes: RegionSizes, workers: number) {
    this.workers = workers;
    this.me = workers;
    this.regions = createRegions(sizes, addressOf);
    this.views = openRegions(this.regions);
    this.heap = new Slab('heap', this.views.heap, SLAB_BASE);
    this.rings = new Slab('rings', this.views.rings, 32);
    const { threads } = sizes;
    this.returnRings = new Int32Array(threads * threads);
    const homes = homeSlots(sizes, threads);
    for (let from = 0; from < threads; from++) {
      for (let home = 0; home < threads; home++) {
        if (from !== home) this.returnRings[returnRing(threads, from, home)] = this.newRing(homes);
      }
    }
    this.workerRings = new Int32Array((workers + 1) * workers);
    this.eventRings = new Int32Array(workers);
    this.puntRings = new Int32Array(2 * workers);
    for (let from = 0; from < workers; from++) {
      for (let to = 0; to < workers; to++) {
        if (from !== to) this.workerRings[from * workers + to] = this.named(`worker${from}-worker${to}`, WORKER_RING);
      }
      this.eventRings[from] = this.named(`worker${from}-event`, EVENT_RING);
      this.puntRings[2 * from] = this.named(`worker${from}-neighbour`, PUNT_RING);
      this.puntRings[2 * from + 1] = this.named(`worker${from}-punt`, PUNT_RING);
    }
    for (let to = 0; to < workers; to++) {
      this.workerRings[workers * workers + to] = this.named(`main-worker${to}`, WORKER_RING);
    }
    this.settledBalance = new Float64Array(threads);
    this.ledgers = Array.from({ length: workers }, () => new Int32Array(new SharedArrayBuffer(LEDGER_BYTES)).fill(-1));
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

/** Entries of a return ring: every slot of one home fits, that of the last too, which also has the remainders. */
function homeSlots(sizes: { frames: number; superframes: number }, threads: number): number {
  return powerOfTwo(Math.floor(sizes.frames / threads) + Math.floor(sizes.superframes / threads) + 2 * threads);
}

function powerOfTwo(atLeast: number): number {
  let n = 1;
  while (n < atLeast) n *= 2;
  return n;
}
