/** ERSPAN headers of types II and III by literal bytes, subheaders of each platform (shared/wire/erspan.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  checkErspan2,
  checkErspan3,
  ErspanBso,
  ErspanDirection,
  ErspanEncap,
  ErspanFault,
  ErspanGranularity,
  erspanBits,
  erspanCos,
  erspanDirection,
  erspanIndex,
  erspanSession,
  erspanVersion,
  erspanVlan,
  frameType,
  granularity,
  hardwareId,
  hasSubheader,
  headerLength3,
  isEthernetPdu,
  isTruncated,
  platform,
  platformPort,
  platformSwitch,
  platformTime,
  securityGroup,
  timestamp,
  writeErspan2,
  writeErspan3,
} from '../../../../src/shared/wire/erspan.js';
import { AT, hex, place } from '../../../support/naive-ip.js';

const u8 = (bytes: string): Uint8Array => place(bytes).u8;
const check2 = (bytes: string): ErspanFault => checkErspan2(u8(bytes), AT, hex(bytes).length);
const check3 = (bytes: string): ErspanFault => checkErspan3(u8(bytes), AT, hex(bytes).length);

test('A116 the header of session 11, priority 3, without an index', () => {
  const { u8: bytes, u16 } = place(new Uint8Array(0));
  writeErspan2(u16, AT, 11, 0, 3, ErspanEncap.UNTAGGED, false, 0);
  assert.deepEqual(bytes.slice(AT - 1, AT + 9), hex('ee 1000 600b 00000000 ee'));
});

test('type II: each field in its bits', () => {
  // Version 1, VLAN 0xabc, COS 5, En 2, T, session 0x2a5, index 0xc0ffe and a reserved bit that is not part of it.
  const bytes = u8('1abc b6a5 800c0ffe');
  assert.equal(check2('1abc b6a5 800c0ffe'), ErspanFault.NONE);
  assert.equal(erspanVersion(bytes, AT), 1);
  assert.equal(erspanVlan(bytes, AT), 0xabc);
  assert.equal(erspanCos(bytes, AT), 5);
  assert.equal(erspanBits(bytes, AT), ErspanEncap.DOT1Q);
  assert.equal(isTruncated(bytes, AT), true);
  assert.equal(erspanSession(bytes, AT), 0x2a5);
  assert.equal(erspanIndex(bytes, AT), 0xc0ffe);
  const { u8: written, u16 } = place(new Uint8Array(0));
  writeErspan2(u16, AT, 0x2a5, 0xabc, 5, ErspanEncap.DOT1Q, true, 0x7ffc0ffe);
  assert.deepEqual(written.slice(AT, AT + 8), hex('1abc b6a5 000c0ffe'));
  writeErspan2(u16, AT, 1023, 4095, 7, ErspanEncap.PRESERVED, false, 0xfffff);
  assert.deepEqual(written.slice(AT, AT + 8), hex('1fff fbff 000fffff'));
  assert.equal(isTruncated(written, AT), false);
});

test('type II: short, another version', () => {
  assert.equal(check2('1000 600b 000000'), ErspanFault.SHORT);
  for (const version of ['0', '2', '3', 'f']) assert.equal(check2(`${version}000 600b 00000000`), ErspanFault.VERSION);
});

test('type III: each field in its bits', () => {
  // P, FT 2, Hw 0x2a, D egress, Gra 1588, no O.
  const bytes = u8('2021 ec07 89abcdef 1234 8aac');
  assert.equal(check3('2021 ec07 89abcdef 1234 8aac'), ErspanFault.NONE);
  assert.deepEqual(
    [erspanVlan(bytes, AT), erspanCos(bytes, AT), erspanBits(bytes, AT), isTruncated(bytes, AT)],
    [0x21, 7, ErspanBso.SHORT, true],
  );
  assert.equal(erspanSession(bytes, AT), 7);
  assert.equal(timestamp(bytes, AT), 0x89abcdef | 0);
  assert.equal(securityGroup(bytes, AT), 0x1234);
  assert.equal(isEthernetPdu(bytes, AT), true);
  assert.equal(frameType(bytes, AT), 2);
  assert.equal(hardwareId(bytes, AT), 0x2a);
  assert.equal(erspanDirection(bytes, AT), ErspanDirection.EGRESS);
  assert.equal(granularity(bytes, AT), ErspanGranularity.IEEE_1588);
  assert.equal(hasSubheader(bytes, AT), false);
  assert.equal(headerLength3(bytes, AT), 12);
});

test('A122 type III: short, another version, a subheader that is cut off', () => {
  assert.equal(check3('2000 0001 00000000 0000 80'), ErspanFault.SHORT);
  assert.equal(check3('1000 0001 00000000 0000 8000'), ErspanFault.VERSION);
  assert.equal(check3('2000 0001 00000000 0000 8001'), ErspanFault.SHORT);
  assert.equal(check3('2000 0001 00000000 0000 8001 00000000 000000'), ErspanFault.SHORT);
  assert.equal(check3('2000 0001 00000000 0000 8001 00000000 00000000'), ErspanFault.NONE);
});

test('type III as written: an Ethernet frame, its time, its direction', () => {
  const bytes = place(new Uint8Array(0)).u8;
  const [unit, direction] = [ErspanGranularity.NANOSECONDS_100, ErspanDirection.EGRESS];
  writeErspan3(bytes, AT, 1023, 33, 6, ErspanBso.OVERSIZED, true, 0x01020304, unit, direction);
  assert.deepEqual(bytes.slice(AT - 1, AT + 13), hex('ee 2021 d7ff 01020304 0000 800a ee'));
});

test('A122 subheaders: platform, port, switch and time where the platform has them', () => {
  const read = (subheader: string): number[] => {
    const bytes = u8(`2000 0001 00000000 0000 8001 ${subheader}`);
    assert.equal(headerLength3(bytes, AT), 20);
    return [platform(bytes, AT), platformPort(bytes, AT), platformSwitch(bytes, AT), platformTime(bytes, AT)];
  };
  assert.deepEqual(read('04000abc 00000042'), [1, 0x42, 0xabc, 0]);
  assert.deepEqual(read('0c00ffff 11223344'), [3, 0x3fff, -1, 0x11223344]);
  assert.deepEqual(read('10000001 11223344'), [4, -1, -1, 0]);
  assert.deepEqual(read('17ff1234 11223344'), [5, 0x1234, 0x3ff, 0x11223344]);
  assert.deepEqual(read('18011234 11223344'), [6, 0x1234, 1, 0x11223344]);
  assert.deepEqual(read('1cf01234 11223344'), [7, 0x01234, -1, 0x11223344]);
  assert.deepEqual(read('000f1234 11223344'), [0, 0xf1234, -1, 0x11223344]);
  assert.deepEqual(read('fc000001 11223344'), [63, -1, -1, 0]);
});
