/** Addresses and prefixes as text and words (main/config/address.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  addressWords,
  broadcastOf,
  canonical,
  contains,
  familyOf,
  formatAddress,
  maskLength,
  maskOf,
  networkOf,
  parsePrefix,
} from '../../../../src/main/config/address.js';

test('the family of a text', () => {
  assert.equal(familyOf('10.0.0.1'), 'inet');
  assert.equal(familyOf('::ffff:1.2.3.4'), 'inet6');
  for (const text of ['', '10.0.0', '10.0.0.256', '10.0.0.01', 'fe80::1%eth0', '::1/64', 'tap0']) {
    assert.equal(familyOf(text), undefined, text);
  }
});

test('words in host order, and back in the spelling of RFC 5952', () => {
  assert.deepEqual([...addressWords('10.0.0.1')], [0x0a000001]);
  assert.deepEqual([...addressWords('255.255.255.255')], [-1]);
  assert.deepEqual([...addressWords('2001:db8::1.2.3.4')], [0x20010db8, 0, 0, 0x01020304]);
  assert.equal(formatAddress([0x7f000001]), '127.0.0.1');
  const spellings = { '2001:DB8:0:0:0:0:0:1': '2001:db8::1', '0::0': '::', '1:0:0:2:0:0:0:3': '1:0:0:2::3' };
  for (const [text, same] of Object.entries(spellings)) assert.equal(canonical(text), same);
  assert.throws(() => canonical('nonsense'), { code: 'EINVAL' });
});

test('networks, broadcasts and masks', () => {
  assert.equal(networkOf('10.1.2.3', 20), '10.1.0.0');
  assert.equal(networkOf('10.1.2.3', 0), '0.0.0.0');
  assert.equal(networkOf('2001:db8:ffff::1', 33), '2001:db8:8000::');
  assert.equal(broadcastOf('10.1.2.3', 20), '10.1.15.255');
  assert.equal(broadcastOf('10.1.2.3', 0), '255.255.255.255');
  assert.equal(maskOf(12, 'inet'), '255.240.0.0');
  assert.equal(maskOf(64, 'inet6'), 'ffff:ffff:ffff:ffff::');
  assert.ok(contains('10.0.0.0', 8, '10.255.0.1'));
  assert.ok(!contains('10.0.0.0', 8, '11.0.0.0'));
  assert.ok(!contains('::', 0, '10.0.0.1'), 'another family');
});

test('netmasks in both spellings; one with holes is refused', () => {
  const lengths = { '255.255.255.0': 24, '0xffffff00': 24, '0.0.0.0': 0, '255.255.255.255': 32, '0x80000000': 1 };
  for (const [text, length] of Object.entries(lengths)) assert.equal(maskLength(text), length, text);
  for (const text of ['255.0.255.0', '0xff00ff00', '24', '0x', 'ffffff00', '0.0.0.255']) {
    assert.throws(() => maskLength(text), { code: 'EINVAL' }, text);
  }
});

test('prefixes', () => {
  assert.deepEqual(parsePrefix('10.0.0.1/24'), { address: '10.0.0.1', family: 'inet', length: 24 });
  assert.deepEqual(parsePrefix('2001:DB8::'), { address: '2001:db8::', family: 'inet6', length: -1 });
  for (const text of ['10.0.0.1/33', '::/129', '10.0.0.1/', '10.0.0.1/x', '10.0.0.1/24/8', '/24']) {
    assert.throws(() => parsePrefix(text), { code: 'EINVAL' }, text);
  }
});
