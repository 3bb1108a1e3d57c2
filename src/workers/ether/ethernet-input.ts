/**
 * Ethernet input of an interface that is no bridge port, or whose bridge gave the frame back (spec A §1.2): whom is it for,
 * and which protocol takes it. An interface without an IP address has no stack: what comes to it ends there. Runs on a worker.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { If, ifRecord } from '../../shared/layout/heap.js';
import { Meta } from '../../shared/layout/packet.js';
import { Cast, PuntReason } from '../../shared/ring/punt-reason.js';
import { dstHi, dstLo, Ether, EtherType, etherType, isGroup } from '../../shared/wire/ethernet.js';
import type { Context } from '../context.js';
import { consume, drop } from '../drop.js';
import type { IpInput } from '../inet/ip4-input.js';
import type { Replies } from '../inet/replies.js';
import { punt } from '../punt.js';

/** Takes frame `i`, received on interface `index`. */
export type EthernetInput = (i: number, index: number) => void;

/** Makes the Ethernet input of one worker. */
export function makeEthernetInput(ctx: Context, ip4Input: IpInput, ip6Input: IpInput, replies: Replies): EthernetInput {
  const { heap, meta, u16, slots } = ctx;

  function ethernetInput(i: number, index: number): void {
    const record = ifRecord(index);
    if (heap[record + If.INET] === 0) {
      consume(ctx, i, index);
      return;
    }
    const offset = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    const hi = dstHi(u16, offset);
    const lo = dstLo(u16, offset);
    let cast = Cast.UNICAST;
    if (isGroup(hi)) cast = hi === 0xffff && lo === -1 ? Cast.BROADCAST : Cast.MULTICAST;
    else if (lo !== heap[record + If.LLADDR_LO] || hi !== heap[record + If.LLADDR_HI]) {
      drop(ctx, i, index, Drop.OTHER_HOST);
      return;
    }
    const network = offset + Ether.LENGTH;
    switch (etherType(u16, offset)) {
      case EtherType.IPV4:
        ip4Input(i, index, network, cast);
        return;
      case EtherType.IPV6:
        ip6Input(i, index, network, cast);
        return;
      case EtherType.ARP:
        if (!replies.arp(i, index)) punt(ctx, i, index, PuntReason.ARP, network, cast);
        return;
      default:
        drop(ctx, i, index, Drop.NO_PROTOCOL);
    }
  }

  return ethernetInput;
}
