/**
 * Neighbour discovery (main/stack/nd.ts, announce.ts, proxy.ts): RFC 4861, RFC 4862.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { ether, FakeWorld, icmp, ip, ipv6, mac, raw, sum6, text } from '../../../support/fake-stack.js';
import { hex, naiveChecksum, pseudoHeader6, readIpv6 } from '../../../support/naive-ip.js';

const HOST = '2001:db8:1::9';
const US = '2001:db8:1::1';

function world(): FakeWorld {
  const w = new FakeWorld();
  w.add(1, 0, ['fe80::1/64', '2001:db8:1::1/64']);
  w.add(2, 0, ['fe80::2/64', '2001:db8:2::1/64']);
  return w;
}

function message(type: number, flags: number, target: string, option = ''): Uint8Array {
  return icmp(type, 0, flags * 0x1000000, Uint8Array.from([...raw(ip(target)), ...hex(option)]));
}

function nd(w: FakeWorld, source: string, to: string, body: Uint8Array, hops = 255, from = mac(9), index = 1): void {
  const packet = ipv6(source, to, 58, sum6(source, to, 58, body), hops);
  w.punt(index, ether(mac(1), from, 0x86dd, packet), PuntReason.ND, to.startsWith('ff') ? 2 : 0);
}

const SLLA = '0101 020000000009';
const TLLA = '0201 020000000009';

function state(w: FakeWorld): string | undefined {
  return w.stack.neighbours().find((n) => n.words.join() === ip(HOST).join())?.state;
}

/** Sends a packet to the host, so that it is asked for. */
function want(w: FakeWorld): void {
  w.punt(2, ether(mac(2), mac(7), 0x86dd, ipv6('2001:db8:2::9', HOST, 17, new Uint8Array(8))));
}

test('B80 a question to the solicited-node group, byte for byte; the solicited answer lets the packet go', () => {
  const w = world();
  want(w);
  const [ask] = w.take();
  assert.equal(text(ask.bytes.slice(0, 14)), text(hex('3333ff000009 020000000001 86dd')));
  const read = readIpv6(ask.bytes.slice(14));
  assert.equal(naiveChecksum(pseudoHeader6(read), read.payload), 0);
  assert.deepEqual(
    [read.ttl, text(read.source), text(read.destination)],
    [255, text(raw(ip('fe80::1'))), text(raw(ip('ff02::1:ff00:9')))],
  );
  assert.equal(text(read.payload.slice(4)), text(hex(`00000000 20010db8000100000000000000000009 0101 020000000001`)));
  nd(w, HOST, 'fe80::1', message(136, 0x60, HOST, TLLA));
  const [packet] = w.take();
  assert.ok(packet.forwarded);
  assert.equal(state(w), 'reachable');
});

test('an unanswered question: address unreachable', () => {
  const w = world();
  w.stack.addStatic(2, ip('2001:db8:2::9'), mac(7));
  want(w);
  w.pass(3000);
  assert.deepEqual(w.takeDrops(), ['unreachable']);
  const error = readIpv6((w.take().at(-1) as { bytes: Uint8Array }).bytes.slice(14));
  assert.equal(text(error.payload.slice(0, 2)), '0103');
});

test('what advertisements change, by their flags (RFC 4861 §7.2.5)', () => {
  const other = '0201 020000000008';
  const cases: [flags: number, option: string, expected: string, lladdr: number][] = [
    [0x60, TLLA, 'reachable', 9],
    [0x40, '', 'reachable', 9],
    [0x00, other, 'stale', 9],
    [0x40, other, 'stale', 9],
    [0x20, other, 'stale', 8],
    [0x60, other, 'reachable', 8],
    [0x00, TLLA, 'reachable', 9],
  ];
  for (const [flags, option, expected, lladdr] of cases) {
    const w = world();
    want(w);
    nd(w, HOST, 'fe80::1', message(136, 0x60, HOST, TLLA));
    nd(w, HOST, 'fe80::1', message(136, flags, HOST, option));
    assert.equal(state(w), expected, `${flags} ${option}`);
    assert.deepEqual(w.stack.neighbours()[0].lladdr, mac(lladdr), `${flags} ${option}`);
  }
  const w = world();
  nd(w, HOST, 'fe80::1', message(136, 0x60, HOST, TLLA));
  assert.equal(w.stack.neighbours().length, 0, 'nobody asked');
});

test('a question for us is answered, to the asker or to a probe’s link, and makes a neighbour', () => {
  const w = world();
  nd(w, HOST, 'ff02::1:ff00:1', message(135, 0, US, SLLA));
  const [one] = w.take();
  const read = readIpv6(one.bytes.slice(14));
  assert.equal(naiveChecksum(pseudoHeader6(read), read.payload), 0);
  assert.deepEqual([read.ttl, text(read.destination)], [255, text(raw(ip(HOST)))]);
  assert.equal(
    text(read.payload.slice(0, 2)) + text(read.payload.slice(4)),
    text(hex(`8800 e0000000 20010db8000100000000000000000001 0201 020000000001`)),
  );
  assert.equal(state(w), 'stale');
  nd(w, '::', 'ff02::1:ff00:1', message(135, 0, US));
  const [two] = w.take();
  assert.equal(text(two.bytes.slice(0, 6)), '333300000001');
  assert.equal(readIpv6(two.bytes.slice(14)).payload[4], 0xa0);
  nd(w, HOST, 'ff02::1:ff00:1', message(135, 0, '2001:db8:2::1', SLLA));
  assert.equal(w.take().length, 0, 'an address of another port');
});

test('what RFC 4861 §7.1 discards is discarded; routers and redirects are not listened to', () => {
  const w = world();
  nd(w, HOST, US, message(135, 0, US, SLLA), 254);
  nd(w, HOST, US, message(135, 0, 'ff02::1', SLLA));
  nd(w, HOST, US, message(135, 0, US, '0100 020000000009'));
  nd(w, '::', US, message(135, 0, US));
  nd(w, HOST, 'ff02::1', message(136, 0x60, HOST, TLLA));
  assert.deepEqual(w.takeDrops(), new Array(5).fill('nd'));
  nd(w, 'fe80::9', 'ff02::2', icmp(133, 0, 0));
  nd(w, 'fe80::9', 'ff02::1', icmp(134, 0, 0x40000708, new Uint8Array(8)));
  nd(w, 'fe80::9', US, icmp(137, 0, 0, Uint8Array.from([...raw(ip('fe80::8')), ...raw(ip('2001:db8:7::1'))])));
  assert.equal(w.consumed, 3);
  assert.equal(w.take().length + w.stack.neighbours().length, 0);
});

test('proxy NDP answers for a target over a different port, without the override flag', () => {
  const w = world();
  w.change(1, { proxyNd: true });
  nd(w, HOST, 'ff02::1:ff00:9', message(135, 0, '2001:db8:2::9', SLLA));
  nd(w, HOST, 'ff02::1:ff00:8', message(135, 0, '2001:db8:1::8', SLLA));
  assert.equal(w.take().length, 0);
  w.pass(800);
  const [one, ...more] = w.take();
  assert.equal(more.length, 0);
  assert.equal(readIpv6(one.bytes.slice(14)).payload[4], 0xc0);
});

test('an address is tentative for a second, not answered for and not spoken from, then announced', () => {
  const w = world();
  w.stack.announce(1, ip(US));
  const probe = readIpv6(w.take()[0].bytes.slice(14));
  assert.deepEqual([text(probe.source), probe.payload.length], ['0'.repeat(32), 24]);
  assert.equal(w.stack.addressState(1, ip(US)), 'tentative');
  nd(w, HOST, 'ff02::1:ff00:1', message(135, 0, US, SLLA));
  assert.equal(w.take().length, 0);
  nd(w, '::', 'ff02::1:ff00:1', message(135, 0, US), 255, mac(1));
  assert.equal(w.stack.addressState(1, ip(US)), 'tentative', 'our own probe, come back');
  w.pass(1000);
  assert.equal(w.stack.addressState(1, ip(US)), 'valid');
  const [announcement] = w.take();
  const read = readIpv6(announcement.bytes.slice(14));
  assert.deepEqual(
    [text(announcement.bytes.slice(0, 6)), text(read.destination), read.payload[4]],
    ['333300000001', text(raw(ip('ff02::1'))), 0xa0],
  );
  w.pass(5000);
  assert.equal(w.take().length, 0);
});

test('as many probes as dad_count says, a second each; 0: the address is used at once, and announced', () => {
  const w = world();
  w.probes = 3;
  w.stack.announce(1, ip(US));
  for (let probe = 1; probe <= 3; probe++) {
    assert.equal(w.take().length, 1, `probe ${probe}`);
    assert.equal(w.stack.addressState(1, ip(US)), 'tentative');
    w.pass(1000);
  }
  assert.equal(w.stack.addressState(1, ip(US)), 'valid');
  w.take();
  w.probes = 0;
  w.stack.announce(1, ip(US));
  assert.equal(w.stack.addressState(1, ip(US)), 'valid');
  const [announcement, ...more] = w.take();
  assert.equal(readIpv6(announcement.bytes.slice(14)).payload[0], 136);
  w.pass(5000);
  assert.equal(more.length + w.take().length, 0);
});

test('a tentative address that another station has, or wants too, is a duplicate', () => {
  for (const claim of [
    (w: FakeWorld) => nd(w, HOST, 'ff02::1', message(136, 0x20, US, TLLA)),
    (w: FakeWorld) => nd(w, '::', 'ff02::1:ff00:1', message(135, 0, US)),
  ]) {
    const w = world();
    w.stack.announce(1, ip(US));
    claim(w);
    assert.deepEqual(w.lines, ['duplicate address 2001:db8:1::1 on vport1: 02:00:00:00:00:09 has it, it is not used']);
    w.take();
    w.pass(5000);
    nd(w, HOST, 'ff02::1:ff00:1', message(135, 0, US, SLLA));
    assert.equal(w.take().length, 0);
    assert.equal(w.stack.addressState(1, ip(US)), 'duplicate');
  }
});

test('a sender that is not on the link is no neighbour, and no neighbour is at a group', () => {
  const w = world();
  w.to(0, '2001:db8:7::/48', { kind: 'gateway', out: 1, gateway: ip('fe80::9') });
  nd(w, '2001:db8:7::9', 'ff02::1:ff00:1', message(135, 0, US, SLLA));
  assert.equal(w.stack.neighbours().filter((n) => n.words.join() === ip('2001:db8:7::9').join() && n.lladdr).length, 0);
  want(w);
  nd(w, HOST, 'fe80::1', message(136, 0x60, HOST, '0201 010000000009'));
  assert.equal(state(w), 'incomplete');
});
