/**
 * The configuration as plain values: what the operator asked for, with nothing that must be closed. Commands change a
 * draft of it; `plan.ts` compares two; `running.ts` prints one.
 */

import type { Family } from './address.js';
import type { CaptureSetting } from './capture.js';
import type { RuleSpec } from './rule.js';
import type { EncapSpec, Seg6Spec, SidSpec } from './seg6.js';
import { newTunnel, type TunnelSpec } from './tunnel.js';

/** A port of a veb. */
export interface PortSpec {
  readonly name: string;
  learn: boolean;
  discover: boolean;
  blocknonip: boolean;
  /** Protected domains 1 … 31, ascending. */
  protected: number[];
  rules: RuleSpec[];
  /** Most floods a second of frames from this port; 0 = no limit. */
  stormlimit: number;
}

/** A static address of a veb. */
export interface StaticSpec {
  /** As `formatMac` prints it. */
  readonly mac: string;
  readonly port: string;
}

/** What only a veb has. */
export interface VebSpec {
  maxaddr: number;
  timeout: number;
  /** In order of addition, which is the order of flooding. */
  ports: PortSpec[];
  /** Names of the span ports, in order of addition. */
  spans: string[];
  statics: StaticSpec[];
}

/** Kinds of interface that can be made. */
export type InterfaceType = 'veb' | 'tap' | 'mem' | 'vport' | 'rport' | 'lo' | 'vrf' | 'erspan' | 'packet' | 'xdp';

/** An address of an interface. */
export interface AddressSpec {
  readonly family: Family;
  /** Canonical text, as are the others. */
  readonly address: string;
  readonly length: number;
  /** The other end of a point-to-point link; empty = none. */
  readonly destination: string;
}

/** A route that the operator made. */
export interface RouteSpec {
  readonly rdomain: number;
  readonly family: Family;
  readonly network: string;
  readonly length: number;
  /** `sid` and `encap` have a field of that name; `device` leads to whoever is on the link of `dev`. */
  readonly kind: 'gateway' | 'device' | 'reject' | 'blackhole' | 'prohibit' | 'sid' | 'encap';
  /** Addresses of the next hops; several share the traffic. `sid` and `encap` have one at most, for show alone; the rest none. */
  readonly gateways: readonly string[];
  /** The interface the operator named: the route goes with it. Empty = it follows from the gateways. */
  readonly dev: string;
  /** The route with the lowest one that can be used is. */
  readonly metric: number;
  readonly sid?: SidSpec;
  readonly encap?: EncapSpec;
}

/** A policy rule: packets input in table 0 for a destination in a network are looked up in a table of its own first. */
export interface PolicyRule {
  readonly family: Family;
  readonly network: string;
  readonly length: number;
  readonly table: number;
  /** Rules are asked in ascending order. */
  readonly priority: number;
}

/** One interface. */
export interface InterfaceSpec {
  readonly name: string;
  readonly type: InterfaceType;
  up: boolean;
  description: string;
  mtu: number;
  /** As `formatMac` prints it; empty = generated. */
  lladdr: string;
  /** Namespace of the kernel's end of a TAP; empty = the daemon's. */
  netns: string;
  /** Superframes, and frames with partial checksums, go to the device as they are. */
  tso: boolean;
  txcsum: boolean;
  /** Routing domain. */
  rdomain: number;
  /** In order of addition. */
  addresses: AddressSpec[];
  /** Answers ARP requests, and neighbour solicitations, for whom it has a route through another interface. */
  proxyarp: boolean;
  proxynd: boolean;
  /** rport: the one it is paired with; empty = none. */
  peer: string;
  /** The VRF that it is a port of; empty = none. Its `rdomain` is then that VRF's table, as is a VRF's own. */
  master: string;
  /** HMAC of an SRH received here: -1 = not looked at, 0 = right if there, 1 = required (spec B §1.4), 2 = and so is an SRH. */
  seg6RequireHmac: -1 | 0 | 1 | 2;
  /** Whether an SRH at an address of ours that is no SID is processed (spec B §1.8). */
  seg6Enabled: boolean;
  /** At the edge of the SR domain: nothing received here goes to its SIDs, `srv6.block` (spec B §1.8). */
  seg6Edge: boolean;
  /** What is received stops after counting and capture. */
  monitor: boolean;
  /** What is dropped at it goes to the log. */
  debug: boolean;
  /** link0, link1, link2. */
  link: [boolean, boolean, boolean];
  /** For a veb only. */
  veb?: VebSpec;
  /** For an erspan only. */
  tunnel?: TunnelSpec;
}

/** Settings of the router as a whole, by the name `sysctl` knows them. */
export interface Settings {
  'smrouter.idle': 'sleep' | 'adaptive' | 'spin';
  /** Microseconds for which a worker that sleeps lets frames gather, at most; 0 = not at all. */
  'smrouter.coalesce': number;
  /** CPUs that workers are pinned to, one each in turn, as `parseCpus` reads them; `any` = none. */
  'smrouter.cpus': string;
  /** Nice value of the workers and of main, -20 to 19; `inherit` = that of whoever started the process. */
  'smrouter.nice': string;
  /** 1 = packets for others are forwarded. */
  'net.inet.ip.forwarding': 0 | 1;
  'net.inet6.ip6.forwarding': 0 | 1;
  /** Probes of duplicate address detection, a second each; 0 = addresses are used unasked (RFC 4862 §5.1). */
  'net.inet6.ip6.dad_count': number;
  /** ICMP errors a second; -1 = no limit. */
  'net.inet.icmp.errppslimit': number;
  'net.inet6.icmp6.errppslimit': number;
  /** 1 = GRE is taken and sent. */
  'net.inet.gre.allow': 0 | 1;
  /** Copies for span ports that are tunnels, in a turn of each worker. */
  'smrouter.mirrors': number;
  /** 1 = a table has one VRF at most, so that it can stand for it (spec B §1.6). */
  'net.vrf.strict_mode': 0 | 1;
  /** 1 = what a VRF's table has no route for is looked up in table 0, as in Linux without a route that says no (spec B §1.5, B16). */
  'net.vrf.fallthrough': 0 | 1;
  /** Flow label of outer headers: -1 = 0, 0 = that of the inner packet, 1 = a hash of its flow (spec B §2.8). */
  'net.ipv6.seg6_flowlabel': -1 | 0 | 1;
  /** Whose behaviour where the RFCs and Linux differ. */
  'srv6.compat': 'rfc' | 'linux';
  /** Whether congestion is heard of through SRv6: not, or both ways as in RFC 6040. */
  'srv6.ecn': 'none' | 'rfc6040';
  /** Whether the outer header of an IPv4 packet has its DSCP, as that of an IPv6 packet always has. */
  'srv6.dscp': 'none' | 'inherit';
  /** 1 = Linux's way with an SRH at an address of ours, where the interface's `seg6Enabled` says so too (spec B §1.8). */
  'net.ipv6.conf.all.seg6_enabled': 0 | 1;
  /** IPv6 prefixes of the SR domain's SIDs, with commas between; `none`. */
  'srv6.block': string;
  /** The same of its nodes, which alone may send to SIDs of ours; `none` = everybody. */
  'srv6.infrastructure': string;
  /** Small slots of all threads together; 0 = as many as the defaults have. Fixed at start, like the two below. */
  'smrouter.frames': number;
  /** 68 KiB slots of all threads together; 0 = default. */
  'smrouter.superframes': number;
  /** MiB of the heap region; 0 = default. */
  'smrouter.heap': number;
  /** MiB of each thread's capture ring, rounded up to a power of two; 0 = default. */
  'smrouter.capture': number;
  /** MiB of a worker's JavaScript heap beyond which it leaks; 0 = default. Fixed at start, as V8 holds it to twice that. */
  'smrouter.workerheap': number;
  /** Percent of a thread's slots that a worker may hold for long; 0 = default. */
  'smrouter.workerslots': number;
}

/** What holds where nobody set anything. */
export const DEFAULT_SETTINGS: Settings = {
  'smrouter.idle': 'adaptive',
  'smrouter.coalesce': 700,
  'smrouter.cpus': 'any',
  'smrouter.nice': 'inherit',
  'net.inet.ip.forwarding': 1,
  'net.inet6.ip6.forwarding': 1,
  'net.inet6.ip6.dad_count': 1,
  'net.inet.icmp.errppslimit': 100,
  'net.inet6.icmp6.errppslimit': 100,
  'net.inet.gre.allow': 1,
  'smrouter.mirrors': 512,
  'net.vrf.strict_mode': 0,
  'net.vrf.fallthrough': 0,
  'net.ipv6.seg6_flowlabel': 1,
  'srv6.compat': 'rfc',
  'srv6.ecn': 'none',
  'srv6.dscp': 'none',
  'net.ipv6.conf.all.seg6_enabled': 0,
  'srv6.block': 'none',
  'srv6.infrastructure': 'none',
  'smrouter.frames': 0,
  'smrouter.superframes': 0,
  'smrouter.heap': 0,
  'smrouter.capture': 0,
  'smrouter.workerheap': 0,
  'smrouter.workerslots': 0,
};

/** Settings that are taken at start and never again: memory regions never grow, workers have their rings or not. */
export const START_SETTINGS = [
  'smrouter.frames',
  'smrouter.superframes',
  'smrouter.heap',
  'smrouter.capture',
  'smrouter.workerheap',
] as const;

/** Everything configured; interfaces by name, in order of creation. */
export interface State {
  readonly settings: Settings;
  /** In order of addition. */
  readonly routes: RouteSpec[];
  /** By ascending priority, in order of addition where equal. */
  readonly rules: PolicyRule[];
  readonly seg6: Seg6Spec;
  /** Captures to files, one for each path. */
  captures: CaptureSetting[];
  readonly interfaces: Map<string, InterfaceSpec>;
}

/** Limits and defaults (spec A §1.1, §3.1; rows.md A84). */
export const MAXADDR = { default: 100, min: 1, max: 1_048_576 } as const;
export const TIMEOUT = { default: 240, min: 8, max: 3600 } as const;
/** Routing domains; the three above are refused, since 254 and 255 have other meanings for iproute2 (rows.md). */
export const RDOMAIN = { min: 0, max: 252 } as const;
/** Tables of VRFs, routes and rules: those beyond the routing domains serve as well. */
export const TABLE = { min: 1, max: 4095 } as const;
/** Of policy rules: between those for our own addresses (0) and for table 0 (32766), which are always there. */
export const RULE_PRIORITY = { min: 1, max: 32_765 } as const;
/** Protected domains. */
export const DOMAIN = { min: 1, max: 31 } as const;
/** Floods a second. */
export const STORMLIMIT = { min: 1, max: 10_000_000 } as const;
const ETHERNET_MTU = { default: 1500, min: 68, max: 65_535 };
/** 0 = as the host's link has it. */
const LINK_MTU = { default: 0, min: 68, max: 65_535 };
/** MTU of each type of interface; a veb has none (spec A §1.1, §5.1). */
export const MTUS: Record<InterfaceType, { readonly default: number; readonly min: number; readonly max: number }> = {
  veb: ETHERNET_MTU,
  tap: ETHERNET_MTU,
  mem: ETHERNET_MTU,
  vport: ETHERNET_MTU,
  rport: { default: 32_768, min: 1280, max: 32_768 },
  lo: { default: 32_768, min: 576, max: 65_535 },
  erspan: ETHERNET_MTU,
  vrf: { default: 65_575, min: 1280, max: 65_575 },
  packet: LINK_MTU,
  xdp: LINK_MTU,
};
/** Longest interface name: the kernel's IFNAMSIZ less its terminator. */
export const NAME_MAX = 15;

/** Nothing configured. */
export function emptyState(): State {
  return {
    settings: { ...DEFAULT_SETTINGS },
    captures: [],
    routes: [],
    rules: [],
    seg6: { tunsrc: '', hmacs: [] },
    interfaces: new Map(),
  };
}

/** An independent copy, to be changed. */
export function cloneState(state: State): State {
  // A route is never changed, only replaced: there may be a hundred thousand.
  return { ...structuredClone({ ...state, routes: [] }), routes: [...state.routes] };
}

/** A new interface of `type` with nothing set. */
export function newInterface(name: string, type: InterfaceType): InterfaceSpec {
  const spec: InterfaceSpec = {
    name,
    type,
    up: false,
    description: '',
    mtu: MTUS[type].default,
    lladdr: '',
    netns: '',
    tso: true,
    txcsum: true,
    rdomain: 0,
    addresses: [],
    proxyarp: false,
    proxynd: false,
    peer: '',
    master: '',
    seg6RequireHmac: 0,
    seg6Enabled: false,
    seg6Edge: false,
    monitor: type === 'erspan',
    debug: false,
    link: [false, false, false],
  };
  if (type === 'veb')
    spec.veb = { maxaddr: MAXADDR.default, timeout: TIMEOUT.default, ports: [], spans: [], statics: [] };
  if (type === 'erspan') spec.tunnel = newTunnel();
  return spec;
}

/** Whether it is an interface of the host's that was attached. */
export function isAttached(type: InterfaceType): type is 'packet' | 'xdp' {
  return type === 'packet' || type === 'xdp';
}

/** A port as `add` makes it. */
export function newPort(name: string): PortSpec {
  return { name, learn: true, discover: true, blocknonip: false, protected: [], rules: [], stormlimit: 0 };
}

/** The veb that `port` is a member or a span port of, if any. */
export function bridgeOf(state: State, port: string): InterfaceSpec | undefined {
  for (const spec of state.interfaces.values()) {
    if (spec.veb?.ports.some((p) => p.name === port) || spec.veb?.spans.includes(port)) return spec;
  }
  return undefined;
}

/**
 * Takes an interface out, and out of the veb that it is a port of, static addresses included (A89). Its routes go with it, and SIDs
 * that led to it; the ports of a VRF go back to table 0, and SIDs that are held elsewhere lose it for good (spec B §1.7).
 */
export function removeInterface(state: State, name: string): void {
  state.captures = state.captures.filter((capture) => capture.interface !== name);
  for (const other of state.interfaces.values()) {
    if (other.veb !== undefined) removePort(other.veb, name);
    if (other.peer === name) other.peer = '';
  }
  releasePorts(state, (port) => port.master === name);
  removeRoutesOf(state, name);
  replaceRoutes(
    state,
    state.routes
      .filter((route) => route.sid?.oif !== name)
      .map((route) => (route.sid?.vrf === name ? { ...route, sid: { ...route.sid, vrf: '' } } : route)),
  );
  state.interfaces.delete(name);
}

/** Takes out the routes of an interface that goes away or down; they do not come back by themselves (spec B §1.7, B24). */
export function removeRoutesOf(state: State, name: string): void {
  replaceRoutes(
    state,
    state.routes.filter((route) => route.dev !== name),
  );
}

function replaceRoutes(state: State, routes: readonly RouteSpec[]): void {
  state.routes.splice(0, state.routes.length, ...routes);
}

/** Takes ports out of their VRFs: to table 0, with their addresses. */
export function releasePorts(state: State, which: (port: InterfaceSpec) => boolean): void {
  for (const port of state.interfaces.values()) {
    if (port.master === '' || !which(port)) continue;
    port.master = '';
    port.rdomain = 0;
  }
}

/** Takes a port or span port out of a veb, and its static addresses with it. */
export function removePort(veb: VebSpec, name: string): void {
  veb.ports = veb.ports.filter((p) => p.name !== name);
  veb.spans = veb.spans.filter((span) => span !== name);
  veb.statics = veb.statics.filter((s) => s.port !== name);
}
