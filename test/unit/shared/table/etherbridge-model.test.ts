/**
 * The learning table against a Map that does the same slowly (shared/table/etherbridge.ts, spec A §3).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { addStatic, Learned, removeWhere, sweep } from '../../../../src/shared/table/etherbridge.js';
import { hi, lo, ME, portValue, TestTable } from '../../support/test-table.js';

const TIMEOUT = 20;
const STATIONS = 30;

/** What the oracle knows of a station; `seen` undefined = static. */
interface Known {
  value: number;
  seen: number | undefined;
}

type Command =
  | { readonly op: 'learn' | 'static'; readonly n: number; readonly value: number }
  | { readonly op: 'lookup' | 'remove'; readonly n: number }
  | { readonly op: 'sweep' | 'flush' }
  | { readonly op: 'wait'; readonly seconds: number };

class Model {
  readonly known = new Map<number, Known>();
  readonly table: TestTable;
  readonly max: number;
  now = 1000;

  constructor(max: number, buckets: number, key: number) {
    this.max = max;
    this.table = new TestTable(max, TIMEOUT, buckets, key, ~key);
  }

  run(command: Command): void {
    switch (command.op) {
      case 'learn':
        this.learn(command.n, command.value);
        break;
      case 'static':
        this.addStatic(command.n, command.value);
        break;
      case 'lookup':
        this.lookup(command.n);
        break;
      case 'remove':
        assert.equal(this.table.remove(command.n), this.known.delete(command.n) ? 1 : 0);
        break;
      case 'sweep':
        assert.equal(
          sweep(this.table.h, this.table.t, this.now, ME),
          this.forget((k) => this.age(k) >= TIMEOUT),
        );
        break;
      case 'flush':
        assert.equal(
          removeWhere(this.table.h, this.table.t, ME, (a) => !a.isStatic),
          this.forget((k) => k.seen !== undefined),
        );
        break;
      case 'wait':
        this.now += command.seconds;
    }
  }

  /** The table holds what the oracle holds, in as many entries as it counts. */
  check(): void {
    const { table, known } = this;
    assert.equal(table.count, known.size);
    assert.ok(known.size <= this.max);
    const listed = table.byStation();
    assert.equal(listed.size, known.size);
    for (const [n, { value, seen }] of known) {
      const address = { lo: lo(n), hi: hi(n), value, isStatic: seen === undefined, seen: seen ?? 0 };
      assert.deepEqual(listed.get(n), address);
    }
    table.assertUnlocked();
  }

  private age({ seen }: Known): number {
    return seen === undefined ? Number.NEGATIVE_INFINITY : this.now - seen;
  }

  private forget(pick: (known: Known) => boolean): number {
    const gone = [...this.known].filter(([, known]) => pick(known));
    for (const [n] of gone) this.known.delete(n);
    return gone.length;
  }

  private lookup(n: number): void {
    const known = this.known.get(n);
    assert.equal(this.table.lookup(n, this.now), known === undefined || this.age(known) > TIMEOUT ? 0 : known.value);
  }

  private learn(n: number, value: number): void {
    const done = this.table.learn(n, value, this.now);
    const known = this.known.get(n);
    if (known === undefined) {
      const room = this.known.size < this.max || [...this.known.values()].some((k) => this.age(k) > TIMEOUT);
      assert.equal(done, room ? Learned.NEW : Learned.FULL);
      if (room) this.enter(n, { value, seen: this.now });
    } else if (known.seen === undefined) {
      assert.equal(done, Learned.KNOWN);
    } else {
      assert.equal(done, known.value === value ? Learned.KNOWN : Learned.MOVED);
      this.known.set(n, { value, seen: this.now });
    }
  }

  private addStatic(n: number, value: number): void {
    const done = addStatic(this.table.h, this.table.t, lo(n), hi(n), value, 0, ME);
    const known = this.known.get(n);
    if (known?.seen === undefined && known !== undefined) {
      assert.equal(done, known.value === value ? Learned.KNOWN : Learned.BUSY);
    } else if (known !== undefined) {
      assert.ok(done !== Learned.FULL && done !== Learned.BUSY);
      this.known.set(n, { value, seen: undefined });
    } else if (done === Learned.FULL) {
      assert.equal(this.known.size, this.max);
    } else {
      assert.equal(done, Learned.NEW);
      this.enter(n, { value, seen: undefined });
    }
  }

  /** A newcomer; in a full table exactly one entry has made room for it, and that one was expired. */
  private enter(n: number, known: Known): void {
    if (this.known.size === this.max) {
      const listed = this.table.byStation();
      const gone = [...this.known].filter(([old]) => !listed.has(old));
      assert.equal(gone.length, 1);
      for (const [old, lost] of gone) {
        assert.ok(this.age(lost) > TIMEOUT, `station ${old} was evicted alive`);
        this.known.delete(old);
      }
    }
    this.known.set(n, known);
  }
}

const station = fc.integer({ min: 0, max: STATIONS - 1 });
const value = fc.integer({ min: 1, max: 4 }).map((index) => portValue(index));

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ op: fc.constant('learn' as const), n: station, value }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('static' as const), n: station, value }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('lookup' as const, 'remove' as const), n: station }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('sweep' as const, 'flush' as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 12 }) }) },
);

for (const [name, max, buckets] of [
  ['of the usual size', 12, 8],
  ['with hardly a free slot', 23, 8],
  ['for one address', 1, 8],
] as const) {
  test(`A85 A87 A88 A91 a table ${name} does what a Map does`, () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(command, { minLength: 20, maxLength: 200 }), (key, commands) => {
        const model = new Model(max, buckets, key);
        for (const c of commands) {
          model.run(c);
          model.check();
        }
        for (let n = 0; n < STATIONS; n++) model.run({ op: 'lookup', n });
        removeWhere(model.table.h, model.table.t, ME, () => true);
        model.table.assertEmpty();
      }),
      { seed: 20261121, numRuns: 150 },
    );
  });
}
