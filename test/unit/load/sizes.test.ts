/**
 * Lengths of frames: the mix is exact, and differs with the seed.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { frameLength, parseSize } from '../../load/sizes.js';

const DOZENS = 500;

function mix(seed: number): number[] {
  return Array.from({ length: 12 * DOZENS }, (_, n) => frameLength('imix', seed, n));
}

test('every twelve frames of the mix are 7 of 60, 4 of 590 and 1 of 1514 bytes', () => {
  const lengths = mix(1);
  for (let dozen = 0; dozen < DOZENS; dozen++) {
    const sorted = lengths.slice(dozen * 12, dozen * 12 + 12).sort((a, b) => a - b);
    assert.deepEqual(sorted, [...new Array(7).fill(60), ...new Array(4).fill(590), 1514], `dozen ${dozen}`);
  }
});

test('the long frame is anywhere in its dozen, so that no flow has all of them', () => {
  const lengths = mix(1);
  const places = new Set(lengths.flatMap((length, n) => (length === 1514 ? [n % 12] : [])));
  assert.equal(places.size, 12);
});

test('the mix is a function of seed and number', () => {
  assert.deepEqual(mix(1), mix(1));
  assert.notDeepEqual(mix(1), mix(2));
});

test('sizes are read', () => {
  assert.deepEqual(['imix', '60', '1514'].map(parseSize), ['imix', 60, 1514]);
  for (const text of ['59', '1515', '', '60.5', '1e2', 'mix', '-60']) assert.equal(parseSize(text), undefined, text);
  assert.equal(frameLength(777, 1, 5), 777);
});
