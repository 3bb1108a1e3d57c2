/**
 * The books (ARCHITECTURE.md, "The books"): over all, received + copied + segmented + originated = transmitted + consumed + dropped + held;
 * per device, read = passed on + rx drops, and queued = sent + tx drops. They balance exactly when nothing moves; while
 * frames move, the difference is what was read at different moments.
 */
import { Lane, laneOf } from '../layout/counters.js';
import type { Views } from '../layout/regions.js';
import { ringOccupancy } from '../ring/ring.js';
import { DROP_REASONS, Drop } from './drop-reason.js';

/** What index 0 is called: it has the totals of interfaces that are gone, and what belongs to none. */
export const NO_INTERFACE = '(gone)';

/** An interface as the books see it. */
export interface BookedInterface {
  readonly index: number;
  readonly name: string;
  /** Whether it takes frames from and gives frames to the outside. */
  readonly device: boolean;
}

/** The terms of the overall equation, in frames. */
export interface Totals {
  received: number;
  copied: number;
  segmented: number;
  originated: number;
  transmitted: number;
  consumed: number;
  dropped: number;
  held: number;
}

/** The terms of a device's two equations. */
export interface DeviceBook {
  readonly name: string;
  readonly read: number;
  readonly passedOn: number;
  readonly rxDrops: number;
  readonly queued: number;
  readonly sent: number;
  readonly txDrops: number;
}

/** Everything, and every equation that does not hold, in words. */
export interface Books {
  readonly totals: Totals;
  readonly devices: readonly DeviceBook[];
  readonly errors: readonly string[];
}

/** Sum over all threads of word `word` of interface `index`. */
export function total(views: Views, index: number, word: number): number {
  let sum = 0;
  for (let t = 0; t < views.sizes.threads; t++) sum += views.counters[laneOf(t, index) + word];
  return sum;
}

/** Drops of interface `index` for reason number `reason`. */
export function drops(views: Views, index: number, reason: number): number {
  return total(views, index, Lane.DROPS + reason);
}

/** Frames that were in the hands of workers that died: `worker-lost`, which is of no interface. */
export function lostWithWorkers(views: Views): number {
  return drops(views, 0, Drop.WORKER_LOST);
}

/** Drops of interface `index` at one place, or at all three. */
export function dropsAt(views: Views, index: number, place?: 'rx' | 'stack' | 'tx'): number {
  let sum = 0;
  DROP_REASONS.forEach((reason, number) => {
    if (place === undefined || reason.place === place) sum += drops(views, index, number);
  });
  return sum;
}

/** Drops in one lane, at one place or at all three. */
export function laneDrops(counters: Float64Array, lane: number, place?: 'rx' | 'stack' | 'tx'): number {
  let sum = 0;
  DROP_REASONS.forEach((reason, number) => {
    if (place === undefined || reason.place === place) sum += counters[lane + Lane.DROPS + number];
  });
  return sum;
}

/** What came less what went in one lane: frames its thread still has in hand, or handed to another. */
export function laneBalance(counters: Float64Array, lane: number, device: boolean): number {
  const made = counters[lane + Lane.COPIED] + counters[lane + Lane.ORIGINATED] + counters[lane + Lane.SEGMENTED];
  const ended = counters[lane + Lane.CONSUMED] + laneDrops(counters, lane);
  return made - ended + (device ? counters[lane + Lane.READ] - counters[lane + Lane.OPACKETS] : 0);
}

/**
 * Reads the books. `heldRings` are rings whose entries are frames in our hands, `heldByMain` those that main has put by. Index 0 stands for interfaces that are
 * gone: `settle` put their totals there.
 */
export function readBooks(
  views: Views,
  interfaces: readonly BookedInterface[],
  heldRings: readonly number[],
  heldByMain = 0,
): Books {
  const totals: Totals = {
    received: 0,
    copied: 0,
    segmented: 0,
    originated: 0,
    transmitted: 0,
    consumed: 0,
    dropped: 0,
    held: heldByMain,
  };
  const devices: DeviceBook[] = [];
  for (const { index, name, device } of [{ index: 0, name: NO_INTERFACE, device: true }, ...interfaces]) {
    totals.copied += total(views, index, Lane.COPIED);
    totals.consumed += total(views, index, Lane.CONSUMED);
    totals.originated += total(views, index, Lane.ORIGINATED);
    totals.segmented += total(views, index, Lane.SEGMENTED);
    totals.dropped += dropsAt(views, index);
    if (!device) continue;
    const book = {
      name,
      read: total(views, index, Lane.READ),
      passedOn: total(views, index, Lane.IPACKETS),
      rxDrops: dropsAt(views, index, 'rx'),
      queued: total(views, index, Lane.QUEUED),
      sent: total(views, index, Lane.OPACKETS),
      txDrops: dropsAt(views, index, 'tx'),
    };
    totals.received += book.read;
    totals.transmitted += book.sent;
    devices.push(book);
  }
  for (const ring of heldRings) totals.held += ringOccupancy(views.rings, ring);
  return { totals, devices, errors: errorsOf(totals, devices) };
}

function errorsOf(t: Totals, devices: readonly DeviceBook[]): string[] {
  const errors: string[] = [];
  const left = t.received + t.copied + t.segmented + t.originated;
  const right = t.transmitted + t.consumed + t.dropped + t.held;
  if (left !== right) errors.push(`all: ${left} came (${JSON.stringify(t)}), ${right} went`);
  for (const d of devices) {
    if (d.read !== d.passedOn + d.rxDrops)
      errors.push(`${d.name}: read ${d.read}, passed on ${d.passedOn}, dropped ${d.rxDrops}`);
    if (d.queued !== d.sent + d.txDrops)
      errors.push(`${d.name}: queued ${d.queued}, sent ${d.sent}, dropped ${d.txDrops}`);
  }
  return errors;
}

/**
 * Adds the totals of an interface that is gone to index 0, and zeroes its lanes. Main only, after the grace period;
 * `thread` is main's. A veb's packet counters are not frames of a device and are left out. What each thread's lane was out
 * of balance by is added to `balances`, since its other lanes have the counterpart.
 */
export function settle(views: Views, index: number, device: boolean, thread: number, balances: Float64Array): void {
  const gone = laneOf(thread, 0);
  for (let t = 0; t < views.sizes.threads; t++) {
    const lane = laneOf(t, index);
    balances[t] += laneBalance(views.counters, lane, device);
    // What the segmenter refused for an interface that is no device was queued for none.
    if (!device) views.counters[gone + Lane.QUEUED] += laneDrops(views.counters, lane, 'tx');
    for (let word = 0; word < Lane.WORDS; word++) {
      const frames = device || word >= Lane.COPIED;
      if (frames) views.counters[gone + word] += views.counters[lane + word];
    }
    views.counters.fill(0, lane, lane + Lane.WORDS);
  }
}
