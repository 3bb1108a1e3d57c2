/**
 * Random rules and rule files: read as a rule that prints and reads back as itself, or refused by a ControlError with the words;
 * a file is read whole or not at all. And random frames through a bridge with random rules: what arrives went in, the books hold.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatRule, parseRule, parseRuleFile } from '../../src/main/config/rule.js';
import { ControlError } from '../../src/main/errors.js';
import { randomBridge, randomRule } from '../support/random-bridge.js';
import { Rig } from '../support/rig.js';
import { BOX_MS, SEED, seeded } from '../support/stress.js';

const OPTIONS = { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: BOX_MS / 3 };
const GRAMMAR = 'block pass match in out in/out on src dst tag arp rarp request reply sha tha spa tpa'.split(' ');
const VALUES = ['mem0', '2:0:0:0:0:1', 'FF:ff:ff:ff:ff:ff', '10.0.0.1', '255.255.255.255', '1.2.3', '010.0.0.1', '1:2'];
const JUNK = ['', '#', '"', "'", '\\', '__proto__', 'constructor', '\0', '\u2028', 'é', 'x'.repeat(16), 'x'.repeat(64)];

const word = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...GRAMMAR) },
  { weight: 4, arbitrary: fc.constantFrom(...VALUES) },
  { weight: 1, arbitrary: fc.constantFrom(...JUNK) },
  { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
);
const words = fc.oneof(
  fc.array(word, { maxLength: 12 }),
  fc
    .tuple(fc.constantFrom('block', 'pass', 'match'), fc.array(word, { maxLength: 8 }))
    .map(([action, rest]) => [action, 'on', 'mem0', ...rest]),
);

/** What `read` returns, or undefined when it refuses with EINVAL and a message that `fits`. */
function readOr<T>(read: () => T, fits: (message: string) => boolean): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    assert.equal(error.code, 'EINVAL');
    assert.ok(fits(error.message), error.message);
    return undefined;
  }
}

test('random words are a rule that prints as words of itself, or are refused with their words', () => {
  let read = 0;
  const property = fc.property(words, (list) => {
    const spelled = list.map((w) => `${w} `).join('');
    const rule = readOr(
      () => parseRule(list),
      (m) => m === `invalid rule: ${spelled}` || m === 'invalid rule' || /^invalid address: /.test(m),
    );
    if (rule === undefined) return;
    read++;
    const printed = formatRule(rule.port, rule.rule);
    assert.deepEqual(parseRule(printed.split(' ')), rule);
    assert.deepEqual(parseRuleFile('F', `${printed}\n`), [rule]);
  });
  fc.assert(property, OPTIONS);
  assert.ok(read > 0, 'none was a rule');
});

test('a random file is read whole, a rule a line, or refused whole with the numbers of its bad lines', () => {
  const line = fc.oneof(
    words.map((list) => list.join(' ')),
    fc.integer().map((seed) => randomRule(seeded(seed), 'mem0')),
    fc.constantFrom('', '# comment', ' # none', '\t', '\r', 'x'.repeat(1024), 'a '.repeat(33)),
  );
  const property = fc.property(fc.array(line, { maxLength: 6 }), fc.boolean(), (lines, ended) => {
    const text = lines.join('\n') + (ended ? '\n' : '');
    const all = text.split('\n');
    const bad = new Set<number>();
    const read = readOr(
      () => parseRuleFile('F', text),
      (message) => {
        for (const [, a, b] of message.matchAll(/^(?:invalid rule: (\d+): |F:(\d+): )/gm)) bad.add(Number(a ?? b));
        return bad.size > 0;
      },
    );
    // Each line alone says what the file says of it.
    const alone = all.map((one) =>
      readOr(
        () => parseRuleFile('F', one),
        () => true,
      ),
    );
    if (read !== undefined)
      assert.deepEqual(
        read,
        alone.flatMap((rules) => rules ?? assert.fail('a bad line was read')),
      );
    else for (const [n, rules] of alone.entries()) assert.equal(rules === undefined, bad.has(n + 1), `line ${n + 1}`);
  });
  fc.assert(property, OPTIONS);
});

test('random bytes through random rules: copies are what went in, the books balance', async () => {
  const rig = await Rig.bridge(0, 'veb0 destroy');
  const names = ['mem0', 'mem1', 'mem2', 'mem3'];
  const header = fc.oneof(
    fc.uint8Array({ minLength: 14, maxLength: 14 }),
    fc
      .tuple(fc.nat(9), fc.nat(9), fc.constantFrom(0x0800, 0x0806, 0x8035, 0x86dd, 0x8100))
      .map(([dst, src, type]) => Uint8Array.of(2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, type >> 8, type & 255)),
  );
  const packet = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.uint8Array({ maxLength: 40 }).map((rest) => Uint8Array.of(0, 1, 8, 0, 6, 4, 0, (rest[0] ?? 1) & 7, ...rest)),
    fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.of(0x45, 0, 0, rest.length + 1, ...rest)),
  );
  const frames = fc.array(fc.tuple(fc.nat(3), header, packet), { minLength: 1, maxLength: 30 });
  const property = fc.asyncProperty(fc.integer(), frames, async (seed, list) => {
    const random = seeded(seed);
    await rig.ifconfig(...randomBridge(random, names));
    const sent = new Set<string>();
    for (const [port, head, rest] of list) {
      const bytes = Uint8Array.of(...head, ...rest);
      sent.add(Buffer.from(bytes).toString('latin1'));
      rig.send(names[port] as string, bytes);
    }
    for (const name of names)
      for (const { bytes } of rig.received(name)) assert.ok(sent.has(Buffer.from(bytes).toString('latin1')), name);
    assert.deepEqual(rig.bookErrors(), []);
    await rig.ifconfig('veb0 destroy', ...names.map((name) => `${name} destroy`));
    assert.deepEqual(rig.bookErrors(), []);
  });
  await fc.assert(property, OPTIONS);
});
