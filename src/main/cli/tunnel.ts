/**
 * The words of `ifconfig` about tunnels, for erspan interfaces (spec A §6.2): each request's errors in that table's order.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { addressWords, canonical, familyOf } from '../config/address.js';
import { isLinkLocal } from '../config/link-local.js';
import { type InterfaceSpec, RDOMAIN, type State } from '../config/state.js';
import { isTypeOne, TUNNEL_TTL, type TunnelSpec, VNETID } from '../config/tunnel.js';
import { splitZone } from '../config/zone.js';
import { ControlError } from '../errors.js';
import type { Draft, Words } from './words.js';

type Handler = (draft: Draft, spec: InterfaceSpec, words: Words) => void;

/** The words and what they do. */
export const TUNNEL_WORDS: Record<string, Handler> = {
  tunnel: (_, spec, words) => {
    const tunnel = idleTunnel(spec);
    // Both are looked at before either is set (E3).
    const local = localAddress(words.take('source address'));
    const remote = remoteAddress(words.take('destination address'), local);
    Object.assign(tunnel, { local, remote });
  },
  tunneladdr: (_, spec, words) => {
    Object.assign(idleTunnel(spec), { local: localAddress(words.take('source address')), remote: '' });
  },
  '-tunnel': (_, spec) => {
    Object.assign(idleTunnel(spec), { local: '', remote: '' });
  },
  vnetid: (_, spec, words) => {
    idleTunnel(spec).vnetid = words.takeNumber('vnetid', VNETID.min, VNETID.max);
  },
  '-vnetid': (_, spec) => {
    idleTunnel(spec).vnetid = -1;
  },
  tunneldomain: (draft, spec, words) => {
    const tunnel = idleTunnel(spec);
    const rdomain = words.takeNumber('tunneldomain', RDOMAIN.min, RDOMAIN.max);
    // A configuration may be older than what became of its domains.
    if (draft.loading !== true && !isDomain(draft.state, rdomain)) {
      throw new ControlError('EINVAL', `${rdomain}: no such routing domain`);
    }
    tunnel.rdomain = rdomain;
  },
  tunnelttl: (_, spec, words) => {
    tunnelOf(spec).ttl = words.takeNumber('tunnelttl', TUNNEL_TTL.min, TUNNEL_TTL.max);
  },
  tunneldf: (_, spec) => {
    tunnelOf(spec).df = true;
  },
  '-tunneldf': (_, spec) => {
    tunnelOf(spec).df = false;
  },
  txprio: (_, spec, words) => {
    tunnelOf(spec).txprio = priority(words.take('txprio'), ['packet']);
  },
  rxprio: (_, spec, words) => {
    tunnelOf(spec).rxprio = priority(words.take('rxprio'), ['packet', 'payload', 'outer']);
  },
};

/** `link1` makes an erspan interface one of type I: part of what it is found by, so not while it is up. Throws EBUSY. */
export function checkTypeOne(spec: InterfaceSpec, on: boolean): void {
  if (spec.tunnel !== undefined && isTypeOne(spec) !== on) idleTunnel(spec);
}

function tunnelOf(spec: InterfaceSpec): TunnelSpec {
  if (spec.tunnel === undefined) throw new ControlError('ENOTTY', `${spec.name}: not a tunnel`);
  return spec.tunnel;
}

/** The tunnel of an interface that is down. */
function idleTunnel(spec: InterfaceSpec): TunnelSpec {
  const tunnel = tunnelOf(spec);
  if (spec.up) throw new ControlError('EBUSY', `${spec.name}: up`);
  return tunnel;
}

function localAddress(word: string): string {
  refuseLinkLocal(word);
  if (familyOf(word) === undefined) throw new ControlError('EAFNOSUPPORT', `${word}: neither IPv4 nor IPv6`);
  return oneStation(word);
}

function remoteAddress(word: string, local: string): string {
  refuseLinkLocal(word);
  if (familyOf(word) === undefined || isIPv4(word) !== isIPv4(local)) {
    throw new ControlError('EINVAL', `${word}: not an address of the family of ${local}`);
  }
  return oneStation(word);
}

/** Throws EINVAL for an address of one link, with its zone or without: the outer packet leaves by the routes of a domain. */
function refuseLinkLocal(word: string): void {
  const { address } = splitZone(word);
  if (isIPv6(address) && isLinkLocal(canonical(address))) {
    throw new ControlError(
      'EINVAL',
      `${word}: a link-local address; the outer packet is routed, so give it one that is`,
    );
  }
}

/** An address that is neither unspecified nor multicast. */
function oneStation(word: string): string {
  const text = canonical(word);
  const [first = 0, ...rest] = addressWords(text);
  const four = rest.length === 0;
  const multicast = four ? first >>> 28 === 14 : first >>> 24 === 0xff;
  const unspecified = first === 0 && rest.every((one) => one === 0);
  if (multicast || unspecified) throw new ControlError('EINVAL', `${word}: not the address of one station`);
  return text;
}

/** Whether any interface is in it. */
function isDomain(state: State, rdomain: number): boolean {
  if (rdomain === 0) return true;
  return [...state.interfaces.values()].some((spec) => spec.type !== 'veb' && spec.rdomain === rdomain);
}

/** One of `names`, or a number from 0 to 7. */
function priority<Name extends string>(word: string, names: readonly Name[]): Name | number {
  const name = names.find((one) => one === word);
  if (name !== undefined) return name;
  if (/^[0-7]$/.test(word)) return Number(word);
  throw new ControlError('EINVAL', `${word}: not ${names.join(', ')} or 0 to 7`);
}
