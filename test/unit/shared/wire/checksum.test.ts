/** The Internet checksum against RFC 1071's example, literal headers, and a sum that brings its carry round at each step. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { complement, fold, store16, sumBytes, swap16 } from '../../../../src/shared/wire/checksum.js';
import { noise, onesSum } from '../../../support/superframe.js';

const SPARE = 16;

/** The folded sum of `bytes` laid at byte `from`, as a number of network order; what lies around them is 0xff. */
function sumAt(bytes: ArrayLike<number>, from: number): number {
  const u8 = new Uint8Array((from + bytes.length + SPARE) & ~1).fill(0xff);
  u8.set(Array.from(bytes), from);
  return swap16(fold(sumBytes(u8, new Uint16Array(u8.buffer), from, bytes.length)));
}

const RFC1071 = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];

test('RFC 1071 §3: 0001 f203 f4f5 f6f7 sum to ddf2', () => {
  for (const from of [0, 1, 2, 3, 14, 255]) assert.equal(sumAt(RFC1071, from), 0xddf2, `from ${from}`);
});

test('an odd last byte counts as if a zero followed, at even and odd starts', () => {
  for (const from of [0, 1, 6, 7]) {
    assert.equal(sumAt(RFC1071.slice(0, 7), from), onesSum([...RFC1071.slice(0, 7), 0]));
    assert.equal(sumAt([0xab], from), 0xab00);
    assert.equal(sumAt([], from), 0);
  }
});

test('the complement of the sum over an IPv4 header whose field is 0 is its checksum', () => {
  const header = Buffer.from('4500007300004000 40110000 c0a80001 c0a800c7'.replaceAll(' ', ''), 'hex');
  const u8 = new Uint8Array(20);
  u8.set(header);
  const u16 = new Uint16Array(u8.buffer);
  store16(u8, 10, complement(sumBytes(u8, u16, 0, 20)));
  assert.deepEqual([u8[10], u8[11]], [0xb8, 0x61]);
  assert.equal(fold(sumBytes(u8, u16, 0, 20)), 0xffff);
});

test('store16 writes both bytes as they lie in memory, at odd places too, and no other', () => {
  for (const at of [2, 3]) {
    const u8 = new Uint8Array(8).fill(0xee);
    store16(u8, at, 0x1234);
    assert.deepEqual([...u8.subarray(at - 1, at + 3)], [0xee, 0x34, 0x12, 0xee]);
  }
});

test('swap16 exchanges two bytes and forgets the rest', () => {
  assert.deepEqual([swap16(0x1234), swap16(0xff), swap16(0xabcd1234)], [0x3412, 0xff00, 0x3412]);
});

test('fold brings every carry round: the edges of 16 and of 32 bits', () => {
  for (const [sum, folded] of [
    [0, 0],
    [0xffff, 0xffff],
    [0x10000, 1],
    [0x1fffe, 0xffff],
    [0x1ffff, 1],
    [0x7fffffff, 0x7fff],
    [0x80000000, 0x8000],
    [0xffffffff, 0xffff],
    [0xffff0001, 1],
  ] as const) {
    assert.equal(fold(sum), folded, sum.toString(16));
    assert.equal(complement(sum), 0xffff - folded);
  }
});

test('the longest sum, 128 KiB of ff, does not overflow', () => {
  const bytes = new Uint8Array(128 * 1024).fill(0xff);
  assert.equal(sumAt(bytes, 0), 0xffff);
  assert.equal(sumAt(bytes, 1), 0xffff);
});

test('any bytes at any start: the sum that carries at each step, and that of all bytes as one number modulo 2^16-1', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 9 }), (bytes, from) => {
    assert.equal(sumAt(bytes, from), onesSum(bytes));
    const even = bytes.length % 2 === 0 ? bytes : [...bytes, 0];
    const number = BigInt(`0x0${Buffer.from(even).toString('hex')}`);
    assert.equal(BigInt(sumAt(bytes, from)) % 65535n, number % 65535n);
  });
  fc.assert(property, { seed: 1071 });
});

test('a sum of parts that are even long is the sum of the whole', () => {
  const bytes = noise(4001);
  const u8 = new Uint8Array(4004);
  u8.set(bytes, 2);
  const u16 = new Uint16Array(u8.buffer);
  for (const cut of [0, 2, 20, 2000, 4000]) {
    const parts = sumBytes(u8, u16, 2, cut) + sumBytes(u8, u16, 2 + cut, 4001 - cut);
    assert.equal(swap16(fold(parts)), onesSum(bytes));
  }
});
