/** Random configuration texts: read, or refused with a line that is there; what was read can be printed and read again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readConfig } from '../../src/main/cli/command.js';
import { ifconfigWords } from '../../src/main/cli/ifconfig.js';
import { ConfigError } from '../../src/main/config/lines.js';
import { runningLines } from '../../src/main/config/running.js';
import { BOX_MS, didOperations, SEED } from '../support/stress.js';

const OPTIONS = { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: BOX_MS / 3 };
const NAMES = ['veb0', 'veb1', 'mem0', 'mem1', 'tap0', 'veb', 'mem99999999999', '__proto__', ''];
const VALUES = [
  '02:00:00:00:00:01',
  '1:2:3:4:5:6',
  'ff:ff:ff:ff:ff:ff',
  '0',
  '100',
  '1e3',
  '-1',
  '1048576',
  '9999999999',
];
const JUNK = ['"', "'", '\\', '#', '"a b"', "'x y'", '\t', '\r', '\0', '"\\"', 'é', 'constructor', 'toString', '\\\n'];

const word = fc.oneof(
  fc.constantFrom(...NAMES),
  fc.constantFrom(...ifconfigWords()),
  fc.constantFrom(...VALUES),
  fc.constantFrom(...JUNK),
  fc.string({ maxLength: 6 }),
);
const line = fc.oneof(
  fc
    .tuple(fc.constantFrom(...NAMES), fc.array(word, { maxLength: 5 }))
    .map(([n, w]) => ['ifconfig', n, ...w].join(' ')),
  fc.array(word, { maxLength: 5 }).map((words) => words.join(' ')),
);

test('a random text is read or refused with a ConfigError on one of its lines', (t) => {
  let cases = 0;
  const property = fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
    cases++;
    const text = ['ifconfig mem0 create', ...lines].join('\n');
    try {
      readConfig('F', text);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      assert.ok(error.line >= 1 && error.line <= text.split('\n').length, `line ${error.line}`);
      assert.ok(error.message.startsWith(`F:${error.line}: `));
    }
  });
  fc.assert(property, OPTIONS);
  didOperations(t, cases);
});

const setting = fc.oneof(
  fc.constantFrom('up', 'down', 'link0', '-link1', 'link2', 'lladdr 2:0:0:0:0:7', '-description'),
  fc.integer({ min: 68, max: 65_535 }).map((mtu) => `mtu ${mtu}`),
  fc
    .string({ unit: 'binary', maxLength: 8 })
    .filter((s) => !/\p{Cc}|\n/u.test(s))
    .map((s) => `description "${s.replaceAll(/["\\]/g, (c) => `\\${c}`)}"`),
);
const bridgeSetting = fc.oneof(
  fc.integer({ min: 1, max: 300 }).map((n) => `maxaddr ${n}`),
  fc.integer({ min: 8, max: 3600 }).map((n) => `timeout ${n}`),
  fc.integer({ min: 0, max: 3 }).map((n) => `add mem${n}`),
  fc.integer({ min: 0, max: 3 }).map((n) => `-learn mem${n}`),
  fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 255 }))
    .map(([n, a]) => `static mem${n} 2::`.replace('2::', `2:0:0:0:0:${a.toString(16)}`)),
);

test('what was read and printed is read again as the same', () => {
  const commands = fc.array(
    fc.oneof(
      fc.tuple(fc.integer({ min: 0, max: 3 }), setting).map(([n, s]) => `ifconfig mem${n} ${s}`),
      bridgeSetting.map((s) => `ifconfig veb0 ${s}`),
    ),
    { maxLength: 20 },
  );
  const property = fc.property(commands, (lines) => {
    const text = ['ifconfig veb0 create', ...[0, 1, 2, 3].map((n) => `ifconfig mem${n} create`)];
    // A line that is refused after those before it (no such port, no room) is left out.
    for (const next of lines) {
      try {
        readConfig('F', [...text, next].join('\n'));
        text.push(next);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
      }
    }
    const state = readConfig('F', text.join('\n'));
    const printed = runningLines(state);
    const again = readConfig('F', printed.join('\n'));
    assert.deepEqual([...again.interfaces], [...state.interfaces]);
    assert.deepEqual(runningLines(again), printed);
  });
  fc.assert(property, OPTIONS);
});

test('a backslash at the end of a text loses no word', () => {
  const text = 'ifconfig mem0 create up\\';
  let up: boolean | undefined;
  try {
    up = readConfig('F', text).interfaces.get('mem0')?.up;
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return;
  }
  assert.equal(up, true, 'it is refused, or the word counts');
});
