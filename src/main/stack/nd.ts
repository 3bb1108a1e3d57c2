/**
 * Neighbour discovery that workers did not answer themselves, and the questions that main asks (RFC 4861, RFC 4862, spec B §5.5).
 * Main. We are a router that sends no advertisements: solicitations for routers, advertisements of others and redirects are
 * consumed unheard.
 */
import { Ether } from '../../shared/wire/ethernet.js';
import { Icmp6Type } from '../../shared/wire/icmp6.js';
import { Ipv6 } from '../../shared/wire/ipv6.js';
import {
  checkNd,
  Nd,
  NdFault,
  NdFlag,
  NdOption,
  ndLink,
  ndReply,
  ndReplyFor,
  writeSolicitation,
  writeUnicastSolicitation,
} from '../../shared/wire/nd.js';
import { bytesOf, isLinkLocal, isMulticast, isUnspecified, same, wordsAt } from './address.js';
import type { Announcer } from './announce.js';
import { anycastOn } from './anycast.js';
import { same6 } from './arp.js';
import type { StackEnvironment, StackInterface } from './environment.js';
import type { Fate } from './fate.js';
import type { Neighbours } from './neighbours.js';
import { IP, macOf, type Packet, sourceOf } from './packet.js';
import { isOnLink, type ProxyAnswers } from './proxy.js';
import type { Sources } from './sources.js';

/** Bytes of the longest answer, Ethernet header included. */
const FRAME_MOST = 86;

export class NdSpeaker {
  constructor(
    private readonly env: StackEnvironment,
    private readonly neighbours: Neighbours,
    private readonly sources: Sources,
    private readonly announcer: Announcer,
    private readonly proxy: ProxyAnswers,
  ) {}

  /** Takes a checked IPv6 packet whose ICMPv6 message, 133 … 137, is right behind its header. */
  input(packet: Packet, on: StackInterface): Fate {
    if (checkNd(packet.u8, packet.u16, IP) !== NdFault.NONE) return 'nd';
    if (on.kind !== 'ethernet') return 'consumed';
    const own = same6(packet.u8.subarray(Ether.SRC, Ether.SRC + 6), on.lladdr);
    if (own) return 'consumed'; // Our own probe, come back over a loop.
    const type = packet.u8[IP + Ipv6.LENGTH];
    if (type === Icmp6Type.NEIGHBOUR_SOLICITATION) this.solicitation(packet, on);
    else if (type === Icmp6Type.NEIGHBOUR_ADVERTISEMENT) this.advertisement(packet, on);
    return 'consumed';
  }

  /** Asks on an interface who has an address: its solicited-node group, or the station that said so. */
  solicit(on: StackInterface, target: Int32Array, to: Uint8Array | undefined): void {
    const source = this.sources.solicitor(on);
    if (source === undefined) return;
    const u8 = new Uint8Array(FRAME_MOST);
    const u16 = new Uint16Array(u8.buffer);
    const from = macOf(on.lladdr);
    const args = [u8, u16, 0, from.hi, from.lo, bytesOf(source), 0, bytesOf(target), 0] as const;
    const length =
      to === undefined ? writeSolicitation(...args) : writeUnicastSolicitation(...args, macOf(to).hi, macOf(to).lo);
    this.env.transmit(on.index, u8.subarray(0, length), false);
  }

  private solicitation(packet: Packet, on: StackInterface): void {
    const { u8 } = packet;
    const target = wordsAt(u8, IP + Ipv6.LENGTH + Nd.TARGET, 6);
    const source = sourceOf(packet);
    const probe = isUnspecified(source);
    const ours = on.addresses.some((a) => a.family === 6 && same(a.words, target));
    if (ours && !this.announcer.usable(on.index, target)) {
      if (probe) this.announcer.claimed(on, target, u8.slice(Ether.SRC, Ether.SRC + 6));
      return;
    }
    const shared = !ours && anycastOn(this.env, on, target).some((a) => this.announcer.usable(on.index, a.words));
    const proxied = !ours && !shared && !probe && !isLinkLocal(target) && this.proxy.answersFor(on, source, target);
    if (!ours && !shared && !proxied) return;
    const link = ndLink(u8, IP, NdOption.SOURCE_LINK);
    if (!probe && link !== 0 && (u8[link] & 1) === 0) {
      this.neighbours.learn(on.index, source, {
        lladdr: u8.slice(link, link + 6),
        create: isLinkLocal(source) || isOnLink(on, source),
        confirmed: false,
        override: true,
        lockMs: 0,
      });
    }
    this.answer(packet, on, ours);
  }

  /** Answers a solicitation for an address of ours, or for one that others may have too: late, so that the first to answer is not always us. */
  private answer(packet: Packet, on: StackInterface, ours: boolean): void {
    const u8 = new Uint8Array(Math.max(FRAME_MOST, packet.u8.length));
    u8.set(packet.u8);
    const from = macOf(on.lladdr);
    const router = this.env.forwarding(6) ? NdFlag.ROUTER : 0;
    const u16 = new Uint16Array(u8.buffer);
    if (ours) {
      const length = ndReply(u8, u16, 0, from.hi, from.lo, NdFlag.OVERRIDE | router);
      this.env.transmit(on.index, u8.subarray(0, length), false);
      return;
    }
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = this.sources.solicitor(on) ?? [];
    if (s0 === 0) return;
    const group = isMulticast(wordsAt(u8, IP + Ipv6.DESTINATION, 6));
    const frame = u8.subarray(0, ndReplyFor(u8, u16, 0, from.hi, from.lo, router, s0, s1, s2, s3));
    if (group) this.proxy.later(on.index, frame);
    else this.env.transmit(on.index, frame, false);
  }

  private advertisement(packet: Packet, on: StackInterface): void {
    const { u8 } = packet;
    const target = wordsAt(u8, IP + Ipv6.LENGTH + Nd.TARGET, 6);
    const link = ndLink(u8, IP, NdOption.TARGET_LINK);
    if (on.addresses.some((a) => a.family === 6 && same(a.words, target))) {
      const lladdr = link === 0 ? u8.slice(Ether.SRC, Ether.SRC + 6) : u8.slice(link, link + 6);
      this.announcer.claimed(on, target, lladdr);
      return;
    }
    if (link !== 0 && (u8[link] & 1) !== 0) return;
    const flags = u8[IP + Ipv6.LENGTH + Nd.FLAGS];
    this.neighbours.learn(on.index, target, {
      lladdr: link === 0 ? undefined : u8.slice(link, link + 6),
      create: false,
      confirmed: (flags & NdFlag.SOLICITED) !== 0,
      override: (flags & NdFlag.OVERRIDE) !== 0,
      lockMs: 0,
      router: (flags & NdFlag.ROUTER) !== 0,
    });
  }
}
