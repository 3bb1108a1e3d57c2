/**
 * The neighbour state machine through ARP (main/stack/neighbours.ts, arp.ts): states, timers, queues, bounds.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { arp, Books, ether, FakeWorld, ip, ipv4, mac, text } from '../../../support/fake-stack.js';
import { hex, readIpv4 } from '../../../support/naive-ip.js';

const HOST = '10.0.2.9';

/** A router between 10.0.1/24 on interface 1 and 10.0.2/24 on interface 2. */
function world(random?: () => number): FakeWorld {
  const w = new FakeWorld(random);
  w.add(1, 0, ['10.0.1.1/24']);
  w.add(2, 0, ['10.0.2.1/24']);
  return w;
}

function frame(size = 8, to = HOST, id = 7): Uint8Array {
  return ether(mac(1), mac(77), 0x0800, ipv4('10.0.1.9', to, 17, new Uint8Array(size), { id }));
}

function answer(w: FakeWorld, from = mac(99), op = 2): void {
  w.punt(2, arp(op, from, HOST, '10.0.2.1', mac(2)), PuntReason.ARP);
}

function stateOf(w: FakeWorld, address = HOST): string | undefined {
  return w.stack.neighbours().find((n) => n.words.join() === ip(address).join())?.state;
}

test('B80 the first packet waits for one request, byte for byte, and goes out once it is answered', () => {
  const w = world();
  const books = new Books(w);
  w.punt(1, frame());
  assert.equal(w.stack.held, 1);
  const [request, ...more] = w.take();
  assert.equal(more.length, 0);
  assert.equal(
    text(request.bytes),
    text(hex('ffffffffffff 020000000002 0806 0001080006040001 020000000002 0a000201 000000000000 0a000209')),
  );
  w.punt(1, frame());
  assert.equal(w.take().length, 0, 'no second request');
  answer(w);
  const sent = w.take();
  assert.equal(sent.length, 2);
  assert.ok(sent.every((one) => one.forwarded && one.index === 2));
  assert.equal(text(sent[0].bytes.slice(0, 14)), text(hex('020000000063 020000000002 0800')));
  assert.equal(readIpv4(sent[0].bytes.slice(14)).ttl, 63);
  assert.equal(stateOf(w), 'reachable');
  assert.deepEqual(w.bindings.get(`2/${ip(HOST).join()}`), { lladdr: mac(99), stale: false });
  assert.equal(w.stack.held, 0);
  for (const one of sent) w.sent.push(one);
  books.balance();
});

test('B80 three requests a second apart, then each packet that waited is dropped and its sender told', () => {
  const w = world();
  w.punt(1, frame(8, HOST, 1));
  w.punt(1, frame(8, HOST, 2));
  w.pass(2900);
  assert.equal(w.take().filter((one) => one.index === 2).length, 3);
  assert.deepEqual(w.takeDrops(), []);
  w.punt(1, arp(1, mac(77), '10.0.1.9', '10.0.1.1'), PuntReason.ARP);
  w.take();
  w.pass(200);
  assert.deepEqual(w.takeDrops(), ['unreachable', 'unreachable']);
  const errors = w.take().map((one) => readIpv4(one.bytes.slice(14)));
  assert.deepEqual(
    errors.map((e) => text(e.payload.slice(0, 2))),
    ['0301', '0301'],
  );
  assert.equal(stateOf(w), 'failed');
  w.punt(1, frame());
  assert.equal(stateOf(w), 'incomplete', 'a packet asks again');
});

test('reachable for 15 to 45 s, then stale; used, it is asked after 5 s by unicast, and an answer makes it reachable', () => {
  for (const [random, lasts] of [
    [0, 15_000],
    [0.999, 45_000],
  ]) {
    const w = world(() => random);
    w.punt(1, frame());
    answer(w);
    w.pass(lasts - 200);
    assert.equal(stateOf(w), 'reachable');
    w.pass(300);
    assert.equal(stateOf(w), 'stale');
    assert.equal(w.bindings.get(`2/${ip(HOST).join()}`)?.stale, true);
    w.pass(1000);
    assert.equal(stateOf(w), 'stale', 'nobody uses it');
    w.used.add(`2/${ip(HOST).join()}`);
    w.pass(100);
    assert.equal(stateOf(w), 'delay');
    w.take();
    w.pass(4900);
    assert.equal(w.take().length, 0);
    w.pass(100);
    assert.equal(stateOf(w), 'probe');
    assert.equal(text(w.take()[0].bytes.slice(0, 6)), text(mac(99)));
    answer(w);
    assert.equal(stateOf(w), 'reachable');
  }
});

test('a neighbour that does not answer three probes is unbound', () => {
  const w = world();
  w.punt(1, frame());
  answer(w);
  w.pass(30_100);
  w.punt(1, frame());
  assert.equal(stateOf(w), 'delay', 'a packet through main is use too');
  w.take();
  w.pass(5000 + 2900);
  assert.equal(w.take().length, 3);
  assert.equal(w.bindings.size, 1);
  w.pass(200);
  assert.equal(stateOf(w), 'failed');
  assert.equal(w.bindings.size, 0);
  w.pass(60_100);
  assert.equal(stateOf(w), undefined);
});

test('hearsay makes a neighbour stale, but not within a second of its last change', () => {
  const w = world();
  w.punt(1, frame());
  answer(w);
  answer(w, mac(98), 1);
  assert.equal(stateOf(w), 'reachable', 'locked');
  w.pass(1100);
  answer(w, mac(98), 1);
  assert.equal(stateOf(w), 'stale');
  assert.deepEqual(w.bindings.get(`2/${ip(HOST).join()}`)?.lladdr, mac(98));
});

test('a queue is bounded by bytes, and the oldest goes', () => {
  const w = world();
  const books = new Books(w);
  for (let k = 0; k < 200; k++) w.punt(1, frame(1400, HOST, k));
  const dropped = w.drops.length;
  assert.ok(dropped > 30 && dropped < 80, `${dropped}`);
  assert.ok(w.drops.every((one) => one.reason === 'neighbour-full' && one.index === 1));
  books.balance();
  answer(w);
  const first = readIpv4(w.sent[0].bytes.slice(14));
  assert.equal(first.id, dropped);
  books.balance();
});

test('the table is bounded: failed entries go first, then stale, then those that ask; the reachable stay', () => {
  const w = world();
  w.add(3, 0, ['10.64.0.1/10']);
  w.punt(1, frame());
  answer(w);
  for (let k = 0; k < 9000; k++) w.punt(1, frame(0, `10.65.${k >> 8}.${k & 255}`));
  assert.equal(w.stack.neighbours().length, 8192);
  assert.equal(stateOf(w), 'reachable');
  assert.equal(stateOf(w, '10.65.0.0'), undefined);
  assert.ok(w.takeDrops().every((reason) => reason === 'neighbour-full'));
});

test('static entries are used at once and never change; removed ones are unbound', () => {
  const w = world();
  w.punt(1, frame());
  w.take();
  w.stack.addStatic(2, ip(HOST), mac(50));
  assert.equal(text(w.take()[0].bytes.slice(0, 6)), text(mac(50)));
  w.pass(1100);
  answer(w);
  w.pass(100_000);
  assert.equal(stateOf(w), 'static');
  assert.deepEqual(w.bindings.get(`2/${ip(HOST).join()}`)?.lladdr, mac(50));
  assert.ok(w.stack.deleteNeighbour(2, ip(HOST)));
  assert.ok(!w.stack.deleteNeighbour(2, ip(HOST)));
  assert.equal(w.bindings.size, 0);
});

test('an interface that is forgotten drops what waits on it', () => {
  const w = world();
  w.punt(1, frame());
  w.stack.forget(2);
  assert.deepEqual(w.takeDrops(), ['down']);
  assert.equal(w.stack.held, 0);
});

test('what the environment does not take is booked', () => {
  const w = world();
  w.punt(1, frame());
  w.refuses = true;
  answer(w);
  assert.deepEqual(w.takeDrops(), ['transmit']);
});

test('hearsay of a neighbour that is waited for lets the packets go, and it is asked soon', () => {
  const w = world();
  w.punt(1, frame());
  answer(w, mac(99), 1);
  assert.equal(stateOf(w), 'delay');
  const broadcast = world();
  broadcast.punt(1, frame());
  broadcast.punt(2, arp(2, mac(99), HOST, '10.0.2.1'), PuntReason.ARP, 1);
  assert.equal(stateOf(broadcast), 'delay', 'a reply to all confirms nothing');
});

test('all queues together are bounded', () => {
  const w = world();
  for (let k = 0; k < 100; k++) for (let n = 0; n < 70; n++) w.punt(1, frame(1400, `10.0.2.${100 + k}`));
  assert.ok(w.stack.held * 1450 < 9 << 20, `${w.stack.held}`);
  assert.equal(w.stack.held + w.drops.length, 7000);
});

test('a stale neighbour that is not used goes after a minute, if there are many', () => {
  for (const [many, left] of [
    [10, 10],
    [200, 128],
  ]) {
    const w = world();
    for (let k = 1; k <= many; k++) w.punt(2, arp(1, mac(99), `10.0.2.${k + 1}`, '10.0.2.1'), PuntReason.ARP);
    w.pass(59_900);
    assert.equal(w.stack.neighbours().length, many);
    w.pass(200);
    assert.equal(w.stack.neighbours().length, left);
  }
});
