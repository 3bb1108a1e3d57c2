/**
 * Random packets for a router of three legs, from its hosts and from nobody: whole and malformed, expiring, too long, in fragments,
 * with options, to it and through it, of both families. Each carries its number where what comes of it still has it: as identification or
 * flow label, which errors quote, as the echo's identifier, and as the source port, which a reset answers to.
 *
 * Leg n (0, 1, 2) has the networks 10.0.N.0/24 and 2001:db8:N::/64 with N = n + 1; the router is .1 and ::1, the host .9 and ::9. Behind
 * the host are 10.2N.0.0/16 and 2001:db8:2N::/48: most packets come from there, each from an address of its own, which no limit of Linux knows.
 */
import { ether, icmp, ip, ipv4, ipv6, raw, sum6 } from './fake-stack.js';
import { naiveChecksum } from './naive-ip.js';

type Random = (below: number) => number;

export const LEGS: readonly number[] = [0, 1, 2];
/** Link-layer addresses of the router's legs and of the hosts on them. */
export const LEG_MACS = [1, 2, 3].map((n) => Uint8Array.of(2, 0, 0, 0, n, 1));
export const HOST_MACS = [1, 2, 3].map((n) => Uint8Array.of(2, 0, 0, 0, n, 9));
/** MTU of each leg. */
export const LEG_MTUS: readonly number[] = [1500, 1500, 1280];

/** Routes that both routers have, `via` the host of a leg or none. */
export const ROUTES: readonly {
  readonly net: string;
  readonly via?: number;
  readonly kind?: 'reject' | 'blackhole';
}[] = [
  { net: '10.9.0.0/16', via: 1 },
  { net: '10.8.0.0/16', via: 2 },
  { net: '10.7.0.0/16', via: 0 },
  { net: '169.254.0.0/16', via: 1 },
  { net: '10.21.0.0/16', via: 0 },
  { net: '10.22.0.0/16', via: 1 },
  { net: '10.23.0.0/16', via: 2 },
  { net: '2001:db8:21::/48', via: 0 },
  { net: '2001:db8:22::/48', via: 1 },
  { net: '2001:db8:23::/48', via: 2 },
  { net: '10.66.0.0/16', kind: 'reject' },
  { net: '10.67.0.0/16', kind: 'blackhole' },
  { net: '2001:db8:9::/48', via: 1 },
  { net: '2001:db8:8::/48', via: 2 },
  { net: '2001:db8:7::/48', via: 0 },
  { net: '2001:db8:66::/48', kind: 'reject' },
  { net: '2001:db8:67::/48', kind: 'blackhole' },
];

/** Frames to send into a leg one after the other, which have one number. */
export interface Stimulus {
  readonly number: number;
  readonly leg: number;
  readonly frames: readonly Uint8Array[];
}

const GROUP4 = Uint8Array.of(1, 0, 0x5e, 0, 0, 1);
const GROUP6 = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const ALL = new Uint8Array(6).fill(255);
const STRANGER = Uint8Array.of(2, 0, 0, 0, 0xee, 0xee);
/** Numbers are of 15 bits: ports and identifications have room for them, and 0 means that there is none. */
export const FIRST_NUMBER = 0x1000;
export const LAST_NUMBER = 0x7fff;

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T;
}

function word16(value: number): [number, number] {
  return [(value >> 8) & 255, value & 255];
}

/** Payload of `size` bytes that says the number in each pair. */
function filler(number: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, k) => word16(number)[k & 1] as number);
}

/** A random packet of either family. */
export function randomStimulus(random: Random, number: number): Stimulus {
  const leg = random(3);
  const made = random(2) === 0 ? random4(random, number, leg) : random6(random, number, leg);
  // No link takes a longer frame.
  return { number, leg, frames: made.map((bytes) => bytes.slice(0, (LEG_MTUS[leg] as number) + 14)) };
}

/** Where a frame is sent to: nearly always the router. */
function frameTo(random: Random, leg: number, group: Uint8Array): Uint8Array {
  const odd = random(40);
  if (odd === 0) return STRANGER;
  if (odd === 1) return ALL;
  return odd === 2 ? group : (LEG_MACS[leg] as Uint8Array);
}

/** Bytes of what is above IP: UDP, TCP, ICMP, or nothing anybody knows. `sum` completes a checksum at a place. */
function upper(
  random: Random,
  number: number,
  size: number,
  six: boolean,
  sum: (protocol: number, message: Uint8Array, at: number) => Uint8Array,
): [number, Uint8Array] {
  const data = filler(number, size);
  const wrong = (message: Uint8Array, at: number): Uint8Array => {
    if (random(15) === 0) message[at] ^= 0x55;
    return message;
  };
  const port = word16(pick(random, [9, 7, 53, 33_434]));
  switch (random(8)) {
    case 0:
    case 1: {
      const length = random(20) === 0 ? 7 + random(3) : size + 8;
      return [
        17,
        wrong(sum(17, Uint8Array.from([...word16(number), ...port, ...word16(length), 0, 0, ...data]), 6), 6),
      ];
    }
    case 2: {
      const flags = pick(random, [2, 16, 18, 4, 1, 0, 17, 24]);
      // No options: of malformed ones Linux sends no reset, since they might be of a signature.
      const offset = random(15) === 0 ? random(6) << 4 : 0x50;
      const head = [...word16(number), ...port, 1, 2, 3, 4, 5, 6, 7, 8, offset, flags, 0x20, 0, 0, 0, 0, 0];
      return [6, wrong(sum(6, Uint8Array.from([...head, ...data]), 16), 16)];
    }
    case 3: {
      const types = six ? [1, 2, 3, 4, 100, 127, 129, 138, 200] : [3, 11, 12, 4, 0, 5, 13, 15, 17, 40];
      const type = pick(random, types);
      const message = icmp(type, random(4), (number << 16) | random(65_536), data);
      return [six ? 58 : 1, wrong(six ? sum(58, message, 2) : message, 2)];
    }
    case 4:
      return [pick(random, [253, 254, 59, 2, 89]), data];
    default: {
      const message = icmp(six ? 128 : 8, random(20) === 0 ? 1 : 0, (number << 16) | 1, data);
      return [six ? 58 : 1, wrong(six ? sum(58, message, 2) : message, 2)];
    }
  }
}

/** Payload bytes: short ones, and those about the MTUs. */
function randomSize(random: Random, leg: number): number {
  const most = (LEG_MTUS[leg] as number) - 80;
  const kind = random(6);
  if (kind < 3) return random(80);
  return kind === 3 ? Math.min(most, 1190 + random(70)) : random(most);
}

function random4(random: Random, number: number, leg: number): Uint8Array[] {
  const n = leg + 1;
  const other = 1 + ((leg + 1 + random(2)) % 3);
  const strange = random(6) === 0;
  const source = strange
    ? pick(random, [
        ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.5', '240.0.0.1', '255.255.255.255', '169.254.3.3'],
        ...[`10.0.${n}.1`, `10.0.${other}.1`, `10.0.${n}.255`, `10.0.${other}.255`, `10.0.${n}.0`],
        ...['192.0.2.5', '10.9.1.1', '10.8.1.1', '10.66.1.1', '10.67.1.1', `10.0.${other}.9`],
      ])
    : random(4) === 0
      ? `10.0.${n}.9`
      : `10.2${n}.${random(256)}.${random(256)}`;
  const destination =
    random(3) === 0
      ? pick(random, [
          ...[`10.0.${n}.255`, `10.0.${other}.255`, '255.255.255.255', '224.0.0.251', '239.1.2.3', '224.0.0.1'],
          ...['0.1.2.3', '127.0.0.1', '240.1.2.3', '0.0.0.0', '192.0.2.9', '10.66.1.2', '10.67.1.2', '10.7.1.2'],
          ...[`10.0.${n}.9`, '169.254.1.2', `10.0.${n}.0`, `10.0.${other}.0`],
        ])
      : pick(random, [`10.0.${other}.9`, `10.0.${other}.9`, '10.9.1.2', '10.8.3.4', `10.0.${n}.1`, `10.0.${other}.1`]);
  const checksum = (protocol: number, message: Uint8Array, at: number): Uint8Array => {
    const pseudo = Uint8Array.from([
      ...raw(ip(source)),
      ...raw(ip(destination)),
      0,
      protocol,
      ...word16(message.length),
    ]);
    const sum = naiveChecksum(pseudo, message);
    // A UDP packet may have none.
    message.set(word16(protocol === 17 && random(4) === 0 ? 0 : sum || 0xffff), at);
    return message;
  };
  const size = randomSize(random, leg);
  const [protocol, payload] = upper(random, number, size, false, checksum);
  const options = random(6) === 0 ? randomOptions(random, destination) : new Uint8Array(0);
  const fields = { ttl: pick(random, [64, 64, 64, 255, 2, 1, 0]), id: number, df: random(3) === 0, options };
  const to = frameTo(random, leg, GROUP4);
  const from = HOST_MACS[leg] as Uint8Array;
  const whole = (packet: Uint8Array): Uint8Array => ether(to, from, 0x0800, packet);
  const shape = random(12);
  if (shape === 0 && payload.length > 16) {
    // In two fragments, either of which may come first; or only one of them.
    const cut = 8 * (1 + random((payload.length >> 3) - 1));
    const halves = [
      whole(ipv4(source, destination, protocol, payload.slice(0, cut), { ...fields, df: false, mf: true })),
      whole(ipv4(source, destination, protocol, payload.slice(cut), { ...fields, df: false, offset: cut })),
    ];
    if (random(2) === 0) halves.reverse();
    return random(3) === 0 ? halves.slice(0, 1) : halves;
  }
  const packet = ipv4(source, destination, protocol, payload, fields);
  packet[1] = random(4) === 0 ? random(256) : 0;
  if (shape === 1) {
    packet[random(20)] ^= 1 << random(8);
    // A wrong identification is another number.
    packet.set(word16(number), 4);
  }
  if (shape !== 2) finish4(packet);
  if (shape === 3) return [whole(packet.slice(0, packet.length - 1 - random(Math.min(30, packet.length - 1))))];
  if (shape === 4) return [Uint8Array.from([...whole(packet), ...filler(0x5a5a, random(30))])];
  if (shape === 5) packet[10] ^= 1 << random(8);
  return [whole(packet)];
}

/** Makes the header checksum right, as far as there is a header. */
function finish4(packet: Uint8Array): void {
  const length = (packet[0] & 15) * 4;
  if (length < 20 || length > packet.length) return;
  packet.set([0, 0], 10);
  packet.set(word16(naiveChecksum(packet.slice(0, length))), 10);
}

/** IPv4 options, right and wrong, filled up to words. */
function randomOptions(random: Random, destination: string): Uint8Array {
  const to = [...raw(ip(destination))];
  const one = pick(random, [
    () => [1, 1, 1],
    () => [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0],
    () => [7, 7, 8, 1, 2, 3, 4],
    () => [7, 3 + random(9), random(12), ...Array.from({ length: random(9) }, () => 0)],
    () => [68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    () => [68, 4 + random(10), random(14), random(256), ...Array.from({ length: random(10) }, () => 0)],
    () => [68, 4, 5, 0xf0],
    () => [148, 4, 0, 0],
    () => [148, 4, 1, 0],
    () => [148, 2 + random(3), 0, 0],
    () => [131, 7, 4, ...to],
    () => [137, 7, 4, ...to],
    () => [130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    () => [200, 2 + random(8), 9, 9, 9, 9, 9, 9],
    () => [random(256), random(256), random(256), random(256)],
  ])();
  const bytes = random(3) === 0 ? [1, ...one] : one;
  while (bytes.length % 4 !== 0) bytes.push(random(8) === 0 ? 1 : 0);
  return Uint8Array.from(bytes.slice(0, 40));
}

function random6(random: Random, number: number, leg: number): Uint8Array[] {
  const n = leg + 1;
  const other = 1 + ((leg + 1 + random(2)) % 3);
  const source =
    random(7) === 0
      ? pick(random, [
          ...['::', '::1', 'ff02::1', `fe80::ff:fe00:${n}09`, '::ffff:10.0.1.9', '2001:db8:9::1', '2001:db8:66::1'],
          ...['2001:db8:ffff::1', `2001:db8:${other}::9`, `2001:db8:${n}::1`, `2001:db8:${other}::1`],
        ])
      : random(4) === 0
        ? `2001:db8:${n}::9`
        : `2001:db8:2${n}::${(1 + random(65_535)).toString(16)}`;
  const destination =
    random(4) === 0
      ? pick(random, [
          ...['::', '::1', 'ff02::1', 'ff02::2', 'ff00::1', 'ff01::1', 'ff05::99', 'ff0e::1', '::ffff:10.0.2.9'],
          ...['2001:db8:66::2', '2001:db8:67::2', '2001:db8:7::2', '2001:db8:ffff::2', `2001:db8:${n}::9`],
          ...[`fe80::ff:fe00:${n}01`, 'fe80::1234', `2001:db8:${n}::`, `2001:db8:${other}::`],
        ])
      : pick(random, [
          ...[`2001:db8:${other}::9`, `2001:db8:${other}::9`, '2001:db8:9::2', '2001:db8:8::2'],
          ...[`2001:db8:${n}::1`, `2001:db8:${other}::1`],
        ]);
  const size = randomSize(random, leg);
  const [protocol, message] = upper(random, number, size, true, (next, bytes, at) =>
    sum6(source, destination, next, bytes, at),
  );
  const to = frameTo(random, leg, GROUP6);
  const from = HOST_MACS[leg] as Uint8Array;
  const hops = pick(random, [64, 64, 64, 255, 2, 1, 0]);
  const make = (next: number, payload: Uint8Array): Uint8Array => {
    const packet = ipv6(source, destination, next, payload, hops);
    packet.set([0x60, 0, ...word16(number)]);
    return packet;
  };
  const whole = (packet: Uint8Array): Uint8Array => ether(to, from, 0x86dd, packet);
  const shape = random(12);
  if (shape === 0 && message.length > 16) {
    const cut = 8 * (1 + random((message.length >> 3) - 1));
    const part = (offset: number, more: number, bytes: Uint8Array): Uint8Array =>
      whole(make(44, Uint8Array.from([protocol, 0, ...word16(offset | more), 0, 0, ...word16(number), ...bytes])));
    const halves = [part(0, 1, message.slice(0, cut)), part(cut, 0, message.slice(cut))];
    if (random(2) === 0) halves.reverse();
    return random(3) === 0 ? halves.slice(0, 1) : halves;
  }
  const [next, payload] = shape < 4 ? withExtensions(random, number, protocol, message) : [protocol, message];
  const packet = make(next, payload);
  if (shape === 4) packet[pick(random, [0, 4, 5, 6, 7, 8, 24])] ^= 1 << random(8);
  if (shape === 5) return [whole(packet.slice(0, packet.length - 1 - random(Math.min(60, packet.length - 1))))];
  if (shape === 6) return [Uint8Array.from([...whole(packet), ...filler(0x5a5a, random(30))])];
  if (shape === 7) packet[1] = random(16) << 4;
  return [whole(packet)];
}

/** Extension headers in front of a message. */
function withExtensions(random: Random, number: number, protocol: number, message: Uint8Array): [number, Uint8Array] {
  const option = (): number[] =>
    pick(random, [
      () => [1, 4, 0, 0, 0, 0],
      () => [0, 0, 0, 0, 0, 0],
      () => [1, 3, 0, 0, 1, 0],
      () => [5, 2, 0, 0, 1, 0],
      () => [5, 2, 0, 1, 1, 0],
      () => [0x1e, 4, 1, 2, 3, 4],
      () => [0x5e, 4, 1, 2, 3, 4],
      () => [0x9e, 4, 1, 2, 3, 4],
      () => [0xde, 4, 1, 2, 3, 4],
      () => [0xc2, 4, 0, 1, 0, 0],
      () => [1, 200, 0, 0, 0, 0],
    ])();
  const headers: [number, (next: number) => number[]][] = [];
  if (random(2) === 0) headers.push([0, (next) => [next, 0, ...option()]]);
  if (random(3) === 0) headers.push([60, (next) => [next, 0, ...option()]]);
  if (random(4) === 0) {
    const segments = random(2);
    const type = pick(random, [0, 99]);
    headers.push([43, (next) => [next, 2, type, segments, 0, 0, 0, 0, ...raw(ip('2001:db8:2::9'))]]);
  }
  if (random(4) === 0) headers.push([44, (next) => [next, 0, 0, 0, 0, 0, ...word16(number)]]);
  if (random(6) === 0) headers.push([0, (next) => [next, 0, ...option()]]);
  let next = protocol;
  let bytes = message;
  for (const [type, make] of headers.reverse()) {
    bytes = Uint8Array.from([...make(next), ...bytes]);
    next = type;
  }
  return [next, bytes];
}

/** The number of the packet that a frame comes from, if it comes from one. */
export function numberOf(frame: Uint8Array): number | undefined {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  const type = bytes.readUInt16BE(12);
  const number = type === 0x0800 ? number4(bytes.subarray(14)) : type === 0x86dd ? number6(bytes.subarray(14)) : 0;
  return number >= FIRST_NUMBER && number <= LAST_NUMBER ? number : undefined;
}

/** Of what the router made itself: of what it answers to. */
function number4(packet: Buffer): number {
  if (packet.length < 28) return packet.length < 20 ? 0 : packet.readUInt16BE(4);
  const ours = packet[12] === 10 && packet[13] === 0 && packet[15] === 1;
  if (!ours) return packet.readUInt16BE(4);
  const upper = packet.subarray(((packet[0] as number) & 15) * 4);
  if (upper.length < 8) return packet.readUInt16BE(4);
  if (packet[9] === 6) return upper.readUInt16BE(2);
  return upper[0] === 0 ? upper.readUInt16BE(4) : number4(upper.subarray(8));
}

function number6(packet: Buffer): number {
  if (packet.length < 40) return 0;
  const label = packet.readUInt32BE(0) & 0xfffff;
  if (label !== 0) return label;
  const upper = packet.subarray(40);
  if (upper.length < 16) return upper.length >= 8 && upper[0] === 129 ? upper.readUInt16BE(4) : 0;
  if (packet[6] === 6) return upper.readUInt16BE(2);
  if (packet[6] === 44) return upper.readUInt16BE(12);
  if (packet[6] !== 58) return 0;
  if (upper[0] === 129) return upper.readUInt16BE(4);
  if (upper[0] !== 137) return (upper[0] as number) < 128 ? number6(upper.subarray(8)) : 0;
  for (let at = 40; at + 8 < upper.length; at += (upper[at + 1] as number) * 8)
    if (upper[at] === 4) return number6(upper.subarray(at + 8));
  return 0;
}
