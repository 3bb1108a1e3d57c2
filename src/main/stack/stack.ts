/**
 * Main's half of layer 3: everything that workers punt, and everything the router says itself (spec B §5.2 to §5.6). Pure logic over
 * an environment; main calls it with punted packets and every 100 ms.
 *
 * ```
 *  punted ─► ARP ──────────► ArpSpeaker ─┐
 *         └► check ─► route ─► LocalInput ┼─► Output ─► Neighbours ─► transmit
 *                         └─► Forwarder ─┴─► IcmpErrors ─┘
 * ```
 * Every punted packet ends as transmitted, consumed, dropped with a reason, or held for a while: `settle` books what is over at
 * once, and only packets whose origin is `counted` are ever booked.
 */
import { DROP_REASONS } from '../../shared/counter/drop-reason.js';
import { PuntError, PuntReason, PuntVia } from '../../shared/ring/punt-reason.js';
import { IcmpType, UnreachableCode } from '../../shared/wire/icmp.js';
import { Icmp6Type, Unreachable6Code } from '../../shared/wire/icmp6.js';
import { walkOptions } from '../../shared/wire/ipv4.js';
import { read16, read32 } from '../../shared/wire/network-order.js';
import { isLinkLocal, isMulticast, same, wordsAt } from './address.js';
import { Announcer } from './announce.js';
import { isAnycast } from './anycast.js';
import { ArpSpeaker } from './arp.js';
import type { StackEnvironment, StackInterface } from './environment.js';
import type { DropReason, Fate } from './fate.js';
import { Forwarder } from './forward.js';
import { fragment4 } from './fragmentation.js';
import { IcmpErrors } from './icmp.js';
import { LocalInput } from './local.js';
import { NdSpeaker } from './nd.js';
import { type Neighbour, Neighbours } from './neighbours.js';
import { Output } from './output.js';
import {
  destinationOf,
  IP,
  type Origin,
  type Packet,
  readPacket,
  type Superframe,
  sizeOf,
  sourceOf,
} from './packet.js';
import { PathMtu } from './path-mtu.js';
import { Pinger, type PingOptions, type PingReport } from './ping.js';
import { ProxyAnswers } from './proxy.js';
import { Sources } from './sources.js';
import { TunnelErrors } from './tunnel-errors.js';

/** A packet that a worker has handed over. */
export interface Punted {
  readonly reason: PuntReason;
  /** Its ingress. */
  readonly index: number;
  /** The whole frame as it came in, or from a point-to-point interface the IP packet; the stack's to keep. */
  readonly bytes: Uint8Array;
  /** Where in it the ARP or IP header begins. */
  readonly network: number;
  /** Destination of the frame: 0 one station, 1 broadcast, 2 multicast. */
  readonly cast: 0 | 1 | 2;
  /** Routing domain of a packet that the worker made itself (PuntReason.OUTPUT), for which it knows no neighbour. */
  readonly rdomain?: number | undefined;
  /** The virtual hops that it has behind it. */
  readonly trail?: Int32Array | undefined;
  /** Set if it is more than one packet, and to be sent on. */
  readonly superframe?: Superframe | undefined;
}

export class Stack {
  private readonly neighbourTable: Neighbours;
  private readonly announcer: Announcer;
  private readonly proxy: ProxyAnswers;
  private readonly arp: ArpSpeaker;
  private readonly nd: NdSpeaker;
  private readonly output: Output;
  private readonly errors: IcmpErrors;
  private readonly local: LocalInput;
  private readonly forwarder: Forwarder;
  private readonly pinger: Pinger;
  private readonly tunnels: TunnelErrors;

  /** `random` gives numbers from 0 up to but not 1; tests seed it. */
  constructor(
    private readonly env: StackEnvironment,
    random: () => number = Math.random,
  ) {
    this.announcer = new Announcer(env);
    const sources = new Sources(env, (index, words) => this.announcer.usable(index, words));
    this.neighbourTable = new Neighbours(env, {
      solicit: (index, words, lladdr) => this.solicit(index, words, lladdr),
      unreachable: (packet, origin) => this.unreachable(packet, origin),
      random,
    });
    this.proxy = new ProxyAnswers(env, random);
    this.arp = new ArpSpeaker(env, this.neighbourTable, sources, this.announcer, this.proxy);
    this.nd = new NdSpeaker(env, this.neighbourTable, sources, this.announcer, this.proxy);
    const paths = new PathMtu();
    const deliver = (packet: Packet, rdomain: number, scope: number, origin: Origin) =>
      this.local.input(packet, rdomain, origin, scope);
    this.output = new Output(env, this.neighbourTable, paths, deliver, random);
    this.errors = new IcmpErrors(env, this.output, sources, random);
    this.pinger = new Pinger(env, sources, (packet, rdomain, scope) => this.output.own(packet, rdomain, scope), random);
    this.tunnels = new TunnelErrors(env, this.errors);
    this.local = new LocalInput(env, this.output, this.errors, sources, this.nd, paths, this.pinger, this.tunnels);
    this.forwarder = new Forwarder(env, this.output, this.errors, sources, this.neighbourTable);
  }

  /** Punted packets that wait: for a neighbour's answer, or for other fragments. */
  get held(): number {
    return this.neighbourTable.held + this.local.reassembly.held;
  }

  /** Takes a packet from a worker. */
  punted(punted: Punted): void {
    this.settle(punted.index, this.judge(punted));
  }

  /** Lets all timers run; call it every 100 ms. */
  tick(): void {
    this.neighbourTable.tick();
    this.local.reassembly.tick();
    this.announcer.tick();
    this.proxy.tick();
    this.pinger.tick();
    this.tunnels.tick();
  }

  /** An address was added to an interface that is up, or the interface came up: duplicate address detection, announcements. */
  announce(index: number, words: Int32Array): void {
    this.announcer.announce(index, words);
  }

  /** What duplicate address detection says of an address. */
  addressState(index: number, words: Int32Array): 'tentative' | 'duplicate' | 'valid' {
    return this.announcer.state(index, words);
  }

  /** An interface is gone or down: its neighbours go, static ones too, and what waits is dropped. */
  forget(index: number): void {
    this.neighbourTable.forget(index);
    this.local.reassembly.forget(index);
    this.announcer.forget(index);
    this.proxy.forget(index);
  }

  /** All neighbours, for `arp -a` and `ndp -a`. */
  neighbours(): Neighbour[] {
    return this.neighbourTable.list();
  }

  /** Adds a neighbour that stays as it is. */
  addStatic(index: number, words: Int32Array, lladdr: Uint8Array): void {
    this.neighbourTable.addStatic(index, words, lladdr);
  }

  /** Takes a neighbour as hearsay, if there is none yet: its first use asks whether it is still so. */
  remember(index: number, words: Int32Array, lladdr: Uint8Array): void {
    this.neighbourTable.learn(index, words, { lladdr, create: true, confirmed: false, override: false, lockMs: 0 });
  }

  /** Removes a neighbour; false if there is none. */
  deleteNeighbour(index: number, words: Int32Array): boolean {
    return this.neighbourTable.remove(index, words);
  }

  /** Asks a destination for echoes. */
  ping(options: PingOptions): Promise<PingReport> {
    return this.pinger.start(options);
  }

  private settle(index: number, fate: Fate): void {
    if (fate === 'sent' || fate === 'held') return;
    if (fate === 'consumed') this.env.consume(index);
    else this.env.drop(index, fate);
  }

  private judge({ reason, index, bytes, network, cast, rdomain, trail, superframe }: Punted): Fate {
    if (rdomain !== undefined)
      return this.sendOn(bytes, { ingress: index, group: true, counted: true, trail, superframe }, rdomain);
    const on = this.env.interfaceOf(index);
    if (on === undefined || !on.up) return 'down';
    if (reason === PuntReason.ARP) return this.arp.input(bytes, on, cast === 0);
    const read = readPacket(bytes, network);
    if ('drop' in read) return read.drop;
    const { packet } = read;
    const origin: Origin = { ingress: index, group: cast !== 0, counted: true, trail, superframe };
    if (read.badOption) {
      this.errors.error4(packet, origin, IcmpType.PARAMETER_PROBLEM, 0, -walkOptions(packet.u8, IP) << 24);
      return 'ip4-option';
    }
    if (reason === PuntReason.ERROR) return this.answer(packet, origin, bytes, network - PuntError.BYTES);
    if (reason === PuntReason.VIA) return this.sendVia(packet, origin, bytes, network - PuntVia.BYTES);
    if (this.isFromNobody(packet, on, reason)) return 'martian-source';
    if (reason === PuntReason.ND && this.isForProxied(packet, on)) {
      return this.local.input(packet, on.rdomain, origin, index);
    }
    if (reason === PuntReason.REDIRECT) return this.advise(packet, on, origin);
    return this.input(packet, on, origin);
  }

  /** Sends a packet that a worker made; no error answers it. */
  private sendOn(bytes: Uint8Array, origin: Origin, rdomain: number): Fate {
    const read = readPacket(bytes, 0);
    if ('drop' in read) return read.drop;
    return this.output.own(read.packet, rdomain, 0, origin);
  }

  /** Answers a packet with the error that a worker asks for at byte `at`. */
  private answer(packet: Packet, origin: Origin, bytes: Uint8Array, at: number): Fate {
    const type = bytes[at + PuntError.TYPE] as number;
    const code = bytes[at + PuntError.CODE] as number;
    const rest = read32(bytes, at + PuntError.REST);
    if (packet.version === 4) this.errors.error4(packet, origin, type, code, rest);
    else this.errors.error6(packet, origin, type, code, rest);
    return (DROP_REASONS[read16(bytes, at + PuntError.DROP)] as { name: DropReason }).name;
  }

  /** Sends a packet to the neighbour that a worker names at byte `at`, in fragments if it does not fit. */
  private sendVia(packet: Packet, origin: Origin, bytes: Uint8Array, at: number): Fate {
    const out = this.env.interfaceOf(read32(bytes, at + PuntVia.OUT));
    if (out === undefined) return 'down';
    const next = wordsAt(bytes, at + PuntVia.ADDRESS, packet.version);
    const whole = packet.version === 6 || sizeOf(packet, origin) <= out.mtu;
    const [first, ...others] = whole ? [packet] : origin.superframe === undefined ? fragment4(packet, out.mtu) : [];
    if (first === undefined) return 'too-big';
    const fate = this.output.via(first, out, next, origin);
    for (const other of others) this.output.via(other, out, next, { ...origin, counted: false });
    return fate;
  }

  /** Where a checked packet belongs. */
  private input(packet: Packet, on: StackInterface, origin: Origin): Fate {
    const to = destinationOf(packet);
    const toLocal = (group = origin.group) => this.local.input(packet, on.rdomain, { ...origin, group }, on.index);
    if (isMulticast(to)) {
      if (isMember(to)) return toLocal();
      return packet.version === 4 || this.forwarder.optionsPass(packet, origin) ? 'multicast' : 'ip6-option';
    }
    if (packet.version === 4 && to[0] === -1) return toLocal(true);
    if (isLinkLocal(to)) {
      if (on.addresses.some((a) => same(a.words, to)) || isAnycast(this.env, on.rdomain, to, on.index))
        return toLocal();
      if (!on.addresses.some((a) => same(a.words, sourceOf(packet)))) return 'ip6-link-local';
      return this.output.via(packet, on, to, origin); // A worker's reply.
    }
    const route = this.env.route(on.rdomain, packet.version, to);
    if (route?.kind === 'local' || route?.kind === 'anycast') return toLocal();
    if (route?.kind === 'broadcast' && route.out === on.index) return toLocal(true);
    return this.forwarder.forward(packet, on, origin, route);
  }

  /** The copy of a packet that a worker has sent on by the port it came from: its sender may hear of a shorter way. */
  private advise(packet: Packet, on: StackInterface, origin: Origin): Fate {
    const to = destinationOf(packet);
    const route = isLinkLocal(to) ? undefined : this.env.route(on.rdomain, packet.version, to);
    const leads = route?.kind === 'connected' || route?.kind === 'gateway';
    if (leads && route.out === on.index) this.forwarder.redirect(packet, on, origin, route);
    return 'consumed';
  }

  /**
   * A directed broadcast is no source (RFC 1812 §5.3.7), nor an anycast address (RFC 4291 §2.6), nor an address of ours, unless it is a worker's reply that lacks a next
   * hop or does not fit.
   */
  private isFromNobody(packet: Packet, on: StackInterface, reason: PuntReason): boolean {
    const source = sourceOf(packet);
    if (isLinkLocal(source)) return false;
    const kind = this.env.route(on.rdomain, packet.version, source)?.kind;
    if (kind === 'local') return reason !== PuntReason.RESOLVE && reason !== PuntReason.TOO_BIG;
    return kind === 'broadcast' || kind === 'anycast';
  }

  /** Whether neighbour discovery is for one station that we answer for (RFC 4389 §4.1): it does not go on to it. */
  private isForProxied(packet: Packet, on: StackInterface): boolean {
    const to = destinationOf(packet);
    return !isMulticast(to) && !isLinkLocal(to) && this.proxy.answersFor(on, sourceOf(packet), to);
  }

  private solicit(index: number, words: Int32Array, lladdr: Uint8Array | undefined): void {
    const on = this.env.interfaceOf(index);
    if (on === undefined || !on.up) return;
    if (words.length === 1) this.arp.solicit(on, words, lladdr);
    else this.nd.solicit(on, words, lladdr);
  }

  /** A neighbour has not answered a packet that waited for it. */
  private unreachable(packet: Packet, origin: Origin): void {
    if (origin.ingress === -1) this.pinger.unsent(packet, 'unreachable');
    else if (packet.version === 4) this.errors.error4(packet, origin, IcmpType.UNREACHABLE, UnreachableCode.HOST);
    else this.errors.error6(packet, origin, Icmp6Type.UNREACHABLE, Unreachable6Code.ADDRESS);
  }
}

/**
 * Whether we listen to a group: all nodes and all routers of the link (RFC 4291 §2.8), and those of any address, which may be proxied.
 * IPv4 has none.
 */
function isMember(group: Int32Array): boolean {
  if (group.length === 1 || group[0] !== (0xff020000 | 0) || group[1] !== 0) return false;
  if (group[2] === 0) return group[3] === 1 || group[3] === 2;
  return group[2] === 1 && group[3] >>> 24 === 0xff;
}
