/**
 * Numbers of the IPv4 protocol field and of the IPv6 next header field (IANA "Assigned Internet Protocol Numbers").
 */
export const enum Protocol {
  HOP_BY_HOP = 0,
  ICMP = 1,
  IGMP = 2,
  IPV4 = 4,
  TCP = 6,
  UDP = 17,
  IPV6 = 41,
  ROUTING = 43,
  FRAGMENT = 44,
  GRE = 47,
  AUTHENTICATION = 51,
  ICMPV6 = 58,
  NO_NEXT_HEADER = 59,
  DESTINATION = 60,
  ETHERNET = 143,
}
