import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../../../src/main/cli/command.js';
import { isSysctlQuery, querySysctl, sysctl } from '../../../../src/main/cli/sysctl.js';
import { runningLines } from '../../../../src/main/config/running.js';
import { emptyState } from '../../../../src/main/config/state.js';

test('a setting is set, asked for, and printed only when it is not the default', () => {
  const state = emptyState();
  assert.equal(querySysctl(state, ['smrouter.idle'], false), 'smrouter.idle=adaptive\n');
  assert.deepEqual(runningLines(state), []);
  sysctl({ state, actions: [] }, ['-w', 'smrouter.idle=spin']);
  assert.match(querySysctl(state, ['-a'], false), /^smrouter.idle=spin$/m);
  assert.deepEqual(JSON.parse(querySysctl(state, ['smrouter.idle'], true)), { 'smrouter.idle': 'spin' });
  sysctl({ state, actions: [] }, ['smrouter.frames=4096', 'smrouter.heap=64']);
  assert.deepEqual(readConfig('f', runningLines(state).join('\n')), state);
});

test('an unknown name is ENOENT, a value it does not take EINVAL, and neither changes anything', () => {
  const state = emptyState();
  const set =
    (...args: string[]) =>
    () =>
      sysctl({ state, actions: [] }, args);
  assert.throws(set('no.such=1'), { code: 'ENOENT' });
  assert.throws(set('toString=1'), { code: 'ENOENT' });
  assert.throws(set('smrouter.idle=fast'), { code: 'EINVAL' });
  assert.throws(set('smrouter.idle'), { code: 'EINVAL' });
  for (const bad of ['1', '-1', '1e5', '', '999999999'])
    assert.throws(set(`smrouter.frames=${bad}`), { code: 'EINVAL' });
  assert.throws(() => querySysctl(state, ['no.such'], false), { code: 'ENOENT' });
  assert.deepEqual(state, emptyState());
});

test('a mistake is named: an option, a name that is missing, a number out of its range', () => {
  const state = emptyState();
  for (const words of [['-z'], ['-z', 'smrouter.idle'], ['-w'], ['-q']])
    assert.throws(() => querySysctl(state, words, false), { code: 'EINVAL' }, words.join(' '));
  assert.throws(() => sysctl({ state, actions: [] }, ['-z', 'smrouter.idle=spin']), /-z: unknown option/);
  const refused = (word: string, message: RegExp): void =>
    assert.throws(() => sysctl({ state, actions: [] }, [word]), { code: 'EINVAL', message });
  refused('net.inet.ip.forwarding=2', /^'2': net.inet.ip.forwarding is 0 or 1$/);
  refused('net.inet.ip.forwarding=', /^'': net.inet.ip.forwarding is 0 or 1$/);
  refused('net.inet6.ip6.dad_count=11', /is between 0 and 10$/);
  refused('net.inet.icmp.errppslimit=-2', /is between -1 and 1000000$/);
  refused('smrouter.frames=7', /is between 1024 and 524288, or 0 for the default$/);
  assert.deepEqual(state, emptyState());
});

test('-n leaves the names out', () => {
  const state = emptyState();
  assert.equal(querySysctl(state, ['-n', 'smrouter.idle', 'net.inet.gre.allow'], false), 'adaptive\n1\n');
  assert.equal(querySysctl(state, ['-an'], false).split('\n')[0], 'adaptive');
});

test('words with = set, others ask', () => {
  assert.equal(isSysctlQuery(['-a']), true);
  assert.equal(isSysctlQuery(['smrouter.idle']), true);
  assert.equal(isSysctlQuery(['-w', 'smrouter.idle=sleep']), false);
  assert.throws(() => readConfig('f', 'sysctl smrouter.idle'), /f:1: .*not a setting/);
});

test('proxy ARP and proxy ND are switches of one interface, which come back from show running', () => {
  const [arp, nd] = ['net.ipv4.conf.tap0.proxy_arp', 'net.ipv6.conf.tap0.proxy_ndp'];
  const state = readConfig('f', `ifconfig tap0 create\nsysctl -w ${arp}=1\n`);
  assert.equal(querySysctl(state, [arp, nd], false), `${arp}=1\n${nd}=0\n`);
  sysctl({ state, actions: [] }, [`${nd}=1`]);
  const lines = runningLines(state);
  assert.deepEqual(lines.slice(-2), [`sysctl ${arp}=1`, `sysctl ${nd}=1`]);
  assert.deepEqual(readConfig('f', lines.join('\n')), state);
  sysctl({ state, actions: [] }, [`${arp}=0`, `${nd}=0`]);
  assert.deepEqual(runningLines(state), ['ifconfig tap0 create']);
  assert.throws(() => sysctl({ state, actions: [] }, [`${arp}=2`]), { code: 'EINVAL' });
  assert.throws(() => sysctl({ state, actions: [] }, ['net.ipv4.conf.tap9.proxy_arp=1']), { code: 'ENXIO' });
});
