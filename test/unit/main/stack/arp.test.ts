/**
 * ARP (main/stack/arp.ts, announce.ts, proxy.ts): who is answered, who is believed, what is said unasked.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { arp, FakeWorld, ip, mac, text } from '../../../support/fake-stack.js';
import { hex } from '../../../support/naive-ip.js';

function world(random?: () => number): FakeWorld {
  const w = new FakeWorld(random);
  w.add(1, 0, ['10.0.1.1/24']);
  w.add(2, 0, ['10.0.2.1/24']);
  return w;
}

function ask(w: FakeWorld, frame: Uint8Array, index = 1, cast: 0 | 1 = 1): void {
  w.punt(index, frame, PuntReason.ARP, cast);
}

test('a question for an address of the domain is answered, byte for byte, and the asker becomes a neighbour', () => {
  for (const target of ['10.0.1.1', '10.0.2.1']) {
    const w = world();
    ask(w, arp(1, mac(9), '10.0.1.9', target));
    const [reply] = w.take();
    const spa = target === '10.0.1.1' ? '0a000101' : '0a000201';
    assert.equal(
      text(reply.bytes),
      text(hex(`020000000009 020000000001 0806 0001080006040002 020000000001 ${spa} 020000000009 0a000109`)),
    );
    assert.deepEqual(
      w.stack.neighbours().map((n) => n.state),
      ['stale'],
    );
    assert.equal(w.consumed, 1);
  }
});

test('an address of another domain is not ours', () => {
  const w = world();
  w.add(3, 7, ['10.0.7.1/24']);
  ask(w, arp(1, mac(9), '10.0.1.9', '10.0.7.1'));
  assert.equal(w.take().length, 0);
  assert.equal(w.stack.neighbours().length, 0);
});

test('only questions for us make neighbours; replies nobody asked for, announcements and probes do not', () => {
  const w = world();
  ask(w, arp(1, mac(9), '10.0.1.9', '10.0.1.8'));
  ask(w, arp(2, mac(9), '10.0.1.9', '10.0.1.1'), 1, 0);
  ask(w, arp(1, mac(9), '10.0.1.9', '10.0.1.9'));
  ask(w, arp(1, mac(9), '0.0.0.0', '10.0.1.1'));
  assert.equal(w.stack.neighbours().length, 0);
  assert.equal(w.take().length, 1, 'the probe is answered');
  assert.equal(w.consumed, 4);
});

test('malformed ARP, group senders, impossible addresses and our own frames are dropped', () => {
  const w = world();
  const frames = [
    arp(1, Uint8Array.of(1, 0, 0, 0, 0, 9), '10.0.1.9', '10.0.1.1'),
    arp(1, mac(9), '224.0.0.9', '10.0.1.1'),
    arp(1, mac(9), '255.255.255.255', '10.0.1.1'),
    arp(1, mac(1), '10.0.1.9', '10.0.1.1'),
    arp(3, mac(9), '10.0.1.9', '10.0.1.1'),
    arp(1, mac(9), '10.0.1.9', '10.0.1.1').slice(0, 41),
  ];
  for (const frame of frames) ask(w, frame);
  assert.deepEqual(w.takeDrops(), new Array(frames.length).fill('arp'));
  assert.equal(w.take().length, 0);
});

test('B81 proxy ARP answers only for a target that is reached over a different port, after a while', () => {
  const w = world(() => 0.5);
  w.to(0, '10.9.0.0/16', { kind: 'gateway', out: 2, gateway: ip('10.0.2.9') });
  w.to(0, '10.8.0.0/16', { kind: 'gateway', out: 1, gateway: ip('10.0.1.8') });
  w.to(0, '10.7.0.0/16', { kind: 'reject', out: 2 });
  ask(w, arp(1, mac(9), '10.0.1.9', '10.9.0.1'));
  w.pass(1000);
  assert.equal(w.take().length, 0, 'not without proxy_arp');
  w.change(1, { proxyArp: true });
  for (const target of ['10.8.0.1', '10.7.0.1', '10.0.1.77', '11.0.0.1']) ask(w, arp(1, mac(9), '10.0.1.9', target));
  ask(w, arp(1, mac(9), '10.9.0.1', '10.9.0.1'));
  w.pass(1000);
  assert.equal(w.take().length, 0);
  ask(w, arp(1, mac(9), '10.0.1.9', '10.9.0.1'));
  w.pass(300);
  assert.equal(w.take().length, 0);
  w.pass(100);
  const [reply] = w.take();
  assert.equal(text(reply.bytes.slice(20, 32)), text(hex('0002 020000000001 0a090001')));
  w.isForwarding = false;
  ask(w, arp(1, mac(9), '10.0.1.9', '10.9.0.1'));
  w.pass(1000);
  assert.equal(w.take().length, 0, 'not if it would not be forwarded');
});

test('an address is announced at once and after 2 s', () => {
  const w = world();
  w.stack.announce(1, ip('10.0.1.1'));
  assert.equal(
    text(w.take()[0].bytes),
    text(hex('ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a000101 000000000000 0a000101')),
  );
  w.pass(1900);
  assert.equal(w.take().length, 0);
  w.pass(100);
  assert.equal(w.take().length, 1);
  w.pass(10_000);
  assert.equal(w.take().length, 0);
});

test('another station with our address is logged and answered by an announcement, once in 10 s', () => {
  const w = world();
  for (let k = 0; k < 3; k++) ask(w, arp(1, mac(9), '10.0.1.1', '10.0.1.5'));
  assert.deepEqual(w.lines, ['duplicate address 10.0.1.1 on vport1: 02:00:00:00:00:09 has it too']);
  assert.equal(w.take().length, 1);
  w.pass(10_000);
  ask(w, arp(1, mac(9), '10.0.1.1', '10.0.1.5'));
  assert.equal(w.lines.length, 2);
  assert.equal(w.stack.neighbours().length, 0);
});

test('an asker that is not on the link is answered, but is no neighbour', () => {
  const w = world();
  w.to(0, '10.99.0.0/16', { kind: 'gateway', out: 2, gateway: ip('10.0.2.9') });
  ask(w, arp(1, mac(9), '10.99.0.1', '10.0.1.1'));
  assert.equal(w.take().length, 1);
  assert.equal(w.stack.neighbours().length, 0);
});

test('answers for others that wait are bounded', () => {
  const w = world();
  w.change(1, { proxyArp: true });
  for (let k = 0; k < 100; k++) ask(w, arp(1, mac(9), '10.0.1.9', `10.0.2.${k + 100}`));
  w.pass(1000);
  assert.equal(w.take().length, 64);
});

test('a question is asked from the address whose net the target is in', () => {
  const w = new FakeWorld();
  w.add(1, 0, ['10.0.1.1/24', '10.0.3.1/24']);
  void w.stack.ping({ rdomain: 0, destination: ip('10.0.3.9'), count: 1 });
  assert.equal(text(w.take()[0].bytes.slice(28, 32)), '0a000301');
});
