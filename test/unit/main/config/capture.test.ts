/**
 * The words of `capture IF file PATH …`, and back (main/config/capture.ts, main/cli/capture.ts).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capture } from '../../../../src/main/cli/capture.js';
import { ifconfig } from '../../../../src/main/cli/ifconfig.js';
import type { Draft } from '../../../../src/main/cli/words.js';
import { splitWords } from '../../../../src/main/config/lines.js';
import { plan } from '../../../../src/main/config/plan.js';
import { runningLines } from '../../../../src/main/config/running.js';
import { cloneState, emptyState, type State } from '../../../../src/main/config/state.js';

/** A state made by lines, on top of two TAPs and a pair of rports. */
function stateOf(...lines: string[]): State {
  const draft: Draft = { state: emptyState(), actions: [] };
  for (const name of ['tap0', 'tap1', 'rport0']) ifconfig(draft, [name, 'create']);
  for (const line of lines) {
    const [word, ...args] = splitWords(line);
    (word === 'ifconfig' ? ifconfig : capture)(draft, args);
  }
  return draft.state;
}
const printed = (...lines: string[]): string[] =>
  runningLines(stateOf(...lines)).filter((l) => l.startsWith('capture'));

test('every word comes back from show running, defaults do not', () => {
  const all =
    'capture tap0 file "/var/log/a b.pcap" snaplen 96 direction in type EN10MB format pcapng rotate size 1048576 ' +
    'rotate time 3600 keep 3 fsync always filter "ip and udp port 53"';
  assert.deepEqual(printed(all), [all]);
  assert.deepEqual(printed('capture tap0 file /a'), ['capture tap0 file /a']);
  assert.deepEqual(printed('capture tap0 file /a rotate size 2G keep 8 fsync rotate format pcap snaplen 262144'), [
    'capture tap0 file /a rotate size 2147483648',
  ]);
  assert.deepEqual(printed('capture rport0 file /a type LOOP filter tcp or  icmp'), [
    'capture rport0 file /a type LOOP filter "tcp or icmp"',
  ]);
  assert.deepEqual(printed('capture tap0 file /a filter "len > 4 \\"x\\""'), [
    'capture tap0 file /a filter "len > 4 \\"x\\""',
  ]);
});

test('the same path again replaces the capture, -file ends it', () => {
  assert.deepEqual(printed('capture tap0 file /a', 'capture tap0 file /b', 'capture tap0 file /a snaplen 60'), [
    'capture tap0 file /a snaplen 60',
    'capture tap0 file /b',
  ]);
  assert.deepEqual(printed('capture tap0 file /a', 'capture tap0 -file /a'), []);
  assert.deepEqual(printed('capture tap0 file /a//b/../c', 'capture tap0 file /a/./c keep 2'), [
    'capture tap0 file /a/c keep 2',
  ]);
});

test('what cannot be is refused, with the words', () => {
  for (const [line, code, message] of [
    ['capture tap9 file /a', 'ENXIO', /tap9: no such interface/],
    ['capture tap0', 'EINVAL', /file PATH or -file PATH missing/],
    ['capture tap0 file', 'EINVAL', /path missing/],
    ['capture tap0 file a.pcap', 'EINVAL', /a\.pcap: a capture file needs a path from \/ on/],
    ['capture tap0 into /a', 'EINVAL', /into: capture IF takes/],
    ['capture tap0 file /a snaplen 0', 'EINVAL', /snaplen 0 is not between 1 and 262144/],
    ['capture tap0 file /a snaplen', 'EINVAL', /snaplen: a value is missing/],
    ['capture tap0 file /a rotate size 4095', 'EINVAL', /rotate size 4095/],
    ['capture tap0 file /a rotate size 1T', 'EINVAL', /rotate size 1T/],
    ['capture tap0 file /a rotate often 1', 'EINVAL', /rotate often is none of size, time/],
    ['capture tap0 file /a rotate time 1K', 'EINVAL', /rotate time 1K/],
    ['capture tap0 file /a keep 0', 'EINVAL', /keep 0/],
    ['capture tap0 file /a fsync sometimes', 'EINVAL', /fsync sometimes is none of never, rotate, always/],
    ['capture tap0 file /a filter', 'EINVAL', /filter: an expression is missing/],
    ['capture tap0 file /a type LOOP', 'EINVAL', /tap0: link type LOOP is not EN10MB/],
    ['capture rport0 file /a type EN10MB', 'EINVAL', /rport0: link type EN10MB is not LOOP/],
    ['capture tap0 file /a now', 'EINVAL', /unexpected word now/],
    ['capture tap0 -file /a', 'ENOENT', /no capture to \/a/],
  ] as const) {
    assert.throws(() => stateOf(line), { code, message }, line);
  }
  assert.throws(() => stateOf('capture tap0 file /a', 'capture tap1 file /a'), {
    code: 'EBUSY',
    message: /tap0 is captured/,
  });
  assert.throws(() => stateOf('capture tap0 file /a', 'capture tap1 -file /a'), { code: 'ENOENT' });
});

test('the plan: what did not change has no step; a capture goes before its interface and comes after it', () => {
  const old = stateOf('capture tap0 file /a', 'capture tap1 file /b filter ip');
  const steps = (next: State): string[] =>
    plan(old, next).flatMap((step) => {
      if (step.op === 'capture') return [`${step.before?.path ?? '-'} > ${step.after?.path ?? '-'}`];
      return step.op === 'create' || step.op === 'destroy' ? [`${step.op} ${step.spec.name}`] : [];
    });
  assert.deepEqual(steps(cloneState(old)), []);
  assert.deepEqual(
    steps(stateOf('capture tap1 file /b filter ip', 'capture tap0 file /a', 'ifconfig tap0 mtu 1400')),
    [],
  );
  assert.deepEqual(steps(stateOf('capture tap0 file /a', 'capture tap1 file /b filter ip6')), ['/b > -', '- > /b']);
  assert.deepEqual(steps(stateOf('capture tap0 file /a', 'capture tap1 file /b filter ip', 'ifconfig tap0 destroy')), [
    ...['/a > -', 'destroy tap0'],
  ]);
  assert.deepEqual(
    steps(
      stateOf('capture tap0 file /a', 'capture tap1 file /b filter ip', 'ifconfig tap2 create', 'capture tap2 file /c'),
    ),
    [...['create tap2', '- > /c']],
  );
});
