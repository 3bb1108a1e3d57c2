/**
 * ERSPAN packets as literal bytes, and a router without threads that receives and sends them on mem0: 192.0.2.1 and 2001:db8::1 are its
 * own, 192.0.2.2, 192.0.2.3, 2001:db8::2 and 2001:db8::3 known neighbours there.
 */
import assert from 'node:assert/strict';
import { MemoryHost, type VnetWords } from '../../src/main/memory/memory-host.js';
import { total } from '../../src/shared/counter/books.js';
import { DROP_REASONS } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { ether, ipv4, ipv6, mac } from './fake-stack.js';
import { hex } from './naive-ip.js';
import { OfflineRouter } from './offline-router.js';

export const US = '192.0.2.1';
export const PEER = '192.0.2.2';
export const OTHER = '192.0.2.3';
export const US6 = '2001:db8::1';
export const PEER6 = '2001:db8::2';
export const OTHER6 = '2001:db8::3';

/** A mirrored frame of 60 bytes, the last of which are `mark`. */
export function mirrored(mark = 1, bytes = 60): Uint8Array {
  const frame = new Uint8Array(bytes).fill(mark);
  frame.set(hex('020000000a01 020000000a02 88b5'));
  return frame;
}

/** GRE and ERSPAN type II in front of a frame. */
export function typeTwo(
  frame: Uint8Array,
  { session = 5, sequence = 0, word0 = 0x10000000, gre = 0x1000 } = {},
): Uint8Array {
  const bytes = new Uint8Array(16 + frame.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, gre);
  view.setUint16(2, 0x88be);
  view.setUint32(4, sequence);
  view.setUint32(8, (word0 | session) >>> 0);
  bytes.set(frame, 16);
  return bytes;
}

export class ErspanRig {
  readonly router = new OfflineRouter();
  private readonly hosts = new Map<string, MemoryHost>();

  /** A router of which `lines` of ifconfig and route are the further configuration. */
  static async start(...lines: string[]): Promise<ErspanRig> {
    const rig = new ErspanRig();
    await rig.router.configure(`ifconfig mem0 create inet ${US}/24 inet6 ${US6}/64 up`, ...lines);
    for (const [address, k] of [
      [PEER, 2],
      [OTHER, 3],
      [PEER6, 2],
      [OTHER6, 3],
    ] as const) {
      rig.router.bindNeighbour('mem0', address, mac(k));
    }
    return rig;
  }

  /** Frames into a port, as one burst, and the worker until nothing moves. */
  push(port: string, frames: readonly Uint8Array[], vnet?: VnetWords): void {
    for (const bytes of frames) assert.ok(this.host(port).send(bytes, vnet), `${port} did not take a frame`);
    while (this.router.loop.pollMemoryPorts() !== 0);
    assert.deepEqual(this.router.books().errors, []);
  }

  /** A GRE packet from an address to one of ours. */
  receive(from: string, gre: Uint8Array, fields: Parameters<typeof ipv4>[4] = {}): void {
    this.push('mem0', [this.outer(from, gre, fields)]);
  }

  /** The frame of such a packet. */
  outer(from: string, gre: Uint8Array, fields: Parameters<typeof ipv4>[4] = {}): Uint8Array {
    const own = Uint8Array.from(this.lladdr('mem0'));
    if (from.includes(':')) return ether(own, mac(2), 0x86dd, ipv6(from, US6, 47, gre));
    return ether(own, mac(2), 0x0800, ipv4(from, US, 47, gre, fields));
  }

  lladdr(port: string): number[] {
    return this.router.table
      .get(port)
      .lladdr.split(':')
      .map((group) => Number.parseInt(group, 16));
  }

  /** Frames that left by a port since last asked. */
  sent(port: string): Uint8Array[] {
    return this.host(port)
      .receive()
      .map(({ bytes }) => bytes);
  }

  /** ipackets, ibytes, opackets, obytes. */
  counts(name: string): number[] {
    return [Lane.IPACKETS, Lane.IBYTES, Lane.OPACKETS, Lane.OBYTES].map((word) => this.counter(name, word));
  }

  counter(name: string, word: Lane): number {
    return total(this.router.memory.views, this.router.table.get(name).index, word);
  }

  /** Drops by interface and reason, as `mem0 gre-off`. */
  drops(): Record<string, number> {
    const found: Record<string, number> = {};
    for (const { name } of this.router.table.all()) {
      DROP_REASONS.forEach((reason, n) => {
        const count = this.counter(name, Lane.DROPS + n);
        if (count !== 0) found[`${name} ${reason.name}`] = count;
      });
    }
    return found;
  }

  /** The host's side of a port. */
  host(port: string): MemoryHost {
    const host = this.hosts.get(port) ?? new MemoryHost(this.router.memory, this.router.table.get(port));
    this.hosts.set(port, host);
    return host;
  }
}

/** The seed's example: an HSRP hello of 10.0.33.2 in VLAN 33, tagged. */
export function hsrpHello(): Uint8Array {
  const hello = hex('00 00 10 03 0a 64 01 00 636973636f000000 0a002101');
  const udp = Uint8Array.from([...hex('07c1 07c1'), 0, 8 + hello.length, 0, 0, ...hello]);
  const packet = ipv4('10.0.33.2', '224.0.0.2', 17, udp, { ttl: 1, tos: 0xc0 });
  return Uint8Array.from([...hex('01005e000002 00000c07ac01 8100 c021 0800'), ...packet]);
}
