/**
 * IPv6 addresses as text: the forms of RFC 4291 §2.2, the one form of RFC 5952 (shared/wire/ipv6-address.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { formatIpv6, maskIpv6, parseIpv6 } from '../../../../src/shared/wire/ipv6-address.js';
import { hex } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);

for (const [text, bytes, form] of [
  // RFC 4291 §2.2.
  [
    'ABCD:EF01:2345:6789:ABCD:EF01:2345:6789',
    'abcdef0123456789abcdef0123456789',
    'abcd:ef01:2345:6789:abcd:ef01:2345:6789',
  ],
  ['2001:DB8:0:0:8:800:200C:417A', '20010db80000000000080800200c417a', '2001:db8::8:800:200c:417a'],
  ['FF01:0:0:0:0:0:0:101', 'ff010000000000000000000000000101', 'ff01::101'],
  ['0:0:0:0:0:0:0:1', '00000000000000000000000000000001', '::1'],
  ['::', '00000000000000000000000000000000', '::'],
  ['0:0:0:0:0:0:13.1.68.3', '0000000000000000000000000d014403', '::d01:4403'],
  ['::FFFF:129.144.52.38', '00000000000000000000ffff81903426', '::ffff:129.144.52.38'],
  // RFC 5952 §4: no leading zeros, one zero group is written, the longest run, the first of equal ones.
  ['2001:0db8::0001', '20010db8000000000000000000000001', '2001:db8::1'],
  ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '20010000000000010000000000000001', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
  ['fe80::', 'fe800000000000000000000000000000', 'fe80::'],
] as const) {
  test(`${text} is ${form}`, () => {
    assert.deepEqual(parseIpv6(text), hex(bytes));
    assert.equal(formatIpv6(hex(bytes)), form);
  });
}

test('anything else is no address', () => {
  for (const text of ['', ':', ':::', '1', '1::2::3', '12345::', '::g', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9']) {
    assert.equal(parseIpv6(text), undefined, text);
  }
  for (const text of ['fe80::1%eth0', '::1/64', ' ::1', '::1\n', '10.0.0.1', '::256.0.0.1', '::1.2.3.4:5', '[::1]']) {
    assert.equal(parseIpv6(text), undefined, JSON.stringify(text));
  }
});

test('every address comes back from its text, from any byte on', () => {
  const sparse = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 })), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(sparse, (list) => {
      const bytes = Uint8Array.from(list);
      const text = formatIpv6(bytes);
      assert.deepEqual(parseIpv6(text), bytes);
      assert.equal(text, text.toLowerCase());
      assert.equal(formatIpv6(Uint8Array.from([9, 9, 9, ...list]), 3), text);
    }),
    { seed, numRuns: 1000 },
  );
});

test('a mask leaves the first bits', () => {
  for (let length = 0; length <= 128; length++) {
    const bytes = new Uint8Array(16).fill(0xff);
    maskIpv6(bytes, length);
    const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    assert.equal(bits, '1'.repeat(length) + '0'.repeat(128 - length));
  }
});
