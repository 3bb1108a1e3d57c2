/**
 * Captures attached by hand to an interface of a router without threads, and the records they made (shared/layout/capture.ts).
 */
import {
  CaptureDescriptor,
  CaptureLink,
  CaptureList,
  CaptureRecord,
  type Direction,
  FilterDrop,
} from '../../src/shared/layout/capture.js';
import { CaptureLane, captureLane } from '../../src/shared/layout/counters.js';
import { Control, If, ifRecord, Kind } from '../../src/shared/layout/heap.js';
import { CaptureConsumer } from '../../src/shared/ring/capture-ring.js';
import type { OfflineRouter } from './offline-router.js';

/** What a capture asks for. */
export interface Wanted {
  readonly number: number;
  readonly link?: CaptureLink;
  readonly exclude?: number;
  readonly snap?: number;
  readonly mode?: FilterDrop;
}

/** A captured packet. */
export interface Captured {
  readonly number: number;
  readonly interface: string;
  readonly direction: Direction;
  readonly length: number;
  readonly bytes: string;
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Gives interface `name` these captures, instead of those it had. */
export function attach(router: OfflineRouter, name: string, ...wanted: readonly Wanted[]): void {
  const { heap } = router.memory.views;
  const list = router.memory.heap.allocate(CaptureList.FIRST + wanted.length * CaptureDescriptor.WORDS);
  heap[list + CaptureList.KIND] = Kind.CAPTURES;
  heap[list + CaptureList.COUNT] = wanted.length;
  wanted.forEach(({ number, link = CaptureLink.EN10MB, exclude = 0, snap = 262_144, mode = FilterDrop.PASS }, n) => {
    const d = list + CaptureList.FIRST + n * CaptureDescriptor.WORDS;
    heap[d + CaptureDescriptor.ID] = number | (1 << 16);
    heap[d + CaptureDescriptor.LINK] = link;
    heap[d + CaptureDescriptor.EXCLUDE] = exclude;
    heap[d + CaptureDescriptor.SNAP] = snap;
    heap[d + CaptureDescriptor.MODE] = mode;
  });
  heap[ifRecord(router.table.get(name).index) + If.CAPTURE] = wanted.length === 0 ? 0 : list;
  heap[Control.CAPTURES]++;
}

/** Takes what the worker has captured. */
export function captured(router: OfflineRouter): Captured[] {
  const { views } = router.memory;
  const ring = new CaptureConsumer(views, router.ctx.me);
  const found: Captured[] = [];
  for (let at = ring.next(); at !== -1; at = ring.next()) {
    const word = (n: number): number => views.i32[at + n];
    const from = (at + CaptureRecord.HEADER) * 4;
    found.push({
      number: word(CaptureRecord.ID) & 0xffff,
      interface: router.table.nameOf(word(CaptureRecord.INTERFACE) & 0xffff),
      direction: word(CaptureRecord.INTERFACE) >> 16,
      length: word(CaptureRecord.LENGTH),
      bytes: Buffer.from(views.u8.slice(from, from + word(CaptureRecord.CAPTURED))).toString('hex'),
      seconds: word(CaptureRecord.SECONDS),
      nanoseconds: word(CaptureRecord.NANOSECONDS),
    });
  }
  ring.release();
  return found;
}

/** The counters of capture `number`: bs_recv, stored, bs_drop. */
export function captureCounts(router: OfflineRouter, number: number): [number, number, number] {
  const { counters, sizes } = router.memory.views;
  const lane = captureLane(sizes.threads, router.ctx.me, number);
  return [CaptureLane.RECEIVED, CaptureLane.CAPTURED, CaptureLane.DROPPED].map((word) => counters[lane + word]) as [
    number,
    number,
    number,
  ];
}
