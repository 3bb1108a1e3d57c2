/**
 * What ifconfig refuses, with the error of spec A §1.10, §1.15 (main/cli/ifconfig.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ifconfig } from '../../../../src/main/cli/ifconfig.js';
import type { Draft } from '../../../../src/main/cli/words.js';
import { cloneState } from '../../../../src/main/config/state.js';
import { ControlError, type ErrorCode } from '../../../../src/main/errors.js';
import { stateOf } from '../../support/random-state.js';

/** tap0 and tap1 are ports of veb0, mem0 of veb1; tap2 is free; veb0 has one static address, on tap0. */
const STATE = stateOf(
  'tap0 create',
  'tap1 create',
  'tap2 create',
  'mem0 create',
  'eth0 attach packet',
  'veb0 create',
  'veb1 create',
  'veb0 add tap0 add tap1 static tap0 02:00:00:00:00:01',
  'veb1 add mem0',
);

const REFUSALS: readonly (readonly [string, ErrorCode, string])[] = [
  ['A47', 'EINVAL', 'veb0 add tap9'],
  ['A47', 'EPROTONOSUPPORT', 'veb0 add veb1'],
  ['A47', 'EPROTONOSUPPORT', 'veb0 add veb0'],
  ['A47', 'EBUSY', 'veb0 add tap0'],
  ['A47', 'EBUSY', 'veb0 add mem0'],
  ['A47', 'EINVAL', 'veb0 add'],
  ['A75', 'EINVAL', 'veb0 add tap1234567890123'],
  ['A48', 'EINVAL', 'veb0 del tap2'],
  ['A48', 'EINVAL', 'veb0 del mem0'],
  ['A48', 'EINVAL', 'veb0 del tap9'],
  ['A58', 'ESRCH', 'veb0 learn tap2'],
  ['A58', 'ESRCH', 'veb0 -learn mem0'],
  ['A58', 'ESRCH', 'veb0 discover tap9'],
  ['A58', 'ESRCH', 'veb0 -discover veb0'],
  ['A84', 'EINVAL', 'veb0 maxaddr 0'],
  ['A84', 'EINVAL', 'veb0 maxaddr 1048577'],
  ['A84', 'EINVAL', 'veb0 maxaddr -1'],
  ['A84', 'EINVAL', 'veb0 maxaddr 1e3'],
  ['A84', 'EINVAL', 'veb0 maxaddr 0x10'],
  ['A84', 'EINVAL', 'veb0 maxaddr 10.5'],
  ['A84', 'EINVAL', 'veb0 maxaddr '],
  ['A84', 'EINVAL', 'veb0 maxaddr'],
  ['A84', 'EINVAL', 'veb0 timeout 7'],
  ['A84', 'EINVAL', 'veb0 timeout 3601'],
  ['A90', 'EADDRNOTAVAIL', 'veb0 static tap0 01:00:5e:00:00:01'],
  ['A90', 'EADDRNOTAVAIL', 'veb0 static tap0 ff:ff:ff:ff:ff:ff'],
  ['A90', 'EADDRNOTAVAIL', 'veb0 static tap0 0:0:0:0:0:0'],
  ['A90', 'EADDRINUSE', 'veb0 static tap1 02:00:00:00:00:01'],
  ['A90', 'ESRCH', 'veb0 static tap2 02:00:00:00:00:02'],
  ['A90', 'ESRCH', 'veb0 static tap2 01:00:5e:00:00:01'],
  ['A90', 'EINVAL', 'veb0 static tap0 02:00:00:00:00'],
  ['A90', 'EINVAL', 'veb0 static tap0'],
  ['A91', 'ENOSPC', 'veb0 maxaddr 1 static tap0 02:00:00:00:00:02'],
  ['deladdr', 'EINVAL', 'veb0 deladdr tap0'],
  ['attach', 'EBUSY', 'eth0 attach xdp'],
  ['attach', 'EEXIST', 'tap0 attach packet'],
  ['attach', 'EINVAL', 'eth1 attach'],
  ['attach', 'EINVAL', 'eth1 attach tap'],
  ['attach', 'EINVAL', 'a:b attach packet'],
  ['attach', 'EINVAL', 'eth0 destroy'],
  ['detach', 'ENOTTY', 'tap0 detach'],
  ['detach', 'ENXIO', 'eth1 detach'],
  ['xdp', 'ENOTTY', 'eth2 attach xdp -tso'],
  ['create', 'EEXIST', 'tap0 create'],
  ['create', 'EINVAL', 'tap create'],
  ['create', 'EINVAL', 'eth0 create'],
  ['create', 'EINVAL', 'tap0x create'],
  ['create', 'EINVAL', 'tap1234567890123 create'],
  ['create', 'EINVAL', 'tap2 up create'],
  ['destroy', 'EINVAL', 'tap0 destroy up'],
  ['the name', 'ENXIO', 'tap9 up'],
  ['the name', 'EINVAL', ''],
  ['a word', 'EINVAL', 'tap0 sideways'],
  ['a word', 'EINVAL', 'tap0 constructor'],
  ['a word', 'EINVAL', 'tap0 __proto__'],
  ['mtu', 'EINVAL', 'tap0 mtu 67'],
  ['mtu', 'EINVAL', 'tap0 mtu 65536'],
  ['mtu', 'ENOTTY', 'veb0 mtu 1500'],
  ['lladdr', 'ENOTTY', 'veb0 lladdr 02:00:00:00:00:01'],
  ['lladdr', 'EINVAL', 'tap0 lladdr 01:00:00:00:00:01'],
  ['lladdr', 'EINVAL', 'tap0 lladdr 0:0:0:0:0:0'],
  ['netns', 'ENOTTY', 'mem0 netns a'],
  ['netns', 'EINVAL', 'tap0 netns a/b'],
  ...[
    'add tap2',
    'del tap1',
    'learn tap0',
    'discover tap0',
    'maxaddr 5',
    'timeout 9',
    'static tap0 2:0:0:0:0:1',
    'deladdr 2:0:0:0:0:1',
    'flush',
    'flushall',
  ].map((words) => ['a bridge word on a TAP', 'ENOTTY', `tap2 ${words}`] as const),
];

for (const [row, code, line] of REFUSALS) {
  test(`${row} "${line}" is ${code} and changes nothing`, () => {
    const before = cloneState(STATE);
    const draft: Draft = { state: cloneState(STATE), actions: [] };
    assert.throws(
      () => ifconfig(draft, line === '' ? [] : line.split(' ')),
      (error) => error instanceof ControlError && error.code === code,
    );
    assert.deepEqual(STATE, before, 'the state that the draft was made of');
  });
}
