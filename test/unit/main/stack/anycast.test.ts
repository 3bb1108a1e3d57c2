/**
 * The subnet-router anycast address (main/stack/anycast.ts): RFC 4291 §2.6.1, RFC 4443 §2.2, RFC 4861 §7.2.4 and §7.2.7. What is sent to it
 * is answered, and never from it.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { ether, FakeWorld, icmp, ip, ipv6, mac, raw, sum6, text } from '../../../support/fake-stack.js';
import { hex, readIpv6 } from '../../../support/naive-ip.js';

const HOST = '2001:db8:1::9';
const SHARED = '2001:db8:1::';
const LINK = 'fe80::';

function world(): FakeWorld {
  const w = new FakeWorld();
  w.add(1, 0, ['fe80::1/64', '2001:db8:1::1/64']);
  w.add(2, 0, ['fe80::2/64', '2001:db8:2::1/64']);
  w.stack.addStatic(1, ip(HOST), mac(9));
  w.stack.addStatic(1, ip('fe80::9'), mac(9));
  return w;
}

/** Sends ICMPv6 to the router's first port. */
function send(w: FakeWorld, source: string, to: string, body: Uint8Array, hops = 64, protocol = 58): void {
  const reason = hops === 255 ? PuntReason.ND : PuntReason.LOCAL;
  const packet = ipv6(
    source,
    to,
    protocol,
    sum6(source, to, protocol, body, protocol === 58 ? 2 : protocol === 17 ? 6 : 16),
    hops,
  );
  w.punt(1, ether(mac(1), mac(9), 0x86dd, packet), reason, to.startsWith('ff') ? 2 : 0);
}

function ask(w: FakeWorld, source: string, to: string, target: string): void {
  const option = source === '::' ? [] : [...hex('0101 020000000009')];
  send(w, source, to, icmp(135, 0, 0, Uint8Array.from([...raw(ip(target)), ...option])), 255);
}

/** Source, type, code and target or quoted bytes of what the router has said. */
function said(w: FakeWorld): [source: string, head: string, target: string][] {
  return w.take().map(({ bytes }) => {
    const read = readIpv6(bytes.slice(14));
    return [text(read.source), text(read.payload.slice(0, 2)), text(read.payload.slice(4, 24))];
  });
}
const bytesOf = (address: string): string => text(raw(ip(address)));

test('a question for it is answered late, from an address of the interface, and overrides nobody', () => {
  for (const shared of [SHARED, LINK]) {
    const w = world();
    ask(w, HOST, 'ff02::1:ff00:0', shared);
    assert.deepEqual(said(w), [], 'not yet');
    w.pass(800);
    assert.deepEqual(said(w), [[bytesOf('fe80::1'), '8800', `c0000000${bytesOf(shared)}`]]);
  }
  const w = world();
  ask(w, HOST, SHARED, SHARED);
  assert.deepEqual(said(w), [[bytesOf('fe80::1'), '8800', `c0000000${bytesOf(SHARED)}`]], 'asked alone: at once');
  ask(w, HOST, 'ff02::1:ff00:0', '2001:db8:2::');
  w.pass(800);
  assert.deepEqual(said(w), [], 'of another link');
});

test('who wants it for its own is told that it is taken', () => {
  const w = world();
  ask(w, '::', 'ff02::1:ff00:0', SHARED);
  w.pass(800);
  assert.deepEqual(said(w), [[bytesOf('fe80::1'), '8800', `80000000${bytesOf(SHARED)}`]]);
});

test('while no address of its network may be used it is not answered for', () => {
  const w = world();
  w.stack.announce(1, ip('2001:db8:1::1'));
  w.take();
  ask(w, HOST, 'ff02::1:ff00:0', SHARED);
  assert.deepEqual(said(w), []);
  w.pass(800);
  assert.deepEqual(said(w), []);
});

test('an echo is answered from an address towards its sender', () => {
  const echo = icmp(128, 0, 0x10001, new Uint8Array(8));
  const cases: [from: string, to: string, source: string][] = [
    [HOST, SHARED, '2001:db8:1::1'],
    [HOST, '2001:db8:2::', '2001:db8:1::1'],
    ['fe80::9', LINK, 'fe80::1'],
  ];
  for (const [from, to, source] of cases) {
    const w = world();
    send(w, from, to, echo.slice());
    assert.deepEqual(
      said(w).map((one) => one.slice(0, 2)),
      [[bytesOf(source), '8100']],
      `${from} ${to}`,
    );
  }
});

test('an error comes from another address; TCP gets no reset', () => {
  const w = world();
  send(w, HOST, SHARED, hex('1234 0009 0010 0000 0102030405060708'), 64, 17);
  assert.deepEqual(
    said(w).map((one) => one.slice(0, 2)),
    [[bytesOf('2001:db8:1::1'), '0104']],
  );
  send(w, HOST, SHARED, hex('1234 0009 00000001 00000000 5002 2000 0000 0000'), 64, 6);
  assert.deepEqual(said(w), []);
  assert.deepEqual(w.takeDrops(), []);
});

test('what says that it comes from it is dropped, and gets no error', () => {
  const w = world();
  send(w, SHARED, '2001:db8:1::1', icmp(128, 0, 0x10001, new Uint8Array(8)));
  assert.deepEqual(w.takeDrops(), ['martian-source']);
  send(w, LINK, 'fe80::1', hex('1234 0009 0010 0000 0102030405060708'), 64, 17);
  assert.deepEqual(said(w), []);
});

test('a host that does not forward has none', () => {
  const w = world();
  w.isForwarding = false;
  ask(w, HOST, 'ff02::1:ff00:0', LINK);
  w.pass(800);
  assert.deepEqual(said(w), []);
});
