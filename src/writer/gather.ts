/**
 * A list of pieces of memory that one `writev` writes, in shared memory as the kernel wants it: packets go to a reader from where the
 * worker put them. Runs in the capture writer.
 */
import { addressOf } from '../shared/sys/libc.js';

/** Most pieces that the kernel takes at a time (IOV_MAX). */
export const MOST_PIECES = 1024;
const IOV_WORDS = 4;
const WORD = 0x100000000;

export class Gather {
  /** Where the list is. */
  readonly address: number;
  /** Pieces, and their bytes together. */
  count = 0;
  bytes = 0;
  private readonly words: Int32Array;

  constructor() {
    const buffer = new SharedArrayBuffer(MOST_PIECES * IOV_WORDS * 4);
    this.words = new Int32Array(buffer);
    this.address = addressOf(new Uint8Array(buffer));
  }

  /** Adds `length` bytes at `address`. There must be room. */
  add(address: number, length: number): void {
    const at = this.count * IOV_WORDS;
    // An address has 48 bits at most: the low word is it modulo 2^32.
    this.words[at] = address;
    this.words[at + 1] = address / WORD;
    this.words[at + 2] = length;
    this.count++;
    this.bytes += length;
  }

  /** Bytes of pieces `from` … `to - 1`. */
  bytesOf(from: number, to: number): number {
    let bytes = 0;
    for (let n = from; n < to; n++) bytes += this.words[n * IOV_WORDS + 2];
    return bytes;
  }

  /** Where piece `n` is. */
  addressOf(n: number): number {
    const at = n * IOV_WORDS;
    return this.words[at + 1] * WORD + (this.words[at] >>> 0);
  }

  clear(): void {
    this.count = 0;
    this.bytes = 0;
  }
}
