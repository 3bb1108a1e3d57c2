/**
 * Captures in shared memory (spec A §8): descriptors and filters in the heap, one ring of records for each thread.
 *
 * A ring's producer is the thread's worker, its consumer the capture writer. The rings lie behind the superframes in the packet buffer, so that a frame is copied into a record with one `copyWithin`; their
 * size is counted with the rings. Positions run freely as int32 words and are masked on use. A record is never cut in two: where it does
 * not fit before the end of the ring, the rest is skipped.
 */
import { type PacketSizes, packetBytes } from './packet.js';

/** Most descriptors at a time. */
export const MAX_CAPTURES = 64;
/** Longest record: header, the longest frame with a synthesised Ethernet or address family header before it, rounded up to words. */
export const RECORD_WORDS_MOST = 8 + (((65_549 + 16 + 7) >> 3) << 1);

/** How the capture writer is woken; at `captureBell`. */
export const enum CaptureBell {
  /** A `WriterRest`; a worker that has something to wake the writer for makes it 0 and notifies. W: all. R: all. */
  ASLEEP = 0,
  /** Requests that main has made of the writer. W: main. R: writer. */
  REQUESTS = 1,
}

/** What the writer does, or is about to do. */
export const enum WriterRest {
  /** It is awake. */
  NONE = 0,
  /** It sleeps until a record is published. */
  SLEEP = 1,
  /** It lets packets gather, and wants to be woken by whose ring holds more than `wakeWords`. */
  NAP = 2,
}

/** How full a ring of `captureBytes` bytes is to be for its worker to wake a writer that naps, in words: a quarter. */
export function wakeWords(captureBytes: number): number {
  return captureBytes >> 4;
}

/** Header of a thread's ring, at `captureRing`; entries follow it. */
export const enum CaptureRing {
  /** Words published. W: producer. R: consumer, main. */
  TAIL = 0,
  /** Words taken. W: consumer. R: producer, main. */
  HEAD = 32,
  /** Words of the header: the first record is here. */
  RECORDS = 64,
}

/**
 * A record: the header, then the captured bytes, padded to a multiple of 8 bytes. Its last four words are those of a pcap record, so that it
 * can be written to a file from there on as it stands. W: producer, then consumer until it gives the room back. R: consumer.
 */
export const enum CaptureRecord {
  /** Words of the whole record; less than HEADER: nothing here, go on at the beginning of the ring. */
  SIZE = 0,
  /** Descriptor: number | generation << 16. */
  ID = 1,
  /** Interface index | `Direction` << 16. */
  INTERFACE = 2,
  /** Word PRIORITY of the frame's meta. */
  PRIORITY = 3,
  /** Unix time: whole seconds, and nanoseconds of the second. */
  SECONDS = 4,
  NANOSECONDS = 5,
  /** Bytes that follow. */
  CAPTURED = 6,
  /** Bytes of the packet. */
  LENGTH = 7,
  /** Words of the header. */
  HEADER = 8,
}

/**
 * Doubles of one capture in the capture writer's own memory. W: writer; main those of a number that the writer does not know yet, or no more.
 * R: main.
 */
export const enum WriterLane {
  /** Packets written, and the bytes they took. */
  WRITTEN = 0,
  BYTES = 1,
  /** Packets taken from the rings and lost: the disk was full, or the reader slow. */
  DROPPED = 2,
  /** Files begun. */
  FILES = 3,
  /** Bytes of its file that hold what the rings no longer do, and what that will be once the batch in hand is done (`WriterBatch`). */
  SIZE = 4,
  NEXT_SIZE = 5,
  WORDS = 6,
}

/**
 * Doubles behind the captures' in the capture writer's own memory: the batch that has been written and whose room is about to be given back. It is
 * done when that ring's HEAD is this one, so its packets are in the files or in the ring, whenever the thread dies. W: writer; main, once that
 * one is dead. R: main.
 */
export const enum WriterBatch {
  /** Thread of the ring | 1 << 16; 0 = none. */
  RING = 0,
  HEAD = 1,
  WORDS = 2,
}

/** Doubles of the capture writer's own memory. */
export const WRITER_WORDS = MAX_CAPTURES * WriterLane.WORDS + WriterBatch.WORDS;

/** Which way a packet went where it was captured (spec A §8.2). */
export const enum Direction {
  /** A bridge's frames have none, so no direction filter hides them. */
  NONE = 0,
  IN = 1,
  OUT = 2,
}

/** What a capture shows of an interface (spec A §8.1). */
export const enum CaptureLink {
  /** The Ethernet frame. */
  EN10MB = 1,
  /** Four bytes of address family, most significant first, then the packet. */
  LOOP = 2,
  /** The packet alone. */
  RAW = 3,
  /** No packets: what becomes of Ethernet frames that come in (layout/trace.ts). */
  TRACE = 4,
}

/** What becomes of a packet that a capture's filter matches (spec A §8.2, fildrop). */
export const enum FilterDrop {
  /** Captured, and goes on. */
  PASS = 0,
  /** Captured, and dropped. */
  CAPTURE = 1,
  /** Dropped, not captured. */
  DROP = 2,
}

/** The captures of an interface: an immutable snapshot. W: main. R: workers. */
export const enum CaptureList {
  KIND = 0,
  COUNT = 1,
  /** First descriptor; each has `CaptureDescriptor.WORDS` words. */
  FIRST = 2,
}

/** One capture in a list. W: main. R: workers. */
export const enum CaptureDescriptor {
  /** Number below MAX_CAPTURES | generation << 16. */
  ID = 0,
  /** A `CaptureLink`. */
  LINK = 1,
  /** `Direction` bits of packets it does not want. */
  EXCLUDE = 2,
  /** Most bytes of a packet it wants. */
  SNAP = 3,
  /** A `FilterDrop`. */
  MODE = 4,
  /** Record of its `CaptureFilter`; 0 = it wants every packet. */
  FILTER = 5,
  /** Words of a descriptor. */
  WORDS = 8,
}

/** A filter: a verified classic BPF program. Workers make a function of it once (workers/capture/taps.ts). W: main. R: workers. */
export const enum CaptureFilter {
  KIND = 0,
  /** A number that no other filter of this process has had: it tells a worker whether it has the function already. */
  SERIAL = 1,
  /** Words of the program. */
  COUNT = 2,
  /** First instruction, as shared/bpf has them. */
  FIRST = 3,
}

/** Words of the record of a packet of which `bytes` bytes are kept: an even number, so that every record begins at a multiple of 8 bytes. */
export function recordWords(bytes: number): number {
  return CaptureRecord.HEADER + (((bytes + 7) >> 3) << 1);
}

/** Where the bell is, in words of the packet view. */
export function captureBell(sizes: PacketSizes): number {
  return Math.ceil(packetBytes(sizes) / 128) * 32;
}

/** Where the ring of `thread` begins, in words of the packet view. */
export function captureRing(sizes: PacketSizes & { readonly captureBytes: number }, thread: number): number {
  return captureBell(sizes) + 32 + thread * (CaptureRing.RECORDS + (sizes.captureBytes >> 2));
}

/** Bytes that bell and rings of `threads` threads take; none without rings. */
export function captureAreaBytes(captureBytes: number, threads: number): number {
  return captureBytes === 0 ? 0 : 256 + threads * (CaptureRing.RECORDS * 4 + captureBytes);
}
