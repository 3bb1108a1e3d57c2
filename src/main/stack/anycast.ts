/**
 * The subnet-router anycast address (RFC 4291 §2.6.1): the all-zero address of each network that an interface of ours is in belongs to every
 * router there. Packets to it are ours; nothing is ever sent from it. Main.
 *
 * Those of global networks are routes of their own kind (config/routes.ts); that of a link, fe80::, is known by the interface.
 */
import { isLinkLocal, within } from './address.js';
import type { StackAddress, StackEnvironment, StackInterface } from './environment.js';

/** Bits of the longest network that has one (RFC 6164 §5). */
const LONGEST = 126;

/** Whether `words` is the anycast address of the routers of an address's network. */
function isOf(a: StackAddress, words: Int32Array): boolean {
  if (a.family !== 6 || a.length > LONGEST || a.destination !== undefined) return false;
  return within(words, a.words, a.length) && isZeroFrom(words, a.length);
}

/** Whether all bits of an address from number `length` on are zero. */
function isZeroFrom(words: Int32Array, length: number): boolean {
  return words.every((word, k) => {
    const kept = Math.min(Math.max(length - 32 * k, 0), 32);
    return kept === 32 || word << kept === 0;
  });
}

/** The addresses of an interface whose routers an anycast address, in the domain or on the link, is of; none if it is not one. */
export function anycastOn(env: StackEnvironment, on: StackInterface, words: Int32Array): readonly StackAddress[] {
  return isAnycast(env, on.rdomain, words, on.index) ? on.addresses.filter((a) => isOf(a, words)) : [];
}

/** Whether an address is one that routers share, we among them: in a domain, or if it is link-local on the interface `scope`. */
export function isAnycast(env: StackEnvironment, rdomain: number, words: Int32Array, scope: number): boolean {
  if (words.length !== 4) return false;
  if (!isLinkLocal(words)) return env.route(rdomain, 6, words)?.kind === 'anycast';
  return env.forwarding(6) && (env.interfaceOf(scope)?.addresses.some((a) => isOf(a, words)) ?? false);
}
