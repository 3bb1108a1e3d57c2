/**
 * Resets: the answer to TCP segments that nobody here listens to (RFC 9293 §3.5.2). Main.
 */
import { complement, store16, sumBytes } from '../../shared/wire/checksum.js';
import { pseudoSum } from '../../shared/wire/ip.js';
import { Ipv4, writeIpv4 } from '../../shared/wire/ipv4.js';
import { Ipv6, trafficClass, writeIpv6 } from '../../shared/wire/ipv6.js';
import { read16, read32, write16, write32 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { checkTcp, Tcp, TcpFlag } from '../../shared/wire/tcp.js';
import { isMulticast, writeWords } from './address.js';
import type { StackEnvironment } from './environment.js';
import type { Fate } from './fate.js';
import type { Output } from './output.js';
import { destinationOf, IP, makePacket, type Origin, type Packet, sourceOf } from './packet.js';
import { TokenBucket } from './rate-limit.js';

/** Resets a second (OpenBSD's net.inet.tcp.rstppslimit). */
const RESETS = 100;
const HOPS = 64;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;
const ACKNOWLEDGEMENT = 8;
/** A reset goes the way of what it answers; ECN is not its own (RFC 3168 §6.1.1). */
const DSCP = 0xfc;

export class Resetter {
  private readonly bucket: TokenBucket;

  constructor(
    private readonly env: StackEnvironment,
    private readonly output: Output,
  ) {
    this.bucket = new TokenBucket(RESETS, RESETS, env.nowMs());
  }

  /** Answers the segment at `at` bytes from the IP header, whose checksum is right. */
  refuse(packet: Packet, rdomain: number, origin: Origin, scope: number, at: number): Fate {
    const length = packet.length - at;
    const to = destinationOf(packet);
    if (!checkTcp(packet.u8, IP + at, length)) return 'header';
    const flags = packet.u8[IP + at + Tcp.FLAGS];
    if ((flags & RST) !== 0 || origin.group || isMulticast(to)) return 'consumed';
    if (!this.bucket.allow(this.env.nowMs())) return 'consumed';
    this.output.own(reset(packet, at, flags), rdomain, scope);
    return 'consumed';
  }
}

function reset(packet: Packet, at: number, flags: number): Packet {
  const { u8: asked, version } = packet;
  const segment = IP + at;
  const header = version === 4 ? Ipv4.LENGTH : Ipv6.LENGTH;
  const answer = makePacket(version, header + Tcp.LENGTH);
  const { u8, u16 } = answer;
  const from = destinationOf(packet);
  const to = sourceOf(packet);
  if (version === 4) {
    writeIpv4(u16, IP, asked[IP + Ipv4.TOS] & DSCP, answer.length, 0, 0x4000, HOPS, Protocol.TCP, from[0], to[0]);
  } else {
    writeIpv6(u8, IP, trafficClass(asked, IP) & DSCP, 0, Tcp.LENGTH, Protocol.TCP, HOPS);
    writeWords(u8, IP + Ipv6.SOURCE, from);
    writeWords(u8, IP + Ipv6.DESTINATION, to);
  }
  const out = IP + header;
  write16(u8, out + Tcp.SOURCE, read16(asked, segment + Tcp.DESTINATION));
  write16(u8, out + Tcp.DESTINATION, read16(asked, segment + Tcp.SOURCE));
  u8[out + Tcp.DATA_OFFSET] = 0x50;
  if ((flags & ACK) !== 0) {
    write32(u8, out + Tcp.SEQUENCE, read32(asked, segment + ACKNOWLEDGEMENT));
    u8[out + Tcp.FLAGS] = RST;
  } else {
    const data = packet.length - at - ((asked[segment + Tcp.DATA_OFFSET] >> 4) << 2);
    const taken = data + ((flags & SYN) !== 0 ? 1 : 0) + ((flags & TcpFlag.FIN) !== 0 ? 1 : 0);
    write32(u8, out + ACKNOWLEDGEMENT, read32(asked, segment + Tcp.SEQUENCE) + taken);
    u8[out + Tcp.FLAGS] = RST | ACK;
  }
  const pseudo = pseudoSum(u8, u16, IP, version, Tcp.LENGTH, Protocol.TCP);
  store16(u8, out + Tcp.CHECKSUM, complement(sumBytes(u8, u16, out, Tcp.LENGTH) + pseudo));
  return answer;
}
