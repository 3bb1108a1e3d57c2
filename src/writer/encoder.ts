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
import { type Gather, MOST_PIECES } from './gather.js';

/** What a capture's packets are written as. `at` is where a record begins in the packet view, in words. */
export interface Encoder {
  /** Pieces of each packet. */
  readonly pieces: number;
  /** What a file begins with. */
  readonly header: Buffer;
  /** Bytes that a packet takes. */
  bytesOf(at: number): number;
  /** Adds a packet to `gather`, which is empty or holds packets of this encoder. */
  add(gather: Gather, at: number): void;
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
function makePcap({ linkType, snaplen, resolution }: Encoding, { i32, address }: PacketView): Encoder {
  const words = new Int32Array(Pcap.WORDS);
  writePcap(words, 0, linkType, snaplen);
  const head = PcapRecord.WORDS * 4;
  const bytesOf = (at: number): number => head + i32[at + CaptureRecord.CAPTURED];
  return {
    pieces: 1,
    header: Buffer.from(words.buffer),
    bytesOf,
    add: (gather, at) => {
      // The record is the writer's until it gives its room back.
      if (resolution !== 1) {
        i32[at + CaptureRecord.NANOSECONDS] = i32[at + CaptureRecord.NANOSECONDS] / resolution;
      }
      gather.add(address + (at + CaptureRecord.SECONDS) * 4, bytesOf(at));
    },
    trailer: () => Buffer.alloc(0),
  };
}

/** Words of a packet's own block around its bytes: the header, a word of padding, the tail. */
const AROUND = PacketBlock.WORDS + 1 + PacketTail.WORDS;
const PIECES = 3;
const MOST_PACKETS = Math.floor(MOST_PIECES / PIECES);

function makePcapng(encoding: Encoding, { i32, address }: PacketView): Encoder {
  const { linkType, snaplen, interfaceName: name, filter } = encoding;
  const buffer = new SharedArrayBuffer(MOST_PACKETS * AROUND * 4);
  const around = new Int32Array(buffer);
  const aroundAddress = addressOf(new Uint8Array(buffer));
  return {
    pieces: PIECES,
    header: pcapngSection({ linkType, snaplen, name, filter }, 'smrouter'),
    bytesOf: (at) => packetBlockBytes(i32[at + CaptureRecord.CAPTURED]),
    add: (gather, at) => {
      const captured = i32[at + CaptureRecord.CAPTURED];
      const word = (gather.count / PIECES) * AROUND;
      const [seconds, nanoseconds] = [CaptureRecord.SECONDS, CaptureRecord.NANOSECONDS];
      const length = i32[at + CaptureRecord.LENGTH];
      writePacketBlock(around, word, i32[at + seconds], i32[at + nanoseconds], captured, length);
      writePacketTail(around, word + PacketBlock.WORDS + 1, captured, i32[at + CaptureRecord.INTERFACE] >> 16);
      gather.add(aroundAddress + word * 4, PacketBlock.WORDS * 4);
      gather.add(address + (at + CaptureRecord.HEADER) * 4, captured);
      // As many zeroes as make the packet whole words stand directly before the tail.
      const padding = -captured & 3;
      const tail = word + PacketBlock.WORDS + 1;
      gather.add(aroundAddress + tail * 4 - padding, padding + PacketTail.WORDS * 4);
    },
    trailer: ({ received, dropped }) => pcapngStatistics(Date.now(), received, dropped),
  };
}
