/**
 * Reassembly against a plain model, and its bounds (main/stack/reassembly.ts): RFC 791, RFC 8200 §4.5, RFC 5722.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { Books, ether, FakeWorld, icmp, ip, ipv4, ipv6, mac, sum6, text } from '../../../support/fake-stack.js';
import { readIpv4, readIpv6 } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);
const S4 = '10.0.1.9';
const S6 = '2001:db8:1::9';
const D4 = '10.0.1.1';
const D6 = '2001:db8:1::1';

function world(): FakeWorld {
  const w = new FakeWorld();
  w.add(1, 0, ['10.0.1.1/24', '2001:db8:1::1/64'], { mtu: 9000 });
  w.stack.addStatic(1, ip(S4), mac(9));
  w.stack.addStatic(1, ip(S6), mac(9));
  return w;
}

/** A fragment of an echo request: its bytes from `begin` to `end`. */
function fragment(
  family: 4 | 6,
  message: Uint8Array,
  begin: number,
  end: number,
  id = 1,
  last = message.length,
): Uint8Array {
  const data = message.slice(begin, end);
  const mf = end < last;
  if (family === 4) return ether(mac(1), mac(9), 0x0800, ipv4(S4, D4, 1, data, { id, offset: begin, mf }));
  const header = new Uint8Array(8);
  header[0] = 58;
  new DataView(header.buffer).setUint16(2, begin | (mf ? 1 : 0));
  header[7] = id;
  return ether(mac(1), mac(9), 0x86dd, ipv6(S6, D6, 44, Uint8Array.from([...header, ...data])));
}

function echo(family: 4 | 6, size: number, fill = 3): Uint8Array {
  const payload = Uint8Array.from({ length: size }, (_, k) => k * fill);
  return family === 4 ? icmp(8, 0, 0x12340001, payload) : sum6(S6, D6, 58, icmp(128, 0, 0x12340001, payload));
}

function local(w: FakeWorld, frame: Uint8Array, cast: 0 | 1 = 0): void {
  w.punt(1, frame, PuntReason.LOCAL, cast);
}

test('fragments in any order, with repetitions, are the datagram: its echo comes back whole, and each is consumed', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<4 | 6>(4, 6),
      fc.integer({ min: 1, max: 3000 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 370 }), { maxLength: 12 }),
      fc.infiniteStream(fc.nat()),
      (family, size, cuts, order) => {
        const w = world();
        const books = new Books(w);
        const message = echo(family, size);
        const at = [0, ...cuts.map((cut) => cut * 8).filter((cut) => cut < message.length), message.length].sort(
          (a, b) => a - b,
        );
        const parts = at.slice(1).map((end, k) => fragment(family, message, at[k], end));
        const shuffled = parts
          .map((part) => ({ part, key: order.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ part }) => part);
        shuffled.forEach((part, k) => {
          local(w, part);
          if (k < parts.length - 1) {
            assert.equal(w.sent.length, 0);
            local(w, part); // Once more.
            assert.equal(w.drops.length, k + 1);
            assert.equal(w.stack.held, k + 1);
          }
        });
        assert.equal(w.consumed, parts.length);
        assert.equal(w.stack.held, 0);
        const bytes = w.sent[0].bytes.slice(14);
        const reply = family === 4 ? readIpv4(bytes) : readIpv6(bytes);
        assert.equal(text(reply.payload.slice(4)), text(message.slice(4)));
        books.balance();
      },
    ),
    { seed, numRuns: 300 },
  );
});

test('random fragments against a model: whole exactly if no two overlap or contradict each other before all is there', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<4 | 6>(4, 6),
      fc.array(
        fc.record({
          begin: fc.integer({ min: 0, max: 5 }),
          blocks: fc.integer({ min: 1, max: 6 }),
          last: fc.integer({ min: 0, max: 3 }),
        }),
        { maxLength: 12 },
      ),
      (family, pieces) => {
        const w = world();
        const books = new Books(w);
        const message = echo(family, 40); // 48 bytes: six blocks of 8.
        const cells = new Array<boolean>(16).fill(false);
        const seen = new Set<string>();
        let end: number | undefined;
        let refused = false;
        let answers = 0;
        for (const { begin, blocks, last } of pieces) {
          const from = begin * 8;
          const to = Math.min(48, from + blocks * 8);
          const final = to === 48 || last === 0;
          if (from === 0 && final) continue; // No fragment.
          local(w, fragment(family, message, from, to, 1, final ? to : 48));
          const name = `${from}-${to}-${final}`;
          if (refused || seen.has(name)) continue;
          const overlap = cells.slice(from / 8, to / 8).includes(true);
          const beyond = end !== undefined && (to > end || final);
          const before = final && cells.slice(to / 8).includes(true);
          if (overlap || beyond || before) {
            refused = true;
            continue;
          }
          seen.add(name);
          cells.fill(true, from / 8, to / 8);
          if (final) end = to;
          if (end !== undefined && !cells.slice(0, end / 8).includes(false)) {
            if (end === 48) answers++;
            cells.fill(false);
            seen.clear();
            end = undefined;
          }
        }
        assert.equal(w.sent.length, answers, JSON.stringify(pieces));
        books.balance();
        w.pass(61_000);
        assert.equal(w.stack.held, 0);
        books.balance();
      },
    ),
    { seed, numRuns: 1000 },
  );
});

test('after 30 s, of IPv6 60 s, fragments are dropped, and the sender of the first one is told', () => {
  for (const [family, ms] of [
    [4, 30_000],
    [6, 60_000],
  ] as const) {
    const w = world();
    const books = new Books(w);
    const message = echo(family, 100);
    local(w, fragment(family, message, 0, 48));
    local(w, fragment(family, message, 48, 96, 2));
    w.pass(ms - 200);
    assert.equal(w.stack.held, 2);
    w.pass(300);
    assert.deepEqual(
      w.drops.map((drop) => drop.reason),
      ['reassembly-timeout', 'reassembly-timeout'],
    );
    const [error, ...more] = w.sent;
    assert.equal(more.length, 0, 'the second datagram has no first fragment');
    const bytes = error.bytes.slice(14);
    assert.equal(
      text((family === 4 ? readIpv4(bytes) : readIpv6(bytes)).payload.slice(0, 2)),
      family === 4 ? '0b01' : '0301',
    );
    books.balance();
  }
});

test('memory is bounded: the oldest datagram makes room', () => {
  const w = world();
  const books = new Books(w);
  const message = echo(4, 8000);
  for (let id = 0; id < 900; id++) local(w, fragment(4, message, 0, 8000, id));
  assert.ok(w.stack.held * 8000 < 4 << 20);
  assert.ok(w.drops.length > 300 && w.drops.every((drop) => drop.reason === 'reassembly-full'));
  local(w, fragment(4, message, 8000, 8008, 899));
  assert.equal(w.sent.length, 1);
  books.balance();
  for (let id = 0; id < 3000; id++) local(w, fragment(4, message, 0, 8, id));
  assert.ok(w.stack.held <= 1024);
  books.balance();
});

test('IPv6: a length that is no multiple of 8 and a datagram that is too long are answered with their offsets', () => {
  const w = world();
  const message = echo(6, 100);
  local(w, fragment(6, message, 0, 43));
  const far = fragment(6, message, 0, 48);
  new DataView(far.buffer).setUint16(14 + 42, 0xfff8 | 1);
  far[14 + 40] = 17; // A later fragment of ICMPv6 may be one of an error.
  local(w, far);
  assert.deepEqual(w.takeDrops(), ['reassembly', 'reassembly']);
  const errors = w.take().map((one) => readIpv6(one.bytes.slice(14)).payload);
  assert.deepEqual(
    errors.map((e) => text(e.slice(0, 2)) + text(e.slice(4, 8))),
    ['040000000004', '04000000002a'],
  );
});

test('an atomic fragment waits for nobody (RFC 6946)', () => {
  const w = world();
  const message = echo(6, 100);
  local(w, fragment(6, message, 0, 48));
  local(w, fragment(6, echo(6, 10), 0, 18));
  assert.equal(w.take().length, 1);
  assert.equal(w.stack.held, 1);
});

test('an interface that goes takes its fragments along', () => {
  const w = world();
  local(w, fragment(4, echo(4, 100), 0, 48));
  w.stack.forget(1);
  assert.deepEqual(w.takeDrops(), ['down']);
  assert.equal(w.stack.held, 0);
});

test('a datagram that is too long only with its first header is dropped whole, and so is one in too many pieces', () => {
  const w = world();
  const books = new Books(w);
  const options = new Uint8Array(40).fill(1);
  const part = (offset: number, size: number, mf: boolean, more = {}) =>
    ether(mac(1), mac(9), 0x0800, ipv4(S4, D4, 17, new Uint8Array(size), { offset, mf, ...more }));
  local(w, part(0, 8, true, { options }));
  local(w, part(8, 65_504, false));
  books.balance();
  assert.equal(w.stack.held, 0);
  for (let k = 0; k < 300; k++) local(w, part(k * 8, 8, true, { id: 9 }));
  assert.equal(w.stack.held, 0);
  books.balance();
});

test('fragments of fragments are refused', () => {
  const w = world();
  const books = new Books(w);
  const inner = Uint8Array.from([58, 0, 0, 1, 0, 0, 0, 2, ...echo(6, 40)]);
  for (const [begin, end] of [
    [0, 24],
    [24, 56],
  ]) {
    const bytes = fragment(6, inner, begin, end);
    bytes[14 + 40] = 44;
    local(w, bytes);
  }
  assert.deepEqual(
    w.drops.map((drop) => drop.reason),
    ['reassembly', 'reassembly'],
  );
  books.balance();
});
