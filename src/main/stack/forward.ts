/**
 * Forwarding of what workers leave to main (spec B §5.2, §5.3): the whole decision once more, with the errors, fragments, options
 * and redirects that workers do not make. Main.
 *
 * A packet comes here as it came in: its TTL is not decremented yet. One from an address of ours is a worker's reply whose next
 * hop was not known; it is sent as it is.
 */
import { IcmpType, RedirectCode, TimeExceededCode, UnreachableCode } from '../../shared/wire/icmp.js';
import { Icmp6Type, mayAnswerWithError6, Problem6Code, Unreachable6Code } from '../../shared/wire/icmp6.js';
import {
  decrementTtl,
  fragmentField,
  headerLength,
  Ipv4,
  Ipv4Fragment,
  isLinkLocalMulticast4,
  isMulticast4,
  OptionFound,
  walkOptions,
} from '../../shared/wire/ipv4.js';
import {
  checkForward6,
  decrementHopLimit,
  HopVerdict,
  hopPointer,
  hopVerdict,
  Ipv6,
  Ipv6Fault,
  walkHopByHop,
} from '../../shared/wire/ipv6.js';
import { writeRedirect } from '../../shared/wire/nd.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { bytesOf, isLinkLocal, keyOf } from './address.js';
import type { StackEnvironment, StackInterface, StackRoute } from './environment.js';
import type { Fate } from './fate.js';
import { fragment4 } from './fragmentation.js';
import type { IcmpErrors } from './icmp.js';
import type { Neighbours } from './neighbours.js';
import { fillOptions } from './options.js';
import type { Output } from './output.js';
import { destinationOf, IP, macOf, type Origin, type Packet, sizeOf, sourceOf } from './packet.js';
import { isOnLink } from './proxy.js';
import { PeerBuckets } from './rate-limit.js';
import type { Sources } from './sources.js';

/** Least MTU of IPv6, which no sender is asked to go below: a tunnel that has less drops such a packet. */
const MTU_LEAST = 1280;
/** Most bytes of a redirect's frame. */
const REDIRECT_MOST = 14 + 1280;

export class Forwarder {
  /** One redirect a second to a source about a destination. */
  private readonly redirects = new PeerBuckets(1, 1);

  constructor(
    private readonly env: StackEnvironment,
    private readonly output: Output,
    private readonly errors: IcmpErrors,
    private readonly sources: Sources,
    private readonly neighbours: Neighbours,
  ) {}

  /** Forwards a checked packet that came in on `on` by a route that is not local; undefined: there is none. */
  forward(packet: Packet, on: StackInterface, origin: Origin, route: StackRoute | undefined): Fate {
    const own = this.fromUs(packet, on);
    if (!own && origin.group) return 'l2-broadcast';
    if (!own && !this.env.forwarding(packet.version)) return 'forwarding-off';
    return packet.version === 4
      ? this.forward4(packet, on, origin, route, own)
      : this.forward6(packet, on, origin, route, own);
  }

  /** Tells the sender of a packet that leaves by `on`, where it came in, of a next hop on its own link, if it may be told. */
  redirect(packet: Packet, on: StackInterface, origin: Origin, route: StackRoute): void {
    if (packet.version === 4) this.redirect4(packet, on, origin, route.gateway ?? destinationOf(packet));
    else this.redirect6(packet, on, origin, route);
  }

  private fromUs(packet: Packet, on: StackInterface): boolean {
    const source = sourceOf(packet);
    if (isLinkLocal(source)) return on.addresses.some((a) => keyOf(a.words) === keyOf(source));
    return this.env.route(on.rdomain, packet.version, source)?.kind === 'local';
  }

  private forward4(
    packet: Packet,
    on: StackInterface,
    origin: Origin,
    route: StackRoute | undefined,
    own: boolean,
  ): Fate {
    const { u8, u16 } = packet;
    const to = destinationOf(packet);
    if (isMulticast4(to[0]) || isLinkLocalMulticast4(to[0])) return 'multicast';
    const unreachable = (code: UnreachableCode, rest = 0) =>
      this.errors.error4(packet, origin, IcmpType.UNREACHABLE, code, rest);
    if (route === undefined) {
      unreachable(UnreachableCode.NET);
      return 'no-route';
    }
    if (route.kind === 'reject') unreachable(UnreachableCode.HOST);
    if (route.kind === 'prohibit') {
      unreachable(UnreachableCode.PROHIBITED);
      return 'reject';
    }
    if (route.kind === 'broadcast') return 'directed-broadcast';
    if (route.kind === 'reject' || route.kind === 'blackhole') return route.kind;
    if (!own && u8[IP + Ipv4.TTL] <= 1) {
      this.errors.error4(packet, origin, IcmpType.TIME_EXCEEDED, TimeExceededCode.TRANSIT);
      return 'ttl';
    }
    if (route.kind === 'sid') return 'no-route';
    if (route.kind === 'encap') {
      const mtu = route.mtu ?? packet.length;
      const fits = sizeOf(packet, origin) <= mtu;
      if (!fits && (fragmentField(u8, IP) & Ipv4Fragment.DF) !== 0) {
        unreachable(UnreachableCode.FRAGMENTATION_NEEDED, mtu);
        return 'too-big';
      }
      if (!own) decrementTtl(u8, u16, IP);
      const parts = fits ? [packet] : this.parts4(packet, mtu, origin);
      return this.output.routed(parts, on.index, on.rdomain, origin);
    }
    const out = this.env.interfaceOf(route.out);
    if (out === undefined) return 'down';
    const fits = sizeOf(packet, origin) <= out.mtu;
    if (!fits && (fragmentField(u8, IP) & Ipv4Fragment.DF) !== 0) {
      unreachable(UnreachableCode.FRAGMENTATION_NEEDED, out.mtu);
      return 'too-big';
    }
    const next = route.gateway ?? to;
    if (!own) {
      if (out.index === on.index) this.redirect4(packet, on, origin, next);
      decrementTtl(u8, u16, IP);
      this.fillOptions(packet, on, out);
    }
    if (fits) return this.output.via(packet, out, next, origin);
    const [first, ...others] = this.parts4(packet, out.mtu, origin);
    if (first === undefined) return origin.superframe === undefined ? 'header' : 'too-big';
    // The packet's fate is that of its first fragment; the others are new.
    const fate = this.output.via(first, out, next, origin);
    for (const other of others) this.output.via(other, out, next, { ...origin, counted: false });
    return fate;
  }

  /** Fragments; of a superframe, whose segments would each have to be cut, none. */
  private parts4(packet: Packet, mtu: number, origin: Origin): Packet[] {
    return origin.superframe === undefined ? fragment4(packet, mtu) : [];
  }

  private fillOptions(packet: Packet, on: StackInterface, out: StackInterface): void {
    if (headerLength(packet.u8, IP) === Ipv4.LENGTH) return;
    if ((walkOptions(packet.u8, IP) & (OptionFound.RECORD_ROUTE | OptionFound.TIMESTAMP)) === 0) return;
    const address = this.sources.inDomain(on.rdomain, destinationOf(packet), out.index, on.index) as Int32Array;
    const isOurs = (one: number) => this.env.route(on.rdomain, 4, Int32Array.of(one))?.kind === 'local';
    fillOptions(packet, address[0], this.env.nowMs(), isOurs);
  }

  /** Tells an on-link sender of a next hop on its own link (RFC 1812 §5.2.7.2). */
  private redirect4(packet: Packet, on: StackInterface, origin: Origin, next: Int32Array): void {
    const sender = sourceOf(packet);
    if (on.kind !== 'ethernet' || !isOnLink(on, sender) || !isOnLink(on, next) || !this.mayRedirect(packet, on)) return;
    const from = this.sources.onInterface(on, sender);
    this.errors.error4(packet, origin, IcmpType.REDIRECT, RedirectCode.HOST, next[0], from);
  }

  private mayRedirect(packet: Packet, on: StackInterface): boolean {
    const who = `${on.index}/${keyOf(sourceOf(packet))}/${keyOf(destinationOf(packet))}`;
    return this.redirects.of(who, this.env.nowMs()).allow(this.env.nowMs());
  }

  private forward6(
    packet: Packet,
    on: StackInterface,
    origin: Origin,
    route: StackRoute | undefined,
    own: boolean,
  ): Fate {
    const { u8 } = packet;
    if (!own && !this.optionsPass(packet, origin)) return 'ip6-option';
    const unreachable = (code: Unreachable6Code) => this.errors.error6(packet, origin, Icmp6Type.UNREACHABLE, code);
    const fault = own ? Ipv6Fault.NONE : checkForward6(u8, IP);
    if (fault === Ipv6Fault.UNSPECIFIED_SOURCE) return 'ip6-unspecified';
    if (fault === Ipv6Fault.LINK_LOCAL_SOURCE) unreachable(Unreachable6Code.BEYOND_SCOPE);
    if (fault !== Ipv6Fault.NONE) return 'ip6-link-local';
    if (route === undefined) {
      unreachable(Unreachable6Code.NO_ROUTE);
      return 'no-route';
    }
    if (route.kind === 'reject') unreachable(Unreachable6Code.REJECT);
    if (route.kind === 'prohibit') {
      unreachable(Unreachable6Code.PROHIBITED);
      return 'reject';
    }
    if (route.kind === 'broadcast') return 'directed-broadcast';
    if (route.kind === 'reject' || route.kind === 'blackhole') return route.kind;
    if (!own && u8[IP + Ipv6.HOP_LIMIT] <= 1) {
      this.errors.error6(packet, origin, Icmp6Type.TIME_EXCEEDED, TimeExceededCode.TRANSIT);
      return 'ttl';
    }
    if (route.kind === 'sid') return 'no-route';
    if (route.kind === 'encap') {
      const mtu = Math.max(route.mtu ?? packet.length, MTU_LEAST);
      if (sizeOf(packet, origin) > mtu) {
        this.errors.error6(packet, origin, Icmp6Type.TOO_BIG, 0, mtu);
        return 'too-big';
      }
      if (!own) decrementHopLimit(u8, IP);
      return this.output.routed([packet], on.index, on.rdomain, origin);
    }
    const out = this.env.interfaceOf(route.out);
    if (out === undefined) return 'down';
    if (sizeOf(packet, origin) > out.mtu) {
      this.errors.error6(packet, origin, Icmp6Type.TOO_BIG, 0, out.mtu);
      return 'too-big';
    }
    const next = route.gateway ?? destinationOf(packet);
    if (!own) {
      if (out.index === on.index) this.redirect6(packet, on, origin, route);
      decrementHopLimit(u8, IP);
    }
    return this.output.via(packet, out, next, origin);
  }

  /** Whether hop-by-hop options let a packet through; a parameter problem may be due (RFC 8200 §4.2). */
  optionsPass(packet: Packet, origin: Origin): boolean {
    if (packet.u8[IP + Ipv6.NEXT_HEADER] !== Protocol.HOP_BY_HOP) return true;
    const result = walkHopByHop(packet.u8, IP);
    if (result >= 0) return true;
    const verdict = hopVerdict(result);
    if (verdict !== HopVerdict.DROP) {
      const code = verdict === HopVerdict.OPTION ? Problem6Code.OPTION : Problem6Code.FIELD;
      this.errors.error6(packet, origin, Icmp6Type.PARAMETER_PROBLEM, code, hopPointer(result));
    }
    return false;
  }

  /** The same of IPv6 (RFC 4861 §8.2): the target is a router's link-local address, or the destination itself. */
  private redirect6(packet: Packet, on: StackInterface, origin: Origin, route: StackRoute): void {
    const target = route.gateway ?? destinationOf(packet);
    if (on.kind !== 'ethernet' || (route.gateway !== undefined && !isLinkLocal(target))) return;
    if (!mayAnswerWithError6(packet.u8, IP, origin.group, Icmp6Type.REDIRECT, 0)) return;
    const from = this.sources.linkLocal(on);
    if (from === undefined || !isOnLink(on, sourceOf(packet)) || !this.mayRedirect(packet, on)) return;
    const to = packet.u8.length;
    const u8 = new Uint8Array(to + REDIRECT_MOST);
    u8.set(packet.u8);
    const u16 = new Uint16Array(u8.buffer);
    const own = macOf(on.lladdr);
    const sender = macOf(packet.u8.subarray(6, 12));
    const link = macOf(this.neighbours.lladdr(on.index, target) ?? new Uint8Array(6));
    const length = writeRedirect(
      u8,
      u16,
      IP,
      to,
      own.hi,
      own.lo,
      bytesOf(from),
      0,
      sender.hi,
      sender.lo,
      bytesOf(target),
      0,
      link.hi,
      link.lo,
    );
    this.env.transmit(on.index, u8.slice(to, to + length), false);
  }
}
