/**
 * The slab allocator: classes, reuse, zeroing, poison, ENOMEM (main/memory/slab.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Slab } from '../../../../src/main/memory/slab.js';
import { Kind } from '../../../../src/shared/layout/heap.js';
import { seeded } from '../../support/small-views.js';

/** A slab over words that are all `fill` at first. */
function slab(words: number, first = 0, fill = 7): { words: Int32Array; slab: Slab } {
  const region = new Int32Array(words).fill(fill);
  return { words: region, slab: new Slab('heap', region, first) };
}

test('records begin on a cache line behind the fixed part, and are zeroed', () => {
  const { words, slab: s } = slab(512, 17);
  const one = s.allocate(1);
  const two = s.allocate(17);
  assert.equal(one, 32);
  assert.equal(two, 48);
  assert.ok(words.subarray(0, 32).every((word) => word === 7));
  assert.ok(words.subarray(32, 80).every((word) => word === 0));
  assert.equal(words[80], 7);
  assert.equal(s.usedWords, 48);
  assert.equal(s.totalWords, 512);
});

test('what was given back is handed out again for the same class, zeroed, and for no other', () => {
  const { words, slab: s } = slab(512);
  const small = s.allocate(16);
  const large = s.allocate(33);
  s.release(small, 16);
  s.release(large, 33);
  assert.equal(s.usedWords, 0);
  words.fill(9, large, large + 64);
  assert.notEqual(s.allocate(20), small);
  assert.equal(s.allocate(64), large);
  assert.ok(words.subarray(large, large + 64).every((word) => word === 0));
  assert.equal(s.allocate(2), small);
});

test('a full region is ENOMEM by name, and goes on with what is given back', () => {
  const { slab: s } = slab(64);
  const all = [s.allocate(16), s.allocate(16), s.allocate(16), s.allocate(16)];
  assert.throws(() => s.allocate(1), { code: 'ENOMEM', message: /^the heap region is full/ });
  assert.equal(s.usedWords, 64);
  s.release(all[2] as number, 16);
  assert.equal(s.allocate(1), all[2]);
  assert.throws(() => s.allocate(1), { code: 'ENOMEM' });
});

test('a record that does not fit takes nothing', () => {
  const { slab: s } = slab(64);
  s.allocate(16);
  assert.throws(() => s.allocate(33), { code: 'ENOMEM' });
  assert.equal(s.usedWords, 16);
  assert.doesNotThrow(() => s.allocate(32));
});

test('in poison mode freed words are overwritten, and theirs alone', () => {
  const { words, slab: s } = slab(512);
  s.poison = true;
  const one = s.allocate(20);
  const two = s.allocate(20);
  words.fill(5, two, two + 32);
  s.release(one, 20);
  assert.ok(words.subarray(one, one + 32).every((word) => word === Kind.POISON));
  assert.ok(words.subarray(two, two + 32).every((word) => word === 5));
  s.poison = false;
  s.release(two, 20);
  assert.ok(words.subarray(two, two + 32).every((word) => word === 5));
});

test('records never overlap in a random walk', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = seeded(seed);
    const { words, slab: s } = slab(4096, 5, 0);
    const held: { at: number; count: number; mark: number }[] = [];
    let refused = 0;
    for (let step = 1; step <= 2000; step++) {
      if (random(2) === 0 && held.length > 0) {
        const { at, count, mark } = held.splice(random(held.length), 1)[0] as (typeof held)[number];
        assert.ok(
          words.subarray(at, at + count).every((word) => word === mark),
          `seed ${seed}, step ${step}`,
        );
        s.release(at, count);
        continue;
      }
      const count = 1 + random(200);
      try {
        const at = s.allocate(count);
        assert.equal(at % 16, 0);
        assert.ok(words.subarray(at, at + count).every((word) => word === 0));
        words.fill(step, at, at + count);
        held.push({ at, count, mark: step });
      } catch (error) {
        assert.equal((error as { code: string }).code, 'ENOMEM');
        refused++;
      }
    }
    for (const { at, count } of held) s.release(at, count);
    assert.equal(s.usedWords, 0);
    assert.ok(refused < 2000 && words.subarray(0, 5).every((word) => word === 0));
  }
});
