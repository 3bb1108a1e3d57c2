/**
 * An IP packet in memory of its own, with room for an Ethernet header in front: the frame is at byte 0, the IP header always at
 * `IP`. Main; packets that reach it are few, so each is copied once.
 */
import { Ether, EtherType, formatMac, type Mac, writeEther } from '../../shared/wire/ethernet.js';
import { checkIpv4, Ipv4, Ipv4Fault, totalLength } from '../../shared/wire/ipv4.js';
import { checkIpv6, Ipv6, Ipv6Fault, payloadLength } from '../../shared/wire/ipv6.js';
import { wordsAt } from './address.js';
import type { DropReason } from './fate.js';

/** Byte of the IP header in a packet's memory; even, as checksums want it. */
export const IP = 14;

/** A packet. */
export interface Packet {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly version: 4 | 6;
  /** Bytes from the IP header to the end. */
  readonly length: number;
}

/** What makes a superframe of a packet: it is sent on as it is, and whoever cuts it knows how. */
export interface Superframe {
  /** The three words of `Meta.VNET0`, counted from the IP header. */
  readonly words: readonly [number, number, number];
  /** Bytes of the longest packet that it becomes. */
  readonly size: number;
}

/** Where a packet came in, and how. */
export interface Origin {
  /** Index of the ingress; -1 of what the router made itself. */
  readonly ingress: number;
  /** Its frame was for many, so no error answers it. */
  readonly group: boolean;
  /** It is in the books: a punted packet, not one that was made here. */
  readonly counted: boolean;
  /** The virtual hops that it has behind it: they go with whatever is sent on of it. */
  readonly trail?: Int32Array | undefined;
  /** Set if it is more than one packet. */
  readonly superframe?: Superframe | undefined;
}

/** Bytes of the longest packet that one becomes on its way. */
export function sizeOf(packet: Packet, { superframe }: Origin): number {
  return superframe?.size ?? packet.length;
}

/** Origin of what the router makes. */
export const OWN: Origin = { ingress: -1, group: false, counted: false };

/** A packet of zeros. */
export function makePacket(version: 4 | 6, length: number): Packet {
  const u8 = new Uint8Array((IP + length + 1) & ~1);
  return { u8, u16: new Uint16Array(u8.buffer), version, length };
}

/** A copy of the `length` bytes at byte `at`, with what Ethernet header stands in front of them. */
export function copyPacket(bytes: Uint8Array, at: number, version: 4 | 6, length: number): Packet {
  const packet = makePacket(version, length);
  const front = Math.min(at, IP);
  packet.u8.set(bytes.subarray(at - front, at + length), IP - front);
  return packet;
}

/** What came of `readPacket`: a packet, or why there is none. */
export type Read = { readonly packet: Packet; readonly badOption: boolean } | { readonly drop: DropReason };

/**
 * The packet whose header is at byte `network` of bytes from a wire, checked and without the link's padding. `badOption`: all is
 * well but for an IPv4 option.
 */
export function readPacket(bytes: Uint8Array, network: number): Read {
  const room = bytes.length - network;
  if (room < Ipv4.LENGTH) return { drop: 'header' };
  const version = bytes[network] >> 4;
  if (version === 4) return read4(copyPacket(bytes, network, 4, room));
  return version === 6 ? read6(copyPacket(bytes, network, 6, room)) : { drop: 'header' };
}

/** Faults that are not of a header's form; workers have seen to those. */
const FAULT4: Partial<Record<Ipv4Fault, DropReason>> = {
  [Ipv4Fault.SOURCE_ROUTE]: 'ip4-source-route',
  [Ipv4Fault.MARTIAN_SOURCE]: 'martian-source',
  [Ipv4Fault.MARTIAN_DESTINATION]: 'martian-destination',
};
const FAULT6: Partial<Record<Ipv6Fault, DropReason>> = {
  [Ipv6Fault.MULTICAST_SOURCE]: 'ip6-multicast-source',
  [Ipv6Fault.LOOPBACK]: 'ip6-loopback',
  [Ipv6Fault.SCOPE]: 'ip6-scope',
  [Ipv6Fault.MAPPED]: 'ip6-mapped',
};

function read4(packet: Packet): Read {
  const fault = checkIpv4(packet.u8, packet.u16, IP, packet.length);
  switch (fault) {
    case Ipv4Fault.NONE:
    case Ipv4Fault.OPTION:
      return {
        packet: { ...packet, length: totalLength(packet.u8, IP) },
        badOption: fault === Ipv4Fault.OPTION,
      };
    default:
      return { drop: FAULT4[fault] ?? 'header' };
  }
}

function read6(packet: Packet): Read {
  const fault = checkIpv6(packet.u8, IP, packet.length);
  if (fault === Ipv6Fault.NONE) {
    return { packet: { ...packet, length: Ipv6.LENGTH + payloadLength(packet.u8, IP) }, badOption: false };
  }
  return { drop: FAULT6[fault] ?? 'header' };
}

/** The packet's bytes, IP header first. */
export function ipBytes(packet: Packet): Uint8Array {
  return packet.u8.subarray(IP, IP + packet.length);
}

/** The source address. */
export function sourceOf(packet: Packet): Int32Array {
  return wordsAt(packet.u8, IP + (packet.version === 4 ? Ipv4.SOURCE : Ipv6.SOURCE), packet.version);
}

/** The destination address. */
export function destinationOf(packet: Packet): Int32Array {
  return wordsAt(packet.u8, IP + (packet.version === 4 ? Ipv4.DESTINATION : Ipv6.DESTINATION), packet.version);
}

/** Six bytes as the two words of `ethernet.ts`. */
export function macOf(bytes: Uint8Array): Mac {
  return {
    hi: bytes[0] | (bytes[1] << 8),
    lo: bytes[2] | (bytes[3] << 8) | (bytes[4] << 16) | (bytes[5] << 24),
  };
}

/** The six bytes of such words. */
export function macBytes(hi: number, lo: number): Uint8Array {
  return Uint8Array.of(hi, hi >> 8, lo, lo >> 8, lo >> 16, lo >> 24);
}

/** Six bytes as text. */
export function macText(bytes: Uint8Array): string {
  return formatMac(macOf(bytes));
}

/** The whole frame of a packet, from one station to another; it shares the packet's memory. */
export function frameOf(packet: Packet, to: Uint8Array, from: Uint8Array): Uint8Array {
  const t = macOf(to);
  const f = macOf(from);
  writeEther(packet.u16, 0, t.hi, t.lo, f.hi, f.lo, packet.version === 4 ? EtherType.IPV4 : EtherType.IPV6);
  return packet.u8.subarray(0, Ether.LENGTH + packet.length);
}
