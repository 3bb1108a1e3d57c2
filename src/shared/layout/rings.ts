/**
 * The rings region: single-producer single-consumer rings of words, allocated by main.
 *
 * Indices run freely as int32 and are masked on use; a ring is empty when TAIL = HEAD and full when they differ by its
 * capacity. The producer's and the consumer's words are 128 bytes apart, and so are the entries.
 */

/** Words of a ring's header. */
export const enum Ring {
  /** Entries published. W: producer. R: consumer, main. */
  TAIL = 0,
  /** Entries the producer could not put. W: producer. R: main. */
  REFUSED = 1,
  /** Entries taken. W: consumer. R: producer, main. */
  HEAD = 32,
  /** Power of two. W: main, once. R: both. */
  CAPACITY = 64,
  /** Entries written, of which those from TAIL on are not published yet: what a dead producer has left there. W: producer. R: main. */
  WRITTEN = 96,
  /** First entry. W: producer. R: consumer. */
  ENTRIES = 128,
}

/** Words that a ring of `capacity` entries takes. */
export function ringWords(capacity: number): number {
  return Ring.ENTRIES + capacity;
}
