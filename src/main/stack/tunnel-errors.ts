/**
 * ICMPv6 errors about packets that an encapsulation of ours has made (RFC 2473 §8, spec B §2.8 item 12, §5.6). Main.
 *
 * - Packet Too Big lowers the MTU of the path for ten minutes, for all that goes that way. It is believed only about a path that a route
 *   of ours takes, and never below 1280.
 * - Who sent the packet inside hears of it: of what is left for it, or that the other end cannot be reached. Who that is says the
 *   packet inside, as far as it is quoted, and which domain's it is the path: if routes of several domains take it, nobody is told.
 */
import { IcmpType, UnreachableCode } from '../../shared/wire/icmp.js';
import { Icmp6, Icmp6Type, Unreachable6Code } from '../../shared/wire/icmp6.js';
import { checkIpv4, fragmentField, Ipv4, Ipv4Fragment, totalLength } from '../../shared/wire/ipv4.js';
import { checkForward6, checkIpv6, Ipv6, payloadLength } from '../../shared/wire/ipv6.js';
import { read32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { checkSrh, Srh, SrhFault, segmentAt, srhLength } from '../../shared/wire/srh.js';
import { within, wordsAt } from './address.js';
import type { OuterHeader, StackEnvironment, StackTunnel } from './environment.js';
import type { IcmpErrors } from './icmp.js';
import { destinationOf, IP, makePacket, type Origin, type Packet, sourceOf } from './packet.js';
import { quote } from './quote.js';

/** Milliseconds for which a path's MTU is believed (RFC 8201 §4), and most paths remembered. */
const BELIEVED_MS = 600_000;
const PATHS_MOST = 1024;
/** Least MTU of IPv6. */
const LEAST = 1280;

/** A quoted packet taken apart. */
interface Quoted {
  readonly outer: OuterHeader;
  /** The packet inside as far as it is there, in memory of its full length; undefined: not enough of it. */
  readonly inner: Packet | undefined;
}

export class TunnelErrors {
  private readonly paths = new Map<string, { readonly mtu: number; readonly until: number }>();

  constructor(
    private readonly env: StackEnvironment,
    private readonly errors: IcmpErrors,
  ) {}

  /** Takes an ICMPv6 error with a right checksum, whose message is at `at` of `packet`, that came to an address of ours in a domain. */
  input(packet: Packet, at: number, rdomain: number): void {
    const whole = quote(packet, at);
    const quoted = whole === undefined ? undefined : takeApart(whole);
    if (quoted === undefined) return;
    if (this.env.route(rdomain, 6, quoted.outer.source)?.kind !== 'local') return;
    const tunnels = this.env.tunnelsOf(rdomain, quoted.outer);
    if (tunnels.length === 0) return;
    if (packet.u8[IP + at + Icmp6.TYPE] !== Icmp6Type.TOO_BIG) {
      this.relay(tunnels, quoted.inner, undefined);
      return;
    }
    const mtu = Math.max(read32(packet.u8, IP + at + Icmp6.REST) >>> 0, LEAST);
    for (const path of new Set(tunnels.map((tunnel) => tunnel.path))) this.lower(path, mtu);
    this.relay(tunnels, quoted.inner, mtu);
  }

  /** Lets go of what was said long ago. Call it every 100 ms. */
  tick(): void {
    const now = this.env.nowMs();
    for (const [path, { until }] of this.paths) {
      if (until > now) continue;
      this.paths.delete(path);
      this.env.limitPath(path, 0);
    }
  }

  private lower(path: string, mtu: number): void {
    if (mtu >= (this.paths.get(path)?.mtu ?? Number.POSITIVE_INFINITY)) return;
    this.paths.delete(path);
    this.paths.set(path, { mtu, until: this.env.nowMs() + BELIEVED_MS });
    this.env.limitPath(path, mtu);
    if (this.paths.size <= PATHS_MOST) return;
    const oldest = this.paths.keys().next().value as string;
    this.paths.delete(oldest);
    this.env.limitPath(oldest, 0);
  }

  /** Tells the sender of a packet inside that outer packets of no more than `mtu` bytes go on, or that none do. */
  private relay(tunnels: readonly StackTunnel[], inner: Packet | undefined, mtu: number | undefined): void {
    if (inner === undefined) return;
    const to = destinationOf(inner);
    const mine = tunnels.filter(({ network, length }) => within(to, network, length));
    const tunnel = mine[0];
    if (tunnel === undefined || mine.some(({ rdomain }) => rdomain !== tunnel.rdomain)) return;
    const origin = this.originOf(tunnel.rdomain, inner);
    if (origin === undefined) return;
    if (inner.version === 4) this.relay4(inner, origin, mtu === undefined ? undefined : mtu - tunnel.overhead);
    else this.relay6(inner, origin, mtu === undefined ? undefined : Math.max(mtu - tunnel.overhead, LEAST));
  }

  private relay4(inner: Packet, origin: Origin, mtu: number | undefined): void {
    if (mtu === undefined) this.errors.error4(inner, origin, IcmpType.UNREACHABLE, UnreachableCode.HOST);
    else if ((fragmentField(inner.u8, IP) & Ipv4Fragment.DF) !== 0 && totalLength(inner.u8, IP) > mtu)
      this.errors.error4(inner, origin, IcmpType.UNREACHABLE, UnreachableCode.FRAGMENTATION_NEEDED, mtu);
  }

  private relay6(inner: Packet, origin: Origin, mtu: number | undefined): void {
    if (mtu === undefined) this.errors.error6(inner, origin, Icmp6Type.UNREACHABLE, Unreachable6Code.ADDRESS);
    else if (Ipv6.LENGTH + payloadLength(inner.u8, IP) > mtu)
      this.errors.error6(inner, origin, Icmp6Type.TOO_BIG, 0, mtu);
  }

  /** As if it had come in where its sender is, or else anywhere in its domain. */
  private originOf(rdomain: number, inner: Packet): Origin | undefined {
    const back = this.env.route(rdomain, inner.version, sourceOf(inner))?.out ?? 0;
    const there = [...this.env.interfaces()].filter((on) => on.rdomain === rdomain);
    const on = there.find(({ index }) => index === back) ?? there[0];
    return on === undefined ? undefined : { ingress: on.index, group: false, counted: false };
  }
}

/** The outer header of a quoted packet and what is inside; undefined if it is no encapsulation of ours. */
function takeApart(quoted: Packet): Quoted | undefined {
  const { u8, length } = quoted;
  let at: number = Ipv6.LENGTH;
  let protocol = u8[IP + Ipv6.NEXT_HEADER];
  let segments: Int32Array[] | undefined;
  if (protocol === Protocol.ROUTING) {
    const srh = IP + at;
    if (checkSrh(u8, srh, length - at) !== SrhFault.NONE) return undefined;
    segments = Array.from({ length: u8[srh + Srh.LAST_ENTRY] + 1 }, (_, n) => wordsAt(u8, segmentAt(srh, n), 6));
    segments.reverse();
    protocol = u8[srh + Srh.NEXT_HEADER];
    at += srhLength(u8, srh);
  }
  if (protocol !== Protocol.IPV4 && protocol !== Protocol.IPV6) return undefined;
  const outer = { source: sourceOf(quoted), destination: destinationOf(quoted), segments };
  return { outer, inner: innerOf(quoted, at, protocol === Protocol.IPV4 ? 4 : 6) };
}

/** The packet at byte `at` of a quoted one, if its header and 8 bytes are there and it can have been forwarded. */
function innerOf(quoted: Packet, at: number, version: 4 | 6): Packet | undefined {
  const begin = IP + at;
  const present = quoted.length - at;
  if (present < Ipv4.LENGTH || quoted.u8[begin] >> 4 !== version) return undefined;
  if (present < (version === 4 ? (quoted.u8[begin] & 15) << 2 : Ipv6.LENGTH) + 8) return undefined;
  const whole = version === 4 ? totalLength(quoted.u8, begin) : Ipv6.LENGTH + payloadLength(quoted.u8, begin);
  const packet = makePacket(version, Math.max(whole, present));
  const { u8, u16, length } = packet;
  u8.set(quoted.u8.subarray(begin, begin + present), IP);
  const fault = version === 4 ? checkIpv4(u8, u16, IP, length) : checkIpv6(u8, IP, length) || checkForward6(u8, IP);
  return fault === 0 ? { ...packet, length: present } : undefined;
}
