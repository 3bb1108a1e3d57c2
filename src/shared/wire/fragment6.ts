/**
 * IPv6 fragmentation by the source (RFC 8200 §4.5): how many fragments a packet gives, and each of them written. Any thread; nothing is
 * allocated.
 *
 * Only for packets whose first header behind the IPv6 header is no extension header: then that header alone is the part that
 * every fragment has.
 */
import { Fragment6, Ipv6, payloadLength } from './ipv6.js';
import { write16, write32 } from './network-order.js';
import { Protocol } from './protocol.js';

/**
 * Number of fragments of at most `mtu` bytes that the packet at byte `ip` gives; 1 if it fits as it is, 0 if its extension headers are not
 * to be cut, or if headers leave no room in `mtu`, which no link of IPv6 has (RFC 8200 §5) but the host of an attached interface may set.
 */
export function fragments6(u8: Uint8Array, ip: number, mtu: number): number {
  const data = payloadLength(u8, ip);
  if (Ipv6.LENGTH + data <= mtu) return 1;
  if (share(mtu) <= 0) return 0;
  const next = u8[ip + Ipv6.NEXT_HEADER];
  if (next === Protocol.HOP_BY_HOP || next === Protocol.ROUTING || next === Protocol.DESTINATION) return 0;
  return next === Protocol.FRAGMENT ? 0 : Math.ceil(data / share(mtu));
}

/**
 * Writes fragment `k`, 0 … `count` - 1, of the packet at byte `ip` at even byte `to`, and returns its length. `count` is what
 * `fragments6` says, and above 1; `id` is the same for all of them. The two must not overlap.
 */
export function writeFragment6(
  u8: Uint8Array,
  ip: number,
  mtu: number,
  k: number,
  count: number,
  id: number,
  to: number,
): number {
  const begin = k * share(mtu);
  const bytes = k === count - 1 ? payloadLength(u8, ip) - begin : share(mtu);
  const header = to + Ipv6.LENGTH;
  u8.copyWithin(to, ip, ip + Ipv6.LENGTH);
  write16(u8, to + Ipv6.PAYLOAD_LENGTH, Fragment6.LENGTH + bytes);
  u8[to + Ipv6.NEXT_HEADER] = Protocol.FRAGMENT;
  u8[header + Fragment6.NEXT_HEADER] = u8[ip + Ipv6.NEXT_HEADER];
  u8[header + 1] = 0;
  write16(u8, header + Fragment6.OFFSET, begin | (k === count - 1 ? 0 : Fragment6.MORE));
  write32(u8, header + Fragment6.ID, id);
  const data = ip + Ipv6.LENGTH + begin;
  u8.copyWithin(header + Fragment6.LENGTH, data, data + bytes);
  return Ipv6.LENGTH + Fragment6.LENGTH + bytes;
}

/** Bytes of data in every fragment but the last. */
function share(mtu: number): number {
  return (mtu - Ipv6.LENGTH - Fragment6.LENGTH) & ~7;
}
