/**
 * Bridge rules as text (main/config/rule.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { splitWords } from '../../../../src/main/config/lines.js';
import {
  compileRule,
  formatRule,
  parseRule,
  parseRuleFile,
  type RuleSpec,
  TAG_MAX,
} from '../../../../src/main/config/rule.js';
import { ControlError } from '../../../../src/main/errors.js';
import { RuleAction } from '../../../../src/shared/table/rule-list.js';

const ANY: RuleSpec = {
  action: 'pass',
  dir: 'in/out',
  src: '',
  dst: '',
  tag: '',
  arp: '',
  op: '',
  sha: '',
  tha: '',
  spa: '',
  tpa: '',
};
const PORT15 = 'tap012345678901';
const TAG63 = 't'.repeat(63);

/** Asserts that `run` fails with EINVAL and this message. */
function refused(run: () => unknown, message: string): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof ControlError);
    assert.equal(error.code, 'EINVAL');
    assert.equal(error.message, message);
    return true;
  });
}

for (const [line, rule] of [
  ['pass on tap0', {}],
  ['A64 block on tap0', { action: 'block' }],
  ['A64 block in/out on tap0', { action: 'block' }],
  ['block in on tap0', { action: 'block', dir: 'in' }],
  ['pass out on tap0', { dir: 'out' }],
  ['A78 match in on tap0 tag blue', { action: 'match', dir: 'in', tag: 'blue' }],
  ['pass on tap0 src 2:0:0:0:0:A', { src: '02:00:00:00:00:0a' }],
  ['pass on tap0 tag src dst 0:0:0:0:0:0', { tag: 'src', dst: '00:00:00:00:00:00' }],
  ['pass on tap0 arp', { arp: 'arp' }],
  ['pass on tap0 rarp reply', { arp: 'rarp', op: 'reply' }],
  ['pass on tap0 arp request dst 2:0:0:0:0:1', { arp: 'arp', op: 'request', dst: '02:00:00:00:00:01' }],
  [
    'pass on tap0 src 2:0:0:0:0:1 arp request sha 2:0:0:0:0:2 tha 2:0:0:0:0:3 spa 10.0.0.1 tpa 10.0.0.2 tag x',
    {
      ...{ src: '02:00:00:00:00:01', tag: 'x', arp: 'arp', op: 'request' },
      ...{ sha: '02:00:00:00:00:02', tha: '02:00:00:00:00:03', spa: '10.0.0.1', tpa: '10.0.0.2' },
    },
  ],
  ['A73 pass on tap0 arp sha 2:0:0:0:0:1 sha 2:0:0:0:0:2', { arp: 'arp', sha: '02:00:00:00:00:02' }],
  ['pass on tap0 arp request spa 1.2.3.4 reply spa 5.6.7.8', { arp: 'arp', op: 'reply', spa: '5.6.7.8' }],
  ['pass on tap0 arp request tag x arp reply', { arp: 'arp', op: 'reply', tag: 'x' }],
  ['A74 pass on tap0 arp spa 255.255.255.255 tpa 0.0.0.0', { arp: 'arp', spa: '255.255.255.255', tpa: '0.0.0.0' }],
  [`A75 pass on tap0 tag ${TAG63}`, { tag: TAG63 }],
] as const) {
  test(line, () => {
    const words = line.replace(/^A\d+ /, '').split(' ');
    assert.deepEqual(parseRule(words), { port: 'tap0', rule: { ...ANY, ...rule } });
  });
}

for (const line of [
  'allow on tap0',
  'block',
  'block on',
  'block tap0',
  'block in out on tap0',
  'block both on tap0',
  'block on tap0 in',
  'block on tap0 src',
  'block on tap0 tag',
  'block on tap0 arp spa',
  'block on tap0 arp sha',
  'A73 block on tap0 src 2:0:0:0:0:1 src 2:0:0:0:0:1',
  'block on tap0 dst 2:0:0:0:0:1 tag x dst 2:0:0:0:0:2',
  'block on tap0 tag x tag x',
  'A73 block on tap0 sha 2:0:0:0:0:1',
  'A73 block on tap0 arp request src 2:0:0:0:0:1 sha 2:0:0:0:0:1',
  'block on tap0 request',
  'block on tap0 arp request rarp',
  'block on tap0 rarp arp',
  'block on tap0 arp sha 2:0:0:0:0',
  'block on tap0 arp spa 10.1',
  'block on tap0 arp spa 0x0a.0.0.1',
  'block on tap0 arp spa 010.0.0.1',
  'block on tap0 arp spa 10.0.0.1.2',
  'block on tap0 log',
  'Block on tap0',
  `A75 block on ${PORT15}6`,
  `A75 block on tap0 tag ${TAG63}t`,
  'block on tap0 tag #x',
  'block on tap0 tag x"y',
  "block on tap0 tag x'y",
  'block on tap0 tag x\\y',
  'block on tap0 tag \u0007',
  'block on tap0 constructor',
  'constructor on tap0',
]) {
  test(`${JSON.stringify(line)} is refused with its words`, () => {
    const text = line.replace(/^A\d+ /, '');
    refused(() => parseRule(text.split(' ')), `invalid rule: ${text} `);
  });
}

test('words that are blank, and no words', () => {
  refused(() => parseRule(['block', 'on', '']), 'invalid rule: block on  ');
  refused(() => parseRule(['block', 'on', 'tap0', 'tag', 'a b']), 'invalid rule: block on tap0 tag a b ');
  refused(() => parseRule([]), 'invalid rule');
});

test('lengths are in bytes', () => {
  assert.equal(parseRule(['pass', 'on', PORT15]).port, PORT15);
  assert.equal(parseRule(['pass', 'on', 'tap0', 'tag', 'é'.repeat(31)]).rule.tag, 'é'.repeat(31));
  const tag = 'é'.repeat(32);
  refused(() => parseRule(['pass', 'on', 'tap0', 'tag', tag]), `invalid rule: pass on tap0 tag ${tag} `);
});

test('what is no address after src or dst is named alone', () => {
  refused(() => parseRule(['block', 'on', 'tap0', 'src', 'any']), 'invalid address: any');
  refused(() => parseRule(['block', 'on', 'tap0', 'dst', '2:0:0:0:0:0:1', 'log']), 'invalid address: 2:0:0:0:0:0:1');
});

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((b) => {
  return Buffer.from(b).toString('hex').match(/../g)?.join(':') as string;
});
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((b) => b.join('.'));
const orAny = (value: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof(fc.constant(''), value);
const word = fc
  .string({ unit: 'binary', minLength: 1, maxLength: TAG_MAX })
  .filter((s) => !/^#|[\s\p{C}"'\\]/u.test(s) && Buffer.byteLength(s) <= TAG_MAX);
const header = {
  action: fc.constantFrom('block', 'pass', 'match'),
  dir: fc.constantFrom('in', 'out', 'in/out'),
  ...{ src: orAny(mac), dst: orAny(mac) },
  tag: orAny(fc.oneof(word, fc.constantFrom('arp', 'tag', 'on', 'src', 'request'))),
};
const arpPart = {
  arp: fc.constantFrom('arp', 'rarp'),
  op: fc.constantFrom('', 'request', 'reply'),
  ...{ sha: orAny(mac), tha: orAny(mac), spa: orAny(ipv4), tpa: orAny(ipv4) },
};
const anyRule = fc.oneof(
  fc.record(header).map((rule) => ({ ...ANY, ...rule }) as RuleSpec),
  fc.record({ ...header, ...arpPart }).map((rule) => ({ ...rule }) as RuleSpec),
);
const anyPort = fc.oneof(fc.constantFrom('tap0', 'mem12', 'in', 'on', 'arp', PORT15));

test('A75 a printed rule reads back as the same, from a line, a configuration and a file', () => {
  fc.assert(
    fc.property(anyPort, anyRule, (port, rule) => {
      const line = formatRule(port, rule);
      assert.deepEqual(parseRule(line.split(' ')), { port, rule });
      assert.deepEqual(parseRule(splitWords(line)), { port, rule });
      assert.deepEqual(parseRuleFile('f', `\n${line}\n`), [{ port, rule }]);
    }),
    { seed: 20261121, numRuns: 2000 },
  );
});

test('A64 A75 a printed rule has its parts in one order, and always a direction', () => {
  const all =
    'block on tap0 tag x rarp tpa 10.0.0.2 spa 10.0.0.1 tha 2:0:0:0:0:4 reply sha 2:0:0:0:0:3 dst 2:0:0:0:0:2 src 2:0:0:0:0:1';
  const { port, rule } = parseRule(all.split(' '));
  assert.equal(
    formatRule(port, rule),
    'block in/out on tap0 src 02:00:00:00:00:01 dst 02:00:00:00:00:02 tag x rarp reply sha 02:00:00:00:00:03 tha 02:00:00:00:00:04 spa 10.0.0.1 tpa 10.0.0.2',
  );
  assert.equal(formatRule('tap0', ANY), 'pass in/out on tap0');
});

test('A76 a rule file is a rule a line, in order; comments and empty lines are none', () => {
  const text = '# block on tap9\n\nblock in on tap0\r\n\r\n#\n \tpass\ton  tap1  tag x#y\t\nmatch on tap0 tag z';
  assert.deepEqual(
    parseRuleFile('f', text).map(({ port, rule }) => formatRule(port, rule)),
    ['block in on tap0', 'pass in/out on tap1 tag x#y', 'match in/out on tap0 tag z'],
  );
  assert.deepEqual(parseRuleFile('f', ''), []);
  assert.deepEqual(parseRuleFile('f', '#only this'), []);
});

test('A76 every bad line of a file is named, and none of it is read', () => {
  const text = [
    'block on tap0',
    'block tap0',
    ' # late',
    'pass on tap0 src any',
    '  ',
    'pass on tap0',
    '"pass" on tap0',
  ];
  refused(
    () => parseRuleFile('f', text.join('\n')),
    [
      'invalid rule: 2: block tap0 ',
      'invalid rule: 3: # late ',
      'invalid rule: 4: pass on tap0 src any ',
      'invalid rule: 5: ',
      'invalid rule: 7: "pass" on tap0 ',
    ].join('\n'),
  );
});

test('A76 a line has at most 1023 bytes and 32 words', () => {
  const rule = 'block on tap0 arp';
  const words = (count: number): string => `${rule}${' request'.repeat(count - 4)}`;
  assert.equal(parseRuleFile('f', words(32)).length, 1);
  refused(() => parseRuleFile('a.rules', `${rule}\n${words(33)}\n`), 'a.rules:2: more than 32 words');
  assert.equal(parseRuleFile('f', `${rule.padEnd(1023)}\n`).length, 1);
  refused(() => parseRuleFile('a.rules', `${rule.padEnd(1024)}\n`), 'a.rules:1: longer than 1023 bytes');
  refused(() => parseRuleFile('a.rules', `${rule} ${'é'.repeat(510)}`), 'a.rules:1: longer than 1023 bytes');
  assert.deepEqual(parseRuleFile('f', `#${'x'.repeat(2000)}`), [], 'but for comments');
});

test('a rule in numbers', () => {
  const none = { src: undefined, dst: undefined, sha: undefined, tha: undefined, spa: undefined, tpa: undefined };
  assert.deepEqual(compileRule(ANY, 0), { action: RuleAction.PASS, tag: 0, arp: '', op: 0, ...none });
  const { rule } = parseRule('match on p src 1:2:3:4:5:6 tag x rarp reply spa 10.0.0.1 tpa 0.0.0.0'.split(' '));
  assert.deepEqual(compileRule(rule, 7), {
    ...{ action: RuleAction.MATCH, tag: 7, arp: 'rarp', op: 4 },
    ...{ ...none, src: { hi: 0x0201, lo: 0x06050403 }, spa: 0x0100000a, tpa: 0 },
  });
  for (const [text, op] of [
    ['arp', 0],
    ['arp request', 1],
    ['arp reply', 2],
    ['rarp', 0],
    ['rarp request', 3],
  ] as const) {
    assert.equal(compileRule(parseRule(`block on p ${text}`.split(' ')).rule, 0).op, op, text);
  }
});
