/**
 * Random commands of `ip` over tenants: each is applied, or refused with a ControlError and nothing changed; what is left has routes that
 * can be installed, and reads back as what it is.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readConfig } from '../../src/main/cli/command.js';
import { isIpNeighbour, isIpQuery } from '../../src/main/cli/ip.js';
import { routesOf } from '../../src/main/config/routes.js';
import { runningLines } from '../../src/main/config/running.js';
import { cloneState, type State } from '../../src/main/config/state.js';
import { ControlError } from '../../src/main/errors.js';
import { BOX_MS, SEED } from '../support/stress.js';
import { applied, configured } from '../unit/support/lines.js';

const TENANTS: State = configured(
  'ifconfig mem0 create inet6 fd00::1/64 up',
  'ifconfig mem1 create 10.0.0.1/24 up',
  'ifconfig veb0 create',
  'ifconfig lo1 create',
  'ip link add red type vrf table 100',
  'ip link add blue type vrf table 200',
  'ip link set red up',
  'ip link set mem1 master red',
);
TENANTS.settings['net.vrf.strict_mode'] = 1;

const word = fc.oneof(
  fc.constantFrom(
    '-4',
    '-6',
    'link',
    'route',
    'rule',
    'sr',
    'vrf',
    'addr',
    'add',
    'del',
    'set',
    'replace',
    'append',
    'change',
  ),
  fc.constantFrom(
    'encap',
    'seg6local',
    'seg6',
    'action',
    'mode',
    'segs',
    'hmac',
    'tunsrc',
    'lookup',
    'count',
    'unbound',
  ),
  fc.constantFrom('End', 'End.X', 'End.T', 'End.DX2', 'End.DX4', 'End.DX6', 'End.DT4', 'End.DT6', 'End.DT46', 'End.B6'),
  fc.constantFrom('table', 'vrftable', 'nh4', 'nh6', 'oif', 'flavors', 'psp', 'psp,usd', 'next-csid', 'srh'),
  fc.constantFrom(
    'encap.red',
    'inline',
    'via',
    'dev',
    'vrf',
    'metric',
    'to',
    'prio',
    'master',
    'nomaster',
    'type',
    'nexthop',
  ),
  fc.constantFrom('red', 'blue', 'mem0', 'mem1', 'veb0', 'lo1', 'green', '__proto__', 'constructor', ''),
  fc.constantFrom('100', '200', '90', '0', '253', '4095', '4096', '-1', '1e3', '4294967295', '99999999999'),
  fc.constantFrom(
    'fc00::1',
    'fc00::/16',
    'fc00::1,fc00::2',
    'fd00::2',
    '10.0.0.0/8',
    '10.9.0.1',
    'default',
    '::',
    '::/0',
  ),
  fc.constantFrom(
    'up',
    'down',
    'unreachable',
    'prohibit',
    'blackhole',
    'tunsrc',
    'sha1',
    'sha256',
    'up',
    'address',
    'mtu',
  ),
  fc.string({ maxLength: 5 }),
);
/** Commands that begin well, with some words out of place. */
const begun = fc.constantFrom(
  ['-6', 'route', 'add', 'fc00::1', 'encap', 'seg6local', 'action', 'End.DT4', 'vrftable', '100', 'dev', 'mem0'],
  ['-6', 'route', 'add', 'fc00::2', 'encap', 'seg6local', 'action', 'End.DT6', 'table', '100', 'count', 'dev', 'red'],
  [
    'route',
    'add',
    '10.9.0.1',
    'vrf',
    'red',
    'encap',
    'seg6',
    'mode',
    'encap',
    'segs',
    'fc00::1,fc00::2',
    'dev',
    'mem0',
  ],
  ['-6', 'rule', 'add', 'to', 'fc00::/16', 'lookup', '90', 'prio', '999'],
  ['link', 'add', 'green', 'type', 'vrf', 'table', '300'],
  ['link', 'set', 'mem0', 'master', 'red'],
  ['link', 'del', 'red'],
  ['sr', 'hmac', 'set', '42', 'sha256', 'secret'],
  ['-6', 'route', 'add', 'fc00:9::/32', 'table', '90', 'via', 'fd00::2', 'dev', 'mem0'],
);
const twisted = fc
  .tuple(begun, fc.array(fc.tuple(fc.nat({ max: 12 }), word, fc.nat({ max: 2 })), { maxLength: 3 }))
  .map(([words, changes]) => {
    const list: string[] = [...words];
    for (const [at, other, drop] of changes) list.splice(at, drop, other);
    return list;
  });
const command = fc.oneof(
  { weight: 3, arbitrary: twisted },
  { weight: 1, arbitrary: fc.array(word, { maxLength: 12 }) },
);

test('random words of ip are applied, or refused and nothing has changed', () => {
  let taken = 0;
  const property = fc.property(fc.array(command, { maxLength: 12 }), (commands) => {
    let state = TENANTS;
    for (const words of commands) {
      const before = cloneState(state);
      try {
        if (isIpQuery(words) || isIpNeighbour(words)) continue;
        state = applied(state, `ip ${words.map(quote).join(' ')}`);
        taken++;
      } catch (error) {
        if (!(error instanceof ControlError)) throw error;
        assert.deepEqual(state, before);
      }
    }
    for (const { hops } of routesOf(state).values()) {
      for (const { dev, sid } of hops) {
        assert.ok(dev === '' || state.interfaces.has(dev), dev);
        assert.ok(sid === undefined || sid.vrf === '' || state.interfaces.get(sid.vrf)?.type === 'vrf', sid?.vrf);
      }
    }
    assert.deepEqual(readConfig('F', runningLines(state).join('\n')), state);
  });
  fc.assert(property, { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: BOX_MS / 2 });
  assert.ok(taken > 100, `${taken} commands were taken`);
});

/** A word as a line has it, whatever is in it. */
function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, (c) => `\\${c}`)}"`;
}
