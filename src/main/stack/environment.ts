/**
 * What the stack needs of the world: the clock, interfaces, routes, a way out, the workers' neighbour bindings, the books. Main
 * implements it over shared memory, tests over maps. All calls are on the main thread and return at once.
 *
 * Addresses are int32 words in host order: one of IPv4, four of IPv6.
 */
import type { DropReason } from './fate.js';
import type { Superframe } from './packet.js';

/** An address of an interface. */
export interface StackAddress {
  readonly family: 4 | 6;
  readonly words: Int32Array;
  /** Bits of its prefix. */
  readonly length: number;
  /** The other end of a point-to-point interface. */
  readonly destination?: Int32Array;
}

/** An interface of layer 3. */
export interface StackInterface {
  readonly index: number;
  readonly name: string;
  readonly kind: 'ethernet' | 'point-to-point' | 'loopback';
  /** Six bytes. */
  readonly lladdr: Uint8Array;
  /** Most bytes of an IP packet. */
  readonly mtu: number;
  readonly rdomain: number;
  readonly up: boolean;
  readonly addresses: readonly StackAddress[];
  readonly proxyArp: boolean;
  readonly proxyNd: boolean;
}

/**
 * What a look-up says. `anycast` is an address that we share with other routers of a connected net. `broadcast` is the directed broadcast of a connected net, `out` its interface. What goes into a tunnel
 * (`encap`) or to a SID of ours (`sid`) is a worker's work: `sendRouted`.
 */
export interface StackRoute {
  readonly kind:
    | 'local'
    | 'anycast'
    | 'connected'
    | 'gateway'
    | 'broadcast'
    | 'reject'
    | 'blackhole'
    | 'prohibit'
    | 'encap'
    | 'sid';
  readonly out: number;
  readonly gateway?: Int32Array;
  /** encap: most bytes of a packet that goes into it. */
  readonly mtu?: number;
}

/** The outer header of a packet that an encapsulation may have made. */
export interface OuterHeader {
  readonly source: Int32Array;
  /** Where it was going when it was quoted: the first segment or a later one. */
  readonly destination: Int32Array;
  /** Segments of its SRH in the order in which they are visited; undefined = it had none. */
  readonly segments: readonly Int32Array[] | undefined;
}

/** A route of ours into an encapsulation. */
export interface StackTunnel {
  /** The way of its outer packets: those with the same name go the same way. */
  readonly path: string;
  /** Domain of the packets inside, and the network they are for. */
  readonly rdomain: number;
  readonly network: Int32Array;
  readonly length: number;
  /** Bytes of the outer header. */
  readonly overhead: number;
}

/** The world. */
export interface StackEnvironment {
  /** Milliseconds of a clock that does not jump; parts of one are kept in round-trip times. */
  nowMs(): number;
  interfaceOf(index: number): StackInterface | undefined;
  interfaces(): Iterable<StackInterface>;
  /** The route of the domain's own table; undefined if there is none. Link-local IPv6 destinations are not asked for. */
  route(rdomain: number, family: 4 | 6, destination: Int32Array): StackRoute | undefined;
  /**
   * Sends a whole Ethernet frame, or on a point-to-point interface an IP packet; the bytes are not touched again. `forwarded`: it
   * was punted on its way through and is counted as transmitted; otherwise the router made it, and it is counted as originated
   * too. `trail` is what it has behind it, `superframe` is set if it is more than one packet. False if it could not be taken: then nothing is counted.
   */
  transmit(index: number, bytes: Uint8Array, forwarded: boolean, trail?: Int32Array, superframe?: Superframe): boolean;
  /**
   * Has a worker send an IP packet of ours by the routes of a domain; its TTL stays as it is. Interface `index` books what becomes of it;
   * all else is as of `transmit`.
   */
  sendRouted(
    index: number,
    rdomain: number,
    bytes: Uint8Array,
    forwarded: boolean,
    trail?: Int32Array,
    superframe?: Superframe,
  ): boolean;
  /** Routes that encapsulate as a packet is whose sender is told of it in domain `rdomain`, where its answers come in. */
  tunnelsOf(rdomain: number, outer: OuterHeader): readonly StackTunnel[];
  /** From now on no outer packet longer than `mtu` bytes takes a path; 0 = as long as its first link takes. */
  limitPath(path: string, mtu: number): void;
  /** Gives a whole IP packet to us, that came in on an interface, to a worker to take it from there. False if it could not be taken. */
  handBack(index: number, packet: Uint8Array, trail?: Int32Array): boolean;
  /** Tells workers where a neighbour is. `stale`: main wants to know when it is used. Replaces an earlier binding. */
  bindNeighbour(index: number, family: 4 | 6, words: Int32Array, lladdr: Uint8Array, stale: boolean): void;
  unbindNeighbour(index: number, family: 4 | 6, words: Int32Array): void;
  /** Tells workers how many IPv6 addresses of an interface may not be used (RFC 4862 §5.4): then they answer for none. */
  tentative(index: number, addresses: number): void;
  /** Whether a worker has used the stale binding since it was made. */
  neighbourUsed(index: number, family: 4 | 6, words: Int32Array): boolean;
  /** Whether packets of the family are forwarded at all. */
  forwarding(family: 4 | 6): boolean;
  /** Probes that duplicate address detection sends for an IPv6 address; 0 = it is used unasked. */
  dadCount(): number;
  /** ICMP errors a second; 0 sends none, -1 is no limit at all, that of each destination included. */
  errorLimit(family: 4 | 6): number;
  /** Books a punted packet, by its ingress, as dropped. */
  drop(index: number, reason: DropReason): void;
  /** Books a punted packet, by its ingress, as consumed. */
  consume(index: number): void;
  readonly log: { info(message: string): void; warn(message: string): void };
}
