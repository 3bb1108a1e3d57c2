/**
 * What the next hops SID and ENCAP (next-hop.ts) hold besides a plain one's words: SRv6 endpoint behaviours and headends (spec B
 * §1.3, §2; RFC 8986). A local SID is an ordinary IPv6 route, so the IPv6 table finds it: a SID of 128 bits by the hash that is
 * asked first. Records are immutable: main builds them (main/control/srv6.ts), workers read them.
 *
 * SID: FLAGS = action | flavors << FLAVOR_SHIFT. TABLE = the domain looked in after decapsulation or advance. INTERFACE and
 * GENERATION = the VRF it enters, or the interface it leaves by; 0 = none. GATEWAY = next hop; zeros = by the packet's destination.
 * ENCAP: GATEWAY = the first segment; TABLE = the underlay; FLAGS = `EncapFlag` bits.
 */

/** Endpoint behaviours, by Linux's numbers. */
export const enum SidAction {
  END = 1,
  END_X = 2,
  END_T = 3,
  END_DX2 = 4,
  END_DX6 = 5,
  END_DX4 = 6,
  END_DT6 = 7,
  END_DT4 = 8,
  END_DT46 = 16,
}

/** Flavors of End, End.X and End.T (RFC 8986 §4.16), and the place of their bits. */
export const enum SidFlavor {
  PSP = 1,
  USP = 2,
  USD = 4,
  ACTION_MASK = 0xff,
  SHIFT = 8,
  /** Beside them: the inner packet enters a VRF, */
  VRF = 0x10000,
  /** and may be IPv4. */
  VRF4 = 0x20000,
}

/** Bits of an ENCAP next hop's FLAGS. */
export const enum EncapFlag {
  /** It has an SRH: the inner protocol stands there, not in the IPv6 header. */
  SRH = 1,
}

/** Most bytes of an outer header: headroom less Ethernet and virtio-net headers, a whole number of words. */
export const OVERHEAD_MOST = 224;
