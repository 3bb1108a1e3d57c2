/**
 * A verdict of bridge rules allocates nothing once the code is warm: short lists and long ones, ARP and other frames.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildRuleList, makeRuleWalk } from '../../src/shared/table/rule-list.js';
import { dstHi, dstLo, etherType, srcHi, srcLo } from '../../src/shared/wire/ethernet.js';
import { heapGrowth } from '../support/heap-growth.js';
import { arpPacket, RuleBench, rulesOf } from '../unit/support/rule-model.js';

/** Ten rounds make ten million verdicts. */
const ROUND = 1_000_000;
const WARM_ROUNDS = 10;
const MOST_BYTES = 0.1;
const AT = 16;
const A = '02:00:00:00:00:0a';
const OFFSET = 128;

// One walk in the process: two would make its code polymorphic.
const heap = new Int32Array(new SharedArrayBuffer(1 << 18));
const u16 = new Uint16Array(256);
const walk = makeRuleWalk(heap, u16);

/** Puts a list of `others` rules and three that match into the heap. */
function load(others: number): void {
  const lines = Array.from({ length: others }, (_, n) => `match tag t src 02:00:00:00:01:${n.toString(16)} arp`);
  const rules = rulesOf(...lines, `match tag a src ${A}`, 'match tag b arp request spa 10.0.0.1', 'pass');
  heap.set(buildRuleList(new RuleBench().compile(rules), 1), AT);
}

/** Puts an ARP request under this ethertype into memory. */
function put(type: string): void {
  const packet = arpPacket(1, A, '10.0.0.1', A, '10.0.0.2');
  new Uint8Array(u16.buffer).set(Buffer.from(`ffffffffffff${A.replaceAll(':', '')}${type}${packet}`, 'hex'), OFFSET);
}

/** The sum of `times` verdicts on the frame in memory. */
function judge(times: number): number {
  let sum = 0;
  for (let n = 0; n < times; n++) {
    const dHi = dstHi(u16, OFFSET);
    const sHi = srcHi(u16, OFFSET);
    const type = etherType(u16, OFFSET);
    sum += walk(AT, OFFSET, 60, dHi, dstLo(u16, OFFSET), sHi, srcLo(u16, OFFSET), type);
  }
  return sum;
}

/** Bytes that the heap grows by for each verdict. */
function growth(run: (verdicts: number) => void): number {
  return heapGrowth(run, ROUND, WARM_ROUNDS, MOST_BYTES);
}

const skip = global.gc === undefined ? 'needs --expose-gc' : false;

for (const [others, type] of [
  [5, '88b5'],
  [5, '0806'],
  [100, '88b5'],
  [100, '0806'],
] as const) {
  test(`${others + 3} rules, ethertype ${type}: ten million verdicts leave no garbage`, { skip }, () => {
    load(others);
    put(type);
    assert.ok(judge(1) > 1, 'a rule tags it');
    const bytes = growth((verdicts) => void judge(verdicts));
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes a verdict`);
  });
}

test('one small array in 64 verdicts would be found', { skip }, () => {
  const kept: number[][] = [[]];
  const bytes = growth((verdicts) => {
    for (let n = 0; n < verdicts; n += 64) kept[0] = [n, judge(64)];
  });
  assert.ok(bytes >= MOST_BYTES, `${bytes} bytes a verdict`);
});
