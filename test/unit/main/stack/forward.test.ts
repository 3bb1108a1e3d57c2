/**
 * Forwarding of what workers leave to main, and the errors about it (main/stack/forward.ts, icmp.ts, options.ts, fragmentation.ts,
 * sources.ts, rate-limit.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import {
  Books,
  ether,
  FakeWorld,
  type Fields4,
  icmp,
  ip,
  ipv4,
  ipv6,
  mac,
  raw,
  sum6,
  text,
} from '../../../support/fake-stack.js';
import { hex, naiveChecksum, pseudoHeader6, readIpv4, readIpv6 } from '../../../support/naive-ip.js';

const S4 = '10.0.1.9';
const S6 = '2001:db8:1::9';

/** Two links in domain 0, one in domain 5; all hosts there are known, with the hardware address 9 (and 8 a router on link 1). */
function world(): FakeWorld {
  const w = new FakeWorld();
  w.add(1, 0, ['10.0.1.1/24', 'fe80::1/64', '2001:db8:1::1/64']);
  w.add(2, 0, ['10.0.2.1/24', 'fe80::2/64', '2001:db8:2::1/64'], { mtu: 1400 });
  w.add(5, 5, ['10.0.1.1/24', '10.5.0.1/24', '2001:db8:5::1/64']);
  for (const [index, address, k] of [
    [1, S4, 9],
    [1, '10.0.1.8', 8],
    [2, '10.0.2.9', 9],
    [5, S4, 9],
    [1, S6, 9],
    [1, 'fe80::8', 8],
    [1, 'fe80::9', 9],
    [2, '2001:db8:2::9', 9],
  ] as const) {
    w.stack.addStatic(index, ip(address), mac(k));
  }
  return w;
}

function udp4(to: string, fields: Fields4 = {}, size = 8, source = S4): Uint8Array {
  return ether(mac(1), mac(9), 0x0800, ipv4(source, to, 17, new Uint8Array(size).fill(7), fields));
}

function udp6(to: string, hops = 64, size = 8, source = S6): Uint8Array {
  return ether(mac(1), mac(9), 0x86dd, ipv6(source, to, 17, new Uint8Array(size).fill(7), hops));
}

/** The IPv4 error that was sent alone, checked: type and code as hex, the rest, the source, and what it quotes. */
function error4(w: FakeWorld): { what: string; rest: string; source: string; quote: Uint8Array; index: number } {
  const [one, ...more] = w.take().filter((sent) => !sent.forwarded);
  assert.ok(one !== undefined && more.length === 0, 'one error');
  const packet = readIpv4(one.bytes.slice(14));
  assert.equal(naiveChecksum(packet.payload), 0);
  assert.equal(packet.tos & 0xe0, 0xc0);
  return {
    what: text(packet.payload.slice(0, 2)),
    rest: text(packet.payload.slice(4, 8)),
    source: [...packet.source].join('.'),
    quote: packet.payload.slice(8),
    index: one.index,
  };
}

function error6(w: FakeWorld): { what: string; rest: string; source: string; quote: Uint8Array } {
  const [one, ...more] = w.take().filter((sent) => !sent.forwarded);
  assert.ok(one !== undefined && more.length === 0, 'one error');
  const packet = readIpv6(one.bytes.slice(14));
  assert.equal(naiveChecksum(pseudoHeader6(packet), packet.payload), 0);
  return {
    what: text(packet.payload.slice(0, 2)),
    rest: text(packet.payload.slice(4, 8)),
    source: text(packet.source),
    quote: packet.payload.slice(8),
  };
}

test('a packet is forwarded with its TTL decremented and its hop limit too', () => {
  const w = world();
  const books = new Books(w);
  w.punt(1, udp4('10.0.2.9'));
  w.punt(1, udp6('2001:db8:2::9'));
  assert.ok(w.sent.every((one) => one.forwarded && one.index === 2));
  assert.equal(readIpv4(w.sent[0].bytes.slice(14)).ttl, 63);
  assert.equal(readIpv6(w.sent[1].bytes.slice(14)).ttl, 63);
  assert.equal(text(w.sent[1].bytes.slice(0, 14)), text(hex('020000000009 020000000002 86dd')));
  books.balance();
});

test('the link’s padding is cut off', () => {
  const w = world();
  const frame = new Uint8Array(60);
  frame.set(udp4('10.0.2.9'));
  w.punt(1, frame);
  assert.equal(w.take()[0].bytes.length, 14 + 28);
});

test('TTL 1: time exceeded with the packet as it came, from the address towards its sender', () => {
  const w = world();
  w.punt(1, udp4('10.0.2.9', { ttl: 1 }), PuntReason.TTL);
  assert.deepEqual(w.takeDrops(), ['ttl']);
  const error = error4(w);
  assert.deepEqual([error.what, error.source, error.index], ['0b00', '10.0.1.1', 1]);
  assert.equal(text(error.quote), text(udp4('10.0.2.9', { ttl: 1 }).slice(14)));
  w.punt(1, udp6('2001:db8:2::9', 1), PuntReason.TTL);
  assert.deepEqual(w.takeDrops(), ['ttl']);
  const six = error6(w);
  assert.deepEqual([six.what, six.source], ['0300', text(raw(ip('2001:db8:1::1')))]);
});

test('no route, reject, blackhole, directed broadcast, a group, no forwarding', () => {
  const w = world();
  w.to(0, '10.9.0.0/16', { kind: 'reject', out: -1 });
  w.to(0, '10.8.0.0/16', { kind: 'blackhole', out: -1 });
  w.to(0, '2001:db8:9::/48', { kind: 'reject', out: -1 });
  w.punt(1, udp4('11.0.0.1'), PuntReason.NO_ROUTE);
  assert.equal(error4(w).what, '0300');
  w.punt(1, udp4('10.9.0.1'), PuntReason.REJECT);
  assert.equal(error4(w).what, '0301');
  w.punt(1, udp6('2001:db9::1'), PuntReason.NO_ROUTE);
  assert.equal(error6(w).what, '0100');
  w.punt(1, udp6('2001:db8:9::1'), PuntReason.REJECT);
  assert.equal(error6(w).what, '0106');
  assert.deepEqual(w.takeDrops(), ['no-route', 'reject', 'no-route', 'reject']);
  w.punt(1, udp4('10.8.0.1'));
  w.punt(1, udp4('10.0.2.255'));
  w.isForwarding = false;
  w.punt(1, udp4('10.0.2.9'));
  assert.deepEqual(w.takeDrops(), ['blackhole', 'directed-broadcast', 'forwarding-off']);
  assert.equal(w.take().length, 0);
});

test('B75 unicast IP in a broadcast frame is neither forwarded nor answered', () => {
  const w = world();
  w.punt(1, udp4('10.0.2.9'), PuntReason.RESOLVE, 1);
  w.punt(1, udp4('11.0.0.1'), PuntReason.NO_ROUTE, 2);
  w.punt(1, udp4('10.0.2.9', { ttl: 1 }), PuntReason.TTL, 1);
  assert.deepEqual(w.takeDrops(), ['l2-broadcast', 'l2-broadcast', 'l2-broadcast']);
  assert.equal(w.take().length, 0);
});

test('B76 no error about errors, later fragments, groups or unusable sources', () => {
  const w = world();
  const quiet = [
    ether(mac(1), mac(9), 0x0800, ipv4(S4, '11.0.0.1', 1, icmp(3, 1, 0, new Uint8Array(28)))),
    ether(mac(1), mac(9), 0x0800, ipv4(S4, '11.0.0.1', 1, icmp(5, 1, 0, new Uint8Array(28)))),
    udp4('11.0.0.1', { offset: 8 }),
    udp4('11.0.0.1', {}, 8, '10.0.1.255'),
    udp4('11.0.0.1', {}, 8, '127.0.0.1'),
    udp4('11.0.0.1', {}, 8, '0.0.0.0'),
    udp4('11.0.0.1', {}, 8, '224.0.0.1'),
    udp4('11.0.0.1', {}, 8, '10.0.2.1'),
    ether(
      mac(1),
      mac(9),
      0x86dd,
      ipv6(S6, '2001:db9::1', 58, sum6(S6, '2001:db9::1', 58, icmp(1, 0, 0, new Uint8Array(48)))),
    ),
    udp6('2001:db9::1', 64, 8, '::'),
    udp6('2001:db9::1', 64, 8, 'ff02::1'),
  ];
  for (const frame of quiet) w.punt(1, frame, PuntReason.NO_ROUTE);
  assert.equal(w.take().length, 0);
  const reasons = w.takeDrops();
  assert.equal(reasons.length, quiet.length);
  assert.deepEqual([...new Set(reasons)].sort(), [
    'ip6-multicast-source',
    'ip6-unspecified',
    'martian-source',
    'no-route',
  ]);
  w.punt(1, ether(mac(1), mac(9), 0x0800, ipv4(S4, '11.0.0.1', 1, icmp(8, 0, 1))), PuntReason.NO_ROUTE);
  assert.equal(error4(w).what, '0300', 'an echo request is answered');
});

test('B77 errors are limited for each destination and over all; frag-needed and too big are not', () => {
  const w = world();
  w.limit = 1000;
  const errors = (count: number, frame: () => Uint8Array) => {
    for (let k = 0; k < count; k++) w.punt(1, frame());
    return w.take().length;
  };
  assert.equal(
    errors(20, () => udp4('11.0.0.1')),
    6,
  );
  assert.equal(
    errors(20, () => udp4('11.0.0.1', {}, 8, '10.0.1.8')),
    6,
    'another destination',
  );
  w.now += 2000;
  assert.equal(
    errors(20, () => udp4('11.0.0.1')),
    2,
  );
  assert.equal(
    errors(20, () => udp4('10.0.2.9', { df: true }, 1400)),
    20,
  );
  assert.equal(
    errors(20, () => udp6('2001:db8:2::9', 64, 1400)),
    20,
  );
  w.limit = 10;
  w.now += 1000;
  for (let k = 10; k < 60; k++) w.stack.addStatic(1, ip(`10.0.1.${k}`), mac(k));
  let k = 10;
  assert.equal(
    errors(50, () => udp4('11.0.0.1', {}, 8, `10.0.1.${k++}`)),
    10,
    'the global bucket',
  );
  w.limit = 0;
  w.now += 60_000;
  assert.equal(
    errors(5, () => udp4('11.0.0.1')),
    0,
  );
  w.limit = -1;
  assert.equal(
    errors(50, () => udp4('11.0.0.1')),
    50,
  );
});

test('B78 DF set: 3/4 with the MTU of the way out; IPv6: too big, and never a fragment', () => {
  const w = world();
  w.punt(1, udp4('10.0.2.9', { df: true }, 1381), PuntReason.TOO_BIG);
  const error = error4(w);
  assert.deepEqual([error.what, error.rest, error.quote.length], ['0304', '00000578', 548]);
  w.punt(1, udp6('2001:db8:2::9', 64, 1361), PuntReason.TOO_BIG);
  const six = error6(w);
  assert.deepEqual([six.what, six.rest, six.quote.length], ['0200', '00000578', 1232]);
  assert.deepEqual(w.takeDrops(), ['too-big', 'too-big']);
  w.punt(1, udp4('10.0.2.9', { df: true }, 1380));
  w.punt(1, udp6('2001:db8:2::9', 64, 1360));
  assert.equal(w.take().length, 2, 'what fits goes');
});

test('B78 DF clear: fragments of multiples of 8, once decremented, that put together are the packet; the books count one', () => {
  const w = world();
  const books = new Books(w);
  const payload = Uint8Array.from({ length: 4000 }, (_, k) => k * 7);
  w.punt(1, ether(mac(1), mac(9), 0x0800, ipv4(S4, '10.0.2.9', 17, payload, { id: 99 })), PuntReason.TOO_BIG);
  const parts = w.sent.map((one) => readIpv4(one.bytes.slice(14)));
  assert.deepEqual(
    parts.map((p) => p.payload.length),
    [1376, 1376, 1248],
  );
  assert.deepEqual(
    parts.map((p) => [p.id, p.ttl, p.mf, p.fragmentOffset]),
    [
      [99, 63, true, 0],
      [99, 63, true, 1376],
      [99, 63, false, 2752],
    ],
  );
  assert.deepEqual(Uint8Array.from(parts.flatMap((p) => [...p.payload])), payload);
  assert.deepEqual(
    w.sent.map((one) => one.forwarded),
    [true, false, false],
  );
  books.balance();
  w.stack.deleteNeighbour(2, ip('10.0.2.9'));
  w.punt(1, ether(mac(1), mac(9), 0x0800, ipv4(S4, '10.0.2.9', 17, payload)), PuntReason.TOO_BIG);
  assert.equal(w.stack.held, 1);
  books.balance();
  w.pass(4000);
  books.balance();
});

test('B79 redirect: same port, sender and gateway on link; the packet itself has been sent on by its worker', () => {
  const w = world();
  w.to(0, '10.9.0.0/16', { kind: 'gateway', out: 1, gateway: ip('10.0.1.8') });
  w.punt(1, udp4('10.9.0.1'), PuntReason.REDIRECT);
  assert.deepEqual([w.sent.filter((one) => one.forwarded).length, w.consumed], [0, 1]);
  const error = error4(w);
  assert.deepEqual([error.what, error.rest, error.source], ['0501', '0a000108', '10.0.1.1']);
  w.punt(1, udp4('10.9.0.1'), PuntReason.REDIRECT);
  assert.equal(w.take().length, 0, 'one redirect a second');
  w.now += 1000;
  w.punt(1, udp4('10.9.0.1', {}, 8, '192.0.2.1'), PuntReason.REDIRECT);
  assert.equal(w.take().length, 0, 'the sender is not on link');
  w.add(4, 0, ['10.0.4.1/24'], { kind: 'point-to-point' });
  w.to(0, '10.7.0.0/16', { kind: 'gateway', out: 4, gateway: ip('10.0.4.9') });
  w.punt(4, udp4('10.7.0.1', {}, 8, '10.0.4.9').slice(14), PuntReason.REDIRECT);
  assert.equal(w.take().length, 0, 'not on a link without hardware addresses');
});

test('B79 IPv6 redirect: target, its hardware address, and the packet in units of 8', () => {
  const w = world();
  w.to(0, '2001:db8:9::/48', { kind: 'gateway', out: 1, gateway: ip('fe80::8') });
  w.punt(1, udp6('2001:db8:9::1'), PuntReason.REDIRECT);
  const [redirect, ...more] = w.take();
  assert.ok(!redirect.forwarded && more.length === 0);
  assert.equal(text(redirect.bytes.slice(0, 12)), text(hex('020000000009 020000000001')));
  const read = readIpv6(redirect.bytes.slice(14));
  assert.equal(naiveChecksum(pseudoHeader6(read), read.payload), 0);
  assert.deepEqual([read.ttl, text(read.source)], [255, text(raw(ip('fe80::1')))]);
  assert.equal(text(read.payload.slice(8, 24)), text(raw(ip('fe80::8'))));
  assert.equal(text(read.payload.slice(24, 40)), text(raw(ip('2001:db8:9::1'))));
  assert.equal(text(read.payload.slice(40, 48)), text(hex('0201 020000000008')));
  assert.equal(text(read.payload.slice(48, 52)), '04070000');
});

test('an error goes out in the domain its packet came in, from an address of it', () => {
  const w = world();
  w.punt(5, udp4('11.0.0.1'), PuntReason.NO_ROUTE);
  assert.equal(error4(w).index, 5);
  w.to(5, '192.0.2.0/24', { kind: 'gateway', out: 2, gateway: ip('10.0.2.9') });
  w.punt(5, udp4('11.0.0.1', {}, 8, '192.0.2.1'), PuntReason.NO_ROUTE);
  const leaked = error4(w);
  assert.deepEqual(
    [leaked.index, leaked.source],
    [2, '10.0.1.1'],
    'out of a port of another domain, but not from its address',
  );
});

test('a router without an address speaks from 192.0.0.8, and of IPv6 not at all', () => {
  const w = world();
  w.add(7, 7, [], { kind: 'point-to-point' });
  w.to(7, '10.0.0.0/8', { kind: 'gateway', out: 7 });
  w.to(7, '2001:db8::/32', { kind: 'gateway', out: 7 });
  w.punt(7, udp4('11.0.0.1').slice(14), PuntReason.NO_ROUTE);
  w.punt(7, udp6('2001:db9::1').slice(14), PuntReason.NO_ROUTE);
  const [one, ...more] = w.take();
  assert.equal(more.length, 0);
  assert.equal([...readIpv4(one.bytes).source].join('.'), '192.0.0.8');
});

test('a link-local source is not forwarded and told so; link-local destinations are not', () => {
  const w = world();
  w.punt(1, udp6('2001:db8:2::9', 64, 8, 'fe80::9'));
  assert.equal(error6(w).what, '0102');
  w.punt(1, udp6('fe80::77'));
  assert.deepEqual(w.takeDrops(), ['ip6-link-local', 'ip6-link-local']);
  assert.equal(w.take().length, 0);
});

test('record route and timestamps are filled in; a malformed option is answered with its offset, a source route is not', () => {
  const w = world();
  w.punt(1, udp4('10.0.2.9', { options: hex('070b0800000000 00000000 00') }), PuntReason.OPTION);
  const [one] = w.take();
  assert.equal(text(readIpv4(one.bytes.slice(14)).options), '070b0c000000000a00020100');
  w.punt(1, udp4('10.0.2.9', { options: hex('440c0501 0000000000000000') }), PuntReason.OPTION);
  const [two] = w.take();
  assert.equal(text(readIpv4(two.bytes.slice(14)).options), '440c0d010a000201800003e8');
  w.punt(1, udp4('10.0.2.9', { options: hex('440c0d01 0a00020180000000') }), PuntReason.OPTION);
  assert.equal(text(readIpv4(w.take()[0].bytes.slice(14)).options.slice(0, 4)), '440c0d11', 'full: counted');
  w.punt(1, udp4('10.0.2.9', { options: hex('070b0300000000 00000000 00') }), PuntReason.OPTION);
  assert.deepEqual([error4(w)].map((e) => [e.what, e.rest])[0], ['0c00', '16000000']);
  w.punt(1, udp4('10.0.2.9', { options: hex('830704 0a000209 00') }), PuntReason.OPTION);
  assert.deepEqual(w.takeDrops(), ['ip4-option', 'ip4-source-route']);
  assert.equal(w.take().length, 0);
});

test('a worker’s own reply is sent as it is; an address of ours from outside is a martian', () => {
  const w = world();
  w.punt(1, udp4('10.0.2.9', {}, 8, '10.0.1.1'), PuntReason.RESOLVE);
  assert.equal(readIpv4(w.take()[0].bytes.slice(14)).ttl, 64);
  w.punt(1, udp4('10.0.2.9', {}, 8, '10.0.1.1'), PuntReason.TTL);
  w.punt(1, udp6('fe80::9', 64, 8, 'fe80::1'), PuntReason.RESOLVE);
  assert.deepEqual(w.takeDrops(), ['martian-source']);
  assert.equal(w.take().length, 1);
});

test('B74 malformed headers and interfaces that are down', () => {
  const w = world();
  const bad = udp4('10.0.2.9');
  bad[24] ^= 1;
  w.punt(1, bad);
  w.punt(1, udp4('10.0.2.9').slice(0, 30));
  w.punt(1, udp6('2001:db8:2::9').slice(0, 50));
  w.change(2, { up: false });
  w.punt(1, udp4('10.0.2.9'));
  w.change(1, { up: false });
  w.punt(1, udp4('10.0.2.9'));
  w.punt(9, udp4('10.0.2.9'));
  assert.deepEqual(w.takeDrops(), ['header', 'header', 'header', 'down', 'down', 'down']);
  assert.equal(w.take().length, 0);
});

test('a redirect needs a gateway on the sender’s link', () => {
  const w = world();
  w.stack.addStatic(1, ip('192.0.2.7'), mac(8));
  w.to(0, '10.9.0.0/16', { kind: 'gateway', out: 1, gateway: ip('192.0.2.7') });
  w.punt(1, udp4('10.9.0.1'), PuntReason.REDIRECT);
  assert.deepEqual(w.take(), []);
});

test('B76 no error to ourselves, none about a directed broadcast, and a broadcast is no sender', () => {
  const w = world();
  w.punt(1, udp4('11.0.0.1', {}, 8, '10.0.1.1'), PuntReason.RESOLVE);
  w.punt(1, udp4('10.0.2.255', { options: hex('07000000') }), PuntReason.OPTION);
  w.punt(1, udp4('10.0.2.9', {}, 8, '10.0.1.255'));
  assert.deepEqual(w.takeDrops(), ['no-route', 'ip4-option', 'martian-source']);
  assert.equal(w.take().length, 0);
});

test('a tentative address and one of the wrong scope do not speak', () => {
  const w = world();
  w.stack.announce(1, ip('2001:db8:1::1'));
  w.take();
  w.punt(1, udp6('2001:db8:2::9', 1), PuntReason.TTL);
  assert.equal(error6(w).source, text(raw(ip('2001:db8:2::1'))));
  w.add(7, 7, ['fe80::7/64']);
  w.stack.addStatic(7, ip('fe80::9'), mac(9));
  w.to(7, '2001:db8::/32', { kind: 'gateway', out: 7, gateway: ip('fe80::9') });
  w.punt(7, udp6('2001:db9::1'), PuntReason.NO_ROUTE);
  assert.equal(w.take().length, 0);
});

test('a point-to-point interface that is down takes nothing', () => {
  const w = world();
  w.add(4, 0, ['10.0.4.1/30'], { kind: 'point-to-point', up: false });
  w.punt(1, udp4('10.0.4.2'));
  assert.deepEqual(w.takeDrops(), ['down']);
  w.change(4, { up: true });
  w.punt(1, udp4('10.0.4.2'));
  const [one] = w.take();
  assert.equal(readIpv4(one.bytes).ttl, 63);
});
