/**
 * Capture files of the pcap format (draft-ietf-opsawg-pcap): a header of 24 bytes, then records of 16 bytes and the packet.
 *
 * All fields but two are 32-bit words in the byte order of the machine that wrote the file; ours is little-endian. They are read and
 * written as words of an Int32Array, so a file or record begins at a multiple of 4 in memory (in the file it need not).
 */

/** Word offsets in the file's header. */
export const enum Pcap {
  MAGIC = 0,
  /** Major version in the low half, minor in the high one. */
  VERSION = 1,
  ZONE = 2,
  ACCURACY = 3,
  SNAPLEN = 4,
  /** Link type in the low 28 bits. */
  LINK_TYPE = 5,
  WORDS = 6,
  /** Bytes. */
  LENGTH = 24,
}

/** Word offsets in a record's header. */
export const enum PcapRecord {
  SECONDS = 0,
  /** Nanoseconds, or microseconds with that magic. */
  FRACTION = 1,
  /** Bytes that follow. */
  CAPTURED = 2,
  /** Bytes the packet had. */
  LENGTH = 3,
  WORDS = 4,
}

/** First word of a file, which also gives the byte order. */
export const enum PcapMagic {
  NANOSECONDS = 0xa1b23c4d | 0,
  MICROSECONDS = 0xa1b2c3d4 | 0,
}

/** Version 2.4. */
const VERSION = 2 | (4 << 16);

/** What a packet begins with, as numbered for files (LINKTYPE_…, tcpdump.org); OpenBSD numbers the last two 14 and 12 inside its kernel. */
export const enum LinkType {
  EN10MB = 1,
  /** An IP packet. */
  RAW = 101,
  /** OpenBSD's address family, four bytes big-endian, and the packet. */
  LOOP = 108,
  /** For private use: traces (shared/layout/trace.ts). */
  USER0 = 147,
}

/** The most that Wireshark and libpcap take for a snap length. */
export const MOST_SNAPLEN = 262_144;

/**
 * What keeps the `bytes` bytes at word `at`, the beginning of a file, from being a header that packets of `linkType`, at most `snaplen`
 * bytes each, may follow; undefined if nothing does.
 */
export function pcapFault(
  i32: Int32Array,
  at: number,
  bytes: number,
  linkType: number,
  snaplen: number,
): string | undefined {
  if (bytes < Pcap.LENGTH) return 'is too short to begin with a pcap header';
  const magic = i32[at + Pcap.MAGIC];
  if (magic !== PcapMagic.NANOSECONDS && magic !== PcapMagic.MICROSECONDS) return 'is not a pcap file of this machine';
  if (i32[at + Pcap.VERSION] !== VERSION) return 'is pcap of another version than 2.4';
  if (i32[at + Pcap.ZONE] !== 0) return 'has a time zone';
  const found = i32[at + Pcap.LINK_TYPE] & 0x0fffffff;
  if (found !== linkType) return `holds packets of link type ${found}, not ${linkType}`;
  const limit = i32[at + Pcap.SNAPLEN] >>> 0;
  return limit < snaplen ? `has snap length ${limit}, less than ${snaplen}` : undefined;
}

/** Nanoseconds in one unit of a record's fraction, in a file whose header begins at word `at`. */
export function pcapResolution(i32: Int32Array, at: number): number {
  return i32[at + Pcap.MAGIC] === PcapMagic.NANOSECONDS ? 1 : 1000;
}

/** Writes a header at word `at`, of time stamps in nanoseconds. */
export function writePcap(i32: Int32Array, at: number, linkType: number, snaplen: number): void {
  i32[at + Pcap.MAGIC] = PcapMagic.NANOSECONDS;
  i32[at + Pcap.VERSION] = VERSION;
  i32[at + Pcap.ZONE] = 0;
  i32[at + Pcap.ACCURACY] = 0;
  i32[at + Pcap.SNAPLEN] = snaplen;
  i32[at + Pcap.LINK_TYPE] = linkType;
}

/** Writes a record's header at word `at`. */
export function writePcapRecord(
  i32: Int32Array,
  at: number,
  seconds: number,
  fraction: number,
  captured: number,
  length: number,
): void {
  i32[at + PcapRecord.SECONDS] = seconds;
  i32[at + PcapRecord.FRACTION] = fraction;
  i32[at + PcapRecord.CAPTURED] = captured;
  i32[at + PcapRecord.LENGTH] = length;
}
