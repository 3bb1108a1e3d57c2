/** The routes that a state implies (main/config/routes.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { byNetwork, reaches, routesOf } from '../../../../src/main/config/routes.js';
import type { State } from '../../../../src/main/config/state.js';
import { applied, configured } from '../../support/lines.js';

/** A line for each route: domain, prefix, and a word for each hop. */
function lines(state: State): string[] {
  return [...routesOf(state).values()].toSorted(byNetwork).map((r) => {
    const hops = r.hops.map(({ kind, dev, gateway }) => [kind, dev, gateway].filter((w) => w !== '').join(' '));
    return `${r.rdomain} ${r.network}/${r.length} ${hops.join(', ')}${r.static ? ' static' : ''}`;
  });
}

test('an address brings itself, its network and its broadcast', () => {
  assert.deepEqual(lines(configured('ifconfig tap0 create inet 10.0.0.1/24 inet6 2001:db8::1/64')), [
    '0 10.0.0.0/24 connected tap0',
    '0 10.0.0.1/32 local tap0',
    '0 10.0.0.255/32 broadcast tap0',
    '0 2001:db8::/64 connected tap0',
    '0 2001:db8::/128 anycast tap0',
    '0 2001:db8::1/128 local tap0',
    '0 fe80::/64 connected tap0',
  ]);
});

test('the routers of a network share an address, of one whose links are more than two, if they forward; the operator’s own comes first', () => {
  const shared = (...more: string[]): string[] =>
    lines(configured(...more)).filter((line) => /anycast|:\/128/.test(line));
  assert.deepEqual(shared('ifconfig tap0 create inet6 2001:db8::5/126', 'ifconfig tap1 create inet6 2001:db8::9/127'), [
    '0 2001:db8::4/128 anycast tap0',
  ]);
  const host = configured('ifconfig tap0 create inet6 2001:db8::5/64');
  Object.assign(host.settings, { 'net.inet6.ip6.forwarding': 0 });
  assert.ok(!lines(host).some((line) => line.includes('anycast')));
  assert.deepEqual(
    shared('ifconfig rport0 create inet6 2001:db8::5 2001:db8::4', 'ifconfig tap0 create inet6 fe80::7/64'),
    [],
  );
  assert.deepEqual(shared('ifconfig tap0 create inet6 2001:db8:1::/64'), ['0 2001:db8:1::/128 local tap0']);
  assert.deepEqual(shared('ifconfig tap0 create inet6 2001:db8::5/64', 'route add -reject 2001:db8::/128'), [
    '0 2001:db8::/128 reject static',
  ]);
});

test('a network of two has no broadcast, a host no network', () => {
  assert.deepEqual(lines(configured('ifconfig tap0 create inet 10.0.0.0/31 inet 10.9.9.9/32 alias')), [
    '0 10.0.0.0/31 connected tap0',
    '0 10.0.0.0/32 local tap0',
    '0 10.9.9.9/32 local tap0',
  ]);
});

test('a point-to-point address brings its other end alone', () => {
  assert.deepEqual(lines(configured('ifconfig rport0 create inet 169.254.0.1 169.254.0.2')), [
    '0 169.254.0.1/32 local rport0',
    '0 169.254.0.2/32 connected rport0',
  ]);
});

test('the rest of a loopback network goes nowhere, in each domain of its own', () => {
  assert.deepEqual(lines(configured('ifconfig tap0 create rdomain 3')), [
    '3 127.0.0.0/8 reject',
    '3 127.0.0.1/32 local lo3',
    '3 ::1/128 local lo3',
  ]);
});

test('what the operator made: gateways by the longest network, several share, and an address of ours wins', () => {
  const state = configured(
    'ifconfig tap0 create inet 10.0.0.1/8',
    'ifconfig tap1 create inet 10.1.0.1/16',
    'route add default 10.1.0.2',
    'route add -mpath default 10.0.0.2',
    'route add 10.0.0.1 10.1.0.2',
    'route add 10.0.0.0/8 10.1.0.2',
    'route add -blackhole 192.0.2.0/24',
  );
  const all = lines(state);
  assert.ok(all.includes('0 0.0.0.0/0 gateway tap1 10.1.0.2, gateway tap0 10.0.0.2 static'));
  assert.ok(all.includes('0 10.0.0.1/32 local tap0'));
  assert.ok(all.includes('0 10.0.0.0/8 gateway tap1 10.1.0.2 static'));
  assert.ok(all.includes('0 192.0.2.0/24 blackhole static'));
  assert.equal(reaches(state, 0, '10.1.9.9')?.name, 'tap1');
  assert.equal(reaches(state, 1, '10.1.9.9'), undefined, 'another domain');
});

test('a gateway goes with the last network that reaches it, and its route with its last gateway', () => {
  const state = configured(
    'ifconfig tap0 create inet 10.0.0.1/24',
    'ifconfig tap1 create inet 10.0.1.1/24',
    'route add 192.0.2.0/24 10.0.0.2',
    'route add -mpath 192.0.2.0/24 10.0.1.2',
    'route add -reject 198.51.100.0/24',
  );
  const gateways = (s: State): string[] => s.routes.flatMap((r) => r.gateways);
  assert.deepEqual(gateways(applied(state, 'ifconfig tap0 inet 10.0.0.1 delete')), ['10.0.1.2']);
  assert.deepEqual(gateways(applied(state, 'ifconfig tap0 inet 10.0.0.9/24')), ['10.0.0.2', '10.0.1.2']);
  assert.deepEqual(gateways(applied(state, 'ifconfig tap1 rdomain 1')), ['10.0.0.2']);
  const none = applied(state, 'ifconfig tap0 destroy', 'ifconfig tap1 destroy');
  assert.deepEqual(
    none.routes.map((r) => r.kind),
    ['reject'],
  );
});
