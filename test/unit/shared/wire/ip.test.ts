/** The walk from the Ethernet header to the transport header, on literal headers (shared/wire/ip.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ipVersionTo, networkOffset } from '../../../../src/shared/wire/ip.js';
import { Ipv4 } from '../../../../src/shared/wire/ipv4.js';
import { Ipv6 } from '../../../../src/shared/wire/ipv6.js';
import { Protocol } from '../../../../src/shared/wire/protocol.js';
import { Tcp, TcpFlag } from '../../../../src/shared/wire/tcp.js';
import { Udp } from '../../../../src/shared/wire/udp.js';

const MACS = '020000000001 020000000002';
/** RFC 791 §3.1: version 4, IHL 5, total length 60, DF, TTL 64, protocol, 198.18.0.1 → 198.18.0.2. */
const ip4 = (protocol: string, first = '45', fragment = '4000', options = ''): string =>
  `0800 ${first}00 003c 1234 ${fragment} 40${protocol} 0000 c6120001 c6120002 ${options}`;
/** RFC 8200 §3: version 6, payload length 20, next header, hop limit 64, fd00::1 → fd00::2. */
const ip6 = (next: string, first = '60'): string =>
  `86dd ${first}000000 0014 ${next}40 fd${'0'.repeat(29)}1 fd${'0'.repeat(29)}2`;
/** An extension header of 8·(units) bytes (RFC 8200 §4.3). */
const ext = (next: string, units = 1): string =>
  `${next}${(units - 1).toString(16).padStart(2, '0')} 0104 00000000 ${'00'.repeat((units - 1) * 8)}`;

const VLAN = '8100 0064';
const QINQ = '88a8 00c8';

interface Walk {
  readonly network: number;
  readonly version: number;
  /** Length of all headers given. */
  readonly end: number;
}

/** Walks the frame of that hex text, laid at an even offset into bytes of `around`, to a header at its end, or at `to`. */
function walk(hex: string, protocol: Protocol, to?: number, around = 0xee): Walk {
  const offset = 256;
  const head = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const u8 = new Uint8Array(1024).fill(around);
  u8.set(head, offset);
  const u16 = new Uint16Array(u8.buffer);
  const network = networkOffset(u16, offset);
  const transport = to ?? head.length;
  return { network, version: ipVersionTo(u8, u16, offset, network, transport, protocol), end: head.length };
}

const TCP = Protocol.TCP;
const UDP = Protocol.UDP;

test('offsets are those of the headers: literal bytes of RFC 791, 8200, 9293 and 768', () => {
  const v4 = Buffer.from('4500003c12344000400600b1c6120001c6120002', 'hex');
  assert.equal(v4.length, Ipv4.LENGTH);
  assert.equal(v4[Ipv4.VERSION_IHL], 0x45);
  assert.equal(v4.readUInt16BE(Ipv4.TOTAL_LENGTH), 0x3c);
  assert.equal(v4.readUInt16BE(Ipv4.ID), 0x1234);
  assert.equal(v4.readUInt16BE(Ipv4.FRAGMENT), 0x4000);
  assert.equal(v4[Ipv4.PROTOCOL], 6);
  assert.equal(v4.readUInt16BE(Ipv4.CHECKSUM), 0xb1);
  const v6 = Buffer.from(`6001234500141140fd${'0'.repeat(29)}1fd${'0'.repeat(29)}2`, 'hex');
  assert.equal(v6.length, Ipv6.LENGTH);
  assert.equal((v6[Ipv6.VERSION] as number) >> 4, 6);
  assert.equal(v6.readUInt16BE(Ipv6.PAYLOAD_LENGTH), 20);
  assert.equal(v6[Ipv6.NEXT_HEADER], 17);
  const tcp = Buffer.from('9c4014510102030405060708508900ffbeef0000', 'hex');
  assert.equal(tcp.length, Tcp.LENGTH);
  assert.equal(tcp.readUInt32BE(Tcp.SEQUENCE), 0x01020304);
  assert.equal(tcp[Tcp.DATA_OFFSET], 0x50);
  assert.equal(tcp[Tcp.FLAGS], TcpFlag.CWR | TcpFlag.PSH | TcpFlag.FIN);
  assert.equal(tcp.readUInt16BE(Tcp.CHECKSUM), 0xbeef);
  const udp = Buffer.from('9c4014510014beef', 'hex');
  assert.equal(udp.length, Udp.LENGTH);
  assert.equal(udp.readUInt16BE(Udp.UDP_LENGTH), 20);
  assert.equal(udp.readUInt16BE(Udp.CHECKSUM), 0xbeef);
});

for (const [name, hex, protocol, network, version] of [
  ['IPv4 to TCP', `${MACS} ${ip4('06')}`, TCP, 14, 4],
  ['IPv4 to UDP', `${MACS} ${ip4('11')}`, UDP, 14, 4],
  ['IPv4, DF clear', `${MACS} ${ip4('06', '45', '0000')}`, TCP, 14, 4],
  ['IPv4, the reserved flag set', `${MACS} ${ip4('06', '45', '8000')}`, TCP, 14, 4],
  ['IPv4 with options', `${MACS} ${ip4('06', '46', '4000', '94040000')}`, TCP, 14, 4],
  ['IPv4 with all options it may have', `${MACS} ${ip4('06', '4f', '4000', '01'.repeat(40))}`, TCP, 14, 4],
  ['IPv4 behind a tag', `${MACS} ${VLAN} ${ip4('06')}`, TCP, 18, 4],
  ['IPv6 behind two tags', `${MACS} ${QINQ} ${VLAN} ${ip6('06')}`, TCP, 22, 6],
  ['IPv6 to TCP', `${MACS} ${ip6('06')}`, TCP, 14, 6],
  ['IPv6 to UDP', `${MACS} ${ip6('11')}`, UDP, 14, 6],
  ['IPv6 with a traffic class', `${MACS} ${ip6('06', '6f')}`, TCP, 14, 6],
  ['IPv6, hop-by-hop', `${MACS} ${ip6('00')} ${ext('06')}`, TCP, 14, 6],
  ['IPv6, a long destination header', `${MACS} ${ip6('3c')} ${ext('11', 9)}`, UDP, 14, 6],
  ['IPv6, three headers', `${MACS} ${ip6('00')} ${ext('2b')} ${ext('3c', 3)} ${ext('06', 2)}`, TCP, 14, 6],
  ['IPv6, eight headers', `${MACS} ${ip6('3c')} ${ext('3c').repeat(7)} ${ext('06')}`, TCP, 14, 6],
] as const) {
  test(`${name}: found`, () => {
    const found = walk(hex, protocol);
    assert.deepEqual([found.network, found.version], [network, version]);
  });
}

for (const [name, hex, protocol] of [
  ['another ethertype', `${MACS} 0806 ${ip4('06').slice(5)}`, TCP],
  ['three tags', `${MACS} ${QINQ} ${VLAN} ${VLAN} ${ip4('06')}`, TCP],
  ['IPv4 that says version 6', `${MACS} ${ip4('06', '65')}`, TCP],
  ['IPv6 that says version 4', `${MACS} ${ip6('06', '40')}`, TCP],
  ['IPv4 under the ethertype of IPv6', `${MACS} 86dd ${ip4('06').slice(5)} ${'00'.repeat(20)}`, TCP],
  ['IHL below 5', `${MACS} ${ip4('06', '44')}`, TCP],
  ['IHL 0', `${MACS} ${ip4('06', '40')}`, TCP],
  ['IHL too long for where the transport header is said to be', `${MACS} ${ip4('06', '46')}`, TCP],
  ['IHL too short for it', `${MACS} ${ip4('06', '45', '4000', '01010101')}`, TCP],
  ['another protocol', `${MACS} ${ip4('11')}`, TCP],
  ['another next header', `${MACS} ${ip6('11')}`, TCP],
  ['the first fragment', `${MACS} ${ip4('06', '45', '2000')}`, TCP],
  ['the last fragment', `${MACS} ${ip4('06', '45', '00b9')}`, TCP],
  ['a fragment at 8 KiB', `${MACS} ${ip4('06', '45', '0400')}`, TCP],
  ['an IPv6 fragment header', `${MACS} ${ip6('2c')} ${ext('06')}`, TCP],
  ['an authentication header', `${MACS} ${ip6('33')} ${ext('06')}`, TCP],
  ['nine extension headers', `${MACS} ${ip6('3c')} ${ext('3c').repeat(8)} ${ext('06')}`, TCP],
  ['an extension header that leads to another protocol', `${MACS} ${ip6('00')} ${ext('11')}`, TCP],
] as const) {
  test(`${name}: not found`, () => assert.equal(walk(hex, protocol).version, 0));
}

test('an extension header whose length ends before or behind the transport header: not found', () => {
  for (const shift of [-8, -2, -1, 1, 2, 8]) {
    const hex = `${MACS} ${ip6('00')} ${ext('06', 2)}`;
    assert.equal(walk(hex, TCP, walk(hex, TCP).end + shift).version, 0, `${shift}`);
  }
});

test('a transport header before the end of the network header: not found, wherever it is said to be', () => {
  for (const hex of [`${MACS} ${ip4('06')}`, `${MACS} ${ip6('06')}`, `${MACS} ${VLAN} ${ip6('06')}`]) {
    const { end } = walk(hex, TCP);
    for (let to = 14; to < end + 30; to++) assert.equal(walk(hex, TCP, to).version !== 0, to === end, `${to}`);
  }
});

test('what stands behind the transport header changes nothing', () => {
  for (const hex of [`${MACS} ${ip4('06')}`, `${MACS} ${ip6('00')} ${ext('06')}`, `${MACS} ${ip6('3c')}`]) {
    const seen = [0, 6, 0x11, 0xff].map((around) => walk(hex, TCP, undefined, around));
    for (const one of seen) assert.deepEqual(one, seen[0]);
  }
});
