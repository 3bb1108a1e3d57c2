/**
 * What an erspan interface is told of its tunnel, as plain values, and what must hold before it may go up (spec A §6.2, §6.3).
 */
import { ControlError } from '../errors.js';
import type { InterfaceSpec, State } from './state.js';

/** Where a priority is taken from, or the priority itself, 0 … 7. */
export type TxPriority = 'packet' | number;
export type RxPriority = 'packet' | 'payload' | 'outer' | number;

/** A tunnel. */
export interface TunnelSpec {
  /** Canonical text of an address of ours; empty = not set. */
  local: string;
  /** Of the same family; empty = any. */
  remote: string;
  /** Session, 0 … 1023; -1 = any. */
  vnetid: number;
  /** Routing domain of the outer packets. */
  rdomain: number;
  ttl: number;
  df: boolean;
  txprio: TxPriority;
  rxprio: RxPriority;
}

/** Limits (spec A §6.2). */
export const VNETID = { min: 0, max: 1023 } as const;
export const TUNNEL_TTL = { default: 64, min: 1, max: 255 } as const;

/** A tunnel with nothing set. */
export function newTunnel(): TunnelSpec {
  return {
    local: '',
    remote: '',
    vnetid: -1,
    rdomain: 0,
    ttl: TUNNEL_TTL.default,
    df: false,
    txprio: 'packet',
    rxprio: 'payload',
  };
}

/** Whether an erspan interface is one of type I (link1), which has no session. */
export function isTypeOne(spec: InterfaceSpec): boolean {
  return spec.link[1];
}

/** What no two interfaces that are up may share: session, domain, addresses. */
function key(spec: InterfaceSpec, tunnel: TunnelSpec): string {
  const session = isTypeOne(spec) ? 'I' : tunnel.vnetid;
  return [session, tunnel.rdomain, tunnel.local, tunnel.remote].join(' ');
}

/**
 * Throws EDESTADDRREQ of an interface that lacks its address, or has a remote one and no session; EADDRINUSE if one that is up has
 * the same session, domain and addresses.
 */
export function checkTunnelUp(state: State, spec: InterfaceSpec): void {
  const { tunnel } = spec;
  if (tunnel === undefined) return;
  if (tunnel.local === '') throw new ControlError('EDESTADDRREQ', `${spec.name}: no tunnel address`);
  if (tunnel.remote !== '' && tunnel.vnetid === -1 && !isTypeOne(spec)) {
    throw new ControlError('EDESTADDRREQ', `${spec.name}: a remote address and no vnetid`);
  }
  for (const other of state.interfaces.values()) {
    if (other === spec || !other.up || other.tunnel === undefined) continue;
    if (key(other, other.tunnel) !== key(spec, tunnel)) continue;
    throw new ControlError('EADDRINUSE', `${spec.name}: ${other.name} is up with the same session and addresses`);
  }
}
