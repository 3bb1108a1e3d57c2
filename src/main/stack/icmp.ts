/**
 * ICMP and ICMPv6 errors: whether one may be sent, how often, from which address, and in which domain (spec B §5.4). Main.
 *
 * An error goes out in the domain in which the packet came in, from an address of that domain.
 */
import { IcmpType, mayAnswerWithError4, UnreachableCode, writeIcmpError4 } from '../../shared/wire/icmp.js';
import { Icmp6Type, mayAnswerWithError6, writeIcmpError6 } from '../../shared/wire/icmp6.js';
import { bytesOf, isLinkLocal, isMulticast, keyOf } from './address.js';
import { isAnycast } from './anycast.js';
import type { StackEnvironment } from './environment.js';
import type { Output } from './output.js';
import { copyPacket, destinationOf, IP, type Origin, type Packet, sourceOf } from './packet.js';
import { ErrorLimit } from './rate-limit.js';
import type { Sources } from './sources.js';

/** Most bytes of an error of either family. */
const ERROR_MOST = 1280;

export class IcmpErrors {
  private readonly limits: { readonly 4: ErrorLimit; readonly 6: ErrorLimit };

  constructor(
    private readonly env: StackEnvironment,
    private readonly output: Output,
    private readonly sources: Sources,
    random: () => number,
  ) {
    this.limits = { 4: new ErrorLimit(random), 6: new ErrorLimit(random) };
  }

  /**
   * Answers a checked IPv4 packet with an error, if that may be; one that is quoted itself may be shorter than its header says, but not in
   * memory. `from` is the source if it must be a certain one.
   */
  error4(packet: Packet, origin: Origin, type: IcmpType, code: number, rest = 0, from?: Int32Array): void {
    const on = this.env.interfaceOf(origin.ingress);
    if (on === undefined || !mayAnswerWithError4(packet.u8, IP, origin.group)) return;
    const source = this.speaker(packet, on.rdomain, origin, from);
    if (source === undefined) return;
    const exempt =
      type === IcmpType.REDIRECT || (type === IcmpType.UNREACHABLE && code === UnreachableCode.FRAGMENTATION_NEEDED);
    if (!exempt && !this.allow(packet, on.rdomain)) return;
    const { u8, u16, to } = beside(packet);
    const length = writeIcmpError4(u8, u16, IP, to, type, code, rest, source[0], this.output.nextId(), packet.length);
    this.output.own(copyPacket(u8.subarray(to), 0, 4, length), on.rdomain, origin.ingress);
  }

  /** Answers a checked IPv6 packet with an error, if that may be. */
  error6(packet: Packet, origin: Origin, type: Icmp6Type, code: number, rest = 0): void {
    const on = this.env.interfaceOf(origin.ingress);
    if (on === undefined || !mayAnswerWithError6(packet.u8, IP, origin.group, type, code)) return;
    const source = this.speaker(packet, on.rdomain, origin);
    if (source === undefined) return;
    if (type !== Icmp6Type.TOO_BIG && !this.allow(packet, on.rdomain)) return;
    const { u8, u16, to } = beside(packet);
    const length = writeIcmpError6(u8, u16, IP, to, type, code, rest, bytesOf(source), 0, packet.length);
    this.output.own(copyPacket(u8.subarray(to), 0, 6, length), on.rdomain, origin.ingress);
  }

  private allow(packet: Packet, rdomain: number): boolean {
    const peer = `${rdomain}/${keyOf(sourceOf(packet))}`;
    return this.limits[packet.version].allow(peer, this.env.nowMs(), this.env.errorLimit(packet.version));
  }

  /** Whose address the error has: undefined if none will do, or the packet's own addresses forbid it. */
  private speaker(packet: Packet, rdomain: number, origin: Origin, from?: Int32Array): Int32Array | undefined {
    const family = packet.version;
    const sender = sourceOf(packet);
    const destination = destinationOf(packet);
    const back = isLinkLocal(sender) ? undefined : this.env.route(rdomain, family, sender);
    if (back?.kind === 'local' || back?.kind === 'broadcast') return undefined;
    if (isAnycast(this.env, rdomain, sender, origin.ingress)) return undefined;
    if (from !== undefined) return from;
    if (!isMulticast(destination)) {
      const kind = this.destinationKind(rdomain, family, destination, origin.ingress);
      if (kind === 'broadcast') return undefined;
      if (kind === 'local') return destination;
    }
    return this.sources.inDomain(rdomain, sender, back?.out ?? origin.ingress, origin.ingress);
  }

  private destinationKind(
    rdomain: number,
    family: 4 | 6,
    destination: Int32Array,
    ingress: number,
  ): string | undefined {
    if (!isLinkLocal(destination)) return this.env.route(rdomain, family, destination)?.kind;
    const on = this.env.interfaceOf(ingress);
    return on?.addresses.some((a) => keyOf(a.words) === keyOf(destination)) ? 'local' : undefined;
  }
}

/** A memory with the packet where it is, and room for an error at `to`. */
function beside(packet: Packet): { u8: Uint8Array; u16: Uint16Array; to: number } {
  const to = packet.u8.length;
  const u8 = new Uint8Array(to + ERROR_MOST);
  u8.set(packet.u8);
  return { u8, u16: new Uint16Array(u8.buffer), to };
}
