/**
 * The ARP check on literal packets (shared/wire/arp.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { arpOp } from '../../../../src/shared/wire/arp.js';
import { etherType } from '../../../../src/shared/wire/ethernet.js';

const ADDRESSES = '020000000001 0a000001 000000000000 0a000002';

/** The operation of the frame with this ethertype and packet, cut to `length` bytes. */
function opOf(type: string, packet: string, length = 42): number {
  const bytes = new Uint8Array(64).fill(0xee);
  bytes.set(Buffer.from(`ffffffffffff020000000001${type}${packet}`.replaceAll(' ', ''), 'hex'), 2);
  const u16 = new Uint16Array(bytes.buffer);
  return arpOp(u16, 2, length, etherType(u16, 2));
}

for (const [what, type, head, op] of [
  ['an ARP request', '0806', '0001 0800 06 04 0001', 1],
  ['an ARP reply', '0806', '0001 0800 06 04 0002', 2],
  ['A71 a RARP request', '8035', '0001 0800 06 04 0003', 3],
  ['A71 a RARP reply', '8035', '0001 0800 06 04 0004', 4],
  ['a reverse request as ARP', '0806', '0001 0800 06 04 0003', 0],
  ['a request as RARP', '8035', '0001 0800 06 04 0001', 0],
  ['operation 0', '0806', '0001 0800 06 04 0000', 0],
  ['operation 5', '8035', '0001 0800 06 04 0005', 0],
  ['operation 257', '0806', '0001 0800 06 04 0101', 0],
  ['A69 another hardware type', '0806', '0006 0800 06 04 0001', 0],
  ['A69 another protocol type', '0806', '0001 86dd 06 04 0001', 0],
  ['another hardware length', '0806', '0001 0800 08 04 0001', 0],
  ['another protocol length', '0806', '0001 0800 06 10 0001', 0],
  ['another ethertype', '0800', '0001 0800 06 04 0001', 0],
  ['A72 a tag before it', '8100', '0001 0800 06 04 0001', 0],
] as const) {
  test(`${what} has operation ${op}`, () => assert.equal(opOf(type, `${head} ${ADDRESSES}`), op));
}

test('A68 a packet is whole from 42 bytes on', () => {
  const packet = `0001 0800 06 04 0001 ${ADDRESSES}`;
  for (let length = 14; length < 42; length++) assert.equal(opOf('0806', packet, length), 0, `${length} bytes`);
  for (const length of [42, 43, 60, 1514]) assert.equal(opOf('0806', packet, length), 1, `${length} bytes`);
});
