/**
 * Opening a capture file to go on with it: its header must fit what is to come, and a record that was cut off at its end, by a crash or
 * a full disk, is taken away. Main only; reads in large pieces, and waits for the disk without blocking.
 */

import { openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Encoding, FileTarget } from '../../shared/ring/writer-message.js';
import { MOST_SNAPLEN, Pcap, PcapRecord, pcapFault, pcapResolution } from '../../shared/wire/pcap.js';
import { isPcapng } from '../../shared/wire/pcapng.js';
import { asControlError, ControlError } from '../errors.js';

/** A file that is not open yet. */
export type CaptureFileSpec = Omit<FileTarget, 'fd' | 'size'>;

/** Who may read packets. */
const MODE = 0o600;
const CHUNK = 1 << 20;
/** No packet, nor any block of another kind, takes more than this; what claims to is damaged. */
const MOST_BYTES = MOST_SNAPLEN + 4096;
/** A length that no record has. */
const DAMAGED = 0;

/**
 * Opens the file of `spec`, or makes it; no more than its first `most` bytes, whole records, are gone on with. Throws ControlError: EEXIST if there is one that holds something else, or what the system says.
 */
export async function openCaptureFile(spec: CaptureFileSpec, most = Number.POSITIVE_INFINITY): Promise<FileTarget> {
  const { path, encoding } = spec;
  try {
    const file = await open(path, 'a+', MODE);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new ControlError('EINVAL', `${path}: not a file`);
      const { size, resolution } = await whatIsThere(file, path, Math.min(stat.size, most), encoding);
      if (size < stat.size) await file.truncate(size);
      // A descriptor of our own, which no FileHandle closes behind the writer's back.
      const fd = openSync(path, 'a', MODE);
      return { ...spec, encoding: { ...encoding, resolution }, fd, size };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asControlError(error);
  }
}

/** Throws EEXIST: the file is not one to go on with. */
type Refuse = (why: string) => never;

/** How many bytes of the file are whole, and the unit of its time stamps. Throws EEXIST if nothing may follow them. */
async function whatIsThere(
  file: FileHandle,
  path: string,
  bytes: number,
  encoding: Encoding,
): Promise<{ size: number; resolution: number }> {
  if (bytes === 0) return { size: 0, resolution: 1 };
  const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
  const refuse: Refuse = (why) => {
    throw new ControlError('EEXIST', `${path}: ${why}; move it away, or capture to another file`);
  };
  if (encoding.format === 'pcapng') {
    if (!isPcapng(buffer.subarray(0, bytesRead))) return refuse('is not a pcapng file of this machine');
    // What is appended begins a section of its own.
    return { size: await wholeBlocks(file, bytes, refuse), resolution: 1 };
  }
  const words = new Int32Array(buffer.buffer, buffer.byteOffset, Pcap.WORDS);
  const fault = pcapFault(words, 0, bytesRead, encoding.linkType, encoding.snaplen);
  if (fault !== undefined) return refuse(fault);
  return { size: await wholeRecords(file, bytes, refuse), resolution: pcapResolution(words, 0) };
}

/** Where the last whole record ends. */
function wholeRecords(file: FileHandle, bytes: number, refuse: Refuse): Promise<number> {
  return walk(file, Pcap.LENGTH, bytes, refuse, PcapRecord.WORDS * 4, (head, at) => {
    const captured = head.readUInt32LE(at + PcapRecord.CAPTURED * 4);
    return captured > MOST_SNAPLEN ? DAMAGED : PcapRecord.WORDS * 4 + captured;
  });
}

/** Where the last whole block ends. */
function wholeBlocks(file: FileHandle, bytes: number, refuse: Refuse): Promise<number> {
  return walk(file, 0, bytes, refuse, 12, (head, at) => {
    const total = head.readUInt32LE(at + 4);
    return total < 12 || total % 4 !== 0 || total > MOST_BYTES ? DAMAGED : total;
  });
}

/**
 * Goes from one record to the next from byte `at` on; `lengthOf` tells its length from its first `head` bytes. Returns where the
 * last whole one ends. What follows it is little: a record whose length cannot be is refused.
 */
async function walk(
  file: FileHandle,
  at: number,
  bytes: number,
  refuse: Refuse,
  head: number,
  lengthOf: (chunk: Buffer, at: number) => number,
): Promise<number> {
  const chunk = Buffer.alloc(CHUNK);
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK, at);
    let place = 0;
    while (place + head <= bytesRead) {
      const length = lengthOf(chunk, place);
      if (length === DAMAGED) refuse(`is damaged at byte ${at + place}`);
      if (at + place + length > bytes) return at + place;
      place += length;
    }
    if (place === 0) return at;
    at += place;
  }
}
