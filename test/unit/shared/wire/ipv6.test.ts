/**
 * IPv6 headers, hop-by-hop options and extension headers from literal bytes, and random ones against a plain walk
 * (shared/wire/ipv6.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  checkForward6,
  checkIpv6,
  copyAddress6,
  decrementHopLimit,
  flowLabel,
  HopFound,
  HopVerdict,
  hopPointer,
  hopVerdict,
  Ipv6Fault,
  identifiesOne6,
  isLinkLocal6,
  isLoopback6,
  isMapped6,
  isMulticast6,
  isSolicitedNode,
  isUnspecified6,
  multicastScope,
  payloadLength,
  sameAddress6,
  trafficClass,
  Upper,
  upperOffset,
  upperProtocol,
  walkExtensions,
  walkHopByHop,
  writeIpv6,
  writeSolicitedNode,
} from '../../../../src/shared/wire/ipv6.js';
import { parseIpv6 } from '../../../../src/shared/wire/ipv6-address.js';
import type { Protocol } from '../../../../src/shared/wire/protocol.js';
import { AT, hex, place, readIpv6 } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);

/** Spec B §1.1's golden reduced packet: an outer header in front of an IPv4 echo request. */
const GOLDEN = `60000000 0024 04 40 fd000000000000000000000000000001 fc000012010000000000000000006004
  4500002400014000400126d60a0000010a000002 08005435123400016162636465666768`;

function ip6(text: string): Uint8Array {
  return parseIpv6(text) as Uint8Array;
}

/** A packet with this next header and payload. */
function packet(next: number, payload: string, source = '2001:db8::1', destination = '2001:db8::2'): Uint8Array {
  const more = hex(payload);
  const head = [0x60, 0, 0, 0, more.length >> 8, more.length & 0xff, next, 64];
  return Uint8Array.from([...head, ...ip6(source), ...ip6(destination), ...more]);
}

function check(bytes: Uint8Array, room = bytes.length): Ipv6Fault {
  return checkIpv6(place(bytes).u8, AT, room);
}

test('the golden packet is right, and its fields are read', () => {
  const { u8 } = place(GOLDEN);
  assert.equal(checkIpv6(u8, AT, 76), Ipv6Fault.NONE);
  assert.equal(checkForward6(u8, AT), Ipv6Fault.NONE);
  assert.equal(payloadLength(u8, AT), 36);
  decrementHopLimit(u8, AT);
  assert.equal(u8[AT + 7], 63);
});

test('traffic class and flow label are read where they lie', () => {
  const { u8 } = place('6b8f0123');
  assert.equal(trafficClass(u8, AT), 0xb8);
  assert.equal(flowLabel(u8, AT), 0xf0123);
});

const UDP = '04d2 0035 0008 0000';
for (const [what, bytes, fault, room] of [
  ['B74 39 bytes', packet(17, UDP), Ipv6Fault.SHORT, 39],
  ['B74 version 4', Uint8Array.from([0x40, ...packet(17, UDP).slice(1)]), Ipv6Fault.VERSION],
  ['B74 one byte less than the payload length', packet(17, UDP), Ipv6Fault.TRUNCATED, 47],
  ['padding behind the packet', packet(17, UDP), Ipv6Fault.NONE, 60],
  ['B74 no payload', packet(17, ''), Ipv6Fault.ZERO_PAYLOAD],
  ['B74 no payload, hop-by-hop', packet(0, ''), Ipv6Fault.ZERO_PAYLOAD, 60],
  ['no payload and no next header', packet(59, ''), Ipv6Fault.NONE],
] as const) {
  test(`${what}: fault ${fault}`, () => assert.equal(check(bytes, room), fault));
}

for (const [source, destination, fault] of [
  ['ff02::1', '2001:db8::2', Ipv6Fault.MULTICAST_SOURCE],
  ['::1', '2001:db8::2', Ipv6Fault.LOOPBACK],
  ['2001:db8::1', '::1', Ipv6Fault.LOOPBACK],
  ['2001:db8::1', 'ff00::1', Ipv6Fault.SCOPE],
  ['2001:db8::1', 'ff11::1', Ipv6Fault.SCOPE],
  ['2001:db8::1', 'ff02::1', Ipv6Fault.NONE],
  ['::ffff:10.0.0.1', '2001:db8::2', Ipv6Fault.MAPPED],
  ['2001:db8::1', '::ffff:10.0.0.1', Ipv6Fault.MAPPED],
  ['::', 'ff02::1:ff00:1', Ipv6Fault.NONE],
  ['::2', '::fffe:0:1', Ipv6Fault.NONE],
] as const) {
  test(`B74 ${source} to ${destination}: fault ${fault}`, () => {
    assert.equal(check(packet(17, UDP, source, destination)), fault);
  });
}

for (const [source, destination, fault] of [
  ['::', '2001:db8::2', Ipv6Fault.UNSPECIFIED_SOURCE],
  ['fe80::1', '2001:db8::2', Ipv6Fault.LINK_LOCAL_SOURCE],
  ['febf::1', '2001:db8::2', Ipv6Fault.LINK_LOCAL_SOURCE],
  ['fec0::1', '2001:db8::2', Ipv6Fault.NONE],
  ['2001:db8::1', 'fe80::2', Ipv6Fault.LINK_LOCAL_DESTINATION],
  ['fe80::1', 'fe80::2', Ipv6Fault.LINK_LOCAL_DESTINATION],
  ['2001:db8::1', 'ff0e::2', Ipv6Fault.LINK_LOCAL_DESTINATION],
  ['2001:db8::1', '2001:db8::2', Ipv6Fault.NONE],
] as const) {
  test(`forwarding ${source} to ${destination}: fault ${fault}`, () => {
    assert.equal(checkForward6(place(packet(17, UDP, source, destination)).u8, AT), fault);
  });
}

/** The result of `walkHopByHop` as text. */
function hop(bytes: Uint8Array): string {
  const result = walkHopByHop(place(bytes).u8, AT);
  if (result >= 0) return result === HopFound.ROUTER_ALERT ? 'alert' : result === 0 ? 'nothing' : `${result}`;
  const names = { [HopVerdict.DROP]: 'drop', [HopVerdict.FIELD]: 'field', [HopVerdict.OPTION]: 'option' };
  return `${names[hopVerdict(result)]} ${hopPointer(result)}`;
}

const PAD = '01 04 00000000';
for (const [what, options, result, destination] of [
  ['PadN of 6', `11 00 ${PAD}`, 'nothing'],
  ['PadN that is not zero', '11 00 01 04 00000001', 'drop 42'],
  ['six Pad1', '11 00 00 00 00 00 00 00', 'nothing'],
  ['router alert (RFC 2711 §2.1)', '11 00 05 02 0000 01 00', 'alert'],
  ['router alert of 3 bytes', '11 00 05 01 00 00 01 00', 'drop 42'],
  ['unknown 00', '11 00 1e 04 00000000', 'nothing'],
  ['the least unknown 01', '11 00 40 04 00000000', 'drop 42'],
  ['unknown 01', '11 00 5e 04 00000000', 'drop 42'],
  ['unknown 10', '11 00 9e 04 00000000', 'option 42'],
  ['unknown 10 to a group', '11 00 9e 04 00000000', 'option 42', 'ff0e::1'],
  ['unknown 11', '11 00 de 04 00000000', 'option 42'],
  ['unknown 11 to a group', '11 00 de 04 00000000', 'drop 42', 'ff0e::1'],
  ['unknown 10 behind another', '11 01 1e 00 05 02 0000 9e 02 0000 01 02 0000', 'option 48'],
  ['jumbo with a payload length', '11 00 c2 04 00010000', 'field 42'],
  ['an option that does not end', '11 00 1e 05 00000000', 'drop 42'],
  ['a type without a length', '11 00 00 00 00 00 00 1e', 'drop 47'],
  ['a header that does not end', '11 01 01 04 00000000', 'drop 41'],
  ['8 options', '11 02 1e00 1e00 1e00 1e00 1e00 1e00 1e00 1e00 01 04 00000000', 'nothing'],
  ['9 options', '11 02 1e00 1e00 1e00 1e00 1e00 1e00 1e00 1e00 1e00 01 02 0000', 'drop 58'],
  ['7 bytes of padding', '11 01 1e 05 0000000000 01 05 0000000000', 'nothing'],
  ['8 bytes of padding', '11 01 1e 04 00000000 00 01 05 0000000000', 'drop 49'],
  ['8 Pad1', '11 01 1e 04 00000000 00 00 00 00 00 00 00 00', 'drop 55'],
] as const) {
  test(`hop-by-hop: ${what} gives ${result}`, () => {
    assert.equal(hop(packet(0, options, '2001:db8::1', destination)), result);
  });
}

test('a hop-by-hop header of 7 bytes is dropped', () => assert.equal(hop(packet(0, '11000104000000')), 'drop 40'));

/** The result of `walkExtensions` as text. */
function upper(bytes: Uint8Array): string {
  const result = walkExtensions(place(bytes).u8, AT);
  if (result === -1) return 'broken';
  const bits = [];
  if ((result & Upper.FRAGMENT) !== 0) bits.push('fragment');
  if ((result & Upper.LATER_FRAGMENT) !== 0) bits.push('later');
  if ((result & Upper.ROUTING_0) !== 0) bits.push('rh0');
  return [`${upperProtocol(result)}@${upperOffset(result)}`, ...bits].join(' ');
}

const HBH = '00000000000000';
const SEGMENT = '20010db8000000000000000000000003';
for (const [what, next, payload, result] of [
  ['UDP at once', 17, UDP, '17@40'],
  ['nothing', 59, '', '59@40'],
  ['hop-by-hop, UDP', 0, `11 ${HBH} ${UDP}`, '17@48'],
  ['hop-by-hop behind destination options', 60, `00 ${HBH} 11 ${HBH}`, '0@48'],
  ['destination options, SRH with segments, IPv4', 60, `2b ${HBH} 04 02 04 01 00 00 0000 ${SEGMENT}`, '4@72'],
  ['routing type 0 with segments', 43, `11 02 00 01 00000000 ${SEGMENT} ${UDP}`, '43@40 rh0'],
  ['routing type 0 without', 43, `11 02 00 00 00000000 ${SEGMENT} ${UDP}`, '17@64'],
  ['first fragment', 44, `11 00 0001 12345678 ${UDP}`, '17@48 fragment'],
  ['later fragment', 44, `11 00 0008 12345678 ${UDP}`, '17@48 fragment later'],
  ['later fragment of destination options', 44, `3c 00 0009 12345678 ${UDP}`, '60@48 fragment later'],
  ['authentication (RFC 4302), UDP', 51, `11 04 0000 00000001 00000001 ${'00'.repeat(12)} ${UDP}`, '17@64'],
  ['a header that does not end', 60, '11 01 000000000000', 'broken'],
  ['a header of 4 bytes', 60, '11000000', 'broken'],
  ['8 headers', 60, `${`3c${HBH}`.repeat(7)} 11 ${HBH} ${UDP}`, '17@104'],
  ['9 headers', 60, `${`3c${HBH}`.repeat(8)} 11 ${HBH} ${UDP}`, 'broken'],
] as const) {
  test(`extensions: ${what} give ${result}`, () => assert.equal(upper(packet(next, payload)), result));
}

/** The walk again, over an array that is used up: protocol and offset, or undefined if a header does not end. */
function naiveUpper(packetBytes: Uint8Array): readonly [number, number] | undefined {
  let next = packetBytes[6];
  let rest = [...packetBytes.slice(40)];
  const offset = () => packetBytes.length - rest.length;
  for (let n = 0; [0, 43, 44, 51, 60].includes(next); n++) {
    if (next === 0 && offset() !== 40) break;
    if (n === 8 || rest.length < 8) return undefined;
    const length = { 44: 8, 51: 8 + rest[1] * 4 }[next] ?? 8 + rest[1] * 8;
    if (rest.length < length) return undefined;
    if (next === 43 && rest[2] === 0 && rest[3] > 0) break;
    const later = next === 44 && (rest[2] > 0 || rest[3] > 7);
    next = rest[0];
    rest = rest.slice(length);
    if (later) break;
  }
  return [next, offset()];
}

test('random extension headers end where a plain walk ends', () => {
  const type = fc.constantFrom(0, 17, 43, 43, 44, 51, 58, 60, 60);
  const header = fc.tuple(type, fc.nat(1), fc.nat(1), fc.nat(9)).map(([next, length, two, three]) => {
    return [next, length, two, three, ...new Array(4 + 8 * length).fill(0)];
  });
  let ended = 0;
  fc.assert(
    fc.property(type, fc.array(header, { maxLength: 11 }), fc.nat(3), (next, headers, cut) => {
      const payload = headers.flat();
      const bytes = packet(next, Buffer.from(payload.slice(0, payload.length - cut)).toString('hex'));
      const result = walkExtensions(place(bytes).u8, AT);
      const want = naiveUpper(bytes);
      assert.deepEqual(result === -1 ? undefined : [upperProtocol(result), upperOffset(result)], want);
      if (want !== undefined && want[1] > 40) ended++;
    }),
    { seed, numRuns: 3000 },
  );
  assert.ok(ended > 500, `${ended}`);
});

test('what the walks read lies in the packet', () => {
  const type = fc.constantFrom(0, 17, 43, 44, 51, 58, 60, 255);
  const few = fc.oneof(fc.constant(0), fc.constant(1), type);
  fc.assert(
    fc.property(type, fc.array(few, { minLength: 0, maxLength: 90 }), (next, payload) => {
      const bytes = packet(next, Buffer.from(payload).toString('hex'));
      const one = place(bytes);
      const other = place(bytes);
      other.u8.fill(0x00, AT + bytes.length);
      const result = walkExtensions(one.u8, AT);
      assert.equal(walkExtensions(other.u8, AT), result);
      if (result !== -1) assert.ok(upperOffset(result) <= bytes.length);
      assert.equal(walkHopByHop(one.u8, AT), walkHopByHop(other.u8, AT));
    }),
    { seed, numRuns: 5000 },
  );
});

test('classes of addresses', () => {
  for (const [text, classes] of [
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::2', 'one'],
    ['100::1', 'one'],
    ['0:0:1::', 'one'],
    ['0:0:0:0:1::', 'one'],
    ['::ffff:10.0.0.1', 'mapped one'],
    ['0:0:0:1:0:ffff::', 'one'],
    ['fe80::1', 'link one'],
    ['febf:ffff::1', 'link one'],
    ['fec0::1', 'one'],
    ['fe40::', 'one'],
    ['ff02::1', 'multicast2'],
    ['ff0e::1', 'multicast14'],
    ['ff02::1:ff00:1', 'multicast2 solicited'],
    ['ff02::1:fe00:1', 'multicast2'],
    ['ff02::2:ff00:1', 'multicast2'],
    ['ff05::1:ff00:1', 'multicast5'],
  ] as const) {
    const { u8 } = place(ip6(text));
    const found = [
      isUnspecified6(u8, AT) ? 'unspecified' : '',
      isLoopback6(u8, AT) ? 'loopback' : '',
      isMapped6(u8, AT) ? 'mapped' : '',
      isLinkLocal6(u8, AT) ? 'link' : '',
      isMulticast6(u8, AT) ? `multicast${multicastScope(u8, AT)}` : '',
      identifiesOne6(u8, AT) ? 'one' : '',
      isSolicitedNode(u8, AT) ? 'solicited' : '',
    ];
    assert.equal(found.filter((name) => name !== '').join(' '), classes, text);
  }
});

test('the solicited-node address of RFC 4291 §2.7.1', () => {
  const { u8 } = place(ip6('4037::01:800:200e:8c6c'));
  writeSolicitedNode(u8, AT + 20, u8, AT);
  assert.deepEqual(u8.slice(AT + 20, AT + 36), ip6('ff02::1:ff0e:8c6c'));
  assert.ok(isSolicitedNode(u8, AT + 20));
});

test('an address that is copied is the same, and one bit makes it another', () => {
  const from = ip6('2001:db8:1:2:3:4:5:6');
  const { u8 } = place(new Uint8Array(16));
  copyAddress6(u8, AT, from, 0);
  assert.ok(sameAddress6(u8, AT, from, 0));
  for (let bit = 0; bit < 128; bit++) {
    u8[AT + (bit >> 3)] ^= 1 << (bit & 7);
    assert.ok(!sameAddress6(u8, AT, from, 0), `bit ${bit}`);
    u8[AT + (bit >> 3)] ^= 1 << (bit & 7);
  }
});

test('a written header reads back, and nothing beside it is written', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(
      byte,
      fc.integer({ min: 0, max: 0xfffff }),
      fc.nat(100),
      byte,
      byte,
      (tclass, label, size, next, hops) => {
        const { u8 } = place(new Uint8Array(40 + size));
        writeIpv6(u8, AT, tclass, label, size, next as Protocol, hops);
        const read = readIpv6(u8.slice(AT, AT + 40 + size));
        assert.deepEqual([read.tos, read.protocol, read.ttl], [tclass, next, hops]);
        assert.equal(flowLabel(u8, AT), label);
        assert.equal(trafficClass(u8, AT), tclass);
        assert.ok(u8.subarray(0, AT).every((b) => b === 0xee));
        assert.ok(u8.subarray(AT + 8, AT + 40 + size).every((b) => b === 0));
      },
    ),
    { seed },
  );
});
