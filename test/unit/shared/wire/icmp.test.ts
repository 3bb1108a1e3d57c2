/**
 * ICMP from literal bytes: echo replies, errors judged by a plain reader, and when there must be none (shared/wire/icmp.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  checkIcmp,
  echoReply4,
  IcmpType,
  isIcmpError,
  mayAnswerWithError4,
  RedirectCode,
  TimeExceededCode,
  UnreachableCode,
  writeIcmpError4,
} from '../../../../src/shared/wire/icmp.js';
import { writeIpv4 } from '../../../../src/shared/wire/ipv4.js';
import { AT, hex, naiveChecksum, place, readIpv4 } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);

/** Spec B §1.1's golden echo request 10.0.0.1 → 10.0.0.2, and what answers it, which may be cut. */
const ECHO = '4500002400014000400126d60a0000010a000002 08005435123400016162636465666768';
const REPLY = '4500002400010000400166d60a0000020a000001 00005c35123400016162636465666768';

/** An ICMP packet with this message, fragment field and these addresses. */
function packet(message: string, fragment = 0, source = 0x0a000001, to = 0x0a000002, protocol = 1): Uint8Array {
  const more = hex(message);
  const { u8, u16 } = place(new Uint8Array(20 + more.length));
  writeIpv4(u16, AT, 0, 20 + more.length, 7, fragment, 64, protocol, source, to);
  u8.set(more, AT + 20);
  return u8.slice(AT, AT + 20 + more.length);
}

test('the golden echo request is right, and one bit makes it wrong', () => {
  const { u8, u16 } = place(ECHO);
  assert.ok(checkIcmp(u8, u16, AT + 20, 16));
  assert.ok(!checkIcmp(u8, u16, AT + 20, 7));
  for (let bit = 0; bit < 128; bit++) {
    u8[AT + 20 + (bit >> 3)] ^= 1 << (bit & 7);
    assert.ok(!checkIcmp(u8, u16, AT + 20, 16), `bit ${bit}`);
    u8[AT + 20 + (bit >> 3)] ^= 1 << (bit & 7);
  }
});

test('a message of 8 bytes is whole', () => {
  const { u8, u16 } = place('0800 e5ca 1234 0001');
  assert.ok(checkIcmp(u8, u16, AT, 8));
});

test('the golden echo request becomes its reply', () => {
  const { u8, u16 } = place(ECHO);
  echoReply4(u8, u16, AT);
  assert.deepEqual(u8.slice(AT - 2, AT + 38), hex(`eeee ${REPLY} eeee`));
});

test('a request that came over hops, with options, is answered with TTL 64', () => {
  const { u8, u16 } = place(`46000028000140000301 0000 0a0000010a000002 94040000 08005435123400016162636465666768`);
  const sum = naiveChecksum(u8.slice(AT, AT + 24));
  u8.set([sum >> 8, sum & 255], AT + 10);
  u8[AT + 3] = 40;
  echoReply4(u8, u16, AT);
  const read = readIpv4(u8.slice(AT, AT + 40));
  assert.equal(read.ttl, 64);
  assert.deepEqual(read.options, hex('94040000'));
  assert.deepEqual(read.payload, hex('00005c35123400016162636465666768'));
});

test('an echo request with any number, of zeros too, becomes a reply whose checksum is right', () => {
  for (let id = 0; id < 65_536; id++) {
    const message = Uint8Array.of(8, 0, 0, 0, id >> 8, id & 255, 0, 0);
    const sum = naiveChecksum(message);
    message.set([sum >> 8, sum & 255], 2);
    const { u8, u16 } = place(packet(''), 16);
    u8.set(message, AT + 20);
    echoReply4(u8, u16, AT);
    const reply = u8.slice(AT + 20, AT + 28);
    if (naiveChecksum(reply) !== 0 || reply[0] !== 0) assert.fail(`id ${id}`);
  }
});

test('B76 what counts as an error: RFC 792 errors, redirects, and types nobody knows', () => {
  const queries = [0, 8, 9, 10, 13, 14, 15, 16, 17, 18];
  for (let type = 0; type < 256; type++) assert.equal(isIcmpError(type), !queries.includes(type), `type ${type}`);
});

const UDP = '04d2 0035 0008 0000';
for (const [what, bytes, may, group] of [
  ['a datagram', packet(UDP, 0, 0x0a000001, 0x0a000002, 17), true, false],
  ['an echo request', packet('0800 0000 00000000'), true, false],
  ['an ICMP error', packet('0301 0000 00000000'), false, false],
  ['a redirect', packet('0501 0000 00000000'), false, false],
  ['an unknown ICMP type', packet('2a00 0000 00000000'), false, false],
  ['ICMP without a type, and padding', Uint8Array.from([...packet(''), 8, 0]), false, false],
  ['a first fragment', packet(UDP, 0x2000, 0x0a000001, 0x0a000002, 17), true, false],
  ['a later fragment', packet(UDP, 0x0001, 0x0a000001, 0x0a000002, 17), false, false],
  ['a frame to a group', packet(UDP, 0, 0x0a000001, 0x0a000002, 17), false, true],
  ['a multicast destination', packet(UDP, 0, 0x0a000001, 0xe0000005 | 0, 17), false, false],
  ['a broadcast destination', packet(UDP, 0, 0x0a000001, -1, 17), false, false],
  ['source 0.0.0.0', packet(UDP, 0, 0, 0x0a000002, 17), false, false],
  ['source 127.0.0.1', packet(UDP, 0, 0x7f000001, 0x0a000002, 17), false, false],
  ['source 224.0.0.1', packet(UDP, 0, 0xe0000001 | 0, 0x0a000002, 17), false, false],
  ['source 240.0.0.1', packet(UDP, 0, 0xf0000001 | 0, 0x0a000002, 17), false, false],
  ['source 255.255.255.255', packet(UDP, 0, -1, 0x0a000002, 17), false, false],
  ['source 169.254.0.1', packet(UDP, 0, 0xa9fe0001 | 0, 0x0a000002, 17), true, false],
] as const) {
  test(`B76 ${what} ${may ? 'may' : 'must not'} be answered with an error`, () => {
    assert.equal(mayAnswerWithError4(place(bytes).u8, AT, group), may);
  });
}

for (const [what, type, code, rest, head] of [
  ['port unreachable', IcmpType.UNREACHABLE, UnreachableCode.PORT, 0, '0303 ---- 00000000'],
  [
    'fragmentation needed, MTU 1400',
    IcmpType.UNREACHABLE,
    UnreachableCode.FRAGMENTATION_NEEDED,
    1400,
    '0304 ---- 00000578',
  ],
  ['time exceeded', IcmpType.TIME_EXCEEDED, TimeExceededCode.TRANSIT, 0, '0b00 ---- 00000000'],
  ['a parameter problem at 20', IcmpType.PARAMETER_PROBLEM, 0, 20 << 24, '0c00 ---- 14000000'],
  ['a redirect to 192.0.2.1', IcmpType.REDIRECT, RedirectCode.HOST, 0xc0000201 | 0, '0501 ---- c0000201'],
] as const) {
  test(`${what} about the golden packet`, () => {
    const { u8, u16 } = place(ECHO);
    const to = AT + 40;
    assert.equal(writeIcmpError4(u8, u16, AT, to, type, code, rest, 0xc0000263 | 0, 0x1234), 64);
    const read = readIpv4(u8.slice(to, to + 64));
    assert.deepEqual([read.source, read.destination], [hex('c0000263'), hex('0a000001')]);
    assert.deepEqual([read.tos, read.id, read.ttl, read.protocol], [0xc0, 0x1234, 64, 1]);
    assert.deepEqual([read.df, read.mf, read.fragmentOffset], [false, false, 0]);
    assert.equal(naiveChecksum(read.payload), 0);
    const shown = Buffer.from(read.payload.slice(0, 8)).toString('hex');
    assert.equal(`${shown.slice(0, 4)} ---- ${shown.slice(8)}`, head);
    assert.deepEqual(read.payload.slice(8), hex(ECHO));
    assert.deepEqual(u8.slice(AT, AT + 36), hex(ECHO));
  });
}

test('an error keeps the delay, throughput and reliability bits, not ECN, and never passes 576 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 1480 }), fc.nat(255), (data, tos) => {
      const bytes = new Uint8Array(20 + data.length);
      const { u8, u16 } = place(bytes);
      writeIpv4(u16, AT, tos, bytes.length, 0, 0, 1, 17, 0x0a000001, 0x0a000002);
      u8.set(data, AT + 20);
      const offending = u8.slice(AT, AT + bytes.length);
      const to = (AT + bytes.length + 3) & ~1;
      const length = writeIcmpError4(u8, u16, AT, to, IcmpType.TIME_EXCEEDED, 0, 0, 0x0a0000fe, 1);
      assert.equal(length, Math.min(576, 28 + bytes.length));
      const read = readIpv4(u8.slice(to, to + length));
      assert.equal(read.tos, 0xc0 | (tos & 0x1c));
      assert.equal(naiveChecksum(read.payload), 0);
      assert.deepEqual(read.payload.slice(8), offending.slice(0, length - 28));
      assert.equal(u8[to - 1], 0xee);
      assert.equal(u8[to + length], 0xee);
    }),
    { seed },
  );
});
