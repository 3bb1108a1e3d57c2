/** The words of tunnels: what they set, what they refuse and in which order (main/cli/tunnel.ts; spec A §6.2, §6.3). */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { ifconfig } from '../../../../src/main/cli/ifconfig.js';
import type { Draft } from '../../../../src/main/cli/words.js';
import { runningLines } from '../../../../src/main/config/running.js';
import { cloneState, type State } from '../../../../src/main/config/state.js';
import { ControlError, type ErrorCode } from '../../../../src/main/errors.js';
import { Commands } from '../../support/commands.js';
import { stateOf } from '../../support/random-state.js';

/** erspan0 is up, erspan1 has an address, erspan2 nothing. */
const LINES = [
  'mem0 create rdomain 3',
  'veb0 create',
  'erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 up',
  'erspan1 create tunneladdr 192.0.2.1',
  'erspan2 create',
];
const STATE = stateOf(...LINES);

/** The error of a command, or undefined. */
function errorOf(line: string, state = STATE): ErrorCode | undefined {
  const draft: Draft = { state: cloneState(state), actions: [] };
  try {
    ifconfig(draft, line.split(' '));
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ControlError, String(error));
    return error.code;
  }
}

const CASES: readonly (readonly [string, ErrorCode | undefined, string])[] = [
  ['A111', undefined, 'erspan2 tunnel 192.0.2.1 192.0.2.3 vnetid 5 up'],
  ['A111', undefined, 'erspan2 tunneladdr 192.0.2.1 vnetid 5 up'],
  ['A111', undefined, 'erspan1 up'],
  ['A111', 'EDESTADDRREQ', 'erspan2 tunnel 192.0.2.1 192.0.2.2 up'],
  ['A111', 'EDESTADDRREQ', 'erspan2 up'],
  ['A111', 'EDESTADDRREQ', 'erspan2 vnetid 5 up'],
  ['A111', 'EADDRINUSE', 'erspan2 tunnel 192.0.2.1 192.0.2.2 vnetid 5 up'],
  ['A111', undefined, 'erspan2 tunnel 192.0.2.1 192.0.2.2 vnetid 6 up'],
  ['A111', undefined, 'erspan2 tunnel 192.0.2.1 192.0.2.2 vnetid 5 tunneldomain 3 up'],
  ['A111', undefined, 'erspan0 up'],
  ['A122', undefined, 'erspan2 link1 tunnel 192.0.2.1 192.0.2.2 up'],
  ['A122', undefined, 'erspan2 link1 tunnel 192.0.2.1 192.0.2.2 vnetid 5 up'],
  ['A122', 'EBUSY', 'erspan0 link1'],
  ['A122', undefined, 'erspan0 -link1'],
  ['A122', undefined, 'erspan0 link0'],
  ['A112', 'EINVAL', 'erspan2 vnetid -1'],
  ['A112', 'EINVAL', 'erspan2 vnetid 1024'],
  ['A112', undefined, 'erspan2 vnetid 0'],
  ['A112', undefined, 'erspan2 vnetid 1023'],
  ['A112', 'EBUSY', 'erspan0 vnetid 1024'],
  ['A112', 'EBUSY', 'erspan0 vnetid 5'],
  ['A112', 'EBUSY', 'erspan0 -vnetid'],
  ['A112', 'EBUSY', 'erspan0 tunnel 192.0.2.1 192.0.2.2'],
  ['A112', 'EBUSY', 'erspan0 tunnel x y'],
  ['A112', 'EBUSY', 'erspan0 tunneladdr 192.0.2.1'],
  ['A112', 'EBUSY', 'erspan0 -tunnel'],
  ['A112', 'EBUSY', 'erspan0 tunneldomain 3'],
  ['A112', 'EBUSY', 'erspan0 tunneldomain 999'],
  ['A112', 'EINVAL', 'erspan2 tunneldomain 999'],
  ['A112', 'EINVAL', 'erspan2 tunneldomain 4'],
  ['A112', undefined, 'erspan2 tunneldomain 3'],
  ['A112', undefined, 'erspan2 tunneldomain 0'],
  ['A112', 'EINVAL', 'erspan2 tunnelttl 0'],
  ['A112', 'EINVAL', 'erspan2 tunnelttl 256'],
  ['A112', undefined, 'erspan0 tunnelttl 1 tunnelttl 255'],
  ['A112', undefined, 'erspan0 tunneldf -tunneldf'],
  ['A112', undefined, 'erspan0 down vnetid 7 up'],
  ['A121', 'EINVAL', 'erspan0 txprio payload'],
  ['A121', 'EINVAL', 'erspan0 txprio outer'],
  ['A121', 'EINVAL', 'erspan0 txprio 8'],
  ['A121', undefined, 'erspan0 txprio packet txprio 0 txprio 7'],
  ['A121', undefined, 'erspan0 rxprio packet rxprio payload rxprio outer rxprio 0 rxprio 7'],
  ['A121', 'EINVAL', 'erspan0 rxprio inner'],
  ['§6.2', 'EAFNOSUPPORT', 'erspan2 tunnel host 192.0.2.2'],
  ['§6.2', 'EAFNOSUPPORT', 'erspan2 tunneladdr 192.0.2'],
  ['§6.2', 'EINVAL', 'erspan2 tunnel 0.0.0.0 192.0.2.2'],
  ['§6.2', 'EINVAL', 'erspan2 tunneladdr 224.0.0.1'],
  ['§6.2', 'EINVAL', 'erspan2 tunneladdr ::'],
  ['§6.2', 'EINVAL', 'erspan2 tunneladdr ff02::1'],
  ['§6.2', 'EINVAL', 'erspan2 tunneladdr fe80::1'],
  ['§6.2', 'EINVAL', 'erspan2 tunneladdr fe80::1%tap0'],
  ['§6.2', 'EINVAL', 'erspan2 tunnel fe80::1%tap0 fe80::2%tap0'],
  ['§6.2', 'EINVAL', 'erspan2 tunnel 2001:db8::1 fe80::2%tap0'],
  ['§6.2', 'EINVAL', 'erspan2 tunnel 192.0.2.1 2001:db8::2'],
  ['§6.2', 'EINVAL', 'erspan2 tunnel 2001:db8::1 192.0.2.2'],
  ['§6.2', 'EINVAL', 'erspan2 tunnel 192.0.2.1 0.0.0.0'],
  ['§6.2', 'EINVAL', 'erspan2 tunnel 192.0.2.1 239.1.1.1'],
  ['§6.2', 'EINVAL', 'erspan2 tunnel 2001:db8::1 ff02::2'],
  ['§6.2', 'EINVAL', 'erspan2 tunnel 192.0.2.1'],
  ['§6.2', undefined, 'erspan2 tunnel 192.0.2.1 192.0.2.1'],
  ['§6.2', undefined, 'erspan2 tunnel 192.0.2.1 255.255.255.255'],
  ['§6.2', 'ENOTTY', 'mem0 tunnel 192.0.2.1 192.0.2.2'],
  ['§6.2', 'ENOTTY', 'veb0 vnetid 5'],
  ['§6.2', 'ENOTTY', 'erspan0 tso'],
];
for (const [row, code, line] of CASES) {
  test(`${row} ifconfig ${line}: ${code ?? 'success'}`, () => assert.equal(errorOf(line), code));
}

test('A121 a set that fails leaves the addresses as they were', () => {
  const draft: Draft = { state: cloneState(STATE), actions: [] };
  assert.throws(() => ifconfig(draft, ['erspan1', 'tunnel', '2001:db8::1', '192.0.2.2']), ControlError);
  assert.deepEqual(draft.state.interfaces.get('erspan1'), STATE.interfaces.get('erspan1'));
});

test('all of it comes back from show running', () => {
  const state = stateOf(
    ...LINES,
    'erspan1 vnetid 7 tunneldomain 3 tunnelttl 9 tunneldf txprio 6 rxprio outer -monitor link0 up',
    'erspan2 tunnel 2001:db8::1 2001:db8::2 link1 mtu 128 up',
  );
  const lines = runningLines(state);
  assert.deepEqual(
    lines.filter((line) => line.includes('tunnel')),
    [
      'ifconfig erspan0 tunnel 192.0.2.1 192.0.2.2 vnetid 5',
      'ifconfig erspan1 tunneladdr 192.0.2.1 vnetid 7 tunneldomain 3 tunnelttl 9 tunneldf txprio 6 rxprio outer',
      'ifconfig erspan2 tunnel 2001:db8::1 2001:db8::2',
    ],
  );
  const again = stateOf(...lines.map((line) => line.replace('ifconfig ', '')));
  assert.deepEqual(plain(again), plain(state));
});

/** A state's interfaces. */
function plain(state: State): unknown {
  return [...state.interfaces.values()];
}

let commands: Commands;
before(async () => {
  commands = await Commands.after(
    'ifconfig erspan0 create',
    'ifconfig erspan1 create tunnel 192.0.2.1 192.0.2.2 vnetid 11 up',
  );
});
after(() => commands.router.stop());

test('the display is that of ifconfig(8)', async () => {
  const text = async (line: string): Promise<string> =>
    (await commands.run(line)).replace(/fe:e1:ba:d[0-9a-f:]+/, 'MAC').replace(/index \d+/, 'index N');
  assert.equal(
    await text('ifconfig erspan0'),
    `erspan0: flags=1008802<BROADCAST,SIMPLEX,MULTICAST,MONITOR> mtu 1500
	lladdr MAC
	index N llprio 3
	encap: vnetid none txprio packet rxprio payload
	groups: erspan
	tunnel: (unset)
`,
  );
  assert.equal(
    await text('ifconfig erspan1'),
    `erspan1: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,MONITOR> mtu 1500
	lladdr MAC
	index N llprio 3
	encap: vnetid 11 txprio packet rxprio payload
	groups: erspan
	tunnel: inet 192.0.2.1 --> 192.0.2.2 ttl 64 nodf
`,
  );
  await commands.run('ifconfig erspan0 tunneladdr 2001:db8::1 tunneldf tunnelttl 7 txprio 5 rxprio outer');
  const shown = await text('ifconfig erspan0');
  assert.ok(shown.includes('\tencap: vnetid none txprio 5 rxprio outer\n'), shown);
  assert.ok(shown.includes('\ttunnel: inet6 2001:db8::1 ttl 7 df\n'), shown);
});
