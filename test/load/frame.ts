/**
 * The frames of the load test: offsets, check, getters, write. Generator and sink; nothing is made per frame.
 *
 *     0 destination, source, ethertype │ 14 length │ 16 magic │ 20 run │ 24 flow │ 28 sequence (64 bits) │ 36 time sent, ns (64)
 *    44 payload: pseudo-random, from seed, flow and sequence │ length-4 CRC-32 of all before it
 *
 * Words are little-endian: both ends are one host. A frame begins at a multiple of 4. The checksum covers the Ethernet header
 * too, which a bridge must not change.
 */
import { crc32 } from './crc32.js';

/** Local experimental (IEEE 802): a host that gets it drops it at once. */
export const ETHERTYPE = 0x88b5;
/** Lengths of a frame in bytes, without the FCS. */
export const SHORTEST = 60;
export const LONGEST = 1514;

const MAGIC = 0x6c6f6164;
const TWO_32 = 2 ** 32;

/** Byte offsets. */
const enum At {
  DST = 0,
  SRC = 6,
  TYPE = 12,
  LENGTH = 14,
  MAGIC = 16,
  RUN = 20,
  FLOW = 24,
  SEQUENCE = 28,
  TIME = 36,
  PAYLOAD = 44,
}
const CRC = 4;

/** What a received frame is. */
export const enum Verdict {
  OURS = 0,
  /** Whole, but of another run; or nothing that looks like a frame of ours. */
  FOREIGN = 1,
  /** A frame of ours that was changed, cut short or made longer. */
  CORRUPTED = 2,
}

/** The same memory as bytes and as words. */
export interface FrameMemory {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
}

/** Views of `bytes`, which begin at a multiple of 4 of their buffer. */
export function frameMemory(bytes: Uint8Array): FrameMemory {
  return { u8: bytes, u32: new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2) };
}

/** What the frame of `length` bytes (as received) at byte `at` is, for the sink of run `run`. */
export function checkFrame({ u8, u32 }: FrameMemory, at: number, length: number, run: number): Verdict {
  const w = at >> 2;
  const magic = length >= At.PAYLOAD && u32[w + At.MAGIC / 4] === MAGIC;
  if (length < SHORTEST) return magic ? Verdict.CORRUPTED : Verdict.FOREIGN;
  const same = u32[w + At.RUN / 4] === run;
  const end = at + length - CRC;
  const crc = u8[end] | (u8[end + 1] << 8) | (u8[end + 2] << 16) | (u8[end + 3] << 24);
  const whole = crc === crc32(u8, u32, at, length - CRC) && u32[w + 3] >>> 16 === length;
  if (magic && same && whole) return Verdict.OURS;
  return !whole && (magic || same) ? Verdict.CORRUPTED : Verdict.FOREIGN;
}

/** The flow's number. */
export function flowOf({ u32 }: FrameMemory, at: number): number {
  return u32[(at + At.FLOW) >> 2];
}

/** The number of the frame within its flow, from 0; exact below 2^53. */
export function sequenceOf({ u32 }: FrameMemory, at: number): number {
  const w = (at + At.SEQUENCE) >> 2;
  return u32[w] + u32[w + 1] * TWO_32;
}

/** When it was sent, in ns of the clock of `clock.ts`. */
export function timeOf({ u32 }: FrameMemory, at: number): number {
  const w = (at + At.TIME) >> 2;
  return u32[w] + u32[w + 1] * TWO_32;
}

/** Writes the destination (six bytes) and the ethertype of the frame at byte `at`. */
export function writeDestination({ u8 }: FrameMemory, at: number, destination: Uint8Array): void {
  u8.set(destination, at + At.DST);
  u8[at + At.TYPE] = ETHERTYPE >> 8;
  u8[at + At.TYPE + 1] = ETHERTYPE & 0xff;
}

/** Writes the source: address number `index` of `sources`, six bytes each. */
export function writeSource({ u8 }: FrameMemory, at: number, sources: Uint8Array, index: number): void {
  for (let i = 0; i < 6; i++) u8[at + At.SRC + i] = sources[index * 6 + i];
}

/** Writes all that follows the ethertype; the Ethernet header must be there already. `length` is that of the frame. */
export function writeFrame(
  { u8, u32 }: FrameMemory,
  at: number,
  length: number,
  run: number,
  flow: number,
  sequence: number,
  timeNs: number,
  seed: number,
): void {
  const w = at >> 2;
  u8[at + At.LENGTH] = length;
  u8[at + At.LENGTH + 1] = length >> 8;
  u32[w + At.MAGIC / 4] = MAGIC;
  u32[w + At.RUN / 4] = run;
  u32[w + At.FLOW / 4] = flow;
  u32[w + At.SEQUENCE / 4] = sequence % TWO_32;
  u32[w + At.SEQUENCE / 4 + 1] = Math.floor(sequence / TWO_32);
  u32[w + At.TIME / 4] = timeNs % TWO_32;
  u32[w + At.TIME / 4 + 1] = Math.floor(timeNs / TWO_32);
  const end = at + length - CRC;
  // Never 0, which xorshift would not leave.
  let random = mix32(seed ^ mix32(flow ^ mix32(sequence | 0))) | 1;
  let i = w + At.PAYLOAD / 4;
  for (; i * 4 + 4 <= end; i++) {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    u32[i] = random;
  }
  for (let byte = i * 4; byte < end; byte++) u8[byte] = random >>> (8 * (byte & 3));
  const crc = crc32(u8, u32, at, length - CRC);
  for (let byte = 0; byte < CRC; byte++) u8[end + byte] = crc >>> (8 * byte);
}

/** Spreads the bits of a 32-bit word: each bit of the argument changes half of the result. */
export function mix32(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
