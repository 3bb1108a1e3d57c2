/**
 * ARP and RARP for IPv4 over Ethernet (RFC 826, RFC 903, RFC 5227): offsets, check, getters, writers. Any thread; nothing is
 * allocated.
 *
 * A frame begins at an even byte offset, so all fields are read as 16-bit words; the values here are the two bytes swapped, since
 * memory is read little-endian. Hardware addresses are as in `ethernet.ts`. The getters and writers have IPv4 addresses in host
 * order; bridge rules read them at the offsets, in memory order (`ipv4-address.ts`).
 */
import { EtherType, isGroup, writeEther } from './ethernet.js';
import { swap32 } from './ipv4-address.js';

/** Offsets from the frame's first byte, in 16-bit words, and the frame's least length in bytes. */
export const enum Arp {
  HARDWARE = 7,
  PROTOCOL = 8,
  /** Lengths of a hardware and of a protocol address. */
  LENGTHS = 9,
  OP = 10,
  SHA = 11,
  SPA = 14,
  THA = 16,
  TPA = 19,
  LENGTH = 42,
}

/** Operations, not swapped. RARP has the last two. */
export const enum ArpOp {
  REQUEST = 1,
  REPLY = 2,
  REVERSE_REQUEST = 3,
  REVERSE_REPLY = 4,
}

const HARDWARE_ETHERNET = 0x0100;
const LENGTHS_6_4 = 0x0406;
/** ff:ff:ff:ff:ff:ff. */
const BROADCAST_HI = 0xffff;
const BROADCAST_LO = -1;

/**
 * Operation (1 … 4) of the frame of `length` bytes at even byte offset `offset`, whose ethertype as read is `type`; 0 if it is
 * no ARP with operation 1 or 2 and no RARP with 3 or 4, is too short, or is not IPv4 over Ethernet (spec A §2.3). Once it is
 * not 0, all fields lie in the frame.
 */
export function arpOp(u16: Uint16Array, offset: number, length: number, type: number): number {
  if ((type !== EtherType.ARP && type !== EtherType.RARP) || length < Arp.LENGTH) return 0;
  const w = offset >> 1;
  if (u16[w + Arp.HARDWARE] !== HARDWARE_ETHERNET || u16[w + Arp.PROTOCOL] !== EtherType.IPV4) return 0;
  if (u16[w + Arp.LENGTHS] !== LENGTHS_6_4) return 0;
  const op = u16[w + Arp.OP] >> 8;
  if ((u16[w + Arp.OP] & 0xff) !== 0) return 0;
  const first = type === EtherType.ARP ? ArpOp.REQUEST : ArpOp.REVERSE_REQUEST;
  return op === first || op === first + 1 ? op : 0;
}

/** First two bytes of the sender's hardware address. */
export function arpSenderHi(u16: Uint16Array, offset: number): number {
  return u16[(offset >> 1) + Arp.SHA];
}

/** Last four bytes of the sender's hardware address. */
export function arpSenderLo(u16: Uint16Array, offset: number): number {
  return read(u16, (offset >> 1) + Arp.SHA + 1);
}

/** The sender's IPv4 address, host order; 0 in a probe. */
export function arpSender(u16: Uint16Array, offset: number): number {
  return swap32(read(u16, (offset >> 1) + Arp.SPA));
}

/** The target's IPv4 address, host order. */
export function arpTarget(u16: Uint16Array, offset: number): number {
  return swap32(read(u16, (offset >> 1) + Arp.TPA));
}

/** Whether the sender's hardware address can be a station's: not a group, not all zeros. */
export function arpSenderIsStation(u16: Uint16Array, offset: number): boolean {
  const hi = arpSenderHi(u16, offset);
  return !isGroup(hi) && (hi | arpSenderLo(u16, offset)) !== 0;
}

/**
 * Writes a request for `target` at even byte `offset`, from a station and its address `sender`, and returns its length; to
 * everybody, or to one station that is to confirm what it said (RFC 1122 §2.3.2.1). `sender` 0 makes it a probe, `sender` =
 * `target` an announcement (RFC 5227 §1.1).
 */
export function writeArpRequest(
  u16: Uint16Array,
  offset: number,
  fromHi: number,
  fromLo: number,
  sender: number,
  target: number,
  toHi = BROADCAST_HI,
  toLo = BROADCAST_LO,
): number {
  writeEther(u16, offset, toHi, toLo, fromHi, fromLo, EtherType.ARP);
  writeArp(u16, offset, ArpOp.REQUEST, fromHi, fromLo, sender, 0, 0, target);
  return Arp.LENGTH;
}

/** Writes a reply at even byte `offset`, "`sender` is at from", to the station that asked and its address; returns its length. */
export function writeArpReply(
  u16: Uint16Array,
  offset: number,
  fromHi: number,
  fromLo: number,
  sender: number,
  toHi: number,
  toLo: number,
  target: number,
): number {
  writeEther(u16, offset, toHi, toLo, fromHi, fromLo, EtherType.ARP);
  writeArp(u16, offset, ArpOp.REPLY, fromHi, fromLo, sender, toHi, toLo, target);
  return Arp.LENGTH;
}

/** Makes the checked request at `offset` its reply, in place: the address it asks for is at `hi`, `lo`. Returns its length. */
export function arpReply(u16: Uint16Array, offset: number, hi: number, lo: number): number {
  const sender = arpSender(u16, offset);
  const target = arpTarget(u16, offset);
  return writeArpReply(u16, offset, hi, lo, target, arpSenderHi(u16, offset), arpSenderLo(u16, offset), sender);
}

/** Writes the packet behind the Ethernet header. */
function writeArp(
  u16: Uint16Array,
  offset: number,
  op: ArpOp,
  sHi: number,
  sLo: number,
  spa: number,
  tHi: number,
  tLo: number,
  tpa: number,
): void {
  const w = offset >> 1;
  u16[w + Arp.HARDWARE] = HARDWARE_ETHERNET;
  u16[w + Arp.PROTOCOL] = EtherType.IPV4;
  u16[w + Arp.LENGTHS] = LENGTHS_6_4;
  u16[w + Arp.OP] = op << 8;
  u16[w + Arp.SHA] = sHi;
  write(u16, w + Arp.SHA + 1, sLo);
  write(u16, w + Arp.SPA, swap32(spa));
  u16[w + Arp.THA] = tHi;
  write(u16, w + Arp.THA + 1, tLo);
  write(u16, w + Arp.TPA, swap32(tpa));
}

function read(u16: Uint16Array, w: number): number {
  return u16[w] | (u16[w + 1] << 16);
}

function write(u16: Uint16Array, w: number, value: number): void {
  u16[w] = value;
  u16[w + 1] = value >>> 16;
}
