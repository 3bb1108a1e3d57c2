/**
 * What `ip route show` prints: iproute2's lines, or the values of its `-json` (spec B §3.2). Every token is followed by a space, and
 * ` encap` begins with one. Main only.
 */
import { BITS, contains, type Family, parsePrefix } from '../config/address.js';
import { allRoutes, byNetwork, type Hop, type Route } from '../config/routes.js';
import { networkText, shownEncap, tableText } from '../config/seg6-text.js';
import type { SidCounts } from '../control/srv6.js';
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import { takeVrf } from './ip-route.js';
import { takeTable } from './ip-table.js';
import type { Words } from './words.js';

/** Which routes are wanted. */
interface Filter {
  /** Undefined = of any table. */
  readonly rdomain: number | undefined;
  readonly dev: string;
  /** A network; empty = any. */
  readonly network: string;
  /** That network exactly, what lies in it, or what it lies in. */
  readonly how: 'exact' | 'root' | 'match';
}

/** `[[exact|root|match] DEST] [table T|all] [vrf V] [dev IF]`. Throws EINVAL, ENXIO. */
function readFilter(router: Router, words: Words): Filter {
  let rdomain: number | undefined = 0;
  let [dev, network] = ['', ''];
  let how: Filter['how'] = 'exact';
  while (words.more) {
    const word = words.take('word');
    if (word === 'table' && words.peek === 'all') {
      words.take('table');
      rdomain = undefined;
    } else if (word === 'table') rdomain = takeTable(words);
    else if (word === 'vrf') rdomain = takeVrf(router.state, words);
    else if (word === 'dev') dev = router.table.get(words.take('interface')).name;
    else if (word === 'exact' || word === 'root' || word === 'match') {
      how = word;
      network = words.take('destination');
    } else if (word === 'to') continue;
    else if (network === '' && /^(default$|[0-9a-f:.]+(\/\d+)?$)/i.test(word)) network = word;
    else throw new ControlError('EINVAL', `${word}: unknown word`);
  }
  return { rdomain, dev, network, how };
}

/** Every route but those of our own addresses and of broadcasts, which the kernel keeps in a table of their own. */
export function showRoutes(router: Router, family: Family, words: Words, json: boolean, statistics: boolean): string {
  const { rdomain, dev, network, how } = readFilter(router, words);
  const shown = allRoutes(router.state)
    .filter((r) => r.family === family && (r.static || r.hops[0]?.kind === 'connected'))
    .filter((r) => rdomain === undefined || r.rdomain === rdomain)
    .filter((r) => dev === '' || r.hops.some((hop) => hop.dev === dev))
    .filter((r) => network === '' || isWanted(r, network, how))
    .toSorted((a, b) => a.rdomain - b.rdomain || byNetwork(a, b) || a.metric - b.metric)
    .map((r): Shown => {
      const counts = statistics && r.hops[0]?.sid?.count === true ? router.routing.countsOf(r) : undefined;
      const table = rdomain === undefined && r.rdomain !== 0 ? { table: String(r.rdomain) } : {};
      const { pref, ...values } = describeRoute(router, r, counts);
      const flags = { flags: [], ...(pref === undefined ? {} : { pref }) };
      return { values: { ...values, ...table, ...flags }, encap: encapText(r.hops[0] as Hop, counts) };
    });
  return json ? `${JSON.stringify(shown.map((r) => r.values))}\n` : shown.map(routeText).join('');
}

/** Whether a route's network is the one that was asked for, lies in it, or has it in itself. Throws EINVAL. */
function isWanted(r: Route, text: string, how: Filter['how']): boolean {
  const whole = r.family === 'inet' ? '0.0.0.0/0' : '::/0';
  const prefix = parsePrefix(text === 'default' ? whole : text);
  const length = prefix.length === -1 ? BITS[prefix.family] : prefix.length;
  if (how === 'match') return r.length <= length && contains(r.network, r.length, prefix.address);
  return (how === 'root' ? r.length >= length : r.length === length) && contains(prefix.address, length, r.network);
}

/** A route as `ip -json route` has it, and its encapsulation as text. */
interface Shown {
  readonly values: Record<string, unknown>;
  readonly encap: string;
}

/** ` encap …`, with the counters of a SID if they are wanted. */
function encapText(hop: Hop, counts: SidCounts | undefined): string {
  const words = shownEncap(hop);
  if (words.length === 0) return '';
  const { packets = 0, bytes = 0, errors = 0 } = counts ?? {};
  const stats = counts === undefined ? '' : ` packets ${packets} bytes ${bytes} errors ${errors}`;
  return ` ${words.join(' ')}${stats}`;
}

function describeRoute(router: Router, r: Route, counts: SidCounts | undefined): Record<string, unknown> {
  const dst = networkText(r);
  const six = r.family === 'inet6';
  const [hop, ...others] = r.hops as [Hop, ...Hop[]];
  const metric = r.static && (six || r.metric !== 0) ? { metric: r.metric } : {};
  switch (hop.kind) {
    case 'blackhole':
    case 'prohibit':
    case 'reject': {
      const type = hop.kind === 'reject' ? 'unreachable' : hop.kind;
      return { type, dst, ...(six ? { dev: 'lo' } : {}), ...metric, ...(six ? { pref: 'medium' } : {}) };
    }
    case 'connected': {
      if (r.static)
        return { dst, dev: hop.dev, ...(six ? { ...metric, pref: 'medium' } : { scope: 'link', ...metric }) };
      if (six) return { dst, dev: hop.dev, protocol: 'kernel', metric: 256, pref: 'medium' };
      const spec = router.state.interfaces.get(hop.dev);
      const own = spec?.addresses.find((a) => a.destination === r.network || contains(r.network, r.length, a.address));
      return { dst, dev: hop.dev, protocol: 'kernel', scope: 'link', prefsrc: own?.address };
    }
    case 'sid':
    case 'encap': {
      const encap = describeEncap(hop, counts);
      const way = { dst, encap, ...(hop.gateway === '' ? {} : { gateway: hop.gateway }), dev: hop.dev };
      if (six) return { ...way, ...metric, pref: 'medium' };
      return { ...way, ...(hop.gateway === '' ? { scope: 'link' } : {}), ...metric };
    }
    default: {
      const pref = six ? { pref: 'medium' } : {};
      if (others.length === 0) return { dst, gateway: hop.gateway, dev: hop.dev, ...metric, ...pref };
      return { dst, ...metric, nexthops: r.hops.map(({ gateway, dev }) => ({ gateway, dev, weight: 1 })), ...pref };
    }
  }
}

/** The object that `encap` is. Tables are strings, as in iproute2. */
function describeEncap({ sid, encap }: Hop, counts: SidCounts | undefined): Record<string, unknown> {
  if (sid === undefined) {
    if (encap === undefined) return {};
    const { mode, tunsrc, segs, hmac, table } = encap;
    return {
      encap_type: 'seg6',
      mode,
      ...(tunsrc === '' ? {} : { tunsrc }),
      segs,
      ...(hmac === 0 ? {} : { hmac }),
      ...(table === 0 ? {} : { lookup: String(table) }),
    };
  }
  const { action, flavors, table, vrftable, nh4, nh6, oif } = sid;
  return {
    encap_type: 'seg6local',
    action,
    ...(table === -1 ? {} : { table: tableText(table) }),
    ...(vrftable === -1 ? {} : { vrftable: tableText(vrftable) }),
    ...(nh4 === '' ? {} : { nh4 }),
    ...(nh6 === '' ? {} : { nh6 }),
    ...(oif === '' ? {} : { oif }),
    ...(flavors.length === 0 ? {} : { flavors }),
    ...(counts === undefined ? {} : { stats64: counts }),
  };
}

/** Names in the values and words in the text, in the order of the text. */
const WORDS: readonly (readonly [string, string])[] = [
  ['gateway', 'via'],
  ['dev', 'dev'],
  ['table', 'table'],
  ['protocol', 'proto'],
  ['scope', 'scope'],
  ['prefsrc', 'src'],
  ['metric', 'metric'],
];

function routeText({ values: r, encap }: Shown): string {
  const words = WORDS.flatMap(([key, word]) => (r[key] === undefined ? [] : [`${word} ${r[key]}`]));
  const pref = r.pref === undefined ? [] : [`pref ${r.pref}`];
  const head = [
    ...(r.type === undefined ? [] : [r.type]),
    r.dst,
    ...(encap === '' ? [] : [encap]),
    ...words,
    ...pref,
  ].join(' ');
  const hops = ((r.nexthops ?? []) as Record<string, unknown>[]).map(
    (hop) => `\tnexthop via ${hop.gateway} dev ${hop.dev} weight ${hop.weight} \n`,
  );
  // Lines of IPv4 end with a space.
  return `${head}${pref.length === 0 ? ' ' : ''}\n${hops.join('')}`;
}
