/**
 * Random configurations, made as operators make them: by words of ifconfig and route, of which those that fail change nothing.
 */
import fc from 'fast-check';
import { ifconfig } from '../../../src/main/cli/ifconfig.js';
import { ip } from '../../../src/main/cli/ip.js';
import { route } from '../../../src/main/cli/route.js';
import { sysctl } from '../../../src/main/cli/sysctl.js';
import type { Draft } from '../../../src/main/cli/words.js';
import { splitWords } from '../../../src/main/config/lines.js';
import { cloneState, emptyState, type State } from '../../../src/main/config/state.js';
import { ControlError } from '../../../src/main/errors.js';

/** Rule files by the names that random commands use. */
const FILES: Readonly<Record<string, string>> = {
  two: '# of two ports\nblock in on tap0 arp request\npass on mem0 tag x\n',
  one: 'pass out on tap0 tag one\nmatch on tap0 rarp spa 10.0.0.1\n',
  faulty: 'pass on tap0\npass\n',
};

/** Applies one command, without the word ifconfig, to `state`; a command that fails gives `state` back. */
export function after(state: State, words: readonly string[]): State {
  const draft: Draft = { state: cloneState(state), actions: [], readFile: (name) => FILES[name] ?? '' };
  try {
    if (words[0] === 'route') route(draft, words.slice(1));
    else if (words[0] === 'ip') ip(draft, words.slice(1));
    else if (words[0] === 'sysctl') sysctl(draft, words.slice(1));
    else ifconfig(draft, words);
    return draft.state;
  } catch (error) {
    if (error instanceof ControlError) return state;
    throw error;
  }
}

/** The state that `lines` lead to from nothing, each a command without the word ifconfig. Throws what they throw. */
export function stateOf(...lines: string[]): State {
  const draft: Draft = { state: emptyState(), actions: [] };
  for (const line of lines) ifconfig(draft, line.split(' '));
  return draft.state;
}

const veb = fc.constantFrom('veb0', 'veb1');
const port = fc.constantFrom('tap0', 'tap1', 'tap2', 'mem0', 'mem1');
const rport = fc.constantFrom('rport0', 'rport1', 'rport2', 'rport3');
const layer3 = fc.oneof(fc.constantFrom('vport0', 'vport1', 'lo1', 'lo2', 'tap2', 'mem1'), rport);
const any = fc.oneof(veb, port, layer3);
/** Few domains, so that interfaces meet in them. */
const domain = fc.constantFrom('0', '0', '1', '2');
const address4 = fc.integer({ min: 0, max: 7 }).map((n) => `10.0.${n >> 2}.${n & 3}`);
const address6 = fc.integer({ min: 1, max: 6 }).map((n) => `2001:db8:${n >> 1}::${n}`);
const address = fc.oneof(
  fc.tuple(fc.constant('inet'), address4, fc.constantFrom('', '/8', '/24', '/32')),
  fc.tuple(fc.constant('inet6'), address6, fc.constantFrom('', '/48', '/128')),
);
const addressWords = fc
  .tuple(address, fc.oneof(fc.constant(''), address4, address6), fc.constantFrom('', 'alias', 'alias', 'delete'))
  .map(([[family, own, length], other, how]) => [family, own + length, other, how].filter((word) => word !== ''));
const routeWords = fc
  .tuple(
    domain,
    fc.constantFrom('add', 'add', 'add', 'change', 'delete'),
    fc.constantFrom('default', '192.0.2.0/24', '192.0.2.7', '2001:db8:ffff::/48', '::/0'),
    fc.oneof(address4, address6, fc.constantFrom('-reject', '-blackhole', '')),
    fc.constantFrom('', '-mpath'),
  )
  .map(([rdomain, ...words]) => ['route', '-T', rdomain, ...words.filter((word) => word !== '')]);
const ruleWords = fc
  .tuple(
    fc.constantFrom('add', 'add', 'add', 'del'),
    fc.constantFrom('10.0.0.0/8', '192.0.2.0/24', '2001:db8::/32', '2001:db8:ffff::/48'),
    fc.constantFrom('90', '91', '1000'),
    fc.constantFrom('', '999', '1000'),
  )
  .map(([how, to, table, prio]) => [
    'ip',
    'rule',
    how,
    'to',
    to,
    'lookup',
    table,
    ...(prio === '' ? [] : ['prio', prio]),
  ]);
const vrfName = fc.constantFrom('red', 'vrf-100', 'blue');
const device = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('mem0', 'tap0', 'red', 'blue') },
  { weight: 1, arbitrary: fc.oneof(port, rport, vrfName, fc.constantFrom('vport0', 'lo1')) },
);
const linkWords = fc.oneof(
  fc.constantFrom('set mem0 up', 'set blue up'),
  fc
    .tuple(vrfName, fc.constantFrom('100', '100', '200', '1000'))
    .map(([name, table]) => `add ${name} type vrf table ${table}`),
  fc.tuple(vrfName, fc.integer({ min: 0, max: 1 })).map(([name, n]) => (n === 0 ? `del ${name}` : 'set red up')),
  fc.tuple(device, vrfName).map(([name, master]) => `set ${name} master ${master}`),
  device.map((name) => `set ${name} nomaster`),
  fc
    .tuple(device, fc.constantFrom('up', 'up', 'up', 'up', 'up', 'up', 'up', 'down'))
    .map(([name, how]) => `set ${name} ${how}`),
);
const table = fc.constantFrom('', 'table 90', 'table 100', 'table 1000', 'vrf red');
const encap = fc.oneof(
  fc
    .tuple(fc.constantFrom('End.DT4', 'End.DT46', 'End.DT6'), fc.constantFrom('100', '200'))
    .map((w) => w.join(' vrftable ')),
  fc.constantFrom('End flavors psp', 'End count', 'End.T table 90', 'End.DX4 nh4 10.0.0.1', 'End.DT6 table 100 count'),
  device.map((oif) => `End.DX2 oif ${oif}`),
);
const seg6Words = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('add', 'add', 'add', 'replace', 'del'),
      fc.constantFrom('fc00::1', 'fc00::2', 'fc00::/32'),
      table,
      encap,
      device,
    )
    .map(
      ([how, sid, where, action, dev]) => `route ${how} ${sid} ${where} encap seg6local action ${action} dev ${dev}`,
    ),
  fc
    .tuple(
      fc.constantFrom('10.9.0.0/24', '10.9.0.1', '2001:db8:9::/64', '-4', 'default'),
      table,
      fc.constantFrom('encap', 'encap.red', 'encap tunsrc fc00::9'),
      fc.constantFrom('fc00::1', 'fc00::1,fc00::2', 'fc00::1 hmac 42', 'fc00::3 lookup 90'),
      device,
      fc.constantFrom('', 'metric 5'),
    )
    .map(
      ([to, where, mode, segs, dev, metric]) =>
        `route add ${to} ${where} encap seg6 mode ${mode} segs ${segs} dev ${dev} ${metric}`,
    ),
  fc
    .tuple(
      fc.constantFrom('10.8.0.0/16', '2001:db8:8::/48'),
      table,
      fc.oneof(address4, address6),
      device,
      fc.constantFrom('', '', 'metric 7'),
    )
    .map(([to, where, via, dev, metric]) => `route add ${to} ${where} via ${via} dev ${dev} ${metric}`),
  fc
    .tuple(fc.constantFrom('prohibit', 'unreachable'), table)
    .map(([kind, where]) => `route add ${kind} default ${where} metric 9`),
  fc.constantFrom('sr tunsrc set fc00::1', 'sr tunsrc set ::', 'sr hmac set 42 sha256 "a b"', 'sr hmac set 42 sha1'),
);
const ipWords = fc
  .oneof(
    linkWords.map((line) => `link ${line}`),
    linkWords.map((line) => `link ${line}`),
    seg6Words,
  )
  .map((line) => ['ip', ...splitWords(line)]);
const settingWords = fc
  .oneof(
    fc.constantFrom(
      'net.vrf.strict_mode=1',
      'net.vrf.strict_mode=1',
      'net.vrf.strict_mode=0',
      'srv6.compat=linux',
      'net.vrf.fallthrough=1',
    ),
    port.map((name) => `net.ipv6.conf.${name}.seg6_require_hmac=-1`),
    port.map((name) => `net.ipv6.conf.${name}.seg6_edge=1`),
    fc.constantFrom('srv6.block=fc00:12::/32,fcff::/16', 'srv6.infrastructure=fd00::/16', 'srv6.block=none'),
  )
  .map((setting) => ['sysctl', setting]);
const mac = fc.integer({ min: 1, max: 9 }).map((n) => `02:00:5e:10:00:0${n}`);
const text = fc.string({ unit: fc.constantFrom('a', 'B', ' ', '"', "'", '\\', '#', '\t', 'é'), maxLength: 6 });
const domains = fc.array(fc.integer({ min: 0, max: 32 }), { minLength: 1, maxLength: 3 }).map((list) => list.join());
const rule = fc
  .tuple(
    fc.constantFrom('block', 'pass', 'match', 'allow'),
    fc.constantFrom([], ['in'], ['out'], ['in/out']),
    port,
    fc.array(
      fc.oneof(
        fc.tuple(fc.constantFrom('src', 'dst', 'sha', 'tha'), mac),
        fc.tuple(fc.constantFrom('spa', 'tpa'), fc.constantFrom('10.0.0.1', '255.255.255.255', '1')),
        fc.tuple(fc.constant('tag'), fc.constantFrom('blue', 'é', 'a#b', 'src', '"')),
        fc.constantFrom(['arp'], ['rarp'], ['request'], ['reply'], ['arp', 'request'], ['rarp', 'reply']),
      ),
      { maxLength: 4 },
    ),
  )
  .map(([action, dir, on, quals]) => [action, ...dir, 'on', on, ...quals.flat()]);
const number = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map(String);

const command: fc.Arbitrary<string[]> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(any, fc.constant('create')) },
  { weight: 1, arbitrary: fc.tuple(any, fc.constant('destroy')) },
  { weight: 6, arbitrary: fc.tuple(veb, fc.constant('add'), port) },
  { weight: 2, arbitrary: fc.tuple(veb, fc.constantFrom('del', 'learn', '-learn', 'discover', '-discover'), port) },
  {
    weight: 2,
    arbitrary: fc.tuple(veb, fc.constantFrom('blocknonip', '-blocknonip', '-protected', 'flushrule'), port),
  },
  { weight: 7, arbitrary: fc.tuple(veb, fc.constantFrom('addspan', 'addspan', 'addspan', 'delspan'), port) },
  { weight: 2, arbitrary: fc.tuple(veb, fc.constant('protected'), port, domains) },
  { weight: 5, arbitrary: fc.tuple(veb, rule).map(([name, words]) => [name, 'rule', ...words]) },
  { weight: 1, arbitrary: fc.tuple(veb, fc.constant('rulefile'), fc.constantFrom('one', 'two', 'faulty')) },
  { weight: 1, arbitrary: fc.tuple(veb, fc.constantFrom('one', 'two')).map(([v, f]) => [v, 'rulefile', '-f', f]) },
  { weight: 1, arbitrary: fc.tuple(any, fc.constant('rdomain'), number(0, 260)) },
  { weight: 1, arbitrary: fc.tuple(any, fc.constantFrom('-rdomain', 'tso', '-tso', 'txcsum', '-txcsum')) },
  { weight: 8, arbitrary: fc.tuple(veb, fc.constant('static'), port, mac) },
  { weight: 1, arbitrary: fc.tuple(veb, fc.constant('deladdr'), mac) },
  { weight: 1, arbitrary: fc.tuple(veb, fc.constant('maxaddr'), number(10, 1_048_576)) },
  { weight: 1, arbitrary: fc.tuple(veb, fc.constant('timeout'), number(8, 3600)) },
  { weight: 2, arbitrary: fc.tuple(any, fc.constantFrom('up', 'down', 'link0', '-link0', 'link1', 'link2', '-link2')) },
  { weight: 1, arbitrary: fc.tuple(any, fc.constant('description'), text) },
  { weight: 1, arbitrary: fc.tuple(port, fc.constant('mtu'), number(68, 65_535)) },
  { weight: 1, arbitrary: fc.tuple(port, fc.constant('lladdr'), mac) },
  { weight: 8, arbitrary: fc.tuple(layer3, fc.constant('create')) },
  { weight: 2, arbitrary: fc.tuple(layer3, fc.constant('destroy')) },
  { weight: 3, arbitrary: fc.tuple(layer3, fc.constant('rdomain'), domain) },
  { weight: 1, arbitrary: fc.tuple(layer3, fc.constant('mtu'), number(1000, 40_000)) },
  { weight: 2, arbitrary: fc.tuple(layer3, fc.constantFrom('up', 'down')) },
  { weight: 3, arbitrary: fc.tuple(veb, fc.constantFrom('add', 'add', 'del', 'addspan'), layer3) },
  { weight: 5, arbitrary: fc.tuple(rport, fc.constant('parent'), rport) },
  { weight: 1, arbitrary: fc.tuple(rport, fc.constant('-parent')) },
  { weight: 12, arbitrary: fc.tuple(layer3, addressWords).map(([name, words]) => [name, ...words]) },
  { weight: 6, arbitrary: routeWords },
  { weight: 2, arbitrary: ruleWords },
  { weight: 2, arbitrary: ipWords },
  { weight: 1, arbitrary: settingWords },
  { weight: 1, arbitrary: fc.tuple(port, fc.constant('netns'), fc.constantFrom('a', '/run/netns/b c')) },
);

/** Something for random commands to act on. */
const BEGINNING = stateOf('tap0 create', 'veb0 create', 'mem0 create', 'veb0 add tap0 add mem0', 'tap1 create');

const TENANTS = [
  ['mem0', 'create'],
  ['mem0', 'up'],
  ['tap0', 'create'],
  ['tap0', 'up'],
  ['mem0', 'inet6', '2001:db8:1::2/64'],
  'ip link add red type vrf table 100'.split(' '),
  'ip link add blue type vrf table 200'.split(' '),
  ['sysctl', 'net.vrf.strict_mode=1'],
].reduce(after, emptyState());

/** Configurations that up to `most` random commands lead to, from `from`, from nothing or from a bridge. */
export function randomState(most: number, from?: State): fc.Arbitrary<State> {
  const start = from === undefined ? fc.constantFrom(BEGINNING, emptyState()) : fc.constant(from);
  const commands = fc.array(command, { maxLength: most, size: 'max' });
  return fc.tuple(start, commands).map(([state, list]) => list.reduce(after, state));
}

/** Configurations of VRFs, SIDs and encapsulations that up to `most` random commands lead to from two tenants. */
export function randomTenants(most: number): fc.Arbitrary<State> {
  const words = fc.oneof(
    { weight: 30, arbitrary: ipWords },
    { weight: 2, arbitrary: settingWords },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom('mem0', 'tap0', 'tap1', 'lo1'), fc.constantFrom('create', 'destroy')),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom('mem0', 'tap0'), addressWords).map(([name, list]) => [name, ...list]),
    },
    { weight: 1, arbitrary: fc.tuple(port, fc.constant('rdomain'), domain) },
  );
  return fc.array(words, { maxLength: most, size: 'max' }).map((list) => list.reduce(after, TENANTS));
}
