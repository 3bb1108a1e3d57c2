/**
 * Keys of the SRH's HMAC TLV in the heap (spec B §1.4): one immutable record that main replaces as a whole, `Control.SRV6_KEYS`.
 */

/** Words of the record. W: main, before it is published. R: workers. */
export const enum HmacKeys {
  KIND = 0,
  COUNT = 1,
  /** First key. */
  FIRST = 2,
}

/** Words of a key. W: main, before the record is published. R: workers. */
export const enum HmacKeyWord {
  ID = 0,
  /** 1 = HMAC-SHA1, 2 = HMAC-SHA256. */
  ALGORITHM = 1,
  /** Bytes of the secret, 1 … 64. */
  LENGTH = 2,
  /** The secret, four bytes a word as they lie in memory. */
  SECRET = 4,
  WORDS = 20,
}

/** First word of the key with `id` in the record at `keys`; 0 if there is none, or no record. */
export function findKey(heap: Int32Array, keys: number, id: number): number {
  if (keys === 0) return 0;
  const end = keys + HmacKeys.FIRST + heap[keys + HmacKeys.COUNT] * HmacKeyWord.WORDS;
  for (let key = keys + HmacKeys.FIRST; key < end; key += HmacKeyWord.WORDS) {
    if (heap[key + HmacKeyWord.ID] === id) return key;
  }
  return 0;
}
