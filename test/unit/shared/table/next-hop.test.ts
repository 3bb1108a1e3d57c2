/**
 * Next hops and ECMP groups (shared/table/next-hop.ts): records, users, changes, and when memory and indices come back.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  BUCKETS_MAX,
  type Member,
  makeNextHopRecord,
  NextHop,
  NextHopKind,
  NextHopTable,
  pickMember,
} from '../../../../src/shared/table/next-hop.js';
import { FibBench } from '../../support/fib-bench.js';

function setUp(capacity = 64) {
  const bench = new FibBench(1 << 18);
  const table = new NextHopTable(bench.memory, bench.reclaimer, capacity);
  const record = makeNextHopRecord(bench.heap);
  const at = (index: number): number => record(table.root, index);
  const word = (index: number, field: NextHop): number => bench.heap[at(index) + field];
  /** How often each index is picked by hashes 0 … 63. */
  const picks = (group: number): Record<number, number> => {
    const count: Record<number, number> = {};
    for (let hash = 0; hash < BUCKETS_MAX; hash++) {
      const index = pickMember(bench.heap, at(group), hash - 32);
      count[index] = (count[index] ?? 0) + 1;
    }
    return count;
  };
  return { bench, table, at, word, picks };
}

const LOCAL = { kind: NextHopKind.LOCAL } as const;

describe('next hops', () => {
  it('a record has what it was made of', () => {
    const { bench, table, at } = setUp();
    const index = table.add({
      ...{ kind: NextHopKind.GATEWAY, interface: 3, generation: 7, mtu: 1400 },
      ...{ gateway: [0x20010db8, 0, 0, 1], neighbour: 4096, flags: 5 },
    });
    assert.equal(index, 1);
    assert.deepEqual(
      [...bench.heap.subarray(at(index), at(index) + NextHop.WORDS)],
      [NextHopKind.GATEWAY, 3, 7, 1400, 0x20010db8, 0, 0, 1, 4096, 5, 0, 0, 0, 0, 0, 0],
    );
    const ipv4 = table.add({ kind: NextHopKind.GATEWAY, gateway: [0x0a000001] });
    assert.deepEqual([...bench.heap.subarray(at(ipv4) + 4, at(ipv4) + 8)], [0x0a000001, 0, 0, 0]);
    assert.equal(table.size, 2);
  });

  it('index 0, and one that is free, have a record of kind NONE', () => {
    const { bench, table, word } = setUp();
    const index = table.add(LOCAL);
    table.release(index);
    bench.reclaimer.poll();
    assert.deepEqual([word(0, NextHop.KIND), word(index, NextHop.KIND), word(63, NextHop.KIND)], [0, 0, 0]);
  });

  it('a change is another record under the same index; the old one stays whole for who has it', () => {
    const { bench, table, at, word } = setUp();
    const index = table.add({ kind: NextHopKind.GATEWAY, interface: 1, gateway: [0x0a000001] });
    bench.online();
    const old = at(index);
    const used = bench.slab.usedWords;
    table.change(index, { kind: NextHopKind.REJECT });
    bench.reclaimer.poll();
    assert.equal(word(index, NextHop.KIND), NextHopKind.REJECT);
    assert.deepEqual([...bench.heap.subarray(old, old + 5)], [NextHopKind.GATEWAY, 1, 0, 0, 0x0a000001]);
    bench.announce();
    bench.reclaimer.poll();
    assert.equal(bench.slab.usedWords, used);
    assert.notEqual(bench.heap[old], NextHopKind.GATEWAY, 'poisoned');
  });

  it('an index comes back with its last user, after a grace period', () => {
    const { bench, table, word } = setUp();
    const index = table.add(LOCAL);
    table.hold(index);
    table.release(index);
    assert.equal(table.users(index), 1);
    bench.online();
    table.release(index);
    assert.equal(table.users(index), 0);
    bench.reclaimer.poll();
    assert.equal(word(index, NextHop.KIND), NextHopKind.LOCAL, 'a worker may have read the index just before');
    assert.notEqual(table.add(LOCAL), index);
    bench.announce();
    bench.reclaimer.poll();
    assert.equal(table.add({ kind: NextHopKind.BLACKHOLE }), index);
    assert.equal(word(index, NextHop.KIND), NextHopKind.BLACKHOLE);
  });

  it('an index that is free has no users, members or changes', () => {
    const { table } = setUp();
    for (const index of [0, 1, -1]) {
      assert.throws(() => table.hold(index), RangeError);
      assert.throws(() => table.release(index), RangeError);
      assert.throws(() => table.change(index, LOCAL), RangeError);
      assert.throws(() => table.addGroup([{ index, weight: 1 }]), RangeError);
    }
    assert.equal(table.size, 0);
  });

  it('the array grows, and what was in it stays where its index says', () => {
    const { bench, table, word } = setUp(4);
    bench.online();
    const indices = Array.from({ length: 40 }, (_, n) => table.add({ kind: NextHopKind.CONNECTED, interface: n + 1 }));
    assert.deepEqual(
      indices.map((index) => word(index, NextHop.INTERFACE)),
      indices.map((_, n) => n + 1),
    );
    assert.equal(word(63, NextHop.KIND), NextHopKind.NONE);
    const [first = 0] = indices;
    table.release(first);
    bench.offline();
    bench.reclaimer.poll();
    assert.equal(word(first, NextHop.KIND), NextHopKind.NONE);
    assert.equal(bench.slab.usedWords, 64 + 16 * (39 + 2));
  });
});

describe('ECMP groups', () => {
  const cases: [string, number[], number[]][] = [
    ['one member', [5], [64]],
    ['two alike', [1, 1], [32, 32]],
    ['three alike', [1, 1, 1], [22, 21, 21]],
    ['one to three', [100, 300], [16, 48]],
    ['a very small share has a bucket still', [1, 60000], [1, 63]],
    ['64 members', Array.from({ length: 64 }, (_, n) => n + 1), Array.from({ length: 64 }, () => 1)],
  ];
  for (const [name, weights, expected] of cases) {
    it(`${name}: flows are spread by weight`, () => {
      const { table, picks } = setUp(128);
      const members = weights.map((weight): Member => ({ index: table.add(LOCAL), weight }));
      const count = picks(table.addGroup(members));
      assert.deepEqual(
        members.map(({ index }) => count[index]),
        expected,
      );
    });
  }

  it('is a user of its members until it changes or goes', () => {
    const { bench, table, word, picks } = setUp();
    const [a, b, c] = [table.add(LOCAL), table.add(LOCAL), table.add(LOCAL)];
    const group = table.addGroup([
      { index: a, weight: 1 },
      { index: b, weight: 1 },
    ]);
    assert.equal(word(group, NextHop.KIND), NextHopKind.ECMP);
    for (const index of [a, b, c]) table.release(index);
    assert.deepEqual(
      [a, b, c].map((index) => table.users(index)),
      [1, 1, 0],
    );
    table.changeGroup(group, [{ index: b, weight: 2 }]);
    assert.deepEqual(
      [a, b].map((index) => table.users(index)),
      [0, 1],
    );
    assert.deepEqual(picks(group), { [b]: 64 });
    table.change(group, LOCAL);
    assert.equal(table.users(b), 0);
    assert.equal(word(group, NextHop.KIND), NextHopKind.LOCAL);
    table.release(group);
    bench.reclaimer.poll();
    assert.equal(table.size, 0);
    assert.equal(bench.slab.usedWords, 64 + 2 * 16, 'the array, the table and NONE');
  });

  it('a member whose group goes is not reused while a worker may have picked it', () => {
    const { bench, table, word } = setUp();
    const member = table.add(LOCAL);
    const group = table.addGroup([{ index: member, weight: 1 }]);
    table.release(member);
    bench.online();
    table.release(group);
    bench.reclaimer.poll();
    assert.equal(word(member, NextHop.KIND), NextHopKind.LOCAL);
    bench.announce();
    bench.reclaimer.poll();
    assert.equal(word(member, NextHop.KIND), NextHopKind.NONE);
  });

  it('refuses none, too many, weights out of range, groups in groups', () => {
    const { table } = setUp(128);
    const index = table.add(LOCAL);
    const group = table.addGroup([{ index, weight: 1 }]);
    const refused = (members: readonly Member[]): void => {
      assert.throws(() => table.addGroup(members), RangeError);
      assert.throws(() => table.changeGroup(group, members), RangeError);
    };
    refused([]);
    refused(Array.from({ length: 65 }, () => ({ index, weight: 1 })));
    for (const weight of [0, -1, 1.5, 0x10000]) refused([{ index, weight }]);
    refused([{ index: group, weight: 1 }]);
    assert.equal(table.users(index), 2);
    assert.equal(table.size, 2);
  });
});
