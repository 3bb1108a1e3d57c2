/**
 * Flow hash (shared/table/flow-hash.ts): every input counts, the low bits are even, another key is another choice.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { flowHash4, flowHash6 } from '../../../../src/shared/table/flow-hash.js';

const KEY0 = 0x1234567;
const KEY1 = 0x2545f491;
const BUCKETS = 64;

type Flow4 = [source: number, destination: number, protocol: number, ports: number];
type Flow6 = [...s: [number, number, number, number], ...d: [number, number, number, number], n: number, ports: number];

/** Chi square of the buckets that hashes fall into; 63 degrees of freedom, so above 120 once in 20 000 times. */
function chiSquare(hashes: readonly number[]): number {
  const count = new Int32Array(BUCKETS);
  for (const hash of hashes) count[hash & (BUCKETS - 1)]++;
  const even = hashes.length / BUCKETS;
  return count.reduce((sum, n) => sum + (n - even) ** 2 / even, 0);
}

const numbers = Array.from({ length: 6400 }, (_, n) => n);
/** Flows of which one thing counts up and all else is the same. */
const FLOWS4: Record<string, (n: number) => Flow4> = {
  source: (n) => [0x0a000000 + n, 0x0b000001, 6, 0x00500050],
  destination: (n) => [0x0a000001, 0x0b000000 + n, 6, 0x00500050],
  'high bits': (n) => [n << 16, 0x0b000001, 6, 0x00500050],
  'source port': (n) => [0x0a000001, 0x0b000001, 6, (n << 16) | 80],
  'destination port': (n) => [0x0a000001, 0x0b000001, 17, (80 << 16) | n],
};

for (const [name, flow] of Object.entries(FLOWS4)) {
  test(`IPv4 flows that differ in ${name} spread over the buckets`, () => {
    assert.ok(chiSquare(numbers.map((n) => flowHash4(KEY0, KEY1, ...flow(n)))) < 120);
  });
}

for (let word = 0; word < 8; word++) {
  test(`IPv6 flows that differ in word ${word} spread over the buckets`, () => {
    const flow = (n: number): Flow6 => {
      const words: Flow6 = [0x20010db8, 0, 0, 1, 0x20010db8, 1, 0, 2, 6, 0x00500050];
      words[word] += n;
      return words;
    };
    assert.ok(chiSquare(numbers.map((n) => flowHash6(KEY0, KEY1, ...flow(n)))) < 120);
  });
}

test('every bit of a flow changes the hash', () => {
  const base: Flow4 = [0x0a000001, 0x0b000001, 6, 0x1f900050];
  const hash = flowHash4(KEY0, KEY1, ...base);
  for (const [i, bits] of [32, 32, 8, 32].entries()) {
    for (let bit = 0; bit < bits; bit++) {
      const other: Flow4 = [...base];
      other[i] ^= 1 << bit;
      assert.notEqual(flowHash4(KEY0, KEY1, ...other), hash, `${i}, bit ${bit}`);
    }
  }
  const base6: Flow6 = [0x20010db8, 0, 0, 1, 0x20010db8, 1, 0, 2, 6, 0x00500050];
  const hash6 = flowHash6(KEY0, KEY1, ...base6);
  for (let i = 0; i < 10; i++) {
    const other: Flow6 = [...base6];
    other[i] ^= 1;
    assert.notEqual(flowHash6(KEY0, KEY1, ...other), hash6, `word ${i}`);
  }
});

test('one flow, one hash, an int32; another key spreads the same flows otherwise', () => {
  const flow = FLOWS4.source as (n: number) => Flow4;
  for (const n of [0, 1, 77]) {
    const hash = flowHash4(KEY0, KEY1, ...flow(n));
    assert.equal(hash, hash | 0);
    assert.equal(flowHash4(KEY0, KEY1, ...flow(n)), hash);
  }
  for (const [k0, k1] of [
    [KEY0 ^ 0x100, KEY1],
    [KEY0, KEY1 ^ 0x100],
  ] as const) {
    const same = numbers.filter((n) => {
      const [a, b] = [flowHash4(KEY0, KEY1, ...flow(n)), flowHash4(k0, k1, ...flow(n))];
      return ((a ^ b) & (BUCKETS - 1)) === 0;
    });
    assert.ok(same.length < 200, `${same.length} of 6400 in the same bucket`);
  }
});
