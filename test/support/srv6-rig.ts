/**
 * A provider edge on memory ports: a core, two tenants with the same prefixes in VRFs of their own, SIDs and encapsulations. What comes
 * in and goes out are IP packets; Ethernet is put on and taken off here.
 */
import assert from 'node:assert/strict';
import type { EncapSpec, SidSpec } from '../../src/main/config/seg6.js';
import { newInterface, type RouteSpec, type State } from '../../src/main/config/state.js';
import { etherFrame } from './ip-frame.js';
import { hex, naiveChecksum } from './naive-ip.js';
import { RoutedRig } from './routed-rig.js';
import { addressBytes } from './udp-packet.js';

/** The neighbours of the core and of the tenants' ports, and the addresses that they have there. */
export const FAR = '02:00:00:00:00:fe';
export const HOST = '02:00:00:00:00:0a';
/** Source of outer headers, and the SID of the golden packets. */
export const SOURCE = 'fd00::1';
export const SID = 'fc00:12:100::6004';
/** The inner packet of spec B §1.1, and what it is when it has been forwarded. */
export const INNER = hex('4500002400014000400126d60a0000010a000002 08005435123400016162636465666768');
export const FORWARDED = hex('45000024000140003f0127d60a0000010a000002 08005435123400016162636465666768');

const NO_SID: Omit<SidSpec, 'action'> = {
  ...{ flavors: [], table: -1, vrftable: -1, vrf: '', nh4: '', nh6: '', oif: '', count: false },
};

/** A route of a SID. */
export function sidRoute(
  network: string,
  length: number,
  dev: string,
  sid: Partial<SidSpec> & Pick<SidSpec, 'action'>,
): RouteSpec {
  const whole = { ...NO_SID, ...sid };
  return { rdomain: 0, family: 'inet6', network, length, kind: 'sid', gateways: [], dev, metric: 1024, sid: whole };
}

/** End.DT4 into the VRF of a table. */
export function dt4(network: string, table: number, count = false): RouteSpec {
  const vrf = `vrf-${table}`;
  return sidRoute(network, 128, vrf, { action: 'End.DT4', vrftable: table, vrf, count });
}

/** A route of a tenant into an encapsulation. */
export function encapRoute(
  rdomain: number,
  network: string,
  segs: readonly string[],
  encap: Partial<EncapSpec> = {},
): RouteSpec {
  const family = network.includes(':') ? 'inet6' : 'inet';
  const [address = '', length = ''] = network.split('/');
  const whole: EncapSpec = { mode: 'encap', tunsrc: SOURCE, hmac: 0, table: 0, ...encap, segs };
  return {
    ...{ rdomain, family, network: address, length: Number(length), kind: 'encap', gateways: [], metric: 0 },
    ...{ dev: `vrf-${rdomain}`, encap: whole },
  };
}

export class Srv6Rig {
  private constructor(readonly rig: RoutedRig) {}

  /** core mem0 in domain 0; mem1 in vrf-100 and mem2 in vrf-200, both 10.0.0.254/24 and cafe::254/64; what `edit` adds. */
  static async start(edit: (state: State) => void = () => {}, workers = 2): Promise<Srv6Rig> {
    const rig = await RoutedRig.start(['ifconfig mem0 create inet6 2001:db8:c::1/64 inet 192.0.2.1/24 up'], workers);
    const made = new Srv6Rig(rig);
    await made.edit((state) => {
      state.settings['net.inet.icmp.errppslimit'] = -1;
      state.settings['net.inet6.icmp6.errppslimit'] = -1;
      for (const [port, table] of [
        ['mem1', 100],
        ['mem2', 200],
      ] as const) {
        const vrf = newInterface(`vrf-${table}`, 'vrf');
        Object.assign(vrf, { rdomain: table, up: true });
        state.interfaces.set(vrf.name, vrf);
        const member = newInterface(port, 'mem');
        Object.assign(member, { rdomain: table, up: true, master: vrf.name });
        member.addresses.push(
          { family: 'inet', address: '10.0.0.254', length: 24, destination: '' },
          { family: 'inet6', address: 'cafe::254', length: 64, destination: '' },
        );
        state.interfaces.set(port, member);
      }
      // Linux's way round: what is behind the core, by its neighbour there.
      const via = { rdomain: 0, kind: 'gateway', dev: '', metric: 0 } as const;
      for (const network of ['fd00::', 'fcff:2::', 'fcff:3::']) {
        state.routes.push({ ...via, family: 'inet6', network, length: 32, gateways: ['2001:db8:c::2'] });
      }
      edit(state);
    });
    await rig.usable();
    rig.neighbour('mem0', '2001:db8:c::2', Uint8Array.of(2, 0, 0, 0, 0, 0xfe));
    rig.neighbour('mem0', '2001:db8:c::3', Uint8Array.of(2, 0, 0, 0, 0, 0xfd));
    rig.neighbour('mem0', '192.0.2.2', Uint8Array.of(2, 0, 0, 0, 0, 0xfe));
    for (const port of ['mem1', 'mem2']) {
      for (const n of [1, 2]) {
        rig.neighbour(port, `10.0.0.${n}`, Uint8Array.of(2, 0, 0, 0, 0, 0x0a));
        rig.neighbour(port, `cafe::${n}`, Uint8Array.of(2, 0, 0, 0, 0, 0x0a));
      }
    }
    await rig.settle();
    rig.forget();
    return made;
  }

  /** Changes the configuration. */
  edit(change: (state: State) => void): Promise<void> {
    return this.rig.router.change((draft) => change(draft.state));
  }

  /** Takes a route away. */
  unroute(network: string): Promise<void> {
    return this.edit((state) => {
      const at = state.routes.findIndex((route) => route.network === network);
      assert.notEqual(at, -1);
      state.routes.splice(at, 1);
    });
  }

  /** Sends IP packets into a port, as from its neighbour, and waits until nothing moves. */
  async send(port: string, ...packets: readonly Uint8Array[]): Promise<void> {
    const to = [...this.rig.lladdr(port)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    const frames = packets.map((bytes) => etherFrame(to, FAR, bytes[0] >> 4 === 4 ? 0x0800 : 0x86dd, bytes, true));
    await this.rig.send(port, ...frames);
  }

  /** IP packets that a port has sent since last asked. */
  take(port: string): Uint8Array[] {
    return this.rig.take(port).map((frame) => frame.subarray(14));
  }

  /** What came out of all ports since last asked, by port; ports without anything are left out. */
  out(): Record<string, Uint8Array[]> {
    const all = ['mem0', 'mem1', 'mem2'].map((port) => [port, this.take(port)] as const);
    return Object.fromEntries(all.filter(([, packets]) => packets.length > 0));
  }

  /** What a SID has counted. */
  counts(network: string, length = 128): { packets: number; bytes: number; errors: number } | undefined {
    return this.rig.router.routing.countsOf({ rdomain: 0, network, length });
  }

  stop(): Promise<void> {
    return this.rig.stop();
  }
}

/** Extension header bytes, and the number that names them. */
export type Header = readonly [next: number, bytes: (next: number) => Uint8Array];

/** An SRH with the segments of a path; `left` of them are left. */
export function srh(path: readonly string[], left: number, changes: Readonly<Record<number, number>> = {}): Header {
  return [
    43,
    (next) => {
      const list = path.toReversed().flatMap((segment) => addressBytes(segment));
      const bytes = Uint8Array.from([next, path.length * 2, 4, left, path.length - 1, 0, 0, 0, ...list]);
      for (const [at, byte] of Object.entries(changes)) bytes[Number(at)] = byte;
      return bytes;
    },
  ];
}

/** Eight bytes of options, hop-by-hop (0) or of the destination (60): padding alone. */
export function options(number: 0 | 60): Header {
  return [number, (next) => Uint8Array.of(next, 0, 1, 4, 0, 0, 0, 0)];
}

/** A fragment header: of an atomic fragment, unless there is an offset in bytes. */
export function fragment(offset = 0): Header {
  return [44, (next) => Uint8Array.of(next, 0, offset >> 8, offset & 0xf8, 0, 0, 0, 1)];
}

/** What an outer header may have otherwise than usual. */
export interface Outer {
  readonly src?: string;
  readonly hl?: number;
  readonly tc?: number;
  readonly label?: number;
}

/** An IPv6 packet with extension headers around a payload of a protocol. */
export function outer(
  dst: string,
  headers: readonly Header[],
  protocol: number,
  payload: Uint8Array,
  { src = SOURCE, hl = 64, tc = 0, label = 0 }: Outer = {},
): Uint8Array {
  let next = protocol;
  let behind = payload;
  for (const [number, bytes] of headers.toReversed()) {
    behind = Uint8Array.from([...bytes(next), ...behind]);
    next = number;
  }
  const first = [0x60 | (tc >> 4), ((tc & 15) << 4) | (label >> 16), (label >> 8) & 255, label & 255];
  const length = [behind.length >> 8, behind.length & 255];
  return Uint8Array.from([...first, ...length, next, hl, ...addressBytes(src), ...addressBytes(dst), ...behind]);
}

/** An ICMPv6 message that a packet holds: type, code, the second word, and what is quoted; its checksum must be right. */
export function icmp6(packet: Uint8Array): {
  type: number;
  code: number;
  rest: number;
  quoted: Uint8Array;
  to: string;
} {
  assert.equal(packet[6], 58, 'no ICMPv6');
  const message = packet.subarray(40);
  const pseudo = Uint8Array.from([
    ...packet.subarray(8, 40),
    0,
    0,
    message.length >> 8,
    message.length & 255,
    0,
    0,
    0,
    58,
  ]);
  assert.equal(naiveChecksum(pseudo, message), 0, 'ICMPv6 checksum');
  const rest = new DataView(message.buffer, message.byteOffset).getUint32(4);
  const to = Buffer.from(packet.subarray(24, 40)).toString('hex');
  return { type: message[0] as number, code: message[1] as number, rest, quoted: message.subarray(8), to };
}

/** The same of ICMP. */
export function icmp4(packet: Uint8Array): { type: number; code: number; rest: number; quoted: Uint8Array } {
  assert.equal(packet[9], 1, 'no ICMP');
  const message = packet.subarray((packet[0] & 15) * 4);
  assert.equal(naiveChecksum(message), 0, 'ICMP checksum');
  const rest = new DataView(message.buffer, message.byteOffset).getUint32(4);
  return { type: message[0] as number, code: message[1] as number, rest, quoted: message.subarray(8) };
}
