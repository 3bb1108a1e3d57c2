/**
 * How a punted packet ends: exactly one of these, so that the books balance. `stack.ts` books the fates that the parts return;
 * a packet that is held is booked by what holds it (`neighbours.ts`, `reassembly.ts`).
 */

/** Why a punted packet is dropped: names of drop-reason.ts, but for `down` and `transmit` (control/stack-environment.ts). */
export type DropReason =
  /** Ingress gone or down, or the egress down. */
  | 'down'
  /** A malformed IP header, extension headers, or a TCP, UDP or ICMP header that is cut off. */
  | 'header'
  /** Source or destination that no packet may have here; an address of ours or a broadcast as the source. */
  | 'martian-source'
  | 'martian-destination'
  | 'ip6-multicast-source'
  | 'ip6-loopback'
  | 'ip6-scope'
  | 'ip6-mapped'
  | 'ip6-unspecified'
  /** A malformed or source-routing IPv4 option, or hop-by-hop or destination options that are not in order. */
  | 'ip4-option'
  | 'ip4-source-route'
  | 'ip6-option'
  /** A transport checksum that is wrong. */
  | 'checksum'
  /** ARP that is malformed or that we do not believe. */
  | 'arp'
  /** Neighbour discovery that RFC 4861 §6.1 or §7.1 tells us to discard. */
  | 'nd'
  /** A unicast packet to be forwarded that came in a broadcast or multicast frame. */
  | 'l2-broadcast'
  /** A directed broadcast of another net. */
  | 'directed-broadcast'
  /** A group that we do not listen to. */
  | 'multicast'
  /** A link-local address on the way to another link. */
  | 'ip6-link-local'
  /** The family is not forwarded. */
  | 'forwarding-off'
  | 'no-route'
  | 'reject'
  | 'blackhole'
  | 'ttl'
  | 'too-big'
  /** The next hop does not answer. */
  | 'unreachable'
  /** No room in the neighbour table or in the queue of a neighbour. */
  | 'neighbour-full'
  /** A fragment that contradicts others, or one of a datagram given up for that. */
  | 'reassembly'
  /** A fragment whose datagram did not become whole in time. */
  | 'reassembly-timeout'
  /** A fragment that had to go to make room for others. */
  | 'reassembly-full'
  /** Refused by a SID; a worker has said so. */
  | 'srv6-header'
  | 'srv6-upper'
  /** The environment did not take it. */
  | 'transmit';

/** `sent`: handed to `transmit` as forwarded. `held`: in a queue, counted by `Stack.held`. */
export type Fate = 'sent' | 'held' | 'consumed' | DropReason;
