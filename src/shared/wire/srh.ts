/**
 * The Segment Routing Header, an IPv6 routing header of type 4 (RFC 8754 §2; spec B §1.1): offsets, check, getters, segments, TLVs,
 * HMAC, the header's writer. Any thread; nothing is allocated.
 *
 * A header begins at byte `at`, which may be odd. After `checkSrh` all that its lengths name lies in the packet. Segments are in
 * reverse: number 0 is the last of the path, and Segments Left is the number of the active one.
 */
import { read16, read32, write16, write32 } from './network-order.js';
import { Protocol } from './protocol.js';

/** Byte offsets in the header, and lengths. */
export const enum Srh {
  NEXT_HEADER = 0,
  /** Length in units of 8 bytes, without the first 8. */
  EXT_LENGTH = 1,
  TYPE = 2,
  SEGMENTS_LEFT = 3,
  /** Number of the last segment that the header has. */
  LAST_ENTRY = 4,
  FLAGS = 5,
  TAG = 6,
  SEGMENTS = 8,
  /** Bytes of a segment. */
  SEGMENT = 16,
}

/** The routing type of a Segment Routing Header. */
export const SRH_TYPE = 4;
/** The flag by which Linux says that there is an HMAC TLV; RFC 8754 has none. */
export const SRH_FLAG_HMAC = 0x08;

/** Types of TLVs (RFC 8754 §8.2). */
const enum SrhTlv {
  /** One byte, without a length. */
  PAD1 = 0,
  PADN = 4,
  HMAC = 5,
}

/** Byte offsets in an HMAC TLV, and its length: that of Linux, with 32 bytes of digest (RFC 8754 §2.1.2). */
export const enum HmacTlv {
  TYPE = 0,
  LENGTH = 1,
  RESERVED = 2,
  KEY_ID = 4,
  DIGEST = 8,
  DIGEST_LENGTH = 32,
  BYTES = 40,
}

/** What is wrong with a header, one number a cause. */
export const enum SrhFault {
  NONE = 0,
  /** It does not end in the packet. */
  CUT = 1,
  /** Not of type 4. */
  TYPE = 2,
  /** More segments than its length has room for. */
  LAST_ENTRY = 3,
  /** More segments left than there are. */
  SEGMENTS_LEFT = 4,
  /** A TLV that does not end in the header. */
  TLV = 5,
}

/**
 * What is wrong with the header at byte `at`, `room` bytes before the packet's end: 0, or a fault. A reduced header lacks the first
 * segment, so that as many as LAST_ENTRY + 1 may be left (RFC 8986 §5.2); it is what every node must take.
 */
export function checkSrh(u8: Uint8Array, at: number, room: number): SrhFault {
  if (room < Srh.SEGMENTS || srhLength(u8, at) > room) return SrhFault.CUT;
  if (u8[at + Srh.TYPE] !== SRH_TYPE) return SrhFault.TYPE;
  const lastEntry = u8[at + Srh.LAST_ENTRY];
  if (lastEntry > (u8[at + Srh.EXT_LENGTH] >> 1) - 1) return SrhFault.LAST_ENTRY;
  if (u8[at + Srh.SEGMENTS_LEFT] > lastEntry + 1) return SrhFault.SEGMENTS_LEFT;
  return walkTlvs(u8, at) < 0 ? SrhFault.TLV : SrhFault.NONE;
}

/** Bytes of the whole header. */
export function srhLength(u8: Uint8Array, at: number): number {
  return (u8[at + Srh.EXT_LENGTH] + 1) << 3;
}

/** Segments Left. */
export function segmentsLeft(u8: Uint8Array, at: number): number {
  return u8[at + Srh.SEGMENTS_LEFT];
}

/** Byte at which segment `n`, 0 to LAST_ENTRY, begins. */
export function segmentAt(at: number, n: number): number {
  return at + Srh.SEGMENTS + n * Srh.SEGMENT;
}

/** Byte at which the HMAC TLV of a checked header begins; -1 if there is none. */
export function findHmac(u8: Uint8Array, at: number): number {
  const found = walkTlvs(u8, at);
  return found === 0 ? -1 : found;
}

/** Walks the TLVs, padding of one byte included: where the HMAC TLV begins, 0 if there is none, -1 if they are malformed. */
function walkTlvs(u8: Uint8Array, at: number): number {
  const end = at + srhLength(u8, at);
  let hmac = 0;
  for (let tlv = segmentAt(at, u8[at + Srh.LAST_ENTRY] + 1); tlv < end; ) {
    if (u8[tlv] === SrhTlv.PAD1) {
      tlv++;
      continue;
    }
    if (tlv + 2 > end || tlv + 2 + u8[tlv + 1] > end) return -1;
    if (u8[tlv] === SrhTlv.HMAC) {
      // The RFC wants whole words of digest; one of another length than ours fits no key of ours.
      if (u8[tlv + 1] !== HmacTlv.BYTES - 2 || hmac !== 0) return -1;
      hmac = tlv;
    }
    tlv += 2 + u8[tlv + 1];
  }
  return hmac;
}

/** Most bytes of an HMAC text: 128 segments. */
export const HMAC_TEXT_MOST = 16 + 1 + 1 + 4 + 128 * 16;

/**
 * Writes into `text` what the HMAC of the header at `at` is over (RFC 8754 §2.1.2.1): the source of the IPv6 header at byte `ip`, Last
 * Entry, flags, key id, segments. Returns its length.
 */
export function writeHmacText(text: Uint8Array, u8: Uint8Array, ip: number, at: number, tlv: number): number {
  for (let k = 0; k < 16; k++) text[k] = u8[ip + 8 + k];
  text[16] = u8[at + Srh.LAST_ENTRY];
  text[17] = u8[at + Srh.FLAGS];
  for (let k = 0; k < 4; k++) text[18 + k] = u8[tlv + HmacTlv.KEY_ID + k];
  const bytes = (u8[at + Srh.LAST_ENTRY] + 1) * Srh.SEGMENT;
  for (let k = 0; k < bytes; k++) text[22 + k] = u8[at + Srh.SEGMENTS + k];
  return 22 + bytes;
}

/** The key id of an HMAC TLV. */
export function hmacKeyId(u8: Uint8Array, tlv: number): number {
  return read32(u8, tlv + HmacTlv.KEY_ID);
}

/** Whether the digest of a TLV is `digest`, of 20 or 32 bytes, with zeros behind it; in a time that says nothing of where they differ. */
export function sameDigest(u8: Uint8Array, tlv: number, digest: Uint8Array): boolean {
  let different = 0;
  for (let k = 0; k < HmacTlv.DIGEST_LENGTH; k++) {
    different |= u8[tlv + HmacTlv.DIGEST + k] ^ (k < digest.length ? digest[k] : 0);
  }
  return different === 0;
}

/** Bytes of the header that `writeSrh` writes for `segments` segments, with or without an HMAC TLV. */
export function srhBytes(segments: number, hmac: boolean): number {
  return Srh.SEGMENTS + segments * Srh.SEGMENT + (hmac ? HmacTlv.BYTES : 0);
}

/**
 * Writes a header but for its segments and its digest: `segments` of them are carried, `left` are left (one more than the last entry
 * for a reduced header). `keyId` 0 = no HMAC TLV; with one the digest is zeros. Returns the header's length in bytes.
 */
export function writeSrh(
  u8: Uint8Array,
  at: number,
  next: Protocol,
  segments: number,
  left: number,
  keyId: number,
): number {
  const length = srhBytes(segments, keyId !== 0);
  u8[at + Srh.NEXT_HEADER] = next;
  u8[at + Srh.EXT_LENGTH] = (length >> 3) - 1;
  u8[at + Srh.TYPE] = SRH_TYPE;
  u8[at + Srh.SEGMENTS_LEFT] = left;
  u8[at + Srh.LAST_ENTRY] = segments - 1;
  u8[at + Srh.FLAGS] = keyId === 0 ? 0 : SRH_FLAG_HMAC;
  write16(u8, at + Srh.TAG, 0);
  if (keyId === 0) return length;
  const tlv = segmentAt(at, segments);
  u8[tlv + HmacTlv.TYPE] = SrhTlv.HMAC;
  u8[tlv + HmacTlv.LENGTH] = HmacTlv.BYTES - 2;
  write16(u8, tlv + HmacTlv.RESERVED, 0);
  write32(u8, tlv + HmacTlv.KEY_ID, keyId);
  u8.fill(0, tlv + HmacTlv.DIGEST, tlv + HmacTlv.BYTES);
  return length;
}

/** Words that `walkChain` fills in; offsets are in bytes from the IPv6 header. */
export const enum Chain {
  /** The first routing header that is a valid SRH; 0 = none. */
  SRH = 0,
  /** The byte that names it: the next header field in front of it. */
  BEFORE = 1,
  /** The first routing header with segments left, where the walk stopped; 0 = none. */
  ACTIVE = 2,
  /** The byte that names that one. */
  ACTIVE_BEFORE = 3,
  /** The upper-layer header, and its protocol. */
  UPPER = 4,
  PROTOCOL = 5,
  /** Where the fault is. */
  POINTER = 6,
  /** 1 if a fragment or authentication header was passed: what stands behind it must stay as it is. */
  SEALED = 7,
  WORDS = 8,
}

/** Why a packet's headers cannot be walked. */
export const enum ChainFault {
  NONE = 0,
  /** A header that does not end in the packet, or too many of them. */
  CUT = 1,
  /** A fragment that is not the first: it has no upper-layer header. Or the first, whose upper layer is cut. */
  FRAGMENT = 2,
  /** A routing header of another type with segments left; POINTER is at its type. */
  ROUTING_TYPE = 3,
  /** A malformed SRH; POINTER is at its Segments Left. */
  SRH = 4,
}

/** Most extension headers looked through. */
const HEADERS_MOST = 8;

/**
 * Walks the extension headers of the checked IPv6 packet at byte `ip`, `payload` bytes long behind its header, to the first routing
 * header with segments left or to the upper layer. `lenient`: a routing header that is no valid SRH is passed like any other
 * header, as Linux does where it only decapsulates.
 */
export function walkChain(u8: Uint8Array, ip: number, payload: number, lenient: boolean, out: Int32Array): ChainFault {
  const limit = 40 + payload;
  let before = 6;
  let at = 40;
  let next = u8[ip + before];
  let cut = false;
  for (let w = 0; w < Chain.WORDS; w++) out[w] = 0;
  for (let n = 0; ; n++) {
    const routing = next === Protocol.ROUTING;
    const fragment = next === Protocol.FRAGMENT;
    const sealed = next === Protocol.AUTHENTICATION;
    if (!routing && !fragment && !sealed && next !== Protocol.DESTINATION && (next !== 0 || n !== 0)) break;
    if (n === HEADERS_MOST || at + 8 > limit) return ChainFault.CUT;
    let length = (u8[ip + at + 1] + 1) << 3;
    if (fragment) length = 8;
    else if (sealed) length = (u8[ip + at + 1] + 2) << 2;
    if (at + length > limit) return ChainFault.CUT;
    if (fragment || sealed) out[Chain.SEALED] = 1;
    if (fragment) {
      const field = read16(u8, ip + at + 2);
      if ((field & 0xfff8) !== 0) return ChainFault.FRAGMENT;
      cut = cut || (field & 1) !== 0;
    }
    if (routing) {
      const left = u8[ip + at + Srh.SEGMENTS_LEFT];
      const fault = checkSrh(u8, ip + at, limit - at);
      if (fault === SrhFault.NONE) {
        if (out[Chain.SRH] === 0) {
          out[Chain.SRH] = at;
          out[Chain.BEFORE] = before;
        }
        if (left !== 0) {
          out[Chain.ACTIVE] = at;
          out[Chain.ACTIVE_BEFORE] = before;
          return ChainFault.NONE;
        }
      } else if (!lenient && (fault !== SrhFault.TYPE || left !== 0)) {
        out[Chain.POINTER] = at + (fault === SrhFault.TYPE ? Srh.TYPE : Srh.SEGMENTS_LEFT);
        return fault === SrhFault.TYPE ? ChainFault.ROUTING_TYPE : ChainFault.SRH;
      }
    }
    before = at;
    next = u8[ip + at];
    at += length;
  }
  // Linux takes the first fragment for the whole.
  if (cut && !lenient) return ChainFault.FRAGMENT;
  out[Chain.UPPER] = at;
  out[Chain.PROTOCOL] = next;
  return ChainFault.NONE;
}
