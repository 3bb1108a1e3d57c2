/**
 * Verdicts of rule lists, each both short and long enough to be cut into groups (shared/table/rule-list.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { RuleSpec } from '../../../../src/main/config/rule.js';
import {
  buildRuleList,
  type CompiledRule,
  makeRuleWalk,
  PLAIN_MAX,
  RuleAction,
  TAG_NUMBER_MAX,
  Verdict,
} from '../../../../src/shared/table/rule-list.js';
import { dstHi, dstLo, EtherType, etherType, formatMac, srcHi, srcLo } from '../../../../src/shared/wire/ethernet.js';
import { arpPacket, expected, type Outcome, RuleBench, rulesOf, type TestFrame } from '../../support/rule-model.js';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const C = '02:00:00:00:00:0c';
const ALL = 'ff:ff:ff:ff:ff:ff';
const PASS: Outcome = { tag: '' };

const frame = (over: Partial<TestFrame> = {}): TestFrame => ({
  ...{ dst: B, src: A, type: '88b5', payload: '', length: 60 },
  ...over,
});
const arp = (payload: string, over: Partial<TestFrame> = {}): TestFrame =>
  frame({ dst: ALL, type: '0806', payload, ...over });
const REQUEST = arpPacket(1, A, '10.0.0.1', '00:00:00:00:00:00', '10.0.0.2');
const REPLY = arpPacket(2, A, '10.0.0.1', B, '10.0.0.2');

/** Rules of other stations, enough to make any list long: at the end they change nothing. */
const OTHERS = rulesOf(...Array.from({ length: PLAIN_MAX + 1 }, (_, n) => `block src 02:00:00:00:01:${n}`));

/** Checks outcomes of a list, alone, before and behind rules of others; and that the model agrees. */
function says(lines: readonly string[], ...cases: readonly (readonly [TestFrame, Outcome])[]): void {
  const rules = rulesOf(...lines);
  for (const list of [rules, [...rules, ...OTHERS], [...OTHERS, ...rules]]) {
    const walk = new RuleBench().list(list);
    for (const [sent, outcome] of cases) {
      assert.deepEqual(walk(sent), outcome, `${list.length} rules, ${JSON.stringify(sent)}`);
      assert.deepEqual(expected(list, sent), outcome, 'the model');
    }
  }
}

test('A62 first match wins', () => {
  says([`block src ${A}`, `pass src ${A}`], [frame(), 'block'], [frame({ src: B }), PASS]);
  says([`pass src ${A}`, `block src ${A}`], [frame(), PASS]);
  says([`pass src ${A}`, 'block'], [frame(), PASS], [frame({ src: B }), 'block']);
  says(['block', `pass src ${A}`], [frame(), 'block']);
});

test('A63 no rule or no match passes', () => {
  says([], [frame(), PASS], [arp(REQUEST), PASS]);
  says([`block src ${B}`, `block dst ${A}`], [frame(), PASS]);
  const heap = new Int32Array(8).fill(-1);
  assert.equal(makeRuleWalk(heap, new Uint16Array(64))(0, 0, 60, 1, 2, 3, 4, 5), 0, 'no list');
});

test('A65 a rule without qualifiers is for every frame', () => {
  says(['block'], [frame(), 'block'], [frame({ dst: ALL }), 'block'], [arp(REQUEST), 'block'], [arp(''), 'block']);
  says(['pass tag x'], [frame(), { tag: 'x' }]);
});

test('A66 a tag comes with pass, not with block; pass without one leaves the tag alone', () => {
  says(['pass tag x'], [frame(), { tag: 'x' }]);
  says(['block tag x'], [frame(), 'block']);
  says(['match tag x', 'pass'], [frame(), { tag: 'x' }]);
});

test('A80 match tags and goes on, and the last default is pass', () => {
  says(['match tag x'], [frame(), { tag: 'x' }]);
  says(['match tag x', 'match tag y'], [frame(), { tag: 'y' }]);
  says(['match tag x', 'pass tag y'], [frame(), { tag: 'y' }]);
  says(['match tag x', 'block'], [frame(), 'block']);
  says(['match tag x', `pass src ${A}`, 'match tag y'], [frame(), { tag: 'x' }], [frame({ src: C }), { tag: 'y' }]);
  says(['match', `match src ${A} tag x`, 'match'], [frame(), { tag: 'x' }], [frame({ src: C }), PASS]);
  says(
    [`match src ${A} tag x`, `match dst ${B} tag y`, `pass src ${A}`, `match src ${A} tag z`],
    [frame(), { tag: 'y' }],
    [frame({ dst: C }), { tag: 'x' }],
    [frame({ src: C }), { tag: 'y' }],
  );
});

test('match rules of one key count as far as the rule that ends the walk', () => {
  const lines = [
    `match src ${A} tag a`,
    `pass dst ${B}`,
    `match src ${A} tag b`,
    `pass dst ${C}`,
    `match src ${A} tag c`,
  ];
  says(
    lines,
    [frame({ dst: B }), { tag: 'a' }],
    [frame({ dst: C }), { tag: 'b' }],
    [frame({ dst: ALL }), { tag: 'c' }],
  );
});

test('addresses are compared whole', () => {
  const near = [0, 3, 6, 9, 12, 15].map((at) => `${A.slice(0, at)}${at === 0 ? '12' : '77'}${A.slice(at + 2)}`);
  says([`block src ${A}`], [frame(), 'block'], ...near.map((src) => [frame({ src }), PASS] as const));
  says([`block dst ${A}`], [frame({ dst: A }), 'block'], ...near.map((dst) => [frame({ dst }), PASS] as const));
  says([`block src ${A} dst ${B}`], [frame(), 'block'], [frame({ dst: C }), PASS], [frame({ src: B, dst: A }), PASS]);
});

test('A68 an arp rule looks into whole ARP packets alone', () => {
  says(
    ['block arp request spa 10.0.0.1'],
    [arp(REQUEST), 'block'],
    [arp(REPLY), PASS],
    [arp(arpPacket(1, A, '10.0.0.2', C, '10.0.0.1')), PASS],
    [arp(REQUEST, { length: 30 }), PASS],
    [arp(REQUEST, { length: 41 }), PASS],
    [arp(REQUEST, { length: 42 }), 'block'],
    [arp(REQUEST, { type: '0800' }), PASS],
  );
});

test('A69 other hardware and protocol types match no arp rule', () => {
  const heads = ['000608000604', '000186dd0604', '000108000804', '000108000610'];
  const others = heads.map((head) => [arp(arpPacket(1, A, '10.0.0.1', B, '10.0.0.2', head)), PASS] as const);
  says(['block arp'], [arp(REQUEST), 'block'], [arp(REPLY), 'block'], ...others);
});

test('A71 a rarp rule is for ethertype 0x8035 and operations 3 and 4, an arp rule for the others', () => {
  const of = (type: string, op: number): TestFrame => arp(arpPacket(op, A, '10.0.0.1', B, '10.0.0.2'), { type });
  const all = [0, 1, 2, 3, 4, 5, 257].flatMap((op) => [['0806', op] as const, ['8035', op] as const]);
  const only = (lines: string[], blocked: readonly string[]): void =>
    says(
      lines,
      ...all.map(([type, op]) => [of(type, op), blocked.includes(`${type}/${op}`) ? 'block' : PASS] as const),
    );
  only(['block arp'], ['0806/1', '0806/2']);
  only(['block rarp'], ['8035/3', '8035/4']);
  only(['block arp reply'], ['0806/2']);
  only(['block rarp request'], ['8035/3']);
  only(['block rarp reply', 'block arp request'], ['8035/4', '0806/1']);
});

test('A72 a tagged ARP frame matches no arp rule', () => {
  for (const type of ['8100', '88a8']) {
    says(['block arp'], [arp(`00010806${REQUEST}`, { type, length: 64 }), PASS], [arp(REQUEST, { type }), PASS]);
  }
});

test('A74 addresses of all bits are addresses', () => {
  const probe = arpPacket(1, A, '0.0.0.0', '00:00:00:00:00:00', '255.255.255.255');
  says(['block arp spa 0.0.0.0'], [arp(probe), 'block'], [arp(REQUEST), PASS]);
  says(['block arp tpa 255.255.255.255'], [arp(probe), 'block'], [arp(REQUEST), PASS]);
  says([`block arp tha 0:0:0:0:0:0`], [arp(REQUEST), 'block'], [arp(REPLY), PASS]);
});

for (const [words, other] of [
  [`sha ${A}`, arpPacket(2, B, '10.0.0.1', B, '10.0.0.2')],
  [`tha ${B}`, arpPacket(2, A, '10.0.0.1', A, '10.0.0.2')],
  ['spa 10.0.0.1', arpPacket(2, A, '10.1.0.1', B, '10.0.0.2')],
  ['tpa 10.0.0.2', arpPacket(2, A, '10.0.0.1', B, '10.0.0.1')],
  ['reply', REQUEST],
] as const) {
  test(`arp ${words}`, () => says([`block arp ${words}`], [arp(REPLY), 'block'], [arp(other), PASS]));
}

test('an arp rule may name the header too', () => {
  const lines = [`block src ${A} dst ${ALL} arp request`];
  says(lines, [arp(REQUEST), 'block'], [arp(REQUEST, { dst: B }), PASS], [frame({ dst: ALL }), PASS]);
});

test('a packet is never read past the frame, and only where a rule asks', () => {
  const bench = new RuleBench();
  for (const rules of [rulesOf('block arp spa 10.0.0.1'), [...OTHERS, ...rulesOf('block arp spa 10.0.0.1')]]) {
    const walk = bench.list(rules);
    for (let length = 14; length <= 64; length++) {
      walk(arp(REQUEST, { length }), 130);
      // The test itself reads the header's seven words.
      const read = bench.frameWords.filter((w) => w >= 7);
      assert.ok(
        read.every((w) => w * 2 + 2 <= length),
        `${length} bytes: words ${read}`,
      );
      assert.equal(read.length > 0, length >= 42);
    }
    walk(frame(), 130);
    assert.deepEqual(
      bench.frameWords.filter((w) => w >= 7),
      [],
    );
  }
  const walk = bench.list(OTHERS);
  assert.deepEqual(walk(arp(REQUEST)), PASS);
  assert.deepEqual(
    bench.frameWords.filter((w) => w >= 7),
    [],
  );
});

/** Rules on one source after the other. */
const stations = (count: number, rule: (n: number, mac: string) => string): RuleSpec[] =>
  Array.from({ length: count }, (_, n) => rulesOf(rule(n, stationMac(n)))[0] as RuleSpec);
const stationMac = (n: number): string => formatMac({ hi: 2, lo: n });
/** Most loads of the heap for a verdict of a few groups; a list walked one by one takes thousands. */
const MOST_LOADS = 200;

test('ten thousand rules on addresses cost no more than a few', () => {
  const bench = new RuleBench();
  const rules = stations(10_000, (n, mac) => (n % 3 === 0 ? `pass tag t${n % 7} src ${mac}` : `block src ${mac}`));
  const walk = bench.list([...rules, ...rulesOf(`pass dst ${C}`, 'block arp')], 48, 0x1234567);
  let most = 0;
  for (let n = 0; n < 20_000; n += 3) {
    const sent = frame({ src: stationMac(n + (n % 2)) });
    const rule = n + (n % 2);
    const outcome: Outcome = rule >= 10_000 ? PASS : rule % 3 === 0 ? { tag: `t${rule % 7}` } : 'block';
    assert.deepEqual(walk(sent), outcome, `station ${rule}`);
    most = Math.max(most, bench.loads);
  }
  assert.ok(most <= MOST_LOADS, `${most} loads`);
});

test('ten thousand rules with one key are one entry', () => {
  const bench = new RuleBench();
  const rules = stations(10_000, (n) => `${n === 0 ? 'block' : 'pass'} src ${A}`);
  const record = buildRuleList(bench.compile(rules), 1);
  assert.ok(record.length < 128, `${record.length} words`);
  const walk = bench.list(rules);
  assert.equal(walk(frame()), 'block');
  assert.deepEqual(walk(frame({ src: B })), PASS);
  assert.ok(bench.loads <= MOST_LOADS);
});

test('ten thousand match rules with one key are searched by halves', () => {
  const bench = new RuleBench();
  const rules = stations(10_000, (n) => `match tag t${n % 5} src ${A}`);
  const ends = rulesOf(`pass dst ${C}`);
  const walk = bench.list([...rules.slice(0, 7001), ...ends, ...rules.slice(7001)]);
  assert.deepEqual(walk(frame({ dst: C })), { tag: `t${7000 % 5}` });
  assert.ok(bench.loads <= MOST_LOADS, `${bench.loads} loads`);
  assert.deepEqual(walk(frame({ dst: B })), { tag: `t${9999 % 5}` });
  assert.ok(bench.loads <= MOST_LOADS, `${bench.loads} loads`);
});

/** Rules that differ in one key word alone, and how to write the frame that rule `n` is for, or one beside the list. */
const VARIED: readonly (readonly [
  string,
  (n: number) => Partial<CompiledRule>,
  (frame: Uint16Array, n: number) => void,
])[] = [
  ['dst', (n) => ({ dst: { hi: n, lo: 7 } }), (f, n) => f.set([n, 7, 0])],
  ['dst', (n) => ({ dst: { hi: 7, lo: n } }), (f, n) => f.set([7, n, 0])],
  ['src', (n) => ({ src: { hi: n, lo: 7 } }), (f, n) => f.set([n, 7, 0], 3)],
  ['src', (n) => ({ src: { hi: 7, lo: n } }), (f, n) => f.set([7, n, 0], 3)],
  ['sha', (n) => ({ arp: 'arp', sha: { hi: n, lo: 7 } }), (f, n) => f.set([n, 7, 0], 11)],
  ['sha', (n) => ({ arp: 'arp', sha: { hi: 7, lo: n } }), (f, n) => f.set([7, n, 0], 11)],
  ['tha', (n) => ({ arp: 'arp', tha: { hi: n, lo: 7 } }), (f, n) => f.set([n, 7, 0], 16)],
  ['tha', (n) => ({ arp: 'arp', tha: { hi: 7, lo: n } }), (f, n) => f.set([7, n, 0], 16)],
  ['spa', (n) => ({ arp: 'arp', spa: n }), (f, n) => f.set([n, 0], 14)],
  ['tpa', (n) => ({ arp: 'arp', tpa: n }), (f, n) => f.set([n, 0], 19)],
];
/** Rules in each list; frames that are asked for, most of them beside it: some share a slot's bits by chance. */
const LISTED = 4096;
const ASKED = 32_768;
/** Hash keys tried where chance is rarer. */
const HASH_KEYS = 40_000;

/** `count` block rules. */
function blocks(count: number, rule: (n: number) => Partial<CompiledRule>): CompiledRule[] {
  const none = { src: undefined, dst: undefined, sha: undefined, tha: undefined, spa: undefined, tpa: undefined };
  return Array.from({ length: count }, (_, n) => {
    return { action: RuleAction.BLOCK, tag: 0, arp: '', op: 0, ...none, ...rule(n) };
  });
}

/** An ARP request without addresses, and whether a list blocks it. */
function packetFrame(): { readonly f: Uint16Array; readonly blocked: (heap: Int32Array) => () => boolean } {
  const f = new Uint16Array(32);
  f.set([EtherType.ARP, 0x100, EtherType.IPV4, 0x406, 0x100], 6);
  const blocked = (heap: Int32Array) => {
    const walk = makeRuleWalk(heap, f);
    return () => walk(1, 0, 60, dstHi(f, 0), dstLo(f, 0), srcHi(f, 0), srcLo(f, 0), etherType(f, 0)) === Verdict.BLOCK;
  };
  return { f, blocked };
}

for (const [i, [what, rule, put]] of VARIED.entries()) {
  test(`keys that share a slot's bits of hash are told apart: ${what}, word ${i}`, () => {
    const { f, blocked } = packetFrame();
    const ask = blocked(Int32Array.from([0, ...buildRuleList(blocks(LISTED, rule), 1)]));
    for (let n = 0; n < ASKED; n++) {
      put(f, n);
      assert.equal(ask(), n < LISTED, `frame ${n}`);
    }
  });
}

test("keys that share a slot's bits of hash are told apart: operations", () => {
  const { f, blocked } = packetFrame();
  const rules = blocks(PLAIN_MAX + 1, (n) => ({ arp: 'arp', op: 1, spa: n }));
  const heap = Int32Array.from([0, ...buildRuleList(rules, 1)]);
  const ask = blocked(heap);
  for (let key = 0; key < HASH_KEYS; key++) {
    heap.set(buildRuleList(rules, key), 1);
    for (let n = 0; n < rules.length; n++) {
      f[14] = n;
      f[10] = 0x100;
      assert.equal(ask(), true, `hash key ${key}, request ${n}`);
      f[10] = 0x200;
      assert.equal(ask(), false, `hash key ${key}, reply ${n}`);
    }
  }
});

/** A rule for each set of fields that there can be, `count` of each. */
function everyShape(count: number): RuleSpec[] {
  const parts = [`src ${A}`, `dst ${B}`, 'request', `sha ${A}`, `tha ${B}`, 'spa 10.0.0.9', 'tpa 10.0.0.2'];
  const lines: string[] = [];
  for (let shape = 0; shape < 128 * count; shape++) {
    const words = parts.map((part, i) => ((shape >> i) & 1 ? part.replace('0.9', `0.${9 + (shape >> 7)}`) : ''));
    const head = words.slice(0, 2).filter((part) => part !== '');
    const tail = words.slice(2).filter((part) => part !== '');
    lines.push(['match', 'tag', `t${shape}`, ...head, 'arp', ...tail].join(' '));
    if (tail.length === 0 && head.length > 0) lines.push(['match', 'tag', `e${shape}`, ...head].join(' '));
  }
  return rulesOf(...lines);
}

test('all 132 sets of fields in one list', () => {
  const bench = new RuleBench();
  const rules = [...everyShape(1), ...rulesOf('match tag all')];
  const walk = bench.list(rules);
  const packet = arpPacket(1, A, '10.0.0.9', B, '10.0.0.2');
  assert.deepEqual(walk(arp(packet, { dst: B })), { tag: 'all' });
  assert.ok(bench.loads < 132 * 64, `${bench.loads} loads`);
  const without = rules.slice(0, -1);
  for (const sent of [arp(packet, { dst: B }), arp(packet), arp(REPLY, { dst: B }), frame(), frame({ src: C })]) {
    assert.deepEqual(bench.list(without)(sent), expected(without, sent), JSON.stringify(sent));
  }
  assert.deepEqual(walk(frame()), { tag: 'all' });
  assert.ok(bench.loads < 300, `${bench.loads} loads: groups for ARP are left to ARP`);
});

test('a record has no more words than its head says', () => {
  const bench = new RuleBench();
  const bound = (rules: number): number => 16 + 16 * Math.min(rules, 132) + 19 * rules;
  const full = (n: number, mac: string): string =>
    `match tag x src ${mac} dst ${B} arp request sha ${mac} spa 10.0.${n >> 8}.${n & 255}`;
  for (const count of [9, 16, 17, 33, 257, 1025, 4097, 10_000]) {
    const record = buildRuleList(bench.compile(stations(count, full)), 1);
    assert.ok(record.length <= 16 + 16 + 64 + 21 * count, `${count} rules: ${record.length} words`);
  }
  for (const count of [1, 3]) {
    const rules = everyShape(count);
    assert.ok(buildRuleList(bench.compile(rules), 1).length <= bound(rules.length));
  }
  for (const count of [0, 1, PLAIN_MAX]) {
    assert.equal(buildRuleList(bench.compile(stations(count, full)), 1).length, 16 + 22 * count);
  }
});

test('rules that can change nothing take no room', () => {
  const bench = new RuleBench();
  const rules = [...rulesOf('match', 'block'), ...stations(100, (_, mac) => `pass src ${mac}`)];
  assert.equal(buildRuleList(bench.compile(rules), 1).length, 16 + 22);
  assert.equal(bench.list(rules)(frame()), 'block');
});

test('tag numbers are 15 bits', () => {
  const [rule] = new RuleBench().compile(rulesOf('pass tag x'));
  assert.ok(rule !== undefined);
  const heap = Int32Array.from([0, ...buildRuleList([{ ...rule, tag: TAG_NUMBER_MAX }], 1)]);
  assert.equal(makeRuleWalk(heap, new Uint16Array(64))(1, 0, 60, 0, 0, 0, 0, 0), TAG_NUMBER_MAX << 1);
  for (const tag of [TAG_NUMBER_MAX + 1, -1, Number.NaN]) {
    assert.throws(() => buildRuleList([{ ...rule, tag }], 1), RangeError);
  }
});
