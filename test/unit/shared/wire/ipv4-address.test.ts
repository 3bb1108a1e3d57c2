/**
 * IPv4 addresses as text (shared/wire/ipv4-address.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { formatIpv4, parseIpv4, prefixMask4, swap32 } from '../../../../src/shared/wire/ipv4-address.js';

test('an address is its bytes as two 16-bit words read from memory', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
      const u16 = new Uint16Array(Uint8Array.from(bytes).buffer);
      const address = parseIpv4(bytes.join('.')) as number;
      assert.equal(address, u16[0] | (u16[1] << 16));
      assert.equal(formatIpv4(address), bytes.join('.'));
    }),
    { seed: 20261121 },
  );
});

test('A74 255.255.255.255 and 0.0.0.0 are addresses', () => {
  assert.equal(parseIpv4('255.255.255.255'), -1);
  assert.equal(parseIpv4('0.0.0.0'), 0);
});

test('anything but four decimal numbers is none', () => {
  const wrong = [
    '',
    '1',
    '10.1',
    '10.0.1',
    '10.0.0.1.2',
    '10.0.0.256',
    '10.0.0.01',
    '0x0a.0.0.1',
    '10.0.0.1 ',
    ' 10.0.0.1',
  ];
  for (const text of [...wrong, '10.0.0.1\n', '10..0.1', '10.0.0.', '-1.0.0.1', '1e1.0.0.1', '10.0.0.1000', '::1']) {
    assert.equal(parseIpv4(text), undefined, JSON.stringify(text));
  }
});

test('host order has the first byte on top, and prefixes are its high bits', () => {
  assert.equal(swap32(parseIpv4('10.1.2.3') as number), 0x0a010203);
  assert.equal(swap32(parseIpv4('192.0.2.255') as number) >>> 0, 0xc00002ff);
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (address) => {
      assert.equal(swap32(swap32(address)), address);
      assert.equal(Buffer.from(Int32Array.of(address).buffer).readInt32BE(), swap32(address));
    }),
    { seed: 20261121 },
  );
  for (let length = 0; length <= 32; length++) {
    assert.equal(
      (prefixMask4(length) >>> 0).toString(2).padStart(32, '0'),
      '1'.repeat(length) + '0'.repeat(32 - length),
    );
  }
});
