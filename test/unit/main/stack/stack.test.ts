/**
 * The books of the stack (main/stack/stack.ts): whatever is punted, each packet ends in exactly one way, and what waits is bounded
 * in time.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { arp, Books, ether, FakeWorld, icmp, ip, ipv4, ipv6, mac, sum6 } from '../../../support/fake-stack.js';
import { hex } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);

const ADDRESSES4 = [
  '10.0.1.1',
  '10.0.1.9',
  '10.0.2.9',
  '10.0.2.255',
  '10.0.3.2',
  '10.9.0.1',
  '11.0.0.1',
  '224.0.0.1',
  '255.255.255.255',
];
const ADDRESSES6 = [
  '2001:db8:1::1',
  '2001:db8:1::9',
  '2001:db8:2::9',
  'fe80::9',
  'fe80::1',
  'ff02::1',
  '2001:db9::1',
  '::',
];

function world(random: () => number): FakeWorld {
  const w = new FakeWorld(random);
  w.limit = 1000;
  w.add(1, 0, ['10.0.1.1/24', 'fe80::1/64', '2001:db8:1::1/64'], { proxyArp: true, proxyNd: true });
  w.add(2, 0, ['10.0.2.1/24', 'fe80::2/64', '2001:db8:2::1/64'], { mtu: 1280 });
  w.add(3, 0, ['10.0.3.1/30'], { kind: 'point-to-point' });
  w.to(0, '10.9.0.0/16', { kind: 'gateway', out: 1, gateway: ip('10.0.1.9') });
  return w;
}

const address4 = fc.constantFrom(...ADDRESSES4);
const address6 = fc.constantFrom(...ADDRESSES6);

const packet4 = fc
  .record({
    source: address4,
    to: address4,
    protocol: fc.constantFrom(1, 6, 17, 200),
    size: fc.constantFrom(0, 8, 24, 1400, 3000),
    ttl: fc.constantFrom(1, 64),
    id: fc.nat(3),
    df: fc.boolean(),
    mf: fc.boolean(),
    offset: fc.constantFrom(0, 0, 8, 24),
    options: fc.constantFrom('', '', '94040000', '0707040000000000', '07000000'),
  })
  .map(({ source, to, protocol, size, options, ...fields }) => {
    const payload = protocol === 1 ? icmp(8, 0, 1, new Uint8Array(size)) : new Uint8Array(size);
    return { type: 0x0800, bytes: ipv4(source, to, protocol, payload, { ...fields, options: hex(options) }) };
  });

const packet6 = fc
  .record({
    source: address6,
    to: address6,
    kind: fc.nat(4),
    size: fc.constantFrom(0, 8, 24, 1400),
    hops: fc.constantFrom(1, 64, 255),
  })
  .map(({ source, to, kind, size, hops }) => {
    const data = new Uint8Array(size);
    const bodies: [number, Uint8Array][] = [
      [17, data],
      [58, sum6(source, to, 58, icmp(128, 0, 1, data))],
      [58, sum6(source, to, 58, icmp(135, 0, 0, new Uint8Array(16).fill(0x20)))],
      [44, Uint8Array.from([...hex('3a00000100000001'), ...data])],
      [43, Uint8Array.from([...hex('3b00000100000000'), ...data])],
    ];
    return { type: 0x86dd, bytes: ipv6(source, to, bodies[kind][0], bodies[kind][1], hops) };
  });

const arpFrame = fc
  .record({ op: fc.constantFrom(1, 2), from: fc.constantFrom(8, 9), source: address4, to: address4 })
  .map(({ op, from, source, to }) => ({ type: 0x0806, bytes: arp(op, mac(from), source, to).slice(14) }));

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      frame: fc.oneof(packet4, packet6, arpFrame),
      index: fc.integer({ min: 1, max: 4 }),
      reason: fc.integer({ min: 3, max: 10 }),
      cast: fc.constantFrom<0 | 1 | 2>(0, 0, 0, 1, 2),
      cut: fc.constantFrom(0, 0, 0, 0, 7),
    }),
  },
  { weight: 3, arbitrary: fc.record({ pass: fc.constantFrom(100, 1000, 5000, 30_000) }) },
  { weight: 1, arbitrary: fc.record({ forget: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ refuses: fc.boolean() }) },
);

test('the books balance after whatever comes, and after two minutes of silence nothing is held', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (steps, chance) => {
        const w = world(() => chance.next().value as number);
        const books = new Books(w);
        for (const one of steps) {
          if ('pass' in one) w.pass(one.pass);
          else if ('forget' in one) w.stack.forget(one.forget);
          else if ('refuses' in one) w.refuses = one.refuses;
          else {
            const { type, bytes } = one.frame;
            const whole = one.index === 3 ? bytes : ether(mac(one.index), mac(9), type, bytes);
            const reason =
              type === 0x0806 && one.index !== 3
                ? PuntReason.ARP
                : one.reason === PuntReason.ARP
                  ? PuntReason.LOCAL
                  : one.reason;
            w.punt(one.index, whole.slice(0, whole.length - one.cut), reason, one.cast);
          }
          books.balance();
        }
        w.pass(120_000);
        assert.equal(w.stack.held, 0);
        books.balance();
      },
    ),
    { seed, numRuns: 500 },
  );
});

test('random bytes are dropped without a throw', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 10 }),
      fc.constantFrom(0x40, 0x45, 0x46, 0x60),
      (bytes, reason, first) => {
        const w = world(() => 0.5);
        const books = new Books(w);
        if (bytes.length > 14) bytes[14] = first;
        w.punt(1, bytes, reason);
        books.balance();
      },
    ),
    { seed, numRuns: 3000 },
  );
});
