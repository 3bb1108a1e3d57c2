/**
 * Neighbour discovery (RFC 4861, RFC 4862) over Ethernet: offsets, check, options, writers. Any thread; nothing is allocated.
 *
 * Writers write whole frames at an even byte `offset`, Ethernet header first, and return their length. An IPv6 address is named by
 * a view and the byte in it where its 16 bytes begin; hardware addresses are as in `ethernet.ts`.
 */
import { Ether, EtherType, writeEther } from './ethernet.js';
import { checkIcmp6, finishIcmp6, Icmp6, Icmp6Type } from './icmp6.js';
import {
  copyAddress6,
  Ipv6,
  isLinkLocal6,
  isMulticast6,
  isSolicitedNode,
  isUnspecified6,
  payloadLength,
  sameAddress6,
  writeIpv6,
  writeSolicitedNode,
} from './ipv6.js';
import { write32 } from './network-order.js';
import { Protocol } from './protocol.js';

/** Byte offsets in a message, and the lengths of messages without options. */
export const enum Nd {
  /** Of an advertisement: bits of `NdFlag`. */
  FLAGS = 4,
  /** Of solicitations, advertisements and redirects. */
  TARGET = 8,
  /** Of a redirect: the address that is redirected. */
  DESTINATION = 24,
  ROUTER_SOLICITATION_LENGTH = 8,
  ROUTER_ADVERTISEMENT_LENGTH = 16,
  NEIGHBOUR_LENGTH = 24,
  REDIRECT_LENGTH = 40,
  /** Bytes of an option with a hardware address, and where in it the address is. */
  LINK_OPTION = 8,
  LINK = 2,
}

/** Bits of a neighbour advertisement's flags. */
export const enum NdFlag {
  ROUTER = 0x80,
  SOLICITED = 0x40,
  OVERRIDE = 0x20,
}

/** Option types (RFC 4861 §4.6). */
export const enum NdOption {
  SOURCE_LINK = 1,
  TARGET_LINK = 2,
  REDIRECTED = 4,
}

/** What is wrong with a message (RFC 4861 §6.1, §7.1, §8.1), one number a cause. */
export const enum NdFault {
  NONE = 0,
  /** No message of neighbour discovery. */
  TYPE = 1,
  /** Not 255: it has come over a router. */
  HOP_LIMIT = 2,
  CODE = 3,
  LENGTH = 4,
  CHECKSUM = 5,
  /** An option of length 0, or that does not end in the message. */
  OPTION = 6,
  /** A multicast target, or a redirect to neither a link-local address nor the destination. */
  TARGET = 7,
  /** A router that does not speak from a link-local address, or an unspecified source that says where it is. */
  SOURCE = 8,
  /** DAD to anything but a solicited-node address, or an answer to a question asked of nobody. */
  DESTINATION = 9,
}

/** Bytes of a message of `type` without options; 0 if it is not one of neighbour discovery. */
function leastLength(type: number): number {
  switch (type) {
    case Icmp6Type.ROUTER_SOLICITATION:
      return Nd.ROUTER_SOLICITATION_LENGTH;
    case Icmp6Type.ROUTER_ADVERTISEMENT:
      return Nd.ROUTER_ADVERTISEMENT_LENGTH;
    case Icmp6Type.NEIGHBOUR_SOLICITATION:
    case Icmp6Type.NEIGHBOUR_ADVERTISEMENT:
      return Nd.NEIGHBOUR_LENGTH;
    case Icmp6Type.REDIRECT:
      return Nd.REDIRECT_LENGTH;
    default:
      return 0;
  }
}

/** What is wrong with the ICMPv6 message right behind the checked IPv6 header at byte `ip`: 0, or a fault. */
export function checkNd(u8: Uint8Array, u16: Uint16Array, ip: number): NdFault {
  const at = ip + Ipv6.LENGTH;
  const length = payloadLength(u8, ip);
  if (length < Icmp6.LENGTH) return NdFault.LENGTH;
  const least = leastLength(u8[at + Icmp6.TYPE]);
  if (least === 0) return NdFault.TYPE;
  if (u8[ip + Ipv6.HOP_LIMIT] !== 255) return NdFault.HOP_LIMIT;
  if (u8[at + Icmp6.CODE] !== 0) return NdFault.CODE;
  if (length < least) return NdFault.LENGTH;
  if (!checkIcmp6(u8, u16, ip, at, length)) return NdFault.CHECKSUM;
  for (let option = least; option < length; option += u8[at + option + 1] << 3) {
    if (option + 8 > length || u8[at + option + 1] === 0 || option + (u8[at + option + 1] << 3) > length) {
      return NdFault.OPTION;
    }
  }
  return checkAddresses(u8, ip);
}

/** The rules of each message about its addresses. */
function checkAddresses(u8: Uint8Array, ip: number): NdFault {
  const at = ip + Ipv6.LENGTH;
  const source = ip + Ipv6.SOURCE;
  const nobody = isUnspecified6(u8, source) && ndLink(u8, ip, NdOption.SOURCE_LINK) !== 0;
  const target = at + Nd.TARGET;
  switch (u8[at + Icmp6.TYPE]) {
    case Icmp6Type.ROUTER_SOLICITATION:
      return nobody ? NdFault.SOURCE : NdFault.NONE;
    case Icmp6Type.ROUTER_ADVERTISEMENT:
      return isLinkLocal6(u8, source) ? NdFault.NONE : NdFault.SOURCE;
    case Icmp6Type.NEIGHBOUR_SOLICITATION:
      if (isMulticast6(u8, target)) return NdFault.TARGET;
      if (nobody) return NdFault.SOURCE;
      if (isUnspecified6(u8, source) && !isSolicitedNode(u8, ip + Ipv6.DESTINATION)) return NdFault.DESTINATION;
      return NdFault.NONE;
    case Icmp6Type.NEIGHBOUR_ADVERTISEMENT:
      if (isMulticast6(u8, target)) return NdFault.TARGET;
      if (isMulticast6(u8, ip + Ipv6.DESTINATION) && (u8[at + Nd.FLAGS] & NdFlag.SOLICITED) !== 0) {
        return NdFault.DESTINATION;
      }
      return NdFault.NONE;
    default: {
      if (!isLinkLocal6(u8, source)) return NdFault.SOURCE;
      const destination = at + Nd.DESTINATION;
      if (isMulticast6(u8, destination)) return NdFault.DESTINATION;
      if (!isLinkLocal6(u8, target) && !sameAddress6(u8, target, u8, destination)) return NdFault.TARGET;
      return NdFault.NONE;
    }
  }
}

/**
 * Byte of the hardware address in the first option of `type` (SOURCE_LINK or TARGET_LINK) of the message at `ip`, whose options
 * are checked; 0 if it has none, or none of Ethernet's length. `dstHi` and `dstLo` read the address there.
 */
export function ndLink(u8: Uint8Array, ip: number, type: NdOption): number {
  const at = ip + Ipv6.LENGTH;
  const end = at + payloadLength(u8, ip);
  for (let option = at + leastLength(u8[at + Icmp6.TYPE]); option < end; option += u8[option + 1] << 3) {
    if (u8[option] === type) return u8[option + 1] === 1 ? option + Nd.LINK : 0;
  }
  return 0;
}

/** First two bytes of an Ethernet group that stands for an IPv6 one (RFC 2464 §7); the others are the address's last four. */
const GROUP_HI = 0x3333;

/** Writes ff02::1 at byte `at`. */
function writeAllNodes(u8: Uint8Array, at: number): void {
  write32(u8, at, 0xff020000);
  write32(u8, at + 4, 0);
  write32(u8, at + 8, 0);
  write32(u8, at + 12, 1);
}

/** Writes the Ethernet header of the frame at `offset`, whose IPv6 destination is written: to its group if it is one, else to `toHi`, `toLo`. */
function address(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  fromHi: number,
  fromLo: number,
  toHi: number,
  toLo: number,
): void {
  const destination = offset + Ether.LENGTH + Ipv6.DESTINATION;
  const group = isMulticast6(u8, destination);
  const w = (destination + 12) >> 1;
  const lo = group ? u16[w] | (u16[w + 1] << 16) : toLo;
  writeEther(u16, offset, group ? GROUP_HI : toHi, lo, fromHi, fromLo, EtherType.IPV6);
}

/** Writes an option with a hardware address at byte `at`, an even one. */
function writeLink(u8: Uint8Array, u16: Uint16Array, at: number, type: NdOption, hi: number, lo: number): void {
  u8[at] = type;
  u8[at + 1] = 1;
  const w = (at + Nd.LINK) >> 1;
  u16[w] = hi;
  u16[w + 1] = lo;
  u16[w + 2] = lo >>> 16;
}

/** Writes the IPv6 header but for its addresses, and the message's first 8 bytes. `length` is the message's. */
function begin(u8: Uint8Array, ip: number, length: number, type: Icmp6Type, flags: number): void {
  writeIpv6(u8, ip, 0, 0, length, Protocol.ICMPV6, 255);
  write32(u8, ip + Ipv6.LENGTH, type << 24);
  write32(u8, ip + Ipv6.LENGTH + Nd.FLAGS, flags << 24);
}

/** Computes the checksum; returns the frame's length. */
function finish(u8: Uint8Array, u16: Uint16Array, ip: number, length: number): number {
  finishIcmp6(u8, u16, ip, ip + Ipv6.LENGTH, length);
  return Ether.LENGTH + Ipv6.LENGTH + length;
}

/** Writes a solicitation from the address at `source` of `sources`: who has the address at `target` of `targets`? */
export function writeSolicitation(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  fromHi: number,
  fromLo: number,
  sources: Uint8Array,
  source: number,
  targets: Uint8Array,
  target: number,
): number {
  const ip = offset + Ether.LENGTH;
  writeSolicitedNode(u8, ip + Ipv6.DESTINATION, targets, target);
  return solicit(u8, u16, offset, fromHi, fromLo, sources, source, targets, target, 0, 0);
}

/** Writes a solicitation to the neighbour itself, at `toHi`, `toLo`: is it still there (RFC 4861 §7.3.3)? */
export function writeUnicastSolicitation(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  fromHi: number,
  fromLo: number,
  sources: Uint8Array,
  source: number,
  targets: Uint8Array,
  target: number,
  toHi: number,
  toLo: number,
): number {
  copyAddress6(u8, offset + Ether.LENGTH + Ipv6.DESTINATION, targets, target);
  return solicit(u8, u16, offset, fromHi, fromLo, sources, source, targets, target, toHi, toLo);
}

function solicit(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  fromHi: number,
  fromLo: number,
  sources: Uint8Array,
  source: number,
  targets: Uint8Array,
  target: number,
  toHi: number,
  toLo: number,
): number {
  const ip = offset + Ether.LENGTH;
  const length = Nd.NEIGHBOUR_LENGTH + Nd.LINK_OPTION;
  begin(u8, ip, length, Icmp6Type.NEIGHBOUR_SOLICITATION, 0);
  copyAddress6(u8, ip + Ipv6.SOURCE, sources, source);
  copyAddress6(u8, ip + Ipv6.LENGTH + Nd.TARGET, targets, target);
  writeLink(u8, u16, ip + Ipv6.LENGTH + Nd.NEIGHBOUR_LENGTH, NdOption.SOURCE_LINK, fromHi, fromLo);
  address(u8, u16, offset, fromHi, fromLo, toHi, toLo);
  return finish(u8, u16, ip, length);
}

/** Writes a probe: does anybody have the address at `target` of `targets`, which is to be ours (RFC 4862 §5.4.2)? */
export function writeDadProbe(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  fromHi: number,
  fromLo: number,
  targets: Uint8Array,
  target: number,
): number {
  const ip = offset + Ether.LENGTH;
  begin(u8, ip, Nd.NEIGHBOUR_LENGTH, Icmp6Type.NEIGHBOUR_SOLICITATION, 0);
  u8.fill(0, ip + Ipv6.SOURCE, ip + Ipv6.DESTINATION);
  writeSolicitedNode(u8, ip + Ipv6.DESTINATION, targets, target);
  copyAddress6(u8, ip + Ipv6.LENGTH + Nd.TARGET, targets, target);
  address(u8, u16, offset, fromHi, fromLo, 0, 0);
  return finish(u8, u16, ip, Nd.NEIGHBOUR_LENGTH);
}

/** Writes an advertisement to all nodes: the address at `target` of `targets` is at `fromHi`, `fromLo`. `flags` without SOLICITED. */
export function writeAnnouncement(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  fromHi: number,
  fromLo: number,
  targets: Uint8Array,
  target: number,
  flags: number,
): number {
  const ip = offset + Ether.LENGTH;
  writeAllNodes(u8, ip + Ipv6.DESTINATION);
  copyAddress6(u8, ip + Ipv6.LENGTH + Nd.TARGET, targets, target);
  copyAddress6(u8, ip + Ipv6.SOURCE, targets, target);
  return advertise(u8, u16, offset, fromHi, fromLo, flags, 0, 0);
}

/**
 * Makes the checked solicitation whose frame is at `offset` the advertisement that answers it, in place: the target is at `hi`,
 * `lo`. The frame must have room for 86 bytes. `flags` without SOLICITED, which is set unless the question was a DAD probe: that
 * is answered to all nodes (RFC 4861 §7.2.4).
 */
export function ndReply(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  hi: number,
  lo: number,
  flags: number,
): number {
  const link = ndLink(u8, offset + Ether.LENGTH, NdOption.SOURCE_LINK);
  flags |= turn(u8, offset);
  const ip = offset + Ether.LENGTH;
  copyAddress6(u8, ip + Ipv6.SOURCE, u8, ip + Ipv6.LENGTH + Nd.TARGET);
  return answer(u8, u16, offset, hi, lo, flags, link);
}

/**
 * The same for a target that is not ours alone, an anycast or a proxied address: the answer comes from the address of ours of the four
 * words in host order (RFC 4861 §7.2.4: one that is assigned to the interface). `flags` without OVERRIDE (§7.2.7, §7.2.8).
 */
export function ndReplyFor(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  hi: number,
  lo: number,
  flags: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): number {
  const link = ndLink(u8, offset + Ether.LENGTH, NdOption.SOURCE_LINK);
  flags |= turn(u8, offset);
  const source = offset + Ether.LENGTH + Ipv6.SOURCE;
  write32(u8, source, s0);
  write32(u8, source + 4, s1);
  write32(u8, source + 8, s2);
  write32(u8, source + 12, s3);
  return answer(u8, u16, offset, hi, lo, flags, link);
}

/** Sends an answer where the solicitation of the frame at `offset` came from. Returns the flag that follows. */
function turn(u8: Uint8Array, offset: number): number {
  const ip = offset + Ether.LENGTH;
  if (isUnspecified6(u8, ip + Ipv6.SOURCE)) {
    writeAllNodes(u8, ip + Ipv6.DESTINATION);
    return 0;
  }
  copyAddress6(u8, ip + Ipv6.DESTINATION, u8, ip + Ipv6.SOURCE);
  return NdFlag.SOLICITED;
}

/** Writes the rest of an answer to the hardware address at byte `link`, or if that is 0 to the frame's sender. */
function answer(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  hi: number,
  lo: number,
  flags: number,
  link: number,
): number {
  const w = (link === 0 ? offset + Ether.SRC : link) >> 1;
  return advertise(u8, u16, offset, hi, lo, flags, u16[w], u16[w + 1] | (u16[w + 2] << 16));
}

/** Writes the rest of an advertisement whose addresses and target are written. */
function advertise(
  u8: Uint8Array,
  u16: Uint16Array,
  offset: number,
  fromHi: number,
  fromLo: number,
  flags: number,
  toHi: number,
  toLo: number,
): number {
  const ip = offset + Ether.LENGTH;
  const length = Nd.NEIGHBOUR_LENGTH + Nd.LINK_OPTION;
  begin(u8, ip, length, Icmp6Type.NEIGHBOUR_ADVERTISEMENT, flags);
  writeLink(u8, u16, ip + Ipv6.LENGTH + Nd.NEIGHBOUR_LENGTH, NdOption.TARGET_LINK, fromHi, fromLo);
  address(u8, u16, offset, fromHi, fromLo, toHi, toLo);
  return finish(u8, u16, ip, length);
}

/** Most bytes of a redirect's IPv6 packet (RFC 4861 §4.5). */
const REDIRECT_MOST = 1280;

/**
 * Writes a redirect to the sender of the IPv6 packet at byte `packet`, a station at `toHi`, `toLo`: for its destination take the
 * address at `target` of `targets`. `source` of `sources` is our link-local address. `linkHi`, `linkLo` is where the target is;
 * both are 0 if that is not known. The packet is quoted as far as 1280 bytes hold, in units of 8; the two must not overlap.
 */
export function writeRedirect(
  u8: Uint8Array,
  u16: Uint16Array,
  packet: number,
  offset: number,
  fromHi: number,
  fromLo: number,
  sources: Uint8Array,
  source: number,
  toHi: number,
  toLo: number,
  targets: Uint8Array,
  target: number,
  linkHi: number,
  linkLo: number,
): number {
  const ip = offset + Ether.LENGTH;
  const at = ip + Ipv6.LENGTH;
  const link = (linkHi | linkLo) === 0 ? 0 : Nd.LINK_OPTION;
  const option = Nd.REDIRECT_LENGTH + link;
  const quote = Math.min(Ipv6.LENGTH + payloadLength(u8, packet), REDIRECT_MOST - Ipv6.LENGTH - option - 8) & ~7;
  const length = option + 8 + quote;
  begin(u8, ip, length, Icmp6Type.REDIRECT, 0);
  copyAddress6(u8, ip + Ipv6.SOURCE, sources, source);
  copyAddress6(u8, ip + Ipv6.DESTINATION, u8, packet + Ipv6.SOURCE);
  copyAddress6(u8, at + Nd.TARGET, targets, target);
  copyAddress6(u8, at + Nd.DESTINATION, u8, packet + Ipv6.DESTINATION);
  if (link !== 0) writeLink(u8, u16, at + Nd.REDIRECT_LENGTH, NdOption.TARGET_LINK, linkHi, linkLo);
  write32(u8, at + option, (NdOption.REDIRECTED << 24) | (((quote >> 3) + 1) << 16));
  write32(u8, at + option + 4, 0);
  u8.copyWithin(at + option + 8, packet, packet + quote);
  address(u8, u16, offset, fromHi, fromLo, toHi, toLo);
  return finish(u8, u16, ip, length);
}
