/**
 * What `ifconfig` prints: OpenBSD's display (spec A §1.10, §1.15), or the same as plain values for `--json`.
 */
import { total } from '../../shared/counter/books.js';
import { Lane } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord } from '../../shared/layout/heap.js';
import type { InterfaceSpec } from '../config/state.js';
import type { Live } from '../control/interface-table.js';
import type { Router } from '../router.js';

/** IFF_ bits as OpenBSD numbers them. */
const FLAG_BITS: readonly (readonly [string, number])[] = [
  ['UP', 0x1],
  ['BROADCAST', 0x2],
  ['RUNNING', 0x40],
  ['PROMISC', 0x100],
  ['SIMPLEX', 0x800],
  ['LINK0', 0x1000],
  ['LINK1', 0x2000],
  ['LINK2', 0x4000],
  ['MULTICAST', 0x8000],
];

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
function flagNames(router: Router, live: Live, spec: InterfaceSpec, member: boolean): string[] {
  const flags = router.memory.views.heap[ifRecord(live.index) + If.FLAGS];
  const names = ['BROADCAST', 'SIMPLEX', 'MULTICAST'];
  if (flags & IfFlag.UP) names.push('UP');
  if (flags & IfFlag.RUNNING) names.push('RUNNING');
  if (member) names.push('PROMISC');
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
    flags: flagNames(router, live, spec, member),
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
      lladdr: live.lladdr,
      mtu: spec.mtu,
      netns: spec.netns,
      tso: spec.tso && spec.txcsum,
      txcsum: spec.txcsum,
      veb: member ? bridge : '',
    });
  } else {
    const { maxaddr, timeout, ports } = spec.veb;
    const described = ports.map((p) => ({ ...p, index: router.table.get(p.name).index }));
    Object.assign(out, { maxaddr, timeout, ports: described, addresses: router.vebs.list(live) });
  }
  return out;
}

/** One interface as text. */
export function displayInterface(router: Router, name: string): string {
  const live = router.table.get(name);
  const spec = router.state.interfaces.get(name) as InterfaceSpec;
  const member = router.memory.views.heap[ifRecord(live.index) + If.BRIDGE] !== 0;
  const mtu = spec.type === 'veb' ? '' : ` mtu ${spec.mtu}`;
  const lines = [`${name}: ${flagsText(flagNames(router, live, spec, member))}${mtu}`];
  if (spec.type !== 'veb') lines.push(`\tlladdr ${live.lladdr}`);
  if (spec.description !== '') lines.push(`\tdescription: ${spec.description}`);
  if (spec.type !== 'veb' && !(spec.tso && spec.txcsum)) lines.push(`\toptions=${optionsText(spec)}`);
  lines.push(`\tindex ${live.index} llprio 3`, `\tgroups: ${spec.type}`);
  if (spec.type !== 'veb') lines.push(`\tstatus: ${spec.up ? 'active' : 'no carrier'}`);
  if (spec.veb !== undefined) lines.push(...displayBridge(router, live, spec));
  return `${lines.join('\n')}\n`;
}

/** Ports, then addresses. */
function displayBridge(router: Router, live: Live, spec: InterfaceSpec): string[] {
  const lines: string[] = [];
  for (const port of spec.veb?.ports ?? []) {
    const names = [...(port.learn ? ['LEARNING'] : []), ...(port.discover ? ['DISCOVER'] : [])];
    const bits = (port.learn ? 1 : 0) | (port.discover ? 2 : 0);
    lines.push(`\t${port.name} flags=${bits}<${names.join(',')}>`);
    lines.push(`\t\tport ${router.table.get(port.name).index} ifpriority 0 ifcost 0`);
  }
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
