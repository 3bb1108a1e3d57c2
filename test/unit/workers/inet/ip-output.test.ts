/**
 * Packets that a worker makes and sends (workers/inet/ip-output.ts): routes of a domain, ECMP, fragments, what waits for a neighbour,
 * and no way round in circles. Driven over the worker's list, as what encapsulates does.
 */
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { MemoryHost } from '../../../../src/main/memory/memory-host.js';
import { total } from '../../../../src/shared/counter/books.js';
import { DROP_REASONS } from '../../../../src/shared/counter/drop-reason.js';
import { Lane } from '../../../../src/shared/layout/counters.js';
import { Meta, Slot } from '../../../../src/shared/layout/packet.js';
import { PuntReason, PuntWord } from '../../../../src/shared/ring/punt-reason.js';
import { RingConsumer } from '../../../../src/shared/ring/ring.js';
import { vnetClear } from '../../../../src/shared/wire/vnet.js';
import { Hop } from '../../../../src/workers/work-list.js';
import { ipv4, ipv6, mac } from '../../../support/fake-stack.js';
import { readIpv4, readIpv6 } from '../../../support/naive-ip.js';
import { OfflineRouter } from '../../../support/offline-router.js';

const router = new OfflineRouter();
const hosts = new Map<string, MemoryHost>();

before(async () => {
  await router.configure(
    'ifconfig mem0 create inet 10.0.0.1/24 inet6 2001:db8::1/64 up',
    'ifconfig mem1 create inet 10.0.1.1/24 inet6 2001:db8:1::1/64 mtu 1280 up',
    'ifconfig mem2 create rdomain 7 inet 10.7.0.1/24 up',
    'ifconfig mem3 create up',
    'ifconfig vport0 create inet 10.3.0.1/24 up',
    'ifconfig veb0 create add mem3 add vport0 up',
    'ifconfig rport0 create inet 10.4.0.1 10.4.0.2 up',
    'ifconfig rport1 create rdomain 7 inet 10.4.0.2 10.4.0.1 up',
    'ifconfig rport0 parent rport1',
    'route add 10.90.0.0/16 10.0.0.9',
    'route add -blackhole 10.91.0.0/16 127.0.0.1',
    'route add -reject 10.92.0.0/16 127.0.0.1',
    'route -T 7 add 10.90.0.0/16 10.7.0.9',
    'route -T 7 add 10.0.0.0/24 10.7.0.9',
    'route add 10.93.0.0/16 10.4.0.2',
    'route -T 7 add 10.93.0.0/16 10.4.0.1',
    'route add 2001:db8:90::/48 2001:db8::9',
  );
  for (const [port, address] of [
    ['mem0', '10.0.0.9'],
    ['mem0', '2001:db8::9'],
    ['mem1', '10.0.1.9'],
    ['mem1', '2001:db8:1::9'],
    ['mem2', '10.7.0.9'],
    ['vport0', '10.3.0.9'],
  ] as const) {
    router.bindNeighbour(port, address, mac(9));
  }
  for (const port of ['mem0', 'mem1', 'mem2', 'mem3']) {
    hosts.set(port, new MemoryHost(router.memory, router.table.get(port)));
  }
});

beforeEach(() => {
  for (const host of hosts.values()) host.receive();
});

/** Frames that left by a port. */
function sent(port: string): Uint8Array[] {
  return (hosts.get(port) as MemoryHost).receive().map(({ bytes }) => bytes);
}

/** Has the worker make packets for a domain; `maker` books them. */
function make(rdomain: number, packets: readonly Uint8Array[], maker = 'mem0'): void {
  const { ctx, loop, memory } = router;
  const { index } = router.table.get(maker);
  for (const packet of packets) {
    const slot = ctx.cache.takeFrame();
    const at = memory.views.slotOffset[slot] + Slot.HEADROOM + 14;
    const m = slot << Meta.SHIFT;
    ctx.u8.set(packet, at);
    ctx.meta[m + Meta.OFFSET] = at;
    ctx.meta[m + Meta.LENGTH] = packet.length;
    ctx.meta[m + Meta.EGRESS] = rdomain;
    vnetClear(ctx.meta, m);
    memory.views.counters[(ctx.me * 1024 + index) * Lane.WORDS + Lane.ORIGINATED] += 1;
    ctx.slots[0] = slot;
    ctx.length[0] = packet.length;
    ctx.n = 1;
    ctx.workList.defer(ctx, 0, index, Hop.IP_OUTPUT);
    ctx.n = 0;
  }
  loop.runWorkList();
  assert.deepEqual(router.books().errors, []);
}

/** What `body` adds to the drops of an interface. */
function dropsOf(name: string, body: () => void): Record<string, number> {
  const read = (): number[] =>
    DROP_REASONS.map((_, n) => total(router.memory.views, router.table.get(name).index, Lane.DROPS + n));
  const was = read();
  body();
  return Object.fromEntries(
    read()
      .map((count, n) => [DROP_REASONS[n].name, count - was[n]] as const)
      .filter(([, count]) => count !== 0),
  );
}

const gre4 = (to: string, data = 40, fields = {}): Uint8Array => ipv4('10.0.0.1', to, 47, new Uint8Array(data), fields);
const gre6 = (to: string, data = 40): Uint8Array => ipv6('2001:db8::1', to, 47, new Uint8Array(data));

test('a packet goes by the routes of its domain, its TTL untouched, over the neighbour of the next hop', () => {
  make(0, [gre4('10.0.0.9', 40, { ttl: 1 }), gre4('10.90.0.1')]);
  const [near, far] = sent('mem0');
  assert.deepEqual(near.slice(0, 14), Uint8Array.from([...mac(9), ...near.slice(6, 12), 8, 0]));
  assert.equal(readIpv4(near.slice(14)).ttl, 1);
  assert.deepEqual(readIpv4(far.slice(14)).destination, Uint8Array.of(10, 90, 0, 1));
  make(7, [gre4('10.90.0.1')]);
  assert.equal(sent('mem2').length, 1);
  assert.equal(sent('mem0').length, 0);
});

test('the same of IPv6', () => {
  make(0, [gre6('2001:db8::9'), gre6('2001:db8:90::1')]);
  const got = sent('mem0');
  assert.deepEqual(
    got.map((bytes) => [...bytes.slice(0, 6), bytes[12], bytes[13], readIpv6(bytes.slice(14)).ttl]),
    Array.from({ length: 2 }, () => [...mac(9), 0x86, 0xdd, 64]),
  );
});

test('IPv4 packets get identifications that differ, and the checksum to match', () => {
  make(0, [gre4('10.0.0.9'), gre4('10.0.0.9'), gre4('10.0.0.9', 40, { df: true })]);
  const ids = sent('mem0').map((bytes) => readIpv4(bytes.slice(14)).id);
  assert.equal(new Set(ids).size, 3);
});

test('no route, blackhole and reject are booked by who made the packet', () => {
  const dropped = dropsOf('mem0', () =>
    make(0, [gre4('172.16.0.1'), gre4('10.91.0.1'), gre4('10.92.0.1'), gre4('10.0.0.255'), gre6('2001:db9::1')]),
  );
  assert.deepEqual(dropped, { 'no-route': 2, blackhole: 1, reject: 1, 'directed-broadcast': 1 });
});

test('a packet that is too long is cut; with DF it is dropped', () => {
  const body = Uint8Array.from({ length: 3000 }, (_, k) => k * 3);
  const long4 = ipv4('10.0.0.1', '10.0.1.9', 47, body.slice(0, 1500));
  const long6 = ipv6('2001:db8::1', '2001:db8:1::9', 47, body.slice(0, 1500));
  assert.deepEqual(
    dropsOf('mem0', () => make(0, [ipv4('10.0.0.1', '10.0.1.9', 47, body.slice(0, 1500), { df: true })])),
    { 'too-big': 1 },
  );
  make(0, [long4, long6]);
  const got = sent('mem1');
  assert.equal(got.length, 4);
  const four = got.slice(0, 2).map((bytes) => readIpv4(bytes.slice(14)));
  assert.deepEqual(
    four.map((p) => [p.mf, p.fragmentOffset, p.id === four[0].id]),
    [
      [true, 0, true],
      [false, 1256, true],
    ],
  );
  assert.deepEqual(Buffer.concat(four.map((p) => p.payload)), Buffer.from(body.slice(0, 1500)));
  const six = got.slice(2).map((bytes) => readIpv6(bytes.slice(14)));
  assert.deepEqual(
    six.map((p) => p.protocol),
    [44, 44],
  );
  assert.deepEqual(Buffer.concat(six.map((p) => p.payload.slice(8))), Buffer.from(body.slice(0, 1500)));
});

test('a packet without a neighbour goes to main as it is, with its domain', () => {
  const { views, puntRings } = router.memory;
  const ring = new RingConsumer(views.rings, puntRings[1]);
  make(7, [gre4('10.7.0.77', 40, { ttl: 5 })]);
  const slots = new Int32Array(4);
  assert.equal(ring.popList(slots, 4), 1);
  const m = slots[0] << Meta.SHIFT;
  const word = views.meta[m + Meta.EGRESS];
  assert.equal(word & PuntWord.REASON_MASK, PuntReason.OUTPUT);
  assert.equal(word >>> PuntWord.OFFSET_SHIFT, 7);
  assert.equal(views.meta[m + Meta.INGRESS], router.table.get('mem0').index);
  const at = views.meta[m + Meta.OFFSET];
  assert.equal(readIpv4(views.u8.slice(at, at + views.meta[m + Meta.LENGTH])).ttl, 5);
  router.memory.cache.give(slots[0]);
  // As main would book it.
  views.counters[(views.sizes.threads - 1) * 1024 * Lane.WORDS + Lane.CONSUMED] += 1;
});

test('by a vport it enters the bridge, by an rport the other domain', () => {
  make(0, [gre4('10.3.0.9')]);
  assert.equal(sent('mem3').length, 1);
  make(0, [ipv4('10.55.0.1', '10.4.0.2', 99, new Uint8Array(8))]);
  const { views, puntRings } = router.memory;
  const slots = new Int32Array(4);
  assert.equal(new RingConsumer(views.rings, puntRings[1]).popList(slots, 4), 1, 'local input of the peer');
  router.memory.cache.give(slots[0]);
  views.counters[(views.sizes.threads - 1) * 1024 * Lane.WORDS + Lane.CONSUMED] += 1;
});

test('a packet that would go round in circles ends', () => {
  const dropped = dropsOf('rport0', () => make(0, [ipv4('10.55.0.1', '10.93.0.1', 47, new Uint8Array(8))]));
  assert.deepEqual(dropped, { loop: 1 });
});

test('a packet for an address of ours is input here, whatever its source', () => {
  const { views, puntRings } = router.memory;
  make(0, [
    ipv4('10.0.0.1', '10.0.1.1', 99, new Uint8Array(8)),
    ipv6('2001:db8::1', '2001:db8:1::1', 99, new Uint8Array(8)),
  ]);
  const slots = new Int32Array(4);
  assert.equal(new RingConsumer(views.rings, puntRings[1]).popList(slots, 4), 2);
  for (const slot of slots.slice(0, 2)) {
    assert.equal(views.meta[(slot << Meta.SHIFT) + Meta.EGRESS] & PuntWord.REASON_MASK, PuntReason.LOCAL);
    router.memory.cache.give(slot);
  }
});
