/**
 * The virtio-net header from literal bytes: what can be true of a frame, and how many packets it is (shared/wire/vnet.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Meta } from '../../../../src/shared/layout/packet.js';
import { vnetCheck, vnetClear, vnetRead, vnetWrite, wirePackets } from '../../../../src/shared/wire/vnet.js';

/** Where the frame begins; its header is the 12 bytes before. */
const OFFSET = 64;
/** Index of the meta under test; the words around it must not move. */
const M = 8;

const ETHER = '020000000001 020000000002';
const IP4 = `${ETHER} 0800 4500 0000 0000 4000 40060000 0a000001 0a000002`;
const IP6 = `${ETHER} 86dd 6000 0000 0000 0640 ${'0'.repeat(31)}1 ${'0'.repeat(31)}2`;
/** TCP headers of 20 and of 32 bytes (data offset 5, 8). */
const TCP20 = '04d2 0050 00000001 00000000 5010 ffff 0000 0000';
const TCP32 = '04d2 0050 00000001 00000000 8010 ffff 0000 0000 0101080a0000000000000000';
const UDP = '04d2 0035 0000 0000';

interface Received {
  readonly u8: Uint8Array;
  readonly meta: Int32Array;
}

/** A frame of `length` bytes that begins with `frame`, behind the 12 header bytes `vnet`. */
function receive(vnet: string, frame: string, length: number): Received {
  const u8 = new Uint8Array(OFFSET + 65_536);
  u8.set(Buffer.from(vnet.replaceAll(' ', ''), 'hex'), OFFSET - 12);
  u8.set(Buffer.from(frame.replaceAll(' ', ''), 'hex'), OFFSET);
  const meta = new Int32Array(24).fill(-1);
  meta[M + Meta.OFFSET] = OFFSET;
  meta[M + Meta.LENGTH] = length;
  vnetRead(new Uint16Array(u8.buffer), OFFSET, meta, M);
  return { u8, meta };
}

function check(vnet: string, length: number): boolean {
  return vnetCheck(receive(vnet, '', length).meta, M, length);
}

function packets(vnet: string, frame: string, length: number): number {
  const { u8, meta } = receive(vnet, frame, length);
  assert.ok(vnetCheck(meta, M, length), 'the header is a true one');
  return wirePackets(u8, meta, M);
}

test('read puts each field at its place in the meta and touches no other word', () => {
  // flags 1, gso 4, hdr_len 0x0042, gso_size 0x05a8, csum_start 0x0022, csum_offset 0x0010, num_buffers 0xbeef
  const { meta } = receive('01 04 4200 a805 2200 1000 efbe', '', 100);
  assert.equal(meta[M + Meta.VNET0], 0x00420401);
  assert.equal(meta[M + Meta.VNET1], 0x002205a8);
  assert.equal(meta[M + Meta.VNET2], 0x0010);
  assert.deepEqual([...meta.subarray(0, M), ...meta.subarray(M + 8)], Array(16).fill(-1));
});

test('write gives the same bytes again, with num_buffers 0', () => {
  for (const vnet of ['01044200a80522001000efbe', '0181ffffffffffffffff0000', '000000000000000000000000']) {
    const { u8, meta } = receive(vnet, 'aaaa', 100);
    u8.fill(0xee, OFFSET - 12, OFFSET);
    vnetWrite(new Uint16Array(u8.buffer), OFFSET, meta, M);
    assert.equal(Buffer.from(u8.subarray(OFFSET - 12, OFFSET)).toString('hex'), `${vnet.slice(0, 20)}0000`);
    assert.equal(u8[OFFSET - 13], 0);
    assert.equal(u8[OFFSET], 0xaa);
  }
});

test('clear makes it a plain frame', () => {
  const { u8, meta } = receive('01044200a80522001000efbe', '', 5000);
  vnetClear(meta, M);
  assert.deepEqual([...meta.subarray(M + Meta.VNET0, M + 8)], [0, 0, 0]);
  assert.equal(vnetCheck(meta, M, 5000), true);
  assert.equal(wirePackets(u8, meta, M), 1);
});

for (const [what, vnet, length] of [
  ['no offload', '00 00 0000 0000 0000 0000 0000', 60],
  ['a checksum that was verified', '02 00 0000 0000 0000 0000 0000', 60],
  ['a TCP checksum in the last two bytes', '01 00 0000 0000 2200 1000 0000', 52],
  ['hdr_len of the whole frame', '00 00 3c00 0000 0000 0000 0000', 60],
  ['TCPv4 segments', '01 01 3600 a805 2200 1000 0000', 3000],
  ['TCPv4 segments with ECN', '01 81 3600 a805 2200 1000 0000', 3000],
  ['TCPv6 segments', '01 04 4a00 9405 3600 1000 0000', 3000],
  ['UDP segments', '01 05 2a00 c805 2200 0600 0000', 3000],
  ['one byte of TCP payload', '01 01 3600 a805 2200 1000 0000', 55],
  ['one byte of UDP payload', '01 05 2a00 c805 2200 0600 0000', 43],
] as const) {
  test(`check accepts ${what}`, () => assert.equal(check(vnet, length), true));
}

for (const [lie, vnet, length] of [
  ['hdr_len longer than the frame', '00 00 3d00 0000 0000 0000 0000', 60],
  ['hdr_len longer than a frame of segments', '01 01 b90b a805 2200 1000 0000', 3000],
  ['a checksum one byte past the end', '01 00 0000 0000 2200 1000 0000', 51],
  ['a checksum far past the end', '01 00 0000 0000 ffff ffff 0000', 1514],
  ['csum_start in the Ethernet header', '01 00 0000 0000 0d00 1000 0000', 60],
  ['segments without a size', '01 01 3600 0000 2200 1000 0000', 3000],
  ['segments without a partial checksum', '00 01 3600 a805 2200 1000 0000', 3000],
  ['segments with only a verified checksum', '02 01 3600 a805 2200 1000 0000', 3000],
  ['gso type 2', '01 02 3600 a805 2200 1000 0000', 3000],
  ['gso type 3 (UDP fragments)', '01 03 3600 a805 2200 1000 0000', 3000],
  ['gso type 6', '01 06 3600 a805 2200 1000 0000', 3000],
  ['gso type 127', '01 7f 3600 a805 2200 1000 0000', 3000],
  ['ECN without segments', '01 80 0000 0000 2200 1000 0000', 3000],
  ['TCP segments without payload', '01 01 3600 a805 2200 1000 0000', 54],
  ['UDP segments without payload', '01 05 2a00 c805 2200 0600 0000', 42],
] as const) {
  test(`check refuses ${lie}`, () => assert.equal(check(vnet, length), false));
}

test('a frame without segments is one packet, whatever its length', () => {
  assert.equal(packets('00 00 0000 0000 0000 0000 0000', IP4 + TCP20, 9014), 1);
  assert.equal(packets('01 00 0000 0000 2200 1000 0000', IP4 + TCP20, 9014), 1);
});

test('TCP over IPv4 counts payload behind a header of its real length', () => {
  const vnet = '01 01 4200 a805 2200 1000 0000'; // 1448 bytes a segment
  const head = 14 + 20 + 32;
  for (const [payload, count] of [
    [1, 1],
    [1448, 1],
    [1449, 2],
    [2896, 2],
    [2897, 3],
    [14_480, 10],
  ] as const) {
    assert.equal(packets(vnet, IP4 + TCP32, head + payload), count, `${payload} bytes`);
  }
  assert.equal(packets(vnet, IP4 + TCP20, 54 + 1448), 1);
  assert.equal(packets(vnet, IP4 + TCP20, 54 + 1449), 2);
  assert.equal(packets('01 81 4200 a805 2200 1000 0000', IP4 + TCP32, head + 2897), 3);
});

test('TCP over IPv6 counts from its own transport header', () => {
  const vnet = '01 04 5600 9405 3600 1000 0000'; // 1428 bytes a segment, csum_start 54
  assert.equal(packets(vnet, IP6 + TCP32, 86 + 1428 * 7), 7);
  assert.equal(packets(vnet, IP6 + TCP32, 86 + 1428 * 7 + 1), 8);
});

test('UDP counts behind its 8 bytes', () => {
  const vnet = '01 05 2a00 c005 2200 0600 0000'; // 1472 bytes a segment
  assert.equal(packets(vnet, IP4 + UDP, 42 + 1472 * 44), 44);
  assert.equal(packets(vnet, IP4 + UDP, 42 + 1472 * 44 + 1), 45);
  assert.equal(packets(vnet, IP4 + UDP, 43), 1);
});
