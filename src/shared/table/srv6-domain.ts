/**
 * The edge of an SR domain (RFC 8754 §5.1, spec B §1.8): the prefixes of its SIDs, which nobody outside may send to, and of its
 * infrastructure, whose nodes alone may send to SIDs of ours. One immutable record that main builds and every worker reads; while
 * neither is configured there is none.
 */
import { Kind } from '../layout/heap.js';
import { read32 } from '../wire/network-order.js';

/** Words of the record: then the prefixes, SIDs' first. W: main. R: workers. */
const enum Domain {
  KIND = 0,
  /** Prefixes of SIDs. */
  BLOCKS = 1,
  /** Prefixes of the infrastructure; none = everybody may send to SIDs. */
  SOURCES = 2,
  FIRST = 8,
}

/** Words of a prefix. W: main. R: workers. */
const enum DomainPrefix {
  NETWORK = 0,
  MASK = 4,
  WORDS = 8,
}

/** A prefix in numbers: four words in host order, of which bits beyond `length` are zero. */
export interface PrefixWords {
  readonly network: ArrayLike<number>;
  readonly length: number;
}

/** The words of the record. */
export function buildSrv6Domain(blocks: readonly PrefixWords[], sources: readonly PrefixWords[]): Int32Array {
  const all = [...blocks, ...sources];
  const words = new Int32Array(Domain.FIRST + all.length * DomainPrefix.WORDS);
  words[Domain.KIND] = Kind.SRV6_DOMAIN;
  words[Domain.BLOCKS] = blocks.length;
  words[Domain.SOURCES] = sources.length;
  for (const [n, { network, length }] of all.entries()) {
    const at = Domain.FIRST + n * DomainPrefix.WORDS;
    words.set(network, at + DomainPrefix.NETWORK);
    for (let k = 0; k < 4; k++) {
      const bits = Math.min(Math.max(length - 32 * k, 0), 32);
      words[at + DomainPrefix.MASK + k] = bits === 0 ? 0 : -1 << (32 - bits);
    }
  }
  return words;
}

/** Words of the record at `domain`. */
export function srv6DomainWords(heap: Int32Array, domain: number): number {
  return Domain.FIRST + (heap[domain + Domain.BLOCKS] + heap[domain + Domain.SOURCES]) * DomainPrefix.WORDS;
}

/** Whether the address at byte `at` is a SID's, by the record at `domain`. */
export function isInBlock(heap: Int32Array, domain: number, u8: Uint8Array, at: number): boolean {
  return isIn(heap, domain + Domain.FIRST, heap[domain + Domain.BLOCKS], u8, at);
}

/** Whether who has the address at byte `at` may send to SIDs of ours. */
export function maySend(heap: Int32Array, domain: number, u8: Uint8Array, at: number): boolean {
  const sources = heap[domain + Domain.SOURCES];
  const first = domain + Domain.FIRST + heap[domain + Domain.BLOCKS] * DomainPrefix.WORDS;
  return sources === 0 || isIn(heap, first, sources, u8, at);
}

function isIn(heap: Int32Array, first: number, count: number, u8: Uint8Array, at: number): boolean {
  const w0 = read32(u8, at);
  const w1 = read32(u8, at + 4);
  const w2 = read32(u8, at + 8);
  const w3 = read32(u8, at + 12);
  const end = first + count * DomainPrefix.WORDS;
  for (let p = first; p < end; p += DomainPrefix.WORDS) {
    const m = p + DomainPrefix.MASK;
    if ((w0 & heap[m]) !== heap[p] || (w1 & heap[m + 1]) !== heap[p + 1]) continue;
    if ((w2 & heap[m + 2]) === heap[p + 2] && (w3 & heap[m + 3]) === heap[p + 3]) return true;
  }
  return false;
}
