/**
 * IPv4 options that a router fills in on the way: record route and timestamp (RFC 791 §3.1, RFC 1812 §5.3.13). Main.
 */
import { finishIpv4, headerLength, Ipv4, Ipv4Option } from '../../shared/wire/ipv4.js';
import { read32, write32 } from '../../shared/wire/network-order.js';
import { IP, type Packet } from './packet.js';

/** Bytes of an option: pointer, then of a timestamp overflow and flags. */
const POINTER = 2;
const FLAGS = 3;
/** What a timestamp asks for. */
const TIMES = 0;
const ADDRESSES = 1;
const NAMED = 3;
/** Bit of a time that is not milliseconds since midnight UT. */
const OTHER_TIME = 0x80000000 | 0;

/**
 * Writes `address`, by which the packet leaves, into the options of a checked packet, and a time where one is asked for; the
 * checksum follows. `isOurs` tells whether an address that a timestamp names is this router's.
 */
export function fillOptions(
  packet: Packet,
  address: number,
  nowMs: number,
  isOurs: (address: number) => boolean,
): void {
  const { u8 } = packet;
  const end = IP + headerLength(u8, IP);
  for (let at = IP + Ipv4.LENGTH; at < end && u8[at] !== Ipv4Option.END; ) {
    if (u8[at] === Ipv4Option.NOP) {
      at++;
      continue;
    }
    if (u8[at] === Ipv4Option.RECORD_ROUTE) recordRoute(u8, at, address);
    else if (u8[at] === Ipv4Option.TIMESTAMP) timestamp(u8, at, address, nowMs, isOurs);
    at += u8[at + 1];
  }
  finishIpv4(u8, packet.u16, IP);
}

/** The options of a checked packet that a reply takes over: a route and times, as they are, filled up to words. */
export function recordedOptions(packet: Packet): Uint8Array {
  const { u8 } = packet;
  const end = IP + headerLength(u8, IP);
  const taken: number[] = [];
  for (let at = IP + Ipv4.LENGTH; at < end && u8[at] !== Ipv4Option.END; ) {
    if (u8[at] === Ipv4Option.NOP) {
      at++;
      continue;
    }
    const recorded = u8[at] === Ipv4Option.RECORD_ROUTE || u8[at] === Ipv4Option.TIMESTAMP;
    if (recorded) taken.push(...u8.subarray(at, at + u8[at + 1]));
    at += u8[at + 1];
  }
  while (taken.length % 4 !== 0) taken.push(Ipv4Option.END);
  return Uint8Array.from(taken);
}

function recordRoute(u8: Uint8Array, at: number, address: number): void {
  const pointer = u8[at + POINTER];
  if (pointer + 3 > u8[at + 1]) return;
  write32(u8, at + pointer - 1, address);
  u8[at + POINTER] += 4;
}

function timestamp(
  u8: Uint8Array,
  at: number,
  address: number,
  nowMs: number,
  isOurs: (address: number) => boolean,
): void {
  const flags = u8[at + FLAGS] & 15;
  const pointer = u8[at + POINTER];
  const size = flags === TIMES ? 4 : 8;
  if (pointer - 1 + size > u8[at + 1]) {
    if (flags !== NAMED) u8[at + FLAGS] += 0x10;
    return;
  }
  if (flags !== TIMES && flags !== ADDRESSES && flags !== NAMED) return;
  const slot = at + pointer - 1;
  if (flags === NAMED && !isOurs(read32(u8, slot))) return;
  if (flags === ADDRESSES) write32(u8, slot, address);
  write32(u8, slot + size - 4, Math.floor(nowMs) | OTHER_TIME);
  u8[at + POINTER] += size;
}
