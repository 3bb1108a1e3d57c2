/**
 * `ifconfig IF inet …` and `inet6 …`: addresses of an interface, OpenBSD's words (ifconfig(8)).
 */
import { BITS, type Family, maskLength, parsePrefix } from '../config/address.js';
import { isLinkLocal } from '../config/link-local.js';
import { dropUnreachable } from '../config/routes.js';
import { type AddressSpec, bridgeOf, type InterfaceSpec, type State } from '../config/state.js';
import { withoutZoneOf } from '../config/zone.js';
import { ControlError } from '../errors.js';
import type { Draft, Words } from './words.js';

/**
 * `ADDR[/LEN] [DEST] [netmask M | prefixlen N] [alias | delete | -alias]`; the last may stand first. Without `alias` an IPv4
 * address takes the place of the first one. Routes whose gateways nothing reaches any more go. Throws ControlError: EBUSY for a port of a veb (A49), ENOTTY where addresses mean nothing, EADDRINUSE for one
 * that the rdomain has already, EADDRNOTAVAIL for the deletion of one that is not there.
 */
export function inet(family: Family): (draft: Draft, spec: InterfaceSpec, words: Words) => void {
  return (draft, spec, words) => {
    let how = takeHow(words);
    const given = parsePrefix(withoutZoneOf(spec.name, words.take('address')));
    if (given.family !== family) throw new ControlError('EINVAL', `${given.address}: not an ${family} address`);
    let { length } = given;
    let destination = '';
    while (words.more) {
      const word = words.peek;
      if (how === '') how = takeHow(words);
      if (words.peek !== word) continue;
      if (word === 'netmask' && family === 'inet') length = maskLength(words.takeAfter('netmask'));
      else if (word === 'prefixlen') length = words.takeNumberAfter('prefixlen', 0, BITS[family]);
      else if (how === '' && destination === '' && looksLikeAddress(word) !== undefined)
        destination = parseDestination(words.take('address'), family);
      else break;
    }
    if (how === 'delete' || how === '-alias') remove(spec, given.address);
    else {
      const fallback = destination === '' ? defaultLength(given.address, family) : BITS[family];
      const address = { family, address: given.address, length: length === -1 ? fallback : length, destination };
      // Ports that left their VRFs keep their addresses, be they those of others; so a configuration may have one twice.
      if (draft.loading !== true) refuseTaken(draft.state, spec, address);
      add(draft.state, spec, address, how === 'alias' || family === 'inet6');
    }
    dropUnreachable(draft.state);
  };
}

/** `alias`, `delete` or `-alias`, if that is next. */
function takeHow(words: Words): string {
  return ['alias', 'delete', '-alias'].includes(words.peek) ? words.take('word') : '';
}

/** Whether a word begins an address without its family, as in `ifconfig rport0 169.254.0.1`. */
export function looksLikeAddress(word: string): Family | undefined {
  if (/^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(word)) return 'inet';
  return /^[0-9a-f]*:[0-9a-f:.]*(\/\d+)?$/i.test(word) ? 'inet6' : undefined;
}

function parseDestination(word: string, family: Family): string {
  const destination = parsePrefix(word);
  if (destination.family !== family || destination.length !== -1)
    throw new ControlError('EINVAL', `${word}: not an ${family} address`);
  return destination.address;
}

function add(state: State, spec: InterfaceSpec, address: AddressSpec, alias: boolean): void {
  if (spec.type === 'veb') throw new ControlError('ENOTTY', `${spec.name}: a veb has no addresses`);
  const bridge = bridgeOf(state, spec.name);
  if (bridge !== undefined && spec.type !== 'vport') {
    throw new ControlError('EBUSY', `${spec.name}: a port of ${bridge.name}`);
  }
  refuseUnusable(address);
  const same = spec.addresses.findIndex((a) => a.address === address.address);
  const first = alias ? -1 : spec.addresses.findIndex((a) => a.family === address.family);
  const at = same === -1 ? first : same;
  if (at === -1) spec.addresses.push(address);
  else spec.addresses[at] = address;
}

/** Throws EADDRINUSE for an address that another interface of the domain has. */
function refuseTaken(state: State, spec: InterfaceSpec, { address }: AddressSpec): void {
  for (const other of state.interfaces.values()) {
    if (other.rdomain !== spec.rdomain || other === spec) continue;
    if (other.addresses.some((a) => a.address === address && !isLinkLocal(a.address))) {
      throw new ControlError('EADDRINUSE', `${address}: an address of ${other.name}`);
    }
  }
}

function remove(spec: InterfaceSpec, address: string): void {
  if (!spec.addresses.some((a) => a.address === address)) {
    throw new ControlError('EADDRNOTAVAIL', `${address}: not an address of ${spec.name}`);
  }
  spec.addresses = spec.addresses.filter((a) => a.address !== address);
}

/** Addresses that no interface can have. */
function refuseUnusable({ address, family, length }: AddressSpec): void {
  const bad = family === 'inet' ? /^(0\.|22[4-9]\.|2[3-5]\d\.)/.test(address) : /^(ff|::$)/.test(address);
  if (bad) throw new ControlError('EINVAL', `${address}: not the address of one interface`);
  if (length === 0) throw new ControlError('EINVAL', `${address}: a network of all addresses`);
}

/** The class of an IPv4 address says its length where nobody does; 64 for IPv6. */
function defaultLength(address: string, family: Family): number {
  if (family === 'inet6') return 64;
  const first = Number(address.split('.')[0]);
  if (first < 128) return 8;
  return first < 192 ? 16 : 24;
}
