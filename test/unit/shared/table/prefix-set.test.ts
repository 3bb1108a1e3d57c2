/**
 * The prefixes of a table against a Map (shared/table/prefix-set.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PrefixSet } from '../../../../src/shared/table/prefix-set.js';
import { seeded } from '../../support/small-views.js';

const SEED = 20261121;

for (const words of [1, 4]) {
  test(`keys of ${words} words: put in, found, counted and taken out as in a Map`, () => {
    const random = seeded(SEED);
    const set = new PrefixSet(words);
    const map = new Map<string, number>();
    const key = new Int32Array(words);
    for (let round = 0; round < 60_000; round++) {
      // Few values of each word, so that keys come again; the set grows for the first half and shrinks then.
      for (let w = 0; w < words; w++) key[w] = random(words === 1 ? 600 : 5) << 20;
      const length = 1 + random(words === 1 ? 16 : 8);
      const id = `${key.join()}/${length}`;
      if (random(10) < (round < 30_000 ? 7 : 2)) {
        const nextHop = 1 + random(0xffffff);
        assert.equal(set.set(key, length, nextHop), map.get(id) ?? 0);
        map.set(id, nextHop);
      } else {
        assert.equal(set.delete(key, length), map.get(id) ?? 0);
        map.delete(id);
      }
      assert.equal(set.get(key, length), map.get(id) ?? 0);
      assert.equal(set.size, map.size);
    }
    for (const [id, nextHop] of map) {
      const [address = '', length] = id.split('/');
      key.set(address.split(',').map(Number));
      assert.equal(set.get(key, Number(length)), nextHop);
    }
    let visited = 0;
    set.forEachNextHop(() => visited++);
    assert.equal(visited, map.size);
    assert.ok(map.size > 500, `${map.size}`);
  });
}

test('what covers a prefix: the longest of those that are shorter, length 0 left out', () => {
  const set = new PrefixSet(4);
  const key = (...words: number[]): Int32Array => Int32Array.from([...words, 0, 0, 0].slice(0, 4));
  set.set(key(), 0, 9);
  set.set(key(0x20000000), 3, 1);
  set.set(key(0x20010db8), 32, 2);
  set.set(key(0x20010db8, 0, 0, 2), 127, 3);
  assert.equal(set.covering(key(0x20010db8, 0, 0, 3), 128), (127 << 24) | 3);
  assert.equal(set.covering(key(0x20010db8, 0, 0, 2), 127), (32 << 24) | 2);
  assert.equal(set.covering(key(0x20010db8), 32), (3 << 24) | 1);
  assert.equal(set.covering(key(0x20000000), 3), 0);
  assert.equal(set.covering(key(-1, -1, -1, -1), 128), 0);
});
