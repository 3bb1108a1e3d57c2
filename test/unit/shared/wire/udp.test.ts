/**
 * UDP and TCP headers from literal bytes (shared/wire/udp.ts, tcp.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { pseudoSum } from '../../../../src/shared/wire/ip.js';
import { Protocol } from '../../../../src/shared/wire/protocol.js';
import { checkTcp, ports } from '../../../../src/shared/wire/tcp.js';
import { checkUdp, writeUdp } from '../../../../src/shared/wire/udp.js';
import { AT, hex, naiveChecksum, place, pseudoHeader6, readIpv6 } from '../../../support/naive-ip.js';

const IP4 = '4500 0020 0001 0000 4011 0000 0a000001 0a000002';
const IP6 = `6000 0000 000c 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002`;

/** Checks a datagram of `length` bytes behind a header. */
function udp(version: 4 | 6, datagram: string, length = hex(datagram).length): boolean {
  const header = version === 4 ? 20 : 40;
  const { u8, u16 } = place(`${version === 4 ? IP4 : IP6} ${datagram}`);
  const sum = pseudoSum(u8, u16, AT, version, (u8[AT + header + 4] << 8) | u8[AT + header + 5], Protocol.UDP);
  return checkUdp(u8, u16, AT + header, length, version, sum);
}

/** A datagram of 4 bytes "abcd" from port 1234 to port 53 with its checksum. */
function right(version: 4 | 6): string {
  const datagram = hex('04d2 0035 000c 0000 61626364');
  const pseudo =
    version === 4
      ? hex('0a000001 0a000002 0011 000c')
      : pseudoHeader6(readIpv6(Uint8Array.from([...hex(IP6), ...datagram])));
  return `04d2 0035 000c ${naiveChecksum(pseudo, datagram).toString(16).padStart(4, '0')} 61626364`;
}

for (const version of [4, 6] as const) {
  test(`a datagram over IPv${version} is right, and one bit makes it wrong`, () => {
    const datagram = right(version);
    assert.ok(udp(version, datagram));
    assert.ok(udp(version, `${datagram} eeee`), 'padding');
    for (let bit = 0; bit < 8 * 12; bit++) {
      const bytes = hex(datagram);
      bytes[bit >> 3] ^= 1 << (bit & 7);
      assert.ok(!udp(version, Buffer.from(bytes).toString('hex')), `bit ${bit}`);
    }
  });
}

test('no checksum is right over IPv4 and wrong over IPv6', () => {
  assert.ok(udp(4, '04d2 0035 000c 0000 61626364'));
  assert.ok(!udp(6, '04d2 0035 000c 0000 61626364'));
});

test('a datagram has 8 bytes, and no more than there are', () => {
  assert.ok(!udp(4, '04d2 0035 0008 0000', 7));
  assert.ok(udp(4, '04d2 0035 0008 0000', 8));
  assert.ok(!udp(4, '04d2 0035 0007 0000'));
  assert.ok(!udp(4, '04d2 0035 0009 0000'));
});

test('the writer writes 8 bytes', () => {
  const { u8 } = place(new Uint8Array(0));
  writeUdp(u8, AT, 1234, 53, 4);
  assert.deepEqual(u8.slice(AT - 1, AT + 9), hex('ee 04d2 0035 000c 0000 ee'));
});

test('a TCP header has 20 bytes, and its options end in the packet', () => {
  const header = (offset: number) => place(`04d2 0050 00000001 00000000 ${offset}010 ffff 0000 0000 0101080a`).u8;
  assert.ok(checkTcp(header(5), AT, 20));
  assert.ok(!checkTcp(header(5), AT, 19));
  assert.ok(!checkTcp(header(4), AT, 24));
  assert.ok(checkTcp(header(6), AT, 24));
  assert.ok(!checkTcp(header(6), AT, 23));
  assert.equal(ports(header(5), AT), 0x04d20050);
});
