/**
 * Ethernet II headers from literal frames, and addresses as text (shared/wire/ethernet.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  dstHi,
  dstLo,
  EtherType,
  etherType,
  formatMac,
  isGroup,
  type Mac,
  macNumber,
  parseMac,
  Reserved,
  srcHi,
  srcLo,
} from '../../../../src/shared/wire/ethernet.js';

/** A view with the frame of that hex text at `offset`, other bytes 0xee. */
function frameAt(offset: number, hex: string): Uint16Array {
  const bytes = new Uint8Array(512).fill(0xee);
  bytes.set(Buffer.from(hex.replaceAll(' ', ''), 'hex'), offset);
  return new Uint16Array(bytes.buffer);
}

test('the getters read both addresses and the type at any even offset', () => {
  for (const offset of [0, 2, 14, 256, 258]) {
    const u16 = frameAt(offset, '020a0b0c0dfe fee1bad2f3a4 0800 4500');
    assert.equal(formatMac({ hi: dstHi(u16, offset), lo: dstLo(u16, offset) }), '02:0a:0b:0c:0d:fe');
    assert.equal(formatMac({ hi: srcHi(u16, offset), lo: srcLo(u16, offset) }), 'fe:e1:ba:d2:f3:a4');
    assert.equal(dstHi(u16, offset), 0x0a02);
    assert.equal(dstLo(u16, offset), 0xfe0d0c0b | 0);
    assert.equal(srcHi(u16, offset), 0xe1fe);
    assert.equal(srcLo(u16, offset), 0xa4f3d2ba | 0);
    assert.equal(etherType(u16, offset), EtherType.IPV4);
  }
});

for (const [hex, name, type] of [
  ['0800', 'IPv4', EtherType.IPV4],
  ['0806', 'ARP', EtherType.ARP],
  ['8100', '802.1Q', EtherType.VLAN],
  ['86dd', 'IPv6', EtherType.IPV6],
  ['88a8', '802.1ad', EtherType.QINQ],
] as const) {
  test(`ethertype ${hex} on the wire is ${name}`, () => {
    assert.equal(etherType(frameAt(0, `ffffffffffff 020000000001 ${hex}`), 0), type);
  });
}

test('addresses are read from one or two hex digits a group, and printed as two', () => {
  for (const [text, printed] of [
    ['02:00:5e:10:00:01', '02:00:5e:10:00:01'],
    ['2:0:5E:10:0:1', '02:00:5e:10:00:01'],
    ['ff:FF:fF:ff:ff:ff', 'ff:ff:ff:ff:ff:ff'],
    ['0:0:0:0:0:0', '00:00:00:00:00:00'],
  ] as const) {
    assert.equal(formatMac(parseMac(text) as Mac), printed);
  }
  assert.deepEqual(parseMac('01:02:03:04:05:86'), { hi: 0x0201, lo: 0x86050403 | 0 });
});

test('anything else is no address', () => {
  const wrong = [
    '',
    ':::::',
    '02:00:5e:10:00',
    '02:00:5e:10:00:01:02',
    '02-00-5e-10-00-01',
    '0200.5e10.0001',
    '02005e100001',
    '02:00:5e:10:00:001',
    '02:00:5e:10:00:0g',
    ' 02:00:5e:10:00:01',
    '02:00:5e:10:00:01\n',
    '+2:00:5e:10:00:01',
    'random',
  ];
  for (const text of wrong) assert.equal(parseMac(text), undefined, JSON.stringify(text));
});

test('an address read from text is the one the getters give', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      const hex = Buffer.from(bytes).toString('hex');
      const mac = parseMac((hex.match(/../g) as string[]).join(':')) as Mac;
      const u16 = frameAt(30, `${hex} ${hex} 0000`);
      assert.deepEqual(mac, { hi: dstHi(u16, 30), lo: dstLo(u16, 30) });
      assert.deepEqual(mac, { hi: srcHi(u16, 30), lo: srcLo(u16, 30) });
      assert.deepEqual(parseMac(formatMac(mac)), mac);
      assert.equal(macNumber(mac), Number.parseInt(hex, 16));
    }),
    { seed: 1 },
  );
});

test('A92 macNumber orders addresses by their first byte first', () => {
  const ascending = [
    '00:00:00:00:00:01',
    '00:00:00:00:01:00',
    '02:00:00:00:00:00',
    '02:ff:00:00:00:00',
    'ff:00:00:00:00:00',
  ];
  const shuffled = [4, 1, 3, 0, 2].map((i) => parseMac(ascending[i] as string) as Mac);
  assert.deepEqual(shuffled.sort((a, b) => macNumber(a) - macNumber(b)).map(formatMac), ascending);
  assert.equal(macNumber(parseMac('ff:ff:ff:ff:ff:ff') as Mac), 0xffffffffffff);
});

test('the group bit is the lowest of the first byte', () => {
  for (const [text, group] of [
    ['01:00:5e:00:00:01', true],
    ['33:33:00:00:00:01', true],
    ['ff:ff:ff:ff:ff:ff', true],
    ['02:01:01:01:01:01', false],
    ['fe:ff:ff:ff:ff:ff', false],
    ['00:00:00:00:00:00', false],
  ] as const) {
    assert.equal(isGroup((parseMac(text) as Mac).hi), group, text);
  }
});

test('A8 the reserved groups are 01:80:c2:00:00:00 to :0f and nothing beside them', () => {
  const reserved = (text: string): boolean => {
    const { hi, lo } = parseMac(text) as Mac;
    return hi === Reserved.HI && (lo & Reserved.LO_MASK) === Reserved.LO;
  };
  for (let x = 0; x < 16; x++) assert.equal(reserved(`01:80:c2:00:00:${x.toString(16)}`), true, `0${x.toString(16)}`);
  for (const text of [
    '01:80:c2:00:00:10',
    '01:80:c2:00:00:20',
    '01:80:c2:00:00:f0',
    '01:80:c2:00:01:00',
    '01:80:c2:01:00:00',
    '01:80:c3:00:00:00',
    '01:81:c2:00:00:00',
    '03:80:c2:00:00:00',
  ]) {
    assert.equal(reserved(text), false, text);
  }
});
