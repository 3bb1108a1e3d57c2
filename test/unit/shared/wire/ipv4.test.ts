/**
 * IPv4 headers from literal bytes, and random ones against a plain reader (shared/wire/ipv4.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  checkIpv4,
  decrementTtl,
  destination4,
  fragmentField,
  headerLength,
  Ipv4Fault,
  identifiesOne4,
  isLinkLocal4,
  isLinkLocalMulticast4,
  isMulticast4,
  OptionFound,
  setTtl,
  source4,
  totalLength,
  walkOptions,
  writeIpv4,
} from '../../../../src/shared/wire/ipv4.js';
import { parseIpv4, swap32 } from '../../../../src/shared/wire/ipv4-address.js';
import { AT, hex, naiveChecksum, place, readIpv4 } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);

/** Spec B §1.1's golden inner packet: an echo request 10.0.0.1 → 10.0.0.2 of 36 bytes. */
const ECHO = '4500002400014000400126d60a0000010a000002 08005435123400016162636465666768';
/** The same behind one hop. */
const ECHO_63 = '45000024000140003f0127d60a0000010a000002 08005435123400016162636465666768';

function host(text: string): number {
  return swap32(parseIpv4(text) as number);
}

/** A packet with these parts of the header changed and its checksum right. */
function packet(options: string, source = '10.0.0.1', destination = '10.0.0.2', payload = 8): Uint8Array {
  const more = hex(options);
  const bytes = new Uint8Array(20 + more.length + payload);
  bytes.set(hex('4500 0000 0001 4000 40 11 0000'));
  bytes[0] = 0x45 + more.length / 4;
  bytes[3] = bytes.length;
  bytes.set(source.split('.').map(Number), 12);
  bytes.set(destination.split('.').map(Number), 16);
  bytes.set(more, 20);
  return sealed(bytes);
}

/** The same bytes with the header checksum computed. */
function sealed(bytes: Uint8Array): Uint8Array {
  bytes[10] = 0;
  bytes[11] = 0;
  const sum = naiveChecksum(bytes.slice(0, (bytes[0] & 15) * 4));
  bytes[10] = sum >> 8;
  bytes[11] = sum & 0xff;
  return bytes;
}

function check(bytes: Uint8Array | string, room?: number): Ipv4Fault {
  const { u8, u16 } = place(bytes);
  return checkIpv4(u8, u16, AT, room ?? (typeof bytes === 'string' ? hex(bytes) : bytes).length);
}

/** A packet whose byte `at` is `value`. */
function patched(at: number, value: number, seal = true): Uint8Array {
  const bytes = packet('');
  bytes[at] = value;
  return seal ? sealed(bytes) : bytes;
}

test('the golden echo request is right, and its fields are read', () => {
  const { u8, u16 } = place(ECHO);
  assert.equal(checkIpv4(u8, u16, AT, 36), Ipv4Fault.NONE);
  assert.equal(headerLength(u8, AT), 20);
  assert.equal(totalLength(u8, AT), 36);
  assert.equal(fragmentField(u8, AT), 0x4000);
  assert.equal(source4(u8, AT), 0x0a000001);
  assert.equal(destination4(u8, AT), 0x0a000002);
});

test('a hop changes the golden packet to the golden packet', () => {
  const { u8, u16 } = place(ECHO);
  decrementTtl(u8, u16, AT);
  assert.deepEqual(u8.slice(AT, AT + 36), hex(ECHO_63));
});

for (const [what, bytes, fault, room] of [
  ['B74 19 bytes are too short', packet(''), Ipv4Fault.SHORT, 19],
  ['B74 version 5', patched(0, 0x55), Ipv4Fault.VERSION],
  ['B74 a header of 16 bytes', patched(0, 0x44), Ipv4Fault.HEADER_LENGTH],
  ['B74 a header of 24 bytes in 20', patched(0, 0x46, false), Ipv4Fault.HEADER_LENGTH, 20],
  ['B74 a checksum off by one', patched(11, packet('')[11] + 1, false), Ipv4Fault.CHECKSUM],
  ['B74 a total length of 19', patched(3, 19), Ipv4Fault.TOTAL_LENGTH],
  ['B74 one byte less than the total length', packet(''), Ipv4Fault.TRUNCATED, 27],
  ['padding behind the packet is no fault', packet(''), Ipv4Fault.NONE, 46],
  ['a malformed option', packet('83 03 03 00'), Ipv4Fault.OPTION],
  ['a loose source route', packet('83 07 04 0a000003 00'), Ipv4Fault.SOURCE_ROUTE],
  ['a strict source route', packet('89 07 04 0a000003 00'), Ipv4Fault.SOURCE_ROUTE],
  ['a router alert is no fault', packet('94 04 0000'), Ipv4Fault.NONE],
] as const) {
  test(`${what}: fault ${fault}`, () => assert.equal(check(bytes, room), fault));
}

for (const [source, destination, fault] of [
  ['224.0.0.1', '10.0.0.2', Ipv4Fault.MARTIAN_SOURCE],
  ['239.255.255.255', '10.0.0.2', Ipv4Fault.MARTIAN_SOURCE],
  ['240.0.0.1', '10.0.0.2', Ipv4Fault.MARTIAN_SOURCE],
  ['255.255.255.255', '10.0.0.2', Ipv4Fault.MARTIAN_SOURCE],
  ['127.0.0.1', '10.0.0.2', Ipv4Fault.MARTIAN_SOURCE],
  ['0.1.2.3', '10.0.0.2', Ipv4Fault.MARTIAN_SOURCE],
  ['0.0.0.0', '10.0.0.2', Ipv4Fault.MARTIAN_SOURCE],
  ['0.1.2.3', '255.255.255.255', Ipv4Fault.MARTIAN_SOURCE],
  ['0.0.0.0', '255.255.255.255', Ipv4Fault.NONE],
  ['10.0.0.1', '0.0.0.0', Ipv4Fault.MARTIAN_DESTINATION],
  ['10.0.0.1', '127.0.0.1', Ipv4Fault.MARTIAN_DESTINATION],
  ['10.0.0.1', '240.0.0.1', Ipv4Fault.MARTIAN_DESTINATION],
  ['10.0.0.1', '255.255.255.254', Ipv4Fault.MARTIAN_DESTINATION],
  ['10.0.0.1', '255.255.255.255', Ipv4Fault.NONE],
  ['10.0.0.1', '224.0.0.5', Ipv4Fault.NONE],
  ['169.254.0.1', '169.254.7.9', Ipv4Fault.NONE],
  ['126.255.255.255', '223.255.255.255', Ipv4Fault.NONE],
  ['128.0.0.0', '1.0.0.0', Ipv4Fault.NONE],
] as const) {
  test(`B74 ${source} to ${destination}: fault ${fault}`, () => {
    assert.equal(check(packet('', source, destination)), fault);
  });
}

for (const [what, options, result] of [
  ['end at once', '00 ff ff ff', 0],
  ['no-operations', '01 01 01 01', 0],
  ['router alert', '94 04 0000', OptionFound.ROUTER_ALERT],
  ['router alert of another value', '94 04 0001', 0],
  ['router alert of 3 bytes', '94 03 00 00', -21],
  ['record route', '07 07 04 00000000 00', OptionFound.RECORD_ROUTE],
  ['record route that is full', '07 07 08 0a000001 00', OptionFound.RECORD_ROUTE],
  ['record route with room for 3 bytes', '07 06 04 000000 0000', -22],
  ['record route that points below 4', '07 07 03 00000000 00', -22],
  ['two record routes', '07 07 04 00000000 07 07 04 00000000 0000', -27],
  ['timestamp', '44 08 05 00 00000000', OptionFound.TIMESTAMP],
  ['timestamp with addresses', '44 0c 05 01 00000000 00000000', OptionFound.TIMESTAMP],
  ['timestamp with addresses and no room for one', '44 08 05 01 00000000', -22],
  ['timestamp that points below 5', '44 08 04 00 00000000', -22],
  ['timestamp with flag 2', '44 08 05 02 00000000', 0],
  ['timestamp with flag 2 and no room', '44 07 05 02 000000 00', -22],
  ['timestamp of other stations that overflowed', '44 08 09 f3 00000000', OptionFound.TIMESTAMP],
  ['timestamp that overflowed 15 times', '44 08 09 f0 00000000', -23],
  ['timestamp of 3 bytes', '44 03 05 00', -21],
  ['source route that points below 4', '01 83 03 03', -23],
  ['an unknown option', '86 04 0000', 0],
  ['a length of 1', '86 01 0000', -20],
  ['a length of 0', '01 86 00 00', -21],
  ['an option that does not end', '86 05 0000', -20],
  ['a type without a length', '01 01 01 86', -23],
  ['router alert behind a record route', '07 07 04 00000000 01 94 04 0000', 3],
] as const) {
  test(`options: ${what} gives ${result}`, () => {
    const { u8, u16 } = place(packet(options));
    assert.equal(walkOptions(u8, AT), result);
    const source = result > 0 && (result & OptionFound.SOURCE_ROUTE) !== 0;
    assert.equal(
      checkIpv4(u8, u16, AT, u8[AT + 3]),
      result < 0 ? Ipv4Fault.OPTION : source ? Ipv4Fault.SOURCE_ROUTE : 0,
    );
  });
}

test('what the options walk reads lies in the header', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 40 }), (raw) => {
      const options = raw.slice(0, raw.length & ~3);
      const bytes = packet(Buffer.from(options).toString('hex'));
      const one = place(bytes);
      const other = place(bytes);
      other.u8.fill(0x11, AT + 20 + options.length);
      const result = walkOptions(one.u8, AT);
      assert.equal(walkOptions(other.u8, AT), result);
      assert.ok(result > -(20 + options.length), `${result}`);
    }),
    { seed, numRuns: 2000 },
  );
});

test('classes of addresses', () => {
  for (const [text, one, multicast, local, localMulticast] of [
    ['10.0.0.1', true, false, false, false],
    ['169.254.0.1', true, false, true, false],
    ['169.255.0.1', true, false, false, false],
    ['224.0.0.255', false, true, false, true],
    ['224.0.1.0', false, true, false, false],
    ['239.255.255.255', false, true, false, false],
    ['240.0.0.0', false, false, false, false],
    ['255.255.255.255', false, false, false, false],
    ['0.0.0.0', false, false, false, false],
    ['127.0.0.1', false, false, false, false],
  ] as const) {
    const address = host(text);
    assert.equal(identifiesOne4(address), one, text);
    assert.equal(isMulticast4(address), multicast, text);
    assert.equal(isLinkLocal4(address), local, text);
    assert.equal(isLinkLocalMulticast4(address), localMulticast, text);
  }
});

/** The faults again, as spec B §5.1 says them, of a packet without options. */
function naiveFault(bytes: Uint8Array): Ipv4Fault {
  if (bytes.length < 20) return Ipv4Fault.SHORT;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = (bytes[0] % 16) * 4;
  if (Math.floor(bytes[0] / 16) !== 4) return Ipv4Fault.VERSION;
  if (header < 20 || header > bytes.length) return Ipv4Fault.HEADER_LENGTH;
  if (naiveChecksum(bytes.slice(0, header)) !== 0) return Ipv4Fault.CHECKSUM;
  if (view.getUint16(2) < header) return Ipv4Fault.TOTAL_LENGTH;
  if (view.getUint16(2) > bytes.length) return Ipv4Fault.TRUNCATED;
  const source = [...bytes.slice(12, 16)].join('.');
  const to = [...bytes.slice(16, 20)].join('.');
  if (/^(0|127|22[4-9]|2[345]\d)\./.test(source) && `${source} ${to}` !== '0.0.0.0 255.255.255.255') {
    return Ipv4Fault.MARTIAN_SOURCE;
  }
  if (/^(0|127|2[45]\d)\./.test(to) && to !== '255.255.255.255') return Ipv4Fault.MARTIAN_DESTINATION;
  return Ipv4Fault.NONE;
}

test('random headers have the fault that a plain reader finds, and every fault is met', () => {
  const met = new Set<Ipv4Fault>();
  const octet = fc.oneof(fc.constantFrom(0, 10, 127, 169, 223, 224, 239, 240, 255), fc.nat(255));
  const quad = fc.array(octet, { minLength: 4, maxLength: 4 });
  const first = fc.oneof({ weight: 9, arbitrary: fc.constant(0x45) }, { weight: 1, arbitrary: fc.nat(255) });
  const right = fc.boolean();
  fc.assert(
    fc.property(
      first,
      fc.integer({ min: 10, max: 50 }),
      quad,
      quad,
      fc.nat(30),
      right,
      (b0, total, from, to, extra, seal) => {
        const bytes = new Uint8Array(Math.max(0, 15 + extra));
        const zero = (list: readonly number[]) => (list[0] === 0 && list[1] < 128 ? [0, 0, 0, 0] : list);
        const ones = (list: readonly number[]) => (list[0] === 255 ? [255, 255, 255, 255] : list);
        const head = [b0, 0, 0, total, 1, 2, 0, 0, 64, 17, 0, 0, ...zero(from), ...ones(to)];
        bytes.set(head.slice(0, bytes.length));
        // Beyond 20 bytes all is 0: the options end at once.
        const header = (b0 & 15) * 4;
        if (bytes.length >= 20 && header <= bytes.length && (seal || total % 4 !== 0)) {
          const sum = naiveChecksum(bytes.slice(0, header));
          bytes.set([sum >> 8, sum & 255], 10);
        }
        const { u8, u16 } = place(bytes);
        const fault = checkIpv4(u8, u16, AT, bytes.length);
        assert.equal(fault, naiveFault(bytes));
        met.add(fault);
      },
    ),
    { seed, numRuns: 5000 },
  );
  assert.equal(met.size, 9, [...met].join(' '));
});

const byte = fc.integer({ min: 0, max: 255 });
const word = fc.integer({ min: 0, max: 65_535 });
const address = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

test('a written header reads back, and nothing beside it is written', () => {
  fc.assert(
    fc.property(byte, word, word, byte, byte, address, address, (tos, id, fragment, ttl, protocol, source, to) => {
      const { u8, u16 } = place(new Uint8Array(24));
      writeIpv4(u16, AT, tos, 24, id, fragment, ttl, protocol, source, to);
      const read = readIpv4(u8.slice(AT, AT + 24));
      assert.deepEqual([read.tos, read.id, read.ttl, read.protocol], [tos, id, ttl, protocol]);
      assert.deepEqual(
        [read.df, read.mf, read.fragmentOffset],
        [(fragment & 0x4000) !== 0, (fragment & 0x2000) !== 0, (fragment & 0x1fff) * 8],
      );
      assert.equal(new DataView(read.source.buffer).getInt32(0), source);
      assert.equal(new DataView(read.destination.buffer).getInt32(0), to);
      assert.ok(u8.subarray(0, AT).every((b) => b === 0xee));
      assert.ok(u8.subarray(AT + 20, AT + 24).every((b) => b === 0));
      assert.equal(source4(u8, AT), source);
      assert.equal(destination4(u8, AT), to);
    }),
    { seed },
  );
});

test('the checksum after a hop is the one computed anew', () => {
  fc.assert(
    fc.property(word, word, fc.integer({ min: 1, max: 255 }), byte, address, address, (id, f, ttl, protocol, a, b) => {
      const { u8, u16 } = place(new Uint8Array(20));
      writeIpv4(u16, AT, 0, 20, id, f, ttl, protocol, a, b);
      decrementTtl(u8, u16, AT);
      const once = u8.slice(AT, AT + 20);
      assert.equal(readIpv4(once).ttl, ttl - 1);
      assert.deepEqual(once, sealed(once.slice()));
      setTtl(u8, u16, AT, 64);
      const set = u8.slice(AT, AT + 20);
      assert.equal(readIpv4(set).ttl, 64);
      assert.deepEqual(set, sealed(set.slice()));
    }),
    { seed },
  );
});

test('a hop from every checksum there is, 0xfffe among them (RFC 1624 §3)', () => {
  for (let id = 0; id < 65_536; id++) {
    const { u8, u16 } = place(new Uint8Array(20), 0);
    writeIpv4(u16, AT, 0, 20, id, 0, 64, 17, 0x0a000001, 0x0a000002);
    decrementTtl(u8, u16, AT);
    const once = u8.slice(AT, AT + 20);
    if (naiveChecksum(once) !== 0 || (once[10] === 0xff && once[11] === 0xff)) assert.fail(`id ${id}`);
  }
});
