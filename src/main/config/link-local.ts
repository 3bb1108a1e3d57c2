/**
 * The IPv6 link-local address that an interface has of its own (RFC 4291 §2.5.6, appendix A): fe80::/64 with the EUI-64 of its
 * link-layer address. It is no part of the configuration. Main only.
 */
import { formatAddress } from './address.js';
import type { AddressSpec, InterfaceSpec } from './state.js';

/** Kinds with a link-layer address. */
const ETHERNET: readonly InterfaceSpec['type'][] = ['tap', 'mem', 'vport', 'packet', 'xdp'];

/** Whether an address is fe80::/10. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/.test(address);
}

/**
 * The addresses of an interface whose link-layer address is `lladdr` (six groups), its own link-local one first: it has that if
 * it speaks IPv6 and nobody gave it another.
 */
export function allAddresses(spec: InterfaceSpec, lladdr: string): readonly AddressSpec[] {
  const { addresses } = spec;
  if (!hasLinkLocal(spec) || addresses.some((a) => isLinkLocal(a.address))) return addresses;
  return [{ family: 'inet6', address: linkLocalOf(lladdr), length: 64, destination: '' }, ...addresses];
}

/** Whether an interface has a link-local address: its own, or one that it was given. */
export function hasLinkLocal({ type, addresses }: InterfaceSpec): boolean {
  const ethernet = ETHERNET.includes(type);
  return addresses.some((a) => a.family === 'inet6' && (ethernet || isLinkLocal(a.address)));
}

function linkLocalOf(lladdr: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = lladdr.split(':').map((group) => Number.parseInt(group, 16));
  // The universal/local bit is the other way round in an interface identifier.
  return formatAddress([
    0xfe800000,
    0,
    ((a ^ 2) << 24) | (b << 16) | (c << 8) | 0xff,
    (0xfe << 24) | (d << 16) | (e << 8) | f,
  ]);
}
