/**
 * Neighbour discovery from literal bytes: the rules of RFC 4861 §6.1, §7.1 and §8.1, and frames as written, judged by a plain
 * reader (shared/wire/nd.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { dstHi, dstLo, type Mac, parseMac } from '../../../../src/shared/wire/ethernet.js';
import { checkIpv6 } from '../../../../src/shared/wire/ipv6.js';
import { parseIpv6 } from '../../../../src/shared/wire/ipv6-address.js';
import {
  checkNd,
  NdFault,
  NdFlag,
  NdOption,
  ndLink,
  ndReply,
  writeAnnouncement,
  writeDadProbe,
  writeRedirect,
  writeSolicitation,
  writeUnicastSolicitation,
} from '../../../../src/shared/wire/nd.js';
import { AT, hex, type Memory, naiveChecksum, place, pseudoHeader6, readIpv6 } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);

const OWN = parseMac('02:00:00:00:fe:01') as Mac;
const HOST = parseMac('02:11:22:33:44:55') as Mac;

function ip6(text: string): Uint8Array {
  return parseIpv6(text) as Uint8Array;
}

/** Hex digits of an address. */
function a(text: string): string {
  return Buffer.from(ip6(text)).toString('hex');
}

/** A packet with this message, its checksum right, from and to these addresses. */
function packet(message: string, source = 'fe80::1', to = 'fe80::2', hops = 255): Uint8Array {
  const more = hex(message);
  const head = [0x60, 0, 0, 0, more.length >> 8, more.length & 0xff, 58, hops];
  const bytes = Uint8Array.from([...head, ...ip6(source), ...ip6(to), ...more]);
  if (more.length < 4) return bytes;
  const read = readIpv6(bytes);
  const sum = naiveChecksum(pseudoHeader6(read), read.payload);
  bytes.set([sum >> 8, sum & 255], 42);
  return bytes;
}

function check(bytes: Uint8Array): NdFault {
  const { u8, u16 } = place(bytes);
  return checkNd(u8, u16, AT);
}

const T = a('2001:db8::7');
const SLLA = '0101 021122334455';
const TLLA = '0201 021122334455';
const NS = `8700 0000 00000000 ${T}`;
const NA = (flags: string) => `8800 0000 ${flags}000000 ${T}`;
const RS = '8500 0000 00000000';
const RA = '8600 0000 40000708 00000000 00000000';
const REDIRECT = (target: string, to: string) => `8900 0000 00000000 ${a(target)} ${a(to)}`;
const GROUP = 'ff02::1:ff00:7';

for (const [what, bytes, fault] of [
  ['a solicitation', packet(`${NS} ${SLLA}`, 'fe80::1', GROUP), NdFault.NONE],
  ['a unicast solicitation without an option', packet(NS), NdFault.NONE],
  ['a DAD probe', packet(NS, '::', GROUP), NdFault.NONE],
  ['a DAD probe that says where it is', packet(`${NS} ${SLLA}`, '::', GROUP), NdFault.SOURCE],
  ['a DAD probe to all nodes', packet(NS, '::', 'ff02::1'), NdFault.DESTINATION],
  ['a DAD probe to one', packet(NS, '::', '2001:db8::7'), NdFault.DESTINATION],
  ['a DAD probe with a nonce (RFC 7527)', packet(`${NS} 0e01 010203040506`, '::', GROUP), NdFault.NONE],
  ['a solicitation for a group', packet(`8700 0000 00000000 ${a('ff02::1')}`), NdFault.TARGET],
  ['a solicitation that came over a router', packet(NS, 'fe80::1', 'fe80::2', 254), NdFault.HOP_LIMIT],
  ['a solicitation of code 1', packet(NS.replace('8700', '8701')), NdFault.CODE],
  ['a solicitation of 23 bytes', packet(NS.slice(0, -2)), NdFault.LENGTH],
  ['a message of 7 bytes', packet('8700 0000 000000'), NdFault.LENGTH],
  ['an option of length 0', packet(`${NS} 0100 021122334455`), NdFault.OPTION],
  ['an option that does not end', packet(`${NS} 0102 021122334455`), NdFault.OPTION],
  ['half an option', packet(`${NS} 0101 0211`), NdFault.OPTION],
  ['a second option of length 0', packet(`${NS} ${SLLA} 0e00 000000000000`), NdFault.OPTION],
  ['a solicited advertisement', packet(`${NA('60')} ${TLLA}`), NdFault.NONE],
  ['a solicited advertisement to all nodes', packet(`${NA('60')} ${TLLA}`, 'fe80::1', 'ff02::1'), NdFault.DESTINATION],
  ['an unsolicited advertisement to all nodes', packet(`${NA('20')} ${TLLA}`, 'fe80::1', 'ff02::1'), NdFault.NONE],
  ['an advertisement of a group', packet(`8800 0000 60000000 ${a('ff02::1')}`), NdFault.TARGET],
  ['an advertisement of 16 bytes', packet('8800 0000 60000000 20010db800000000'), NdFault.LENGTH],
  ['a router solicitation', packet(`${RS} ${SLLA}`, 'fe80::1', 'ff02::2'), NdFault.NONE],
  ['a router solicitation from nobody', packet(RS, '::', 'ff02::2'), NdFault.NONE],
  ['a router solicitation from nobody, who says where', packet(`${RS} ${SLLA}`, '::', 'ff02::2'), NdFault.SOURCE],
  ['a router advertisement', packet(`${RA} ${SLLA}`, 'fe80::1', 'ff02::1'), NdFault.NONE],
  ['a router advertisement from afar', packet(RA, '2001:db8::1', 'ff02::1'), NdFault.SOURCE],
  ['a router advertisement of 15 bytes', packet(RA.slice(0, -2)), NdFault.LENGTH],
  ['a redirect to a router', packet(REDIRECT('fe80::9', '2001:db8::9')), NdFault.NONE],
  ['a redirect to a neighbour', packet(REDIRECT('2001:db8::9', '2001:db8::9')), NdFault.NONE],
  ['a redirect to something else', packet(REDIRECT('2001:db8::8', '2001:db8::9')), NdFault.TARGET],
  ['a redirect of a group', packet(REDIRECT('fe80::9', 'ff0e::9')), NdFault.DESTINATION],
  ['a redirect from afar', packet(REDIRECT('fe80::9', '2001:db8::9'), '2001:db8::1'), NdFault.SOURCE],
  ['a redirect of 39 bytes', packet(REDIRECT('fe80::9', '2001:db8::9').slice(0, -2)), NdFault.LENGTH],
  ['an echo request', packet('8000 0000 00000000'), NdFault.TYPE],
] as const) {
  test(`${what}: fault ${fault}`, () => assert.equal(check(bytes), fault));
}

test('one bit of a message makes it wrong', () => {
  const bytes = packet(`${NS} ${SLLA}`, 'fe80::1', GROUP);
  for (let bit = 64; bit < bytes.length * 8; bit++) {
    const other = bytes.slice();
    other[bit >> 3] ^= 1 << (bit & 7);
    assert.notEqual(check(other), NdFault.NONE, `bit ${bit}`);
  }
});

test('options are found behind others, and not if they have another length', () => {
  const link = (options: string, type: NdOption) => {
    const { u8, u16 } = place(packet(`${NS} ${options}`));
    const at = ndLink(u8, AT, type);
    return at === 0 ? undefined : { hi: dstHi(u16, at), lo: dstLo(u16, at) };
  };
  assert.deepEqual(link(SLLA, NdOption.SOURCE_LINK), HOST);
  assert.deepEqual(link(`0e02 ${'00'.repeat(14)} ${SLLA}`, NdOption.SOURCE_LINK), HOST);
  assert.equal(link(SLLA, NdOption.TARGET_LINK), undefined);
  assert.equal(link('', NdOption.SOURCE_LINK), undefined);
  assert.equal(link(`0102 ${'00'.repeat(14)}`, NdOption.SOURCE_LINK), undefined);
});

test('whatever comes, what is read lies in the packet', () => {
  const type = fc.constantFrom(133, 134, 135, 136, 137);
  fc.assert(
    fc.property(type, fc.array(fc.nat(3), { minLength: 6, maxLength: 80 }), (kind, rest) => {
      const bytes = packet(Buffer.from([kind, 0, 0, 0, ...rest]).toString('hex'));
      const one = place(bytes);
      const other = place(bytes);
      other.u8.fill(1, AT + bytes.length);
      const fault = checkNd(one.u8, one.u16, AT);
      assert.equal(checkNd(other.u8, other.u16, AT), fault);
      if (fault === NdFault.NONE) assert.ok(ndLink(one.u8, AT, 1) + 6 <= AT + bytes.length);
    }),
    { seed, numRuns: 3000 },
  );
});

/** Checks the frame of `length` bytes at `AT` and returns its Ethernet header, addresses and message as hex. */
function frame({ u8, u16 }: Memory, length: number): readonly string[] {
  const bytes = u8.slice(AT, AT + length);
  assert.equal(u8[AT - 1], 0xee);
  assert.equal(checkIpv6(u8, AT + 14, length - 14), 0);
  assert.equal(checkNd(u8, u16, AT + 14), NdFault.NONE);
  const read = readIpv6(bytes.slice(14));
  assert.equal(naiveChecksum(pseudoHeader6(read), read.payload), 0);
  assert.deepEqual([read.ttl, read.protocol, read.tos], [255, 58, 0]);
  const message = read.payload.slice();
  message.fill(0, 2, 4);
  return [bytes.slice(0, 14), read.source, read.destination, message].map((part) => Buffer.from(part).toString('hex'));
}

/** The same of expected parts. */
function want(ether: string, source: string, destination: string, message: string): readonly string[] {
  return [ether.replaceAll(' ', ''), a(source), a(destination), message.replaceAll(' ', '')];
}

const OWN_SLLA = '0101 02000000fe01';
const OWN_TLLA = '0201 02000000fe01';

test('a solicitation as written', () => {
  const memory = place(new Uint8Array(0));
  const { u8, u16 } = memory;
  const source = ip6('fe80::fe');
  const length = writeSolicitation(u8, u16, AT, OWN.hi, OWN.lo, source, 0, hex(`ee ${T}`), 1);
  assert.equal(length, 86);
  assert.deepEqual(
    frame(memory, length),
    want('3333ff000007 02000000fe01 86dd', 'fe80::fe', GROUP, `${NS} ${OWN_SLLA}`),
  );
  assert.equal(u8[AT + 86], 0xee);
});

test('a unicast solicitation as written', () => {
  const memory = place(new Uint8Array(0));
  const { u8, u16 } = memory;
  const source = ip6('fe80::fe');
  const length = writeUnicastSolicitation(u8, u16, AT, OWN.hi, OWN.lo, source, 0, hex(T), 0, HOST.hi, HOST.lo);
  assert.deepEqual(
    frame(memory, length),
    want('021122334455 02000000fe01 86dd', 'fe80::fe', '2001:db8::7', `${NS} ${OWN_SLLA}`),
  );
});

test('a DAD probe as written', () => {
  const memory = place(new Uint8Array(0));
  const { u8, u16 } = memory;
  const length = writeDadProbe(u8, u16, AT, OWN.hi, OWN.lo, hex(T), 0);
  assert.equal(length, 78);
  assert.deepEqual(frame(memory, length), want('3333ff000007 02000000fe01 86dd', '::', GROUP, NS));
  assert.equal(u8[AT + 78], 0xee);
});

test('an announcement as written', () => {
  const memory = place(new Uint8Array(0));
  const { u8, u16 } = memory;
  const length = writeAnnouncement(u8, u16, AT, OWN.hi, OWN.lo, hex(T), 0, NdFlag.ROUTER | NdFlag.OVERRIDE);
  assert.equal(length, 86);
  assert.deepEqual(
    frame(memory, length),
    want('333300000001 02000000fe01 86dd', '2001:db8::7', 'ff02::1', `${NA('a0')} ${OWN_TLLA}`),
  );
  assert.equal(u8[AT + 86], 0xee);
});

const REPLY_TO_HOST = want('021122334455 02000000fe01 86dd', '2001:db8::7', 'fe80::1', `${NA('e0')} ${OWN_TLLA}`);
for (const [what, asked, ether, reply] of [
  ['multicast', packet(`${NS} ${SLLA}`, 'fe80::1', GROUP), '3333ff000007 020000000099 86dd', REPLY_TO_HOST],
  ['unicast without an option', packet(NS, 'fe80::1', '2001:db8::7'), '02000000fe01 021122334455 86dd', REPLY_TO_HOST],
  [
    'DAD',
    packet(NS, '::', GROUP),
    '3333ff000007 021122334455 86dd',
    want('333300000001 02000000fe01 86dd', '2001:db8::7', 'ff02::1', `${NA('a0')} ${OWN_TLLA}`),
  ],
] as const) {
  test(`a solicitation becomes the advertisement that answers it: ${what}`, () => {
    const memory = place(Uint8Array.from([...hex(ether), ...asked]));
    const { u8, u16 } = memory;
    const length = ndReply(u8, u16, AT, OWN.hi, OWN.lo, NdFlag.ROUTER | NdFlag.OVERRIDE);
    assert.equal(length, 86);
    assert.deepEqual(frame(memory, length), reply);
    assert.equal(u8[AT + 86], 0xee);
  });
}

for (const [what, size, link, quote] of [
  ['a short packet, the target known', 20, HOST, 56],
  ['a short packet, the target not known', 20, { hi: 0, lo: 0 }, 56],
  ['a long packet, the target known', 1400, HOST, 1184],
  ['a long packet, the target not known', 1400, { hi: 0, lo: 0 }, 1192],
] as const) {
  test(`a redirect as written: ${what}`, () => {
    const about = packet('00'.repeat(size), '2001:db8::5', '2001:db8:1::9', 64);
    const memory = place(about);
    const { u8, u16 } = memory;
    u8.copyWithin(AT + 2048, AT, AT + about.length);
    const own = ip6('fe80::fe');
    const to = ip6('fe80::9');
    const length = writeRedirect(
      u8,
      u16,
      AT + 2048,
      AT,
      OWN.hi,
      OWN.lo,
      own,
      0,
      HOST.hi,
      HOST.lo,
      to,
      0,
      link.hi,
      link.lo,
    );
    assert.ok(length <= 14 + 1280);
    const option = link === HOST ? TLLA : '';
    const units = (quote / 8 + 1).toString(16).padStart(2, '0');
    const quoted = Buffer.from(about.slice(0, quote)).toString('hex');
    assert.deepEqual(
      frame(memory, length),
      want(
        '021122334455 02000000fe01 86dd',
        'fe80::fe',
        '2001:db8::5',
        `${REDIRECT('fe80::9', '2001:db8:1::9')} ${option} 04${units} 000000000000 ${quoted}`,
      ),
    );
  });
}
