/**
 * What smrouter-extcap understands, answers and runs (main/extcap): the protocol of extcap(4).
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { extcapCall } from '../../../../src/main/extcap/arguments.js';
import { captureCommand, shellWord } from '../../../../src/main/extcap/command.js';
import { configSentences, dltSentences, interfaceSentences } from '../../../../src/main/extcap/sentences.js';

const call = (...args: string[]) => {
  const found = extcapCall(args);
  assert.ok(found !== undefined);
  return found;
};

test('what is asked for', () => {
  assert.equal(extcapCall([]), undefined);
  assert.equal(extcapCall(['--version']), undefined);
  assert.equal(call('--extcap-interfaces', '--extcap-version=4.0').action, 'interfaces');
  for (const action of ['dlts', 'config'] as const) {
    const asked = call(`--extcap-${action}`, '--extcap-interface', 'smrouter:tap0');
    assert.deepEqual([asked.action, asked.interface], [action, 'smrouter:tap0']);
  }
  const words = ['--capture', '--extcap-interface=smrouter:tap0', '--fifo', '/tmp/f', '--snaplen', '64'];
  const asked = call(...words, '--extcap-capture-filter', 'ip and udp', '--direction=in');
  assert.deepEqual(asked, {
    action: 'capture',
    interface: 'smrouter:tap0',
    fifo: '/tmp/f',
    filter: 'ip and udp',
    settings: { snaplen: '64', direction: 'in' },
  });
  assert.equal(call('--extcap-interface', 'smrouter:tap0', '--extcap-capture-filter', 'ip').action, 'check');
});

test('interfaces, link types and settings as sentences', () => {
  const text = interfaceSentences('0.1', [{ name: 'tap0', type: 'tap' }]);
  assert.match(text, /^extcap \{version=0\.1\}\{help=[^}]+\}\n/);
  assert.match(text, /^interface \{value=smrouter:tap0\}\{display=smrouter tap tap0\}$/m);
  assert.match(text, /^interface \{value=smrouter:ssh\}/m);
  assert.equal(dltSentences('tap'), 'dlt {number=1}{name=EN10MB}{display=Ethernet}\n');
  assert.match(dltSentences('rport'), /^dlt \{number=108\}\{name=LOOP\}\{display=[^}]+\}\n$/);
  assert.equal(dltSentences(undefined).split('\n').length, 4);
  const local = configSentences('tap');
  assert.match(local, /^arg \{number=0\}\{call=--type\}\{display=Link type\}\{type=selector\}\n/);
  assert.match(local, /^value \{arg=1\}\{value=in\}\{display=In\}\{default=false\}$/m);
  assert.doesNotMatch(local, /remote/);
  const remote = configSentences(undefined);
  const numbers = [...remote.matchAll(/^arg \{number=(\d+)\}/gm)].map((m) => Number(m[1]));
  assert.deepEqual(
    numbers,
    numbers.map((_, n) => n),
  );
  assert.match(remote, /\{call=--remote-host\}/);
});

const SMRCTL = ['node', 'smrctl'] as const;

test('a capture here is smrctl tcpdump', () => {
  const words = ['--capture', '--extcap-interface', 'smrouter:tap0', '--fifo', 'f'];
  assert.deepEqual(captureCommand(call(...words), SMRCTL), ['node', 'smrctl', 'tcpdump', '-i', 'tap0', '-w', '-']);
  const all = ['--type', 'LOOP', '--direction', 'out', '--snaplen', '96', '--socket', '/s'];
  assert.deepEqual(captureCommand(call(...words, ...all, '--extcap-capture-filter', '-x y'), SMRCTL), [
    ...['node', 'smrctl', '-s', '/s', 'tcpdump', '-i', 'tap0', '-w', '-'],
    ...['-y', 'LOOP', '-D', 'out', '-s', '96', '--', '-x y'],
  ]);
  assert.throws(() => captureCommand(call('--capture', '--extcap-interface', 'eth0'), SMRCTL), /not an interface/);
});

test('on another machine it is the same over ssh, each word as it is', () => {
  const words = ['--capture', '--extcap-interface', 'smrouter:ssh', '--remote-interface', "tap0'; rm -rf x"];
  assert.throws(() => captureCommand(call(...words), SMRCTL), /--remote-host/);
  assert.throws(() => captureCommand(call(...words, '--remote-host', '-oProxyCommand=x'), SMRCTL), /--remote-host/);
  assert.throws(
    () => captureCommand(call('--capture', '--extcap-interface', 'smrouter:ssh', '--remote-host', 'r'), SMRCTL),
    /--remote-interface/,
  );
  const settings = ['--remote-host', 'r', '--remote-port', '22', '--remote-username', 'u', '--remote-identity', '/k'];
  const filter = ['--extcap-capture-filter', 'host $HOME or `id` "x"'];
  const command = captureCommand(call(...words, ...settings, '--remote-smrctl', 'sudo smrctl', ...filter), SMRCTL);
  assert.deepEqual(command.slice(0, -1), [
    ...['ssh', '-T', '-o', 'BatchMode=yes', '-p', '22', '-l', 'u', '-i', '/k', 'r', '--'],
  ]);
  // A shell takes it apart again.
  const program = command.at(-1) as string;
  assert.match(program, /^sudo smrctl tcpdump /);
  const shown = execFileSync('sh', ['-c', program.replace('sudo smrctl', "printf '%s\\n'")], { encoding: 'utf8' });
  assert.deepEqual(shown.trimEnd().split('\n'), [
    ...['tcpdump', '-i', "tap0'; rm -rf x", '-w', '-', '--', 'host $HOME or `id` "x"'],
  ]);
  assert.equal(shellWord(''), "''");
});
