/**
 * Capture files of the pcapng format (draft-ietf-opsawg-pcapng): blocks of words, little-endian here, each with its length before and
 * after. A section header says whose byte order it is; interface descriptions follow, then packets. Sections may follow each other,
 * so what is appended to a file begins with one.
 *
 * Headers of packets are written as words of an Int32Array, in memory that is used again; sections are made once a file.
 */

/** Block types. */
export const enum Block {
  SECTION = 0x0a0d0d0a,
  INTERFACE = 1,
  STATISTICS = 5,
  PACKET = 6,
}

/** Word offsets of a packet block before the packet's bytes. */
export const enum PacketBlock {
  TYPE = 0,
  TOTAL = 1,
  INTERFACE = 2,
  TIME_HIGH = 3,
  TIME_LOW = 4,
  CAPTURED = 5,
  LENGTH = 6,
  WORDS = 7,
}

/** Word offsets of what follows the bytes and their padding. */
export const enum PacketTail {
  /** Option epb_flags, and its value: 1 = inbound, 2 = outbound, 0 = not known. */
  FLAGS = 0,
  VALUE = 1,
  END_OF_OPTIONS = 2,
  TOTAL = 3,
  WORDS = 4,
}

const BYTE_ORDER = 0x1a2b3c4d;
/** Options: code | length << 16. */
const EPB_FLAGS = 2 | (4 << 16);
const OPTION = { USER_APPLICATION: 4, IF_NAME: 2, IF_TSRESOL: 9, IF_FILTER: 11, ISB_IFRECV: 4, ISB_IFDROP: 5 } as const;
/** Time stamps are in 10⁻⁹ seconds. */
const NANOSECONDS = 9;
const A_SECOND = 1e9;
const HALF = 0x10000;
const WHOLE = 0x100000000;

/** Bytes of a packet block that holds `captured` bytes of a packet. */
export function packetBlockBytes(captured: number): number {
  return (PacketBlock.WORDS + PacketTail.WORDS) * 4 + ((captured + 3) & ~3);
}

/** Writes a packet block's header at word `at`: interface 0, the time as Unix seconds and nanoseconds, bytes kept, bytes there were. */
export function writePacketBlock(
  i32: Int32Array,
  at: number,
  seconds: number,
  nanoseconds: number,
  captured: number,
  length: number,
): void {
  // 64-bit nanoseconds without BigInt: the seconds in halves, so that no product exceeds 2^53.
  const high = (seconds >>> 16) * A_SECOND;
  const low = (seconds & 0xffff) * A_SECOND + nanoseconds;
  const word = (high % HALF) * HALF + (low % WHOLE);
  i32[at + PacketBlock.TYPE] = Block.PACKET;
  i32[at + PacketBlock.TOTAL] = packetBlockBytes(captured);
  i32[at + PacketBlock.INTERFACE] = 0;
  i32[at + PacketBlock.TIME_HIGH] = Math.floor(high / HALF) + Math.floor(low / WHOLE) + (word >= WHOLE ? 1 : 0);
  i32[at + PacketBlock.TIME_LOW] = word;
  i32[at + PacketBlock.CAPTURED] = captured;
  i32[at + PacketBlock.LENGTH] = length;
}

/** Writes what ends the packet block of `captured` bytes at word `at`; `direction` is the value of epb_flags. */
export function writePacketTail(i32: Int32Array, at: number, captured: number, direction: number): void {
  i32[at + PacketTail.FLAGS] = EPB_FLAGS;
  i32[at + PacketTail.VALUE] = direction;
  i32[at + PacketTail.END_OF_OPTIONS] = 0;
  i32[at + PacketTail.TOTAL] = packetBlockBytes(captured);
}

/** What a file says of the one interface its packets are from. */
export interface InterfaceBlock {
  readonly linkType: number;
  readonly snaplen: number;
  readonly name: string;
  /** The filter's expression; empty = none. */
  readonly filter: string;
}

/** The bytes that a section of packets begins with. */
export function pcapngSection(from: InterfaceBlock, application: string): Buffer {
  const order = Buffer.alloc(16);
  order.writeUInt32LE(BYTE_ORDER, 0);
  order.writeUInt16LE(1, 4);
  // The section's length: not known.
  order.fill(0xff, 8);
  const link = Buffer.alloc(8);
  link.writeUInt16LE(from.linkType, 0);
  link.writeUInt32LE(from.snaplen, 4);
  const options = [option(OPTION.IF_NAME, from.name), option(OPTION.IF_TSRESOL, Buffer.of(NANOSECONDS))];
  // The first byte says that it is an expression of libpcap.
  if (from.filter !== '') options.push(option(OPTION.IF_FILTER, `\0${from.filter}`));
  return Buffer.concat([
    block(Block.SECTION, order, [option(OPTION.USER_APPLICATION, application)]),
    block(Block.INTERFACE, link, options),
  ]);
}

/** The block that may end a section: packets seen, and those lost of them, as of `unixMs`. */
export function pcapngStatistics(unixMs: number, received: number, dropped: number): Buffer {
  const head = Buffer.alloc(12);
  const nanoseconds = BigInt(Math.floor(unixMs)) * 1_000_000n;
  head.writeUInt32LE(Number(nanoseconds >> 32n), 4);
  head.writeUInt32LE(Number(nanoseconds & 0xffffffffn), 8);
  const count = (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  return block(Block.STATISTICS, head, [
    option(OPTION.ISB_IFRECV, count(received)),
    option(OPTION.ISB_IFDROP, count(dropped)),
  ]);
}

/** Whether a file that begins with `bytes` is pcapng of this machine's byte order, so that a section may follow. */
export function isPcapng(bytes: Buffer): boolean {
  return bytes.length >= 28 && bytes.readUInt32LE(0) === Block.SECTION && bytes.readUInt32LE(8) === BYTE_ORDER;
}

function option(code: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const out = Buffer.alloc(4 + ((bytes.length + 3) & ~3));
  out.writeUInt16LE(code, 0);
  out.writeUInt16LE(bytes.length, 2);
  bytes.copy(out, 4);
  return out;
}

function block(type: number, head: Buffer, options: readonly Buffer[]): Buffer {
  const body = Buffer.concat([head, ...options, Buffer.alloc(4)]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32LE(type, 0);
  frame.writeUInt32LE(12 + body.length, 4);
  return Buffer.concat([frame, body, frame.subarray(4)]);
}
