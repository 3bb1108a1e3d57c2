/**
 * HMAC keys of SRHs in the heap (shared/table/hmac-keys.ts): one record, replaced as a whole. Main only.
 */
import { Control, Kind } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import { HmacKeys, HmacKeyWord } from '../../shared/table/hmac-keys.js';
import type { HmacKey } from '../config/seg6.js';
import type { Memory } from '../memory/memory.js';

/** IANA's numbers, as the kernel's netlink has them. */
const ALGORITHM = { sha1: 1, sha256: 2 } as const;

/** Gives workers these keys, and no others. Throws ENOMEM; then nothing has changed. */
export function publishHmacKeys(memory: Memory, reclaimer: Reclaimer, keys: readonly HmacKey[]): void {
  const { heap } = memory.views;
  const old = heap[Control.SRV6_KEYS];
  const words = HmacKeys.FIRST + keys.length * HmacKeyWord.WORDS;
  const record = keys.length === 0 ? 0 : memory.heap.allocate(words);
  if (record !== 0) {
    heap[record + HmacKeys.KIND] = Kind.HMAC_KEYS;
    heap[record + HmacKeys.COUNT] = keys.length;
    for (const [n, key] of keys.entries()) write(heap, record + HmacKeys.FIRST + n * HmacKeyWord.WORDS, key);
  }
  Atomics.store(heap, Control.SRV6_KEYS, record);
  if (old === 0) return;
  const oldWords = HmacKeys.FIRST + heap[old + HmacKeys.COUNT] * HmacKeyWord.WORDS;
  reclaimer.retire(oldWords * 4, () => {
    // A secret does not stay behind in memory that others are given.
    heap.fill(0, old, old + oldWords);
    memory.heap.release(old, oldWords);
  });
}

function write(heap: Int32Array, at: number, { id, algorithm, secret }: HmacKey): void {
  const bytes = new Uint8Array((HmacKeyWord.WORDS - HmacKeyWord.SECRET) * 4);
  const text = Buffer.from(secret);
  bytes.set(text);
  heap[at + HmacKeyWord.ID] = id | 0;
  heap[at + HmacKeyWord.ALGORITHM] = ALGORITHM[algorithm];
  heap[at + HmacKeyWord.LENGTH] = text.length;
  heap.set(new Int32Array(bytes.buffer), at + HmacKeyWord.SECRET);
}
