/**
 * The way out: to a next hop on an interface, whatever its kind, and for packets of our own from the routing table on. Main.
 */
import { isLinkLocal, same } from './address.js';
import { isAnycast } from './anycast.js';
import type { StackEnvironment, StackInterface } from './environment.js';
import type { Fate } from './fate.js';
import { fragment4, fragment6 } from './fragmentation.js';
import type { Neighbours } from './neighbours.js';
import { destinationOf, ipBytes, type Origin, OWN, type Packet, sizeOf } from './packet.js';
import type { PathMtu } from './path-mtu.js';

export class Output {
  /** Next identification, of IPv4 packets and of fragmented IPv6 ones. */
  private id: number;

  constructor(
    private readonly env: StackEnvironment,
    private readonly neighbours: Neighbours,
    private readonly paths: PathMtu,
    /** Takes a packet of ours to an address of ours. */
    private readonly deliver: (packet: Packet, rdomain: number, scope: number, origin: Origin) => Fate,
    random: () => number,
  ) {
    this.id = Math.floor(random() * 0x10000);
  }

  /** An identification that differs from the ones before it. */
  nextId(): number {
    this.id = (this.id + 1) | 0;
    return this.id;
  }

  /** Sends a packet that fits to a next hop on an interface. */
  via(packet: Packet, out: StackInterface, next: Int32Array, origin: Origin): Fate {
    if (!out.up) return 'down';
    switch (out.kind) {
      case 'ethernet':
        return this.neighbours.send(out.index, next, packet, origin);
      case 'point-to-point':
        return this.env.transmit(out.index, ipBytes(packet), origin.counted, origin.trail, origin.superframe)
          ? 'sent'
          : 'transmit';
      default:
        return 'no-route';
    }
  }

  /**
   * Sends a packet of our own in a domain, in fragments if it must be. `scope` is the interface of a link-local destination.
   * The fate is that of its first fragment. Unless `origin` says that a worker made it, it is in no books before it is transmitted.
   */
  own(packet: Packet, rdomain: number, scope: number, origin: Origin = OWN): Fate {
    const destination = destinationOf(packet);
    const near = isLinkLocal(destination);
    const to = near ? this.near(scope, destination) : this.env.route(rdomain, packet.version, destination);
    if (to === undefined) return 'no-route';
    if (to.kind === 'local' || to.kind === 'anycast') {
      const fate = this.deliver(packet, rdomain, scope, origin);
      return origin.counted ? fate : 'sent';
    }
    if (to.kind === 'prohibit') return 'reject';
    if (to.kind === 'broadcast') return 'directed-broadcast';
    if (to.kind === 'reject' || to.kind === 'blackhole') return to.kind;
    if (to.kind === 'encap' || to.kind === 'sid') {
      const parts = this.cut(packet, to.mtu ?? packet.length, origin);
      return this.routed(parts, to.out || scope, rdomain, origin);
    }
    const out = this.env.interfaceOf(to.out);
    if (out === undefined) return 'down';
    const mtu = Math.min(out.mtu, this.paths.of(rdomain, destination, this.env.nowMs()));
    const parts = this.cut(packet, mtu, origin);
    const [first, ...others] = parts;
    if (first === undefined) return 'too-big';
    const fate = this.via(first, out, to.gateway ?? destination, origin);
    for (const other of others) this.via(other, out, to.gateway ?? destination, { ...origin, counted: false });
    return fate;
  }

  private cut(packet: Packet, mtu: number, origin: Origin): Packet[] {
    // A superframe is cut by who sends it, into packets that fit, or not at all.
    if (origin.superframe !== undefined) return sizeOf(packet, origin) <= mtu ? [packet] : [];
    return packet.version === 4 ? fragment4(packet, mtu) : fragment6(packet, mtu, this.nextId());
  }

  /** Has a worker send packets by the routes of a domain, `index` booking them. The fate is that of the first. */
  routed(packets: readonly Packet[], index: number, rdomain: number, origin: Origin): Fate {
    const [first, ...others] = packets;
    if (first === undefined) return 'too-big';
    const fate = this.env.sendRouted(index, rdomain, ipBytes(first), origin.counted, origin.trail, origin.superframe)
      ? 'sent'
      : 'transmit';
    for (const other of others) this.env.sendRouted(index, rdomain, ipBytes(other), false, origin.trail);
    return fate;
  }

  /** The route of a link-local address. */
  private near(
    scope: number,
    destination: Int32Array,
  ): { readonly kind: 'local' | 'connected'; readonly out: number; readonly gateway?: Int32Array } | undefined {
    const on = this.env.interfaceOf(scope);
    if (on === undefined) return undefined;
    const ours = on.addresses.some((a) => a.family === 6 && same(a.words, destination));
    return { kind: ours || isAnycast(this.env, on.rdomain, destination, scope) ? 'local' : 'connected', out: scope };
  }
}
