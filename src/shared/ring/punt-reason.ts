/**
 * Why a worker hands a packet to main: everything that is no stateless reply and no plain forwarding.
 */
export const enum PuntReason {
  /** The neighbour it goes to is not known. */
  RESOLVE = 1,
  ARP = 2,
  ND = 3,
  /** For the router itself. */
  LOCAL = 4,
  /** TTL or hop limit used up. */
  TTL = 5,
  /** Longer than the MTU of its way. */
  TOO_BIG = 6,
  NO_ROUTE = 7,
  REJECT = 8,
  /** IPv4 or IPv6 options that need a look or an answer. */
  OPTION = 9,
  /** A copy of one that leaves where it came from. */
  REDIRECT = 10,
  /** Made by the worker; it lacks the neighbour it goes to. Its frame begins at its IP header. */
  OUTPUT = 11,
  /** To be answered with the ICMP error that `PuntError` in front of it says. */
  ERROR = 12,
  /** To be sent to the neighbour that `PuntVia` in front of it says, which the worker does not know yet. */
  VIA = 13,
}

/** Bytes that stand in front of the IP packet of an ERROR; numbers in network order. */
export const enum PuntError {
  /** Of ICMP or ICMPv6, as the packet is. */
  TYPE = 0,
  CODE = 1,
  /** The `Drop` it is booked as, 16 bits. */
  DROP = 2,
  /** The second word of the error: a pointer or an MTU. */
  REST = 4,
  BYTES = 8,
}

/** Bytes that stand in front of the IP packet of a VIA; numbers in network order. */
export const enum PuntVia {
  /** Interface it leaves by. */
  OUT = 0,
  /** Address of the neighbour: 4 bytes of IPv4, 16 of IPv6. */
  ADDRESS = 4,
  BYTES = 20,
}

/**
 * How a punted frame's EGRESS word is made up: reason | cast << CAST_SHIFT | TRAIL | offset of the network header << OFFSET_SHIFT. Of OUTPUT
 * the offset is 0, and the routing domain stands there.
 */
export const enum PuntWord {
  REASON_MASK = 0xf,
  CAST_SHIFT = 4,
  CAST_MASK = 3,
  /** It has taken virtual hops: its trail stands at the begin of its slot. */
  TRAIL = 0x40,
  OFFSET_SHIFT = 8,
}

/** How a frame was addressed on its link. */
export const enum Cast {
  UNICAST = 0,
  BROADCAST = 1,
  MULTICAST = 2,
  /** It came over none: a worker made it. */
  OWN = 3,
}
