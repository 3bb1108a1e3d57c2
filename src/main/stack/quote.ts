/**
 * What an ICMP error quotes of the packet it is about (RFC 792, RFC 4443 §2.4 (c)). Main.
 */
import { Icmp } from '../../shared/wire/icmp.js';
import { Ipv4 } from '../../shared/wire/ipv4.js';
import { Ipv6 } from '../../shared/wire/ipv6.js';
import { IP, makePacket, type Packet } from './packet.js';

/** The packet that an error's message at `at` quotes, as far as it does; undefined if that is less than its header and 8 bytes. */
export function quote(packet: Packet, at: number): Packet | undefined {
  const begin = IP + at + Icmp.LENGTH;
  const length = IP + packet.length - begin;
  const least = packet.version === 4 ? Ipv4.LENGTH : Ipv6.LENGTH;
  if (length < least + 8 || packet.u8[begin] >> 4 !== packet.version) return undefined;
  const quoted = makePacket(packet.version, length);
  quoted.u8.set(packet.u8.subarray(begin, begin + length), IP);
  return quoted;
}
