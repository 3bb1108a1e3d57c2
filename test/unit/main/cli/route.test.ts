/** route(8)'s words on a draft (main/cli/route.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { readConfig } from '../../../../src/main/cli/command.js';
import { isRouteQuery } from '../../../../src/main/cli/route.js';
import type { State } from '../../../../src/main/config/state.js';
import { applied, configured } from '../../support/lines.js';

const BASE = configured(
  'ifconfig tap0 create inet 10.0.0.1/24 inet6 2001:db8::1/64',
  'ifconfig tap1 create rdomain 1 inet 10.0.0.1/24',
  'route add 192.0.2.0/24 10.0.0.2',
);

/** Routes as `DOMAIN NETWORK/LENGTH GATEWAYS`. */
function routes(state: State): string[] {
  return state.routes.map((r) => `${r.rdomain} ${r.network}/${r.length} ${r.gateways.join(',') || r.kind}`);
}

const OLD = '0 192.0.2.0/24 10.0.0.2';

/** Words after `route`, and the routes there are then. */
const WORDS: readonly (readonly [string, ...string[]])[] = [
  ['add default 10.0.0.2', OLD, '0 0.0.0.0/0 10.0.0.2'],
  ['-nT1 add default 10.0.0.2', OLD, '1 0.0.0.0/0 10.0.0.2'],
  ['-T1 -nq add default 10.0.0.2', OLD, '1 0.0.0.0/0 10.0.0.2'],
  ['-n add -net 172.16.0.0/12 10.0.0.2', OLD, '0 172.16.0.0/12 10.0.0.2'],
  ['add 172.16/12 10.0.0.2', OLD, '0 172.16.0.0/12 10.0.0.2'],
  ['add 172.16.9.9 -netmask 255.240.0.0 10.0.0.2', OLD, '0 172.16.0.0/12 10.0.0.2'],
  ['add -host 172.16.9.9 10.0.0.2', OLD, '0 172.16.9.9/32 10.0.0.2'],
  ['add 172.16.9.9 10.0.0.2', OLD, '0 172.16.9.9/32 10.0.0.2'],
  ['add -inet6 default 2001:db8::2', OLD, '0 ::/0 2001:db8::2'],
  ['add default 2001:db8::2', OLD, '0 ::/0 2001:db8::2'],
  ['add -inet6 2001:db8:9:: -prefixlen 48 2001:db8::2', OLD, '0 2001:db8:9::/48 2001:db8::2'],
  ['-T 1 add 192.0.2.0/24 10.0.0.3', OLD, '1 192.0.2.0/24 10.0.0.3'],
  ['add -reject 198.51.100.0/24', OLD, '0 198.51.100.0/24 reject'],
  ['add -blackhole 198.51.100.0/24 127.0.0.1', OLD, '0 198.51.100.0/24 blackhole'],
  ['add -mpath 192.0.2.0/24 10.0.0.3', '0 192.0.2.0/24 10.0.0.2,10.0.0.3'],
  ['change 192.0.2.0/24 10.0.0.9', '0 192.0.2.0/24 10.0.0.9'],
  ['change 192.0.2.0/24 -reject', '0 192.0.2.0/24 reject'],
  ['delete 192.0.2.0/24'],
  ['delete 192.0.2/24'],
  ['delete 192.0.2.0/24 10.0.0.2'],
  ['flush'],
  ['flush -inet'],
  ['flush -inet6', OLD],
  ['-T 1 flush', OLD],
];

for (const [words, ...left] of WORDS) {
  test(`route ${words}`, () => assert.deepEqual(routes(applied(BASE, `route ${words}`)), left));
}

test('of several gateways one can be taken away', () => {
  const state = applied(BASE, 'route add -mpath 192.0.2.0/24 10.0.0.3', 'route delete 192.0.2.0/24 10.0.0.2');
  assert.deepEqual(routes(state), ['0 192.0.2.0/24 10.0.0.3']);
});

test('a route that leads nowhere can be deleted with the gateway that it is shown with', () => {
  for (const [kind, network, gateway, other] of [
    ['blackhole', '198.51.100.0/24', '127.0.0.1', '10.0.0.2'],
    ['reject', '2001:db8:9::/48', '::1', '2001:db8::2'],
  ]) {
    const state = applied(BASE, `route add -${kind} ${network} ${gateway}`);
    assert.deepEqual(routes(applied(state, `route delete ${network} ${gateway}`)), [OLD]);
    assert.throws(() => applied(state, `route delete ${network} ${other}`), { code: 'ESRCH' });
  }
});

const ERRORS: readonly (readonly [string, string])[] = [
  ['EEXIST', 'add 192.0.2.0/24 10.0.0.3'],
  ['EEXIST', 'add -mpath 192.0.2.0/24 10.0.0.2'],
  ['EEXIST', 'add -reject 192.0.2.0/24'],
  ['ESRCH', 'delete 192.0.2.0/25'],
  ['ESRCH', 'delete 192.0.2.0/24 10.0.0.3'],
  ['ESRCH', '-T 1 delete 192.0.2.0/24'],
  ['ESRCH', 'change 198.51.100.0/24 10.0.0.2'],
  ['ENETUNREACH', 'add default 10.0.1.2'],
  ['ENETUNREACH', '-T 2 add default 10.0.0.2'],
  ['EINVAL', 'add default 10.0.0.2 10.0.0.3'],
  ['EINVAL', 'add default'],
  ['EINVAL', 'add'],
  ['EINVAL', 'add 192.0.2.0/33 10.0.0.2'],
  ['EINVAL', 'add 192.0.2.0/24 2001:db8::2'],
  ['EINVAL', 'add -inet6 192.0.2.0/24 10.0.0.2'],
  ['EINVAL', 'add -inet 2001:db8::/32 2001:db8::2'],
  ['EINVAL', 'add 10.9.0.0 -prefixlen 40 10.0.0.2'],
  ['EINVAL', 'add 10.9.0.0 -netmask 255.0.255.0 10.0.0.2'],
  ['EINVAL', 'add -sideways 10.9.0.0/16 10.0.0.2'],
  ['EINVAL', '-T 253 add default 10.0.0.2'],
];

for (const [code, words] of ERRORS) {
  test(`route ${words} is ${code}, and nothing changes`, () => {
    const before = structuredClone(BASE);
    assert.throws(() => applied(BASE, `route ${words}`), { code });
    assert.deepEqual(BASE, before);
  });
}

test('which words only ask', () => {
  assert.ok(isRouteQuery(['-n', 'show']));
  assert.ok(isRouteQuery(['get', '10.0.0.1']));
  for (const word of ['add', 'change', 'delete', 'flush']) assert.ok(!isRouteQuery(['-T', '1', word]));
});

/** Lines that give one route so many gateways, in route(8)'s words, in iproute2's, and in one line of these. */
const MANY: readonly (readonly [string, (count: number) => string[], number])[] = [
  ['route add -mpath', (n) => gateways(n).map((g, k) => `route add ${k === 0 ? '' : '-mpath '}192.0.2.0/24 ${g}`), 65],
  [
    'ip route append',
    (n) => gateways(n).map((g, k) => `ip route ${k === 0 ? 'add' : 'append'} 192.0.2.0/24 via ${g}`),
    65,
  ],
  [
    'nexthop',
    (n) => [
      `ip route add 192.0.2.0/24 ${gateways(n)
        .map((g) => `nexthop via ${g}`)
        .join(' ')}`,
    ],
    1,
  ],
];

function gateways(count: number): string[] {
  return Array.from({ length: count }, (_, k) => `10.0.0.${k + 2}`);
}

for (const [how, lines, at] of MANY) {
  test(`${how}: 64 gateways are taken, one more is told with its line, whether or not anything reaches them`, () => {
    assert.equal(readConfig('a.conf', lines(64).join('\n')).routes[0]?.gateways.length, 64);
    assert.throws(() => readConfig('a.conf', lines(65).join('\n')), {
      message: `a.conf:${at}: 192.0.2.0/24: no more than 64 gateways`,
    });
  });
}
