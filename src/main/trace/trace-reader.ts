/**
 * A trace as a worker wrote it down (shared/layout/trace.ts), read back. Runs in smrctl.
 */
import { TRACE_EVENTS, type TraceEvent, TraceHead, TraceWord } from '../../shared/layout/trace.js';

/** One decision: its kind, the index of the interface it was made at, and the words A to D and E on of that kind. */
export interface Decision {
  readonly kind: TraceEvent;
  readonly index: number;
  readonly words: readonly [number, number, number, number];
  readonly address: readonly [number, number, number, number];
}

/** What became of one frame. */
export interface Trace {
  /** Unix time in nanoseconds. */
  readonly time: bigint;
  /** Index of the interface it came in by. */
  readonly ingress: number;
  readonly worker: number;
  /** Its length, and its first bytes. */
  readonly length: number;
  readonly frame: Buffer;
  /** Whether it has no Ethernet header. */
  readonly packet: boolean;
  readonly decisions: readonly Decision[];
  /** Decisions beyond those kept. */
  readonly more: number;
}

/** Byte offsets in a packet block of pcapng, as in pcapng-reader.ts. */
const BLOCK = { timeHigh: 12, timeLow: 16, length: 24, bytes: 28 } as const;

/** Reads a packet block of a trace's stream. */
export function readTrace(block: Buffer): Trace {
  const word = (at: number): number => block.readInt32LE(BLOCK.bytes + at * 4);
  const events = word(TraceHead.EVENTS);
  const kept = Math.min(events, TRACE_EVENTS);
  const frame = BLOCK.bytes + TraceHead.FRAME * 4;
  const decisions = Array.from({ length: kept }, (_, n): Decision => {
    const at = TraceHead.WORDS + n * TraceWord.WORDS;
    const a = at + TraceWord.A;
    const e = at + TraceWord.E;
    return {
      kind: word(at + TraceWord.KIND),
      index: word(at + TraceWord.INDEX),
      words: [word(a), word(a + 1), word(a + 2), word(a + 3)],
      address: [word(e), word(e + 1), word(e + 2), word(e + 3)],
    };
  });
  return {
    time: (BigInt(block.readUInt32LE(BLOCK.timeHigh)) << 32n) | BigInt(block.readUInt32LE(BLOCK.timeLow)),
    ingress: word(TraceHead.INGRESS),
    worker: word(TraceHead.WORKER),
    length: block.readUInt32LE(BLOCK.length),
    frame: block.subarray(frame, frame + word(TraceHead.BYTES)),
    packet: word(TraceHead.PACKET) !== 0,
    decisions,
    more: events - kept,
  };
}
