/** Lists of CPUs (main/config/cpus.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { formatCpus, parseCpus } from '../../../../src/main/config/cpus.js';

test('lists and ranges, in the order written', () => {
  assert.deepEqual(parseCpus('any'), []);
  assert.deepEqual(parseCpus('3'), [3]);
  assert.deepEqual(parseCpus('4,0-2'), [4, 0, 1, 2]);
  assert.deepEqual(parseCpus('1023'), [1023]);
});

test('what is no list', () => {
  for (const text of ['', ',', '1,', '-1', '2-1', '1024', '0-1024', 'a', '0x1', '1 2', 'all'])
    assert.equal(parseCpus(text), undefined, text);
});

test('printed with ranges', () => {
  assert.equal(formatCpus([]), '');
  assert.equal(formatCpus([7]), '7');
  assert.equal(formatCpus([0, 1, 2, 4, 6, 7]), '0-2,4,6-7');
});
