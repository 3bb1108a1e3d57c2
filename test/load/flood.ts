/**
 * Floods a link with one small frame, as fast as it goes or at a given rate, for a bounded time; prints what it offered.
 * usage: node flood.js LINK DST SRC SECONDS [FRAMES_PER_SECOND] [LENGTH|imix] [FLOWS] [FROM TO [SID|erspan]]
 *
 * With FROM and TO, IPv4 addresses, the frames are UDP that a router forwards, or ERSPAN type II of session 5 that it takes. With more than one flow the frames are UDP of as many source ports, which the kernel spreads over the queues of a TAP.
 */

import { addressWords } from '../../src/main/config/address.js';
import { PacketSender } from '../../src/shared/sys/packet-socket.js';
import { formatMac, type Mac, parseMac } from '../../src/shared/wire/ethernet.js';
import { LONGEST } from './frame.js';
import { frameLength } from './sizes.js';

const BATCH = 64;
/** Local experimental (IEEE 802): a host that gets it drops it at once. */
const ETHERTYPE = [0x88, 0xb5];

function macBytes(text: string): number[] {
  const mac = parseMac(text);
  if (mac === undefined) throw new Error(`${text}: not a MAC address`);
  return formatMac(mac as Mac)
    .split(':')
    .map((group) => Number.parseInt(group, 16));
}

/**
 * Ethertype and the headers of a UDP datagram of documentation addresses (RFC 5737), `length` bytes of IPv4. The header's checksum
 * is left out: a host that gets it drops it at once.
 */
function udp(flow: number, length: number): number[] {
  const ipv4 = [0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
  return [0x08, 0x00, ...ipv4, 0x40, flow & 255, 0, 9, (length - 20) >> 8, (length - 20) & 255, 0, 0];
}

/** Ethertype and the headers of an IPv4 packet in IPv6, without an SRH, to a SID. */
function toSid(sid: string, packet: readonly number[], length: number): number[] {
  const address = (text: string): number[] =>
    [...addressWords(text)].flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
  const head = [0x86, 0xdd, 0x60, 0, 0, 0, length >> 8, length & 255, 4, 64];
  return [...head, ...address('2001:db8:1::1'), ...address(sid), ...packet.slice(2)];
}

/** GRE and ERSPAN type II, session 5, and the header of the frame inside. */
const MIRRORED = [
  ...[0x10, 0, 0x88, 0xbe, 0, 0, 0, 0, 0x10, 0, 0, 5, 0, 0, 0, 0],
  ...[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...ETHERTYPE],
];

/** The same between two addresses, with a right checksum: a router forwards it, or takes what is mirrored to it. */
function routed(from: string, to: string, length: number, mirrored: boolean): number[] {
  const bytes = udp(0, length);
  if (mirrored) bytes.splice(2 + 20, 8, ...MIRRORED);
  if (mirrored) bytes[2 + 9] = 47;
  bytes.splice(2 + 12, 8, ...[from, to].flatMap((address) => address.split('.').map(Number)));
  let sum = 0;
  for (let at = 2; at < 22; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  sum = (sum & 0xffff) + (sum >>> 16);
  const checksum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  bytes.splice(2 + 10, 2, checksum >> 8, checksum & 255);
  return bytes;
}

const [
  link = '',
  dst = '',
  src = '',
  seconds = '1',
  rate = '0',
  length = '60',
  flows = '1',
  from = '',
  to = '',
  kind = '',
] = process.argv.slice(2);
const sid = kind === 'erspan' ? '' : kind;
const size = length === 'imix' ? 'imix' : Number(length);
const lengthOf = (n: number): number => frameLength(size, 0, n);
const sender = new PacketSender(link, BATCH, size === 'imix' ? LONGEST : size);
const addresses = [...macBytes(dst), ...macBytes(src)];
for (let n = 0; n < BATCH; n++) {
  const ip = lengthOf(n) - 14;
  const plain = Number(flows) > 1 ? udp(n % Number(flows), ip) : ETHERTYPE;
  const inner = sid === '' ? ip : ip - 40;
  const packet = from === '' ? plain : routed(from, to, inner, kind === 'erspan');
  const payload = sid === '' ? packet : toSid(sid, packet, inner);
  sender.frames.set([...addresses, ...payload], n * sender.stride);
  sender.setLength(n, lengthOf(n));
}
/** Nobody wakes who waits for it: how a paced flood sleeps. */
const never = new Int32Array(new SharedArrayBuffer(4));
const start = performance.now();
const until = start + Number(seconds) * 1000;
let sent = 0;
let calls = 0;
for (let now = start; now < until; now = performance.now()) {
  if (Number(rate) > 0 && sent >= ((now - start) / 1000) * Number(rate)) {
    Atomics.wait(never, 0, 0, 1);
    continue;
  }
  sent += sender.send(BATCH);
  calls++;
}
sender.close();
process.stdout.write(`${JSON.stringify({ sent, calls, seconds: (performance.now() - start) / 1000 })}\n`);
