/**
 * Frames whose checksum the sender left to its device, where nothing says so: what veth hands to XDP.
 *
 * Linux leaves the folded sum of the pseudo-header in the checksum's place. A frame that has exactly that there is marked as
 * partial, and completed on its way out like any other. One whose right checksum happens to be that sum loses nothing:
 * completing gives the same again. Runs on a worker.
 */
import { EtherType } from '../../shared/wire/ethernet.js';
import { networkOffset, pseudoSum } from '../../shared/wire/ip.js';
import { Ipv4 } from '../../shared/wire/ipv4.js';
import { Ipv6 } from '../../shared/wire/ipv6.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { Tcp } from '../../shared/wire/tcp.js';
import { Udp } from '../../shared/wire/udp.js';

/** More fragments, and the offset of this one, in the upper byte of their field. */
const FRAGMENT_HIGH = 0x3f;

/**
 * csum_start | csum_offset << 16 of the TCP or UDP frame of `length` bytes at byte `offset` if its checksum is partial; 0 of every
 * other. A fragment has none, nor has a frame longer than its packet.
 */
export function partialChecksum(u8: Uint8Array, u16: Uint16Array, offset: number, length: number): number {
  const network = networkOffset(u16, offset);
  const type = u16[(offset + network - 2) >> 1];
  const ip = offset + network;
  let start = network;
  let protocol = 0;
  if (type === EtherType.IPV4 && network + Ipv4.LENGTH <= length) {
    start += (u8[ip] & 15) << 2;
    protocol = u8[ip + Ipv4.PROTOCOL];
    const total = (u8[ip + Ipv4.TOTAL_LENGTH] << 8) | u8[ip + Ipv4.TOTAL_LENGTH + 1];
    const fragment = (u8[ip + Ipv4.FRAGMENT] & FRAGMENT_HIGH) | u8[ip + Ipv4.FRAGMENT + 1];
    if (network + total !== length || fragment !== 0) return 0;
  } else if (type === EtherType.IPV6 && network + Ipv6.LENGTH <= length) {
    start += Ipv6.LENGTH;
    protocol = u8[ip + Ipv6.NEXT_HEADER];
    const payload = (u8[ip + Ipv6.PAYLOAD_LENGTH] << 8) | u8[ip + Ipv6.PAYLOAD_LENGTH + 1];
    if (start + payload !== length) return 0;
  }
  const tcp = protocol === Protocol.TCP;
  if (!tcp && protocol !== Protocol.UDP) return 0;
  if (start + (tcp ? Tcp.LENGTH : Udp.LENGTH) > length) return 0;
  const place = tcp ? Tcp.CHECKSUM : Udp.CHECKSUM;
  const pseudo = pseudoSum(u8, u16, ip, type === EtherType.IPV4 ? 4 : 6, length - start, protocol);
  return u16[(offset + start + place) >> 1] === pseudo ? start | (place << 16) : 0;
}
