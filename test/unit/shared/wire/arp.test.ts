/**
 * The ARP check and writers on literal packets (shared/wire/arp.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  arpOp,
  arpReply,
  arpSender,
  arpSenderHi,
  arpSenderIsStation,
  arpSenderLo,
  arpTarget,
  writeArpReply,
  writeArpRequest,
} from '../../../../src/shared/wire/arp.js';
import { etherType, type Mac, parseMac } from '../../../../src/shared/wire/ethernet.js';
import { AT, hex, place } from '../../../support/naive-ip.js';

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

const OWN = parseMac('02:00:00:00:fe:01') as Mac;
const HOST = parseMac('02:11:22:33:44:55') as Mac;

/** What a writer wrote at `AT`, and that it wrote nothing beside it. */
function written(write: (u16: Uint16Array) => number): string {
  const { u8, u16 } = place(new Uint8Array(0));
  const length = write(u16);
  assert.ok(u8.subarray(0, AT).every((byte) => byte === 0xee));
  assert.ok(u8.subarray(AT + length).every((byte) => byte === 0xee));
  return Buffer.from(u8.subarray(AT, AT + length)).toString('hex');
}

function digits(text: string): string {
  return text.replaceAll(' ', '');
}

for (const [what, sender, target, spa, tpa] of [
  ['a request', 0x0a0000fe, 0xc0a80102 | 0, '0a0000fe', 'c0a80102'],
  ['a probe (RFC 5227 §2.1.1)', 0, 0x0a0000fe, '00000000', '0a0000fe'],
  ['an announcement (RFC 5227 §2.3)', 0x0a0000fe, 0x0a0000fe, '0a0000fe', '0a0000fe'],
] as const) {
  test(`${what} as written`, () => {
    assert.equal(
      written((u16) => writeArpRequest(u16, AT, OWN.hi, OWN.lo, sender, target)),
      digits(`ffffffffffff 02000000fe01 0806 0001 0800 06 04 0001 02000000fe01 ${spa} 000000000000 ${tpa}`),
    );
  });
}

test('a request to one station', () => {
  assert.equal(
    written((u16) => writeArpRequest(u16, AT, OWN.hi, OWN.lo, 0x0a0000fe, 0x0a000001, HOST.hi, HOST.lo)),
    digits('021122334455 02000000fe01 0806 0001 0800 06 04 0001 02000000fe01 0a0000fe 000000000000 0a000001'),
  );
});

const REQUEST = 'ffffffffffff 021122334455 0806 0001 0800 06 04 0001 021122334455 0a000001 000000000000 0a0000fe';
const REPLY = '021122334455 02000000fe01 0806 0001 0800 06 04 0002 02000000fe01 0a0000fe 021122334455 0a000001';

test('a reply as written', () => {
  assert.equal(
    written((u16) => writeArpReply(u16, AT, OWN.hi, OWN.lo, 0x0a0000fe, HOST.hi, HOST.lo, 0x0a000001)),
    digits(REPLY),
  );
});

test('the fields of a request are read, and it becomes its reply', () => {
  const { u8, u16 } = place(REQUEST);
  assert.deepEqual({ hi: arpSenderHi(u16, AT), lo: arpSenderLo(u16, AT) }, HOST);
  assert.equal(arpSender(u16, AT), 0x0a000001);
  assert.equal(arpTarget(u16, AT), 0x0a0000fe);
  assert.equal(arpReply(u16, AT, OWN.hi, OWN.lo), 42);
  assert.deepEqual(u8.slice(AT - 1, AT + 43), hex(`ee ${REPLY} ee`));
});

test('a sender is a station unless its address is a group or zero', () => {
  for (const [mac, station] of [
    ['021122334455', true],
    ['000000000001', true],
    ['010000000001', false],
    ['ffffffffffff', false],
    ['000000000000', false],
  ] as const) {
    const { u16 } = place(REQUEST.replaceAll('021122334455', mac));
    assert.equal(arpSenderIsStation(u16, AT), station, mac);
  }
});
