/**
 * Packets to the router itself (main/stack/local.ts, tcp-reset.ts, path-mtu.ts), and its own pings (ping.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { PingEvent } from '../../../../src/main/stack/ping.js';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { ether, FakeWorld, icmp, ip, ipv4, ipv6, mac, raw, sum6, text } from '../../../support/fake-stack.js';
import { hex, type NaivePacket, naiveChecksum, pseudoHeader6, readIpv4, readIpv6 } from '../../../support/naive-ip.js';

const S4 = '10.0.1.9';
const S6 = '2001:db8:1::9';
const D4 = '10.0.1.1';
const D6 = '2001:db8:1::1';

function world(): FakeWorld {
  const w = new FakeWorld();
  w.add(1, 0, ['10.0.1.1/24', 'fe80::1/64', '2001:db8:1::1/64']);
  for (const address of [S4, S6, 'fe80::9']) w.stack.addStatic(1, ip(address), mac(9));
  return w;
}

function in4(w: FakeWorld, protocol: number, payload: Uint8Array, to = D4, cast: 0 | 1 | 2 = 0): void {
  w.punt(1, ether(mac(1), mac(9), 0x0800, ipv4(S4, to, protocol, payload)), PuntReason.LOCAL, cast);
}

function in6(w: FakeWorld, next: number, payload: Uint8Array, to = D6, source = S6, cast: 0 | 2 = 0): void {
  w.punt(1, ether(mac(1), mac(9), 0x86dd, ipv6(source, to, next, payload)), PuntReason.LOCAL, cast);
}

function out4(w: FakeWorld): NaivePacket {
  const [one, ...more] = w.take();
  assert.ok(one !== undefined && more.length === 0 && !one.forwarded);
  return readIpv4(one.bytes.slice(14));
}

function out6(w: FakeWorld): NaivePacket {
  const [one, ...more] = w.take();
  assert.ok(one !== undefined && more.length === 0 && !one.forwarded);
  const packet = readIpv6(one.bytes.slice(14));
  assert.equal(naiveChecksum(pseudoHeader6(packet), packet.payload), 0);
  return packet;
}

test('echo requests are answered, from a link-local address and a group too; not if their checksum is wrong or to a broadcast', () => {
  const w = world();
  in4(w, 1, icmp(8, 0, 0x12340001, hex('6162')));
  const four = out4(w);
  assert.equal(text(four.payload), text(icmp(0, 0, 0x12340001, hex('6162'))));
  assert.equal(text(four.source), text(raw(ip(D4))));
  for (const [to, from, expected] of [
    [D6, S6, D6],
    ['fe80::1', 'fe80::9', 'fe80::1'],
    ['ff02::1', 'fe80::9', 'fe80::1'],
    ['ff02::1', S6, D6],
  ]) {
    in6(w, 58, sum6(from, to, 58, icmp(128, 0, 0x12340001, hex('6162'))), to, from, to === 'ff02::1' ? 2 : 0);
    const six = out6(w);
    assert.equal(text(six.source), text(raw(ip(expected))));
    assert.equal(six.payload[0], 129);
  }
  assert.equal(w.consumed, 5);
  in4(w, 1, icmp(8, 0, 1), '10.0.1.255', 1);
  in4(w, 1, icmp(8, 0, 1), '255.255.255.255', 1);
  in4(w, 1, icmp(8, 0, 1), '224.0.0.1', 2);
  assert.equal(w.consumed, 7);
  const bad = icmp(8, 0, 1);
  bad[2] ^= 1;
  in4(w, 1, bad);
  in6(w, 58, icmp(128, 0, 1));
  in4(w, 1, hex('0800'));
  assert.deepEqual(w.takeDrops(), ['multicast', 'checksum', 'checksum', 'header']);
  assert.equal(w.take().length, 0);
});

test('UDP: port unreachable from the address that was asked; none to a broadcast, none if it is damaged', () => {
  const w = world();
  const datagram = hex('1111 82a1 000a 0000 6162');
  in4(w, 17, datagram);
  assert.equal(text(out4(w).payload.slice(0, 2)), '0303');
  w.add(2, 0, ['10.0.2.1/24']);
  in4(w, 17, datagram, '10.0.2.1');
  assert.equal([...out4(w).source].join('.'), '10.0.2.1', 'also if it came in elsewhere');
  in6(w, 17, sum6(S6, D6, 17, datagram, 6));
  const six = out6(w);
  assert.deepEqual([text(six.payload.slice(0, 2)), text(six.source)], ['0104', text(raw(ip(D6)))]);
  in4(w, 17, datagram, '10.0.1.255', 1);
  in4(w, 17, datagram, '255.255.255.255', 1);
  in4(w, 17, hex('1111 82a1 000a 1234 6162'));
  in6(w, 17, datagram);
  in4(w, 17, hex('1111'));
  assert.deepEqual(w.takeDrops(), ['checksum', 'checksum', 'header']);
  assert.equal(w.take().length, 0);
});

test('TCP: a SYN gets RST and ACK of it, an ACK gets RST at its number, an RST nothing (RFC 9293 §3.5.2)', () => {
  const w = world();
  const segment = (flags: string) => {
    const bytes = hex(`1111 0016 00000064 000000c8 50${flags} 2000 0000 0000`);
    const rest = hex('0006 0014');
    new DataView(bytes.buffer).setUint16(16, naiveChecksum(raw(ip(S4)), raw(ip(D4)), rest, bytes));
    return bytes;
  };
  const answer = (flags: string) => {
    in4(w, 6, segment(flags));
    const packet = out4(w);
    assert.equal(naiveChecksum(packet.source, packet.destination, hex('0006 0014'), packet.payload), 0);
    return text(packet.payload.slice(0, 14));
  };
  assert.equal(answer('02'), text(hex('0016 1111 00000000 00000065 5014')));
  assert.equal(answer('10'), text(hex('0016 1111 000000c8 00000000 5004')));
  in4(w, 6, segment('04'));
  in4(w, 6, segment('02'), D4, 1);
  assert.equal(w.take().length, 0);
  for (let k = 0; k < 200; k++) in4(w, 6, segment('02'));
  assert.equal(w.take().length, 98, 'a hundred a second');
  in4(w, 6, segment('02').fill(0, 16, 18));
  assert.deepEqual(w.takeDrops(), ['checksum']);
  in6(w, 6, sum6(S6, D6, 6, hex('1111 0016 00000064 000000c8 5002 2000 0000 0000'), 16));
  w.now += 1000;
  in6(w, 6, sum6(S6, D6, 6, hex('1111 0016 00000064 000000c8 5002 2000 0000 0000'), 16));
  assert.equal(out6(w).payload[13], 0x14);
});

test('unknown protocols and headers are answered with where they are named', () => {
  const w = world();
  in4(w, 200, hex('00'));
  assert.equal(text(out4(w).payload.slice(0, 2)), '0302');
  in6(w, 200, hex('00'));
  assert.equal(text(out6(w).payload.slice(0, 8)).replace(/^(....)..../, '$1'), '040100000006');
  in6(w, 60, hex('c8 00 01 04 00000000 00'));
  assert.equal(text(out6(w).payload.slice(4, 8)), '00000028', 'behind a destination options header');
  in6(w, 43, hex('3b 02 04 01 00000000 20010db8000000000000000000000001'));
  assert.equal(text(out6(w).payload.slice(0, 8)).replace(/^(....)..../, '$1'), '04000000002a', 'segments left');
  in6(w, 0, hex('3b 00 c7 04 00000000'));
  assert.equal(text(out6(w).payload.slice(0, 8)).replace(/^(....)..../, '$1'), '04020000002a', 'an option');
  in4(w, 2, hex('1100000000000000'));
  in6(w, 59, hex(''));
  assert.deepEqual(w.takeDrops(), ['header', 'ip6-option']);
  assert.equal(w.take().length, 0);
});

test('destination options are looked at, and a whole packet behind a fragment header is quoted as it came', () => {
  const w = world();
  const about = (): string => text(out6(w).payload.slice(0, 8)).replace(/^(....)..../, '$1');
  in6(w, 60, hex('3b 00 9e 04 00000000'));
  assert.equal(about(), '04020000002a');
  in6(w, 60, hex('3b 00 5e 04 00000000'));
  in6(w, 60, hex('3b 00 1e 04 00000000'));
  assert.equal(w.take().length, 0, '01: dropped, 00: passed over');
  in6(w, 44, hex('fd 00 0000 00000007 01'));
  assert.equal(about(), '040100000028', 'where the fragment header names it');
  in6(w, 44, hex('06 00 0001 00000008 0102030405060708'));
  assert.equal(about(), '040300000000', 'RFC 7112: half a TCP header in the first fragment');
  assert.deepEqual(w.takeDrops(), ['ip6-option', 'ip6-option', 'header']);
});

test('each family has its own protocols: 59 is none of IPv4, 2 none of IPv6', () => {
  const w = world();
  in4(w, 59, hex('00'));
  assert.equal(text(out4(w).payload.slice(0, 2)), '0302');
  in6(w, 2, hex('00'));
  assert.equal(text(out6(w).payload.slice(0, 2)), '0401');
});

test('an echo that records its route has it recorded on, twice by us (RFC 1122 §3.2.2.6)', () => {
  const w = world();
  const options = hex('01 07 0f 04 000000000000000000000000');
  const request = ipv4(S4, D4, 1, icmp(8, 0, 1), { options });
  w.punt(1, ether(mac(1), mac(9), 0x0800, request), PuntReason.LOCAL, 0);
  assert.equal(text(out4(w).options), '070f0c0a0001010a0001010000000000');
});

test('a reset has the class of what it answers, an echo to a group is answered to the link alone', () => {
  const w = world();
  const segment = sum6(S6, D6, 6, hex('1111 0016 00000064 000000c8 5002 2000 0000 0000'), 16);
  const packet = ipv6(S6, D6, 6, segment);
  packet.set([0x6b, 0xb0], 0);
  w.punt(1, ether(mac(1), mac(9), 0x86dd, packet), PuntReason.LOCAL, 0);
  assert.equal(out6(w).tos, 0xb8, 'without ECN');
  w.add(2, 0, ['2001:db8:2::1/64']);
  const far = '2001:db8:2::9';
  in6(w, 58, sum6(far, 'ff02::1', 58, icmp(128, 0, 1)), 'ff02::1', far, 2);
  assert.equal(w.take().length, 0);
});

test('an echo longer than the MTU comes back in fragments, and of IPv6 no longer than others have said', () => {
  const w = world();
  w.to(0, '2001:db8:9::/48', { kind: 'gateway', out: 1, gateway: ip('fe80::9') });
  const far = '2001:db8:9::1';
  w.change(1, { mtu: 9000 });
  const request = sum6(far, D6, 58, icmp(128, 0, 5, new Uint8Array(2000)));
  in6(w, 58, request, D6, far);
  const whole = out6(w);
  const quoted = ipv6(D6, far, 58, whole.payload).slice(0, 1000);
  in6(w, 58, sum6('2001:db8:2::2', D6, 58, icmp(2, 0, 1300, quoted)), D6, '2001:db8:2::2');
  in6(w, 58, request, D6, far);
  const parts = w.take().map((one) => readIpv6(one.bytes.slice(14)));
  assert.deepEqual(
    parts.map((p) => [p.protocol, text(p.payload.slice(0, 4)), p.payload.length]),
    [
      [44, '3a000001', 1256],
      [44, '3a0004e0', 768],
    ],
  );
  assert.equal(text(parts[0].payload.slice(4, 8)), text(parts[1].payload.slice(4, 8)));
  assert.equal(
    text(Uint8Array.from([...parts[0].payload.slice(8), ...parts[1].payload.slice(8)])),
    text(whole.payload),
  );
  in6(w, 58, sum6('2001:db8:2::2', D6, 58, icmp(2, 0, 8000, quoted)), D6, '2001:db8:2::2');
  in6(w, 58, request, D6, far);
  assert.equal(w.take().length, 2, 'it is never raised');
  w.pass(600_000);
  in6(w, 58, request, D6, far);
  assert.equal(w.take().length, 1, 'forgotten after ten minutes');
  const foreign = ipv6('2001:db8:1::77', far, 58, whole.payload).slice(0, 1000);
  in6(w, 58, sum6('2001:db8:2::2', D6, 58, icmp(2, 0, 1300, foreign)), D6, '2001:db8:2::2');
  in6(w, 58, request, D6, far);
  assert.equal(w.take().length, 1, 'not about a packet of ours');
  w.change(1, { mtu: 1500 });
  in4(w, 1, icmp(8, 0, 1, new Uint8Array(2000)));
  assert.equal(w.take().length, 2);
});

/** The sequence and identifier of the echo request that was sent last. */
function lastEcho(w: FakeWorld): { rest: number; packet: Uint8Array } {
  const packet = w.sent[w.sent.length - 1].bytes.slice(14);
  const at = packet[0] >> 4 === 4 ? 20 : 40;
  return { rest: new DataView(packet.buffer).getUint32(at + 4), packet };
}

test('ping: replies with their times, repeated ones, errors, silence, and a report at the end', async () => {
  const w = world();
  const told: PingEvent[] = [];
  const report = w.stack.ping({
    rdomain: 0,
    destination: ip(S4),
    count: 3,
    size: 4,
    onEvent: (event) => told.push(event),
  });
  const first = lastEcho(w);
  assert.equal(text(first.packet.slice(28)), '00010203');
  w.now += 12;
  in4(w, 1, icmp(0, 0, first.rest, hex('00010203')));
  in4(w, 1, icmp(0, 0, first.rest, hex('00010203')));
  in4(w, 1, icmp(0, 0, first.rest ^ 0x10000, hex('00010203')));
  w.pass(1000);
  const second = lastEcho(w);
  assert.equal(second.rest, first.rest + 1);
  in4(w, 1, icmp(11, 0, 0, second.packet));
  w.pass(1000);
  assert.equal(lastEcho(w).rest, first.rest + 2);
  w.pass(1000);
  const { sent, received, events, source } = await report;
  assert.deepEqual([sent, received, source], [3, 1, ip(D4)]);
  assert.deepEqual(told, events);
  assert.deepEqual(events, [
    { kind: 'reply', sequence: 0, from: ip(S4), bytes: 12, ttl: 64, rttMs: 12 },
    { kind: 'duplicate', sequence: 0, from: ip(S4), bytes: 12, ttl: 64, rttMs: 12 },
    { kind: 'error', sequence: 1, from: ip(S4), type: 11, code: 0 },
    { kind: 'timeout', sequence: 2 },
  ]);
  assert.equal(w.puntedCount, w.consumed);
});

test('ping: ourselves, nobody, no route, a link-local neighbour, and an early end', async () => {
  const w = world();
  for (const address of [D4, D6]) {
    const own = await w.stack.ping({ rdomain: 0, destination: ip(address), count: 1 });
    assert.deepEqual(
      own.events.map((event) => event.kind),
      ['reply'],
    );
  }
  assert.equal(w.take().length, 0);
  const none = await w.stack.ping({ rdomain: 0, destination: ip('11.0.0.1'), count: 1 });
  assert.deepEqual(none.events, [{ kind: 'unsent', sequence: 0, reason: 'no-route' }]);
  const absent = w.stack.ping({ rdomain: 0, destination: ip('10.0.1.77'), count: 1, timeoutMs: 10_000 });
  w.pass(3000);
  assert.deepEqual((await absent).events, [{ kind: 'unsent', sequence: 0, reason: 'unreachable' }]);
  assert.equal(w.stack.held, 0);
  w.take();
  const end = new AbortController();
  const near = w.stack.ping({ rdomain: 0, destination: ip('fe80::9'), scope: 1, signal: end.signal });
  assert.equal(text(lastEcho(w).packet.slice(8, 24)), text(raw(ip('fe80::1'))));
  end.abort();
  assert.equal((await near).sent, 1);
  await assert.rejects(w.stack.ping({ rdomain: 9, destination: ip('2001:db8::1') }), /no address to ask from/);
  assert.equal(w.drops.length, 0, 'its own packets are in no books');
});

test('ping: so many at once and no more', async () => {
  const w = world();
  const options = { rdomain: 0, destination: ip(S4) };
  const ends = Array.from({ length: 64 }, () => new AbortController());
  const runs = ends.map((end) => w.stack.ping({ ...options, signal: end.signal }));
  await assert.rejects(w.stack.ping(options), { code: 'EAGAIN' });
  for (const end of ends) end.abort();
  assert.equal((await Promise.all(runs)).length, 64);
  const none = await w.stack.ping({ ...options, signal: AbortSignal.abort() });
  assert.equal(none.sent, 0);
});
