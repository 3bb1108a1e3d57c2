/**
 * IPv6 forwarding table (shared/table/fib6.ts): literal cases, host routes, random tables against a brute-force match, memory.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fib6, Fib6Near, makeFib6Lookup } from '../../../../src/shared/table/fib6.js';
import { seeded } from '../../../support/stress.js';
import { BruteForce, FibBench } from '../../support/fib-bench.js';

const SEED = 20261121;
const HOST_KEY = 0x5eed1234;

type Words = [number, number, number, number];

/** Words of an address as text. */
function ip(text: string): Words {
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const last = tail === undefined ? [] : groups(tail);
  const first = groups(head);
  const all = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
  const word = (n: number): number => ((all[2 * n] as number) << 16) | (all[2 * n + 1] as number);
  return [word(0), word(1), word(2), word(3)];
}

/** A table whose prefixes and addresses are text. A look-up that remembers the one before says the same as one that does not. */
class Table {
  readonly bench = new FibBench();
  readonly fib = new Fib6(this.bench.memory, this.bench.reclaimer, HOST_KEY);
  private readonly find = makeFib6Lookup(this.bench.heap);
  readonly near = new Int32Array(Fib6Near.WORDS);
  readonly recall = makeFib6Lookup(this.bench.heap, this.near);

  add(prefix: string, nextHop: number): number {
    const [address = '', length] = prefix.split('/');
    return this.fib.insert(...ip(address), Number(length), nextHop);
  }

  remove(prefix: string): number {
    const [address = '', length] = prefix.split('/');
    return this.fib.remove(...ip(address), Number(length));
  }

  look(...addresses: readonly string[]): number[] {
    return addresses.map((address) => this.at(ip(address)));
  }

  at(address: Words): number {
    const found = this.find(this.fib.root, ...address);
    this.near[Fib6Near.ROOT] = 0;
    for (let n = 0; n < 2; n++)
      if (this.recall(this.fib.root, ...address) !== found)
        assert.fail(`${address}: not ${found} where it is remembered`);
    return found;
  }
}

describe('fib6', () => {
  it('the words of an address', () => assert.deepEqual(ip('2001:db8::1'), [0x20010db8, 0, 0, 1]));

  it('the longest prefix wins, whatever the order of insertion', () => {
    const routes: [string, number][] = [
      ['::/0', 1],
      ['2000::/3', 2],
      ['2001:db8::/32', 3],
      ['2001:db8:1::/48', 4],
      ['2001:db8:1:2::/64', 5],
      ['2001:db8:1:2:3::/80', 6],
      ['2001:db8:1:2:3::/127', 7],
      ['2001:db8:1:2:3::1/128', 8],
    ];
    const addresses = [
      ...['2001:db8:1:2:3::1', '2001:db8:1:2:3::', '2001:db8:1:2:3::2', '2001:db8:1:2:4::', '2001:db8:1:3::'],
      ...['2001:db8:2::', '2001:db9::', 'fe80::1'],
    ];
    for (const order of [routes, routes.toReversed()]) {
      const table = new Table();
      for (const [prefix, nextHop] of order) assert.equal(table.add(prefix, nextHop), 0);
      assert.equal(table.fib.size, 8);
      assert.deepEqual(table.look(...addresses), [8, 7, 6, 5, 4, 3, 2, 1]);
    }
  });

  it('an empty table has no route', () => {
    assert.deepEqual(new Table().look('::', '2001:db8::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'), [0, 0, 0]);
  });

  it('what covers a prefix takes its place when it goes', () => {
    const table = new Table();
    table.add('2001:db8::/32', 1);
    table.add('2001:db8:0:1::/64', 2);
    table.add('2001:db8:0:1::1/128', 3);
    assert.equal(table.remove('2001:db8:0:1::/64'), 2);
    assert.deepEqual(table.look('2001:db8:0:1::1', '2001:db8:0:1::2'), [3, 1]);
    assert.equal(table.remove('2001:db8:0:1::1/128'), 3);
    assert.equal(table.remove('2001:db8:0:1::1/128'), 0);
    assert.deepEqual(table.look('2001:db8:0:1::1'), [1]);
    assert.equal(table.remove('2001:db8::/32'), 1);
    assert.deepEqual(table.look('2001:db8:0:1::1'), [0]);
  });

  it('a default route comes, changes and goes', () => {
    const table = new Table();
    assert.equal(table.add('::/0', 1), 0);
    assert.equal(table.add('::/0', 2), 1);
    assert.deepEqual(table.look('::', 'ff02::1'), [2, 2]);
    assert.equal(table.remove('::/0'), 2);
    assert.deepEqual(table.look('::', 'ff02::1'), [0, 0]);
  });

  it('hosts that differ in one word, in their thousands, come and go', () => {
    const table = new Table();
    const empty = table.bench.slab.usedWords;
    const host = (n: number): Words => {
      const words: Words = [0x20010db8, 0, 0, 0];
      words[n & 3] ^= n;
      return words;
    };
    for (let n = 1; n <= 3000; n++) assert.equal(table.fib.insert(...host(n), 128, n), 0);
    for (let n = 1; n <= 3000; n++) assert.equal(table.at(host(n)), n);
    for (let n = 1; n <= 3000; n += 2) assert.equal(table.fib.remove(...host(n), 128), n);
    for (let n = 2; n <= 3000; n += 2) assert.equal(table.fib.insert(...host(n), 128, n + 1), n);
    for (let n = 1; n <= 3000; n++) assert.equal(table.at(host(n)), n & 1 ? 0 : n + 1);
    for (let n = 2; n <= 3000; n += 2) table.fib.remove(...host(n), 128);
    assert.equal(table.at(host(2)), 0);
    table.bench.reclaimer.poll();
    assert.equal(table.bench.slab.usedWords, empty);
  });

  it('one host that comes and goes for ever stays in a small table', () => {
    const table = new Table();
    table.add('2001:db8::1/128', 1);
    for (let n = 0; n < 1000; n++) {
      table.fib.insert(0x20010db8, n, 0, 0, 128, 2);
      assert.equal(table.fib.remove(0x20010db8, n, 0, 0, 128), 2);
    }
    table.bench.reclaimer.poll();
    assert.ok(table.fib.bytes < (1 << 18) + 1024, `${table.fib.bytes}`);
    assert.deepEqual(table.look('2001:db8::1', '2001:db8::2'), [1, 0]);
  });

  it('lengths and next hops out of range are refused', () => {
    const { fib } = new Table();
    for (const length of [-1, 129, 1.5]) assert.throws(() => fib.insert(0, 0, 0, 0, length, 1), RangeError);
    for (const nextHop of [0, 1 << 24]) assert.throws(() => fib.insert(0, 0, 0, 0, 64, nextHop), RangeError);
    assert.equal(fib.size, 0);
  });

  for (const prefix of ['2001:db8:1:2:3:4:5:6/127', '2001:db8::1/128']) {
    it(`B84 what ${prefix} took is not freed while a worker is in a burst that began before`, () => {
      const table = new Table();
      const { bench } = table;
      const empty = bench.slab.usedWords;
      bench.online();
      table.add(prefix, 1);
      const filled = bench.slab.usedWords;
      table.remove(prefix);
      bench.reclaimer.poll();
      assert.equal(bench.slab.usedWords, filled);
      bench.announce();
      bench.reclaimer.poll();
      assert.equal(bench.slab.usedWords, empty);
    });
  }

  it('closing gives back every word, and names the next hop of each prefix', () => {
    const { bench, fib } = new Table();
    for (let n = 0; n < 300; n++) fib.insert(0x20010db8 + (n & 7), n << 16, n, n, n % 129, 1 + (n % 7));
    let released = 0;
    const expected = fib.size;
    fib.close(() => released++);
    bench.reclaimer.poll();
    assert.equal(bench.slab.usedWords, 0);
    assert.equal(released, expected);
  });

  it('no memory: the table is as it was', () => {
    const bench = new FibBench((1 << 16) + 16 + 256 + 64);
    const fib = new Fib6(bench.memory, bench.reclaimer, HOST_KEY);
    const look = makeFib6Lookup(bench.heap);
    fib.insert(...ip('2000::'), 3, 1);
    assert.throws(() => fib.insert(...ip('2001:db8:1::'), 127, 2), { code: 'ENOMEM' });
    assert.throws(() => fib.insert(...ip('2001:db8::1'), 128, 2), { code: 'ENOMEM' });
    assert.equal(fib.size, 1);
    assert.equal(look(fib.root, ...ip('2001:db8::1')), 1);
    assert.equal(fib.insert(...ip('2001:db8:1::'), 48, 3), 0, 'the nodes it had taken are back');
  });

  it('where the first word leads is remembered until it is voided, of one table', () => {
    const table = new Table();
    const { bench, fib, near, recall } = table;
    // More than a range block holds, so that there are nodes down to them.
    for (let n = 0; n < 16; n++) table.add(`2001:db${n.toString(16)}::/32`, n === 8 ? 1 : 100 + n);
    const [a, b] = [ip('2001:db8:1::'), ip('2001:db8:2::')];
    assert.equal(recall(fib.root, ...a), 1);
    fib.insert(...b, 48, 2);
    assert.equal(recall(fib.root, ...b), 1, 'as it was');
    const other = new Fib6(bench.memory, bench.reclaimer, HOST_KEY);
    other.insert(...ip('2001:db8::'), 32, 3);
    assert.equal(recall(other.root, ...b), 3, 'of another table');
    near[Fib6Near.ROOT] = 0;
    assert.equal(recall(fib.root, ...b), 2);
    assert.equal(recall(fib.root, ...ip('2001:db9::')), 109, 'another word');
  });

  it('hosts of one network and of others: the filter lets each be found, and clears when they are gone', () => {
    const table = new Table();
    const { heap } = table.bench;
    const set = (): number => {
      let bits = 0;
      for (let w = table.fib.root + 8; w < table.fib.root + 16; w++)
        for (let bit = 0; bit < 32; bit++) bits += (heap[w] >>> bit) & 1;
      return bits;
    };
    const hosts = Array.from(
      { length: 300 },
      (_, n) => `2001:db8:${(n % 3).toString(16)}:${(n >> 4).toString(16)}::${n.toString(16)}/128`,
    );
    for (const [n, host] of hosts.entries()) table.add(host, n + 1);
    assert.ok(set() > 30, `${set()} bits`);
    for (const [n, host] of hosts.entries()) assert.deepEqual(table.look(host.slice(0, -4)), [n + 1]);
    for (const host of hosts.slice(1)) table.remove(host);
    assert.deepEqual([set(), ...table.look('2001:db8::', '2001:db8:1::1')], [1, 1, 0]);
    table.remove(hosts[0] as string);
    assert.equal(set(), 0);
  });

  it('two halves with one next hop are two prefixes still', () => {
    const table = new Table();
    table.add('2001:db8::/49', 7);
    table.add('2001:db8:0:8000::/49', 7);
    assert.equal(table.remove('2001:db8::/49'), 7);
    assert.deepEqual(table.look('2001:db8::1', '2001:db8:0:8000::1'), [0, 7]);
  });

  it('a range block has one cache line; with more pieces than eight there are nodes in its place until they are gone', () => {
    const table = new Table();
    const { fib } = table;
    table.add('2001::/16', 9);
    const empty = fib.bytes;
    const sizes: number[] = [];
    for (let n = 0; n < 40; n++) {
      fib.insert(0x20010d00 + n * 5, n << 16, 0, 0, 48, 10 + n);
      sizes.push(fib.bytes - empty);
      for (let m = 0; m < 40; m++) {
        assert.deepEqual(table.at([0x20010d00 + m * 5, m << 16, 1, 1]), m <= n ? 10 + m : 9);
        assert.deepEqual(table.at([0x20010d00 + m * 5, (m << 16) + 0x10000, 0, 0]), 9);
      }
    }
    assert.deepEqual([sizes[1], sizes[2]], [sizes[0], sizes[0]], 'seven pieces are in the block of the first prefix');
    assert.ok((sizes[39] as number) < 40 * 2 * 64 + 1024, `${sizes[39]}`);
    for (let n = 0; n < 40; n++) assert.equal(fib.remove(0x20010d00 + n * 5, n << 16, 0, 0, 48), 10 + n);
    assert.equal(fib.bytes, empty);
    assert.deepEqual(table.look('2001:d05:1::'), [9]);
  });

  it('crowded random tables say what a brute-force match says', () => {
    // All prefixes of 24 to 70 bits in two /24: blocks fill, become nodes, are covered from above, and go.
    const random = seeded(SEED);
    for (let run = 0; run < 8; run++) {
      const table = new Table();
      const { bench, fib } = table;
      const empty = fib.bytes;
      const oracle = new BruteForce(4);
      const some = (): Words => [0x20010d00 ^ random(1 << (run + 2)), random(16) << (28 - run), random(4) << 30, 0];
      const live: [Words, number][] = [];
      for (let step = 0; step < 300; step++) {
        const [address, length]: [Words, number] = [some(), 23 + random(48)];
        const nextHop = 1 + random(3);
        fib.insert(...address, length, nextHop);
        oracle.set(address, length, nextHop);
        live.push([address, length]);
        if (random(3) === 0) {
          const [old, bits] = live.splice(random(live.length), 1)[0] as [Words, number];
          fib.remove(...old, bits);
          oracle.delete(old, bits);
        }
        for (const probe of [address, flipped(address, length - 1), flipped(address, length), some()]) {
          assert.equal(table.at(probe), oracle.lookup(probe), probe.map((w) => (w >>> 0).toString(16)).join());
        }
      }
      for (const [address, length] of live) fib.remove(...address, length);
      assert.equal(fib.bytes, empty, 'no node and no block is left in an empty table');
      fib.close();
      bench.reclaimer.poll();
      assert.equal(bench.slab.usedWords, 0);
    }
  });

  it('random tables say what a brute-force match says', () => {
    // Few bits of each word vary, so that prefixes of all lengths nest and meet.
    const word = fc.constantFrom(0, 1, 0x80000000 | 0, 0x20010db8, 0x00010001, -1);
    const address = fc.tuple(fc.constantFrom<number>(0x20010db8, 0x20010db9, -1), word, word, word);
    const route = fc.record({
      address,
      length: fc.oneof(fc.nat(128), fc.constantFrom(0, 16, 24, 32, 48, 64, 96, 127, 128, 128)),
      nextHop: fc.integer({ min: 1, max: 5 }),
      remove: fc.boolean(),
    });
    const batches = fc.array(fc.array(route, { maxLength: 30, size: 'max' }), { maxLength: 8, size: 'max' });
    const seen = { removed: 0, replaced: 0, none: 0, hosts: 0 };
    fc.assert(
      fc.property(batches, fc.array(address, { minLength: 20, maxLength: 20 }), (changes, probes) => {
        const table = new Table();
        const { bench, fib } = table;
        const empty = fib.bytes;
        const oracle = new BruteForce(4);
        for (const batch of changes) {
          for (const r of batch) {
            if (r.remove) {
              if (fib.remove(...r.address, r.length) !== 0) seen.removed++;
              oracle.delete(r.address, r.length);
            } else {
              if (fib.insert(...r.address, r.length, r.nextHop) !== 0) seen.replaced++;
              if (r.length === 128) seen.hosts++;
              oracle.set(r.address, r.length, r.nextHop);
            }
            probes.push(r.address, flipped(r.address, r.length - 1), flipped(r.address, r.length));
          }
          for (const probe of probes) {
            const expected = oracle.lookup(probe);
            if (expected === 0) seen.none++;
            assert.equal(table.at(probe), expected, probe.map((w) => (w >>> 0).toString(16)).join());
          }
        }
        for (const r of changes.flat()) fib.remove(...r.address, r.length);
        assert.equal(fib.size, 0);
        assert.equal(fib.bytes, empty, 'no node is left in an empty table');
        fib.close();
        bench.reclaimer.poll();
        assert.equal(bench.slab.usedWords, 0);
      }),
      { seed: SEED, numRuns: 60 },
    );
    assert.ok(seen.removed > 10 && seen.replaced > 10 && seen.none > 10 && seen.hosts > 10, JSON.stringify(seen));
  });
});

/** The address with bit `bit` turned: just outside a prefix, or another one within. */
function flipped(address: Words, bit: number): Words {
  const other: Words = [...address];
  if (bit >= 0 && bit < 128) other[bit >> 5] ^= 0x80000000 >>> (bit & 31);
  return other;
}
