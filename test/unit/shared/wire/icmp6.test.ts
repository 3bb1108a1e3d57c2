/**
 * ICMPv6 from literal bytes: echo replies, errors judged by a plain reader, and when there must be none (shared/wire/icmp6.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  checkIcmp6,
  echoReply6,
  Icmp6Type,
  isIcmp6Error,
  mayAnswerWithError6,
  Problem6Code,
  Unreachable6Code,
  writeIcmpError6,
} from '../../../../src/shared/wire/icmp6.js';
import { parseIpv6 } from '../../../../src/shared/wire/ipv6-address.js';
import { AT, hex, naiveChecksum, place, pseudoHeader6, readIpv6 } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);

function ip6(text: string): Uint8Array {
  return parseIpv6(text) as Uint8Array;
}

/** A packet with this next header and payload. */
function packet(next: number, payload: Uint8Array | string, source = '2001:db8::1', to = '2001:db8::2'): Uint8Array {
  const more = typeof payload === 'string' ? hex(payload) : payload;
  const head = [0x6b, 0x80, 0, 0, more.length >> 8, more.length & 0xff, next, 3];
  return Uint8Array.from([...head, ...ip6(source), ...ip6(to), ...more]);
}

/** The same with the ICMPv6 checksum computed. */
function sealed(bytes: Uint8Array): Uint8Array {
  const read = readIpv6(bytes);
  const sum = naiveChecksum(pseudoHeader6(read), read.payload);
  bytes.set([sum >> 8, sum & 255], 42);
  return bytes;
}

const ECHO = sealed(packet(58, '8000 0000 1234 0001 6162636465666768'));

test('an echo request is right, and one bit makes it wrong', () => {
  const { u8, u16 } = place(ECHO);
  assert.ok(checkIcmp6(u8, u16, AT, AT + 40, 16));
  assert.ok(!checkIcmp6(u8, u16, AT, AT + 40, 7));
  for (let bit = 64; bit < 56 * 8; bit++) {
    u8[AT + (bit >> 3)] ^= 1 << (bit & 7);
    assert.ok(!checkIcmp6(u8, u16, AT, AT + 40, 16), `bit ${bit}`);
    u8[AT + (bit >> 3)] ^= 1 << (bit & 7);
  }
});

test('a message of 8 bytes is whole', () => {
  const { u8, u16 } = place(sealed(packet(58, '8000 0000 1234 0001')));
  assert.ok(checkIcmp6(u8, u16, AT, AT + 40, 8));
});

test('an echo request becomes its reply', () => {
  const { u8, u16 } = place(ECHO);
  echoReply6(u8, u16, AT, AT + 40);
  const want = packet(58, '8100 0000 1234 0001 6162636465666768', '2001:db8::2', '2001:db8::1');
  want[7] = 64;
  assert.deepEqual(u8.slice(AT, AT + 56), sealed(want));
  assert.equal(u8[AT - 1], 0xee);
  assert.equal(u8[AT + 56], 0xee);
});

test('B76 what counts as an error: all types below 128, and redirects', () => {
  for (let type = 0; type < 256; type++) assert.equal(isIcmp6Error(type), type < 128 || type === 137, `type ${type}`);
});

const UDP = '04d2 0035 0008 0000';
const [UNREACHABLE, TOO_BIG, TIME, PROBLEM] = [1, 2, 3, 4];
for (const [what, bytes, type, code, may, group] of [
  ['a datagram', packet(17, UDP), TIME, 0, true, false],
  ['an echo request', ECHO, UNREACHABLE, 0, true, false],
  ['an ICMPv6 error', packet(58, '0100 0000 00000000'), TIME, 0, false, false],
  ['an ICMPv6 error, about its size', packet(58, '0100 0000 00000000'), TOO_BIG, 0, false, false],
  ['an unknown ICMPv6 error', packet(58, '7f00 0000 00000000'), TIME, 0, false, false],
  ['an unknown ICMPv6 message', packet(58, 'c800 0000 00000000'), TIME, 0, true, false],
  ['a redirect', packet(58, '8900 0000 00000000'), TIME, 0, false, false],
  ['an error behind options', packet(60, '3a00 000000000000 0100 0000 00000000'), TIME, 0, false, false],
  ['ICMPv6 without a type', packet(60, '3a00 000000000000'), TIME, 0, false, false],
  ['a first fragment of an error', packet(44, '3a00 0001 00000007 0100 0000 00000000'), TIME, 0, false, false],
  ['a later fragment of ICMPv6', packet(44, '3a00 0008 00000007 8000 0000 00000000'), TIME, 0, false, false],
  ['a later fragment of UDP', packet(44, `1100 0008 00000007 ${UDP}`), TIME, 0, true, false],
  ['a frame to a group', packet(17, UDP), TIME, 0, false, true],
  ['a frame to a group that is too big', packet(17, UDP), TOO_BIG, 0, true, true],
  ['a group', packet(17, UDP, '2001:db8::1', 'ff0e::1'), UNREACHABLE, 0, false, false],
  ['a group, about the size', packet(17, UDP, '2001:db8::1', 'ff0e::1'), TOO_BIG, 0, true, false],
  ['a group, about an option', packet(17, UDP, '2001:db8::1', 'ff0e::1'), PROBLEM, 2, true, true],
  ['a group, about a field', packet(17, UDP, '2001:db8::1', 'ff0e::1'), PROBLEM, 0, false, false],
  ['source ::', packet(17, UDP, '::'), TIME, 0, false, false],
  ['source ::, about the size', packet(17, UDP, '::'), TOO_BIG, 0, false, false],
  ['source ::1', packet(17, UDP, '::1'), TIME, 0, false, false],
  ['source ff02::1', packet(17, UDP, 'ff02::1'), TIME, 0, false, false],
] as const) {
  test(`B76 ${what} ${may ? 'may' : 'must not'} be answered with ${type}/${code}`, () => {
    assert.equal(mayAnswerWithError6(place(bytes).u8, AT, group, type, code), may);
  });
}

for (const [what, type, code, rest, head] of [
  ['no route', Icmp6Type.UNREACHABLE, Unreachable6Code.NO_ROUTE, 0, '0100 ---- 00000000'],
  ['beyond scope', Icmp6Type.UNREACHABLE, Unreachable6Code.BEYOND_SCOPE, 0, '0102 ---- 00000000'],
  ['too big, MTU 1280', Icmp6Type.TOO_BIG, 0, 1280, '0200 ---- 00000500'],
  ['time exceeded', Icmp6Type.TIME_EXCEEDED, 0, 0, '0300 ---- 00000000'],
  ['a parameter problem at 43', Icmp6Type.PARAMETER_PROBLEM, Problem6Code.FIELD, 43, '0400 ---- 0000002b'],
] as const) {
  test(`${what} about an echo request`, () => {
    const { u8, u16 } = place(ECHO);
    const to = AT + 60;
    const own = ip6('2001:db8::ff');
    assert.equal(writeIcmpError6(u8, u16, AT, to, type, code, rest, Uint8Array.from([9, ...own]), 1), 104);
    const read = readIpv6(u8.slice(to, to + 104));
    assert.deepEqual([read.source, read.destination], [own, ip6('2001:db8::1')]);
    assert.deepEqual([read.tos, read.ttl, read.protocol], [0, 64, 58]);
    assert.equal(naiveChecksum(pseudoHeader6(read), read.payload), 0);
    const shown = Buffer.from(read.payload.slice(0, 8)).toString('hex');
    assert.equal(`${shown.slice(0, 4)} ---- ${shown.slice(8)}`, head);
    assert.deepEqual(read.payload.slice(8), ECHO);
  });
}

test('an error is right whatever it quotes, and never passes 1280 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 1460 }), (data) => {
      const bytes = packet(17, data);
      const { u8, u16 } = place(bytes);
      const to = (AT + bytes.length + 3) & ~1;
      const own = ip6('fe80::1');
      const length = writeIcmpError6(u8, u16, AT, to, Icmp6Type.TIME_EXCEEDED, 0, 0, own, 0);
      assert.equal(length, Math.min(1280, 48 + bytes.length));
      const read = readIpv6(u8.slice(to, to + length));
      assert.equal(naiveChecksum(pseudoHeader6(read), read.payload), 0);
      assert.deepEqual(read.payload.slice(8), bytes.slice(0, length - 48));
      assert.equal(u8[to - 1], 0xee);
      assert.equal(u8[to + length], 0xee);
    }),
    { seed },
  );
});
