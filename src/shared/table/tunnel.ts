/**
 * Tunnels: what an erspan interface sends with, and who takes what comes in (spec A §6.4).
 *
 * Main alone writes; both kinds of record are immutable snapshots, published with one store (`If.TUNNEL`, `Control.TUNNELS`) and retired
 * when another takes their place. Workers look up within a read section.
 */
import { Kind } from '../layout/heap.js';

/** Words of what an interface sends with, and of how it takes what it gets. W: main. R: workers. */
export const enum Tunnel {
  KIND = 0,
  /** Bits of `TunnelFlag`. */
  FLAGS = 1,
  /** 0 … 1023, if it has one. */
  SESSION = 2,
  /** Routing domain of the outer packet. */
  RDOMAIN = 3,
  TTL = 4,
  /** Priority of what is sent, 0 … 7, or `TunnelPriority.PACKET`. */
  TX_PRIORITY = 5,
  /** Priority of what is received, 0 … 7, or another `TunnelPriority`. */
  RX_PRIORITY = 6,
  /** Its `TunnelState`, which outlives this record. */
  STATE = 7,
  /** Addresses, four words in host order; IPv4 in the first alone. */
  LOCAL = 8,
  REMOTE = 12,
  WORDS = 16,
}

/** Words that go on while an interface lives, down or up. */
export const enum TunnelState {
  /** Number of the next packet sent. W: the worker that owns the interface (`If.OWNER`). R: main. */
  SEQUENCE = 0,
  WORDS = 32,
}

/** Bits of `Tunnel.FLAGS`. */
export const enum TunnelFlag {
  INET6 = 1,
  /** Outer packets are not to be fragmented. */
  DF = 2,
  /** There is a remote address: else any source will do, and nothing can be sent. */
  REMOTE = 4,
  /** There is a session: else any will do, and nothing can be sent. */
  SESSION = 8,
  /** Type I, which has no session. */
  TYPE_1 = 16,
}

/** Where a priority comes from, if it is not a number. */
export const enum TunnelPriority {
  /** The frame's own. */
  PACKET = -1,
  /** The ERSPAN header's. */
  PAYLOAD = -2,
  /** The outer IP header's. */
  OUTER = -3,
}

/** Session of a receiver of any, and of one of type I. */
export const SESSION_ANY = -1;
export const SESSION_TYPE_1 = -2;

/** Words of the look-up table's record. W: main. R: workers. */
const enum TunnelTable {
  KIND = 0,
  /** Buckets less one; a power of two less one. */
  MASK = 1,
  KEY = 2,
  /** The first bucket: word of its first entry from the table's begin; 0 = empty. */
  BUCKETS = 16,
}

/** Words of a receiver in the table. W: main. R: workers. */
const enum Receiver {
  /** The next of the bucket, like a bucket's word. */
  NEXT = 0,
  /** A session, SESSION_ANY or SESSION_TYPE_1. */
  SESSION = 1,
  /** Routing domain, and bits of `Where`. */
  WHERE = 2,
  LOCAL = 3,
  REMOTE = 7,
  INTERFACE = 11,
  WORDS = 16,
}

/** Bits beside the routing domain. */
export const enum Where {
  INET6 = 1 << 16,
  /** Any source will do. The flag, not an address of zeros, says so (E8). */
  WILDCARD = 1 << 17,
}

/** A receiver as main gives it: who takes a packet of `session` in `rdomain`. Four words an address; no remote = any. */
export interface ReceiverSpec {
  readonly session: number;
  readonly rdomain: number;
  readonly inet6: boolean;
  readonly local: readonly number[];
  readonly remote: readonly number[] | undefined;
  readonly interface: number;
}

/** Buckets for so many receivers. */
function bucketsFor(receivers: number): number {
  let buckets = 4;
  while (buckets < receivers * 2) buckets *= 2;
  return buckets;
}

/** Words of a table of so many receivers. */
export function tunnelTableWords(receivers: number): number {
  return TunnelTable.BUCKETS + bucketsFor(receivers) + receivers * Receiver.WORDS;
}

/** Builds a table at word `at` of `heap`, `tunnelTableWords` long. Main only; nobody reads it yet. */
export function buildTunnelTable(heap: Int32Array, at: number, key: number, receivers: readonly ReceiverSpec[]): void {
  const buckets = bucketsFor(receivers.length);
  heap[at + TunnelTable.KIND] = Kind.TUNNELS;
  heap[at + TunnelTable.MASK] = buckets - 1;
  heap[at + TunnelTable.KEY] = key;
  heap.fill(0, at + TunnelTable.BUCKETS, at + TunnelTable.BUCKETS + buckets);
  receivers.forEach((receiver, n) => {
    const entry = TunnelTable.BUCKETS + buckets + n * Receiver.WORDS;
    const remote = receiver.remote ?? [0, 0, 0, 0];
    const where =
      receiver.rdomain | (receiver.inet6 ? Where.INET6 : 0) | (receiver.remote === undefined ? Where.WILDCARD : 0);
    heap[at + entry + Receiver.SESSION] = receiver.session;
    heap[at + entry + Receiver.WHERE] = where;
    heap.set(receiver.local, at + entry + Receiver.LOCAL);
    heap.set(remote, at + entry + Receiver.REMOTE);
    heap[at + entry + Receiver.INTERFACE] = receiver.interface;
    const [l0 = 0, l1 = 0, l2 = 0, l3 = 0] = receiver.local;
    const [r0 = 0, r1 = 0, r2 = 0, r3 = 0] = remote;
    const bucket = at + bucketOf(heap, at, receiver.session, where, l0, l1, l2, l3, r0, r1, r2, r3);
    heap[at + entry + Receiver.NEXT] = heap[bucket];
    heap[bucket] = entry;
  });
}

/** Word of a key's bucket from the table's begin. */
function bucketOf(
  heap: Int32Array,
  table: number,
  session: number,
  where: number,
  l0: number,
  l1: number,
  l2: number,
  l3: number,
  r0: number,
  r1: number,
  r2: number,
  r3: number,
): number {
  let h = heap[table + TunnelTable.KEY] ^ Math.imul(where, 0x9e3779b1) ^ session;
  h = Math.imul(h ^ l0, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ r0, 0xc2b2ae35);
  if ((where & Where.INET6) !== 0) {
    h = Math.imul(h ^ (h >>> 15) ^ l1, 0x27d4eb2f);
    h = Math.imul(h ^ (h >>> 13) ^ l2, 0x165667b1);
    h = Math.imul(h ^ (h >>> 15) ^ l3, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13) ^ r1, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 15) ^ r2, 0x27d4eb2f);
    h = Math.imul(h ^ (h >>> 13) ^ r3, 0x165667b1);
  }
  h ^= h >>> 15;
  return TunnelTable.BUCKETS + ((h ^ (h >>> 16)) & heap[table + TunnelTable.MASK]);
}

/** Finds receivers in one heap: interface index, or 0. Addresses are four words in host order. */
export type TunnelLookup = (
  table: number,
  session: number,
  where: number,
  l0: number,
  l1: number,
  l2: number,
  l3: number,
  r0: number,
  r1: number,
  r2: number,
  r3: number,
) => number;

/** Makes the look-up of one heap: the receiver with exactly this key. */
export function makeTunnelLookup(heap: Int32Array): TunnelLookup {
  return (table, session, where, l0, l1, l2, l3, r0, r1, r2, r3) => {
    let entry = heap[table + bucketOf(heap, table, session, where, l0, l1, l2, l3, r0, r1, r2, r3)];
    while (entry !== 0) {
      const e = table + entry;
      if (
        heap[e + Receiver.REMOTE] === r0 &&
        heap[e + Receiver.SESSION] === session &&
        heap[e + Receiver.WHERE] === where &&
        heap[e + Receiver.LOCAL] === l0 &&
        heap[e + Receiver.LOCAL + 1] === l1 &&
        heap[e + Receiver.LOCAL + 2] === l2 &&
        heap[e + Receiver.LOCAL + 3] === l3 &&
        heap[e + Receiver.REMOTE + 1] === r1 &&
        heap[e + Receiver.REMOTE + 2] === r2 &&
        heap[e + Receiver.REMOTE + 3] === r3
      )
        return heap[e + Receiver.INTERFACE];
      entry = heap[e + Receiver.NEXT];
    }
    return 0;
  };
}
