/**
 * SRv6 as plain values: what a SID does, what a route encapsulates packets in, the settings of both (spec B §1.2 to §2.9). Names and
 * addresses as text, canonical; indices and records are found when it becomes live. Main only.
 */
import { canonical, familyOf, networkOf } from './address.js';

/** Endpoint behaviours that there are, as iproute2 spells them. */
export const SID_ACTIONS = [
  'End',
  'End.X',
  'End.T',
  'End.DX2',
  'End.DX4',
  'End.DX6',
  'End.DT4',
  'End.DT6',
  'End.DT46',
] as const;
export type SidAction = (typeof SID_ACTIONS)[number];

/** What End may do besides (spec B §2.7). */
export const FLAVORS = ['psp', 'usp', 'usd'] as const;
export type Flavor = (typeof FLAVORS)[number];

/** What is done to packets for a SID. Words that an action does not take are empty, or -1 for tables. */
export interface SidSpec {
  readonly action: SidAction;
  /** Each once, in the order of `FLAVORS`. */
  readonly flavors: readonly Flavor[];
  /** Table of End.T, and of End.DT6 without a VRF. */
  readonly table: number;
  /** Table of the VRF that the inner packet enters. */
  readonly vrftable: number;
  /**
   * The VRF itself, found once, when the SID was made; empty = there is none, or it has gone: one of the same name or table that
   * comes later is another tenant's (spec B §1.7). A packet that needs it is then dropped.
   */
  readonly vrf: string;
  /** 0.0.0.0 and :: stand for the inner destination. */
  readonly nh4: string;
  readonly nh6: string;
  /** Interface of End.DX2, and of End.X where the operator named one. */
  readonly oif: string;
  /** Whether its packets, bytes and errors are counted. */
  readonly count: boolean;
}

/** The outer header that a route gives to packets. */
export interface EncapSpec {
  readonly mode: 'encap' | 'encap.red';
  /** Outer source of this route; empty = the router's. */
  readonly tunsrc: string;
  /** In the order in which they are visited; one at least. */
  readonly segs: readonly string[];
  /** HMAC key; 0 = none. */
  readonly hmac: number;
  /** Table that the outer packet is looked up in. */
  readonly table: number;
}

/** Most segments of a list: an SRH has 8 bytes for its length (spec B §1.1). */
export const SEGMENTS_MAX = 127;

/** A key of the HMAC TLV. */
export interface HmacKey {
  /** 1 … 4294967295. */
  readonly id: number;
  readonly algorithm: 'sha1' | 'sha256';
  /** 1 to 64 bytes as text. */
  readonly secret: string;
}

/** SRv6 settings of the router as a whole that are no sysctl. */
export interface Seg6Spec {
  /** Outer source where a route has none of its own; empty = an address of the interface the outer packet leaves by. */
  tunsrc: string;
  /** By ascending id. */
  hmacs: HmacKey[];
}

/** Most prefixes of an SR domain's SIDs, and of its nodes. */
const PREFIXES_MOST = 8;

/** IPv6 prefixes, with commas between, their addresses as they are written; `none` is no prefix. Undefined if a text is no such list. */
export function parsePrefixes6(text: string): { readonly address: string; readonly length: number }[] | undefined {
  if (text === 'none') return [];
  const found = text.split(',').map((one) => {
    const [, address = '', digits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(one) ?? [];
    const length = Number(digits);
    const whole = familyOf(address) === 'inet6' && length <= 128;
    return whole && networkOf(address, length) === canonical(address) ? { address, length } : undefined;
  });
  const good = found.filter((one) => one !== undefined);
  return good.length === found.length && good.length <= PREFIXES_MOST ? good : undefined;
}
