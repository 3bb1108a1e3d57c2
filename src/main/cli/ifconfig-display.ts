/**
 * What `ifconfig` prints: OpenBSD's display (spec A §1.10, §1.15), or the same as plain values for `--json`.
 */
import { total } from '../../shared/counter/books.js';
import { Lane } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord, PortFlag } from '../../shared/layout/heap.js';
import { broadcastOf, familyOf } from '../config/address.js';
import { allAddresses, isLinkLocal } from '../config/link-local.js';
import { formatRule } from '../config/rule.js';
import { type AddressSpec, type InterfaceSpec, type InterfaceType, isAttached } from '../config/state.js';
import type { TunnelSpec } from '../config/tunnel.js';
import type { Live } from '../control/interface-table.js';
import type { Router } from '../router.js';

/** IFF_ bits as OpenBSD numbers them. */
const FLAG_BITS: readonly (readonly [string, number])[] = [
  ['UP', 0x1],
  ['BROADCAST', 0x2],
  ['DEBUG', 0x4],
  ['LOOPBACK', 0x8],
  ['POINTOPOINT', 0x10],
  ['RUNNING', 0x40],
  ['PROMISC', 0x100],
  ['SIMPLEX', 0x800],
  ['LINK0', 0x1000],
  ['LINK1', 0x2000],
  ['LINK2', 0x4000],
  ['MULTICAST', 0x8000],
  ['MONITOR', 0x1000000],
];

/** What the flags say of the link itself. */
const LINK_FLAGS: Record<InterfaceType, readonly string[]> = {
  veb: ['BROADCAST', 'SIMPLEX', 'MULTICAST'],
  tap: ['BROADCAST', 'SIMPLEX', 'MULTICAST'],
  mem: ['BROADCAST', 'SIMPLEX', 'MULTICAST'],
  vport: ['BROADCAST', 'SIMPLEX', 'MULTICAST'],
  packet: ['BROADCAST', 'SIMPLEX', 'MULTICAST'],
  xdp: ['BROADCAST', 'SIMPLEX', 'MULTICAST'],
  rport: ['POINTOPOINT', 'MULTICAST'],
  lo: ['LOOPBACK', 'MULTICAST'],
  erspan: ['BROADCAST', 'SIMPLEX', 'MULTICAST'],
  vrf: ['SIMPLEX'],
};

/** Flags of a port as the spec numbers and names them (spec A §0.4). */
const PORT_BITS = [
  ['learn', 'LEARNING', PortFlag.LEARNING],
  ['discover', 'DISCOVER', PortFlag.DISCOVER],
  ['blocknonip', 'BLOCKNONIP', PortFlag.BLOCKNONIP],
] as const;

/** `flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST>` for a set of names. */
function flagsText(names: readonly string[]): string {
  const set = FLAG_BITS.filter(([name]) => names.includes(name));
  const bits = set.reduce((sum, [, bit]) => sum | bit, 0);
  return `flags=${bits.toString(16)}<${set.map(([name]) => name).join(',')}>`;
}

/** `1<TXCSUM>`: the offloads the device is given frames with. */
function optionsText(spec: InterfaceSpec): string {
  if (!spec.txcsum) return '0<>';
  return spec.tso ? '3<TXCSUM,TSO>' : '1<TXCSUM>';
}

/** Names of the flags that are set. */
function flagNames(router: Router, live: Live, spec: InterfaceSpec): string[] {
  const { heap } = router.memory.views;
  const flags = heap[ifRecord(live.index) + If.FLAGS];
  const port = heap[ifRecord(live.index) + If.BRIDGE] !== 0;
  const span = (heap[ifRecord(live.index) + If.PORT_FLAGS] & PortFlag.SPAN) !== 0;
  const names = [...LINK_FLAGS[spec.type]];
  if (flags & IfFlag.UP) names.push('UP');
  if (flags & IfFlag.RUNNING) names.push('RUNNING');
  // A span port only sends, so it need not hear everything (A52).
  if (port && !span) names.push('PROMISC');
  if (spec.monitor) names.push('MONITOR');
  if (spec.debug) names.push('DEBUG');
  spec.link.forEach((on, n) => {
    if (on) names.push(`LINK${n}`);
  });
  return names;
}

/** One interface as values. */
export function describeInterface(router: Router, name: string): Record<string, unknown> {
  const live = router.table.get(name);
  const spec = router.state.interfaces.get(name) as InterfaceSpec;
  const { views } = router.memory;
  const bridge = router.table.nameOf(views.heap[ifRecord(live.index) + If.BRIDGE]);
  const member = bridge !== '?';
  const sum = (word: number): number => total(views, live.index, word);
  const out: Record<string, unknown> = {
    name,
    type: spec.type,
    index: live.index,
    flags: flagNames(router, live, spec),
    rdomain: spec.rdomain,
    description: spec.description,
    counters: {
      ipackets: sum(Lane.IPACKETS),
      ibytes: sum(Lane.IBYTES),
      opackets: sum(Lane.OPACKETS),
      obytes: sum(Lane.OBYTES),
    },
  };
  if (spec.veb === undefined) {
    Object.assign(out, {
      ...(hasLladdr(spec) ? { lladdr: live.lladdr } : {}),
      mtu: router.table.mtu(live),
      ...(isAttached(spec.type) ? { media: live.media } : {}),
      netns: spec.netns,
      tso: spec.tso && spec.txcsum,
      txcsum: spec.txcsum,
      veb: member ? bridge : '',
      parent: spec.peer,
      addresses: allAddresses(spec, live.lladdr),
      ...(spec.tunnel === undefined ? {} : { tunnel: spec.tunnel }),
    });
  } else {
    const { maxaddr, timeout, ports, spans } = spec.veb;
    const described = ports.map((p) => {
      const { index } = router.table.get(p.name);
      const rules = p.rules.map((rule) => ({ ...rule, text: formatRule(p.name, rule) }));
      return { ...p, rules, index, tagged: total(views, index, Lane.TAGGED) };
    });
    Object.assign(out, { maxaddr, timeout, ports: described, spans, addresses: router.vebs.list(live) });
  }
  return out;
}

/** One interface as text. */
export function displayInterface(router: Router, name: string): string {
  const live = router.table.get(name);
  const spec = router.state.interfaces.get(name) as InterfaceSpec;
  const mtu = spec.type === 'veb' ? '' : ` mtu ${router.table.mtu(live)}`;
  const rdomain = spec.rdomain === 0 ? '' : ` rdomain ${spec.rdomain}`;
  const lines = [`${name}: ${flagsText(flagNames(router, live, spec))}${rdomain}${mtu}`];
  if (hasLladdr(spec)) lines.push(`\tlladdr ${live.lladdr}`);
  if (spec.description !== '') lines.push(`\tdescription: ${spec.description}`);
  if (isDeviceType(spec) && !(spec.tso && spec.txcsum)) lines.push(`\toptions=${optionsText(spec)}`);
  lines.push(`\tindex ${live.index} llprio 3`);
  if (spec.tunnel !== undefined) lines.push(encapText(spec.tunnel));
  lines.push(`\tgroups: ${spec.type}`);
  if (spec.tunnel !== undefined) lines.push(tunnelText(spec.tunnel));
  if (spec.peer !== '') lines.push(`\tparent: ${spec.peer}`);
  if (live.media !== '') lines.push(`\tmedia: ${live.media}`);
  if (isDeviceType(spec)) lines.push(`\tstatus: ${spec.up && live.carrier ? 'active' : 'no carrier'}`);
  if (spec.veb !== undefined) lines.push(...displayBridge(router, live, spec));
  lines.push(...allAddresses(spec, live.lladdr).map((address) => displayAddress(live, spec, address)));
  return `${lines.join('\n')}\n`;
}

/** `encap: vnetid 11 txprio packet rxprio payload`. */
function encapText({ vnetid, txprio, rxprio }: TunnelSpec): string {
  return `\tencap: vnetid ${vnetid === -1 ? 'none' : vnetid} txprio ${txprio} rxprio ${rxprio}`;
}

/** `tunnel: inet 192.0.2.1 --> 192.0.2.2 ttl 64 nodf`. */
function tunnelText({ local, remote, ttl, df, rdomain }: TunnelSpec): string {
  if (local === '') return '\ttunnel: (unset)';
  const addresses = remote === '' ? local : `${local} --> ${remote}`;
  const domain = rdomain === 0 ? '' : ` rdomain ${rdomain}`;
  return `\ttunnel: ${familyOf(local)} ${addresses} ttl ${ttl} ${df ? 'df' : 'nodf'}${domain}`;
}

/** Whether it has an Ethernet address. */
export function hasLladdr(spec: InterfaceSpec): boolean {
  return isDeviceType(spec) || spec.type === 'vport' || spec.type === 'erspan' || spec.type === 'vrf';
}

/** Whether there is a link that can be without a carrier. */
function isDeviceType(spec: InterfaceSpec): boolean {
  return spec.type === 'tap' || spec.type === 'mem' || isAttached(spec.type);
}

/** One address as OpenBSD's ifconfig prints it; a link without stations has no broadcast. */
function displayAddress(
  live: Live,
  spec: InterfaceSpec,
  { family, address, length, destination }: AddressSpec,
): string {
  const other = destination === '' ? '' : ` --> ${destination}`;
  if (isLinkLocal(address))
    return `\tinet6 ${address}%${live.name}${other} prefixlen ${length} scopeid 0x${live.index.toString(16)}`;
  if (family === 'inet6') return `\tinet6 ${address}${other} prefixlen ${length}`;
  const mask = (length === 0 ? 0 : (-1 << (32 - length)) >>> 0).toString(16).padStart(8, '0');
  const broadcasts = hasLladdr(spec) && destination === '' && length <= 30;
  const broadcast = broadcasts ? ` broadcast ${broadcastOf(address, length)}` : '';
  return `\tinet ${address}${other} netmask 0x${mask}${broadcast}`;
}

/** Ports, then addresses. */
function displayBridge(router: Router, live: Live, spec: InterfaceSpec): string[] {
  const lines: string[] = [];
  for (const port of spec.veb?.ports ?? []) {
    const set = PORT_BITS.filter(([flag]) => port[flag]);
    const bits = set.reduce((sum, [, , bit]) => sum | bit, 0);
    lines.push(`\t${port.name} flags=${bits.toString(16)}<${set.map(([, name]) => name).join(',')}>`);
    const domains = port.protected.length === 0 ? '' : ` protected ${port.protected.join(',')}`;
    const storm = port.stormlimit === 0 ? '' : ` stormlimit ${port.stormlimit}`;
    lines.push(`\t\tport ${router.table.get(port.name).index} ifpriority 0 ifcost 0${domains}${storm}`);
    for (const rule of port.rules) lines.push(`\t${formatRule(port.name, rule)}`);
  }
  for (const span of spec.veb?.spans ?? []) lines.push(`\t${span} flags=${PortFlag.SPAN.toString(16)}<SPAN>`);
  lines.push(`\tAddresses (max cache: ${spec.veb?.maxaddr}, timeout: ${spec.veb?.timeout}):`);
  lines.push(...displayAddresses(router, live, '\t\t'));
  return lines;
}

/** One line an address. */
export function displayAddresses(router: Router, live: Live, prefix: string): string[] {
  return router.vebs
    .list(live)
    .map((a) => `${prefix}${a.mac} ${a.port} ${a.age} flags=${a.static ? '1<STATIC>' : '0<>'}`);
}
