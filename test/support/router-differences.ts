/**
 * Where Linux 6.18 as a router and smrouter may differ (rows.md B74, spec B §5), each with its reason, and how frames of the two are made
 * comparable: what each chooses for itself goes, after what can be checked of it has been.
 */
import assert from 'node:assert/strict';
import { naiveChecksum } from './naive-ip.js';
import type { Stimulus } from './random-packets.js';

const IP = 14;
/** Next header of a fragment. */
const FRAGMENT = 44;

/** A frame that went in, as far as it has these. */
interface Input {
  readonly leg: number;
  /** Its Ethernet destination is a group. */
  readonly group: boolean;
  readonly version: number;
  readonly packet: Buffer;
}

/** What a router has done with the frames of one number: the frames that came out, each behind the leg it left by. */
export type Answer = readonly (readonly [number, Uint8Array])[];

/** One thing that is allowed. */
export interface Difference {
  readonly what: string;
  readonly why: string;
  readonly applies: (input: Input) => boolean;
  /** Whether what smrouter does instead is right, beside Linux's answer; it does nothing unless told. */
  readonly ours?: (answer: Answer, theirs: Answer) => boolean;
}

function v4(input: Input, test: (source: Buffer, destination: Buffer) => boolean): boolean {
  return input.version === 4 && input.packet.length >= 20 && test(input.packet.subarray(12), input.packet.subarray(16));
}

function v6(input: Input, test: (source: Buffer, destination: Buffer) => boolean): boolean {
  return input.version === 6 && input.packet.length >= 40 && test(input.packet.subarray(8), input.packet.subarray(24));
}

const MAPPED = '00000000000000000000ffff';
const isMapped = (address: Buffer): boolean => address.toString('hex', 0, 12) === MAPPED;
const isLinkLocal = (address: Buffer): boolean => address[0] === 0xfe && ((address[1] as number) & 0xc0) === 0x80;
/** 2001:db8:N::, which all routers of a leg's network have. */
const isAnycast = (address: Buffer): boolean => /^20010db8000[123]0{20}$/.test(address.toString('hex', 0, 16));
/** Whether the way to an address leaves by a leg. */
const isBehind = (address: Buffer, leg: number): boolean =>
  [leg + 1, 0x21 + leg].includes(address.readUInt16BE(4)) || isLinkLocal(address);
const isBogus = (first: number): boolean => first === 0 || first >= 240;
const isAll = (address: Buffer): boolean => address.readInt32BE(0) === -1;

/** 2001:db8:N::1. */
const isLegs = (address: Buffer): boolean => /^20010db8000[123]0{19}1$/.test(address.toString('hex', 0, 16));

/** Types of the ICMP errors among an answer; `undefined` for what is none. */
function errors(answer: Answer): (number | undefined)[] {
  return answer.map(([, frame]) => (isError(frame) ? frame[IP + headerOf(frame)] : undefined));
}

export const DIFFERENCES: readonly Difference[] = [
  {
    what: 'sources and destinations in 0/8 and 240/4, a directed broadcast as the source',
    why: 'rows.md B74: RFC 1812 §5.3.7 forbids to forward them. Bad options are answered first (spec B §5.1)',
    applies: (input) =>
      v4(
        input,
        (source, destination) =>
          isBogus(source[0] as number) ||
          (isBogus(destination[0] as number) && !isAll(destination)) ||
          (source[0] === 10 && source[1] === 0 && source[3] === 255),
      ),
    ours: (answer) => errors(answer).every((type) => type === 12),
  },
  {
    what: 'a malformed option in a packet to 127/8',
    why: 'spec B §5.1: options are step 3, martians step 4',
    applies: (input) => v4(input, (_, to) => to[0] === 127 && ((input.packet[0] as number) & 15) > 5),
    ours: (answer) => errors(answer).every((type) => type === 12),
  },
  {
    what: 'errors and resets about packets that record a route or times',
    why: 'Linux records in what it quotes and in its own header, and is silent where it cannot; RFC 1812 §4.3.2.3: quoted as received',
    applies: (input) => v4(input, () => options(input.packet).some((type) => type === 7 || type === 68)),
    ours: (answer, theirs) =>
      isSameInKind(answer, theirs) || (theirs.length === 0 && answer.every(([, one]) => isOurs(one))),
  },
  {
    what: 'fragments of packets with options',
    why: 'RFC 791 §3.1: options that are not copied are left out; Linux keeps their room, so it cuts elsewhere',
    applies: (input) => v4(input, () => options(input.packet).length > 0 && input.packet.readUInt16BE(2) > 1280),
    ours: isSameInKind,
  },
  {
    what: 'errors about a UDP packet that says it is shorter than what is there',
    why: 'Linux quotes no more than that; RFC 1812 §4.3.2.3 has as much as fits in 576 bytes',
    applies: (input) =>
      v4(input, () => input.packet[9] === 17 && udpLength(input.packet) < input.packet.readUInt16BE(2)),
    ours: (answer, theirs) => String(errors(answer)) === String(errors(theirs)),
  },
  {
    what: 'a packet to an address of the router in a broadcast or multicast frame',
    why: 'RFC 1122 §3.3.6: discarded; neither echo nor error answers it (spec B §5.4)',
    applies: ({ group, version, packet }) => group && (packet[version === 4 ? 16 : 24] as number) !== 0xff,
    ours: () => true,
  },
  {
    what: 'IPv4-mapped addresses',
    why: 'spec B §5.3 step 2: not on the wire',
    applies: (input) => v6(input, (source, destination) => isMapped(source) || isMapped(destination)),
  },
  {
    what: 'no source',
    why: 'RFC 4291 §2.5.2: never forwarded',
    applies: (input) => v6(input, (source) => source.subarray(0, 16).every((byte) => byte === 0)),
  },
  {
    what: 'a link-local destination that is not ours',
    why: 'spec B §5.3 step 4: never forwarded; Linux looks at the hop limit first and answers',
    applies: (input) => v6(input, (_, destination) => isLinkLocal(destination) && destination[8] === 0),
  },
  {
    what: 'a link-local source',
    why: 'spec B §5.3 step 4: the scope is looked at first, the hop limit and the route later',
    applies: (input) => v6(input, (source) => isLinkLocal(source)),
    ours: (answer) => errors(answer).every((type) => type === 1 || type === 129),
  },
  {
    what: 'an address of ours as the source of an IPv6 packet',
    why: 'what main has a look at is dropped, as of IPv4 (spec B §5.1 step 4); Linux forwards it',
    applies: (input) => v6(input, isLegs),
  },
  {
    what: 'a packet without payload',
    why: 'spec B §5.3 step 1: a payload length of 0 is only for a jumbogram',
    applies: (input) => v6(input, () => input.packet.readUInt16BE(4) === 0),
  },
  {
    what: 'errors about a hop-by-hop header in a later place',
    why: 'RFC 8200 §4.1: an unrecognised next header, not a way to what is behind it',
    applies: (input) => v6(input, () => hasHeader(input.packet, 0)),
    ours: (answer) => errors(answer).every((type) => type !== undefined),
  },
  {
    what: 'a routing header in a packet to a group',
    why: 'RFC 8200 §4.4: with no segments left it is ignored; Linux drops the packet',
    applies: (input) => v6(input, (_, destination) => destination[0] === 0xff && hasHeader(input.packet, 43)),
    ours: (answer) => answer.every(([, frame]) => isOurs(frame)),
  },
  {
    what: 'an echo to an anycast address from somebody who is not behind the leg it came in by',
    why: 'RFC 4443 §4.2: every node answers; Linux answers by that leg or not at all',
    applies: (input) => v6(input, (from, to) => isAnycast(to) && !isBehind(from, input.leg)),
    ours: (answer, theirs) =>
      theirs.length === 0 && answer.every(([, frame]) => isOurs(frame) && frame[IP + 40] === 129),
  },
  {
    what: 'errors about a later fragment of an ICMPv6 message',
    why: 'RFC 4443 §2.4 (e.1): it may be one of an error',
    applies: (input) => v6(input, () => laterFragment(input.packet)),
    ours: (answer) => answer.length <= 1,
  },
];

/** Whether two routers forward the same, fragments put together, and make packets of their own of the same kinds. */
function isSameInKind(answer: Answer, theirs: Answer): boolean {
  return String(inKind(answer)) === String(inKind(theirs));
}

function inKind(answer: Answer): string[] {
  const forwarded = new Map<number, Buffer[]>();
  const kinds: string[] = [];
  for (const [leg, frame] of answer) {
    const packet = Buffer.from(frame.buffer, frame.byteOffset + IP, frame.length - IP);
    if (isOurs(frame)) kinds.push(`${leg} ${packet[9]} ${packet[headerOf(frame)]}`);
    else forwarded.set(leg, [...(forwarded.get(leg) ?? []), packet]);
  }
  for (const [leg, packets] of forwarded) {
    packets.sort((a, b) => (a.readUInt16BE(6) & 0x1fff) - (b.readUInt16BE(6) & 0x1fff));
    const data = packets.map((packet) => packet.toString('hex', ((packet[0] as number) & 15) * 4)).join('');
    kinds.push(`${leg} ${(packets[0] as Buffer).toString('hex', 8, 10)} ${data}`);
  }
  return kinds.sort();
}

/** Where the UDP packet in an IPv4 packet says that it ends; what has no length ends where it should. */
function udpLength(packet: Buffer): number {
  const at = ((packet[0] as number) & 15) * 4;
  return at + 6 <= packet.length ? at + packet.readUInt16BE(at + 4) : 0xffff;
}

/** Types of the options of an IPv4 packet. */
function options(packet: Buffer): number[] {
  const end = Math.min(packet.length, ((packet[0] as number) & 15) * 4);
  const types: number[] = [];
  for (let at = 20; at < end && packet[at] !== 0; at += packet[at] === 1 ? 1 : Math.max(2, packet[at + 1] ?? 0))
    types.push(packet[at] as number);
  return types;
}

/** Whether a packet has an extension header of this kind, which if it is a hop-by-hop header is not the first. */
function hasHeader(packet: Buffer, header: number): boolean {
  let next = packet[6] as number;
  for (let at = 40; at + 8 <= packet.length; ) {
    if (next === header && (at > 40 || header !== 0)) return true;
    if (next !== 0 && next !== 60 && next !== 43 && next !== 44) return false;
    const length = next === 44 ? 8 : ((packet[at + 1] as number) + 1) * 8;
    next = packet[at] as number;
    at += length;
  }
  return false;
}

/** Whether a packet has a fragment header with an offset in front of ICMPv6. */
function laterFragment(packet: Buffer): boolean {
  let next = packet[6] as number;
  for (let at = 40; at + 8 <= packet.length; ) {
    if (next === 44) return packet[at] === 58 && packet.readUInt16BE(at + 2) >= 8;
    if (next !== 0 && next !== 60 && next !== 43) return false;
    next = packet[at] as number;
    at += ((packet[at + 1] as number) + 1) * 8;
  }
  return false;
}

/** The differences that allow smrouter another answer to a stimulus. */
export function differencesFor({ frames, leg }: Stimulus): readonly Difference[] {
  return DIFFERENCES.filter(({ applies }) =>
    frames.some((frame) => {
      const packet = Buffer.from(frame.buffer, frame.byteOffset + IP, frame.length - IP);
      const input = { leg, group: ((frame[0] as number) & 1) !== 0, version: frame[12] === 8 ? 4 : 6, packet };
      return packet.length > 0 && applies(input);
    }),
  );
}

/** Bytes of the IP header; of IPv6 without extensions. */
function headerOf(frame: Uint8Array): number {
  return frame[12] === 8 ? ((frame[IP] as number) & 15) * 4 : 40;
}

/** Whether a frame is an ICMP or ICMPv6 message of an error, a redirect included. */
export function isError(frame: Uint8Array): boolean {
  const type = frame[IP + headerOf(frame)] as number;
  if (frame[12] === 8) return frame[IP + 9] === 1 && [3, 4, 5, 11, 12].includes(type);
  return frame[IP + 6] === 58 && (type < 128 || type === 137);
}

/**
 * What kind of packet a frame is of those that a router sends only so often, or when a neighbour has not answered: redirects, resets, IPv4
 * errors that say that there is no way, of which Linux sends a peer one a second. The other router may have sent it.
 */
export function limitedKind(frame: Uint8Array): string | undefined {
  const four = frame[12] === 8;
  const up = IP + headerOf(frame);
  const type = frame[up] as number;
  if (frame[IP + (four ? 9 : 6)] === 6)
    return ((frame[up + 13] as number) & 4) !== 0 && isOurs(frame) ? 'reset' : undefined;
  if (!isError(frame)) return undefined;
  if (type === (four ? 5 : 137)) return 'redirect';
  return four && type === 3 && (frame[up + 1] as number) < 2 ? `unreachable ${frame[up + 1]}` : undefined;
}

/** Whether a frame's packet comes from an anycast address of the router, as none of ours may (RFC 4291 §2.6). */
export function isFromAnycast(frame: Uint8Array): boolean {
  return frame[12] !== 8 && isAnycast(Buffer.from(frame.subarray(IP + 8, IP + 24)));
}

/** Whether the router itself made a packet. */
function isOurs(frame: Uint8Array): boolean {
  if (frame[12] === 8) return frame[IP + 12] === 10 && frame[IP + 13] === 0 && frame[IP + 15] === 1;
  return (
    (frame[IP + 23] as number) <= 1 &&
    ((frame[IP + 1] as number) & 15) === 0 &&
    frame[IP + 2] === 0 &&
    frame[IP + 3] === 0
  );
}

/**
 * A frame as both would send it. Zeroed, after a look at the checksums over them: the identification of what the router made, which each
 * numbers as it likes; times that it wrote into a timestamp option, and by which of its addresses (RFC 1812 §5.3.13.5 says it of a route
 * that is recorded alone). Of errors: the ECN bits, which Linux copies from the offending
 * packet (RFC 3168 §5: an error has none), the TTL quoted in a redirect, which Linux has made less by then, the code for a reject
 * route (RFC 4443 §3.1: 6, Linux has 0), and which address of the router's an ICMPv6 error comes from where its sender is not behind the leg
 * it came in by (RFC 4443 §2.2 leaves it free), or has sent to an anycast address, which Linux answers from (§2.2 (b) forbids it).
 */
export function comparable(frame: Uint8Array, leg: number): string {
  const copy = frame.slice();
  const packet = Buffer.from(copy.buffer, IP);
  if (copy[12] === 8) comparable4(packet, isOurs(frame));
  else if (isOurs(frame) && copy[IP + 6] === FRAGMENT) packet.fill(0, 44, 48);
  else if (isError(frame) && isOurs(frame)) comparable6(packet, leg);
  return Buffer.from(copy).toString('hex');
}

function comparable4(packet: Buffer, ours: boolean): void {
  const header = ((packet[0] as number) & 15) * 4;
  assert.equal(naiveChecksum(packet.subarray(0, header)), 0, 'header checksum');
  packet.fill(0, 10, 12);
  clearTimes(packet, header);
  if (!ours) return;
  packet.fill(0, 4, 6);
  if (packet[9] !== 1 || ![3, 4, 5, 11, 12].includes(packet[header] as number)) return;
  assert.equal(naiveChecksum(packet.subarray(header)), 0, 'ICMP checksum');
  packet.fill(0, header + 2, header + 4);
  packet[1] = (packet[1] as number) & 0xfc;
  const quoted = packet.subarray(header + 8);
  const inner = ((quoted[0] as number) & 15) * 4;
  quoted.fill(0, 10, 12);
  clearTimes(quoted, Math.min(inner, quoted.length));
  if (packet[header] === 5) quoted[8] = 0;
}

/** Zeroes the entries of a timestamp option, and what stands behind the end of the options, as Linux does. */
function clearTimes(packet: Buffer, header: number): void {
  for (let at = 20; at < header; ) {
    const length = packet[at] === 1 ? 1 : Math.max(2, packet[at + 1] ?? 0);
    if (packet[at] === 0) packet.fill(0, at, header);
    else if (packet[at] === 68) packet.fill(0, at + 4, Math.max(at + 4, Math.min(header, at + length)));
    at += packet[at] === 0 ? header : length;
  }
}

const REJECTED = '20010db80066';

function comparable6(packet: Buffer, leg: number): void {
  const pseudo = Buffer.concat([packet.subarray(8, 40), Buffer.from([0, 0, 0, 0, 0, 0, 0, 58])]);
  pseudo.writeUInt32BE(packet.length - 40, 32);
  assert.equal(naiveChecksum(pseudo, packet.subarray(40)), 0, 'ICMPv6 checksum');
  packet.fill(0, 42, 44);
  if (packet[40] === 137) return;
  const quoted = packet.subarray(48);
  if (packet[40] === 1 && packet[41] === 0 && quoted.toString('hex', 24, 30) === REJECTED) packet[41] = 6;
  if (isAnycast(quoted.subarray(24))) packet.fill(0, 8, 24);
  if (!isBehind(quoted.subarray(8), leg)) packet.fill(0, 8, 24);
}
