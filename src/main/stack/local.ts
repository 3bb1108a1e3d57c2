/**
 * Packets to the router itself (spec B §5.1, §5.3): echoes, errors, neighbour discovery, and refusals of all that nobody here
 * listens to. Main.
 */

import { fold, sumBytes } from '../../shared/wire/checksum.js';
import { checkIcmp, finishIcmp, Icmp, IcmpType, TimeExceededCode, UnreachableCode } from '../../shared/wire/icmp.js';
import { checkIcmp6, finishIcmp6, Icmp6, Icmp6Type, Problem6Code, Unreachable6Code } from '../../shared/wire/icmp6.js';
import { pseudoSum } from '../../shared/wire/ip.js';
import { fragmentField, headerLength, Ipv4, Ipv4Fragment, writeIpv4 } from '../../shared/wire/ipv4.js';
import {
  HopVerdict,
  hopPointer,
  hopVerdict,
  Ipv6,
  Routing6,
  trafficClass,
  walkHopByHop,
  writeIpv6,
} from '../../shared/wire/ipv6.js';
import { read16, read32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { checkUdp, Udp } from '../../shared/wire/udp.js';
import { isLinkLocal, isMulticast, writeWords } from './address.js';
import { isAnycast } from './anycast.js';
import type { StackEnvironment } from './environment.js';
import { walk } from './extension.js';
import type { DropReason, Fate } from './fate.js';
import type { IcmpErrors } from './icmp.js';
import type { NdSpeaker } from './nd.js';
import { fillOptions, recordedOptions } from './options.js';
import type { Output } from './output.js';
import { destinationOf, IP, ipBytes, makePacket, type Origin, type Packet, sourceOf } from './packet.js';
import type { PathMtu } from './path-mtu.js';
import type { Pinger } from './ping.js';
import { quote } from './quote.js';
import { Reassembly } from './reassembly.js';
import type { Sources } from './sources.js';
import { Resetter } from './tcp-reset.js';
import type { TunnelErrors } from './tunnel-errors.js';

/** TTL and hop limit of what we send. */
const HOPS = 64;

/** The upper layer of a packet: offsets from the IP header. */
interface Upper {
  readonly protocol: number;
  readonly at: number;
  /** Byte that names the protocol (IPv6). */
  readonly namedAt: number;
}

export class LocalInput {
  readonly reassembly: Reassembly;
  private readonly resets: Resetter;

  constructor(
    private readonly env: StackEnvironment,
    private readonly output: Output,
    private readonly errors: IcmpErrors,
    private readonly sources: Sources,
    private readonly nd: NdSpeaker,
    private readonly paths: PathMtu,
    private readonly pinger: Pinger,
    private readonly tunnels: TunnelErrors,
  ) {
    this.resets = new Resetter(env, output);
    this.reassembly = new Reassembly(env, (packet, origin) => {
      const code = TimeExceededCode.REASSEMBLY;
      if (packet.version === 4) errors.error4(packet, origin, IcmpType.TIME_EXCEEDED, code);
      else errors.error6(packet, origin, Icmp6Type.TIME_EXCEEDED, code);
    });
  }

  /** Takes a checked packet to us in a domain; `scope` is the interface of link-local addresses. */
  input(packet: Packet, rdomain: number, origin: Origin, scope: number): Fate {
    const upper = packet.version === 4 ? this.upper4(packet) : this.upper6(packet, origin);
    if (typeof upper === 'string') return upper;
    if (upper === undefined) return this.fragment(packet, rdomain, origin, scope);
    return this.upper(packet, rdomain, origin, scope, upper);
  }

  /** The upper layer; undefined if it is a fragment. */
  private upper4(packet: Packet): Upper | undefined {
    if ((fragmentField(packet.u8, IP) & (Ipv4Fragment.MF | Ipv4Fragment.OFFSET)) !== 0) return undefined;
    return { protocol: packet.u8[IP + Ipv4.PROTOCOL], at: headerLength(packet.u8, IP), namedAt: Ipv4.PROTOCOL };
  }

  private upper6(packet: Packet, origin: Origin): Upper | undefined | DropReason {
    const { u8 } = packet;
    const problem = (code: Problem6Code, pointer: number) =>
      this.errors.error6(packet, origin, Icmp6Type.PARAMETER_PROBLEM, code, pointer);
    const badOption = (result: number): DropReason => {
      const verdict = hopVerdict(result);
      if (verdict === HopVerdict.FIELD) problem(Problem6Code.FIELD, hopPointer(result));
      if (verdict === HopVerdict.OPTION) problem(Problem6Code.OPTION, hopPointer(result));
      return 'ip6-option';
    };
    if (u8[IP + Ipv6.NEXT_HEADER] === Protocol.HOP_BY_HOP) {
      const result = walkHopByHop(u8, IP);
      if (result < 0) return badOption(result);
    }
    const headers = walk(packet);
    if (headers === undefined) return 'header';
    if (headers.option !== 0) return badOption(headers.option);
    if (headers.routing !== 0) {
      // No SID of ours: RFC 8200 §4.4 and RFC 8754 §4.3.2 alike.
      problem(Problem6Code.FIELD, headers.routing + Routing6.TYPE);
      return 'header';
    }
    return headers.protocol === Protocol.FRAGMENT ? undefined : headers;
  }

  private fragment(packet: Packet, rdomain: number, origin: Origin, scope: number): Fate {
    const outcome = this.reassembly.add(packet, rdomain, origin);
    if (outcome.kind === 'held') return 'held';
    if (outcome.kind === 'refused') {
      const { pointer, code = Problem6Code.FIELD } = outcome;
      if (pointer !== undefined) this.errors.error6(packet, origin, Icmp6Type.PARAMETER_PROBLEM, code, pointer);
      return outcome.reason;
    }
    const group = outcome.origins.some((one) => one.group);
    const again = outcome.packet.version === 6 && walk(outcome.packet)?.protocol === Protocol.FRAGMENT;
    const fate = again
      ? 'reassembly'
      : this.input(outcome.packet, rdomain, { ...origin, group, counted: false }, scope);
    // All fragments share the datagram's fate; the last one's is booked by who gave it.
    for (const one of outcome.origins.slice(0, -1)) {
      if (!one.counted) continue;
      if (fate === 'consumed') this.env.consume(one.ingress);
      else this.env.drop(one.ingress, fate as DropReason);
    }
    return fate;
  }

  private upper(packet: Packet, rdomain: number, origin: Origin, scope: number, upper: Upper): Fate {
    const length = packet.length - upper.at;
    switch (upper.protocol) {
      case Protocol.ICMP:
        if (packet.version === 4) return this.icmp4(packet, rdomain, origin, scope, upper.at);
        break;
      case Protocol.ICMPV6:
        if (packet.version === 6) return this.icmp6(packet, rdomain, origin, scope, upper.at);
        break;
      case Protocol.UDP:
        return this.udp(packet, origin, upper.at, length);
      case Protocol.TCP:
        return this.tcp(packet, rdomain, origin, scope, upper.at, length);
      case Protocol.GRE:
        // Workers take tunnels; this one came in fragments, or behind other headers.
        return this.env.handBack(origin.ingress, ipBytes(packet), origin.trail) ? 'consumed' : 'transmit';
      case Protocol.IGMP:
        if (packet.version === 4) return 'consumed';
        break;
      case Protocol.NO_NEXT_HEADER:
        if (packet.version === 6) return 'consumed';
        break;
    }
    if (packet.version === 4) this.errors.error4(packet, origin, IcmpType.UNREACHABLE, UnreachableCode.PROTOCOL);
    else this.errors.error6(packet, origin, Icmp6Type.PARAMETER_PROBLEM, Problem6Code.NEXT_HEADER, upper.namedAt);
    return 'consumed';
  }

  private udp(packet: Packet, origin: Origin, at: number, length: number): Fate {
    if (length < Udp.LENGTH) return 'header';
    const own = read16(packet.u8, IP + at + Udp.UDP_LENGTH);
    const pseudo = pseudoSum(packet.u8, packet.u16, IP, packet.version, own, Protocol.UDP);
    if (!checkUdp(packet.u8, packet.u16, IP + at, length, packet.version, pseudo)) return 'checksum';
    if (packet.version === 4) this.errors.error4(packet, origin, IcmpType.UNREACHABLE, UnreachableCode.PORT);
    else this.errors.error6(packet, origin, Icmp6Type.UNREACHABLE, Unreachable6Code.PORT);
    return 'consumed';
  }

  private tcp(packet: Packet, rdomain: number, origin: Origin, scope: number, at: number, length: number): Fate {
    const { u8, u16, version } = packet;
    const pseudo = pseudoSum(u8, u16, IP, version, length, Protocol.TCP);
    if (fold(sumBytes(u8, u16, IP + at, length) + pseudo) !== 0xffff) return 'checksum';
    if (isAnycast(this.env, rdomain, destinationOf(packet), origin.ingress)) return 'consumed'; // Nothing is sent from it.
    return this.resets.refuse(packet, rdomain, origin, scope, at);
  }

  private icmp4(packet: Packet, rdomain: number, origin: Origin, scope: number, at: number): Fate {
    const { u8, u16 } = packet;
    const length = packet.length - at;
    if (length < Icmp.LENGTH) return 'header';
    if (!checkIcmp(u8, u16, IP + at, length)) return 'checksum';
    switch (u8[IP + at + Icmp.TYPE]) {
      case IcmpType.ECHO:
        this.echo4(packet, rdomain, origin, scope, at);
        break;
      case IcmpType.ECHO_REPLY:
        this.pinger.reply(packet, at, u8[IP + Ipv4.TTL]);
        break;
      case IcmpType.UNREACHABLE:
        if (u8[IP + at + Icmp.CODE] === UnreachableCode.FRAGMENTATION_NEEDED) {
          this.tooBig(packet, rdomain, at, read32(u8, IP + at + Icmp.REST) & 0xffff);
        }
        this.pinger.error(packet, at);
        break;
      case IcmpType.TIME_EXCEEDED:
      case IcmpType.PARAMETER_PROBLEM:
        this.pinger.error(packet, at);
        break;
    }
    return 'consumed';
  }

  /** Answers an echo request, but none to a broadcast or a group; a route or times recorded go on in the reply (RFC 1122 §3.2.2.6). */
  private echo4(packet: Packet, rdomain: number, origin: Origin, scope: number, at: number): void {
    const to = destinationOf(packet)[0];
    if (origin.group || isMulticast(Int32Array.of(to)) || to === -1) return;
    const length = packet.length - at;
    const options = recordedOptions(packet);
    const reply = makePacket(4, Ipv4.LENGTH + options.length + length);
    const { u8, u16 } = reply;
    const message = IP + Ipv4.LENGTH + options.length;
    u8.set(packet.u8.subarray(IP + at, IP + packet.length), message);
    u8[message + Icmp.TYPE] = IcmpType.ECHO_REPLY;
    finishIcmp(u8, u16, message, length);
    const tos = packet.u8[IP + Ipv4.TOS];
    writeIpv4(u16, IP, tos, reply.length, this.output.nextId(), 0, HOPS, Protocol.ICMP, to, sourceOf(packet)[0]);
    if (options.length > 0) this.record(reply, options, to);
    this.output.own(reply, rdomain, scope);
  }

  /** Puts options into a reply's header, and our address once for the request and once for the reply. */
  private record(reply: Packet, options: Uint8Array, address: number): void {
    reply.u8[IP] = 0x40 | ((Ipv4.LENGTH + options.length) >> 2);
    reply.u8.set(options, IP + Ipv4.LENGTH);
    for (let hop = 0; hop < 2; hop++) fillOptions(reply, address, this.env.nowMs(), (one) => one === address);
  }

  private icmp6(packet: Packet, rdomain: number, origin: Origin, scope: number, at: number): Fate {
    const { u8, u16 } = packet;
    const length = packet.length - at;
    if (length < Icmp6.LENGTH) return 'header';
    const type = u8[IP + at + Icmp6.TYPE];
    if (type >= Icmp6Type.ROUTER_SOLICITATION && type <= Icmp6Type.REDIRECT) {
      const on = this.env.interfaceOf(origin.ingress);
      return on === undefined || at !== Ipv6.LENGTH ? 'nd' : this.nd.input(packet, on);
    }
    if (!checkIcmp6(u8, u16, IP, IP + at, length)) return 'checksum';
    switch (type) {
      case Icmp6Type.ECHO:
        this.echo6(packet, rdomain, origin, scope, at);
        break;
      case Icmp6Type.ECHO_REPLY:
        this.pinger.reply(packet, at, u8[IP + Ipv6.HOP_LIMIT]);
        break;
      case Icmp6Type.TOO_BIG:
        this.tooBig(packet, rdomain, at, read32(u8, IP + at + Icmp6.REST) >>> 0);
        this.pinger.error(packet, at);
        this.tunnels.input(packet, at, rdomain);
        break;
      case Icmp6Type.UNREACHABLE:
      case Icmp6Type.TIME_EXCEEDED:
      case Icmp6Type.PARAMETER_PROBLEM:
        this.pinger.error(packet, at);
        this.tunnels.input(packet, at, rdomain);
        break;
    }
    return 'consumed';
  }

  /**
   * Answers an echo request; one to a group or an anycast address from another of ours (RFC 4443 §4.2), to a group only if its sender is
   * where it came from: our groups are the link's.
   */
  private echo6(packet: Packet, rdomain: number, origin: Origin, scope: number, at: number): void {
    const asked = destinationOf(packet);
    const to = sourceOf(packet);
    const group = isMulticast(asked);
    const back = isLinkLocal(to) ? origin.ingress : this.env.route(rdomain, 6, to)?.out;
    if (group && back !== origin.ingress) return;
    const shared = group || isAnycast(this.env, rdomain, asked, origin.ingress);
    const from = shared ? this.sources.inDomain(rdomain, to, back ?? origin.ingress, origin.ingress) : asked;
    if (from === undefined || to.every((word) => word === 0)) return;
    const length = packet.length - at;
    const reply = makePacket(6, Ipv6.LENGTH + length);
    const { u8, u16 } = reply;
    const message = IP + Ipv6.LENGTH;
    writeIpv6(u8, IP, trafficClass(packet.u8, IP), 0, length, Protocol.ICMPV6, HOPS);
    writeWords(u8, IP + Ipv6.SOURCE, from);
    writeWords(u8, IP + Ipv6.DESTINATION, to);
    u8.set(packet.u8.subarray(IP + at, IP + packet.length), message);
    u8[message + Icmp6.TYPE] = Icmp6Type.ECHO_REPLY;
    finishIcmp6(u8, u16, IP, message, length);
    this.output.own(reply, rdomain, scope);
  }

  /** Somebody says that a packet of ours was too big: believed if it quotes an address of ours. */
  private tooBig(packet: Packet, rdomain: number, at: number, mtu: number): void {
    const quoted = quote(packet, at);
    if (quoted === undefined) return;
    if (this.env.route(rdomain, packet.version, sourceOf(quoted))?.kind !== 'local') return;
    this.paths.learn(rdomain, destinationOf(quoted), mtu, this.env.nowMs());
  }
}
