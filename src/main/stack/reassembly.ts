/**
 * Fragments to the router put together (RFC 791 §3.2, RFC 8200 §4.5, RFC 5722). Main.
 *
 * Memory and time are bounded. A datagram whose fragments overlap or contradict each other is given up whole, of IPv4 too, and
 * what else comes of it until its time is over is refused. Fragments that wait are in the books as held; each is then consumed
 * (the caller's work, by the origins returned) or dropped (done here).
 */
import { Icmp6, Problem6Code } from '../../shared/wire/icmp6.js';
import { finishIpv4, fragmentField, headerLength, Ipv4, Ipv4Fragment } from '../../shared/wire/ipv4.js';
import { Fragment6, Ipv6 } from '../../shared/wire/ipv6.js';
import { read16, read32, write16 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { Tcp } from '../../shared/wire/tcp.js';
import { Udp } from '../../shared/wire/udp.js';
import { keyOf } from './address.js';
import type { StackEnvironment } from './environment.js';
import { walk } from './extension.js';
import type { DropReason } from './fate.js';
import { destinationOf, IP, makePacket, type Origin, type Packet, sourceOf } from './packet.js';

/** Milliseconds from a datagram's first fragment to come: Linux's, RFC 8200's. */
const WAIT_MS = { 4: 30_000, 6: 60_000 } as const;
/** Bytes of all fragments that wait, most datagrams, and most fragments of one. */
const BYTES_MOST = 4 << 20;
const DATAGRAMS_MOST = 1024;
const PIECES_MOST = 256;
/** What a fragment costs besides its bytes. */
const PIECE_COST = 256;
/** Most bytes of a datagram: of IPv4 all of it, of IPv6 its payload. */
const DATAGRAM_MOST = 65_535;

/** A fragment taken apart. Offsets in bytes. */
interface Piece {
  readonly packet: Packet;
  readonly origin: Origin;
  /** Where its data lies in the packet, from the IP header, and in the datagram. */
  readonly data: number;
  readonly begin: number;
  readonly end: number;
  readonly more: boolean;
}

interface Datagram {
  readonly key: string;
  readonly due: number;
  pieces: Piece[];
  /** Bytes in pieces so far, and in the datagram once its last fragment is here. */
  got: number;
  total: number | undefined;
  refused: boolean;
}

/** What became of a fragment. `pointer`: a Parameter Problem about that byte is due, of `code` if it is not 0. */
export type Outcome =
  | { readonly kind: 'held' }
  | {
      readonly kind: 'refused';
      readonly reason: DropReason;
      readonly pointer?: number;
      readonly code?: Problem6Code;
    }
  | { readonly kind: 'whole'; readonly packet: Packet; readonly origins: readonly Origin[] };

/** Bytes of upper-layer headers. */
const UPPER_LEAST: Readonly<Record<number, number>> = {
  [Protocol.TCP]: Tcp.LENGTH,
  [Protocol.UDP]: Udp.LENGTH,
  [Protocol.ICMPV6]: Icmp6.LENGTH,
};

const REFUSED = { kind: 'refused', reason: 'reassembly' } as const;

export class Reassembly {
  private readonly datagrams = new Map<string, Datagram>();
  private bytes = 0;
  private waiting = 0;

  constructor(
    private readonly env: StackEnvironment,
    /** Told the first fragment of a datagram whose time is over. */
    private readonly timedOut: (packet: Packet, origin: Origin) => void,
  ) {}

  /** Fragments that wait. */
  get held(): number {
    return this.waiting;
  }

  /** Takes a checked packet that is a fragment. */
  add(packet: Packet, rdomain: number, origin: Origin): Outcome {
    const piece = packet.version === 4 ? piece4(packet, origin) : piece6(packet, origin);
    if ('kind' in piece) return piece;
    const key = `${rdomain}/${datagramKey(packet)}`;
    const datagram = this.datagrams.get(key) ?? this.open(key, packet.version);
    if (datagram.refused) return REFUSED;
    if (!fits(datagram, piece)) {
      const known = datagram.pieces.some(
        (one) => one.begin === piece.begin && one.end === piece.end && one.more === piece.more,
      );
      if (!known) this.refuse(datagram);
      return REFUSED;
    }
    return this.insert(datagram, piece);
  }

  /** Gives up the datagrams whose time is over. */
  tick(): void {
    const now = this.env.nowMs();
    for (const datagram of this.datagrams.values()) {
      if (datagram.due > now) continue;
      const first = datagram.pieces.find((piece) => piece.begin === 0);
      this.datagrams.delete(datagram.key);
      this.release(datagram, 'reassembly-timeout');
      if (first !== undefined) this.timedOut(first.packet, first.origin);
    }
  }

  /** Drops what has come in on an interface, and with it the datagrams. */
  forget(index: number): void {
    for (const datagram of this.datagrams.values()) {
      if (!datagram.pieces.some((piece) => piece.origin.ingress === index)) continue;
      this.datagrams.delete(datagram.key);
      this.release(datagram, 'down');
    }
  }

  private open(key: string, version: 4 | 6): Datagram {
    if (this.datagrams.size >= DATAGRAMS_MOST) this.evict();
    const due = this.env.nowMs() + WAIT_MS[version];
    const datagram: Datagram = { key, due, pieces: [], got: 0, total: undefined, refused: false };
    this.datagrams.set(key, datagram);
    return datagram;
  }

  private insert(datagram: Datagram, piece: Piece): Outcome {
    const cost = costOf(piece);
    while (this.bytes + cost > BYTES_MOST) this.evict();
    if (!this.datagrams.has(datagram.key)) return { kind: 'refused', reason: 'reassembly-full' }; // It was the oldest itself.
    datagram.pieces.push(piece);
    datagram.got += piece.end - piece.begin;
    if (!piece.more) datagram.total = piece.end;
    this.bytes += cost;
    if (piece.origin.counted) this.waiting++;
    if (datagram.got !== datagram.total) return { kind: 'held' };
    this.datagrams.delete(datagram.key);
    this.forgetPieces(datagram);
    const outcome = whole(datagram.pieces, datagram.total);
    if (outcome.kind === 'refused') this.drop(datagram.pieces.slice(0, -1), outcome.reason); // The caller drops the last.
    return outcome;
  }

  /** The oldest datagram makes room. */
  private evict(): void {
    const oldest = this.datagrams.values().next().value as Datagram;
    this.datagrams.delete(oldest.key);
    this.release(oldest, 'reassembly-full');
  }

  /** Gives up a datagram; it is remembered until its time is over. */
  private refuse(datagram: Datagram): void {
    this.release(datagram, 'reassembly');
    datagram.refused = true;
    datagram.pieces = [];
  }

  private release(datagram: Datagram, reason: DropReason): void {
    this.forgetPieces(datagram);
    this.drop(datagram.pieces, reason);
  }

  private drop(pieces: readonly Piece[], reason: DropReason): void {
    for (const { origin } of pieces) if (origin.counted) this.env.drop(origin.ingress, reason);
  }

  private forgetPieces(datagram: Datagram): void {
    for (const piece of datagram.pieces) {
      this.bytes -= costOf(piece);
      if (piece.origin.counted) this.waiting--;
    }
  }
}

function costOf(piece: Piece): number {
  return piece.packet.u8.length + PIECE_COST;
}

/** Whether a piece contradicts none of a datagram's. */
function fits(datagram: Datagram, piece: Piece): boolean {
  const { pieces, total } = datagram;
  if (pieces.length >= PIECES_MOST) return false;
  if (total !== undefined && (piece.end > total || !piece.more)) return false;
  return pieces.every(
    (one) => (one.end <= piece.begin || one.begin >= piece.end) && (piece.more || one.end <= piece.begin),
  );
}

/** What the fragments of one datagram have in common. */
function datagramKey(packet: Packet): string {
  const ends = `${keyOf(sourceOf(packet))}/${keyOf(destinationOf(packet))}`;
  if (packet.version === 4) return `${ends}/${read16(packet.u8, IP + Ipv4.ID)}/${packet.u8[IP + Ipv4.PROTOCOL]}`;
  const header = walk(packet)?.at ?? 0;
  return `${ends}/${read32(packet.u8, IP + header + Fragment6.ID)}`;
}

function piece4(packet: Packet, origin: Origin): Piece | Outcome {
  const data = headerLength(packet.u8, IP);
  const field = fragmentField(packet.u8, IP);
  const begin = (field & Ipv4Fragment.OFFSET) << 3;
  const end = begin + packet.length - data;
  const more = (field & Ipv4Fragment.MF) !== 0;
  if (end === begin || (more && (end & 7) !== 0) || data + end > DATAGRAM_MOST) return REFUSED;
  return { packet, origin, data, begin, end, more };
}

function piece6(packet: Packet, origin: Origin): Piece | Outcome {
  const headers = walk(packet);
  if (headers?.protocol !== Protocol.FRAGMENT || headers.at + Fragment6.LENGTH > packet.length) {
    return { kind: 'refused', reason: 'header' };
  }
  const data = headers.at + Fragment6.LENGTH;
  const field = read16(packet.u8, IP + headers.at + Fragment6.OFFSET);
  const begin = field & Fragment6.OFFSET_MASK;
  const end = begin + packet.length - data;
  const more = (field & Fragment6.MORE) !== 0;
  if (more && ((end - begin) & 7) !== 0) return { ...REFUSED, pointer: Ipv6.PAYLOAD_LENGTH };
  if (headers.at - Ipv6.LENGTH + end > DATAGRAM_MOST) return { ...REFUSED, pointer: headers.at + Fragment6.OFFSET };
  if (end === begin && (more || begin !== 0)) return REFUSED;
  if (begin === 0 && !hasAllHeaders(packet, packet.u8[IP + headers.at], data)) {
    return { kind: 'refused', reason: 'header', pointer: 0, code: Problem6Code.FIRST_FRAGMENT };
  }
  return { packet, origin, data, begin, end, more };
}

/** Whether the upper-layer header is in the first fragment, whose data begins at `data` with header `next` (RFC 8200 §4.5, RFC 7112). */
function hasAllHeaders(packet: Packet, next: number, data: number): boolean {
  let protocol = next;
  let at = data;
  while (protocol === Protocol.DESTINATION || protocol === Protocol.ROUTING) {
    if (at + 2 > packet.length) return false;
    protocol = packet.u8[IP + at];
    at += (packet.u8[IP + at + 1] + 1) << 3;
  }
  return at + (UPPER_LEAST[protocol] ?? (protocol === Protocol.NO_NEXT_HEADER ? 0 : 1)) <= packet.length;
}

/** The datagram of pieces that fill it. */
function whole(pieces: readonly Piece[], total: number): Outcome {
  const first = pieces.find((piece) => piece.begin === 0) as Piece;
  const { version } = first.packet;
  const header = version === 4 ? first.data : first.data - Fragment6.LENGTH;
  if (version === 4 && header + total > DATAGRAM_MOST) return REFUSED;
  const packet = makePacket(version, header + total);
  const { u8 } = packet;
  u8.set(first.packet.u8.subarray(0, IP + header));
  for (const piece of pieces) {
    const bytes = piece.packet.u8.subarray(IP + piece.data, IP + piece.data + piece.end - piece.begin);
    u8.set(bytes, IP + header + piece.begin);
  }
  if (version === 4) {
    write16(u8, IP + Ipv4.TOTAL_LENGTH, packet.length);
    write16(u8, IP + Ipv4.FRAGMENT, 0);
    finishIpv4(u8, packet.u16, IP);
  } else {
    const named = walk(first.packet)?.namedAt ?? 0;
    u8[IP + named] = first.packet.u8[IP + header];
    write16(u8, IP + Ipv6.PAYLOAD_LENGTH, packet.length - Ipv6.LENGTH);
  }
  return { kind: 'whole', packet, origins: pieces.map((piece) => piece.origin) };
}
