/**
 * The running configuration reads back as the state it was printed from (main/config/running.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { readConfig } from '../../../../src/main/cli/command.js';
import { ConfigError } from '../../../../src/main/config/lines.js';
import { runningLines } from '../../../../src/main/config/running.js';
import { emptyState } from '../../../../src/main/config/state.js';
import { sharedTables } from '../../../../src/main/config/vrf.js';
import { after, randomState, randomTenants, stateOf } from '../../support/random-state.js';

test('nothing configured prints nothing', () => assert.deepEqual(runningLines(emptyState()), []));

test('defaults are not printed, everything else is', () => {
  const state = stateOf(
    'tap0 create up',
    'veb0 create maxaddr 100 timeout 240',
    'tap1 create mtu 9000 lladdr 02:0:0:0:0:1 netns lab link1',
    'veb0 add tap1 add tap0 -learn tap0 -discover tap1 static tap1 2:0:0:0:0:9 link0',
    'veb1 create maxaddr 5 timeout 8 up',
  );
  assert.deepEqual(runningLines(state), [
    'ifconfig tap0 create',
    'ifconfig veb0 create link0',
    'ifconfig tap1 create mtu 9000 lladdr 02:00:00:00:00:01 netns lab link1',
    'ifconfig veb1 create',
    'ifconfig veb0 add tap1 -discover tap1',
    'ifconfig veb0 add tap0 -learn tap0',
    'ifconfig veb0 static tap1 02:00:00:00:00:09',
    'ifconfig veb1 maxaddr 5',
    'ifconfig veb1 timeout 8',
    'ifconfig tap0 up',
    'ifconfig veb1 up',
  ]);
});

test('an attached interface is printed by its own name, with its MTU only if one was given', () => {
  const state = stateOf('eth1 attach packet up', 'wan attach xdp mtu 9000', 'veb0 create add eth1 add wan');
  const lines = runningLines(state);
  assert.deepEqual(lines, [
    'ifconfig eth1 attach packet',
    'ifconfig wan attach xdp mtu 9000',
    'ifconfig veb0 create',
    'ifconfig veb0 add eth1',
    'ifconfig veb0 add wan',
    'ifconfig eth1 up',
  ]);
  assert.deepEqual(readConfig('f', `${lines.join('\n')}\n`), state);
});

test('a port keeps the address it joined with, and a route goes with its network', () => {
  let state = stateOf('mem0 create inet 10.0.0.1/24', 'mem1 create inet 10.0.1.1/24', 'veb0 create add mem0');
  state = after(state, 'route add default 10.0.1.9'.split(' '));
  state = after(state, ['mem1', 'inet', '10.0.1.1', 'delete']);
  const lines = runningLines(state);
  assert.deepEqual(lines, [
    'ifconfig mem0 create',
    'ifconfig mem1 create',
    'ifconfig veb0 create',
    'ifconfig mem0 inet 10.0.0.1/24 alias',
    'ifconfig veb0 add mem0',
  ]);
  assert.deepEqual(readConfig('running', lines.join('\n')), state);
  assert.equal(after(state, 'route add 10.9.0.0/16 10.0.1.9'.split(' ')), state, 'typed, it is refused');
});

test('a domain in use keeps its loopback', () => {
  const state = stateOf('mem0 create rdomain 3', 'lo4 create', 'mem1 create rdomain 4');
  for (const words of ['lo3 destroy', 'lo3 rdomain 0', 'lo4 destroy'])
    assert.equal(after(state, words.split(' ')), state, words);
  const left = after(after(state, ['mem0', 'destroy']), ['lo3', 'destroy']);
  assert.deepEqual([...left.interfaces.keys()], ['lo4', 'mem1']);
});

test('any state reads back deep-equal, in the same order', () => {
  let vebs = 0;
  let statics = 0;
  let spans = 0;
  let rules = 0;
  let domains = 0;
  let addresses = 0;
  let pairs = 0;
  let routes = 0;
  let policies = 0;
  let loopbacks = 0;
  fc.assert(
    fc.property(randomState(80), (state) => {
      const read = readConfig('running', runningLines(state).join('\n'));
      assert.deepEqual(read, state);
      assert.deepEqual([...read.interfaces.keys()], [...state.interfaces.keys()]);
      routes += state.routes.length;
      policies += state.rules.length;

      for (const { veb, ...spec } of state.interfaces.values()) {
        addresses += spec.addresses.length;
        pairs += spec.peer === '' ? 0 : 1;
        loopbacks += spec.type === 'lo' ? 1 : 0;
        if (veb === undefined) continue;
        vebs++;
        statics += veb.statics.length;
        spans += veb.spans.length;
        for (const port of veb.ports) {
          rules += port.rules.length;
          domains += port.protected.length;
        }
      }
    }),
    { seed: 20261121, numRuns: 1000 },
  );
  for (const [what, count] of Object.entries({
    vebs,
    statics,
    spans,
    rules,
    domains,
    addresses,
    pairs,
    routes,
    policies,
    loopbacks,
  }))
    assert.ok(count > 100, `${count} ${what}: too few to mean anything`);
});

test('so does any state of tenants', () => {
  const seen = { bound: 0, unbound: 0, encaps: 0, enslaved: 0, shared: 0, metrics: 0, devices: 0 };
  fc.assert(
    fc.property(randomTenants(100), (state) => {
      assert.deepEqual(readConfig('running', runningLines(state).join('\n')), state);
      for (const { sid, encap, metric, kind, dev } of state.routes) {
        seen.bound += sid !== undefined && sid.vrf !== '' ? 1 : 0;
        seen.unbound += sid?.vrf === '' && sid.vrftable !== -1 ? 1 : 0;
        seen.encaps += encap === undefined ? 0 : 1;
        seen.metrics += metric < 10 && metric > 0 ? 1 : 0;
        seen.devices += kind === 'gateway' && dev !== '' ? 1 : 0;
      }
      for (const spec of state.interfaces.values()) seen.enslaved += spec.master === '' ? 0 : 1;
      seen.shared += sharedTables(state);
    }),
    { seed: 20261121, numRuns: 500 },
  );
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 5, `${count} ${what}: too few to mean anything`);
});

for (const [what, line, message] of [
  ['a question', 'ifconfig tap0', /not a setting/],
  ['a question about addresses', 'ifconfig veb0 addr', /not a setting/],
  ['an action', 'ifconfig veb0 flush', /not a setting/],
  ['the removal of a learned address', 'ifconfig veb0 deladdr 02:00:00:00:00:01', /not a setting/],
  ['show', 'show running', /not a setting/],
  ['a word of every object', 'constructor', /not a setting/],
  ['an unknown interface', 'ifconfig tap9 up', /tap9: no such interface/],
] as const) {
  test(`${what} in a file is an error with its place`, () => {
    assert.throws(
      () => readConfig('a.conf', `ifconfig veb0 create\n\n${line}\n`),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, /^a\.conf:3: /);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('secrets are printed only when they are asked for', () => {
  const state = readConfig('keys', "ip sr hmac set 42 sha256 'top secret'\nip sr tunsrc set fd00::1\n");
  assert.deepEqual(runningLines(state), ['ip sr tunsrc set fd00::1', 'ip sr hmac set 42 sha256 "top secret"']);
  const shown = runningLines(state, false);
  assert.deepEqual(shown, ['ip sr tunsrc set fd00::1', '# ip sr hmac set 42 sha256 … (show running secrets)']);
  // What is shown still loads.
  assert.deepEqual(readConfig('shown', shown.join('\n')).seg6.hmacs, []);
});
