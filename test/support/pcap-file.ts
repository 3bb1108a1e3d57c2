/**
 * Capture files for tests, made and read here: what other programs wrote or are to read.
 */
import { writePcap, writePcapRecord } from '../../src/shared/wire/pcap.js';

/** A packet of a file. */
export interface Captured {
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Bytes the packet had; `bytes` are what was kept of it. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** A pcap file that holds `packets`. */
export function pcapFile(linkType: number, packets: readonly Captured[], snaplen = 262_144): Buffer {
  const header = new Int32Array(6);
  writePcap(header, 0, linkType, snaplen);
  const parts: Uint8Array[] = [new Uint8Array(header.buffer)];
  for (const { seconds, nanoseconds, length, bytes } of packets) {
    const record = new Int32Array(4);
    writePcapRecord(record, 0, seconds, nanoseconds, bytes.length, length);
    parts.push(new Uint8Array(record.buffer), bytes);
  }
  return Buffer.concat(parts);
}

/** The packets of a little-endian pcap file. Throws if it does not end where a record ends. */
export function readPcapFile(file: Buffer): { linkType: number; snaplen: number; packets: Captured[] } {
  const unit = file.readUInt32LE(0) === 0xa1b23c4d ? 1 : 1000;
  const packets: Captured[] = [];
  let at = 24;
  while (at < file.length) {
    const kept = file.readUInt32LE(at + 8);
    if (at + 16 + kept > file.length) throw new Error(`a record is cut off at byte ${at}`);
    packets.push({
      seconds: file.readUInt32LE(at),
      nanoseconds: file.readUInt32LE(at + 4) * unit,
      length: file.readUInt32LE(at + 12),
      bytes: file.subarray(at + 16, at + 16 + kept),
    });
    at += 16 + kept;
  }
  return { linkType: file.readUInt32LE(20), snaplen: file.readUInt32LE(16), packets };
}
