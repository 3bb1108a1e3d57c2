/**
 * `netstat` and `route show`, `route get`: routes and interface counters as OpenBSD prints them.
 */
import { total } from '../../shared/counter/books.js';
import { DROP_REASONS } from '../../shared/counter/drop-reason.js';
import { Lane } from '../../shared/layout/counters.js';
import { If, IfFlag, ifRecord } from '../../shared/layout/heap.js';
import { BITS, contains, type Family, familyOf, maskOf, networkOf } from '../config/address.js';
import { allAddresses, isLinkLocal } from '../config/link-local.js';
import { byNetwork, type Hop, type Route, routesOf } from '../config/routes.js';
import { parseZoned, type Zoned, zoned } from '../config/zone.js';
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import { hasLladdr } from './ifconfig-display.js';
import { takeDomain } from './ip-table.js';
import { LOCALHOST } from './route.js';
import { apart, Words } from './words.js';

const PRIORITY_NAMES: Readonly<Record<number, string>> = { 1: 'local', 4: 'connected', 8: 'static' };

/** `route [-n] [-T RDOMAIN] show [-inet|-inet6]` and `route get ADDR|default`. Throws ControlError. */
export function showRoutes(router: Router, args: readonly string[], json: boolean): string {
  const words = new Words(apart(args, 'n', 'T'));
  let rdomain = 0;
  let family: Family | undefined;
  let get = '';
  let gets = false;
  while (words.more) {
    const word = words.take('word');
    if (word === '-T') rdomain = takeDomain(words);
    else if (word === '-inet') family = 'inet';
    else if (word === '-inet6') family = 'inet6';
    else if (word === 'get') gets = true;
    else if (gets && get === '' && !word.startsWith('-')) get = word;
    else if (word !== '-n' && word !== 'show') throw new ControlError('EINVAL', `${word}: unknown word`);
  }
  if (gets && get === '') throw new ControlError('EINVAL', 'destination missing');
  const everywhere = family === 'inet6' ? '::' : '0.0.0.0';
  const wanted = get === '' ? undefined : parseZoned(get === 'default' ? everywhere : get);
  const all = [...routesOf(router.state).values()].filter((r) => r.rdomain === rdomain);
  // What nobody asked for is found, not shown: OpenBSD has no anycast addresses of its own accord, Linux keeps them in a table of their own.
  const shown = all.filter(({ hops }) => hops[0]?.kind !== 'anycast');
  if (wanted === undefined) return printRoutes(router, shown, family, json);
  const found = longest(all, wanted);
  if (found === undefined) throw new ControlError('ESRCH', `${get}: no route`);
  return json
    ? `${JSON.stringify(found)}\n`
    : getText(router, found, get === 'default' ? get : zoned(wanted.address, wanted.zone));
}

/** `netstat -i [-I IF] | -r [-f inet|inet6] [-T RDOMAIN] | -s`, with -n; letters may stand together: `-rnf inet`. Throws ControlError. */
export function netstat(router: Router, args: readonly string[], json: boolean): string {
  const words = new Words(apart(args, 'irsn', 'fTI'));
  let what = '';
  let one = '';
  const ofRoutes: string[] = [];
  while (words.more) {
    const word = words.take('word');
    if (!/^-[irsnfTI]+$/.test(word)) throw new ControlError('EINVAL', `${word}: unknown word`);
    for (const letter of word.slice(1)) {
      if ('irs'.includes(letter)) {
        if (what !== '' && what !== letter)
          throw new ControlError('EINVAL', `-${what} and -${letter} exclude each other`);
        what = letter;
      } else if (letter === 'f') ofRoutes.push(takeFamily(words));
      else if (letter === 'T') ofRoutes.push('-T', words.take('rdomain'));
      else if (letter === 'I') one = router.table.get(words.take('interface')).name;
    }
  }
  if (what === '' && one !== '') what = 'i';
  if (what === '') throw new ControlError('EINVAL', 'netstat -i, -r or -s');
  if (what !== 'r' && ofRoutes.length > 0) throw new ControlError('EINVAL', '-f and -T go with -r');
  if (what !== 'i' && one !== '') throw new ControlError('EINVAL', '-I goes with -i');
  if (what === 'r') return showRoutes(router, ofRoutes, json);
  return what === 's' ? statistics(router, json) : interfaces(router, one, json);
}

/** `inet` or `inet6` as an option of route(8). */
function takeFamily(words: Words): string {
  const family = words.take('address family');
  if (family === 'inet' || family === 'inet6') return `-${family}`;
  throw new ControlError('EINVAL', `${family}: not inet or inet6`);
}

/** The route of the longest prefix. */
function longest(routes: readonly Route[], { address, zone }: Zoned): Route | undefined {
  const family = familyOf(address);
  return routes
    .filter((r) => r.zone === undefined || zone === '' || r.zone === zone)
    .filter((r) => r.family === family && contains(r.network, r.length, address))
    .sort((a, b) => b.length - a.length)[0];
}

/** A route as route(8) and netstat(1) show it. */
interface Row {
  readonly destination: string;
  readonly gateway: string;
  readonly flags: string;
  /** '-' where the interface's holds. */
  readonly mtu: string;
  readonly priority: number;
  readonly interface: string;
}

function getText(router: Router, route: Route, address: string): string {
  const [row] = rows(router, route) as [Row];
  const { family, length } = route;
  const name = length === 0 ? 'default' : row.destination;
  const lines = [
    `   route to: ${address}`,
    `destination: ${name}`,
    `       mask: ${length === 0 ? 'default' : maskOf(length, family)}`,
    ...(route.hops[0]?.kind === 'gateway' ? [`    gateway: ${row.gateway}`] : []),
    `  interface: ${row.interface}`,
    ` if address: ${ownAddress(router, row.interface, family, route.hops[0]?.gateway || route.network)}`,
    `   priority: ${row.priority} (${PRIORITY_NAMES[row.priority]})`,
    `      flags: <${flagNames(row.flags).join(',')}>`,
  ];
  return `${lines.join('\n')}\n`;
}

function printRoutes(router: Router, routes: readonly Route[], only: Family | undefined, json: boolean): string {
  const wanted = (['inet', 'inet6'] as const).filter((family) => only === undefined || family === only);
  const ordered = routes.toSorted(byNetwork);
  if (json) return `${JSON.stringify(ordered.filter((r) => wanted.includes(r.family)))}\n`;
  const titles: Record<Family, string> = { inet: 'Internet', inet6: 'Internet6' };
  const parts = wanted.flatMap((family) => {
    const lines = ordered.filter((r) => r.family === family).flatMap((r) => rows(router, r));
    if (lines.length === 0) return [];
    const wide = family === 'inet' ? 18 : 42;
    const heading = `${'Destination'.padEnd(wide)} ${'Gateway'.padEnd(wide)} Flags   Refs      Use   Mtu  Prio Iface`;
    const body = lines.map((row) => {
      const [mtu, priority] = [row.mtu.padStart(5), String(row.priority).padStart(5)];
      const head = `${row.destination.padEnd(wide)} ${row.gateway.padEnd(wide)} ${row.flags.padEnd(6)}`;
      return `${head} ${UNCOUNTED} ${mtu} ${priority} ${row.interface}`;
    });
    return `\n${titles[family]}:\n${[heading, ...body].join('\n')}\n`;
  });
  return `Routing tables\n${parts.join('')}`;
}

/** OpenBSD's columns of references and uses: no route has either here, packets are counted by interface. */
const UNCOUNTED = `${'0'.padStart(5)} ${'0'.padStart(8)}`;

/** A row for each next hop. */
function rows(router: Router, route: Route): Row[] {
  const { family, rdomain } = route;
  const loopback = `lo${rdomain}`;
  return route.hops.map((hop): Row => {
    const nowhere = hop.kind === 'reject' || hop.kind === 'blackhole' || hop.kind === 'prohibit';
    const dev = nowhere ? (router.state.interfaces.has(loopback) ? loopback : '-') : hop.dev;
    const spec = router.state.interfaces.get(dev);
    const here = nowhere ? LOCALHOST[family] : ownAddress(router, dev, family, route.network);
    const ethernet = spec !== undefined && spec.type !== 'lo' && spec.type !== 'rport';
    const local = ethernet ? (router.table.find(dev)?.lladdr ?? here) : zoned(route.network, route.zone ?? '');
    const gateway = hop.kind === 'gateway' ? zoned(hop.gateway, hop.dev) : isHere(hop) ? local : (srv6(hop) ?? here);
    return {
      destination: destination(route),
      gateway,
      flags: flagLetters(route, hop, ethernet),
      mtu: spec?.type === 'lo' ? String(spec.mtu) : '-',
      priority: priority(hop, ethernet),
      interface: dev,
    };
  });
}

/** What stands for the gateway of a SID or an encapsulation: the behaviour, the first segment. */
function srv6({ sid, encap }: Hop): string | undefined {
  return sid?.action ?? encap?.segs[0];
}

/** The address of `dev` on the network that `near` is on, else its first of that family; its own name where it has none. */
function ownAddress(router: Router, dev: string, family: Family, near: string): string {
  const spec = router.state.interfaces.get(dev);
  const all = spec === undefined ? [] : allAddresses(spec, router.table.find(dev)?.lladdr ?? '');
  // Its own link-local address speaks on its own link alone.
  const own = all.filter((a) => a.family === family && (!isLinkLocal(a.address) || isLinkLocal(near)));
  const found = own.find((a) => a.destination === near || contains(a.address, a.length, near)) ?? own[0];
  return found === undefined ? dev : zoned(found.address, dev);
}

/** `192.0.2/24`, `2001:db8::/32`, a host's address alone, or default. */
function destination({
  network,
  length,
  family,
  zone = '',
}: Pick<Route, 'network' | 'length' | 'family' | 'zone'>): string {
  if (length === 0) return 'default';
  if (length === BITS[family]) return zoned(network, zone);
  if (family === 'inet6') return `${zoned(network, zone)}/${length}`;
  return `${network
    .split('.')
    .slice(0, Math.ceil(length / 8))
    .join('.')}/${length}`;
}

/** Whether packets end here. */
function isHere({ kind }: Pick<Hop, 'kind'>): boolean {
  return kind === 'local' || kind === 'anycast';
}

/** OpenBSD's priorities: local and broadcast 1, connected 4, the rest 8. */
function priority({ kind }: Hop, ethernet: boolean): number {
  if (isHere({ kind }) || kind === 'broadcast') return 1;
  return kind === 'connected' && ethernet ? 4 : 8;
}

/** OpenBSD's letters, in its order. */
function flagLetters(route: Route, { kind }: Hop, ethernet: boolean): string {
  const host = route.length === BITS[route.family];
  const is: Record<string, boolean> = {
    U: true,
    G: ['gateway', 'reject', 'blackhole', 'prohibit', 'encap'].includes(kind),
    H: host,
    R: kind === 'reject' || kind === 'prohibit',
    C: kind === 'connected' && ethernet && !host,
    L: isHere({ kind }) && ethernet,
    S: route.static || kind === 'reject',
    B: kind === 'blackhole',
    P: route.hops.length > 1,
    l: isHere({ kind }),
    b: kind === 'broadcast',
    n: kind === 'connected' && ethernet && !host,
  };
  return Object.keys(is)
    .filter((letter) => is[letter])
    .join('');
}

/** What route(8) calls the letters. */
function flagNames(letters: string): string[] {
  const names: Record<string, string> = {
    U: 'UP',
    G: 'GATEWAY',
    H: 'HOST',
    R: 'REJECT',
    C: 'CLONING',
    L: 'LLINFO',
    S: 'STATIC',
    B: 'BLACKHOLE',
    P: 'MPATH',
    l: 'LOCAL',
    b: 'BROADCAST',
    n: 'CONNECTED',
  };
  const all = [...letters].map((letter) => names[letter] as string);
  // The kernel has done what was asked: every answer says so, behind what says where it leads.
  const at = all.findIndex((name) => !['UP', 'GATEWAY', 'HOST', 'REJECT'].includes(name));
  return at === -1 ? [...all, 'DONE'] : [...all.slice(0, at), 'DONE', ...all.slice(at)];
}

/** OpenBSD's rows: the link, then a network and address each. Drops stand in the place of its failures and collisions. */
function interfaces(router: Router, one: string, json: boolean): string {
  const { views } = router.memory;
  const wanted = router.table.all().filter(({ name }) => one === '' || name === one);
  const links = wanted.map((live) => {
    const sum = (word: number): number => total(views, live.index, word);
    const drops = DROP_REASONS.reduce((all, _, n) => all + sum(Lane.DROPS + n), 0);
    const { addresses } = router.state.interfaces.get(live.name) ?? live.spec;
    const mtu = router.table.mtu(live);
    const up = (views.heap[ifRecord(live.index) + If.FLAGS] & IfFlag.UP) !== 0;
    const counters = { ipkts: sum(Lane.IPACKETS), opkts: sum(Lane.OPACKETS), drops };
    return { name: live.name, up, mtu, lladdr: hasLladdr(live.spec) ? live.lladdr : live.name, addresses, ...counters };
  });
  if (json) return `${JSON.stringify(links)}\n`;
  const row = (name: string, mtu: string | number, network: string, address: string, counts: unknown[]): string =>
    `${name.padEnd(15)} ${String(mtu).padEnd(5)} ${network.padEnd(19)} ${address.padEnd(19)} ${counts.map((c) => String(c).padStart(10)).join(' ')}\n`;
  const lines = links.map(({ name, up, mtu, lladdr, addresses, ipkts, opkts, drops }) => {
    const shown = up ? name : `${name}*`;
    const counts = [ipkts, opkts, drops];
    const of = addresses.map(({ family, address, length }) =>
      row(
        shown,
        mtu,
        destination({ family, network: networkOf(address, length), length, zone: name }),
        zoned(address, name),
        counts,
      ),
    );
    return row(shown, mtu, '<Link>', lladdr, counts) + of.join('');
  });
  return row('Name', 'Mtu', 'Network', 'Address', ['Ipkts', 'Opkts', 'Drops']) + lines.join('');
}

/** Drops of all interfaces by reason. */
function statistics(router: Router, json: boolean): string {
  const { views } = router.memory;
  const indices = [0, ...router.table.all().map((live) => live.index)];
  const sums = DROP_REASONS.map(({ name, help }, n) => {
    const frames = indices.reduce((all, index) => all + total(views, index, Lane.DROPS + n), 0);
    return { name, help, frames };
  }).filter(({ frames }) => frames > 0);
  if (json) return `${JSON.stringify(Object.fromEntries(sums.map(({ name, frames }) => [name, frames])))}\n`;
  return sums.map(({ help, frames }) => `\t${frames} ${help}\n`).join('');
}
