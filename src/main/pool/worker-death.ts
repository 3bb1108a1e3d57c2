/**
 * What a dead worker leaves behind: slots in its hands, and books that stopped in the middle of a burst.
 *
 * Main only, and only once the thread has certainly ended and the others have passed a grace period, so that nothing it had
 * published is still on the way unseen. Its caches, its queues and its rings need nothing: whoever takes its number finds them.
 *
 * A slot of a frame is at every instant in its ledger, or has its number as owner, or stands in a ring: read but not let go, written but not
 * published, or published. On its way from one to the next it is in both.
 */
import { laneBalance, laneDrops } from '../../shared/counter/books.js';
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf, Work, workLane } from '../../shared/layout/counters.js';
import { If, IfType, ifRecord, MAX_INTERFACES } from '../../shared/layout/heap.js';
import { SlotOwner } from '../../shared/layout/packet.js';
import { Ring } from '../../shared/layout/rings.js';
import { returnRing } from '../../shared/ring/slot-cache.js';
import { isDevice, type Live } from '../control/interface-table.js';
import type { Memory } from '../memory/memory.js';

/** What is known of slots on their way home when a thread has ended. */
export interface Returning {
  /** Those that it had put on return rings, published and not yet taken: these are safe. */
  readonly published: ReadonlySet<number>;
  /** Those that it had written into rings for others, and not published: these are nobody's. */
  readonly unpublished: ReadonlySet<number>;
  /** Those whose home it is and that are on no ring: not published yet by who gave them back, or taken by it and not kept. */
  readonly astray: ReadonlySet<number>;
}

/** The slots on their way home or to others, as worker `dead` has left them. */
export function returningSlots(memory: Memory, dead: number): Returning {
  const { sizes } = memory.views;
  const published = new Set<number>();
  for (let home = 0; home < sizes.threads; home++) {
    if (home !== dead) addEntries(memory, memory.returnRings[returnRing(sizes.threads, dead, home)], published);
  }
  return { published, unpublished: unpublishedSlots(memory, dead), astray: astraySlots(memory, dead) };
}

/** Slots that worker `dead` has written into rings to other workers, to main and to hosts, without publishing them. */
function unpublishedSlots(memory: Memory, dead: number): Set<number> {
  const slots = new Set<number>();
  const add = (base: number): void => {
    if (base !== 0) addEntries(memory, base, slots, Ring.TAIL, Ring.WRITTEN);
  };
  for (let to = 0; to < memory.workers; to++) add(memory.workerRings[dead * memory.workers + to]);
  add(memory.puntRings[2 * dead]);
  add(memory.puntRings[2 * dead + 1]);
  for (const record of memoryPorts(memory, dead)) add(memory.views.heap[record + If.TX_RING]);
  return slots;
}

/** Records of the memory ports that a worker owns. */
function memoryPorts({ views: { heap } }: Memory, worker: number): number[] {
  const records: number[] = [];
  for (let index = 1; index < MAX_INTERFACES; index++) {
    const record = ifRecord(index);
    if (heap[record + If.TYPE] === IfType.MEMORY && heap[record + If.OWNER] === worker) records.push(record);
  }
  return records;
}

/** Slots whose home is worker `dead`, that others gave back, and that are on no ring to it. */
function astraySlots(memory: Memory, dead: number): Set<number> {
  const { owner, home, sizes } = memory.views;
  const onRings = new Set<number>();
  for (let from = 0; from < sizes.threads; from++) {
    if (from !== dead) addEntries(memory, memory.returnRings[returnRing(sizes.threads, from, dead)], onRings);
  }
  const astray = new Set<number>();
  for (let slot = 0; slot < owner.length; slot++) {
    const returning = owner[slot] <= SlotOwner.RETURNING && owner[slot] > SlotOwner.DEVICE;
    if (returning && home[slot] === dead && !onRings.has(slot)) astray.add(slot);
  }
  return astray;
}

/** Slots in the rings that worker `dead` took frames from: it may have read some of them without having given their room back. */
function waitingSlots(memory: Memory, dead: number): Set<number> {
  const waiting = new Set<number>();
  // Main's is behind those of the workers.
  for (let from = 0; from <= memory.workers; from++) {
    const ring = memory.workerRings[from * memory.workers + dead];
    if (ring !== 0) addEntries(memory, ring, waiting);
  }
  for (const record of memoryPorts(memory, dead)) addEntries(memory, memory.views.heap[record + If.RX_RING], waiting);
  return waiting;
}

/** Adds what a ring holds between two of its indices to `slots`: published and not yet taken, unless told otherwise. */
function addEntries(memory: Memory, base: number, slots: Set<number>, from = Ring.HEAD, to = Ring.TAIL): void {
  const { rings } = memory.views;
  const mask = rings[base + Ring.CAPACITY] - 1;
  const end = Atomics.load(rings, base + to);
  for (let at = Atomics.load(rings, base + from); at !== end; at = (at + 1) | 0) {
    slots.add(rings[base + Ring.ENTRIES + (at & mask)]);
  }
}

/**
 * Sends home every slot that worker `dead` held: its burst, its copies, its TAP buffers, and what it had given back or on but not
 * published. What is still in a ring to it stays there, for whoever takes its number. `before` is `returningSlots` as of before the last grace
 * period, in which the others have published all that they had given back. Returns how many.
 */
export function reclaimSlots(memory: Memory, dead: number, before: Returning): number {
  const { owner } = memory.views;
  const ledger = memory.ledgers[dead] as Int32Array;
  const lost = new Set<number>(before.unpublished);
  const waiting = waitingSlots(memory, dead);
  for (const slot of ledger) {
    if (slot !== -1 && owner[slot] === SlotOwner.QUEUED && !waiting.has(slot)) lost.add(slot);
  }
  for (let slot = 0; slot < owner.length; slot++) {
    const unpublished = owner[slot] === SlotOwner.RETURNING - dead && !before.published.has(slot);
    if (owner[slot] === dead || unpublished) lost.add(slot);
  }
  for (const slot of astraySlots(memory, dead)) if (before.astray.has(slot)) lost.add(slot);
  for (const slot of lost) memory.cache.give(slot);
  memory.cache.flush();
  ledger.fill(-1);
  return lost.size;
}

/** Frames that worker `worker` has taken in and neither sent, dropped nor handed on, by its lanes; of one that runs, about. */
export function unfinished(memory: Memory, worker: number, interfaces: readonly Live[]): number {
  const { counters, sizes } = memory.views;
  const work = workLane(sizes.threads, worker);
  let balance = memory.settledBalance[worker] + counters[work + Work.HANDED_IN] - counters[work + Work.HANDED_OUT];
  balance += laneBalance(counters, laneOf(worker, 0), false);
  for (const { index, type } of interfaces) balance += laneBalance(counters, laneOf(worker, index), isDevice(type));
  return balance;
}

/**
 * Books what worker `dead` had taken in and not accounted for as drop(worker-lost), on that worker's own lanes, which nobody
 * else writes now. Returns the frames lost.
 */
export function settleDeath(memory: Memory, dead: number, interfaces: readonly Live[]): number {
  const { counters } = memory.views;
  for (const { index, type } of interfaces) {
    if (!isDevice(type)) continue;
    const lane = laneOf(dead, index);
    // A list that was being sent: what it had not sent is lost at the device.
    counters[lane + Lane.DROPS + Drop.GONE] +=
      counters[lane + Lane.QUEUED] - counters[lane + Lane.OPACKETS] - laneDrops(counters, lane, 'tx');
  }
  const balance = unfinished(memory, dead, interfaces);
  // More went than came only if it died between sending and counting what it had taken: booked as made here.
  if (balance >= 0) counters[laneOf(dead, 0) + Lane.DROPS + Drop.WORKER_LOST] += balance;
  else counters[laneOf(dead, 0) + Lane.ORIGINATED] -= balance;
  return balance;
}
