/**
 * Random rule lists and frames: the walk says what the spec's plain one says (shared/table/rule-list.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { formatRule, type RuleSpec } from '../../../../src/main/config/rule.js';
import { arpPacket, expected, RuleBench, type TestFrame } from '../../support/rule-model.js';

const SEED = 20261121;
const RUNS = 400;
const FRAMES = 40;

const mac = fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:01:01', 'ff:ff:ff:ff:ff:ff');
const quad = fc.constantFrom('10.0.0.1', '10.0.0.2', '0.0.0.0', '255.255.255.255');
/** Named once in `of` times. */
const sometimes = (of: number, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ arbitrary: fc.constant(''), weight: of - 1 }, { arbitrary: value, weight: 1 });

const action = fc.oneof(
  { arbitrary: fc.constant('match'), weight: 3 },
  { arbitrary: fc.constantFrom('block', 'pass'), weight: 1 },
);
const rule = (arp: fc.Arbitrary<string>, fields: number): fc.Arbitrary<RuleSpec> =>
  fc
    .record({
      ...{ action, dir: fc.constant('in') },
      ...{ src: sometimes(fields, mac), dst: sometimes(fields, mac), tag: fc.constantFrom('', 'a', 'b', 'c', 'd') },
      ...{ arp, op: sometimes(fields, fc.constantFrom('request', 'reply')) },
      ...{
        sha: sometimes(fields, mac),
        tha: sometimes(fields, mac),
        spa: sometimes(fields, quad),
        tpa: sometimes(fields, quad),
      },
    })
    .map((r) => (r.arp === '' ? { ...r, op: '', sha: '', tha: '', spa: '', tpa: '' } : { ...r }) as RuleSpec);
/** Rules for header addresses, both named mostly, so that one rule does not end every walk. */
const both = fc.record({
  ...{ action, dir: fc.constant('in'), src: mac, dst: mac },
  tag: fc.constantFrom('', 'a', 'b'),
});
const anyRule = fc.oneof(
  { arbitrary: rule(fc.constant(''), 2), weight: 1 },
  { arbitrary: rule(fc.constantFrom('arp', 'rarp'), 2), weight: 18 },
  {
    arbitrary: both.map((r) => ({ ...r, arp: '', op: '', sha: '', tha: '', spa: '', tpa: '' }) as RuleSpec),
    weight: 6,
  },
);
const list = fc.oneof(
  fc.array(anyRule, { maxLength: 8, size: 'max' }),
  fc.array(anyRule, { minLength: 9, maxLength: 40, size: 'max' }),
  fc.array(anyRule, { minLength: 41, maxLength: 300, size: 'max' }),
);

const head = fc.oneof(
  { arbitrary: fc.constant('000108000604'), weight: 12 },
  { arbitrary: fc.constantFrom('000608000604', '000108010604', '000108000605', '000108000704'), weight: 1 },
);
const packet = fc
  .tuple(fc.constantFrom(1, 2, 3, 4, 1, 2, 3, 4, 0, 5, 258), mac, quad, mac, quad, head)
  .map((parts) => arpPacket(...parts));
const length = fc.oneof(
  { arbitrary: fc.constantFrom(42, 60), weight: 6 },
  { arbitrary: fc.integer({ min: 14, max: 64 }), weight: 1 },
);
const type = fc.constantFrom('0806', '0806', '0806', '8035', '8035', '0800', '8100');
const frame: fc.Arbitrary<TestFrame> = fc
  .record({ dst: mac, src: mac, type, payload: packet, length })
  .map((f) => (f.type === '8100' ? { ...f, payload: `00010806${f.payload}` } : { ...f }));

test('any list and any frame: the same verdict as one rule after the other', () => {
  const seen = { short: 0, long: 0, block: 0, tagged: 0, untouched: 0, arp: 0 };
  const frames = fc.array(fc.tuple(frame, fc.integer({ min: 0, max: 100 })), { minLength: FRAMES, maxLength: FRAMES });
  fc.assert(
    fc.property(list, frames, fc.integer(), fc.integer({ min: 1, max: 99 }), (rules, sent, key, at) => {
      const walk = new RuleBench().list(rules, at, key);
      if (rules.length <= 8) seen.short++;
      else seen.long++;
      for (const [f, place] of sent) {
        const want = expected(rules, f);
        const print = (): string => rules.map((r) => formatRule('p', r)).join('\n');
        try {
          assert.deepEqual(walk(f, place * 2), want);
        } catch (error) {
          throw new Error(`${JSON.stringify(f)}\n${print()}`, { cause: error });
        }
        if (want === 'block') seen.block++;
        else if (want.tag !== '') seen.tagged++;
        else seen.untouched++;
        const noArp = expected(rules, { ...f, type: '0800' });
        if (JSON.stringify(noArp) !== JSON.stringify(want)) seen.arp++;
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
  for (const [what, count] of Object.entries(seen)) {
    const least = what === 'short' || what === 'long' ? RUNS / 5 : (RUNS * FRAMES) / 40;
    assert.ok(count >= least, `${what}: ${count} mean little (${JSON.stringify(seen)})`);
  }
});
