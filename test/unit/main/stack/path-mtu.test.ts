/** What others say of the MTU on the way to them: the lowest is believed for a while, and so many are remembered. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PathMtu } from '../../../../src/main/stack/path-mtu.js';

const MOST = 1024;
const to = (n: number): Int32Array => Int32Array.of(0x0a000000 + n);

test('the lowest is believed, never less than a link must carry, for ten minutes', () => {
  const paths = new PathMtu();
  assert.equal(paths.of(0, to(1), 0), Number.POSITIVE_INFINITY);
  paths.learn(0, to(1), 1400, 0);
  paths.learn(0, to(1), 1450, 1);
  assert.equal(paths.of(0, to(1), 2), 1400);
  paths.learn(0, to(1), 68, 3);
  assert.equal(paths.of(0, to(1), 4), 576);
  assert.equal(paths.of(1, to(1), 4), Number.POSITIVE_INFINITY, 'another domain is another way');
  assert.equal(paths.of(0, to(1), 600_004), Number.POSITIVE_INFINITY);
});

test('of more destinations than are remembered the oldest is forgotten', () => {
  const paths = new PathMtu();
  for (let n = 0; n <= MOST; n++) paths.learn(0, to(n), 1400, n);
  assert.equal(paths.of(0, to(0), MOST), Number.POSITIVE_INFINITY);
  assert.equal(paths.of(0, to(1), MOST), 1400);
  assert.equal(paths.of(0, to(MOST), MOST), 1400);
});
