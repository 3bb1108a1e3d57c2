/** Packets that a worker made and knows no neighbour for: main asks, and sends them as they are (main/stack/output.ts). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { arp, Books, FakeWorld, ipv4, mac } from '../../../support/fake-stack.js';
import { readIpv4 } from '../../../support/naive-ip.js';

/** Interface 1 in domain 0, interface 2 in domain 7; the maker, interface 3, has no address. */
function world(): FakeWorld {
  const w = new FakeWorld();
  w.add(1, 0, ['10.0.1.1/24']);
  w.add(2, 7, ['10.0.2.1/24']);
  w.add(3, 0, []);
  return w;
}

const packet = (to: string, bytes = 40): Uint8Array => ipv4('10.0.1.1', to, 47, new Uint8Array(bytes), { ttl: 1 });

test('it waits for the neighbour of its own domain, and goes out as it was', () => {
  const w = world();
  const books = new Books(w);
  w.made(3, 7, packet('10.0.2.9'));
  assert.equal(w.stack.held, 1);
  assert.equal(w.take().length, 1, 'a request');
  w.punt(2, arp(2, mac(99), '10.0.2.9', '10.0.2.1', mac(2)), PuntReason.ARP);
  const [sent, ...more] = w.take();
  assert.equal(more.length, 0);
  assert.deepEqual([sent.index, sent.forwarded], [2, true]);
  assert.deepEqual(sent.bytes.slice(14), packet('10.0.2.9'));
  w.sent.push(sent);
  books.balance();
});

test('its maker may be down, or a port of a bridge', () => {
  const w = world();
  w.change(3, { up: false });
  w.made(3, 7, packet('10.0.2.9'));
  assert.equal(w.stack.held, 1);
});

test('no route and no neighbour are booked by its maker, and no error answers it', () => {
  const w = world();
  w.made(3, 7, packet('10.0.1.9'));
  assert.deepEqual(w.drops, [{ index: 3, reason: 'no-route' }]);
  w.made(3, 7, packet('10.0.2.9'));
  for (let n = 0; n < 50; n++) {
    w.now += 100;
    w.stack.tick();
  }
  assert.deepEqual(w.drops.slice(1), [{ index: 3, reason: 'unreachable' }]);
  assert.ok(
    w.take().every(({ bytes }) => bytes[13] === 6),
    'requests alone',
  );
});

test('a long one is cut: the first fragment stands for it in the books, the others are new', () => {
  const w = world();
  w.change(1, { mtu: 600 });
  w.stack.addStatic(1, Int32Array.of(0x0a000109), mac(9));
  w.made(3, 0, packet('10.0.1.9', 1000));
  assert.deepEqual(
    w.take().map(({ bytes, forwarded }) => [readIpv4(bytes.slice(14)).fragmentOffset, forwarded]),
    [
      [0, true],
      [576, false],
    ],
  );
});
