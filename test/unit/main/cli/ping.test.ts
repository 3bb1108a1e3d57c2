/** `ping` from the router itself: what it prints (main/cli/ping.ts). */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { Commands, NETWORK } from '../../support/commands.js';

const commands = await Commands.after(...NETWORK);
after(() => commands.router.stop());

const MS = String.raw`\d+\.\d{3}`;

function golden(to: string, line: string): RegExp {
  const spread = `round-trip min/avg/max/std-dev = ${MS}/${MS}/${MS}/${MS} ms`;
  const loss = '1 packets transmitted, 1 packets received, 0.0% packet loss';
  return new RegExp(
    `^PING ${to} \\(${to}\\): 56 data bytes\n64 bytes from ${to}: icmp_seq=0 ${line} time=${MS} ms\n\n--- ${to} ping statistics ---\n${loss}\n${spread}\n$`,
  );
}

test('an answer, of either family', async () => {
  assert.match(await commands.run('ping -c 1 127.0.0.1'), golden('127.0.0.1', 'ttl=64'));
  assert.match(await commands.run('ping -n -c 1 -I 2001:db8::1 ::1'), golden('::1', 'hlim=64'));
  assert.match(await commands.run('ping -nV0 -c1 -I10.0.0.1 127.0.0.1'), golden('127.0.0.1', 'ttl=64'));
});

test('no answer', async () => {
  assert.equal(
    await commands.run('ping -c 1 10.0.0.9'),
    `PING 10.0.0.9 (10.0.0.9): 56 data bytes

--- 10.0.0.9 ping statistics ---
1 packets transmitted, 0 packets received, 100.0% packet loss
`,
  );
});

test('--json gives the events', async () => {
  const { sent, received, source, events } = (await commands.json('ping -V 1 -c 1 127.0.0.1')) as Record<
    string,
    unknown
  >;
  assert.deepEqual([sent, received, source], [1, 1, '127.0.0.1']);
  const [event] = events as [Record<string, unknown>];
  assert.deepEqual([event.kind, event.from, event.sequence, event.bytes], ['reply', '127.0.0.1', 0, 64]);
});

const ERRORS: readonly (readonly [string, string])[] = [
  ['ENETUNREACH', 'ping -V 1 -c 1 10.0.0.9'],
  ['ENETUNREACH', 'ping -V 9 -c 1 10.0.0.9'],
  ['ENETUNREACH', 'ping -V 9 -c 1 2001:db8::9'],
  ['EINVAL', 'ping'],
  ['EINVAL', 'ping nowhere'],
  ['EINVAL', 'ping -c 0 127.0.0.1'],
  ['EINVAL', 'ping -c 61 127.0.0.1'],
  ['EINVAL', 'ping -I ::1 127.0.0.1'],
  ['EINVAL', 'ping -V 255 127.0.0.1'],
  ['EINVAL', 'ping -x 127.0.0.1'],
  ['EINVAL', 'ping 127.0.0.1 127.0.0.2'],
  ['EADDRNOTAVAIL', 'ping -c 1 -I 10.0.0.9 127.0.0.1'],
  ['EADDRNOTAVAIL', 'ping -c 1 -V 1 -I 10.0.0.1 127.0.0.1'],
];

for (const [code, words] of ERRORS) {
  test(`${words} is ${code}`, () => assert.rejects(commands.run(words), { code }));
}
