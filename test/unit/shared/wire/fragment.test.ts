/**
 * IPv4 fragments, of literal packets and of random ones that a plain reader puts together again (shared/wire/fragment.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { fragments4, writeFragment4 } from '../../../../src/shared/wire/fragment.js';
import { checkIpv4, finishIpv4 } from '../../../../src/shared/wire/ipv4.js';
import { AT, hex, type NaivePacket, place, readIpv4 } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);

/** A packet with these options, `data` bytes that count up, and this fragment field. */
function packet(options: string, data: number, field = 0): Uint8Array {
  const more = hex(options);
  const header = 20 + more.length;
  const bytes = Uint8Array.from({ length: header + data }, (_, k) => ((k - header) * 7) & 0xff);
  bytes.set([0x40 + header / 4, 0x10, bytes.length >> 8, bytes.length & 0xff, 0x12, 0x34, field >> 8, field & 0xff]);
  bytes.set([63, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 8);
  bytes.set(more, 20);
  const { u8, u16 } = place(bytes);
  finishIpv4(u8, u16, AT);
  return u8.slice(AT, AT + bytes.length);
}

/** The packet's fragments; nothing may be written behind one, and the packet must stay as it is. */
function fragment(bytes: Uint8Array, mtu: number): Uint8Array[] {
  const { u8, u16 } = place(bytes, mtu + 8);
  const count = fragments4(u8, AT, mtu);
  if (count === 1) return [bytes];
  const to = (AT + bytes.length + 3) & ~1;
  return Array.from({ length: count }, (_, k) => {
    u8.fill(0xee, to - 1);
    const length = writeFragment4(u8, u16, AT, mtu, k, count, to);
    assert.ok(length <= mtu, `fragment ${k} of ${length} bytes, MTU ${mtu}`);
    assert.equal(checkIpv4(u8, u16, to, length), 0);
    assert.equal(u8[to - 1], 0xee);
    assert.equal(u8[to + length], 0xee);
    assert.deepEqual(u8.slice(AT, AT + bytes.length), bytes);
    return u8.slice(to, to + length);
  });
}

/** Offset in bytes, MF and total length of each. */
function shape(fragments: readonly Uint8Array[]): readonly (readonly [number, boolean, number])[] {
  return fragments.map((bytes) => {
    const read = readIpv4(bytes);
    return [read.fragmentOffset, read.mf, bytes.length];
  });
}

/** The data of a datagram all of whose fragments are here; throws if there is a hole, an overlap or no end. */
function reassemble(fragments: readonly NaivePacket[]): Uint8Array {
  const sorted = fragments.toSorted((one, other) => one.fragmentOffset - other.fragmentOffset);
  let length = 0;
  for (const [k, piece] of sorted.entries()) {
    assert.equal(piece.fragmentOffset, length);
    assert.equal(piece.mf, k < sorted.length - 1);
    length += piece.payload.length;
  }
  return Uint8Array.from(sorted.flatMap((piece) => [...piece.payload]));
}

test('the example of RFC 791 appendix A: 452 bytes of data over an MTU of 280', () => {
  assert.deepEqual(shape(fragment(packet('', 452), 280)), [
    [0, true, 276],
    [256, false, 216],
  ]);
});

for (const [data, mtu, lengths] of [
  [1480, 1500, [1500]],
  [1481, 1500, [1500, 21]],
  [1480, 1499, [1492, 28]],
  [2960, 1500, [1500, 1500]],
  [2961, 1500, [1500, 1500, 21]],
  [4, 68, [24]],
  [49, 68, [68, 21]],
  // The last one may fill what a middle one, a multiple of 8, must leave.
  [97, 70, [68, 69]],
  [98, 70, [68, 70]],
  [99, 70, [68, 68, 23]],
] as const) {
  test(`B78 ${data} bytes over an MTU of ${mtu} are fragments of ${lengths.join(', ')}`, () => {
    assert.deepEqual(
      fragment(packet('', data), mtu).map((bytes) => bytes.length),
      lengths,
    );
  });
}

test('B78 options with the copied flag are in each fragment, the others in the first', () => {
  // Record route (not copied), stream identifier (copied), no-operation, router alert (copied).
  const options = '07 07 04 00000000 88 04 1234 01 94 04 0000';
  const [first, second, third] = fragment(packet(options, 150), 100).map(readIpv4);
  assert.deepEqual(first.options, hex(options));
  assert.deepEqual(second.options, hex('88 04 1234 94 04 0000'));
  assert.deepEqual(third.options, second.options);
  assert.deepEqual([first.payload.length, second.payload.length, third.payload.length], [64, 72, 14]);
});

test('options that are copied are filled up to 4 bytes, and END ends them', () => {
  const [, second] = fragment(packet('86 03 07 01 82 02 00 94', 100), 80).map(readIpv4);
  assert.deepEqual(second.options, hex('86 03 07 82 02 00 00 00'));
  const [, without] = fragment(packet('07 03 04 00', 100), 80).map(readIpv4);
  assert.equal(without.options.length, 0);
});

test('B78 a fragment that is fragmented keeps its offset and its MF', () => {
  assert.deepEqual(shape(fragment(packet('', 160, 0x2010), 100)), [
    [128, true, 100],
    [208, true, 100],
  ]);
  assert.deepEqual(shape(fragment(packet('', 160, 0x0010), 100)), [
    [128, true, 100],
    [208, false, 100],
  ]);
});

test('a fragment that ends behind 65535 is not fragmented', () => {
  const count = (data: number, field: number) => fragments4(place(packet('', data, field)).u8, AT, 100);
  assert.equal(count(1463, 8009), 19);
  assert.equal(count(1464, 8009), 0);
});

test('random packets come together again, over one hop and over two', () => {
  const option = fc.constantFrom('', '01010101', '94040000', '8804123401010101', '070704000000000094040000');
  fc.assert(
    fc.property(
      option,
      fc.nat(3000),
      fc.integer({ min: 68, max: 1500 }),
      fc.integer({ min: 68, max: 700 }),
      (o, n, a, b) => {
        const whole = packet(o, n);
        const data = readIpv4(whole).payload;
        const once = fragment(whole, a);
        assert.deepEqual(reassemble(once.map(readIpv4)), data);
        const twice = once.flatMap((bytes) => fragment(bytes, b)).map(readIpv4);
        assert.deepEqual(reassemble(twice), data);
        for (const piece of twice) {
          assert.deepEqual([piece.id, piece.ttl, piece.protocol, piece.tos], [0x1234, 63, 17, 0x10]);
          assert.deepEqual([piece.source, piece.destination], [hex('0a000001'), hex('0a000002')]);
        }
      },
    ),
    { seed, numRuns: 300 },
  );
});

test('none for an MTU that no link may have: a header alone could fill it', () => {
  const { u8 } = place(packet('', 1000));
  for (const mtu of [-1, 0, 20, 27, 28, 67]) assert.equal(fragments4(u8, AT, mtu), 0);
  assert.equal(fragments4(u8, AT, 68), 21);
});
