/**
 * IP packets read the plain way, for tests of `shared/wire`: big-endian numbers from a DataView, checksums summed anew. It shares
 * no code with what it judges.
 */
import assert from 'node:assert/strict';

/** Where `place` puts bytes: even, and not at the memory's begin. */
export const AT = 64;

/** A memory in both views. */
export interface Memory {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
}

/** Bytes of hex digits; spaces and line ends mean nothing. */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, '');
  assert.match(digits, /^([0-9a-f]{2})*$/i);
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

/** A memory of 0xee bytes with `bytes` at `AT`, and `room` bytes behind them. */
export function place(bytes: Uint8Array | string, room = 4096): Memory {
  const put = typeof bytes === 'string' ? hex(bytes) : bytes;
  const u8 = new Uint8Array((AT + put.length + room + 1) & ~1).fill(0xee);
  u8.set(put, AT);
  return { u8, u16: new Uint16Array(u8.buffer) };
}

/** The Internet checksum of bytes, most significant byte first: 0 of bytes that hold their own right checksum. */
export function naiveChecksum(...parts: readonly Uint8Array[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let k = 0; k < bytes.length; k++) sum += k % 2 === 0 ? bytes[k] * 256 : bytes[k];
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

/** A packet taken apart. */
export interface NaivePacket {
  readonly version: number;
  readonly tos: number;
  readonly id: number;
  readonly df: boolean;
  readonly mf: boolean;
  /** In bytes. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

/** Takes an IPv4 packet apart; throws unless its lengths and its header checksum are right and it is all of `bytes`. */
export function readIpv4(bytes: Uint8Array): NaivePacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = (view.getUint8(0) % 16) * 4;
  assert.equal(view.getUint8(0) >> 4, 4);
  assert.ok(header >= 20);
  assert.equal(view.getUint16(2), bytes.length, 'total length');
  assert.equal(naiveChecksum(bytes.slice(0, header)), 0, 'header checksum');
  return {
    version: 4,
    tos: view.getUint8(1),
    id: view.getUint16(4),
    df: (view.getUint16(6) & 0x4000) !== 0,
    mf: (view.getUint16(6) & 0x2000) !== 0,
    fragmentOffset: (view.getUint16(6) % 0x2000) * 8,
    ttl: view.getUint8(8),
    protocol: view.getUint8(9),
    source: bytes.slice(12, 16),
    destination: bytes.slice(16, 20),
    options: bytes.slice(20, header),
    payload: bytes.slice(header),
  };
}

/** Takes an IPv6 packet without extension headers apart; throws unless its length is right and it is all of `bytes`. */
export function readIpv6(bytes: Uint8Array): NaivePacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  assert.equal(view.getUint8(0) >> 4, 6);
  assert.equal(view.getUint16(4), bytes.length - 40, 'payload length');
  return {
    version: 6,
    tos: (view.getUint16(0) >> 4) & 0xff,
    id: 0,
    df: true,
    mf: false,
    fragmentOffset: 0,
    ttl: view.getUint8(7),
    protocol: view.getUint8(6),
    source: bytes.slice(8, 24),
    destination: bytes.slice(24, 40),
    options: new Uint8Array(0),
    payload: bytes.slice(40),
  };
}

/** The pseudo-header of an IPv6 packet's payload. */
export function pseudoHeader6(packet: NaivePacket): Uint8Array {
  const rest = new Uint8Array(8);
  new DataView(rest.buffer).setUint32(0, packet.payload.length);
  rest[7] = packet.protocol;
  return Uint8Array.from([...packet.source, ...packet.destination, ...rest]);
}
