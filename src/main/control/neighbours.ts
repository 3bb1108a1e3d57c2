/**
 * Bindings of neighbours in shared memory, as workers look them up (table/neighbour.ts). Which there are is decided by the state
 * machine of main/stack. Main only.
 */
import { randomInt } from 'node:crypto';
import { Control, Kind } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import {
  INET6,
  lookupNeighbour,
  Neighbour,
  neighbourTableInit,
  neighbourTableWords,
  publishNeighbour,
  unlinkNeighbour,
} from '../../shared/table/neighbour.js';
import type { Memory } from '../memory/memory.js';

/** Buckets of the table: as many as main keeps neighbours at most. */
const BUCKETS = 8192;

export class Neighbours {
  private readonly memory: Memory;
  private readonly reclaimer: Reclaimer;
  private readonly table: number;

  constructor(memory: Memory, reclaimer: Reclaimer) {
    this.memory = memory;
    this.reclaimer = reclaimer;
    this.table = memory.heap.allocate(neighbourTableWords(BUCKETS));
    neighbourTableInit(memory.views.heap, this.table, BUCKETS, randomInt(2 ** 31));
    memory.views.heap[Control.NEIGHBOURS] = this.table;
  }

  /** Gives an address (one word, or four) on interface `index` the link-layer address `lladdr`. Throws ENOMEM. */
  bind(index: number, words: Int32Array, lladdr: Uint8Array, stale: boolean): void {
    const { heap } = this.memory.views;
    const where = whereOf(index, words);
    const old = this.find(index, words);
    const entry = this.memory.heap.allocate(Neighbour.WORDS);
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = lladdr;
    heap[entry + Neighbour.KIND] = Kind.NEIGHBOUR;
    heap[entry + Neighbour.INTERFACE] = where;
    heap.set(words, entry + Neighbour.ADDRESS);
    heap[entry + Neighbour.HI] = a | (b << 8);
    heap[entry + Neighbour.LO] = c | (d << 8) | (e << 16) | (f << 24);
    heap[entry + Neighbour.STALE] = stale ? 1 : 0;
    publishNeighbour(heap, this.table, entry, old);
    if (old !== 0) this.retire(old);
  }

  /** Takes a binding away, if there is one. */
  unbind(index: number, words: Int32Array): void {
    const entry = this.find(index, words);
    if (entry === 0) return;
    unlinkNeighbour(this.memory.views.heap, this.table, entry);
    this.retire(entry);
  }

  /** Whether a packet went to a stale binding since it was made. */
  used(index: number, words: Int32Array): boolean {
    const entry = this.find(index, words);
    return entry !== 0 && this.memory.views.heap[entry + Neighbour.USED] !== 0;
  }

  private find(index: number, words: Int32Array): number {
    const [a0 = 0, a1 = 0, a2 = 0, a3 = 0] = words;
    return lookupNeighbour(this.memory.views.heap, this.table, whereOf(index, words), a0, a1, a2, a3);
  }

  private retire(entry: number): void {
    this.reclaimer.retire(Neighbour.WORDS * 4, () => this.memory.heap.release(entry, Neighbour.WORDS));
  }
}

function whereOf(index: number, words: Int32Array): number {
  return words.length === 4 ? index | INET6 : index;
}
