/**
 * The one state object of a worker: views of the regions, the burst in hand, what leaves at its end.
 *
 * Made once when the worker starts; nothing is added to it later, so its shape never changes. A burst is the frames taken
 * from one source in one go: `slots[0 … n-1]`. Fast-path functions name a frame by its place in the burst.
 */
import { laneOf, Work, workLane } from '../shared/layout/counters.js';
import { Control, MAX_INTERFACES, Thread, threadBlock } from '../shared/layout/heap.js';
import { Slot } from '../shared/layout/packet.js';
import type { Regions, Views } from '../shared/layout/regions.js';
import { openRegions } from '../shared/layout/regions.js';
import { RingConsumer, RingProducer } from '../shared/ring/ring.js';
import { SlotCache } from '../shared/ring/slot-cache.js';
import { type CallList, makeCallList } from '../shared/sys/call-list.js';
import { boxAddresses } from '../shared/sys/libc.js';
import { makeTaps, type Taps } from './capture/taps.js';
import { makeTracer, type Tracer } from './capture/tracer.js';
import type { PacketFilter } from './ether/packet-filter.js';
import { WorkList } from './work-list.js';

/** Most frames in a burst. */
export const BURST = 64;
/** Places in a burst: those of received frames, then as many for frames made on the way out (device/segment.ts). */
export const PLACES = 2 * BURST;

/** What main hands a worker (or a bench's thread) to begin with. */
export interface WorkerTask {
  readonly regions: Regions;
  /** Its thread number. */
  readonly me: number;
  /** Number of workers: threads 0 … workers-1. */
  readonly workers: number;
  /** Return rings, `returnRing(threads, from, home)`. */
  readonly returnRings: Int32Array;
  /** Rings between workers, `from * workers + to`; 0 where from = to. Main's are behind them, as if it were the last worker. */
  readonly workerRings: Int32Array;
  /** Where the slots of the burst in hand are kept, in shared memory; -1 where there is none. */
  readonly ledger: Int32Array;
  /** Event rings to main, by worker; a thread that is no worker has none. */
  readonly eventRings: Int32Array;
  /** Two rings of frames to main for each worker: for ARP and ND, and for the rest. */
  readonly puntRings: Int32Array;
  /** Machine code for lists of system calls (shared/sys/call-list.ts); 0 = there is none. */
  readonly callCode: number;
  /** Unix time in milliseconds at which uptime is 0. */
  readonly originMs: number;
}

/** `Context.destination` of a frame not yet decided. */
export const UNDECIDED = 0;
/** The frame is for nobody any more: dropped, consumed or given away. */
export const DONE = -1;
/** The frame goes to every eligible port. */
export const FLOOD = -2;

export class Context {
  readonly me: number;
  readonly workers: number;
  readonly views: Views;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly meta: Int32Array;
  readonly slotOffset: Int32Array;
  readonly owner: Int32Array;
  readonly heap: Int32Array;
  readonly counters: Float64Array;
  readonly block: number;
  readonly cache: SlotCache;
  /** Slots below this number are small. */
  readonly smallSlots: number;
  /** Addresses of the virtio-net header in front of each slot's frame, boxed once: a computed number would be garbage. */
  readonly address: number[];
  /** Rings to and from the other workers, by worker; the last of those from is main's. */
  readonly toWorker: (RingProducer | undefined)[];
  readonly fromWorker: (RingConsumer | undefined)[];
  /** Events to main. */
  readonly events: RingProducer;
  /** Frames to main: those of ARP and ND, and all others, so that neither starves the other. */
  readonly punts: readonly [RingProducer, RingProducer];
  /** Frames put on them in this burst. */
  punted = 0;
  /** Shows packets to captures. */
  readonly taps: Taps;
  /** Writes down what becomes of a frame that is traced, and whether the burst in hand is such a frame. */
  readonly tracer: Tracer;
  tracing = false;
  /** Whether the burst has stored records in the capture ring, and `Control.CAPTURES` as of the last look at filters. */
  captured = false;
  capturesSeen = 0;
  /** Frames that have a virtual hop before them. */
  readonly workList: WorkList;
  /** Frames handed to each worker in this burst, which is to be rung after it. */
  readonly handed: Int32Array;

  /** Uptime in whole seconds, refreshed once in a while, never per frame. */
  seconds = 1;
  readonly uptimeAtOrigin: number;
  /** When it was last known to be awake, on `performance.now()`; a box that is never made again. */
  readonly wokeAt = new Float64Array(1);
  /** Epoch last announced. */
  epoch = 0;
  /** Whether readers check records for poison. */
  poison = false;

  /** Whether it looks into rings all the time, so that waiting a moment for more costs nothing. */
  eager = false;
  /** Whether a queue is looked into of the worker's own accord: no event has told of it. */
  looking = false;

  /** The burst. */
  n = 0;
  /** Interface index it was received on; 0 for frames of another worker, which have it in their meta. */
  ingress = 0;
  /** Queue of that interface that it is received from. */
  queue = 0;
  /** Bytes of the frames in it. */
  bytes = 0;
  /** Its number, which wraps: what is kept of tables for a burst is void with another one. */
  burst = 1;
  /** The number of the last burst in which ERSPAN of one stream may repeat itself (tunnel/erspan-repeat.ts). */
  repeats = 0;
  /** Whether any frame of the burst carries offload state: without it, frames and wire packets are the same number. */
  offloads = false;
  /** Whether any frame of the burst is marked in `shared`, or was made by this worker. */
  anyShared = false;
  /**
   * Slots of the burst, in shared memory: should this thread die, main sees what it held (worker-death.ts). Behind its PLACES wait those of
   * a burst that is taken apart (capture/tracer.ts).
   */
  readonly slots: Int32Array;
  readonly destination = new Int32Array(BURST);
  /** 1 if the frame also goes elsewhere: an output must copy it, not take it. */
  readonly shared = new Uint8Array(PLACES);
  /** Whether the burst came from the work list, so that its frames have a trail (work-list.ts). */
  fromList = false;
  /** Slots of the burst stay the receiver's: an output that keeps one must replace it. */
  borrowed = false;
  readonly length = new Int32Array(PLACES);
  readonly dstHi = new Int32Array(BURST);
  readonly dstLo = new Int32Array(BURST);
  readonly srcHi = new Int32Array(BURST);
  readonly srcLo = new Int32Array(BURST);

  /** Turns of the loop, one more for each that had to wait; wraps. Frames of a device in two turns running came together. */
  turn = 0;
  /** Copies that may still be made this turn for span ports that are tunnels. */
  mirrors = 0;
  /** Superframes have come since this was last cleared. */
  bulk = false;
  /** The device last read from says that it no longer exists. */
  deviceGone = false;
  /** Reads or writes of a TAP, a burst at a time; offsets are those in the packet view. */
  readonly calls: CallList;
  /** Superframe slots that TAPs are read into; `-1` where an output kept one. */
  readonly tapSlots = new Int32Array(BURST).fill(-1);
  /** Place in the burst → place in `tapSlots`. */
  readonly tapPlace = new Int32Array(BURST);

  /** Frames waiting for each egress interface, `egressList[index * BURST …]`, by place in the burst. */
  readonly egressList = new Int32Array(MAX_INTERFACES * BURST);
  readonly egressCount = new Int32Array(MAX_INTERFACES);
  /** Egress interfaces that have frames waiting, in the order first used. */
  readonly egress = new Int32Array(MAX_INTERFACES);
  egresses = 0;
  /** Whether frames or copies of this burst may carry a tag; only then do the two below count. */
  tagged = false;
  /** Tag of each frame, as rules on the way in set it; 0 = none. */
  readonly tag = new Int32Array(BURST);
  /** Tag of each copy, beside `egressList`: a tag travels with the copy, never in a slot that others send too. */
  readonly egressTag = new Int32Array(MAX_INTERFACES * BURST);

  readonly scratch = new Int32Array(BURST);

  /** Frames that have another pass before them (passes.ts), by place; what it is, and a next hop's record for it, of each. */
  readonly passList = new Int32Array(BURST);
  passes = 0;
  readonly passWhat = new Int32Array(BURST);
  readonly passHop = new Int32Array(BURST);
  /** Passes that each frame has taken in this burst, and whether any has. */
  readonly hops = new Uint8Array(PLACES);
  passed = false;
  /** Counter of the SID that each frame is for, 0 = none, and its bytes when it came there. */
  readonly sid = new Int32Array(BURST);
  readonly sidBytes = new Int32Array(BURST);
  /** Whether a frame has been dropped or refused since this was last cleared. */
  failed = false;

  /** Floods that each port may still make now, and when that was reckoned (ether/storm.ts). */
  readonly stormTokens = new Float64Array(MAX_INTERFACES);
  readonly stormAt = new Float64Array(MAX_INTERFACES).fill(-1e9);

  /** Looks at IP packets that cross a veb with link1 (ether/packet-filter.ts); there is none yet but in tests. */
  packetFilter: PacketFilter | undefined = undefined;

  /** `packetAddress` is the address of the packet view's first byte. */
  constructor(task: WorkerTask, packetAddress: (view: Uint8Array) => number) {
    const views = openRegions(task.regions);
    this.me = task.me;
    this.workers = task.workers;
    this.views = views;
    this.u8 = views.u8;
    this.u16 = views.u16;
    this.i32 = views.i32;
    this.meta = views.meta;
    this.slots = task.ledger;
    this.smallSlots = views.sizes.frames;
    this.slotOffset = views.slotOffset;
    this.owner = views.owner;
    this.heap = views.heap;
    this.counters = views.counters;
    this.block = threadBlock(task.me);
    this.cache = new SlotCache(views, task.me, task.returnRings);
    this.uptimeAtOrigin = performance.timeOrigin - task.originMs;
    this.events = new RingProducer(views.rings, task.eventRings[Math.min(task.me, task.workers - 1)]);
    const puntRing = 2 * Math.min(task.me, task.workers - 1);
    this.punts = [
      new RingProducer(views.rings, task.puntRings[puntRing]),
      new RingProducer(views.rings, task.puntRings[puntRing + 1]),
    ];
    this.workList = new WorkList(views.slotOffset.length);
    this.handed = new Int32Array(task.workers);
    const base = packetAddress(views.u8);
    this.calls = makeCallList(task.callCode, base, BURST);
    this.address = boxAddresses(Array.from(views.slotOffset, (offset) => base + offset + HEADER_OFFSET));
    this.toWorker = [];
    this.fromWorker = [];
    for (let w = 0; w < task.workers; w++) {
      const other = w !== task.me && task.me < task.workers;
      const out = task.workerRings[task.me * task.workers + w];
      const back = task.workerRings[w * task.workers + task.me];
      this.toWorker.push(other ? new RingProducer(views.rings, out) : undefined);
      this.fromWorker.push(other ? new RingConsumer(views.rings, back) : undefined);
    }
    const inject = task.workerRings[task.workers * task.workers + Math.min(task.me, task.workers - 1)];
    this.fromWorker.push(task.me < task.workers ? new RingConsumer(views.rings, inject) : undefined);
    this.taps = makeTaps(this);
    this.tracer = makeTracer(this);
  }
}

/** Where the virtio-net header begins in a slot whose frame begins at the headroom. */
const HEADER_OFFSET = Slot.HEADROOM - Slot.VNET_LENGTH;

/** Adds `count` to word `word` of this worker's lane for interface `index`. */
export function count(ctx: Context, index: number, word: number, amount: number): void {
  ctx.counters[laneOf(ctx.me, index) + word] += amount;
}

/** A turn of the loop begins. */
export function nextTurn(ctx: Context): void {
  ctx.turn = (ctx.turn + 1) | 0;
}

/**
 * Refreshes the clock, the heartbeat and the time awake, and brings slots home; between bursts. Slots used again soon are still in the
 * cache, and memory that was never touched stays so.
 */
export function tick(ctx: Context): void {
  ctx.cache.collect();
  const clock = performance.now();
  ctx.counters[workLane(ctx.views.sizes.threads, ctx.me) + Work.BUSY_SECONDS] += (clock - ctx.wokeAt[0]) / 1000;
  ctx.wokeAt[0] = clock;
  const now = Math.floor(clock + ctx.uptimeAtOrigin) + ctx.heap[Control.CLOCK_SHIFT];
  ctx.seconds = (now / 1000) | 0;
  ctx.heap[ctx.block + Thread.HEARTBEAT] = now | 0;
  ctx.heap[ctx.block + Thread.FREE_FRAMES] = ctx.cache.freeFrames;
  ctx.heap[ctx.block + Thread.FREE_SUPERFRAMES] = ctx.cache.freeSuperframes;
  ctx.poison = ctx.heap[Control.POISON] === 1;
}
