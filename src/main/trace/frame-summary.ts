/**
 * A frame in a few words: its addresses, and what it carries. Runs in smrctl.
 */
import { EtherType } from '../../shared/wire/ethernet.js';
import { formatIpv6 } from '../../shared/wire/ipv6-address.js';
import { Protocol } from '../../shared/wire/protocol.js';

const ETHER = 14;
/** Ethertypes of tags, as sent. */
const [TAG, SERVICE_TAG] = [0x8100, 0x88a8];
const PROTOCOLS: Readonly<Record<number, string>> = {
  [Protocol.ICMP]: 'ICMP',
  [Protocol.TCP]: 'TCP',
  [Protocol.UDP]: 'UDP',
  [Protocol.GRE]: 'GRE',
  [Protocol.ICMPV6]: 'ICMPv6',
  [Protocol.ROUTING]: 'routing header',
  [Protocol.FRAGMENT]: 'fragment',
};

/** Two words for the addresses of a link, its VLANs, then addresses of IPv4, IPv6 or ARP; `frame` may be cut off anywhere behind byte 14. */
export function frameSummary(frame: Buffer): string {
  let link = `${mac(frame, 6)} > ${mac(frame, 0)}`;
  let at = ETHER;
  let type = frame.readUInt16BE(12);
  while ((type === TAG || type === SERVICE_TAG) && frame.length >= at + 4) {
    link += ` vlan ${frame.readUInt16BE(at) & 0xfff}`;
    type = frame.readUInt16BE(at + 2);
    at += 4;
  }
  const packet = frame.subarray(at);
  // wire/ethernet.ts reads words of this machine's order; here they are bytes as sent.
  const is = (known: EtherType): boolean => type === (((known & 0xff) << 8) | (known >> 8));
  if (is(EtherType.IPV4) && packet.length >= 20) return `${link} ${ipv4(packet)}`;
  if (is(EtherType.IPV6) && packet.length >= 40) return `${link} ${ipv6(packet)}`;
  if (is(EtherType.ARP) && packet.length >= 28) return `${link} ${arp(packet)}`;
  return `${link} type 0x${type.toString(16).padStart(4, '0')}`;
}

/** The same of a packet without a link's header. */
export function packetSummary(packet: Buffer): string {
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4 && packet.length >= 20) return ipv4(packet);
  if (version === 6 && packet.length >= 40) return ipv6(packet);
  return 'neither IPv4 nor IPv6';
}

/** Six bytes as a link-layer address. */
export function mac(bytes: Buffer, at: number): string {
  return [...bytes.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Four bytes as an IPv4 address. */
export function dotted(bytes: Buffer, at: number): string {
  return [...bytes.subarray(at, at + 4)].join('.');
}

function ipv4(packet: Buffer): string {
  const [source, destination] = [dotted(packet, 12), dotted(packet, 16)];
  const whole = (packet.readUInt16BE(6) & 0x1fff) === 0;
  const upper = packet.subarray(((packet[0] as number) & 15) * 4);
  return `IPv4 ${ends(source, destination, packet[9] as number, whole ? upper : upper.subarray(0, 0))} ttl ${packet[8]}`;
}

function ipv6(packet: Buffer): string {
  const [source, destination] = [formatIpv6(packet, 8), formatIpv6(packet, 24)];
  return `IPv6 ${ends(source, destination, packet[6] as number, packet.subarray(40))} hop limit ${packet[7]}`;
}

/** Addresses, with ports where there are some, and the protocol. */
function ends(source: string, destination: string, protocol: number, upper: Buffer): string {
  const name = PROTOCOLS[protocol] ?? `protocol ${protocol}`;
  if ((protocol !== Protocol.TCP && protocol !== Protocol.UDP) || upper.length < 4)
    return `${source} > ${destination} ${name}`;
  return `${source} port ${upper.readUInt16BE(0)} > ${destination} port ${upper.readUInt16BE(2)} ${name}`;
}

function arp(packet: Buffer): string {
  const sender = dotted(packet, 14);
  const target = dotted(packet, 24);
  return packet.readUInt16BE(6) === 1
    ? `ARP who has ${target}, asks ${sender}`
    : `ARP ${sender} is at ${mac(packet, 8)}`;
}
