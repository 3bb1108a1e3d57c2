/** How long the n-th frame of a run is: always the same, or the IMIX of 7 × 60, 4 × 590 and 1 × 1514 bytes. */
import { LONGEST, mix32, SHORTEST } from './frame.js';

/** Spread, so that the long ones do not stand side by side. */
const IMIX = [60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 60, 590];

/** A fixed length in bytes, or the mix. */
export type Size = number | 'imix';

/** Reads `imix` or a number of bytes; undefined if it is neither, or out of range. */
export function parseSize(text: string): Size | undefined {
  if (text === 'imix') return 'imix';
  const bytes = Number(text);
  return /^\d+$/.test(text) && bytes >= SHORTEST && bytes <= LONGEST ? bytes : undefined;
}

/** Length of frame `n`. Each twelve of the mix, from a multiple of 12, are exactly 7:4:1; the seed turns each dozen anew. */
export function frameLength(size: Size, seed: number, n: number): number {
  if (size !== 'imix') return size;
  const turn = mix32(seed ^ mix32(Math.floor(n / 12) | 0)) % 12;
  return IMIX[((n % 12) + turn) % 12];
}
