/** GRE headers by literal bytes (shared/wire/gre.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  checkGre,
  GreFault,
  GreProtocol,
  greFlags,
  greProtocol,
  greSequence,
  writeGre,
  writeGreSequenced,
} from '../../../../src/shared/wire/gre.js';
import { AT, hex, place } from '../../../support/naive-ip.js';

function check(bytes: string, room = hex(bytes).length): GreFault {
  return checkGre(place(bytes).u8, AT, room);
}

test('a header of 4 bytes, one with a sequence number, and what they say', () => {
  const { u8 } = place('1000 88be fffffffe');
  assert.equal(check('1000 88be fffffffe'), GreFault.NONE);
  assert.deepEqual([greFlags(u8, AT), greProtocol(u8, AT), greSequence(u8, AT)], [0x1000, 0x88be, -2]);
  assert.equal(check('0000 88be'), GreFault.NONE);
});

test('too few bytes, another version', () => {
  assert.equal(check('0000 88'), GreFault.SHORT);
  assert.equal(check('1000 88be 000000'), GreFault.SHORT);
  assert.equal(check('0001 88be'), GreFault.VERSION);
  assert.equal(check('3007 88be 00000000'), GreFault.VERSION);
  // What has a key or a checksum is declined by its flags, whatever its length.
  assert.equal(check('b000 88be'), GreFault.NONE);
});

test('written headers, and no byte more', () => {
  const { u8, u16 } = place(new Uint8Array(0));
  writeGreSequenced(u16, AT, GreProtocol.ERSPAN, 0x01020304);
  assert.deepEqual(u8.slice(AT - 1, AT + 9), hex('ee 1000 88be 01020304 ee'));
  const plain = place(new Uint8Array(0));
  writeGre(plain.u16, AT, GreProtocol.ERSPAN);
  assert.deepEqual(plain.u8.slice(AT - 1, AT + 5), hex('ee 0000 88be ee'));
  writeGreSequenced(u16, AT, GreProtocol.ERSPAN_3, -1);
  assert.deepEqual(u8.slice(AT, AT + 8), hex('1000 22eb ffffffff'));
});
