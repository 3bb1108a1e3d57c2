/**
 * The stack's world (main/stack/environment.ts) over shared memory and the live configuration. Main only.
 */
import { DROP_REASONS, Drop } from '../../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../shared/layout/counters.js';
import { Control, If, IfFlag, IfType, ifRecord } from '../../shared/layout/heap.js';
import { Slot } from '../../shared/layout/packet.js';
import { makeNextHopRecord, NextHop, NextHopKind, pickMember } from '../../shared/table/next-hop.js';
import { makeRoute4, makeRoute6 } from '../../shared/table/policy-rules.js';
import { addressWords } from '../config/address.js';
import { allAddresses } from '../config/link-local.js';
import type { InterfaceSpec } from '../config/state.js';
import type { Memory } from '../memory/memory.js';
import type { StackEnvironment, StackInterface, StackRoute } from '../stack/environment.js';
import type { DropReason } from '../stack/fate.js';
import type { EncapPaths } from './encap-paths.js';
import type { Injector } from './inject.js';
import type { InterfaceTable, Live } from './interface-table.js';
import type { Neighbours } from './neighbours.js';

const ROUTE_KIND: Partial<Record<NextHopKind, StackRoute['kind']>> = {
  [NextHopKind.LOCAL]: 'local',
  [NextHopKind.ANYCAST]: 'anycast',
  [NextHopKind.CONNECTED]: 'connected',
  [NextHopKind.GATEWAY]: 'gateway',
  [NextHopKind.BROADCAST]: 'broadcast',
  [NextHopKind.REJECT]: 'reject',
  [NextHopKind.BLACKHOLE]: 'blackhole',
  [NextHopKind.SID]: 'sid',
  [NextHopKind.ENCAP]: 'encap',
  [NextHopKind.PROHIBIT]: 'prohibit',
};

/** The stack's reasons that have another name in the one list; the others have the same. */
const OTHER_NAME: Partial<Record<DropReason, Drop>> = {
  down: Drop.NOTRUNNING,
  transmit: Drop.RING_FULL,
};

/** What the environment is made of. */
export interface StackParts {
  readonly memory: Memory;
  readonly table: InterfaceTable;
  readonly injector: Injector;
  readonly neighbours: Neighbours;
  readonly encapPaths: () => EncapPaths;
  readonly settings: () => Readonly<Record<string, string | number>>;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/** The world as the stack sees it. */
export function stackEnvironment(parts: StackParts): StackEnvironment {
  const { memory, table, injector, neighbours } = parts;
  const { heap, counters } = memory.views;
  const route4 = makeRoute4(heap);
  const route6 = makeRoute6(heap);
  const nextHop = makeNextHopRecord(heap);

  function route(rdomain: number, family: 4 | 6, words: Int32Array): StackRoute | undefined {
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
    const hops = heap[Control.NEXT_HOPS];
    let hop = nextHop(hops, family === 4 ? route4(rdomain, w0) : route6(rdomain, w0, w1, w2, w3));
    if (heap[hop + NextHop.KIND] === NextHopKind.ECMP) hop = nextHop(hops, pickMember(heap, hop, w0 ^ w1 ^ w2 ^ w3));
    const kind = ROUTE_KIND[heap[hop + NextHop.KIND] as NextHopKind];
    if (kind === undefined) return undefined;
    const out = heap[hop + NextHop.INTERFACE];
    if (kind === 'encap') return { kind, out, mtu: mtuOf(hop) };
    if (kind !== 'gateway') return { kind, out };
    const gateway = heap.slice(hop + NextHop.GATEWAY, hop + NextHop.GATEWAY + (family === 4 ? 1 : 4));
    return { kind, out, gateway };
  }

  /** Most bytes of a packet that an encapsulation takes, as its first segment is reached now. */
  function mtuOf(hop: number): number {
    const under = route(heap[hop + NextHop.TABLE], 6, heap.slice(hop + NextHop.GATEWAY, hop + NextHop.GATEWAY + 4));
    const link = under?.mtu ?? table.at(under?.out ?? 0)?.spec.mtu ?? Slot.SUPER_MAX;
    const path = heap[hop + NextHop.MTU] || link;
    return Math.min(path, link) - heap[hop + NextHop.OVERHEAD];
  }

  /** Whether it runs and the stack may send by it: a vport only from a bridge, others only if they are in none (A50, A95). */
  function canSend(index: number): boolean {
    const record = ifRecord(index);
    const bridged = heap[record + If.BRIDGE] !== 0;
    return (heap[record + If.FLAGS] & IfFlag.RUNNING) !== 0 && bridged === (heap[record + If.TYPE] === IfType.VPORT);
  }

  /** Interfaces of the stack as of their spec; made anew when that changes. */
  const known = new WeakMap<InterfaceSpec, StackInterface>();
  function describe(live: Live): StackInterface {
    const cached = known.get(live.spec);
    const up = canSend(live.index);
    const mtu = table.mtu(live);
    const same = cached !== undefined && cached.up === up && cached.index === live.index && cached.mtu === mtu;
    if (same) return cached;
    const described = describeInterface(live, up, mtu);
    known.set(live.spec, described);
    return described;
  }

  return {
    nowMs: () => performance.now(),
    interfaceOf: (index) => {
      const live = table.at(index);
      return live === undefined || live.type === 'veb' ? undefined : describe(live);
    },
    interfaces: () =>
      table
        .all()
        .filter((live) => live.type !== 'veb')
        .map(describe),
    route,
    transmit: (index, bytes, forwarded, trail, superframe) => {
      const live = table.at(index);
      return live !== undefined && injector.transmit(live, bytes, forwarded, trail, superframe);
    },
    sendRouted: (index, rdomain, bytes, forwarded, trail, superframe) => {
      const live = table.at(index) ?? table.all()[0];
      return live !== undefined && injector.sendRouted(live, rdomain, bytes, forwarded, trail, superframe);
    },
    tunnelsOf: (rdomain, outer) =>
      parts
        .encapPaths()
        .find(outer)
        .filter(({ underlay, first }) => {
          const out = route(underlay, 6, first)?.out ?? 0;
          return underlay === rdomain || table.at(out)?.spec.rdomain === rdomain;
        }),
    limitPath: (path, mtu) => {
      try {
        parts.encapPaths().limit(path, mtu);
      } catch (err) {
        parts.log.warn({ event: 'path-mtu', err }, `no room for the MTU of a path: ${path}`);
        return;
      }
      parts.log.info(
        { event: 'path-mtu', path, mtu },
        mtu === 0 ? 'the MTU of a path is forgotten' : 'a path has an MTU',
      );
    },
    handBack: (index, packet, trail) => {
      const live = table.at(index);
      return live !== undefined && injector.handBack(live, packet, trail);
    },
    bindNeighbour: (index, _, words, lladdr, stale) => neighbours.bind(index, words, lladdr, stale),
    unbindNeighbour: (index, _, words) => neighbours.unbind(index, words),
    tentative: (index, addresses) => {
      heap[ifRecord(index) + If.TENTATIVE] = addresses;
    },
    neighbourUsed: (index, _, words) => neighbours.used(index, words),
    forwarding: (family) => heap[family === 4 ? Control.FORWARD4 : Control.FORWARD6] !== 0,
    dadCount: () => Number(parts.settings()['net.inet6.ip6.dad_count']),
    errorLimit: (family) =>
      Number(parts.settings()[family === 4 ? 'net.inet.icmp.errppslimit' : 'net.inet6.icmp6.errppslimit']),
    drop: (index, reason) => {
      const number = OTHER_NAME[reason] ?? DROP_REASONS.findIndex(({ name }) => name === reason);
      counters[laneOf(memory.me, table.at(index) === undefined ? 0 : index) + Lane.DROPS + number] += 1;
    },
    consume: (index) => {
      counters[laneOf(memory.me, table.at(index) === undefined ? 0 : index) + Lane.CONSUMED] += 1;
    },
    log: {
      info: (message) => parts.log.info({ event: 'stack' }, message),
      warn: (message) => parts.log.warn({ event: 'stack' }, message),
    },
  };
}

function describeInterface(live: Live, up: boolean, mtu: number): StackInterface {
  const { spec } = live;
  // A VRF stands for its table as a loopback does.
  const kinds: Partial<Record<InterfaceSpec['type'], StackInterface['kind']>> = {
    rport: 'point-to-point',
    lo: 'loopback',
    vrf: 'loopback',
  };
  return {
    index: live.index,
    name: live.name,
    kind: kinds[spec.type] ?? 'ethernet',
    lladdr: Uint8Array.from(live.lladdr.split(':'), (group) => Number.parseInt(group, 16)),
    mtu,
    rdomain: spec.rdomain,
    up,
    addresses: allAddresses(spec, live.lladdr).map(({ family, address, length, destination }) => ({
      family: family === 'inet' ? 4 : 6,
      words: addressWords(address),
      length,
      ...(destination === '' ? {} : { destination: addressWords(destination) }),
    })),
    proxyArp: spec.proxyarp,
    proxyNd: spec.proxynd,
  };
}
