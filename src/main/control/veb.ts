/**
 * Live bridges: port lists, learning tables, static addresses, ageing (spec A §1, §3).
 *
 * Main publishes; workers read. A port leaves in the order of spec A §1.13 REC: out of the list and dying, grace period,
 * its addresses purged, and only then may it join again or go away.
 */
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { If, ifRecord, Kind, PortFlag, PortList } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import {
  type Address,
  addresses,
  addStatic,
  breakLocks,
  bucketsFor,
  bucketsOf,
  copyInto,
  Learned,
  learn,
  lookupOne,
  removeWhere,
  sweep,
  Table,
  tableInit,
  tableWords,
} from '../../shared/table/etherbridge.js';
import { formatMac, isGroup, type Mac, macNumber, parseMac } from '../../shared/wire/ethernet.js';
import type { TableSpec } from '../config/plan.js';
import { MAXADDR, type PortSpec, type StaticSpec, TIMEOUT } from '../config/state.js';
import { ControlError } from '../errors.js';
import type { Memory } from '../memory/memory.js';
import { atOnce, inSlices, type Work } from '../slices.js';
import type { InterfaceTable, Live } from './interface-table.js';
import { type BuiltRules, PortRules } from './port-rules.js';

/** Milliseconds between two sweeps, whatever the timeout (A86). */
export const SWEEP_MS = 100_000;

/** Buckets that are looked through without a pause. */
const STEP = 256;

/** An address that was learned; its age in seconds. */
export interface LearnedAddress {
  readonly mac: string;
  readonly port: string;
  readonly age: number;
}

/** An address as it is listed. */
export interface ListedAddress {
  readonly mac: string;
  readonly port: string;
  /** Seconds since last seen, at most 255; 0 for a static one. */
  readonly age: number;
  readonly static: boolean;
}

export class Vebs {
  readonly rules: PortRules;
  private readonly memory: Memory;
  private readonly interfaces: InterfaceTable;
  private readonly reclaimer: Reclaimer;
  private readonly now: () => number;
  private readonly timers = new Map<number, NodeJS.Timeout>();
  /** Vebs whose tables are being swept because they were full. */
  private readonly swept = new Set<Live>();

  /** `now` gives uptime in whole seconds, the clock of the tables. */
  constructor(memory: Memory, interfaces: InterfaceTable, reclaimer: Reclaimer, now: () => number) {
    this.memory = memory;
    this.interfaces = interfaces;
    this.reclaimer = reclaimer;
    this.now = now;
    this.rules = new PortRules(memory, reclaimer);
  }

  /** Gives a new veb its empty port list and table. Throws ENOMEM. */
  open(live: Live): void {
    const { heap } = this.memory.views;
    const record = ifRecord(live.index);
    const ports = this.newPortList([]);
    live.close = () => this.freePortList(ports);
    heap[record + If.TABLE] = this.newTable(MAXADDR.default, TIMEOUT.default);
    heap[record + If.PORTS] = ports;
    live.close = () => {
      this.stopAgeing(live);
      this.freePortList(heap[record + If.PORTS]);
      this.freeTable(heap[record + If.TABLE]);
    };
  }

  /** Brings the ports of `live` to `after`, in that order. Resolves when those that left hold nothing any more. */
  async setPorts(live: Live, before: readonly PortSpec[], after: readonly PortSpec[]): Promise<void> {
    const { heap } = this.memory.views;
    const record = ifRecord(live.index);
    // All that can fail comes first.
    const rules = this.buildRules(before, after);
    const list = this.newMemberList(
      after.map((spec) => spec.name),
      rules,
    );
    const leaving = before.filter((p) => !after.some((q) => q.name === p.name)).map((p) => this.interfaces.get(p.name));
    if (after.some(tagsOut) && heap[record + If.OUT_TAGS] === 0) await this.announceTags(live, list, rules);
    for (const spec of after) {
      const port = this.interfaces.get(spec.name);
      const r = ifRecord(port.index);
      Atomics.store(heap, r + If.PORT_FLAGS, portFlags(spec));
      Atomics.store(heap, r + If.PROTECTED, protectedMask(spec));
      heap[r + If.STORM_LIMIT] = Math.ceil(spec.stormlimit / this.memory.workers);
      const built = rules.get(spec.name);
      if (built !== undefined) this.rules.publish(port.index, built);
      if (heap[r + If.BRIDGE] === live.index) continue;
      heap[r + If.PORT_GENERATION] = this.interfaces.nextGeneration();
      Atomics.store(heap, r + If.BRIDGE, live.index);
    }
    if (!after.some(tagsOut)) Atomics.store(heap, record + If.OUT_TAGS, 0);
    const gone = new Set<number>();
    const rulesGone = leaving.map((port) => ({ index: port.index, rules: this.rules.of(port.index) }));
    for (const port of leaving) {
      const r = ifRecord(port.index);
      gone.add(port.index | (heap[r + If.PORT_GENERATION] << 16));
      Atomics.store(heap, r + If.BRIDGE, 0);
      Atomics.store(heap, r + If.PORT_GENERATION, 0);
    }
    const old = heap[record + If.PORTS];
    Atomics.store(heap, record + If.PORTS, list);
    this.retireList(old);
    if (leaving.length === 0) return;
    await this.reclaimer.barrier(GRACE_DEADLINE_MS, () => {
      removeWhere(heap, this.tableOf(live), this.memory.me, (a) => gone.has(a.value));
      // Until here a burst in flight may still come from that port, or go to it, and must not do so without its rules.
      for (const { index, rules } of rulesGone) this.rules.clear(index, rules);
    });
  }

  /** Brings the span ports of `live` to `after`. Resolves when those that left get no copy any more. */
  async setSpans(live: Live, before: readonly string[], after: readonly string[]): Promise<void> {
    const { heap } = this.memory.views;
    const record = ifRecord(live.index);
    const list = after.length === 0 ? 0 : this.newMemberList(after, new Map());
    const leaving = before.filter((name) => !after.includes(name)).map((name) => this.interfaces.get(name));
    for (const name of after) {
      const r = ifRecord(this.interfaces.get(name).index);
      Atomics.store(heap, r + If.PORT_FLAGS, PortFlag.SPAN);
      Atomics.store(heap, r + If.BRIDGE, live.index);
    }
    // The flags stay: a worker that has just read BRIDGE is yet to read them, and must not take what came in for a port's frames.
    for (const port of leaving) Atomics.store(heap, ifRecord(port.index) + If.BRIDGE, 0);
    const old = heap[record + If.SPANS];
    Atomics.store(heap, record + If.SPANS, list);
    if (old !== 0) this.retireList(old);
    if (leaving.length > 0) await this.reclaimer.barrier(GRACE_DEADLINE_MS);
  }

  /** Bursts that began before a veb had tags must have ended before a rule sets one, or its copies would go without. */
  private async announceTags(live: Live, list: number, rules: ReadonlyMap<string, BuiltRules>): Promise<void> {
    const { heap } = this.memory.views;
    Atomics.store(heap, ifRecord(live.index) + If.OUT_TAGS, 1);
    try {
      await this.reclaimer.barrier(GRACE_DEADLINE_MS);
    } catch (error) {
      Atomics.store(heap, ifRecord(live.index) + If.OUT_TAGS, 0);
      this.freePortList(list);
      for (const built of rules.values()) this.rules.discard(built);
      // Not the time-out of a step that is done: nothing has changed.
      throw new ControlError('ETIMEDOUT', `${live.name}: a worker does not announce`, error);
    }
  }

  /** The rules of each port whose rules change, built. Throws ENOMEM, having kept nothing. */
  private buildRules(before: readonly PortSpec[], after: readonly PortSpec[]): Map<string, BuiltRules> {
    const built = new Map<string, BuiltRules>();
    try {
      for (const spec of after) {
        const old = before.find((p) => p.name === spec.name);
        if (!isDeepStrictEqual(old?.rules, spec.rules)) built.set(spec.name, this.rules.build(spec.rules));
      }
    } catch (error) {
      for (const rules of built.values()) this.rules.discard(rules);
      throw error;
    }
    return built;
  }

  /** A list of members. Throws ENOMEM, `rules` then discarded. */
  private newMemberList(names: readonly string[], rules: ReadonlyMap<string, BuiltRules>): number {
    try {
      return this.newPortList(names.map((name) => this.interfaces.get(name).index));
    } catch (error) {
      for (const built of rules.values()) this.rules.discard(built);
      throw error;
    }
  }

  private retireList(list: number): void {
    const bytes = (PortList.FIRST + this.memory.views.heap[list + PortList.COUNT]) * 4;
    this.reclaimer.retire(bytes, () => this.freePortList(list));
  }

  /** Sets the size and age limit; a table that must grow is replaced by a larger copy (nothing is evicted: A87). */
  async setTable(live: Live, spec: TableSpec): Promise<void> {
    const { heap } = this.memory.views;
    const old = this.tableOf(live);
    if (bucketsFor(spec.maxaddr) <= heap[old + Table.MASK] + 1) {
      Atomics.store(heap, old + Table.MAX, spec.maxaddr);
      Atomics.store(heap, old + Table.TIMEOUT, spec.timeout);
      return;
    }
    const table = this.newTable(spec.maxaddr, spec.timeout);
    copyInto(heap, old, table, this.memory.me, 0);
    const since = this.now();
    Atomics.store(heap, ifRecord(live.index) + If.TABLE, table);
    await this.reclaimer.barrier(GRACE_DEADLINE_MS, () => {
      copyInto(heap, old, table, this.memory.me, since);
      this.freeTable(old);
    });
  }

  /** Brings the static addresses to `after`. Throws ENOSPC when the table has no room for one; nothing has changed then. */
  setStatics(live: Live, before: readonly StaticSpec[], after: readonly StaticSpec[]): void {
    const leaving = before.filter((s) => !after.some((a) => a.mac === s.mac && a.port === s.port));
    this.removeStatics(live, leaving);
    const added: StaticSpec[] = [];
    for (const address of after) {
      if (before.some((s) => s.mac === address.mac && s.port === address.port)) continue;
      if (this.addStatic(live, address)) added.push(address);
      else {
        this.removeStatics(live, added);
        for (const old of leaving) this.addStatic(live, old);
        throw new ControlError('ENOSPC', `${live.name}: no room for ${address.mac}`);
      }
    }
  }

  /** Enters one static address. False if the table is full. */
  private addStatic(live: Live, address: StaticSpec): boolean {
    const { heap } = this.memory.views;
    const mac = parseMac(address.mac) as Mac;
    const port = this.interfaces.get(address.port);
    const value = port.index | (heap[ifRecord(port.index) + If.PORT_GENERATION] << 16);
    return addStatic(heap, this.tableOf(live), mac.lo, mac.hi, value, this.now(), this.memory.me) !== Learned.FULL;
  }

  private removeStatics(live: Live, statics: readonly StaticSpec[]): void {
    const gone = new Set(statics.map((s) => s.mac));
    removeWhere(
      this.memory.views.heap,
      this.tableOf(live),
      this.memory.me,
      (a) => a.isStatic && gone.has(formatMac(a)),
    );
  }

  /**
   * Enters an address as learned `age` seconds ago, unless it is too old, known, or its port is none of this bridge. Returns whether
   * it did.
   */
  remember(live: Live, port: string, address: string, age: number): boolean {
    const { heap } = this.memory.views;
    const table = this.tableOf(live);
    const mac = parseMac(address);
    const member = this.interfaces.find(port);
    const isPort = member !== undefined && heap[ifRecord(member.index) + If.BRIDGE] === live.index;
    if (mac === undefined || isGroup(mac.hi) || !isPort || !(age >= 0 && age <= heap[table + Table.TIMEOUT]))
      return false;
    const now = this.now();
    const value = member.index | (heap[ifRecord(member.index) + If.PORT_GENERATION] << 16);
    if (lookupOne(heap, table, mac.lo, mac.hi, now) !== 0) return false;
    const seen = now - Math.trunc(age);
    // -1 has another meaning in a table.
    return learn(heap, table, mac.lo, mac.hi, value, seen === -1 ? -2 : seen, this.memory.me) === Learned.NEW;
  }

  /** Removes all dynamic addresses, or with `all` every one. */
  flush(live: Live, all: boolean): void {
    removeWhere(this.memory.views.heap, this.tableOf(live), this.memory.me, (a) => all || !a.isStatic);
  }

  /** Removes one address. Throws ESRCH if it is not there. */
  deleteAddress(live: Live, mac: string): void {
    const removed = removeWhere(
      this.memory.views.heap,
      this.tableOf(live),
      this.memory.me,
      (a) => formatMac(a) === mac,
    );
    if (removed === 0) throw new ControlError('ESRCH', `${mac}: no such address`);
  }

  /** Whether the table holds that address now. */
  hasAddress(live: Live, mac: string): boolean {
    return addresses(this.memory.views.heap, this.tableOf(live)).some((a) => formatMac(a) === mac);
  }

  /** All addresses, ascending (A92), expired ones included until a sweep. */
  list(live: Live): ListedAddress[] {
    const now = this.now();
    const listed = addresses(this.memory.views.heap, this.tableOf(live)).sort((a, b) => macNumber(a) - macNumber(b));
    return listed.map((a: Address) => ({
      mac: formatMac(a),
      port: this.interfaces.nameOf(a.value & 0xffff),
      age: a.isStatic ? 0 : Math.min(Math.max(now - a.seen, 0), 255),
      static: a.isStatic,
    }));
  }

  /** The learned addresses and how many seconds ago each was seen, in no order. */
  learned(live: Live): LearnedAddress[] {
    return atOnce(this.listing(live, Number.POSITIVE_INFINITY));
  }

  /** Lists so many learned addresses at most; what is learned or forgotten meanwhile may be there or not. */
  *listing(live: Live, most: number): Work<LearnedAddress[]> {
    const { heap } = this.memory.views;
    const table = this.tableOf(live);
    const listed: LearnedAddress[] = [];
    for (let first = 0; first < bucketsOf(heap, table) && listed.length < most; first += STEP) {
      const now = this.now();
      for (const a of addresses(heap, table, first, STEP)) {
        if (a.isStatic || listed.length === most) continue;
        const port = this.interfaces.nameOf(a.value & 0xffff);
        listed.push({ mac: formatMac(a), port, age: Math.max(now - a.seen, 0) });
      }
      yield;
      if (!this.has(live, table)) break;
    }
    return listed;
  }

  /** Addresses in the table now. */
  count(live: Live): number {
    return this.memory.views.heap[this.tableOf(live) + Table.COUNT];
  }

  /** Most addresses the table takes. */
  limit(live: Live): number {
    return this.memory.views.heap[this.tableOf(live) + Table.MAX];
  }

  /** `up`: one sweep at once, then every 100 s; goes on while the veb is down and ends with it (spec A §3.5). */
  startAgeing(live: Live): void {
    this.sweep(live);
    if (this.timers.has(live.index)) return;
    const timer = setInterval(() => void inSlices(this.sweeping(live)), SWEEP_MS);
    timer.unref();
    this.timers.set(live.index, timer);
  }

  /** Removes what is past its age now. Returns how many. */
  sweep(live: Live): number {
    return atOnce(this.sweeping(live));
  }

  /** The same bit by bit; it ends early when the table is replaced or the veb goes. */
  *sweeping(live: Live): Work<number> {
    const { views, me } = this.memory;
    const table = this.tableOf(live);
    let removed = 0;
    for (let first = 0; first < bucketsOf(views.heap, table); first += STEP) {
      removed += sweep(views.heap, table, this.now(), me, first, STEP);
      yield;
      if (!this.has(live, table)) break;
    }
    return removed;
  }

  /** Sweeps a large table that refused a newcomer since the last look (spec A §3.4 REC), in slices. */
  sweepIfWanted(live: Live): void {
    if (this.memory.views.heap[this.tableOf(live) + Table.SWEEP_WANTED] === 0 || this.swept.has(live)) return;
    this.swept.add(live);
    void inSlices(this.sweeping(live)).finally(() => this.swept.delete(live));
  }

  /** Whether `live` is there still, with that table. */
  private has(live: Live, table: number): boolean {
    return this.interfaces.at(live.index) === live && this.tableOf(live) === table;
  }

  /** Frees the bucket locks of a thread that has ended. */
  breakLocks(live: Live, thread: number): void {
    breakLocks(this.memory.views.heap, this.tableOf(live), thread);
  }

  private stopAgeing(live: Live): void {
    clearInterval(this.timers.get(live.index));
    this.timers.delete(live.index);
  }

  private tableOf(live: Live): number {
    return this.memory.views.heap[ifRecord(live.index) + If.TABLE];
  }

  private newPortList(indices: number[]): number {
    const { heap } = this.memory.views;
    const list = this.memory.heap.allocate(PortList.FIRST + indices.length);
    heap[list + PortList.KIND] = Kind.PORT_LIST;
    heap[list + PortList.COUNT] = indices.length;
    heap.set(indices, list + PortList.FIRST);
    return list;
  }

  private freePortList(list: number): void {
    this.memory.heap.release(list, PortList.FIRST + this.memory.views.heap[list + PortList.COUNT]);
  }

  private newTable(max: number, timeout: number): number {
    const { heap } = this.memory.views;
    const buckets = bucketsFor(max);
    const table = this.memory.heap.allocate(tableWords(buckets));
    const key = randomBytes(8);
    tableInit(heap, table, buckets, max, timeout, key.readInt32LE(0), key.readInt32LE(4));
    return table;
  }

  private freeTable(table: number): void {
    this.memory.heap.release(table, tableWords(this.memory.views.heap[table + Table.MASK] + 1));
  }
}

/** Longest a command waits for a grace period before it answers ETIMEDOUT. */
export const GRACE_DEADLINE_MS = 5000;

function portFlags(spec: PortSpec): number {
  const learning = spec.learn ? PortFlag.LEARNING : 0;
  const discover = spec.discover ? PortFlag.DISCOVER : 0;
  return learning | discover | (spec.blocknonip ? PortFlag.BLOCKNONIP : 0);
}

/** Domain n is bit n - 1. */
function protectedMask(spec: PortSpec): number {
  return spec.protected.reduce((mask, domain) => mask | (1 << (domain - 1)), 0);
}

/** Whether any OUT rule of the port sets a tag. */
function tagsOut(spec: PortSpec): boolean {
  return spec.rules.some((rule) => rule.tag !== '' && rule.dir !== 'in');
}
