/** IPv6 fragments of literal packets (shared/wire/fragment6.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fragments6, writeFragment6 } from '../../../../src/shared/wire/fragment6.js';
import { AT, hex, place } from '../../../support/naive-ip.js';

const ADDRESSES = '20010db8000000000000000000000001 20010db8000000000000000000000002';

function packet(next: string, data: number): Uint8Array {
  const length = data.toString(16).padStart(4, '0');
  const body = Uint8Array.from({ length: data }, (_, k) => (k * 7) & 0xff);
  return Uint8Array.from([...hex(`6ab12345 ${length} ${next} 40 ${ADDRESSES}`), ...body]);
}

test('a packet that fits is one fragment; one with extension headers is not cut', () => {
  assert.equal(fragments6(place(packet('2f', 1240)).u8, AT, 1280), 1);
  for (const next of ['00', '2b', '2c', '3c']) assert.equal(fragments6(place(packet(next, 1241)).u8, AT, 1280), 0);
});

test('fragments have the header, the fragment header of RFC 8200 §4.5 and their share, and no byte behind', () => {
  const bytes = packet('2f', 2500);
  const { u8 } = place(bytes, 2048);
  const to = (AT + bytes.length + 3) & ~1;
  assert.equal(fragments6(u8, AT, 1280), 3);
  const parts = [0, 1, 2].map((k) => {
    u8.fill(0xee, to);
    const length = writeFragment6(u8, AT, 1280, k, 3, 0x01020304, to);
    assert.equal(u8[to + length], 0xee);
    return u8.slice(to, to + length);
  });
  const head = (payload: string): Uint8Array => hex(`6ab12345 ${payload} 2c 40 ${ADDRESSES}`);
  // 1232 bytes each: the most that is a multiple of 8.
  assert.deepEqual(parts[0].slice(0, 48), Uint8Array.from([...head('04d8'), ...hex('2f 00 0001 01020304')]));
  assert.deepEqual(parts[1].slice(0, 48), Uint8Array.from([...head('04d8'), ...hex('2f 00 04d1 01020304')]));
  assert.deepEqual(parts[2].slice(0, 48), Uint8Array.from([...head('002c'), ...hex('2f 00 09a0 01020304')]));
  assert.deepEqual(
    Buffer.concat(parts.map((part) => part.slice(48))),
    Buffer.from(bytes.slice(40)),
    'the data, in order',
  );
});

test('none for an MTU that headers fill', () => {
  const { u8 } = place(packet('2f', 1000));
  for (const mtu of [-1, 0, 40, 48, 55]) assert.equal(fragments6(u8, AT, mtu), 0);
  assert.equal(fragments6(u8, AT, 56), 125);
});
