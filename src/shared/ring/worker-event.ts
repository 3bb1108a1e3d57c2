/** Words on a worker's event ring to main: pairs of (what, about what). */

/** First word of a pair. */
export const enum WorkerEvent {
  /** The device of an interface is gone; second word: index | generation << 16. */
  GONE = 1,
}
