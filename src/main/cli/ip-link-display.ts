/**
 * What `ip link|addr show` and `ip vrf show` print (ip-link(8), ip-vrf(8); spec B §3.1). Main only.
 */
import { dropsAt, total } from '../../shared/counter/books.js';
import { Lane } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord } from '../../shared/layout/heap.js';
import { broadcastOf, type Family } from '../config/address.js';
import { allAddresses, isLinkLocal } from '../config/link-local.js';
import { type AddressSpec, bridgeOf, type InterfaceSpec, type State } from '../config/state.js';
import type { Live } from '../control/interface-table.js';
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import type { IpCommand } from './ip.js';
import type { Words } from './words.js';

/** Which links are wanted; empty = any. */
interface Filter {
  readonly dev: string;
  readonly type: string;
  readonly master: string;
  readonly up: boolean;
}

/** `[[dev] IF] [type T] [master|vrf M] [up]`. Throws EINVAL, ENXIO. */
function readFilter(router: Router, words: Words): Filter {
  const filter = { dev: '', type: '', master: '', up: false };
  while (words.more) {
    const word = words.take('word');
    if (word === 'type') filter.type = words.take('type');
    else if (word === 'master' || word === 'vrf') filter.master = find(router, words.take('master'));
    else if (word === 'up') filter.up = true;
    else {
      if (filter.dev !== '') throw new ControlError('EINVAL', `${word}: unknown word`);
      filter.dev = find(router, word === 'dev' ? words.take('interface') : word);
    }
  }
  return filter;
}

/** The name of an interface that there is. Throws ENXIO, as upstream words it. */
function find(router: Router, name: string): string {
  if (router.table.find(name) === undefined) throw new ControlError('ENXIO', `Device "${name}" does not exist`);
  return name;
}

/** The VRF or bridge that an interface is a port of. */
function masterOf(state: State, spec: InterfaceSpec): string | undefined {
  return spec.master === '' ? bridgeOf(state, spec.name)?.name : spec.master;
}

/** `ip vrf show [NAME]`. Throws ENODEV, as upstream words it. */
export function showVrfs(state: State, words: Words, json: boolean): string {
  const vrfs = [...state.interfaces.values()].filter((spec) => spec.type === 'vrf');
  const described = vrfs.map(({ name, rdomain }) => ({ name, table: rdomain }));
  if (words.peek === 'name') words.take('name');
  if (words.more) {
    const name = words.take('name');
    words.end();
    const one = described.find((vrf) => vrf.name === name);
    if (one === undefined) throw new ControlError('ENODEV', 'Invalid VRF');
    return json ? `${JSON.stringify([one])}\n` : `${one.name} ${one.table}\n`;
  }
  if (json) return `${JSON.stringify(described)}\n`;
  const rows = described.map(({ name, table }) => `${name.padEnd(16)}  ${String(table).padStart(5)}\n`);
  const text = rows.length === 0 ? 'No VRF has been configured\n' : rows.join('');
  return `${'Name'.padEnd(16)}  Table\n${'-'.repeat(23)}\n${text}`;
}

/** The flags between the angle brackets. */
function linkFlags(router: Router, live: Live): string[] {
  const flags = router.memory.views.heap[ifRecord(live.index) + If.FLAGS];
  const [up, running] = [(flags & IfFlag.UP) !== 0, (flags & IfFlag.RUNNING) !== 0];
  const kinds: Partial<Record<Live['type'], string[]>> = {
    lo: ['LOOPBACK'],
    rport: ['POINTOPOINT', 'NOARP'],
    vrf: ['NOARP', 'MASTER'],
  };
  const kind = kinds[live.type] ?? ['BROADCAST', 'MULTICAST'];
  return [...(up && !running ? ['NO-CARRIER'] : []), ...kind, ...(up ? ['UP'] : []), ...(running ? ['LOWER_UP'] : [])];
}

/** An interface as `ip -json addr` has it. */
function describeLink(router: Router, live: Live, families: readonly Family[]): Record<string, unknown> {
  const spec = router.state.interfaces.get(live.name) as InterfaceSpec;
  const flags = linkFlags(router, live);
  const link = { lo: 'loopback', rport: 'none' }[spec.type as string] ?? 'ether';
  const all = allAddresses(spec, live.lladdr);
  // As the kernel has them: IPv4, then IPv6 with the link's own behind the rest.
  const rank = ({ family, address }: AddressSpec): number => (family === 'inet' ? 0 : isLinkLocal(address) ? 2 : 1);
  const addresses = all.toSorted((a, b) => rank(a) - rank(b));
  const master = masterOf(router.state, spec);
  return {
    ifindex: live.index,
    ifname: live.name,
    flags,
    mtu: router.table.mtu(live),
    ...(master === undefined ? {} : { master }),
    operstate: link !== 'ether' && flags.includes('UP') ? 'UNKNOWN' : flags.includes('LOWER_UP') ? 'UP' : 'DOWN',
    ...(families.length === 0 ? { linkmode: 'DEFAULT' } : {}),
    group: 'default',
    link_type: link,
    ...(link === 'none' ? {} : { address: link === 'loopback' ? '00:00:00:00:00:00' : live.lladdr }),
    ...(spec.description === '' ? {} : { ifalias: spec.description }),
    ...(families.length === 0
      ? {}
      : {
          addr_info: addresses.filter((a) => families.includes(a.family)).map((a) => describeAddress(a, live.name)),
        }),
  };
}

function describeAddress(spec: AddressSpec, label: string): Record<string, unknown> {
  const { family, address, length, destination } = spec;
  const broadcast = family === 'inet' && destination === '' && length <= 30 && !address.startsWith('127.');
  return {
    family,
    local: address,
    ...(destination === '' ? {} : { address: destination }),
    prefixlen: length,
    ...(broadcast ? { broadcast: broadcastOf(address, length) } : {}),
    scope: scopeOf(address),
    ...(family === 'inet' ? { label } : {}),
  };
}

function scopeOf(address: string): string {
  if (address === '::1' || address.startsWith('127.')) return 'host';
  return isLinkLocal(address) ? 'link' : 'global';
}

/** What a link counted, as `-s` tells. Drops of its output are those on the way out, all others of the way in. */
function statistics(router: Router, { index }: Live): Record<string, Record<string, number>> {
  const { views } = router.memory;
  const sum = (word: number): number => total(views, index, word);
  const late = dropsAt(views, index, 'tx');
  return {
    rx: {
      ...{ bytes: sum(Lane.IBYTES), packets: sum(Lane.IPACKETS), errors: 0, dropped: dropsAt(views, index) - late },
      ...{ over_errors: sum(Lane.MISSED), multicast: 0 },
    },
    tx: {
      ...{ bytes: sum(Lane.OBYTES), packets: sum(Lane.OPACKETS), errors: 0, dropped: late },
      ...{ carrier_errors: 0, collisions: 0 },
    },
  };
}

/**
 * `ip link show` and, with families, `ip addr show`; `-d` adds what a link is, `-s` what it counted. With one family an interface that has
 * no address of it is left out, and what the link is, as iproute2 does.
 */
export function showLinks(
  router: Router,
  words: Words,
  { json, details, statistics: counts }: Pick<IpCommand, 'json' | 'details' | 'statistics'>,
  families: readonly Family[],
): string {
  const { dev, type, master, up } = readFilter(router, words);
  const links = router.table
    .all()
    .filter((live) => (dev === '' || live.name === dev) && (type === '' || live.type === type))
    .filter((live) => master === '' || masterOf(router.state, live.spec) === master)
    .filter((live) => !up || live.spec.up)
    .filter((live) => families.length !== 1 || hasAddress(live, families[0] as Family))
    .map((live) => ({
      ...describeLink(router, live, families),
      ...(details ? { linkinfo: linkInfo(router.state, live.spec) } : {}),
      ...(counts ? { stats64: statistics(router, live) } : {}),
    }));
  if (json) return `${JSON.stringify(links)}\n`;
  return links.map((link) => linkText(link, families.length !== 1 || details)).join('');
}

function hasAddress({ spec, lladdr }: Live, family: Family): boolean {
  return allAddresses(spec, lladdr).some((address) => address.family === family);
}

/** What a VRF or its port is, as `-d` tells. */
function linkInfo(state: State, spec: InterfaceSpec): Record<string, unknown> {
  if (spec.type === 'vrf') return { info_kind: 'vrf', info_data: { table: spec.rdomain } };
  if (spec.master === '') return { info_kind: spec.type };
  const table = state.interfaces.get(spec.master)?.rdomain;
  return { info_kind: spec.type, info_slave_kind: 'vrf', info_slave_data: { table } };
}

function linkText(link: Record<string, unknown>, lladdr: boolean): string {
  const flags = (link.flags as string[]).join(',');
  const master = link.master === undefined ? '' : ` master ${link.master}`;
  const mode = link.linkmode === undefined ? '' : ` mode ${link.linkmode}`;
  const broadcast = link.link_type === 'loopback' ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff';
  const lines = [
    `${link.ifindex}: ${link.ifname}: <${flags}> mtu ${link.mtu} qdisc noqueue${master} state ${link.operstate}${mode} group default`,
  ];
  if (lladdr)
    lines.push(`    link/${link.link_type}${link.address === undefined ? '' : ` ${link.address} brd ${broadcast}`}`);
  const info = link.linkinfo as Record<string, unknown> | undefined;
  if (info !== undefined) {
    const table = (data: unknown): number => (data as { table: number }).table;
    if (info.info_kind === 'vrf') lines.push(`    vrf table ${table(info.info_data)} `);
    else lines.push(`    ${info.info_kind} `);
    if (info.info_slave_kind === 'vrf') lines.push(`    vrf_slave table ${table(info.info_slave_data)} `);
  }
  if (link.ifalias !== undefined) lines.push(`    alias ${link.ifalias}`);
  for (const a of (link.addr_info ?? []) as Record<string, unknown>[]) {
    const peer = a.address === undefined ? '' : ` peer ${a.address}`;
    const brd = a.broadcast === undefined ? '' : ` brd ${a.broadcast}`;
    const label = a.label === undefined ? '' : ` ${a.label}`;
    // iproute2 ends the line of an IPv6 address with a space.
    const own = peer === '' ? `${a.local}/${a.prefixlen}` : `${a.local}${peer}/${a.prefixlen}`;
    lines.push(`    ${a.family} ${own}${brd} scope ${a.scope}${label === '' ? ' ' : label}`);
    lines.push('       valid_lft forever preferred_lft forever');
  }
  const counts = link.stats64 as Record<string, Record<string, number>> | undefined;
  if (counts !== undefined)
    for (const way of ['rx', 'tx'] as const) lines.push(...countLines(COLUMNS[way], counts[way]));
  return `${lines.join('\n')}\n`;
}

/** iproute2's headings with their widths, and the counter under each. */
const COLUMNS = {
  rx: [
    ['RX:  bytes', 'bytes'],
    ['packets', 'packets'],
    ['errors', 'errors'],
    ['dropped', 'dropped'],
    [' missed', 'over_errors'],
    ['  mcast', 'multicast'],
  ],
  tx: [
    ['TX:  bytes', 'bytes'],
    ['packets', 'packets'],
    ['errors', 'errors'],
    ['dropped', 'dropped'],
    ['carrier', 'carrier_errors'],
    ['collsns', 'collisions'],
  ],
} as const;

/** A line of headings and one of counters, as iproute2 has them to the blanks at the end. */
function countLines(columns: (typeof COLUMNS)['rx' | 'tx'], counts: Record<string, number> = {}): string[] {
  const cells = columns.map(([head, key]) => ({ head, value: String(counts[key]) }));
  const row = (text: 'head' | 'value'): string =>
    cells.map((cell) => cell[text].padStart(Math.max(cell.head.length, cell.value.length))).join(' ');
  return [`    ${row('head')}${' '.repeat(11)}`, `    ${row('value')} `];
}
