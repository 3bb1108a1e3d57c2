/**
 * Captures: who wants which packets of which interface (spec A §8). Main only.
 *
 * The captures of an interface are one immutable list in the heap, replaced with one store and reclaimed after a grace period like a
 * port list. What they capture goes from each worker's ring to the capture writer, by the id given here.
 */
import type { Program } from '../../shared/bpf/instruction.js';
import {
  CaptureDescriptor,
  CaptureFilter,
  CaptureLink,
  CaptureList,
  Direction,
  FilterDrop,
  MAX_CAPTURES,
} from '../../shared/layout/capture.js';
import { CaptureLane, captureLane } from '../../shared/layout/counters.js';
import { Control, If, ifRecord, Kind } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import { LinkType } from '../../shared/wire/pcap.js';
import type { InterfaceType } from '../config/state.js';
import { ControlError } from '../errors.js';
import type { Memory } from '../memory/memory.js';
import { isDevice, type Live } from './interface-table.js';
import { GRACE_DEADLINE_MS } from './veb.js';

/** Link types by the names libpcap has for them. */
export type LinkName = 'EN10MB' | 'LOOP' | 'RAW';
/** What captures show: packets, or what becomes of them. */
export type Shown = LinkName | 'TRACE';

const LINKS: Readonly<Record<Shown, CaptureLink>> = {
  TRACE: CaptureLink.TRACE,
  EN10MB: CaptureLink.EN10MB,
  LOOP: CaptureLink.LOOP,
  RAW: CaptureLink.RAW,
};

/** Link types of files, and of streams. */
export const LINK_TYPES: Readonly<Record<Shown, LinkType>> = {
  TRACE: LinkType.USER0,
  EN10MB: LinkType.EN10MB,
  LOOP: LinkType.LOOP,
  RAW: LinkType.RAW,
};

/** Link types of the kinds of interface that have others than Ethernet, the default first (spec A §8.1). */
const LINKS_OF: Readonly<Partial<Record<InterfaceType | 'erspan', readonly LinkName[]>>> = {
  rport: ['LOOP'],
  lo: ['LOOP'],
  erspan: ['EN10MB', 'LOOP', 'RAW'],
};

/** The link types that interfaces of a kind can be captured with, the default first. */
export function linksOf(type: InterfaceType): readonly LinkName[] {
  return LINKS_OF[type] ?? ['EN10MB'];
}

const MODES = { pass: FilterDrop.PASS, capture: FilterDrop.CAPTURE, drop: FilterDrop.DROP } as const;

/** What a capture wants. */
export interface CaptureSpec {
  /** Undefined: the default of the interface. */
  readonly link?: Shown;
  /** The only direction it wants; undefined: both. */
  readonly direction?: 'in' | 'out';
  /** Most bytes of a packet, 1 to 262 144. */
  readonly snap: number;
  /** What becomes of packets that match. */
  readonly fildrop: keyof typeof MODES;
  /** A verified program; undefined: every packet. */
  readonly program?: Program;
}

/** Packets of a capture, since it was attached or last reset (spec A §8.3). */
export interface CaptureCounts {
  /** Shown to it, matching or not (bs_recv). */
  readonly received: number;
  /** Stored for it. */
  readonly captured: number;
  /** Matching, and lost for lack of room in a ring (bs_drop). */
  readonly dropped: number;
}

/** A capture that is attached. */
export interface Capture {
  /** As records name it: number | generation << 16. */
  readonly id: number;
  readonly interface: Live;
  readonly link: Shown;
}

interface Attached extends Capture {
  readonly spec: CaptureSpec;
  started: boolean;
  /** Its interface has left. */
  gone: boolean;
  /** Record of its filter; 0 = none. */
  filter: number;
  filterWords: number;
  /** Counts to leave out. */
  base: CaptureCounts;
  readonly onGone: (capture: Capture) => void;
}

const NOTHING: CaptureCounts = { received: 0, captured: 0, dropped: 0 };

export class Captures {
  private readonly memory: Memory;
  private readonly reclaimer: Reclaimer;
  private readonly attached = new Map<number, Attached>();
  /** Numbers in use, those included whose last packets may be on their way. */
  private readonly used = new Set<number>();
  /** The last counts of captures that have left. */
  private readonly leaving = new WeakMap<Capture, Promise<CaptureCounts>>();
  private generation = 0;
  private serial = 0;

  constructor(memory: Memory, reclaimer: Reclaimer) {
    this.memory = memory;
    this.reclaimer = reclaimer;
  }

  /** All that are attached. */
  all(): readonly Capture[] {
    return [...this.attached.values()];
  }

  /**
   * A capture of an interface that sees nothing before `start`; `onGone` hears when the interface leaves, and is to detach it. Throws EINVAL
   * (not a link type of this interface), EMFILE (too many), ENOMEM.
   */
  add(live: Live, spec: CaptureSpec, onGone?: (capture: Capture) => void): Capture {
    const link = resolveLink(live, spec.link);
    let number = 0;
    while (this.used.has(number)) number++;
    if (number >= MAX_CAPTURES) throw new ControlError('EMFILE', `no more than ${MAX_CAPTURES} captures`);
    this.generation = (this.generation % 0x7fff) + 1;
    const filter = this.newFilter(spec.program);
    const capture: Attached = {
      id: number | (this.generation << 16),
      interface: live,
      link,
      spec,
      started: false,
      gone: false,
      filter: filter.at,
      filterWords: filter.words,
      base: NOTHING,
      onGone: onGone ?? ((gone) => void this.detach(gone).catch(() => {})),
    };
    this.attached.set(capture.id, capture);
    this.used.add(number);
    return capture;
  }

  /** Shows a capture packets from now on. Throws ENOMEM, and ENXIO when its interface has left. */
  start(capture: Capture): void {
    const attached = this.get(capture);
    if (attached.gone) throw new ControlError('ENXIO', `${capture.interface.name}: the interface has left`);
    attached.started = true;
    try {
      this.publish(capture.interface);
    } catch (error) {
      attached.started = false;
      throw error;
    }
  }

  /** Both in one. */
  attach(live: Live, spec: CaptureSpec, onGone?: (capture: Capture) => void): Capture {
    const capture = this.add(live, spec, onGone);
    try {
      this.start(capture);
    } catch (error) {
      void this.detach(capture).catch(() => {});
      throw error;
    }
    return capture;
  }

  /** Whether a capture's interface has left. */
  hasGone(capture: Capture): boolean {
    return (capture as Attached).gone;
  }

  /**
   * Takes a capture away. Resolves to its counts once no worker shows it anything any more. Records of it may still be in the rings: `last`
   * sees to them, and until it is done nobody else gets the capture's number. Rejects with `GraceTimeout`, with ENOMEM, the capture then
   * staying, and as `last` does. A second call gets the promise of the first.
   */
  detach(capture: Capture, last: (counts: CaptureCounts) => Promise<void> = async () => {}): Promise<CaptureCounts> {
    const attached = this.attached.get(capture.id);
    if (attached === undefined) return this.leaving.get(capture) ?? Promise.resolve(NOTHING);
    const left = this.leave(attached, last);
    this.leaving.set(capture, left);
    return left;
  }

  private async leave(capture: Attached, last: (counts: CaptureCounts) => Promise<void>): Promise<CaptureCounts> {
    this.attached.delete(capture.id);
    try {
      if (!capture.gone) this.publish(capture.interface);
    } catch (error) {
      this.attached.set(capture.id, capture);
      throw error;
    }
    let counts = NOTHING;
    let passed: () => void = () => {};
    const grace = new Promise<void>((resolve) => {
      passed = resolve;
    });
    const inTime = this.reclaimer.barrier(GRACE_DEADLINE_MS, () => {
      counts = this.read(capture);
      passed();
    });
    try {
      await inTime;
    } finally {
      try {
        await last(counts);
      } finally {
        // Also one that passes late.
        void grace.then(() => this.release(capture));
      }
    }
    return counts;
  }

  /** Gives a capture another filter in one step; `reset` zeroes its counts. Throws ENOMEM. */
  setFilter(capture: Capture, program: Program | undefined, reset: boolean): void {
    const attached = this.get(capture);
    const old = { at: attached.filter, words: attached.filterWords };
    const filter = this.newFilter(program);
    attached.filter = filter.at;
    attached.filterWords = filter.words;
    try {
      this.publish(capture.interface);
    } catch (error) {
      attached.filter = old.at;
      attached.filterWords = old.words;
      this.freeFilter(filter);
      throw error;
    }
    if (old.at !== 0) this.reclaimer.retire(old.words * 4, () => this.freeFilter(old));
    if (reset) this.reset(capture);
  }

  /** Zeroes the counts of a capture. */
  reset(capture: Capture): void {
    const attached = this.get(capture);
    attached.base = NOTHING;
    attached.base = this.read(attached);
  }

  /** The counts of a capture now. */
  counts(capture: Capture): CaptureCounts {
    return this.read(this.get(capture));
  }

  /** An interface leaves: its captures do too. */
  forget(live: Live): void {
    const captures = [...this.attached.values()].filter((c) => c.interface === live);
    for (const capture of captures) capture.gone = true;
    this.publish(live);
    for (const capture of captures) capture.onGone(capture);
  }

  private get(capture: Capture): Attached {
    const attached = this.attached.get(capture.id);
    if (attached === undefined) throw new ControlError('ENXIO', `${capture.interface.name}: no such capture`);
    return attached;
  }

  /** Publishes the captures of an interface as they are now, and retires those published before. Throws ENOMEM. */
  private publish(live: Live): void {
    const { heap } = this.memory.views;
    const captures = [...this.attached.values()].filter((c) => c.interface === live && c.started && !c.gone);
    const list = captures.length === 0 ? 0 : this.newList(captures);
    const word = ifRecord(live.index) + If.CAPTURE;
    const old = heap[word];
    if (old === 0 && list === 0) return;
    Atomics.store(heap, word, list);
    Atomics.store(heap, Control.CAPTURES, (heap[Control.CAPTURES] + 1) | 0);
    if (old === 0) return;
    const words = listWords(heap[old + CaptureList.COUNT]);
    this.reclaimer.retire(words * 4, () => this.memory.heap.release(old, words));
  }

  private newList(captures: readonly Attached[]): number {
    const { heap } = this.memory.views;
    const list = this.memory.heap.allocate(listWords(captures.length));
    heap[list + CaptureList.KIND] = Kind.CAPTURES;
    heap[list + CaptureList.COUNT] = captures.length;
    captures.forEach(({ id, link, spec, filter }, n) => {
      const d = list + CaptureList.FIRST + n * CaptureDescriptor.WORDS;
      heap[d + CaptureDescriptor.ID] = id;
      heap[d + CaptureDescriptor.LINK] = LINKS[link];
      heap[d + CaptureDescriptor.EXCLUDE] = excluded(spec.direction);
      heap[d + CaptureDescriptor.SNAP] = spec.snap;
      heap[d + CaptureDescriptor.MODE] = MODES[spec.fildrop];
      heap[d + CaptureDescriptor.FILTER] = filter;
    });
    return list;
  }

  private newFilter(program: Program | undefined): { at: number; words: number } {
    if (program === undefined) return { at: 0, words: 0 };
    const { heap } = this.memory.views;
    const words = CaptureFilter.FIRST + program.length;
    const at = this.memory.heap.allocate(words);
    heap[at + CaptureFilter.KIND] = Kind.CAPTURE_FILTER;
    // 0 is the number of the filter that a worker has made no function of.
    this.serial = (this.serial + 1) | 0 || 1;
    heap[at + CaptureFilter.SERIAL] = this.serial;
    heap[at + CaptureFilter.COUNT] = program.length;
    heap.set(program, at + CaptureFilter.FIRST);
    return { at, words };
  }

  private freeFilter({ at, words }: { at: number; words: number }): void {
    if (at !== 0) this.memory.heap.release(at, words);
  }

  /** Frees what a capture had; no worker knows of it any more. */
  private release(capture: Attached): void {
    const { counters, sizes } = this.memory.views;
    const number = capture.id & 0xffff;
    this.freeFilter({ at: capture.filter, words: capture.filterWords });
    for (let t = 0; t < sizes.threads; t++) {
      const lane = captureLane(sizes.threads, t, number);
      counters.fill(0, lane, lane + CaptureLane.WORDS);
    }
    this.used.delete(number);
  }

  private read(capture: Attached): CaptureCounts {
    const { counters, sizes } = this.memory.views;
    const sum = (word: CaptureLane): number => {
      let total = 0;
      for (let t = 0; t < sizes.threads; t++)
        total += counters[captureLane(sizes.threads, t, capture.id & 0xffff) + word];
      return total;
    };
    const { base } = capture;
    return {
      received: sum(CaptureLane.RECEIVED) - base.received,
      captured: sum(CaptureLane.CAPTURED) - base.captured,
      dropped: sum(CaptureLane.DROPPED) - base.dropped,
    };
  }
}

function listWords(captures: number): number {
  return CaptureList.FIRST + captures * CaptureDescriptor.WORDS;
}

/** What frames are traced from, beside devices. */
const TRACED: readonly string[] = ['veb', 'vport', 'rport', 'erspan'];

/** The link type a capture of `live` gets that asks for `wanted`. Throws EINVAL, and EOPNOTSUPP where frames are not traced from. */
export function resolveLink(live: Live, wanted: Shown | undefined): Shown {
  if (wanted === 'TRACE') {
    if (isDevice(live.type) || TRACED.includes(live.type)) return wanted;
    throw new ControlError(
      'EOPNOTSUPP',
      `${live.name}: no input to trace from; trace the interface that its packets come in by`,
    );
  }
  const links = linksOf(live.type);
  if (wanted === undefined) return links[0] as LinkName;
  if (links.includes(wanted)) return wanted;
  throw new ControlError('EINVAL', `${live.name}: link type ${wanted} is not ${links.join(' or ')}`);
}

/** Directions that a capture of one direction does not want. */
function excluded(direction: CaptureSpec['direction']): number {
  if (direction === undefined) return 0;
  return direction === 'in' ? Direction.OUT : Direction.IN;
}
