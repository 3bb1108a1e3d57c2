/**
 * The interface table: live interfaces by name, their indices and records in the heap.
 *
 * Main only. A record is filled before TYPE is stored, and emptied before its index is free again, with a grace period
 * between; generations tell one tenant of an index from the next.
 */

import { settle } from '../../shared/counter/books.js';
import {
  IF_WORDS,
  If,
  IfFlag,
  IfType,
  ifRecord,
  MAX_INTERFACES,
  MAX_WORKERS,
  Offload,
} from '../../shared/layout/heap.js';
import { type InterfaceSpec, type InterfaceType, isAttached } from '../config/state.js';
import { ControlError } from '../errors.js';
import type { Memory } from '../memory/memory.js';

/** Heap number of each type. */
const TYPE_NUMBER: Record<InterfaceType, IfType> = {
  veb: IfType.VEB,
  tap: IfType.TAP,
  mem: IfType.MEMORY,
  vport: IfType.VPORT,
  rport: IfType.RPORT,
  lo: IfType.LOOPBACK,
  erspan: IfType.ERSPAN,
  vrf: IfType.VRF,
  packet: IfType.PACKET,
  xdp: IfType.XDP,
};

/** Generations are 15 bits, so that index | generation << 16 stays a positive int32, and never 0. */
const GENERATIONS = 0x7fff;

/** Whether an interface of that type has an outside that frames come from and go to. */
export function isDevice(type: InterfaceType): boolean {
  return type === 'tap' || type === 'mem' || isAttached(type);
}

/** One interface that exists. */
export interface Live {
  readonly index: number;
  readonly name: string;
  readonly type: InterfaceType;
  readonly generation: number;
  /** What is configured now. */
  spec: InterfaceSpec;
  /** Our link-layer address, given or generated. */
  lladdr: string;
  /** The address it has when none is given. */
  readonly generated: string;
  /** Whether its link has a carrier; always true of those that have no link of their own. */
  carrier: boolean;
  /** How an attached interface is driven, for display; empty of others. */
  media: string;
  /** Undoes what the device opened; called after the grace period. */
  close: () => void;
}

export class InterfaceTable {
  private readonly memory: Memory;
  private readonly byName = new Map<string, Live>();
  private readonly byIndex = new Map<number, Live>();
  private readonly used = new Set<number>([0]);
  private generation = 0;
  /** Whether TAPs are memory ports here. */
  memoryTaps = false;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** All interfaces, by index. */
  all(): Live[] {
    return [...this.byName.values()].sort((a, b) => a.index - b.index);
  }

  /** The interface of that name. Throws ENXIO. */
  get(name: string): Live {
    const live = this.byName.get(name);
    if (live === undefined) throw new ControlError('ENXIO', `${name}: no such interface`);
    return live;
  }

  /** The interface of that name, if there is one. */
  find(name: string): Live | undefined {
    return this.byName.get(name);
  }

  /** The interface at `index`, if there is one. */
  at(index: number): Live | undefined {
    return this.byIndex.get(index);
  }

  /** The name of interface `index`, or `?`. */
  nameOf(index: number): string {
    return this.byIndex.get(index)?.name ?? '?';
  }

  /** Takes the lowest free index for `spec` and fills its record but for TYPE. Throws ENOMEM when all are taken. */
  reserve(spec: InterfaceSpec, generated: string): Live {
    let index = 1;
    while (this.used.has(index)) index++;
    if (index >= MAX_INTERFACES) throw new ControlError('ENOMEM', `no more than ${MAX_INTERFACES - 1} interfaces`);
    this.used.add(index);
    const { heap } = this.memory.views;
    const record = ifRecord(index);
    const generation = this.nextGeneration();
    heap.fill(0, record, record + IF_WORDS);
    heap[record + If.GENERATION] = generation;
    heap[record + If.MTU] = spec.mtu;
    heap[record + If.OFFLOADS] = spec.type === 'xdp' ? Offload.NONE : Offload.ALL;
    heap.fill(-1, record + If.QUEUE_FD, record + If.QUEUE_FD + MAX_WORKERS);
    const lladdr = spec.lladdr === '' ? generated : spec.lladdr;
    return {
      index,
      name: spec.name,
      type: spec.type,
      generation,
      spec,
      lladdr,
      generated,
      carrier: true,
      media: '',
      close: () => {},
    };
  }

  /** Makes a reserved interface known to all. */
  publish(live: Live): void {
    const type = live.type === 'tap' && this.memoryTaps ? IfType.MEMORY : TYPE_NUMBER[live.type];
    Atomics.store(this.memory.views.heap, ifRecord(live.index) + If.TYPE, type);
    this.byName.set(live.name, live);
    this.byIndex.set(live.index, live);
  }

  /** Takes an interface out of sight: no new burst will use it. `release` follows after a grace period. */
  unpublish(live: Live): void {
    const { heap } = this.memory.views;
    const record = ifRecord(live.index);
    Atomics.store(heap, record + If.FLAGS, 0);
    heap[record + If.GENERATION] = 0;
    Atomics.store(heap, record + If.TYPE, IfType.NONE);
    this.byName.delete(live.name);
    this.byIndex.delete(live.index);
  }

  /** Frees the index of an interface that no worker can know of any more, and settles its books. */
  release(live: Live): void {
    const { views, me, settledBalance } = this.memory;
    settle(views, live.index, isDevice(live.type), me, settledBalance);
    this.used.delete(live.index);
  }

  /** Device MTU in bytes: as configured, or as the host's link has it. */
  mtu(live: Live): number {
    return this.memory.views.heap[ifRecord(live.index) + If.MTU];
  }

  /** Sets the flag word from a spec: up, and with a carrier, means running. */
  setFlags(live: Live, spec: InterfaceSpec): void {
    const up = spec.up ? IfFlag.UP | (live.carrier ? IfFlag.RUNNING : 0) : 0;
    const monitor = spec.monitor ? IfFlag.MONITOR : 0;
    const [link0, link1, link2] = spec.link;
    const links = (link0 ? IfFlag.LINK0 : 0) | (link1 ? IfFlag.LINK1 : 0) | (link2 ? IfFlag.LINK2 : 0);
    Atomics.store(this.memory.views.heap, ifRecord(live.index) + If.FLAGS, up | monitor | links);
  }

  /** A generation for an interface or a membership. */
  nextGeneration(): number {
    this.generation = (this.generation % GENERATIONS) + 1;
    return this.generation;
  }
}
