/** Addresses by ifconfig's words, and routing domains (main/cli/inet.ts, main/cli/ifconfig.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { readConfig } from '../../../../src/main/cli/command.js';
import { runningLines } from '../../../../src/main/config/running.js';
import type { State } from '../../../../src/main/config/state.js';
import { applied, configured } from '../../support/lines.js';

const BASE = configured(
  'ifconfig tap0 create',
  'ifconfig tap1 create',
  'ifconfig tap2 create',
  'ifconfig vport0 create',
  'ifconfig rport0 create',
  'ifconfig veb0 create add tap2 add vport0',
);

/** Addresses of one interface: `10.0.0.1/24`, with `> DEST` on a point-to-point link. */
function addresses(state: State, name = 'tap0'): string[] {
  const list = state.interfaces.get(name)?.addresses ?? [];
  return list.map((a) => `${a.address}/${a.length}${a.destination === '' ? '' : ` > ${a.destination}`}`);
}

/** Words after `ifconfig tap0`, and the addresses they make. */
const FORMS: readonly (readonly [string, ...string[]])[] = [
  ['inet 10.0.0.1/24', '10.0.0.1/24'],
  ['10.0.0.1/24', '10.0.0.1/24'],
  ['inet 10.0.0.1 netmask 255.255.254.0', '10.0.0.1/23'],
  ['inet 10.0.0.1 netmask 0xffffff00', '10.0.0.1/24'],
  ['inet 10.0.0.1 prefixlen 25', '10.0.0.1/25'],
  ['inet 10.0.0.1', '10.0.0.1/8'],
  ['inet 172.16.0.1', '172.16.0.1/16'],
  ['inet 192.0.2.1', '192.0.2.1/24'],
  ['inet6 2001:db8::1', '2001:db8::1/64'],
  ['inet6 2001:db8::1 prefixlen 48', '2001:db8::1/48'],
  ['inet6 2001:DB8:0::1/56 alias', '2001:db8::1/56'],
  ['2001:db8::1/56', '2001:db8::1/56'],
  ['inet 10.0.0.1/24 inet 10.0.1.1/24', '10.0.1.1/24'],
  ['inet 10.0.0.1/24 inet 10.0.1.1/24 alias', '10.0.0.1/24', '10.0.1.1/24'],
  ['inet 10.0.0.1/24 inet alias 10.0.1.1 netmask 255.255.255.0', '10.0.0.1/24', '10.0.1.1/24'],
  ['inet 10.0.0.1/24 alias netmask 255.255.0.0', '10.0.0.1/16'],
  ['inet 10.0.0.1/24 alias 10.0.1.1/24 alias', '10.0.0.1/24', '10.0.1.1/24'],
  ['inet 10.0.0.1/24 inet 10.0.0.1/28 alias', '10.0.0.1/28'],
  ['inet6 2001:db8::1/64 inet6 2001:db8::2/64', '2001:db8::1/64', '2001:db8::2/64'],
  ['inet 10.0.0.1/24 inet6 2001:db8::1/64 inet 10.0.0.1 delete', '2001:db8::1/64'],
  ['inet 10.0.0.1/24 inet 10.0.0.1/24 -alias'],
  ['inet 10.0.0.1/24 inet delete 10.0.0.1'],
  ['inet 10.0.0.1/24 mtu 1400 up', '10.0.0.1/24'],
];

for (const [words, ...made] of FORMS) {
  test(`${words}`, () => assert.deepEqual(addresses(applied(BASE, `ifconfig tap0 ${words}`)), made));
}

test('a point-to-point destination', () => {
  const state = applied(BASE, 'ifconfig rport0 inet 169.254.0.1 169.254.0.2', 'ifconfig rport0 inet6 fd00::1 fd00::2');
  assert.deepEqual(addresses(state, 'rport0'), ['169.254.0.1/32 > 169.254.0.2', 'fd00::1/128 > fd00::2']);
});

/** Commands that fail, all leaving what was. */
const ERRORS: readonly (readonly [string, string])[] = [
  ['EBUSY', 'tap2 inet 10.0.0.1/24'],
  ['ENOTTY', 'veb0 inet 10.0.0.1/24'],
  ['EADDRINUSE', 'tap1 inet 192.0.2.1/24'],
  ['EADDRNOTAVAIL', 'tap0 inet 192.0.2.2 delete'],
  ['EADDRNOTAVAIL', 'tap1 inet 192.0.2.1 delete'],
  ['EINVAL', 'tap0 inet 2001:db8::1/64'],
  ['EINVAL', 'tap0 inet6 10.0.0.1/24'],
  ['EINVAL', 'tap0 inet 10.0.0.1/33'],
  ['EINVAL', 'tap0 inet6 2001:db8::1/129'],
  ['EINVAL', 'tap0 inet 10.0.0.1/0'],
  ['EINVAL', 'tap0 inet 10.0.0.1 netmask 255.0.255.0'],
  ['EINVAL', 'tap0 inet 10.0.0.1 netmask'],
  ['EINVAL', 'tap0 inet 10.0.0.1 prefixlen 33'],
  ['EINVAL', 'tap0 inet'],
  ['EINVAL', 'tap0 inet up'],
  ['EINVAL', 'tap0 inet 224.0.0.1/24'],
  ['EINVAL', 'tap0 inet 255.255.255.255/24'],
  ['EINVAL', 'tap0 inet 0.0.0.0/24'],
  ['EINVAL', 'tap0 inet6 ff02::1/64'],
  ['EINVAL', 'tap0 inet6 ::/64'],
  ['EINVAL', 'rport0 inet 10.0.0.1 fd00::1'],
  ['EINVAL', 'rport0 inet 10.0.0.1 10.0.0.2/24'],
  ['EINVAL', 'tap0 mtu 1400 inet 10.0.0.1/99'],
];

for (const [code, words] of ERRORS) {
  test(`${words} is ${code}, and nothing changes`, () => {
    const state = applied(BASE, 'ifconfig tap0 inet 192.0.2.1/24');
    const before = structuredClone(state);
    assert.throws(() => applied(state, `ifconfig ${words}`), { code });
    assert.deepEqual(state, before);
  });
}

test('A49 a vport that is a member may have an address, and domains have addresses of their own', () => {
  const state = applied(
    BASE,
    'ifconfig vport0 inet 10.0.0.1/24',
    'ifconfig tap1 rdomain 2 inet 10.0.0.1/24',
    'ifconfig tap0 inet6 fe80::1/64',
    'ifconfig vport0 inet6 fe80::1/64',
  );
  assert.deepEqual(addresses(state, 'vport0'), ['10.0.0.1/24', 'fe80::1/64']);
  assert.deepEqual(addresses(state, 'tap1'), ['10.0.0.1/24']);
});

test('rdomain 253 to 255 are EINVAL, 252 is the last', () => {
  for (const n of [253, 254, 255, 256, -1]) {
    assert.throws(() => applied(BASE, `ifconfig tap0 rdomain ${n}`), { code: 'EINVAL' });
  }
  assert.equal(applied(BASE, 'ifconfig tap0 rdomain 252').interfaces.get('lo252')?.rdomain, 252);
});

test('a domain comes with its loopback, up and with addresses, which stays while others are in it', () => {
  const state = applied(BASE, 'ifconfig tap0 rdomain 7');
  assert.equal(state.interfaces.get('lo7')?.up, true);
  assert.deepEqual(addresses(state, 'lo7'), ['127.0.0.1/8', '::1/128']);
  assert.throws(() => applied(state, 'ifconfig lo7 destroy'), { code: 'EBUSY' });
  const empty = applied(state, 'ifconfig tap0 -rdomain', 'ifconfig lo7 destroy');
  assert.equal(empty.interfaces.has('lo7'), false);
});

test('a bridge makes no domain', () => {
  assert.equal(applied(BASE, 'ifconfig veb0 rdomain 7').interfaces.has('lo7'), false);
});

test('another domain takes the addresses away; the same one does not', () => {
  const state = applied(BASE, 'ifconfig tap0 rdomain 1 inet 10.0.0.1/24 rdomain 1');
  assert.deepEqual(addresses(state), ['10.0.0.1/24']);
  assert.deepEqual(addresses(applied(state, 'ifconfig tap0 rdomain 2')), []);
});

test('the loopback of a domain may be made by hand once, and stays in the domain', () => {
  const state = applied(BASE, 'ifconfig tap0 rdomain 7', 'ifconfig lo7 create');
  assert.equal(state.interfaces.get('lo7')?.rdomain, 7);
  assert.throws(() => applied(state, 'ifconfig lo7 create'), { code: 'EEXIST' });
});

test('addresses, domains and routes are printed in an order that loads', () => {
  const state = applied(
    BASE,
    'ifconfig tap0 rdomain 1 inet 10.0.0.1/24 inet 10.0.1.1/24 alias up',
    'ifconfig tap1 inet 10.0.0.1/24 inet6 2001:db8::1/64',
    // A port keeps the addresses it had before (A50).
    'ifconfig veb0 add tap1',
    'ifconfig vport0 rdomain 1 inet 10.0.2.1/24 up',
    'ifconfig rport1 create rdomain 1 inet 169.254.0.2 169.254.0.1',
    'ifconfig rport0 inet 169.254.0.1 169.254.0.2 parent rport1 up',
    'route -T 1 add default 169.254.0.1',
    'route -T 1 add -mpath default 10.0.0.2',
    'route add -inet6 default 2001:db8::2',
    'route add -reject 192.0.2.0/24',
    'route -T 1 add -blackhole -inet6 2001:db8::/32',
  );
  const lines = runningLines(state);
  assert.deepEqual(readConfig('running', lines.join('\n')), state);
  assert.deepEqual(
    lines.filter((line) => line.startsWith('route')),
    [
      'route -T 1 add -inet 0.0.0.0/0 169.254.0.1',
      'route -T 1 add -inet 0.0.0.0/0 10.0.0.2 -mpath',
      'route -T 0 add -inet6 ::/0 2001:db8::2',
      'route -T 0 add -inet 192.0.2.0/24 -reject',
      'route -T 1 add -inet6 2001:db8::/32 -blackhole',
    ],
  );
});
