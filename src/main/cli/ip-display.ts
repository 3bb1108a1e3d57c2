/**
 * What `ip addr|link|neigh|route show` print: iproute2's lines, or with `--json` the values of its own `-json`. Main only.
 */
import { If, IfFlag, ifRecord } from '../../shared/layout/heap.js';
import { BITS, broadcastOf, contains, type Family, formatAddress } from '../config/address.js';
import { byNetwork, type Hop, type Route, routesOf } from '../config/routes.js';
import { type AddressSpec, bridgeOf, type InterfaceSpec } from '../config/state.js';
import type { Live } from '../control/interface-table.js';
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import type { NeighbourState } from '../stack/neighbours.js';
import { parseIp, takeTable } from './ip.js';
import { Words } from './words.js';

/** Answers `ip … show …`. Throws ControlError: EINVAL, ENXIO for an interface there is not. */
export function showIp(router: Router, args: readonly string[], json: boolean): string {
  const { object, family, rest } = parseIp(args);
  const words = new Words(rest);
  if (object === 'route') return showRoutes(router, family ?? 'inet', words, json);
  const dev = readDevice(router, words);
  if (object === 'neighbour') return showNeighbours(router, dev, family, json);
  return showLinks(router, dev, object === 'address' ? [family ?? 'inet', family ?? 'inet6'] : [], json);
}

/** `[dev] IF`, or nothing for all. */
function readDevice(router: Router, words: Words): string {
  if (words.peek === 'dev') words.take('dev');
  const name = words.more ? router.table.get(words.take('interface')).name : '';
  words.end();
  return name;
}

/** The flags between the angle brackets. */
function linkFlags(router: Router, live: Live): string[] {
  const flags = router.memory.views.heap[ifRecord(live.index) + If.FLAGS];
  const [up, running] = [(flags & IfFlag.UP) !== 0, (flags & IfFlag.RUNNING) !== 0];
  const kinds: Partial<Record<Live['type'], string[]>> = { lo: ['LOOPBACK'], rport: ['POINTOPOINT', 'NOARP'] };
  const kind = kinds[live.type] ?? ['BROADCAST', 'MULTICAST'];
  return [...(up && !running ? ['NO-CARRIER'] : []), ...kind, ...(up ? ['UP'] : []), ...(running ? ['LOWER_UP'] : [])];
}

/** An interface as `ip -json addr` has it. */
function describeLink(router: Router, live: Live, families: readonly Family[]): Record<string, unknown> {
  const spec = router.state.interfaces.get(live.name) as InterfaceSpec;
  const flags = linkFlags(router, live);
  const link = { lo: 'loopback', rport: 'none' }[spec.type as string] ?? 'ether';
  const addresses = [
    ...spec.addresses.filter((a) => a.family === 'inet'),
    ...spec.addresses.filter((a) => a.family === 'inet6'),
  ];
  const master = bridgeOf(router.state, live.name)?.name;
  return {
    ifindex: live.index,
    ifname: live.name,
    flags,
    mtu: router.table.mtu(live),
    ...(master === undefined ? {} : { master }),
    operstate: link !== 'ether' && flags.includes('UP') ? 'UNKNOWN' : flags.includes('LOWER_UP') ? 'UP' : 'DOWN',
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
  return /^fe[89ab]/.test(address) ? 'link' : 'global';
}

function showLinks(router: Router, dev: string, families: readonly Family[], json: boolean): string {
  const lives = router.table.all().filter((live) => dev === '' || live.name === dev);
  const links = lives.map((live) => describeLink(router, live, families));
  if (json) return `${JSON.stringify(links)}\n`;
  return links.map(linkText).join('');
}

function linkText(link: Record<string, unknown>): string {
  const flags = (link.flags as string[]).join(',');
  const master = link.master === undefined ? '' : ` master ${link.master}`;
  const broadcast = link.link_type === 'loopback' ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff';
  const lines = [
    `${link.ifindex}: ${link.ifname}: <${flags}> mtu ${link.mtu} qdisc noqueue${master} state ${link.operstate} group default`,
    `    link/${link.link_type}${link.address === undefined ? '' : ` ${link.address} brd ${broadcast}`}`,
  ];
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
  return `${lines.join('\n')}\n`;
}

/** What the kernel calls the states. */
const NUD: Record<NeighbourState, string> = {
  incomplete: 'INCOMPLETE',
  reachable: 'REACHABLE',
  stale: 'STALE',
  delay: 'DELAY',
  probe: 'PROBE',
  failed: 'FAILED',
  static: 'PERMANENT',
};

function showNeighbours(router: Router, dev: string, family: Family | undefined, json: boolean): string {
  const known = router.stack
    .neighbours()
    .filter((n) => family === undefined || (n.family === 4) === (family === 'inet'))
    .map((n) => ({
      dst: formatAddress(n.words),
      dev: router.table.nameOf(n.index),
      lladdr: n.lladdr === undefined ? undefined : [...n.lladdr].map((b) => b.toString(16).padStart(2, '0')).join(':'),
      ...(n.router ? { router: null } : {}),
      state: [NUD[n.state]],
    }))
    .filter((n) => dev === '' || n.dev === dev);
  if (json) return `${JSON.stringify(known)}\n`;
  return known
    .map((n) => {
      const lladdr = n.lladdr === undefined ? '' : ` lladdr ${n.lladdr}`;
      const name = dev === '' ? ` dev ${n.dev}` : '';
      return `${n.dst}${name}${lladdr}${'router' in n ? ' router' : ''} ${n.state[0]} \n`;
    })
    .join('');
}

/** Every route but those of our own addresses and of broadcasts, which the kernel keeps in a table of their own. */
function showRoutes(router: Router, family: Family, words: Words, json: boolean): string {
  let rdomain = 0;
  let dev = '';
  while (words.more) {
    const word = words.take('word');
    if (word === 'table') rdomain = takeTable(words);
    else if (word === 'dev') dev = router.table.get(words.take('interface')).name;
    else throw new ControlError('EINVAL', `${word}: unknown word`);
  }
  const shown = [...routesOf(router.state).values()]
    .filter((r) => r.rdomain === rdomain && r.family === family && (r.static || r.hops[0]?.kind === 'connected'))
    .filter((r) => dev === '' || r.hops.some((hop) => hop.dev === dev))
    .toSorted(byNetwork)
    .map((r) => describeRoute(router, r));
  return json ? `${JSON.stringify(shown)}\n` : shown.map(routeText).join('');
}

function describeRoute(router: Router, r: Route): Record<string, unknown> {
  const dst = r.length === 0 ? 'default' : r.length === BITS[r.family] ? r.network : `${r.network}/${r.length}`;
  const [hop, ...others] = r.hops as [Hop, ...Hop[]];
  if (hop.kind === 'blackhole') return { type: 'blackhole', dst };
  if (hop.kind === 'reject') return { type: 'unreachable', dst };
  if (hop.kind === 'connected') {
    const spec = router.state.interfaces.get(hop.dev);
    const own = spec?.addresses.find((a) => a.destination === r.network || contains(r.network, r.length, a.address));
    if (r.family === 'inet6') return { dst, dev: hop.dev, protocol: 'kernel', metric: 256, pref: 'medium' };
    return { dst, dev: hop.dev, protocol: 'kernel', scope: 'link', prefsrc: own?.address };
  }
  const more = r.family === 'inet6' ? { metric: 1024 } : {};
  if (others.length === 0) return { dst, gateway: hop.gateway, dev: hop.dev, ...more };
  return { dst, ...more, nexthops: r.hops.map(({ gateway, dev }) => ({ gateway, dev, weight: 1 })) };
}

function routeText(r: Record<string, unknown>): string {
  const names: [string, string][] = [
    ['gateway', 'via'],
    ['dev', 'dev'],
    ['protocol', 'proto'],
    ['scope', 'scope'],
    ['prefsrc', 'src'],
    ['metric', 'metric'],
    ['pref', 'pref'],
  ];
  const words = names.flatMap(([key, word]) => (r[key] === undefined ? [] : [`${word} ${r[key]}`]));
  const head = [...(r.type === undefined ? [] : [r.type]), r.dst, ...words].join(' ');
  const hops = ((r.nexthops ?? []) as Record<string, unknown>[]).map(
    (hop) => `\tnexthop via ${hop.gateway} dev ${hop.dev} weight ${hop.weight} \n`,
  );
  return `${head} \n${hops.join('')}`;
}
