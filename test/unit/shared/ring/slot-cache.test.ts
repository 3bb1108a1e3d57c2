/**
 * Slot caches: homes, return rings, a dry pool, and that no slot is ever lost or held twice (shared/ring/slot-cache.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { SlotOwner } from '../../../../src/shared/layout/packet.js';
import type { Views } from '../../../../src/shared/layout/regions.js';
import { ringOccupancy } from '../../../../src/shared/ring/ring.js';
import { returnRing, SlotCache } from '../../../../src/shared/ring/slot-cache.js';
import { seeded, smallReturnRings, smallViews } from '../../support/small-views.js';

function caches(threads: number): { views: Views; rings: Int32Array; caches: SlotCache[] } {
  const views = smallViews(threads);
  const rings = smallReturnRings(views);
  return { views, rings, caches: Array.from({ length: threads }, (_, me) => new SlotCache(views, me, rings)) };
}

/** Takes small slots until there are none. */
function drain(cache: SlotCache): number[] {
  const slots: number[] = [];
  for (let slot = cache.takeFrame(); slot !== -1; slot = cache.takeFrame()) slots.push(slot);
  return slots;
}

test('each cache begins with the slots of its home, small and large apart', () => {
  const { views, caches: all } = caches(3);
  for (const cache of all) {
    assert.equal(cache.freeFrames, 8);
    assert.equal(cache.freeSuperframes, 2);
    const small = cache.takeFrame();
    const large = cache.takeSuperframe();
    assert.ok(small >= 0 && small < views.sizes.frames);
    assert.ok(large >= views.sizes.frames);
    assert.equal(views.home[small], cache.me);
    assert.equal(views.home[large], cache.me);
    assert.equal(views.owner[small], cache.me);
    assert.equal(views.owner[large], cache.me);
    assert.equal(cache.freeFrames, 7);
    assert.equal(cache.freeSuperframes, 1);
  }
});

test('an own slot given back rests at once and is taken again', () => {
  const { views, caches: all } = caches(2);
  const slot = all[0].takeFrame();
  all[0].give(slot);
  assert.equal(views.owner[slot], SlotOwner.RESTING);
  assert.equal(all[0].freeFrames, 12);
  assert.equal(all[0].takeFrame(), slot);
});

test('a foreign slot goes home over the return ring, and only once flushed', () => {
  const { views, rings, caches: all } = caches(2);
  const [one, two] = all;
  const ring = rings[returnRing(2, two.me, one.me)];
  const slot = one.takeFrame();
  two.give(slot);
  assert.equal(views.owner[slot], SlotOwner.RETURNING - 1);
  assert.equal(two.freeFrames, 12, 'it does not join the cache of another home');
  assert.equal(ringOccupancy(views.rings, ring), 0);
  two.flush();
  assert.equal(ringOccupancy(views.rings, ring), 1);
  one.collect();
  assert.equal(views.owner[slot], SlotOwner.RESTING);
  assert.equal(one.freeFrames, 12);
  assert.equal(ringOccupancy(views.rings, ring), 0);
});

test('a dry pool answers -1 and recovers by itself once slots came back', () => {
  const { caches: all } = caches(2);
  const [one, two] = all;
  const taken = drain(one);
  assert.equal(taken.length, 12);
  assert.equal(one.takeFrame(), -1);
  for (const slot of taken.slice(0, 5)) two.give(slot);
  assert.equal(one.takeFrame(), -1, 'not flushed yet');
  two.flush();
  assert.deepEqual(drain(one).sort(), taken.slice(0, 5).sort());
  const large = [one.takeSuperframe(), one.takeSuperframe(), one.takeSuperframe()];
  assert.ok(large.every((slot) => slot !== -1));
  assert.equal(one.takeSuperframe(), -1);
  two.give(large[1]);
  two.flush();
  assert.equal(one.takeSuperframe(), large[1]);
  assert.equal(one.takeSuperframe(), -1);
});

test('the return ring has room for every slot of the home', () => {
  const { rings, views, caches: all } = caches(2);
  const [one, two] = all;
  const taken = [...drain(one), one.takeSuperframe(), one.takeSuperframe(), one.takeSuperframe()];
  for (const slot of taken) two.give(slot);
  two.flush();
  assert.equal(ringOccupancy(views.rings, rings[returnRing(2, 1, 0)]), taken.length);
  one.collect();
  assert.equal(one.freeFrames, 12);
  assert.equal(one.freeSuperframes, 3);
});

test('a cache made anew leaves out what is held or on its way, and collects the latter', () => {
  const { views, rings, caches: all } = caches(2);
  const held = all[0].takeFrame();
  const returning = all[0].takeFrame();
  all[1].give(returning);
  all[1].flush();
  const again = new SlotCache(views, 0, rings);
  assert.equal(again.freeFrames, 10);
  const slots = drain(again);
  assert.equal(slots.length, 11);
  assert.ok(slots.includes(returning));
  assert.ok(!slots.includes(held));
});

test('no slot is lost or held twice in a random walk of three caches', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seeded(seed);
    const { views, caches: all } = caches(3);
    const total = views.sizes.frames + views.sizes.superframes;
    const held: number[][] = [[], [], []];
    const holder = new Map<number, number>();
    let dry = 0;
    for (let step = 0; step < 3000; step++) {
      const me = random(3);
      const mine = held[me] as number[];
      const what = random(10);
      if (what < 5) {
        const slot = what < 4 ? all[me].takeFrame() : all[me].takeSuperframe();
        if (slot === -1) {
          dry++;
          continue;
        }
        assert.equal(slot >= views.sizes.frames, what === 4);
        assert.equal(holder.get(slot), undefined, `seed ${seed}: slot ${slot} was given out twice`);
        holder.set(slot, me);
        mine.push(slot);
      } else if (what < 9 && mine.length > 0) {
        const slot = mine.splice(random(mine.length), 1)[0] as number;
        if (what < 7) {
          const other = random(3);
          holder.set(slot, other);
          (held[other] as number[]).push(slot);
        } else {
          holder.delete(slot);
          all[me].give(slot);
        }
      } else all[me].flush();
    }
    assert.ok(dry > 0, `seed ${seed}: no pool ran dry`);
    held.forEach((slots, me) => {
      for (const slot of slots) all[me].give(slot);
    });
    for (const cache of all) cache.flush();
    let free = 0;
    for (const cache of all) {
      cache.collect();
      free += cache.freeFrames + cache.freeSuperframes;
    }
    assert.equal(free, total, `seed ${seed}: slots lost`);
    assert.ok(views.owner.every((owner) => owner === SlotOwner.RESTING));
  }
});
