/**
 * What is about to be written to a file: records put together in memory, in the place that they have in the file's blocks. Runs in the capture
 * writer.
 *
 * Whole blocks are written past the page cache (O_DIRECT), straight from here: a page of the cache costs more than all the rest of a
 * packet's way, and a file that grows takes ever new ones (1514 B: 0.13 µs of the kernel against 0.5 to 4, 1.6 GB/s against 0.2; 3 GB on ext4, Linux
 * 6.18, November 2026). What is left of the last block is appended through the cache, so that the file holds all of it, and is written once
 * more with the rest of that block. Little is appended at once, as is everything where the file system knows no other way. A disk that
 * cannot follow is no reason to lose packets while the cache has room: when a ring fills, the way that has been the faster one is taken.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { ERRNO, errnoName } from '../shared/sys/errno.js';
import { addressOf, lastErrno, memmove, pwrite, write } from '../shared/sys/libc.js';
import type { PacketView } from './encoder.js';

/** What a device may want O_DIRECT to be a multiple of, in memory and in the file. */
const BLOCK = 4096;
/**
 * Bytes that are put together at most; one record of any length fits behind what is left of a block. Much, as who waits for the disk may
 * wait some milliseconds more for a core that a worker keeps busy.
 */
const BYTES = 4 << 20;
/** From here on whole blocks are written by themselves: below, a wait for the disk costs more than the cache. */
const DIRECT_LEAST = 256 << 10;
/** Pieces in which ext4 appends to the cache at the lowest price. */
const CHUNK = 16 << 10;
/** From this length on a call of memmove (0.2 µs) beats a loop over words. */
const LONG = 1024;
/** How often, while rings fill, the way that was the slower one is tried again. */
const AGAIN = 64;
/** No descriptor: not asked for one yet, and not to be had. */
const [UNTRIED, NONE] = [-1, -2];

export class FileBuffer {
  private readonly u8: Uint8Array;
  private readonly i32: Int32Array;
  private readonly address: number;
  private readonly packets: PacketView;
  /** Where in the file the buffer begins: a multiple of BLOCK. */
  private base = 0;
  /** Bytes from `from` on are the file's; those before `have` are in it, those before `fill` are to be. */
  private from = 0;
  private have = 0;
  private fill = 0;
  private direct = UNTRIED;
  /** Whether a ring fills. */
  hurry = false;
  /** Milliseconds a byte that writing past the cache, and through it, took lately; 0 = not known. */
  private past = 0;
  private through = 0;
  private choices = 0;
  /** Why the last write wrote less than it should have. */
  code = 'EIO';

  constructor(packets: PacketView) {
    this.packets = packets;
    const buffer = new SharedArrayBuffer(BYTES + 2 * BLOCK);
    const skip = BLOCK - (addressOf(new Uint8Array(buffer)) % BLOCK);
    this.u8 = new Uint8Array(buffer, skip);
    this.i32 = new Int32Array(buffer, skip);
    this.address = addressOf(this.u8);
  }

  /** Begins behind the `size` bytes of a file. */
  begin(size: number): void {
    this.base = size - (size % BLOCK);
    this.from = this.have = this.fill = size - this.base;
  }

  /** Bytes of the file that are written, and will be. */
  get written(): number {
    return this.base + this.have;
  }

  get end(): number {
    return this.base + this.fill;
  }

  /** Whether `bytes` more fit. */
  fits(bytes: number): boolean {
    return this.fill + bytes <= BYTES;
  }

  /** Room for `words` words that begin at a multiple of 4 in the file: where it is in `words`. */
  reserve(words: number): number {
    const at = this.fill >> 2;
    this.fill += words * 4;
    return at;
  }

  /** The buffer as words. */
  get words(): Int32Array {
    return this.i32;
  }

  /** Adds `bytes` bytes at word `at` of the packet view. Returns where they begin in the buffer. */
  add(at: number, bytes: number): number {
    const to = this.fill;
    this.fill += bytes;
    if (bytes >= LONG) {
      memmove(this.address + to, this.packets.address + at * 4, bytes);
      return to;
    }
    const { i32 } = this;
    const source = this.packets.i32;
    const end = at + ((bytes + 3) >> 2);
    const shift = (to & 3) << 3;
    let w = to >> 2;
    if (shift === 0) {
      for (let r = at; r < end; r++) i32[w++] = source[r];
      return to;
    }
    // Up to a word more than there is: what comes next is put over it.
    let before = i32[w] & ((1 << shift) - 1);
    for (let r = at; r < end; r++) {
      const word = source[r];
      i32[w++] = before | (word << shift);
      before = word >>> (32 - shift);
    }
    i32[w] = before;
    return to;
  }

  /** Puts a word in the place of the four bytes at `to`, wherever that is. */
  replace(to: number, word: number): void {
    for (let n = 0; n < 4; n++) this.u8[to + n] = word >>> (8 * n);
  }

  /**
   * Writes to `fd`, which appends: all, or whole blocks alone. False if less was written, `code` says why.
   */
  writeTo(fd: number, all: boolean): boolean {
    const whole = this.fill - (this.fill % BLOCK);
    const much = this.fill - this.have >= DIRECT_LEAST;
    const start = much ? performance.now() : 0;
    const before = this.have;
    if (much && this.from === 0 && (!this.hurry || this.pastIsFaster()) && this.opened(fd)) {
      const done = pwrite(this.direct, this.address, whole, this.base);
      if (done < 0 && lastErrno() === ERRNO.EINVAL) this.close(NONE);
      else if (!this.wrote(done - this.have, whole - this.have)) return false;
      this.past = lately(this.past, (performance.now() - start) / (whole - before));
    }
    const append = this.have === before;
    const to = all ? this.fill : whole;
    while (this.have < to) {
      const part = Math.min(to, this.have + CHUNK - (this.have % CHUNK)) - this.have;
      if (!this.wrote(write(fd, this.address + this.have, part), part)) return false;
    }
    if (much && append) this.through = lately(this.through, (performance.now() - start) / (to - before));
    this.moveUp();
    return true;
  }

  private pastIsFaster(): boolean {
    const faster = this.past <= this.through;
    return ++this.choices % AGAIN === 0 ? !faster : faster;
  }

  /** Books a write of `wanted` new bytes that returned `done`. */
  private wrote(done: number, wanted: number): boolean {
    // A short write has no errno of its own: it is a disk that became full.
    if (done < wanted) this.code = done < 0 ? errnoName(lastErrno()) : 'ENOSPC';
    this.have += Math.max(0, done);
    return done === wanted;
  }

  /** Makes the block that is not whole yet the first one. */
  private moveUp(): void {
    const gone = this.have - (this.have % BLOCK);
    if (gone === 0) return;
    this.u8.copyWithin(0, gone, this.fill);
    this.base += gone;
    this.have -= gone;
    this.fill -= gone;
    this.from = Math.max(0, this.from - gone);
  }

  /** Whether there is a descriptor of the file of `fd` that goes past the cache. */
  private opened(fd: number): boolean {
    if (this.direct !== UNTRIED) return this.direct !== NONE;
    try {
      this.direct = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_DIRECT);
    } catch {
      this.direct = NONE;
    }
    return this.direct !== NONE;
  }

  /** The file is given up. */
  close(next = UNTRIED): void {
    if (this.direct >= 0) closeSync(this.direct);
    this.direct = next;
  }
}

/** A mean that forgets. */
function lately(mean: number, value: number): number {
  return mean === 0 ? value : (mean * 3 + value) / 4;
}
