/**
 * CRC-32 as in Ethernet and zlib (reflected, polynomial 0xedb88320), four bytes a step. zlib.crc32 would want a view for each
 * frame, and Node before 20.15 has none.
 */

/** Four tables of 256: table k is that of a byte with k bytes of zero behind it. */
const TABLES = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(1024);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < 1024; i++) tables[i] = (tables[i - 256] >>> 8) ^ tables[tables[i - 256] & 0xff];
  return tables;
}

/** CRC-32 of `length` bytes from `from`, a multiple of 4; `u8` and `u32` are views of the same memory. Returns a signed word. */
export function crc32(u8: Uint8Array, u32: Uint32Array, from: number, length: number): number {
  let crc = -1;
  const words = length >> 2;
  for (let i = from >> 2, end = i + words; i < end; i++) {
    crc ^= u32[i];
    crc =
      TABLES[768 + (crc & 0xff)] ^
      TABLES[512 + ((crc >>> 8) & 0xff)] ^
      TABLES[256 + ((crc >>> 16) & 0xff)] ^
      TABLES[crc >>> 24];
  }
  for (let i = from + words * 4, end = from + length; i < end; i++) crc = (crc >>> 8) ^ TABLES[(crc ^ u8[i]) & 0xff];
  return ~crc;
}
