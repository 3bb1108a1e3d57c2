/**
 * Exact hash of IPv6 host routes in the heap: the /128 prefixes of one table (local SIDs, own addresses, neighbours), asked
 * before the trie (spec B §6.3).
 *
 * A slot is the address of a host's record, one cache line that never changes but for its next hop; 0 = free for good, GONE = a
 * host was here. Main alone writes. A record is filled before its slot is stored, and freed a grace period after its slot was
 * cleared, so a reader that has it may compare it with plain loads: they are ordered by its address. When an eighth of the slots
 * are used, those that are GONE included, a new table with the same records takes its place with one store. The table is that
 * empty because nearly every packet misses: then its first slot is free, as the branch predictor expects. The hash is keyed, so
 * that neighbours cannot choose addresses that collide.
 *
 * In front of the hash is a filter of 256 bits, one for each hash of the first half of a host's address: nearly every packet is for none of
 * these networks, and is spared the rest. A bit that is set proves nothing. It is set before its first host can be found, and cleared when its
 * last one cannot.
 */
import { FibEntry, type FibMemory, type FibReclaimer } from './prefix-trie.js';

/** Words of the table: as many as a power of two, the first of which is no slot. W: main. R: workers. */
const enum HostTable {
  /** Words - 1. */
  MASK = 0,
}

/** Words of a host's record. W: main. R: workers. */
const enum Host {
  /** The address, first word first. */
  KEY = 0,
  NEXT_HOP = 4,
  WORDS = 16,
}

/** A slot whose host has left: a search goes on. No record is at this address. */
const GONE = 1;
const SMALLEST = 64;

/** Words of the filter. */
export const FILTER_WORDS = 8;

/** Bit of the filter that stands for a host with this first half of its address. */
function filterBit(w0: number, w1: number): number {
  return Math.imul(w0 + w1, 0x9e3779b1) >>> 24;
}

/** Whether the address that begins with these words may be a host's, by the filter at `filter`. */
export function mayBeHost(heap: Int32Array, filter: number, w0: number, w1: number): boolean {
  const bit = filterBit(w0, w1);
  return ((heap[filter + (bit >>> 5)] >>> bit) & 1) !== 0;
}

/** Finds an address in the table at `table` (not 0); returns its next hop, 0 = it is not there. */
export type HostLookup = (table: number, key: number, w0: number, w1: number, w2: number, w3: number) => number;

/** The look-up over one heap; `key` is the table's hash key. */
export function makeHostLookup(heap: Int32Array): HostLookup {
  return (table, key, w0, w1, w2, w3) => {
    const mask = heap[table + HostTable.MASK];
    // Slot 0 is the mask; a hash of 0 takes the next one.
    for (let i = hostHash(key, w0, w1, w2, w3) & mask || 1; ; i = (i + 1) & mask || 1) {
      const host = heap[table + i];
      if (host === 0) return 0;
      if (
        host !== GONE &&
        heap[host + Host.KEY] === w0 &&
        heap[host + Host.KEY + 1] === w1 &&
        heap[host + Host.KEY + 2] === w2 &&
        heap[host + Host.KEY + 3] === w3
      ) {
        return heap[host + Host.NEXT_HOP] & FibEntry.NEXT_HOP;
      }
    }
  };
}

/**
 * Keyed hash of an address: two products side by side, whose factors only the key's owner knows, and one that mixes their sum. Short
 * enough to be compiled into the look-up, which a chain of a product for each word is not (4 ns a packet, Node 20.20, November 2026).
 */
function hostHash(key: number, w0: number, w1: number, w2: number, w3: number): number {
  const front = Math.imul((w0 + key) | 1, w1 ^ key);
  const back = Math.imul((w2 ^ key) | 1, w3 - key);
  const h = (front ^ (front >>> 15)) + back;
  const mixed = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 15);
}

export class HostSet {
  private readonly memory: FibMemory;
  private readonly heap: Int32Array;
  private readonly reclaimer: FibReclaimer;
  /** The word that leads readers to the table. */
  private readonly pointer: number;
  private readonly key: number;
  /** First word of the filter, and the hosts behind each of its bits. */
  private readonly filter: number;
  private readonly behind = new Int32Array(FILTER_WORDS * 32);
  private table = 0;
  private hosts = 0;
  /** Slots that are not 0. */
  private used = 0;

  /**
   * An empty set: no table yet. `pointer` is the word that its address goes to, `filter` the first of the `FILTER_WORDS` of the filter, which
   * are 0, `key` that of the hash. Main only.
   */
  constructor(memory: FibMemory, reclaimer: FibReclaimer, pointer: number, filter: number, key: number) {
    this.memory = memory;
    this.heap = memory.heap;
    this.reclaimer = reclaimer;
    this.pointer = pointer;
    this.filter = filter;
    this.key = key;
  }

  /** Words of table and records. */
  get words(): number {
    return this.tableWords + this.hosts * Host.WORDS;
  }

  /** Adds a host or changes its next hop with one store. Throws what `allocate` does, and then has changed nothing. */
  set(key: Int32Array, nextHop: number): void {
    const found = this.find(key);
    if (found !== 0) {
      Atomics.store(this.heap, this.heap[found] + Host.NEXT_HOP, nextHop);
      return;
    }
    if ((this.used + 1) * 8 > this.tableWords) this.rebuild();
    const host = this.memory.allocate(Host.WORDS);
    this.heap.set(key, host + Host.KEY);
    this.heap[host + Host.NEXT_HOP] = nextHop;
    const bit = filterBit(key[0], key[1]);
    if (this.behind[bit]++ === 0) this.flip(bit);
    const slot = this.freeSlot(this.table, host);
    Atomics.store(this.heap, slot, host);
    this.used++;
    this.hosts++;
  }

  /** Removes a host that is in the set. */
  delete(key: Int32Array): void {
    const slot = this.find(key);
    const host = this.heap[slot];
    Atomics.store(this.heap, slot, GONE);
    const bit = filterBit(key[0], key[1]);
    if (--this.behind[bit] === 0) this.flip(bit);
    this.hosts--;
    this.reclaimer.retire(Host.WORDS * 4, () => this.memory.release(host, Host.WORDS));
    if (this.hosts > 0) return;
    // Look-ups in a table without hosts are spared the hash.
    Atomics.store(this.heap, this.pointer, 0);
    this.retireTable();
    this.table = 0;
    this.used = 0;
  }

  /** Gives everything back after a grace period. No pointer may lead here any more. */
  close(): void {
    if (this.table === 0) return;
    const { table, tableWords } = this;
    this.reclaimer.retire(this.words * 4, () => {
      for (let i = 1; i < tableWords; i++) {
        const host = this.heap[table + i];
        if (host !== 0 && host !== GONE) this.memory.release(host, Host.WORDS);
      }
      this.memory.release(table, tableWords);
    });
  }

  /** Sets a bit of the filter, or clears it. */
  private flip(bit: number): void {
    const at = this.filter + (bit >>> 5);
    Atomics.store(this.heap, at, this.heap[at] ^ (1 << (bit & 31)));
  }

  private get tableWords(): number {
    return this.table === 0 ? 0 : this.heap[this.table + HostTable.MASK] + 1;
  }

  /** The slot of a host; 0 = it is not in the set. */
  private find(key: Int32Array): number {
    if (this.table === 0) return 0;
    const mask = this.heap[this.table + HostTable.MASK];
    for (let i = this.hash(key, 0) & mask || 1; ; i = (i + 1) & mask || 1) {
      const host = this.heap[this.table + i];
      if (host === 0) return 0;
      if (host === GONE) continue;
      let n = 0;
      while (n < 4 && this.heap[host + Host.KEY + n] === key[n]) n++;
      if (n === 4) return this.table + i;
    }
  }

  /** The first slot of `table` that never had a host, from where the record `host` belongs. */
  private freeSlot(table: number, host: number): number {
    const mask = this.heap[table + HostTable.MASK];
    let i = this.hash(this.heap, host + Host.KEY) & mask || 1;
    while (this.heap[table + i] !== 0) i = (i + 1) & mask || 1;
    return table + i;
  }

  private hash(words: Int32Array, at: number): number {
    return hostHash(this.key, words[at], words[at + 1], words[at + 2], words[at + 3]);
  }

  /** Another table with the same hosts, a sixteenth full at most. */
  private rebuild(): void {
    let words = SMALLEST;
    while (words < (this.hosts + 1) * 16) words *= 2;
    const table = this.memory.allocate(words);
    this.heap[table + HostTable.MASK] = words - 1;
    for (let i = 1; i < this.tableWords; i++) {
      const host = this.heap[this.table + i];
      if (host !== 0 && host !== GONE) this.heap[this.freeSlot(table, host)] = host;
    }
    Atomics.store(this.heap, this.pointer, table);
    this.retireTable();
    this.table = table;
    this.used = this.hosts;
  }

  private retireTable(): void {
    const { table, tableWords } = this;
    if (table !== 0) this.reclaimer.retire(tableWords * 4, () => this.memory.release(table, tableWords));
  }
}
