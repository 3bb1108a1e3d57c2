/**
 * Which address of ours speaks (spec B §5.4, RFC 1812 §4.3.2.4, RFC 4443 §2.2): of an interface, or of a routing domain towards a
 * destination. Never an address of another domain, and none that duplicate address detection has not let through. Main.
 */
import { commonBits, familyOf, isLinkLocal, within } from './address.js';
import type { StackAddress, StackEnvironment, StackInterface } from './environment.js';

/** 192.0.0.8, which speaks for an IPv4 router without an address (RFC 7600 §4.8). */
const NOBODY4 = Int32Array.of(0xc0000008);

export class Sources {
  constructor(
    private readonly env: StackEnvironment,
    /** Whether an address may be used: it is neither tentative nor a duplicate. */
    private readonly usable: (index: number, words: Int32Array) => boolean,
  ) {}

  /** Address of an interface to speak to `towards` from; undefined if it has none that will do. */
  onInterface(from: StackInterface, towards: Int32Array): Int32Array | undefined {
    const family = familyOf(towards);
    const addresses = from.addresses.filter((a) => a.family === family && this.usable(from.index, a.words));
    if (family === 4) return (addresses.find((a) => onLink(a, towards)) ?? addresses[0])?.words;
    const scope = isLinkLocal(towards);
    let best: Int32Array | undefined;
    let bits = -1;
    for (const a of addresses) {
      if (isLinkLocal(a.words) !== scope || commonBits(a.words, towards) <= bits) continue;
      bits = commonBits(a.words, towards);
      best = a.words;
    }
    return best;
  }

  /** Link-local address of an interface, or another of IPv6 if it has none: who asks for neighbours. */
  solicitor(from: StackInterface): Int32Array | undefined {
    const addresses = from.addresses.filter((a) => a.family === 6 && this.usable(from.index, a.words));
    return (addresses.find((a) => isLinkLocal(a.words)) ?? addresses[0])?.words;
  }

  /** Link-local address of an interface. */
  linkLocal(from: StackInterface): Int32Array | undefined {
    return from.addresses.find((a) => isLinkLocal(a.words) && this.usable(from.index, a.words))?.words;
  }

  /**
   * Address of a domain to speak to `towards` from: of the interface `out` that leads there if it is of the domain, else of
   * `ingress`, of a loopback interface, of any other. 192.0.0.8 if an IPv4 router has none; of IPv6 undefined.
   */
  inDomain(rdomain: number, towards: Int32Array, out: number, ingress: number): Int32Array | undefined {
    const loopbacks: StackInterface[] = [];
    const others: StackInterface[] = [];
    for (const one of this.env.interfaces()) (one.kind === 'loopback' ? loopbacks : others).push(one);
    for (const one of [this.env.interfaceOf(out), this.env.interfaceOf(ingress), ...loopbacks, ...others]) {
      if (one === undefined || one.rdomain !== rdomain) continue;
      const words = this.onInterface(one, towards);
      if (words !== undefined) return words;
    }
    return familyOf(towards) === 4 ? NOBODY4 : undefined;
  }
}

/** Whether an address is in the net of an interface's address, or is its other end. */
export function onLink(a: StackAddress, words: Int32Array): boolean {
  return a.destination === undefined
    ? within(words, a.words, a.length)
    : within(words, a.destination, 32 * words.length);
}
