/**
 * IPv4 forwarding table (shared/table/fib4.ts): literal cases, random tables against a brute-force match, and memory.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fib4, type Fib4RootBits, makeFib4Lookup } from '../../../../src/shared/table/fib4.js';
import { BruteForce, FibBench } from '../../support/fib-bench.js';

const SEED = 20261121;

/** 10.0.0.1 as 0x0a000001. */
function ip(text: string): number {
  return text.split('.').reduce((value, byte) => (value << 8) | Number(byte), 0);
}

/** A table whose prefixes and addresses are text. */
class Table {
  readonly bench: FibBench;
  readonly fib: Fib4;
  private readonly find;

  constructor(rootBits: Fib4RootBits = 16) {
    this.bench = new FibBench((1 << rootBits) + (1 << 20));
    this.fib = new Fib4(this.bench.memory, this.bench.reclaimer, rootBits);
    this.find = makeFib4Lookup(this.bench.heap);
  }

  add(prefix: string, nextHop: number): number {
    const [address = '', length] = prefix.split('/');
    return this.fib.insert(ip(address), Number(length), nextHop);
  }

  remove(prefix: string): number {
    const [address = '', length] = prefix.split('/');
    return this.fib.remove(ip(address), Number(length));
  }

  /** Next hops of addresses. */
  look(...addresses: readonly string[]): number[] {
    return addresses.map((address) => this.find(this.fib.root, ip(address)));
  }
}

describe('fib4', () => {
  it('the longest prefix wins, whatever the order of insertion', () => {
    const routes: [string, number][] = [
      ['0.0.0.0/0', 1],
      ['10.0.0.0/8', 2],
      ['10.1.0.0/16', 3],
      ['10.1.2.0/23', 4],
      ['10.1.2.128/25', 5],
      ['10.1.2.129/32', 6],
    ];
    for (const order of [routes, routes.toReversed()]) {
      const table = new Table();
      for (const [prefix, nextHop] of order) assert.equal(table.add(prefix, nextHop), 0);
      assert.equal(table.fib.size, 6);
      assert.deepEqual(
        table.look('10.1.2.129', '10.1.2.130', '10.1.3.1', '10.1.4.1', '10.2.0.0', '11.0.0.0', '255.255.255.255'),
        [6, 5, 4, 3, 2, 1, 1],
      );
    }
  });

  it('an empty table has no route', () => {
    assert.deepEqual(new Table().look('0.0.0.0', '10.0.0.1', '255.255.255.255'), [0, 0, 0]);
  });

  it('what covers a prefix takes its place when it goes, and only there', () => {
    const table = new Table();
    table.add('10.0.0.0/8', 1);
    table.add('10.1.0.0/16', 2);
    table.add('10.1.1.0/24', 3);
    table.add('10.1.1.1/32', 4);
    assert.equal(table.remove('10.1.0.0/16'), 2);
    assert.deepEqual(table.look('10.1.0.1', '10.1.1.0', '10.1.1.1'), [1, 3, 4]);
    assert.equal(table.remove('10.1.1.0/24'), 3);
    assert.deepEqual(table.look('10.1.1.0', '10.1.1.1'), [1, 4]);
    assert.equal(table.remove('10.1.1.1/32'), 4);
    assert.equal(table.remove('10.1.1.1/32'), 0, 'it is gone');
    assert.equal(table.remove('10.0.0.0/9'), 0, 'it never was there');
    assert.equal(table.remove('10.0.0.0/8'), 1);
    assert.deepEqual(table.look('10.1.1.1'), [0]);
  });

  it('a default route is for what nothing else covers, and goes', () => {
    const table = new Table();
    table.add('0.0.0.0/0', 9);
    table.add('128.0.0.0/1', 8);
    assert.deepEqual(table.look('127.255.255.255', '128.0.0.0'), [9, 8]);
    assert.equal(table.add('0.0.0.0/0', 7), 9);
    assert.equal(table.remove('128.0.0.0/1'), 8);
    assert.deepEqual(table.look('127.255.255.255', '128.0.0.0'), [7, 7]);
    assert.equal(table.remove('0.0.0.0/0'), 7);
    assert.deepEqual(table.look('127.255.255.255', '128.0.0.0'), [0, 0]);
  });

  it('the highest next hop and the edges of a prefix', () => {
    const table = new Table();
    table.add('192.0.2.64/26', 0xffffff);
    assert.deepEqual(table.look('192.0.2.63', '192.0.2.64', '192.0.2.127', '192.0.2.128'), [0, 0xffffff, 0xffffff, 0]);
  });

  it('bits beyond the length are ignored', () => {
    const table = new Table();
    table.add('10.1.2.3/8', 5);
    assert.equal(table.fib.get(ip('10.0.0.0'), 8), 5);
    assert.equal(table.add('10.9.9.9/8', 6), 5);
    assert.deepEqual(table.look('10.77.0.1'), [6]);
  });

  it('lengths and next hops out of range are refused', () => {
    const { fib } = new Table();
    for (const length of [-1, 33, 1.5, Number.NaN]) assert.throws(() => fib.insert(0, length, 1), RangeError);
    for (const nextHop of [0, -1, 1 << 24, 1.5]) assert.throws(() => fib.insert(0, 8, nextHop), RangeError);
    assert.equal(fib.size, 0);
  });

  it('two halves with one next hop are two prefixes still', () => {
    const table = new Table();
    table.add('10.0.0.0/25', 1);
    table.add('10.0.0.128/25', 1);
    table.add('10.0.0.5/32', 2);
    table.remove('10.0.0.5/32');
    table.remove('10.0.0.128/25');
    assert.deepEqual(table.look('10.0.0.5', '10.0.0.127', '10.0.0.128'), [1, 1, 0]);
  });

  it('B83 the next hop of a prefix is replaced with one store an entry, none of them empty', () => {
    const table = new Table();
    table.add('10.1.2.0/24', 1);
    const stores: number[] = [];
    const real = Atomics.store;
    const spy = (view: Int32Array, at: number, value: number): number => {
      stores.push(value);
      return real(view, at, value);
    };
    Object.assign(Atomics, { store: spy });
    try {
      assert.equal(table.add('10.1.2.0/24', 2), 1);
    } finally {
      Object.assign(Atomics, { store: real });
    }
    assert.deepEqual(stores, [(24 << 24) | 2]);
    assert.deepEqual(table.look('10.1.2.3'), [2]);
  });

  it('B84 a block is not freed while a worker is in a burst that began before; one that sleeps delays nothing', () => {
    const table = new Table();
    const { bench } = table;
    const empty = bench.slab.usedWords;
    const fill = (): void => void table.add('10.1.2.3/32', 1);
    bench.online();
    fill();
    const filled = bench.slab.usedWords;
    assert.equal(filled, empty + 512);
    table.remove('10.1.2.3/32');
    bench.reclaimer.poll();
    assert.equal(bench.slab.usedWords, filled, 'the worker may still be in them');
    fill();
    assert.equal(bench.slab.usedWords, filled + 512, 'so the next ones are others');
    bench.announce();
    bench.reclaimer.poll();
    assert.equal(bench.slab.usedWords, filled);
    table.remove('10.1.2.3/32');
    bench.offline();
    bench.reclaimer.poll();
    assert.equal(bench.slab.usedWords, empty);
    assert.equal(table.fib.bytes, empty * 4);
  });

  it('closing gives back every word, and names the next hop of each prefix', () => {
    const bench = new FibBench();
    const fib = new Fib4(bench.memory, bench.reclaimer);
    for (let n = 0; n < 300; n++) fib.insert(Math.imul(n, 0x9e3779b1), 1 + (n % 32), 1 + (n % 7));
    const expected = fib.size;
    const released: number[] = [];
    fib.close((nextHop) => released.push(nextHop));
    bench.reclaimer.poll();
    assert.equal(bench.slab.usedWords, 0);
    assert.equal(released.length, expected);
    assert.ok(released.every((nextHop) => nextHop >= 1 && nextHop <= 7));
  });

  it('no memory: the table is as it was', () => {
    const bench = new FibBench((1 << 16) + 16 + 256);
    const fib = new Fib4(bench.memory, bench.reclaimer);
    const look = makeFib4Lookup(bench.heap);
    fib.insert(ip('10.0.0.0'), 8, 1);
    assert.throws(() => fib.insert(ip('10.1.1.1'), 32, 2), { code: 'ENOMEM' });
    assert.equal(fib.size, 1);
    assert.equal(look(fib.root, ip('10.1.1.1')), 1);
    assert.equal(fib.insert(ip('10.1.1.0'), 24, 3), 0, 'the block it had taken is back');
    assert.equal(look(fib.root, ip('10.1.1.1')), 3);
  });

  for (const rootBits of [8, 16, 24] as const) {
    it(`random tables with a root of ${rootBits} bits say what a brute-force match says`, () => {
      // Few bits vary, so that prefixes nest and meet; they lie on both sides of every level's edge.
      const address = fc.tuple(fc.constantFrom(0x0a, 0x8a, 0xff), fc.nat(3), fc.nat(3), fc.nat(255));
      const route = fc.record({
        address: address.map(([a, b, c, d]) => (a << 24) | (b << 16) | (c << 8) | d),
        length: fc.oneof(
          { arbitrary: fc.integer({ min: 7, max: 32 }), weight: 8 },
          { arbitrary: fc.nat(32), weight: 1 },
        ),
        nextHop: fc.integer({ min: 1, max: 5 }),
        remove: fc.boolean(),
      });
      const batches = fc.array(fc.array(route, { maxLength: 30, size: 'max' }), { maxLength: 8, size: 'max' });
      const seen = { removed: 0, replaced: 0, none: 0 };
      fc.assert(
        fc.property(batches, (changes) => {
          const { bench, fib } = new Table(rootBits);
          const empty = fib.bytes;
          const look = makeFib4Lookup(bench.heap);
          const oracle = new BruteForce(1);
          const probes: number[] = [0, -1, 0x0a000000];
          for (const batch of changes) {
            for (const r of batch) {
              if (r.remove) {
                if (fib.remove(r.address, r.length) !== 0) seen.removed++;
                oracle.delete([r.address], r.length);
              } else {
                if (fib.insert(r.address, r.length, r.nextHop) !== 0) seen.replaced++;
                oracle.set([r.address], r.length, r.nextHop);
              }
              const size = r.length === 0 ? 0 : 2 ** (32 - r.length);
              const first = r.length === 0 ? 0 : r.address & (-1 << (32 - r.length));
              probes.push(r.address, first, (first + size - 1) | 0, (first - 1) | 0, (first + size) | 0);
            }
            for (const probe of probes) {
              const expected = oracle.lookup([probe]);
              if (expected === 0) seen.none++;
              assert.equal(look(fib.root, probe), expected, `${probe.toString(16)}`);
            }
          }
          for (const r of changes.flat()) fib.remove(r.address, r.length);
          assert.equal(fib.size, 0);
          assert.equal(fib.bytes, empty, 'no block is left in an empty table');
          fib.close();
          bench.reclaimer.poll();
          assert.equal(bench.slab.usedWords, 0);
        }),
        { seed: SEED, numRuns: rootBits === 24 ? 8 : 60 },
      );
      assert.ok(seen.removed > 10 && seen.replaced > 10 && seen.none > 10, JSON.stringify(seen));
    });
  }
});
