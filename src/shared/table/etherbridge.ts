/**
 * etherbridge: the learning table of a veb (spec A §3), one record in the heap that every worker reads and writes.
 *
 * A bucket is one cache line: a lock word, a count of the entries that passed it by because it was full, and three entries of
 * four words. An entry sits in its home bucket or, if that was full, in the next one with room; it never moves
 * from its slot while it lives. A table has at least 1.5 slots for each address it may hold.
 *
 * Reading takes no lock and writes nothing. A slot's VALUE is 0 while it has no entry; to fill a slot its key is written
 * first and VALUE last, to empty it VALUE is cleared first and the key after. VALUE carries, beside the port, a number that is
 * another one each time a slot of the bucket is filled. A reader takes VALUE, then compares the key, then takes VALUE again:
 * with the key and the number the same, the port belonged to the key, whatever writers did between (proven by
 * test/models/etherbridge.pml, short of 63 fillings of one bucket during one look-up). A station that moves to another port is
 * one store of VALUE, so a look-up during a storm of moves never misses (A93).
 *
 * Writing needs the locks of all buckets from the home bucket to the slot. Workers only try; a busy bucket means "not
 * now". Main may insist. The lock word holds its owner's thread number + 1, so that main can break a dead worker's lock.
 *
 * W of all words: whoever holds the bucket's lock, but SEEN, which any worker that sees the station refreshes (a relaxed
 * store of the same second), and COUNT, which changes by atomic add. R: all.
 */
import { Kind } from '../layout/heap.js';

/** Words of the table's header, one cache line of constants and one of the count. W: main, once. R: all. */
export const enum Table {
  KIND = 0,
  /** Buckets - 1. W: main, once. */
  MASK = 1,
  /** Multipliers of the hash, odd. W: main, once. */
  KEY0 = 2,
  KEY1 = 3,
  /** Most addresses. W: main. */
  MAX = 4,
  /** Seconds after which a dynamic entry is treated as absent. W: main. */
  TIMEOUT = 5,
  /** Addresses in the table. W: all, by atomic add. */
  COUNT = 32,
  /** Second at which a worker last looked through a small full table for expired entries. W: workers. */
  SCANNED = 33,
  /** 1 when a large full table refused a newcomer: main sweeps within a second. W: workers set it, main clears it. */
  SWEEP_WANTED = 34,
  /** The first bucket. W: whoever holds its lock. R: all. */
  BUCKETS = 64,
}

/** Words of a bucket. W: whoever holds its lock. R: all. */
const enum Bucket {
  LOCK = 0,
  PASSED = 1,
  /** Number given to the entry last filled in: 1 … 63, and round. */
  USES = 2,
  FIRST = 4,
  END = 16,
  SHIFT = 4,
}

/** Words of an entry. W: whoever holds its bucket's lock. R: all. */
const enum Entry {
  /** Low 32 bits of the address, in the order of the frame's bytes read as little-endian words. */
  LO = 0,
  /** High 16 bits, and the vid << 16. */
  HI = 1,
  /** Port's interface index | number of this filling << 10 | port generation << 16; 0 = no entry. */
  VALUE = 2,
  /** Second it was last seen; STATIC for one that never ages. W: the same, and any worker that sees the station. R: all. */
  SEEN = 3,
  WORDS = 4,
}

/** The port in a VALUE, without the number of the filling. */
const PORT = ~0xfc00;
/** That number: never 0, so that a filled slot is never taken for an empty one. */
const FILLING = 0xfc00;
const FILLING_SHIFT = 10;
const FILLINGS = 63;
/** `Entry.SEEN` of a static address. */
const STATIC = -1;
/** Longest run of buckets from home to slot. */
const PROBE_LIMIT = 32;
/** A full table of at most this many buckets is searched for an expired entry by the worker that needs one. */
const SCAN_LIMIT = 128;

/** How often main tries a bucket's lock before it gives up: workers hold one for well under a microsecond. */
const INSIST = 1 << 20;

/** Thrown on main when a bucket stays locked: a worker stopped or died with it, and `breakLocks` has not run yet. */
export class BucketBusy extends Error {
  readonly code = 'EAGAIN';

  constructor() {
    super('an address bucket stays locked; a worker has stopped or died');
  }
}

/** What `learn` did. */
export const enum Learned {
  KNOWN = 0,
  NEW = 1,
  MOVED = 2,
  FULL = 3,
  BUSY = 4,
}

/** Buckets for a table of at most `max` addresses. */
export function bucketsFor(max: number): number {
  let buckets = 8;
  while (buckets * 2 < max) buckets *= 2;
  return buckets;
}

/** Words that a table of `buckets` buckets takes. */
export function tableWords(buckets: number): number {
  return Table.BUCKETS + (buckets << Bucket.SHIFT);
}

/** Makes an empty table of `tableWords(buckets)` words at `t`. Main only. */
export function tableInit(
  h: Int32Array,
  t: number,
  buckets: number,
  max: number,
  timeout: number,
  key0: number,
  key1: number,
): void {
  h.fill(0, t, t + tableWords(buckets));
  h[t + Table.KIND] = Kind.ETHERBRIDGE;
  h[t + Table.MASK] = buckets - 1;
  h[t + Table.KEY0] = key0 | 1;
  h[t + Table.KEY1] = key1 | 1;
  h[t + Table.MAX] = max;
  h[t + Table.TIMEOUT] = timeout;
}

/**
 * Index of the home bucket of an address, by the table's constants: the index of its first bucket, MASK, KEY0 and KEY1. Who looks up many
 * addresses reads those once: 2 of 30 ns a frame (Node 20.20, November 2026). The hash is keyed (random odd multipliers,
 * then one mixing round), so that collisions cannot be chosen from outside.
 */
export function homeBy(first: number, mask: number, key0: number, key1: number, lo: number, hi: number): number {
  const x = (Math.imul(lo, key0) + Math.imul(hi, key1)) | 0;
  return first + (((Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 8) & mask) << Bucket.SHIFT);
}

/** The same of the table at `t`. */
export function homeOf(h: Int32Array, t: number, lo: number, hi: number): number {
  return homeBy(t + Table.BUCKETS, h[t + Table.MASK], h[t + Table.KEY0], h[t + Table.KEY1], lo, hi);
}

/** The bucket after `b`, around the end. */
function nextBucket(h: Int32Array, t: number, b: number): number {
  const first = t + Table.BUCKETS;
  return first + ((b - first + Bucket.END) % ((h[t + Table.MASK] + 1) << Bucket.SHIFT));
}

/**
 * Index of the entry of a key whose home is bucket `b`, or 0. The entry may be expired, and may be gone by the time it is used.
 *
 * Comparing one key after the other beats a word of tags and one key compare (5.4 against 8.1 ns, 1000 addresses, Node 20.20,
 * November 2026).
 */
function find(h: Int32Array, t: number, b: number, lo: number, hi: number): number {
  if (h[b + 4] === lo && h[b + 5] === hi) return b + 4;
  if (h[b + 8] === lo && h[b + 9] === hi) return b + 8;
  if (h[b + 12] === lo && h[b + 13] === hi) return b + 12;
  return h[b + Bucket.PASSED] === 0 ? 0 : search(h, t, b, lo, hi);
}

/** The rest of the way, for keys that did not find room at home. */
function search(h: Int32Array, t: number, home: number, lo: number, hi: number): number {
  let b = home;
  for (let hop = 1; h[b + Bucket.PASSED] !== 0 && hop < PROBE_LIMIT; hop++) {
    b = nextBucket(h, t, b);
    for (let e = b + Bucket.FIRST; e < b + Bucket.END; e += Entry.WORDS) {
      if (h[e] === lo && h[e + Entry.HI] === hi) return e;
    }
  }
  return 0;
}

/**
 * Looks an address up: `lo`, `hi` as in `Entry`, `b` its home bucket, `now` in seconds, `timeout` that of the table. Returns its port (index | generation << 16), or 0 for
 * none or an expired one. No lock, no write. Any thread in a read section.
 *
 * The later reads are at indices that depend on the earlier ones (through top bits that are always 0): address dependencies,
 * which no compiler may answer from a first read. `Atomics.load` would do as well, and costs 7 ns, a quarter of the whole
 * look-up (Node 20.20, November 2026: it is a call).
 */
export function lookup(
  h: Int32Array,
  t: number,
  b: number,
  lo: number,
  hi: number,
  now: number,
  timeout: number,
): number {
  const e = find(h, t, b, lo, hi);
  if (e === 0) return 0;
  const value = h[e + Entry.VALUE];
  const seen = h[e + Entry.SEEN];
  const again = e + (value >>> 31);
  const hiAgain = h[again + Entry.HI];
  const same =
    h[again] === lo && hiAgain === hi && ((h[again + Entry.VALUE + (hiAgain >>> 31)] ^ value) & FILLING) === 0;
  if (!same || value === 0) return lookupFurther(h, t, lo, hi, now);
  return now - seen > timeout && seen !== STATIC ? 0 : value & PORT;
}

/** `lookup` of one address alone. */
export function lookupOne(h: Int32Array, t: number, lo: number, hi: number, now: number): number {
  return lookup(h, t, homeOf(h, t, lo, hi), lo, hi, now, h[t + Table.TIMEOUT]);
}

/** The same over every slot from the home bucket on: a slot being filled or emptied may have hidden the one that counts. */
function lookupFurther(h: Int32Array, t: number, lo: number, hi: number, now: number): number {
  let b = homeOf(h, t, lo, hi);
  for (let hop = 0; hop < PROBE_LIMIT; hop++) {
    for (let e = b + Bucket.FIRST; e < b + Bucket.END; e += Entry.WORDS) {
      const value = Atomics.load(h, e + Entry.VALUE);
      const seen = Atomics.load(h, e + Entry.SEEN);
      if (value === 0 || Atomics.load(h, e) !== lo || Atomics.load(h, e + Entry.HI) !== hi) continue;
      if (((Atomics.load(h, e + Entry.VALUE) ^ value) & FILLING) !== 0) continue;
      return now - seen > h[t + Table.TIMEOUT] && seen !== STATIC ? 0 : value & PORT;
    }
    if (h[b + Bucket.PASSED] === 0) break;
    b = nextBucket(h, t, b);
  }
  return 0;
}

/**
 * Whether the table already says that an address is behind port `value` and was seen at second `now`: the steady state of
 * learning, which writes nothing and takes no lock (A94). `b` is its home bucket.
 */
export function isKnown(
  h: Int32Array,
  t: number,
  b: number,
  lo: number,
  hi: number,
  value: number,
  now: number,
): boolean {
  const e = find(h, t, b, lo, hi);
  return e !== 0 && (h[e + Entry.VALUE] & PORT) === value && h[e + Entry.SEEN] === now;
}

/**
 * Learns that an address is behind port `value` at second `now`. `me` is the calling thread, for the lock words. The caller
 * has already refused group and zero addresses, and asks `isKnown` first.
 */
export function learn(
  h: Int32Array,
  t: number,
  lo: number,
  hi: number,
  value: number,
  now: number,
  me: number,
): Learned {
  const e = find(h, t, homeOf(h, t, lo, hi), lo, hi);
  if (e !== 0 && h[e + Entry.VALUE] !== 0) {
    const seen = h[e + Entry.SEEN];
    if (seen === STATIC) return Learned.KNOWN;
    // Not a plain store: main may make the entry static meanwhile. Once a second and address.
    if (seen !== now) Atomics.compareExchange(h, e + Entry.SEEN, seen, now);
    if ((h[e + Entry.VALUE] & PORT) === value) return Learned.KNOWN;
  } else if (h[t + Table.COUNT] >= h[t + Table.MAX] && !reclaim(h, t, lo, hi, now, me)) {
    return Learned.FULL;
  }
  return enter(h, t, lo, hi, value, now, me, false);
}

/**
 * Enters a static address, in place of a dynamic one if there is one (spec A §3.6 REC). Main only; insists on the locks.
 * `now` is the second by which others have expired: a full table is swept first. Returns FULL when the table is, KNOWN when
 * the key is already static on that port, BUSY when it is static on another.
 */
export function addStatic(
  h: Int32Array,
  t: number,
  lo: number,
  hi: number,
  value: number,
  now: number,
  me: number,
): Learned {
  const e = find(h, t, homeOf(h, t, lo, hi), lo, hi);
  // VALUE before SEEN: an emptied slot keeps the SEEN it had.
  const port = e === 0 ? 0 : h[e + Entry.VALUE] & PORT;
  if (port !== 0 && h[e + Entry.SEEN] === STATIC) return port === value ? Learned.KNOWN : Learned.BUSY;
  if (e === 0 && h[t + Table.COUNT] >= h[t + Table.MAX]) sweep(h, t, now, me);
  for (let tries = 0; tries < INSIST; tries++) {
    const done = enter(h, t, lo, hi, value, STATIC, me, true);
    if (done !== Learned.BUSY) return done;
  }
  throw new BucketBusy();
}

/** Inserts or changes an entry under the locks from its home bucket to its slot. */
function enter(
  h: Int32Array,
  t: number,
  lo: number,
  hi: number,
  value: number,
  seen: number,
  me: number,
  replaceSeen: boolean,
): Learned {
  const home = homeOf(h, t, lo, hi);
  let b = home;
  let hops = 0;
  let slot = 0;
  let slotHops = 0;
  let result: Learned = Learned.FULL;
  for (;;) {
    if (!tryLock(h, b, me)) {
      result = Learned.BUSY;
      slot = 0;
      break;
    }
    hops++;
    let found = 0;
    for (let e = b + Bucket.FIRST; e < b + Bucket.END; e += Entry.WORDS) {
      if (h[e + Entry.VALUE] === 0) {
        if (slot === 0) {
          slot = e;
          slotHops = hops;
        }
      } else if (h[e] === lo && h[e + Entry.HI] === hi) found = e;
    }
    if (found !== 0) {
      slot = 0;
      result = Learned.KNOWN;
      if (h[found + Entry.SEEN] !== STATIC) {
        if (replaceSeen) h[found + Entry.SEEN] = seen;
        const old = h[found + Entry.VALUE];
        if ((old & PORT) !== value) {
          result = Learned.MOVED;
          Atomics.store(h, found + Entry.VALUE, value | (old & FILLING));
        }
      }
      break;
    }
    if (h[b + Bucket.PASSED] === 0 && slot !== 0) break;
    if (hops === PROBE_LIMIT || hops > h[t + Table.MASK]) break;
    b = nextBucket(h, t, b);
  }
  if (slot !== 0) {
    if (Atomics.add(h, t + Table.COUNT, 1) < h[t + Table.MAX]) {
      h[slot] = lo;
      h[slot + Entry.HI] = hi;
      h[slot + Entry.SEEN] = seen;
      for (let i = 1, p = home; i < slotHops; i++, p = nextBucket(h, t, p)) h[p + Bucket.PASSED]++;
      const bucket = slot & -Bucket.END;
      const filling = (h[bucket + Bucket.USES] % FILLINGS) + 1;
      h[bucket + Bucket.USES] = filling;
      Atomics.store(h, slot + Entry.VALUE, value | (filling << FILLING_SHIFT));
      result = Learned.NEW;
    } else {
      Atomics.sub(h, t + Table.COUNT, 1);
      result = Learned.FULL;
    }
  }
  for (let i = 0, p = home; i < hops; i++, p = nextBucket(h, t, p)) unlock(h, p);
  return result;
}

/** Makes room in a full table by removing one expired entry: near the newcomer's home or, in a small table, anywhere. Workers only. */
function reclaim(h: Int32Array, t: number, lo: number, hi: number, now: number, me: number): boolean {
  if (reclaimIn(h, t, homeOf(h, t, lo, hi), now, me)) return true;
  const buckets = h[t + Table.MASK] + 1;
  if (buckets > SCAN_LIMIT) {
    h[t + Table.SWEEP_WANTED] = 1;
    return false;
  }
  if (h[t + Table.SCANNED] === now) return false;
  for (let b = t + Table.BUCKETS, i = 0; i < buckets; i++, b += Bucket.END) {
    if (reclaimIn(h, t, b, now, me)) return true;
  }
  h[t + Table.SCANNED] = now;
  return false;
}

/** Removes one expired entry of bucket `b`, if it can. */
function reclaimIn(h: Int32Array, t: number, b: number, now: number, me: number): boolean {
  for (let e = b + Bucket.FIRST; e < b + Bucket.END; e += Entry.WORDS) {
    const value = h[e + Entry.VALUE];
    const seen = h[e + Entry.SEEN];
    if (value === 0 || seen === STATIC || now - seen <= h[t + Table.TIMEOUT]) continue;
    if (removeEntry(h, t, e, b, me, value, seen)) return true;
  }
  return false;
}

/** Removes entry `e` of bucket `at` under the locks from its home, if it is still as read. False if it is not or a lock is taken. */
function removeEntry(
  h: Int32Array,
  t: number,
  e: number,
  at: number,
  me: number,
  value: number,
  seen: number,
): boolean {
  const lo = h[e];
  const hi = h[e + Entry.HI];
  const home = homeOf(h, t, lo, hi);
  let b = home;
  let hops = 0;
  let removed = false;
  for (;;) {
    if (!tryLock(h, b, me)) break;
    hops++;
    if (b === at) {
      const same = h[e] === lo && h[e + Entry.HI] === hi && h[e + Entry.VALUE] === value && h[e + Entry.SEEN] === seen;
      if (same) {
        Atomics.store(h, e + Entry.VALUE, 0);
        h[e] = 0;
        h[e + Entry.HI] = 0;
        Atomics.sub(h, t + Table.COUNT, 1);
        for (let i = 1, p = home; i < hops; i++, p = nextBucket(h, t, p)) h[p + Bucket.PASSED]--;
        removed = true;
      }
      break;
    }
    if (hops === PROBE_LIMIT || hops > h[t + Table.MASK]) break;
    b = nextBucket(h, t, b);
  }
  for (let i = 0, p = home; i < hops; i++, p = nextBucket(h, t, p)) unlock(h, p);
  return removed;
}

/** One address as listed. */
export interface Address {
  readonly lo: number;
  readonly hi: number;
  /** Port's interface index | port generation << 16. */
  readonly value: number;
  readonly isStatic: boolean;
  /** Second it was last seen; 0 for a static one. */
  readonly seen: number;
}

/** Buckets that the table has. */
export function bucketsOf(h: Int32Array, t: number): number {
  return h[t + Table.MASK] + 1;
}

/** The end of `count` buckets from the `first` on, or of the table. */
function endOf(h: Int32Array, t: number, first: number, count: number): number {
  return t + tableWords(Math.min(bucketsOf(h, t), first + count));
}

/** All addresses now in the table, in no order, expired ones included (spec A §3.8); or in `count` buckets from the `first` on. Main only. */
export function addresses(h: Int32Array, t: number, first = 0, count = bucketsOf(h, t)): Address[] {
  const out: Address[] = [];
  const end = endOf(h, t, first, count);
  for (let b = t + Table.BUCKETS + first * Bucket.END; b < end; b += Bucket.END) {
    for (let e = b + Bucket.FIRST; e < b + Bucket.END; e += Entry.WORDS) {
      const value = Atomics.load(h, e + Entry.VALUE);
      if (value === 0) continue;
      const seen = h[e + Entry.SEEN];
      out.push({
        lo: h[e],
        hi: h[e + Entry.HI],
        value: value & PORT,
        isStatic: seen === STATIC,
        seen: seen === STATIC ? 0 : seen,
      });
    }
  }
  return out;
}

/** Removes every address that `pick` chooses, of `count` buckets from the `first` on, all unless told. Main only; insists on each lock. Returns how many. */
export function removeWhere(
  h: Int32Array,
  t: number,
  me: number,
  pick: (address: Address) => boolean,
  first = 0,
  count = bucketsOf(h, t),
): number {
  let removed = 0;
  const end = endOf(h, t, first, count);
  for (let b = t + Table.BUCKETS + first * Bucket.END; b < end; b += Bucket.END) {
    for (let e = b + Bucket.FIRST; e < b + Bucket.END; e += Entry.WORDS) {
      for (let tries = 0; ; tries++) {
        if (tries === INSIST) throw new BucketBusy();
        const value = Atomics.load(h, e + Entry.VALUE);
        if (value === 0) break;
        const seen = h[e + Entry.SEEN];
        const isStatic = seen === STATIC;
        if (!pick({ lo: h[e], hi: h[e + Entry.HI], value: value & PORT, isStatic, seen: isStatic ? 0 : seen })) break;
        if (removeEntry(h, t, e, b, me, value, seen)) {
          removed++;
          break;
        }
      }
    }
  }
  return removed;
}

/**
 * Removes dynamic entries last seen `timeout` seconds ago or more (the sweep; not strict: spec A §3.5), of all buckets or of `count` from the
 * `first` on. Main only.
 */
export function sweep(h: Int32Array, t: number, now: number, me: number, first = 0, count = bucketsOf(h, t)): number {
  if (first === 0) h[t + Table.SWEEP_WANTED] = 0;
  const timeout = h[t + Table.TIMEOUT];
  return removeWhere(h, t, me, (a) => !a.isStatic && now - a.seen >= timeout, first, count);
}

/**
 * Copies the entries of table `from` that `to` lacks, age and kind included; of the dynamic ones those seen at second `since`
 * or later. Main only, when a table is replaced.
 */
export function copyInto(h: Int32Array, from: number, to: number, me: number, since: number): void {
  for (const a of addresses(h, from)) {
    if (!a.isStatic && a.seen < since) continue;
    if (find(h, to, homeOf(h, to, a.lo, a.hi), a.lo, a.hi) === 0)
      enter(h, to, a.lo, a.hi, a.value, a.isStatic ? STATIC : a.seen, me, true);
  }
}

/** Frees every bucket lock that thread `dead` holds. Main only, once that thread has certainly exited. */
export function breakLocks(h: Int32Array, t: number, dead: number): number {
  let broken = 0;
  const end = t + tableWords(h[t + Table.MASK] + 1);
  for (let b = t + Table.BUCKETS; b < end; b += Bucket.END) {
    if (Atomics.compareExchange(h, b + Bucket.LOCK, dead + 1, 0) === dead + 1) broken++;
  }
  return broken;
}

function tryLock(h: Int32Array, b: number, me: number): boolean {
  return Atomics.compareExchange(h, b + Bucket.LOCK, 0, me + 1) === 0;
}

function unlock(h: Int32Array, b: number): void {
  Atomics.store(h, b + Bucket.LOCK, 0);
}
