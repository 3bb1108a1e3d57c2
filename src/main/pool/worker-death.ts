/**
 * What a dead worker leaves behind: slots in its hands, and books that stopped in the middle of a burst.
 *
 * Main only, and only once the thread has certainly ended and the others have passed a grace period, so that nothing it had
 * published is still on the way unseen. Its caches, its queues and its rings need nothing: whoever takes its number finds them.
 */
import { laneBalance, laneDrops } from '../../shared/counter/books.js';
import { Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf, Work, workLane } from '../../shared/layout/counters.js';
import { SlotOwner } from '../../shared/layout/packet.js';
import { Ring } from '../../shared/layout/rings.js';
import { returnRing } from '../../shared/ring/slot-cache.js';
import { isDevice, type Live } from '../control/interface-table.js';
import type { Memory } from '../memory/memory.js';

/** Slots that worker `dead` had put on return rings, published and not yet taken: these are safe. */
export function returnedSlots(memory: Memory, dead: number): Set<number> {
  const { rings, sizes } = memory.views;
  const safe = new Set<number>();
  for (let home = 0; home < sizes.threads; home++) {
    if (home === dead) continue;
    const base = memory.returnRings[returnRing(sizes.threads, dead, home)];
    const mask = rings[base + Ring.CAPACITY] - 1;
    const tail = Atomics.load(rings, base + Ring.TAIL);
    for (let at = Atomics.load(rings, base + Ring.HEAD); at !== tail; at = (at + 1) | 0) {
      safe.add(rings[base + Ring.ENTRIES + (at & mask)]);
    }
  }
  return safe;
}

/**
 * Sends home every slot that worker `dead` held: its burst, its copies, its TAP buffers, and what it had given back but not
 * published. `safe` is `returnedSlots` as of before the last grace period. Returns how many.
 */
export function reclaimSlots(memory: Memory, dead: number, safe: ReadonlySet<number>): number {
  const { owner } = memory.views;
  const ledger = memory.ledgers[dead] as Int32Array;
  const lost = new Set<number>();
  for (const slot of ledger) if (slot !== -1 && owner[slot] === SlotOwner.QUEUED) lost.add(slot);
  for (let slot = 0; slot < owner.length; slot++) {
    const unpublished = owner[slot] === SlotOwner.RETURNING - dead && !safe.has(slot);
    if (owner[slot] === dead || unpublished) lost.add(slot);
  }
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
