/**
 * ARP that workers did not answer themselves, and the questions that main asks (RFC 826, RFC 5227, spec B §5.5). Main.
 *
 * Any valid ARP updates the neighbour it speaks of; only a question for us makes one.
 */
import {
  Arp,
  ArpOp,
  arpOp,
  arpReply,
  arpSender,
  arpSenderHi,
  arpSenderIsStation,
  arpSenderLo,
  arpTarget,
  writeArpRequest,
} from '../../shared/wire/arp.js';
import { Ether, etherType } from '../../shared/wire/ethernet.js';
import { identifiesOne4 } from '../../shared/wire/ipv4.js';
import { same } from './address.js';
import type { Announcer } from './announce.js';
import type { StackEnvironment, StackInterface } from './environment.js';
import type { Fate } from './fate.js';
import type { Neighbours } from './neighbours.js';
import { macBytes, macOf } from './packet.js';
import type { ProxyAnswers } from './proxy.js';
import type { Sources } from './sources.js';

/** Milliseconds in which a neighbour's hardware address does not change again (Linux's locktime). */
const LOCK_MS = 1000;

export class ArpSpeaker {
  constructor(
    private readonly env: StackEnvironment,
    private readonly neighbours: Neighbours,
    private readonly sources: Sources,
    private readonly announcer: Announcer,
    private readonly proxy: ProxyAnswers,
  ) {}

  /** Takes a whole frame that came in on `on`. `unicast`: it was for our hardware address alone. */
  input(bytes: Uint8Array, on: StackInterface, unicast: boolean): Fate {
    if (on.kind !== 'ethernet' || bytes.length < Arp.LENGTH) return 'arp';
    const u8 = bytes.slice(0, Arp.LENGTH);
    const u16 = new Uint16Array(u8.buffer);
    const op = arpOp(u16, 0, u8.length, etherType(u16, 0));
    if ((op !== ArpOp.REQUEST && op !== ArpOp.REPLY) || !arpSenderIsStation(u16, 0)) return 'arp';
    const lladdr = macBytes(arpSenderHi(u16, 0), arpSenderLo(u16, 0));
    if (same6(lladdr, on.lladdr)) return 'arp';
    const sender = Int32Array.of(arpSender(u16, 0));
    const target = Int32Array.of(arpTarget(u16, 0));
    if (sender[0] !== 0 && !identifiesOne4(sender[0])) return 'arp';
    if (on.addresses.some((a) => a.family === 4 && same(a.words, sender))) {
      this.announcer.claimed(on, sender, lladdr);
      return 'consumed';
    }
    const ours = this.env.route(on.rdomain, 4, target)?.kind === 'local';
    if (sender[0] !== 0) this.hear(on, sender, lladdr, op, ours, unicast);
    if (op === ArpOp.REQUEST) this.answer(u8, u16, on, sender, target, ours);
    return 'consumed';
  }

  /** Asks on an interface who has an address: all, or the station that said so. */
  solicit(on: StackInterface, target: Int32Array, to: Uint8Array | undefined): void {
    const sender =
      this.sources.onInterface(on, target) ?? this.sources.inDomain(on.rdomain, target, on.index, on.index);
    if (sender === undefined) return;
    const u8 = new Uint8Array(Arp.LENGTH);
    const u16 = new Uint16Array(u8.buffer);
    const from = macOf(on.lladdr);
    if (to === undefined) writeArpRequest(u16, 0, from.hi, from.lo, sender[0], target[0]);
    else writeArpRequest(u16, 0, from.hi, from.lo, sender[0], target[0], macOf(to).hi, macOf(to).lo);
    this.env.transmit(on.index, u8, false);
  }

  private hear(
    on: StackInterface,
    sender: Int32Array,
    lladdr: Uint8Array,
    op: number,
    ours: boolean,
    unicast: boolean,
  ): void {
    const route = this.env.route(on.rdomain, 4, sender);
    const near = route?.kind === 'connected' && route.out === on.index;
    this.neighbours.learn(on.index, sender, {
      lladdr,
      create: ours && near && op === ArpOp.REQUEST,
      confirmed: ours && unicast && op === ArpOp.REPLY,
      override: true,
      lockMs: LOCK_MS,
    });
  }

  private answer(
    u8: Uint8Array,
    u16: Uint16Array,
    on: StackInterface,
    sender: Int32Array,
    target: Int32Array,
    ours: boolean,
  ): void {
    const proxied = !ours && this.proxy.answersFor(on, sender, target);
    if (!ours && !proxied) return;
    const from = macOf(on.lladdr);
    const group = (u8[Ether.DST] & 1) !== 0;
    arpReply(u16, 0, from.hi, from.lo);
    if (proxied && group) this.proxy.later(on.index, u8);
    else this.env.transmit(on.index, u8, false);
  }
}

/** Whether two hardware addresses are the same. */
export function same6(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, k) => byte === b[k]);
}
