/**
 * Superframes as a kernel hands them to a TAP, and the judge of what becomes of them: it parses a frame by itself, byte by
 * byte and big-endian, and shares no code with the product.
 */
import assert from 'node:assert/strict';
import type { DeviceFrame, VnetWords } from '../../src/main/memory/memory-host.js';
import { A, macBytes } from './rig.js';

export const TCP = 6;
export const UDP = 17;
export const FIN = 0x01;
export const PSH = 0x08;
export const ACK = 0x10;
export const CWR = 0x80;

/** What a frame is made of; what is left out has a plain value. */
export interface Recipe {
  readonly version: 4 | 6;
  readonly protocol: typeof TCP | typeof UDP;
  readonly payload: Uint8Array;
  /** gso_size; 0 or left out = no superframe, a partial checksum alone. */
  readonly size?: number;
  readonly dst?: string;
  readonly src?: string;
  /** VLAN tags in front of the IP header: [type, tag control]. */
  readonly tags?: readonly (readonly [number, number])[];
  readonly id?: number;
  readonly ipOptions?: readonly number[];
  /** IPv6 extension headers: [number, what follows its next-header byte]. */
  readonly extensions?: readonly (readonly [number, readonly number[]])[];
  /** The last IPv6 destination, if a segment routing header among `extensions` names another than the header. */
  readonly finally?: readonly number[];
  readonly sequence?: number;
  readonly flags?: number;
  readonly tcpOptions?: readonly number[];
  /** The bit of gso_type that says that CWR is for the first segment alone. */
  readonly ecn?: boolean;
  /** Addresses: 8 bytes for IPv4, 32 for IPv6. */
  readonly addresses?: readonly number[];
}

/** A frame and the virtio-net words that go with it. */
export interface Superframe {
  readonly bytes: Uint8Array;
  readonly vnet: VnetWords;
  /** Where headers begin and end. */
  readonly network: number;
  readonly transport: number;
  readonly headers: number;
}

/** A frame taken apart; every length and checksum in it is right. */
export interface Parsed {
  readonly version: 4 | 6;
  readonly protocol: number;
  readonly network: number;
  readonly transport: number;
  readonly headers: number;
  readonly id: number;
  readonly sequence: number;
  readonly flags: number;
  readonly checksum: number;
  readonly payload: Uint8Array;
}

const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value)];
const read16 = (bytes: Uint8Array, at: number): number => bytes[at] * 256 + bytes[at + 1];
const read32 = (bytes: Uint8Array, at: number): number => read16(bytes, at) * 65536 + read16(bytes, at + 2);

/** Ones' complement sum of big-endian words with the carry brought round at each step (RFC 1071 §1), a zero after an odd end. */
export function onesSum(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += (bytes[at] as number) * 256 + (at + 1 < bytes.length ? (bytes[at + 1] as number) : 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** Bytes that do not repeat within a superframe. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

/** What follows the next-header byte of a hop-by-hop or destination header of `units` · 8 bytes of padding (RFC 8200 §4.2). */
export function padding(units: number): number[] {
  const pad = units * 8 - 4;
  return [units - 1, 1, pad, ...Array(pad).fill(0)];
}

/** The same of a segment routing header with one segment to go, to `last` (RFC 8754 §2). */
export function segmentRouting(last: readonly number[]): number[] {
  return [2, 4, 1, 0, 0, 0, 0, ...last];
}

function pseudoHeader(version: 4 | 6, addresses: ArrayLike<number>, length: number, protocol: number): number[] {
  const end = version === 4 ? [0, protocol, ...u16(length)] : [...u32(length), 0, 0, 0, protocol];
  return [...Array.from(addresses), ...end];
}

function addressesOf(recipe: Recipe): readonly number[] {
  if (recipe.addresses !== undefined) return recipe.addresses;
  if (recipe.version === 4) return [198, 18, 0, 1, 198, 18, 0, 2];
  return [0xfd, ...Array(14).fill(0), 1, 0xfd, ...Array(14).fill(0), 2];
}

function ipv4Header(recipe: Recipe, payload: number): number[] {
  const options = recipe.ipOptions ?? [];
  const length = 20 + options.length;
  const id = u16(recipe.id ?? 0x1234);
  const header = [0x40 | (length >> 2), 0, ...u16(length + payload), ...id, 0x40, 0, 64, recipe.protocol, 0, 0];
  header.push(...addressesOf(recipe), ...options);
  header.splice(10, 2, ...u16(~onesSum(header)));
  return header;
}

function ipv6Header(recipe: Recipe, payload: number): number[] {
  const extensions = recipe.extensions ?? [];
  const numbers = [...extensions.map(([number]) => number), recipe.protocol];
  const bytes = extensions.flatMap(([, rest], n) => [numbers[n + 1] as number, ...rest]);
  const head = [0x60, 0x12, 0x34, 0x56, ...u16(bytes.length + payload), numbers[0] as number, 64];
  return [...head, ...addressesOf(recipe), ...bytes];
}

/** The frame of a recipe, its transport checksum partial: the sum of the pseudo-header, as Linux leaves it. */
export function build(recipe: Recipe): Superframe {
  const { version, protocol, payload, size = 0, flags = ACK } = recipe;
  const options = recipe.tcpOptions ?? [];
  const transportLength = (protocol === UDP ? 8 : 20 + options.length) + payload.length;
  const addresses = addressesOf(recipe);
  const ends = recipe.finally === undefined ? addresses : [...addresses.slice(0, 16), ...recipe.finally];
  const sum = u16(onesSum(pseudoHeader(version, ends, transportLength, protocol)));
  const ether = [...macBytes(recipe.dst ?? 'ff:ff:ff:ff:ff:ff'), ...macBytes(recipe.src ?? A)];
  for (const [type, control] of recipe.tags ?? []) ether.push(...u16(type), ...u16(control));
  ether.push(...u16(version === 4 ? 0x0800 : 0x86dd));
  const ip = version === 4 ? ipv4Header(recipe, transportLength) : ipv6Header(recipe, transportLength);
  const ports = [...u16(40_000), ...u16(5201)];
  const rest =
    protocol === UDP
      ? [...u16(transportLength & 0xffff), ...sum]
      : [
          ...[...u32(recipe.sequence ?? 1), 0, 0, 0, 9],
          ...[(5 + options.length / 4) << 4, flags, 0xff, 0xff, ...sum, 0, 0, ...options],
        ];
  const head = [...ether, ...ip, ...ports, ...rest];
  const transport = ether.length + ip.length;
  const gso = size === 0 ? 0 : protocol === UDP ? 5 : version === 4 ? 1 : 4;
  const type = gso | (recipe.ecn === true ? 0x80 : 0);
  return {
    bytes: Uint8Array.from([...head, ...payload]),
    vnet: [1 | (type << 8) | (head.length << 16), size | (transport << 16), protocol === UDP ? 6 : 16],
    network: ether.length,
    transport,
    headers: head.length,
  };
}

/** Passes over Ethernet header and tags. Returns where the network header begins. */
function parseEther(bytes: Uint8Array): { version: 4 | 6; network: number } {
  let at = 12;
  while (read16(bytes, at) === 0x8100 || read16(bytes, at) === 0x88a8) at += 4;
  const type = read16(bytes, at);
  assert.ok(type === 0x0800 || type === 0x86dd, `ethertype ${type.toString(16)}`);
  return { version: type === 0x0800 ? 4 : 6, network: at + 2 };
}

/** What an IP header, and those behind it, say. */
interface Network {
  readonly protocol: number;
  readonly transport: number;
  readonly id: number;
  /** Source, and the destination that the packet ends at. */
  readonly addresses: readonly number[];
}

function parseIpv4(bytes: Uint8Array, network: number): Network {
  const length = ((bytes[network] as number) & 15) * 4;
  assert.equal((bytes[network] as number) >> 4, 4);
  assert.ok(length >= 20);
  assert.equal(read16(bytes, network + 2), bytes.length - network, 'IPv4 total length');
  assert.equal(onesSum(bytes.subarray(network, network + length)), 0xffff, 'IPv4 header checksum');
  assert.equal(read16(bytes, network + 6) & 0x3fff, 0, 'no fragment');
  return {
    protocol: bytes[network + 9] as number,
    transport: network + length,
    id: read16(bytes, network + 4),
    addresses: [...bytes.subarray(network + 12, network + 20)],
  };
}

function parseIpv6(bytes: Uint8Array, network: number): Network {
  assert.equal((bytes[network] as number) >> 4, 6);
  assert.equal(read16(bytes, network + 4), bytes.length - network - 40, 'IPv6 payload length');
  let protocol = bytes[network + 6] as number;
  let transport = network + 40;
  const addresses = [...bytes.subarray(network + 8, network + 40)];
  while ([0, 43, 60].includes(protocol)) {
    // Segments left: the checksum is over the last one (RFC 8200 §8.1), which is the first of the list (RFC 8754 §2).
    if (protocol === 43 && bytes[transport + 2] === 4 && bytes[transport + 3] !== 0) {
      addresses.splice(16, 16, ...bytes.subarray(transport + 8, transport + 24));
    }
    protocol = bytes[transport] as number;
    transport += ((bytes[transport + 1] as number) + 1) * 8;
  }
  return { protocol, transport, id: -1, addresses };
}

/** Takes a frame apart. Throws at the first length or checksum that is not what its RFC asks for. */
export function parse(bytes: Uint8Array): Parsed {
  const { version, network } = parseEther(bytes);
  const ip = version === 4 ? parseIpv4(bytes, network) : parseIpv6(bytes, network);
  const { protocol, transport, addresses, id } = ip;
  assert.ok(protocol === TCP || protocol === UDP, `protocol ${protocol}`);
  const segment = bytes.subarray(transport);
  const pseudo = pseudoHeader(version, addresses, segment.length, protocol);
  assert.equal(onesSum([...pseudo, ...segment]), 0xffff, 'transport checksum');
  const udp = protocol === UDP;
  const checksum = read16(segment, udp ? 6 : 16);
  if (udp) {
    assert.equal(read16(segment, 4), segment.length, 'UDP length');
    assert.notEqual(checksum, 0, 'a UDP checksum of 0 says that there is none');
  }
  const length = udp ? 8 : ((segment[12] as number) >> 4) * 4;
  assert.ok(length <= segment.length && length >= (udp ? 8 : 20), 'transport header');
  return {
    ...{ version, protocol, network, transport, id, checksum },
    headers: transport + length,
    sequence: udp ? -1 : read32(segment, 4),
    flags: udp ? -1 : (segment[13] as number),
    payload: bytes.slice(transport + length),
  };
}

/** The headers of a frame with everything zeroed that differs from one segment to the next. */
function constant(bytes: Uint8Array, p: Parsed | Superframe, version: number, protocol: number): number[] {
  const head = Array.from(bytes.subarray(0, p.headers));
  const blank = (at: number, length: number): void => void head.fill(0, at, at + length);
  if (version === 4) {
    blank(p.network + 2, 4);
    blank(p.network + 10, 2);
  } else blank(p.network + 4, 2);
  if (protocol === UDP) blank(p.transport + 4, 4);
  else {
    blank(p.transport + 4, 4);
    blank(p.transport + 13, 1);
    blank(p.transport + 16, 2);
  }
  return head;
}

/** Asserts that `got` are the segments of `made`, in order, each a whole plain frame, and nothing else. */
export function assertSegments(recipe: Recipe, made: Superframe, got: readonly DeviceFrame[]): Parsed[] {
  const { payload, size = 0, version, protocol, flags = ACK } = recipe;
  assert.equal(got.length, Math.ceil(payload.length / size), 'segments');
  const parts = got.map(({ bytes, vnet }) => {
    assert.deepEqual(vnet, [0, 0, 0], 'a plain frame');
    return parse(bytes);
  });
  const id = recipe.id ?? 0x1234;
  const sequence = recipe.sequence ?? 1;
  const head = constant(made.bytes, made, version, protocol);
  parts.forEach((part, n) => {
    const last = n === got.length - 1;
    assert.deepEqual(constant((got[n] as DeviceFrame).bytes, part, version, protocol), head, `headers of ${n}`);
    assert.equal(part.payload.length, last ? payload.length - n * size : size, `length of ${n}`);
    if (version === 4) assert.equal(part.id, (id + n) % 65536, `id of ${n}`);
    if (protocol === UDP) return;
    assert.equal(part.sequence, (sequence + n * size) % 2 ** 32, `sequence of ${n}`);
    const expected = flags & ~(last ? 0 : FIN | PSH) & ~(n === 0 ? 0 : CWR);
    assert.equal(part.flags, expected, `flags of ${n}`);
  });
  assert.ok(Buffer.concat(parts.map((part) => part.payload)).equals(payload), 'the payload');
  return parts;
}
