/** Why a worker hands a packet to main (spec B §5). Main decides anew from its own tables: but for ARP and ND, it is a hint. */
export const enum PuntReason {
  /** The next hop's hardware address is not known. */
  RESOLVE = 1,
  ARP = 2,
  ND = 3,
  /** To an address of ours, or to a group or broadcast we take part in. */
  LOCAL = 4,
  /** TTL or hop limit of 1 or 0. */
  TTL = 5,
  /** Longer than the MTU of the way out. */
  TOO_BIG = 6,
  NO_ROUTE = 7,
  /** The route says that it must not be forwarded. */
  REJECT = 8,
  /** Options that a router has to look at, or a malformed one. */
  OPTION = 9,
  /** It leaves where it came in: its sender may want to know. */
  REDIRECT = 10,
}
