/**
 * Reads a pcapng section as it comes, block by block (draft-ietf-opsawg-pcapng): what smrouterd streams, which is of this machine's byte
 * order and has one interface.
 */

/** Type, length, and the length again. */
const BLOCK_MIN = 12;
const OPTION_IFRECV = 4;
const OPTION_IFDROP = 5;

/** Byte offsets in a packet block. */
const PACKET = { timeHigh: 12, timeLow: 16, captured: 20, length: 24, bytes: 28 } as const;
/** Byte offset of the options of a statistics block. */
const STATISTICS_OPTIONS = 20;

/** Cuts a stream into blocks. */
export class BlockReader {
  private rest: Buffer = Buffer.alloc(0);

  /** The blocks that `chunk` completes. Throws RangeError on what is no pcapng. */
  *push(chunk: Buffer): Generator<Buffer> {
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    while (bytes.length >= BLOCK_MIN) {
      const total = bytes.readUInt32LE(4);
      if (total < BLOCK_MIN || total % 4 !== 0) throw new RangeError(`a block of ${total} bytes`);
      if (bytes.length < total) break;
      yield bytes.subarray(0, total);
      bytes = bytes.subarray(total);
    }
    this.rest = bytes;
  }
}

/** What a block is, a `Block` or another number. */
export function blockType(block: Buffer): number {
  return block.readUInt32LE(0);
}

/** Link type and snap length of an interface block. */
export function interfaceOf(block: Buffer): { readonly linkType: number; readonly snaplen: number } {
  return { linkType: block.readUInt16LE(8), snaplen: block.readUInt32LE(12) };
}

/** A packet block as a record of a pcap file with nanoseconds: 16 bytes of header, then the packet. */
export function pcapRecord(block: Buffer): Buffer {
  const captured = block.readUInt32LE(PACKET.captured);
  const record = Buffer.alloc(16 + captured);
  const nanoseconds = (BigInt(block.readUInt32LE(PACKET.timeHigh)) << 32n) | BigInt(block.readUInt32LE(PACKET.timeLow));
  record.writeUInt32LE(Number(nanoseconds / 1_000_000_000n), 0);
  record.writeUInt32LE(Number(nanoseconds % 1_000_000_000n), 4);
  record.writeUInt32LE(captured, 8);
  record.writeUInt32LE(block.readUInt32LE(PACKET.length), 12);
  block.copy(record, 16, PACKET.bytes, PACKET.bytes + captured);
  return record;
}

/** What a statistics block says: packets shown to the capture, and those it lost. */
export function statisticsOf(block: Buffer): { readonly received: number; readonly dropped: number } {
  const found = { received: 0, dropped: 0 };
  for (let at = STATISTICS_OPTIONS; at + 4 <= block.length - 4; ) {
    const code = block.readUInt16LE(at);
    const length = block.readUInt16LE(at + 2);
    if (code === OPTION_IFRECV) found.received = Number(block.readBigUInt64LE(at + 4));
    if (code === OPTION_IFDROP) found.dropped = Number(block.readBigUInt64LE(at + 4));
    if (code === 0) break;
    at += 4 + ((length + 3) & ~3);
  }
  return found;
}
