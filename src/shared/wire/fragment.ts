/**
 * IPv4 fragmentation (RFC 791 §3.2): how many fragments a packet gives, and each of them written. Any thread; nothing is allocated.
 *
 * The packet is checked (`checkIpv4`), its TTL already that of the fragments. It may be a fragment itself: its offset and MF carry
 * on. The first fragment has all options, the others those with the copied flag alone, so their headers may be shorter.
 */
import { finishIpv4, fragmentField, headerLength, Ipv4, Ipv4Fragment, Ipv4Option, totalLength } from './ipv4.js';
import { write16 } from './network-order.js';

/** Most bytes of a datagram that is put together again. */
const DATAGRAM_MOST = 65_535;

/** The least MTU of a link (RFC 791 §3.2): the longest header and 8 bytes. */
const MTU_LEAST = 68;

/**
 * Number of fragments of at most `mtu` bytes that the packet at byte `ip` gives; 1 if it fits as it is. 0 if it is a
 * fragment that reaches behind the end of the longest datagram: written again, its offset would come round to the begin. Or if `mtu` is below
 * 68, as the host of an attached interface may have it: then nothing might fit behind a header.
 * Whether it may be fragmented (DF) is the caller's to ask.
 */
export function fragments4(u8: Uint8Array, ip: number, mtu: number): number {
  const total = totalLength(u8, ip);
  if (total <= mtu) return 1;
  if (mtu < MTU_LEAST) return 0;
  const header = headerLength(u8, ip);
  const data = total - header;
  if (((fragmentField(u8, ip) & Ipv4Fragment.OFFSET) << 3) + data > DATAGRAM_MOST) return 0;
  const behindFirst = data - ((mtu - header) & ~7);
  const later = mtu - laterHeader(u8, ip);
  // The last fragment alone need not be a multiple of 8.
  return behindFirst <= later ? 2 : 2 + Math.ceil((behindFirst - later) / (later & ~7));
}

/**
 * Writes fragment `k`, 0 … `count` - 1, of the packet at byte `ip` at even byte `to`, and returns its length. `count` is what
 * `fragments4` says, and above 1. The two must not overlap.
 */
export function writeFragment4(
  u8: Uint8Array,
  u16: Uint16Array,
  ip: number,
  mtu: number,
  k: number,
  count: number,
  to: number,
): number {
  const header = headerLength(u8, ip);
  const first = (mtu - header) & ~7;
  const shorter = laterHeader(u8, ip);
  const each = (mtu - shorter) & ~7;
  const own = k === 0 ? header : shorter;
  const begin = k === 0 ? 0 : first + (k - 1) * each;
  const last = k === count - 1;
  const bytes = last ? totalLength(u8, ip) - header - begin : k === 0 ? first : each;
  if (k === 0) u8.copyWithin(to, ip, ip + header);
  else writeLaterHeader(u8, ip, to, shorter);
  const field = fragmentField(u8, ip);
  write16(u8, to + Ipv4.TOTAL_LENGTH, own + bytes);
  write16(u8, to + Ipv4.FRAGMENT, (field + (begin >> 3)) | (last ? 0 : Ipv4Fragment.MF));
  u8.copyWithin(to + own, ip + header + begin, ip + header + begin + bytes);
  finishIpv4(u8, u16, to);
  return own + bytes;
}

/** Bytes of the header of a fragment that is not the first: the options that are copied, in units of 4. */
function laterHeader(u8: Uint8Array, ip: number): number {
  const end = ip + headerLength(u8, ip);
  let length: number = Ipv4.LENGTH;
  for (let at = ip + Ipv4.LENGTH; at < end && u8[at] !== Ipv4Option.END; at += optionLength(u8, at)) {
    if ((u8[at] & Ipv4Option.COPIED) !== 0) length += u8[at + 1];
  }
  return (length + 3) & ~3;
}

/** Writes that header of `length` bytes; its lengths, fragment field and checksum are still the packet's. */
function writeLaterHeader(u8: Uint8Array, ip: number, to: number, length: number): void {
  u8.copyWithin(to, ip, ip + Ipv4.LENGTH);
  u8[to + Ipv4.VERSION_IHL] = 0x40 | (length >> 2);
  const end = ip + headerLength(u8, ip);
  let put = to + Ipv4.LENGTH;
  for (let at = ip + Ipv4.LENGTH; at < end && u8[at] !== Ipv4Option.END; at += optionLength(u8, at)) {
    if ((u8[at] & Ipv4Option.COPIED) === 0) continue;
    u8.copyWithin(put, at, at + u8[at + 1]);
    put += u8[at + 1];
  }
  u8.fill(Ipv4Option.END, put, to + length);
}

/** Bytes of the option at byte `at`, which is not END. */
function optionLength(u8: Uint8Array, at: number): number {
  return u8[at] === Ipv4Option.NOP ? 1 : u8[at + 1];
}
