/** What every soak is: options in, an outcome out. */

/** How a soak is run. */
export interface SoakOptions {
  /** The first seed; rounds count on from it. */
  readonly seed: number;
  /** Seconds that each is to take; each has its own measure unless told. */
  readonly seconds: number | undefined;
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
}

/** What a soak came to, with lines for the closing summary. */
export interface Outcome {
  readonly ok: boolean;
  readonly lines: readonly string[];
}
