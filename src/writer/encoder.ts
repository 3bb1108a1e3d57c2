/**
 * How a record of the capture ring becomes a record of a file: pieces of memory, those of the ring among them. Runs in the capture
 * writer; nothing is allocated per packet.
 */
import { CaptureRecord } from '../shared/layout/capture.js';
import type { CaptureStatistics, Encoding } from '../shared/ring/writer-message.js';
import { addressOf } from '../shared/sys/libc.js';
import { Pcap, PcapRecord, writePcap } from '../shared/wire/pcap.js';
import {
  PacketBlock,
  PacketTail,
  packetBlockBytes,
  pcapngSection,
  pcapngStatistics,
  writePacketBlock,
  writePacketTail,
} from '../shared/wire/pcapng.js';
import type { FileBuffer } from './file-buffer.js';
import { type Gather, MOST_PIECES } from './gather.js';

/** What a capture's packets are written as. `at` is where a record begins in the packet view, in words. */
export interface Encoder {
  /** Pieces of each packet; MOST_PIECES is a multiple. */
  readonly pieces: number;
  /** What a file begins with. */
  readonly header: Buffer;
  /** Bytes that a packet takes. */
  bytesOf(at: number): number;
  /** Adds a packet to `gather`, which is empty or holds packets of this encoder. The record is used up: who dies with it leaves no reader. */
  add(gather: Gather, at: number): void;
  /** Puts a packet into `buffer`, which has room. The record stays as it is. */
  put(buffer: FileBuffer, at: number): void;
  /** What a stream ends with. */
  trailer(statistics: CaptureStatistics): Buffer;
}

/** The packet view. */
export interface PacketView {
  readonly i32: Int32Array;
  readonly address: number;
}

export function makeEncoder(encoding: Encoding, packets: PacketView): Encoder {
  return encoding.format === 'pcap' ? makePcap(encoding, packets) : makePcapng(encoding, packets);
}

/** The header of a pcap record is the last four words of the ring's, so a packet is one piece. */
function makePcap({ linkType, snaplen, resolution }: Encoding, packets: PacketView): Encoder {
  const { i32 } = packets;
  const words = new Int32Array(Pcap.WORDS);
  writePcap(words, 0, linkType, snaplen);
  const head = PcapRecord.WORDS * 4;
  const bytesOf = (at: number): number => head + i32[at + CaptureRecord.CAPTURED];
  return {
    pieces: 1,
    header: Buffer.from(words.buffer),
    bytesOf,
    // A stream is begun by us, so its unit is ours.
    add: (gather, at) => {
      gather.add(packets.address + (at + CaptureRecord.SECONDS) * 4, bytesOf(at));
    },
    put: (buffer, at) => {
      const to = buffer.add(at + CaptureRecord.SECONDS, bytesOf(at));
      if (resolution === 1) return;
      buffer.replace(to + PcapRecord.FRACTION * 4, i32[at + CaptureRecord.NANOSECONDS] / resolution);
    },
    trailer: () => Buffer.alloc(0),
  };
}

const PIECES = 2;

/**
 * The header of a packet block takes the place of the ring's, but for the latter's first word, and zeroes that of what follows the packet
 * in its last word; only the tail stands elsewhere.
 */
function makePcapng(encoding: Encoding, packets: PacketView): Encoder {
  const { linkType, snaplen, interfaceName: name, filter } = encoding;
  const { i32 } = packets;
  const buffer = new SharedArrayBuffer((MOST_PIECES / PIECES) * PacketTail.WORDS * 4);
  const tails = new Int32Array(buffer);
  const tailsAddress = addressOf(new Uint8Array(buffer));
  return {
    pieces: PIECES,
    header: pcapngSection({ linkType, snaplen, name, filter }, 'smrouter'),
    bytesOf: (at) => packetBlockBytes(i32[at + CaptureRecord.CAPTURED]),
    add: (gather, at) => {
      const captured = i32[at + CaptureRecord.CAPTURED];
      const direction = i32[at + CaptureRecord.INTERFACE] >> 16;
      const [seconds, nanoseconds] = [i32[at + CaptureRecord.SECONDS], i32[at + CaptureRecord.NANOSECONDS]];
      writePacketBlock(i32, at + 1, seconds, nanoseconds, captured, i32[at + CaptureRecord.LENGTH]);
      const over = captured & 3;
      if (over !== 0) i32[at + CaptureRecord.HEADER + (captured >> 2)] &= (1 << (8 * over)) - 1;
      const tail = (gather.count / PIECES) * PacketTail.WORDS;
      writePacketTail(tails, tail, captured, direction);
      gather.add(packets.address + (at + 1) * 4, (PacketBlock.WORDS * 4 + captured + 3) & ~3);
      gather.add(tailsAddress + tail * 4, PacketTail.WORDS * 4);
    },
    put: (buffer, at) => {
      const captured = i32[at + CaptureRecord.CAPTURED];
      const direction = i32[at + CaptureRecord.INTERFACE] >> 16;
      const [seconds, nanoseconds] = [i32[at + CaptureRecord.SECONDS], i32[at + CaptureRecord.NANOSECONDS]];
      const head = buffer.reserve(PacketBlock.WORDS);
      writePacketBlock(buffer.words, head, seconds, nanoseconds, captured, i32[at + CaptureRecord.LENGTH]);
      const padded = (captured + 3) & ~3;
      const to = buffer.add(at + CaptureRecord.HEADER, padded);
      const over = captured & 3;
      if (over !== 0) buffer.words[((to + padded) >> 2) - 1] &= (1 << (8 * over)) - 1;
      writePacketTail(buffer.words, buffer.reserve(PacketTail.WORDS), captured, direction);
    },
    trailer: ({ received, dropped }) => pcapngStatistics(Date.now(), received, dropped),
  };
}
