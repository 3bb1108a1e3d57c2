/**
 * Zones of link-local IPv6 addresses (RFC 4007 §11): `fe80::1%tap0` is fe80::1 on the link of tap0, and no other's. In a configuration
 * a zone is the name of an interface; gateways of routes may have one. Main only.
 */
import { ControlError } from '../errors.js';
import { canonical } from './address.js';
import { isLinkLocal } from './link-local.js';

/** An address and the interface whose link it is on; empty = not said. */
export interface Zoned {
  readonly address: string;
  readonly zone: string;
}

/** Reads `ADDR` or `ADDR%IF`. Throws EINVAL, also for the zone of an address that is not link-local. */
export function parseZoned(text: string): Zoned {
  const { address, zone } = splitZone(text);
  const plain = canonical(address);
  const wrong = zone === '' ? address !== text : !isLinkLocal(plain);
  if (wrong)
    throw new ControlError('EINVAL', `${text}: only a link-local address has a zone, the name of an interface`);
  return { address: plain, zone };
}

/** The two parts of what `zoned` made. */
export function splitZone(text: string): Zoned {
  const at = text.indexOf('%');
  return at === -1 ? { address: text, zone: '' } : { address: text.slice(0, at), zone: text.slice(at + 1) };
}

/** `ADDR%IF` for a link-local address, else the address alone. */
export function zoned(address: string, zone: string): string {
  return isLinkLocal(address) && zone !== '' ? `${address}%${zone}` : address;
}

/** An address of `name` itself with its zone, which is taken off; other text stays as it is. Throws EINVAL for another's zone. */
export function withoutZoneOf(name: string, text: string): string {
  const slash = text.indexOf('/');
  const whole = slash === -1 ? text : text.slice(0, slash);
  if (!whole.includes('%')) return text;
  const { address, zone } = parseZoned(whole);
  if (zone !== name) throw new ControlError('EINVAL', `${text}: not on the link of ${name}`);
  return slash === -1 ? address : `${address}${text.slice(slash)}`;
}
