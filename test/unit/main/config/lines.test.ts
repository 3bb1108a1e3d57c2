/**
 * Configuration text to words and back (main/config/lines.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ConfigError, quoteWord, splitConfig, splitWords } from '../../../../src/main/config/lines.js';
import { ControlError } from '../../../../src/main/errors.js';

for (const [line, words] of [
  ['', []],
  ['   \t ', []],
  ['ifconfig tap0 up', ['ifconfig', 'tap0', 'up']],
  ['  ifconfig\ttap0   up  ', ['ifconfig', 'tap0', 'up']],
  ['ifconfig tap0 up\r', ['ifconfig', 'tap0', 'up']],
  ['# all comment', []],
  ['ifconfig tap0 up # and a comment', ['ifconfig', 'tap0', 'up']],
  ['ifconfig tap0#1', ['ifconfig', 'tap0#1']],
  ['a "#" \'#b\' \\#c', ['a', '#', '#b', '#c']],
  ['description "to the lab"', ['description', 'to the lab']],
  ["description 'to the lab'", ['description', 'to the lab']],
  ['a"b c"d', ['ab cd']],
  ['"" \'\'', ['', '']],
  ['"say \\"hi\\" \\\\"', ['say "hi" \\']],
  ["'a\\b' '\"'", ['a\\b', '"']],
  ['"it\'s"', ["it's"]],
  ['a\\ b', ['a b']],
  ['a\\\\b', ['a\\b']],
  ['a\\"b', ['a"b']],
] as const) {
  test(`${JSON.stringify(line)} is ${JSON.stringify(words)}`, () => assert.deepEqual(splitWords(line), words));
}

for (const line of ['a "b', "a 'b", '"a\\"', '\'a"', '"']) {
  test(`${line} has an open quote`, () => {
    assert.throws(
      () => splitWords(line),
      (error) => error instanceof ControlError && error.code === 'EINVAL',
    );
  });
}

test('a text is its commands, each with the number of its first line', () => {
  const text = 'one\n\n# two\nthree a\\\n  b \\\n c\nsix\n';
  assert.deepEqual(splitConfig('f', text), [
    { line: 1, words: ['one'] },
    { line: 4, words: ['three', 'a', 'b', 'c'] },
    { line: 7, words: ['six'] },
  ]);
  assert.deepEqual(splitConfig('f', ''), []);
});

test('carriage returns at line ends are no words', () => {
  assert.deepEqual(
    splitConfig('f', 'one a\r\n\r\ntwo\r\n').map(({ words }) => words),
    [['one', 'a'], ['two']],
  );
});

test('a line that cannot be split is named by file and number', () => {
  for (const [text, line] of [
    ['ok\nbad "\nok', 2],
    ['ok \\\nok\nbad \\\n "', 3],
  ] as const) {
    assert.throws(
      () => splitConfig('/etc/smrouter.conf', text),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.line, line);
        assert.equal(error.message, `/etc/smrouter.conf:${line}: no closing "`);
        return true;
      },
    );
  }
});

test('plain words are written as they are, others in quotes', () => {
  for (const word of ['tap0', '02:00:5e:10:00:01', '/run/netns/a', '-learn', 'a.b_c,d@e%f+g=h']) {
    assert.equal(quoteWord(word), word);
  }
  assert.equal(quoteWord(''), '""');
  assert.equal(quoteWord('to the lab'), '"to the lab"');
  assert.equal(quoteWord('"\\'), '"\\"\\\\"');
  assert.equal(quoteWord('#1'), '"#1"');
  assert.equal(quoteWord('naïve'), '"naïve"');
});

test('words written and read again are the same words', () => {
  const nasty = fc.string({
    unit: fc.constantFrom('a', ' ', '"', "'", '\\', '#', '\t', '$', '`', '\r', 'é'),
    maxLength: 8,
  });
  const word = fc.oneof(nasty, fc.string(), fc.string({ unit: 'grapheme' }));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      assert.deepEqual(splitWords(words.map(quoteWord).join(' ')), words);
    }),
    { seed: 20261121, numRuns: 1000 },
  );
});

test('lines of quoted words in a text come back one for one', () => {
  const word = fc.string({ unit: fc.constantFrom('a', ' ', '"', "'", '\\', '#', '\t'), maxLength: 6 });
  const lines = fc.array(fc.array(word, { minLength: 1, maxLength: 4 }), { maxLength: 8 });
  fc.assert(
    fc.property(lines, (commands) => {
      const text = commands.map((words) => words.map(quoteWord).join(' ')).join('\n');
      assert.deepEqual(
        splitConfig('f', text).map(({ words }) => words),
        commands,
      );
    }),
    { seed: 20261121, numRuns: 500 },
  );
});
