/**
 * A world for the layer-3 stack: interfaces and routes in maps, a clock that tests move, and all that the stack sends, binds and
 * books, written down. The books: punted = forwarded + consumed + dropped + held.
 */
import assert from 'node:assert/strict';
import type {
  OuterHeader,
  StackAddress,
  StackEnvironment,
  StackInterface,
  StackRoute,
  StackTunnel,
} from '../../src/main/stack/environment.js';
import { Stack } from '../../src/main/stack/stack.js';
import { PuntReason } from '../../src/shared/ring/punt-reason.js';
import { parseIpv4, swap32 } from '../../src/shared/wire/ipv4-address.js';
import { parseIpv6 } from '../../src/shared/wire/ipv6-address.js';
import { naiveChecksum } from './naive-ip.js';

/** An address from text. */
export function ip(text: string): Int32Array {
  const four = parseIpv4(text);
  if (four !== undefined) return Int32Array.of(swap32(four));
  const bytes = parseIpv6(text) as Uint8Array;
  const view = new DataView(bytes.buffer);
  return Int32Array.from({ length: 4 }, (_, k) => view.getInt32(4 * k));
}

/** Six bytes, the last of which is `k`. */
export function mac(k: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, 0, k);
}

/** An address with its prefix, `10.0.0.1/24`. */
export function net(text: string): StackAddress {
  const [address, length] = text.split('/');
  const words = ip(address);
  return { family: words.length === 1 ? 4 : 6, words, length: Number(length) };
}

/** Something the stack has sent. */
export interface Sent {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly forwarded: boolean;
}

function bits(words: Int32Array): string {
  return [...words].map((word) => (word >>> 0).toString(2).padStart(32, '0')).join('');
}

/** The bytes of an address. */
export function raw(address: Int32Array): Uint8Array {
  const bytes = new Uint8Array(address.length * 4);
  for (let k = 0; k < address.length; k++) new DataView(bytes.buffer).setInt32(4 * k, address[k]);
  return bytes;
}

export class FakeWorld implements StackEnvironment {
  now = 1000;
  readonly table = new Map<number, StackInterface>();
  readonly routes: { rdomain: number; prefix: string; family: 4 | 6; route: StackRoute }[] = [];
  readonly sent: Sent[] = [];
  /** What `sendRouted` was given. */
  readonly routed: { index: number; rdomain: number; bytes: Uint8Array; forwarded: boolean }[] = [];
  readonly bindings = new Map<string, { lladdr: Uint8Array; stale: boolean }>();
  readonly used = new Set<string>();
  readonly tentatives = new Map<number, number>();
  readonly drops: { index: number; reason: string }[] = [];
  readonly lines: string[] = [];
  consumed = 0;
  puntedCount = 0;
  isForwarding = true;
  limit = -1;
  /** What `dadCount` answers. */
  probes = 1;
  refuses = false;
  readonly log = {
    info: (line: string) => void this.lines.push(line),
    warn: (line: string) => void this.lines.push(line),
  };
  readonly stack: Stack;

  constructor(random: () => number = () => 0.5) {
    this.stack = new Stack(this, random);
  }

  /** Adds an interface, its addresses' routes among them. */
  add(index: number, rdomain: number, addresses: readonly string[], more: Partial<StackInterface> = {}): void {
    const own = addresses.map(net);
    this.table.set(index, {
      index,
      name: `vport${index}`,
      kind: 'ethernet',
      lladdr: mac(index),
      mtu: 1500,
      rdomain,
      up: true,
      addresses: own,
      proxyArp: false,
      proxyNd: false,
      ...more,
    });
    for (const a of own) {
      const all = bits(a.words);
      this.routes.push({ rdomain, prefix: all, family: a.family, route: { kind: 'local', out: index } });
      this.routes.push({
        rdomain,
        prefix: all.slice(0, a.length),
        family: a.family,
        route: { kind: 'connected', out: index },
      });
      if (a.family === 6 && a.length < 127 && (a.words[0] & 0xffc00000) !== (0xfe800000 | 0)) {
        const shared = all.slice(0, a.length).padEnd(128, '0');
        this.routes.push({ rdomain, prefix: shared, family: 6, route: { kind: 'anycast', out: index } });
      }
      if (a.family === 4 && a.length < 31) {
        const broadcast = all.slice(0, a.length).padEnd(32, '1');
        this.routes.push({ rdomain, prefix: broadcast, family: 4, route: { kind: 'broadcast', out: index } });
      }
    }
  }

  /** Adds a route to `10.9.0.0/16`. */
  to(rdomain: number, prefix: string, route: StackRoute): void {
    const { family, words, length } = net(prefix);
    this.routes.push({ rdomain, prefix: bits(words).slice(0, length), family, route });
  }

  change(index: number, more: Partial<StackInterface>): void {
    this.table.set(index, { ...(this.table.get(index) as StackInterface), ...more });
  }

  /** What `tunnelsOf` finds, by domain and the outer destination as `join` gives it, and what `limitPath` was told. */
  readonly tunnels: { rdomain: number; to: string; tunnel: StackTunnel }[] = [];
  readonly limits: [path: string, mtu: number][] = [];
  tunnelsOf(rdomain: number, outer: OuterHeader): StackTunnel[] {
    const to = outer.destination.join();
    return this.tunnels.filter((one) => one.rdomain === rdomain && one.to === to).map(({ tunnel }) => tunnel);
  }
  limitPath(path: string, mtu: number): void {
    this.limits.push([path, mtu]);
  }

  /** Packets given back to workers. */
  readonly handedBack: { index: number; packet: Uint8Array }[] = [];
  handBack(index: number, packet: Uint8Array): boolean {
    this.handedBack.push({ index, packet: packet.slice() });
    return !this.refuses;
  }
  nowMs(): number {
    return this.now;
  }
  interfaceOf(index: number): StackInterface | undefined {
    return this.table.get(index);
  }
  interfaces(): Iterable<StackInterface> {
    return this.table.values();
  }
  route(rdomain: number, family: 4 | 6, destination: Int32Array): StackRoute | undefined {
    assert.ok(family === 4 || (destination[0] & 0xffc00000) !== (0xfe800000 | 0), 'asked for a link-local address');
    const all = bits(destination);
    let best: { prefix: string; route: StackRoute } | undefined;
    for (const one of this.routes) {
      if (one.rdomain !== rdomain || one.family !== family || !all.startsWith(one.prefix)) continue;
      if (best === undefined || one.prefix.length > best.prefix.length) best = one;
    }
    return best?.route;
  }
  transmit(index: number, bytes: Uint8Array, forwarded: boolean): boolean {
    if (this.refuses) return false;
    this.sent.push({ index, bytes: bytes.slice(), forwarded });
    return true;
  }
  sendRouted(index: number, rdomain: number, bytes: Uint8Array, forwarded: boolean): boolean {
    if (this.refuses) return false;
    this.routed.push({ index, rdomain, bytes: bytes.slice(), forwarded });
    return true;
  }
  bindNeighbour(index: number, _: 4 | 6, words: Int32Array, lladdr: Uint8Array, stale: boolean): void {
    this.bindings.set(`${index}/${words.join()}`, { lladdr, stale });
    this.used.delete(`${index}/${words.join()}`);
  }
  unbindNeighbour(index: number, _: 4 | 6, words: Int32Array): void {
    assert.ok(this.bindings.delete(`${index}/${words.join()}`), 'unbound what was not bound');
  }
  tentative(index: number, addresses: number): void {
    this.tentatives.set(index, addresses);
  }

  neighbourUsed(index: number, _: 4 | 6, words: Int32Array): boolean {
    return this.used.has(`${index}/${words.join()}`);
  }
  forwarding(): boolean {
    return this.isForwarding;
  }
  errorLimit(): number {
    return this.limit;
  }
  dadCount(): number {
    return this.probes;
  }
  drop(index: number, reason: string): void {
    this.drops.push({ index, reason });
  }
  consume(): void {
    this.consumed++;
  }

  /** Hands a frame over, or an IP packet on an interface that is not Ethernet. */
  /** A packet that a worker made for a domain and knows no neighbour for. */
  made(index: number, rdomain: number, bytes: Uint8Array): void {
    this.puntedCount++;
    this.stack.punted({ reason: PuntReason.OUTPUT, index, bytes, network: 0, cast: 0, rdomain });
  }

  punt(index: number, bytes: Uint8Array, reason: PuntReason = PuntReason.RESOLVE, cast: 0 | 1 | 2 = 0): void {
    this.puntedCount++;
    const network = this.table.get(index)?.kind === 'point-to-point' ? 0 : 14;
    this.stack.punted({ reason, index, bytes, network, cast });
  }

  /** Moves the clock by steps of 100 ms, a tick each. */
  pass(ms: number): void {
    for (let gone = 0; gone < ms; gone += 100) {
      this.now += 100;
      this.stack.tick();
    }
  }

  /** What was sent since the last call. */
  take(): Sent[] {
    return this.sent.splice(0);
  }

  /** Reasons of the drops since the last call. */
  takeDrops(): string[] {
    return this.drops.splice(0).map((drop) => drop.reason);
  }
}

/** The books of a world that nothing was taken from but through `tally`. */
export class Books {
  private forwarded = 0;
  private dropped = 0;

  constructor(private readonly world: FakeWorld) {}

  /** Takes what was sent and dropped into account, and fails unless all that was punted is accounted for. */
  balance(): void {
    this.forwarded += this.world.take().filter((one) => one.forwarded).length;
    this.dropped += this.world.takeDrops().length;
    const { puntedCount, consumed, stack } = this.world;
    assert.equal(puntedCount, this.forwarded + consumed + this.dropped + stack.held, 'the books');
  }
}

/** An Ethernet frame. */
export function ether(to: Uint8Array, from: Uint8Array, type: number, ...payload: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat([to, from, Uint8Array.of(type >> 8, type), ...payload]));
}

/** What an IPv4 packet is made of. */
export interface Fields4 {
  readonly tos?: number;
  readonly ttl?: number;
  readonly id?: number;
  readonly df?: boolean;
  readonly mf?: boolean;
  /** Bytes. */
  readonly offset?: number;
  readonly options?: Uint8Array;
}

/** An IPv4 packet. */
export function ipv4(
  source: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
  fields: Fields4 = {},
): Uint8Array {
  const { tos = 0, ttl = 64, id = 7, df = false, mf = false, offset = 0, options = new Uint8Array(0) } = fields;
  const header = 20 + options.length;
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x40 | (header / 4));
  view.setUint8(1, tos);
  view.setUint16(2, bytes.length);
  view.setUint16(4, id);
  view.setUint16(6, (df ? 0x4000 : 0) | (mf ? 0x2000 : 0) | (offset / 8));
  view.setUint8(8, ttl);
  view.setUint8(9, protocol);
  bytes.set(raw(ip(source)), 12);
  bytes.set(raw(ip(to)), 16);
  bytes.set(options, 20);
  view.setUint16(10, naiveChecksum(bytes.slice(0, header)));
  bytes.set(payload, header);
  return bytes;
}

/** An IPv6 packet. */
export function ipv6(source: string, to: string, next: number, payload: Uint8Array, hops = 64): Uint8Array {
  const bytes = new Uint8Array(40 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, payload.length);
  view.setUint8(6, next);
  view.setUint8(7, hops);
  bytes.set(raw(ip(source)), 8);
  bytes.set(raw(ip(to)), 24);
  bytes.set(payload, 40);
  return bytes;
}

/** An ICMP message with its checksum. */
export function icmp(type: number, code: number, rest: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, code);
  view.setUint32(4, rest);
  bytes.set(payload, 8);
  view.setUint16(2, naiveChecksum(bytes));
  return bytes;
}

/** An upper-layer message whose checksum, at `at`, has the IPv6 pseudo-header. */
export function sum6(source: string, to: string, protocol: number, message: Uint8Array, at = 2): Uint8Array {
  const bytes = message.slice();
  bytes[at] = 0;
  bytes[at + 1] = 0;
  const rest = new Uint8Array(8);
  new DataView(rest.buffer).setUint32(0, bytes.length);
  rest[7] = protocol;
  new DataView(bytes.buffer).setUint16(at, naiveChecksum(raw(ip(source)), raw(ip(to)), rest, bytes));
  return bytes;
}

/** An ARP packet in its frame. */
export function arp(
  op: number,
  sha: Uint8Array,
  spa: string,
  tpa: string,
  to: Uint8Array = new Uint8Array(6).fill(255),
): Uint8Array {
  const body = Uint8Array.from(
    Buffer.concat([Uint8Array.of(0, 1, 8, 0, 6, 4, 0, op), sha, raw(ip(spa)), new Uint8Array(6), raw(ip(tpa))]),
  );
  return ether(to, sha, 0x0806, body);
}

/** Text of bytes, to compare. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
