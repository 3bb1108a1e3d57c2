/**
 * What `-tso` and `-txcsum` do on the way to a memory port (workers/device/segment.ts). Every frame that comes out is judged
 * by test/support/superframe.ts, which takes it apart by itself.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeviceFrame, MemoryHost, type VnetWords } from '../../../../src/main/memory/memory-host.js';
import { Router } from '../../../../src/main/router.js';
import { total } from '../../../../src/shared/counter/books.js';
import { Drop } from '../../../../src/shared/counter/drop-reason.js';
import { Lane } from '../../../../src/shared/layout/counters.js';
import { If, ifRecord } from '../../../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../../../src/shared/layout/packet.js';
import { etherFrame } from '../../../support/ip-frame.js';
import { OfflineRouter } from '../../../support/offline-router.js';
import { A, B, BROADCAST, C, frame, macBytes, Rig } from '../../../support/rig.js';
import { ifconfigOn } from '../../../support/router-words.js';
import { smallSizes } from '../../../support/stations.js';
import { silent, waitUntil } from '../../../support/stress.js';
import {
  ACK,
  assertSegments,
  build,
  CWR,
  FIN,
  noise,
  PSH,
  padding,
  parse,
  type Recipe,
  type Superframe,
  segmentRouting,
  TCP,
  UDP,
} from '../../../support/superframe.js';
import { udpPacket } from '../../../support/udp-packet.js';

/** A no-operation and timestamps; SACK blocks. */
const TIMESTAMPS = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
const LONGEST_OPTIONS = [1, 1, 5, 34, ...Array.from({ length: 32 }, (_, n) => n + 1), 1, 1, 1, 1];
const FAR = [0xfd, 9, ...Array(13).fill(0), 7];

/** A bridge whose mem1 has the given words. */
function rigWith(words: string): Promise<Rig> {
  return Rig.bridge(2, 'veb0 link2', `mem1 ${words}`);
}

/** Terms of the books, and no error in them. */
function books(rig: Rig): { segmented: number; transmitted: number; dropped: number } {
  assert.deepEqual(rig.bookErrors(), []);
  const { segmented, transmitted, dropped } = rig.router.books().totals;
  return { segmented, transmitted, dropped };
}

/** Sends what `recipe` makes into mem0 and asserts that its segments, and nothing else, leave by mem1. */
function cut(rig: Rig, recipe: Recipe): DeviceFrame[] {
  const was = rig.counter('mem1', Lane.SEGMENTED);
  const made = build(recipe);
  rig.send('mem0', made.bytes, made.vnet);
  const got = rig.frames('mem1');
  assertSegments(recipe, made, got);
  assert.equal(rig.counter('mem1', Lane.SEGMENTED) - was, got.length - 1);
  books(rig);
  return got;
}

const tcp4 = (more: Partial<Recipe> = {}): Recipe => ({
  ...{ version: 4, protocol: TCP, payload: noise(10_000), size: 1448 },
  ...more,
});
const tcp6 = (more: Partial<Recipe> = {}): Recipe => tcp4({ version: 6, size: 1428, ...more });
const udp4 = (more: Partial<Recipe> = {}): Recipe => tcp4({ protocol: UDP, size: 1472, ...more });
const udp6 = (more: Partial<Recipe> = {}): Recipe => tcp4({ version: 6, protocol: UDP, size: 1452, ...more });

const KINDS: readonly [string, (more?: Partial<Recipe>) => Recipe][] = [
  ['TCP over IPv4', tcp4],
  ['TCP over IPv6', tcp6],
  ['UDP over IPv4', udp4],
  ['UDP over IPv6', udp6],
];

for (const words of ['-tso', '-txcsum', '-tso -txcsum']) {
  for (const [name, recipe] of KINDS) {
    test(`${words}: ${name} is cut; every length, number and checksum is right`, async () => {
      const rig = await rigWith(words);
      const lengths = [1, 2, 1447, 1448, 1449, 2896, 2897, 9999, 60_000];
      for (const length of lengths) cut(rig, recipe({ payload: noise(length, length) }));
      for (const size of [500, 501, 1000, 1448, 1792, 4095, 8948]) cut(rig, recipe({ size, payload: noise(20_001) }));
      assert.equal(books(rig).dropped, 0);
      assert.ok(books(rig).segmented > 100);
    });

    test(`${words}: ${name} behind one tag and two, with link2`, async () => {
      const rig = await rigWith(words);
      cut(rig, recipe({ tags: [[0x8100, 100]] }));
      cut(rig, recipe({ tags: [[0x88a8, 0x6064]] }));
      cut(
        rig,
        recipe({
          tags: [
            [0x88a8, 200],
            [0x8100, 100],
          ],
        }),
      );
    });
  }
}

test('a superframe of more than 64 segments is cut, in order; 256 are the most', async () => {
  const rig = await rigWith('-tso');
  for (const segments of [63, 64, 65, 100, 255, 256]) {
    for (const [, recipe] of KINDS) {
      assert.equal(cut(rig, recipe({ size: 200, payload: noise(segments * 200 - 1) })).length, segments);
    }
  }
  for (const [, recipe] of KINDS) {
    const { bytes, vnet } = build(recipe({ size: 200, payload: noise(256 * 200 + 1) }));
    rig.send('mem0', bytes, vnet);
    assert.equal(rig.counts('mem1')[0], 0);
  }
  assert.equal(rig.drops('mem1', Drop.SEGMENT), 4);
  assert.equal(books(rig).dropped, 4);
});

test('the longest frame there is, 65549 bytes, is cut', async () => {
  const rig = await rigWith('-tso');
  for (const [, recipe] of KINDS) {
    const headers = build(recipe({ payload: noise(1) })).headers;
    cut(rig, recipe({ payload: noise(65_549 - headers) }));
  }
});

test('IP ids are consecutive and wrap behind 65535', async () => {
  const rig = await rigWith('-tso');
  for (const id of [0, 65_530, 65_535]) {
    for (const recipe of [tcp4, udp4]) {
      const ids = cut(rig, recipe({ id, payload: noise(14_000) })).map(({ bytes }) => parse(bytes).id);
      assert.deepEqual(ids.slice(0, 3), [id, (id + 1) & 0xffff, (id + 2) & 0xffff]);
    }
  }
});

test('TCP sequence numbers go on by the payload and wrap at 2^32', async () => {
  const rig = await rigWith('-tso');
  const seen = (sequence: number, recipe: (more: Partial<Recipe>) => Recipe): number[] =>
    cut(rig, recipe({ sequence, size: 1000, payload: noise(3500) })).map(({ bytes }) => parse(bytes).sequence);
  for (const recipe of [tcp4, tcp6]) {
    assert.deepEqual(seen(2 ** 32 - 1500, recipe), [2 ** 32 - 1500, 2 ** 32 - 500, 500, 1500]);
    assert.deepEqual(seen(2 ** 31 - 1000, recipe), [2 ** 31 - 1000, 2 ** 31, 2 ** 31 + 1000, 2 ** 31 + 2000]);
    assert.deepEqual(seen(0xffff, recipe), [65_535, 66_535, 67_535, 68_535]);
  }
});

test('FIN and PSH are on the last segment alone, CWR on the first, any other flag on all', async () => {
  const rig = await rigWith('-tso');
  const others = ACK | 0x40 | 0x20;
  for (const recipe of [tcp4, tcp6]) {
    const flags = others | FIN | PSH | CWR;
    const seen = (ecn: boolean): number[] =>
      cut(rig, recipe({ flags, ecn, size: 1000, payload: noise(3500) })).map(({ bytes }) => parse(bytes).flags);
    for (const ecn of [true, false]) {
      assert.deepEqual(seen(ecn), [others | CWR, others, others, others | FIN | PSH]);
    }
    const one = cut(rig, recipe({ flags, ecn: true, payload: noise(100) }));
    assert.equal(parse((one[0] as DeviceFrame).bytes).flags, flags, 'one segment is the first and the last');
  }
});

test('TCP options, IPv4 options and IPv6 extension headers are on every segment', async () => {
  const rig = await rigWith('-tso');
  const option = [0x94, 4, 0, 0];
  for (const tcpOptions of [TIMESTAMPS, LONGEST_OPTIONS]) {
    cut(rig, tcp4({ tcpOptions }));
    cut(rig, tcp6({ tcpOptions }));
    cut(rig, tcp4({ tcpOptions, ipOptions: option }));
    cut(rig, tcp4({ tcpOptions, ipOptions: Array(40).fill(1) }));
  }
  cut(rig, udp4({ ipOptions: option }));
  for (const recipe of [tcp6, udp6]) {
    cut(rig, recipe({ extensions: [[0, padding(1)]] }));
    cut(
      rig,
      recipe({
        extensions: [
          [0, padding(1)],
          [60, padding(9)],
        ],
      }),
    );
  }
});

test('with a routing header that has segments left the checksums are over the last destination (RFC 8200 §8.1)', async () => {
  const rig = await rigWith('-tso');
  const extensions: Recipe['extensions'] = [[43, segmentRouting(FAR)]];
  for (const recipe of [tcp6, udp6]) cut(rig, recipe({ extensions, finally: FAR }));
});

test('headers too long for a small slot are refused, the longest that fit are cut', async () => {
  const rig = await rigWith('-tso');
  /** Bytes that Ethernet, IPv6 and TCP leave of a small slot for extension headers, in units of 8. */
  const most = Math.floor((Slot.FRAME_MAX - 14 - 40 - 20) / 8);
  cut(rig, tcp6({ extensions: [[60, padding(most)]] }));
  const { bytes, vnet } = build(tcp6({ extensions: [[60, padding(most + 1)]] }));
  rig.send('mem0', bytes, vnet);
  assert.equal(rig.counts('mem1')[0], 0);
  assert.equal(rig.drops('mem1', Drop.SEGMENT), 1);
  books(rig);
});

test('a partial checksum that lies in padding, which the stack cuts off, is not completed: nothing behind the packet is written', async () => {
  const router = new OfflineRouter();
  await router.ifconfig('mem0 create inet 10.0.0.1/24 up', 'mem1 create inet 10.1.0.1/24 -txcsum up');
  router.bindNeighbour('mem1', '10.1.0.9', Uint8Array.from(macBytes(B)));
  const { views } = router.memory;
  const [host, out] = ['mem0', 'mem1'].map((port) => new MemoryHost(router.memory, router.table.get(port)));
  const takePunts = router.takePunts();
  // Sent on at once, and by main, which is to find the neighbour.
  for (const [n, to] of ['10.1.0.9', '10.1.0.10'].entries()) {
    const bytes = new Uint8Array(40_000 + n).fill(0xaa);
    bytes.set(etherFrame(router.table.get('mem0').lladdr, A, 0x0800, udpPacket('10.0.0.9', to)));
    host?.send(bytes, [1, 30_000 << 16, 16]);
    let slot = views.sizes.frames;
    while (views.meta[(slot << Meta.SHIFT) + Meta.LENGTH] !== bytes.length) slot++;
    while (router.loop.pollMemoryPorts() !== 0);
    takePunts();
    const at = (views.slotOffset[slot] as number) + Slot.HEADROOM;
    assert.ok(views.u8.subarray(at + 100, at + 40_000).every((byte) => byte === 0xaa));
  }
  assert.deepEqual(out?.receive(), []);
  assert.equal(total(views, router.table.get('mem1').index, Lane.DROPS + Drop.SEGMENT), 1);
  const { errors, totals } = router.books();
  assert.deepEqual([errors, totals.consumed], [[], 1]);
});

test('a UDP checksum that comes out as 0 is sent as ffff, of a segment and of a frame', async () => {
  const rig = await rigWith('-txcsum');
  for (const recipe of [udp4, udp6]) {
    // The last two bytes of each half bring its sum to ffff.
    const half = 1000;
    const payload = noise(2 * half);
    for (const at of [half - 2, 2 * half - 2]) payload.set([0, 0], at);
    const sums = cut(rig, recipe({ size: half, payload })).map(({ bytes }) => parse(bytes).checksum);
    sums.forEach((sum, n) => {
      payload.set([sum >> 8, sum & 255], (n + 1) * half - 2);
    });
    for (const { bytes } of cut(rig, recipe({ size: half, payload }))) assert.equal(parse(bytes).checksum, 0xffff);
    const whole = build(recipe({ size: 0, payload: payload.subarray(0, half) }));
    rig.send('mem0', whole.bytes, whole.vnet);
    assert.equal(parse((rig.frames('mem1')[0] as DeviceFrame).bytes).checksum, 0xffff);
  }
});

for (const [name, recipe] of KINDS) {
  test(`-txcsum: a partial checksum of ${name} is completed and nothing else changed; -tso leaves it`, async () => {
    for (const words of ['-txcsum', '-tso']) {
      const rig = await rigWith(words);
      rig.send('mem1', frame(BROADCAST, B));
      for (const dst of [B, BROADCAST]) {
        for (const length of [1, 2, 3, 100, 1400, 1401, 9000, 60_001]) {
          const made = build(recipe({ size: 0, dst, payload: noise(length) }));
          rig.send('mem0', made.bytes, made.vnet);
          const [got] = rig.frames('mem1') as [DeviceFrame];
          const field = made.transport + (made.vnet[2] as number);
          if (words === '-tso') {
            assert.deepEqual(got, { bytes: made.bytes, vnet: made.vnet });
            continue;
          }
          parse(got.bytes);
          assert.deepEqual(got.vnet, [0, 0, 0]);
          const expected = made.bytes.slice();
          expected.set(got.bytes.subarray(field, field + 2), field);
          assert.deepEqual(got.bytes, expected);
        }
      }
      assert.equal(books(rig).segmented, 0);
    }
  });
}

test('a frame that asks for nothing is sent as it is', async () => {
  const rig = await rigWith('-txcsum');
  const plain = frame(BROADCAST, A, { length: 1514 });
  for (const vnet of [
    [0, 0, 0],
    [54 << 16, 0, 0],
    [2, 0, 0],
  ] as VnetWords[]) {
    rig.send('mem0', plain, vnet);
    assert.deepEqual(rig.frames('mem1'), [{ bytes: plain, vnet }]);
  }
});

/** Puts all into one burst and forwards it. */
function sendTogether(rig: Rig, port: string, frames: readonly DeviceFrame[]): void {
  for (const { bytes, vnet } of frames) assert.ok(rig.host(port).send(bytes, vnet));
  while (rig.router.loop.pollMemoryPorts() !== 0);
}

test('frames before, between and behind superframes keep their order, whatever the burst', async () => {
  for (const words of ['-tso', '-txcsum']) {
    const rig = await rigWith(words);
    rig.send('mem1', frame(BROADCAST, B));
    for (const burst of [1, 2, 3, 7, 32, 64]) {
      const recipes: (Recipe | number)[] = [];
      for (let n = 0; n < burst; n++) {
        if (n % 3 === 1)
          recipes.push(tcp4({ dst: n % 2 === 0 ? B : BROADCAST, id: n * 100, payload: noise(14_481, n) }));
        else recipes.push(n);
      }
      const frames = recipes.map((r) =>
        typeof r === 'number'
          ? { bytes: frame(r % 2 === 0 ? B : BROADCAST, A, { mark: r, length: 64 + r }), vnet: [0, 0, 0] as VnetWords }
          : build(r),
      );
      sendTogether(rig, 'mem0', frames);
      const got = rig.frames('mem1');
      let at = 0;
      recipes.forEach((r, n) => {
        if (typeof r === 'number') assert.deepEqual(got[at++]?.bytes, frames[n]?.bytes);
        else {
          assertSegments(r, frames[n] as Superframe, got.slice(at, at + 11));
          at += 11;
        }
      });
      assert.equal(got.length, at);
      books(rig);
    }
    assert.equal(books(rig).dropped, 0);
  }
});

test('a flood to ports that can and cannot: who can has it untouched, who cannot has segments', async () => {
  const rig = await Rig.bridge(6, 'mem1 -tso', 'mem3 -txcsum', 'mem4 -tso -txcsum');
  for (const [, recipe] of KINDS) {
    const big = recipe();
    const partial = recipe({ size: 0, payload: noise(1200) });
    const [whole, small] = [build(big), build(partial)];
    sendTogether(rig, 'mem0', [whole, small, whole]);
    for (const port of ['mem2', 'mem5']) {
      const as = ({ bytes, vnet }: Superframe): DeviceFrame => ({ bytes, vnet });
      assert.deepEqual(rig.frames(port), [as(whole), as(small), as(whole)], port);
    }
    for (const port of ['mem1', 'mem3', 'mem4']) {
      const got = rig.frames(port);
      const pieces = (got.length - 1) / 2;
      assertSegments(big, whole, got.slice(0, pieces));
      const between = got[pieces] as DeviceFrame;
      if (port === 'mem1') assert.deepEqual(between, { bytes: small.bytes, vnet: small.vnet });
      else assert.deepEqual(Buffer.from(parse(between.bytes).payload), Buffer.from(partial.payload));
      assertSegments(big, whole, got.slice(pieces + 1));
    }
    books(rig);
  }
  assert.equal(books(rig).dropped, 0);
  assert.equal(
    books(rig).segmented,
    ['mem1', 'mem3', 'mem4'].reduce((n, p) => n + rig.counter(p, Lane.SEGMENTED), 0),
  );
});

test('counters: what leaves is counted as it leaves, one packet on the wire for each segment', async () => {
  const rig = await rigWith('-tso');
  const words = [Lane.QUEUED, Lane.OPACKETS, Lane.OBYTES, Lane.OWIRE, Lane.SEGMENTED];
  const got = cut(rig, tcp4({ payload: noise(10_000), size: 1000 }));
  const bytes = got.reduce((sum, f) => sum + f.bytes.length, 0);
  assert.deepEqual(
    words.map((word) => rig.counter('mem1', word)),
    [10, 10, bytes, 10, 9],
  );
  assert.deepEqual([rig.counter('mem0', Lane.READ), rig.counter('mem0', Lane.IWIRE)], [1, 10]);
});

test('words given while frames flow take effect at once, and tso alone brings nothing back while txcsum is off', async () => {
  const rig = await rigWith('-tso');
  const send = (): number => {
    const { bytes, vnet } = build(tcp4());
    rig.send('mem0', bytes, vnet);
    return rig.counts('mem1')[0] as number;
  };
  assert.equal(send(), 7);
  await rig.ifconfig('mem1 tso');
  assert.equal(send(), 1);
  await rig.ifconfig('mem1 -txcsum');
  assert.equal(send(), 7);
  await rig.ifconfig('mem1 tso');
  assert.equal(send(), 7);
  await rig.ifconfig('mem1 txcsum');
  assert.equal(send(), 1);
  books(rig);
});

/** A change of a superframe or of its virtio-net words. */
type Lie = (made: Superframe) => { bytes?: (at: Uint8Array) => void; vnet?: VnetWords };
const withWord0 = (made: Superframe, gso: number): VnetWords => [1 | (gso << 8), made.vnet[1], made.vnet[2]];
const withStart = (made: Superframe, by: number): VnetWords => [
  made.vnet[0] & 0xffff,
  made.vnet[1] + by * 65_536,
  made.vnet[2],
];
const set = (offset: number, ...values: number[]) => ({ bytes: (at: Uint8Array) => at.set(values, offset) });

const LIES: readonly [string, Recipe, Lie][] = [
  ['TCPv6 that is IPv4', tcp4(), (made) => ({ vnet: withWord0(made, 4) })],
  ['TCPv4 that is IPv6', tcp6(), (made) => ({ vnet: withWord0(made, 1) })],
  ['UDP that is TCP', tcp4(), (made) => ({ vnet: withWord0(made, 5) })],
  ['UDP that is TCP over IPv6', tcp6(), (made) => ({ vnet: withWord0(made, 5) })],
  ['TCPv4 that is UDP', udp4(), (made) => ({ vnet: withWord0(made, 1) })],
  ['TCPv6 that is UDP', udp6(), (made) => ({ vnet: withWord0(made, 4) })],
  ['no IP at all', tcp4(), () => set(12, 0x88, 0xb5)],
  ['ARP', tcp4(), () => set(12, 0x08, 0x06)],
  ['version 6 under the ethertype of IPv4', tcp4(), () => set(14, 0x65)],
  ['another protocol', tcp4(), () => set(23, 47)],
  ['a fragment with more to come', tcp4(), () => set(20, 0x20, 0)],
  ['a later fragment', udp4(), () => set(20, 0, 1)],
  ['an IPv6 fragment header', udp6({ extensions: [[44, padding(1)]] }), () => ({})],
  ['a transport header two bytes early', tcp4(), (made) => ({ vnet: withStart(made, -2) })],
  ['a transport header two bytes late', tcp4(), (made) => ({ vnet: withStart(made, 2) })],
  ['a transport header inside the IPv6 header', tcp6(), (made) => ({ vnet: withStart(made, -40) })],
  ['an IPv4 header of less than 20 bytes', tcp4(), () => set(14, 0x44)],
  ['an IPv4 header longer than it is', tcp4(), () => set(14, 0x46)],
  ['a TCP header of less than 20 bytes', tcp4(), (made) => set(made.transport + 12, 0x40)],
  ['a TCP header of no bytes', tcp6(), (made) => set(made.transport + 12, 0)],
  ['a TCP header that reaches the end', tcp4({ payload: noise(40) }), (made) => set(made.transport + 12, 0xf0)],
  ['a TCP header that reaches beyond', tcp4({ payload: noise(20) }), (made) => set(made.transport + 12, 0xf0)],
  [
    'segments of one byte',
    tcp4({ payload: noise(257) }),
    (made) => ({ vnet: [made.vnet[0], (made.vnet[1] & ~0xffff) | 1, 16] }),
  ],
  [
    'three tags',
    tcp4({
      tags: [
        [0x8100, 1],
        [0x8100, 2],
        [0x8100, 3],
      ],
    }),
    () => ({}),
  ],
];

for (const [name, recipe, lie] of LIES) {
  test(`a superframe that lies is dropped as segment where it must be cut, and passes where not: ${name}`, async () => {
    const rig = await Rig.bridge(3, 'veb0 link2', 'mem1 -tso');
    const made = build(recipe);
    const { bytes = () => {}, vnet = made.vnet } = lie(made);
    bytes(made.bytes);
    rig.send('mem0', made.bytes, vnet);
    assert.deepEqual([rig.drops('mem1', Drop.SEGMENT), ...rig.counts('mem1', 'mem2')], [1, 0, 1]);
    assert.deepEqual(books(rig), { segmented: 0, transmitted: 1, dropped: 1 });
    cut(rig, tcp4());
  });
}

/** Takes slots from the worker's pool until `left` small ones and `large` superframes are in it. Returns how to give them back. */
function starve(rig: Rig, left: number, large: number): () => void {
  const { cache } = rig.router.ctx;
  const taken: number[] = [];
  cache.collect();
  while (cache.freeFrames > left) taken.push(cache.takeFrame());
  while (cache.freeSuperframes > large) taken.push(cache.takeSuperframe());
  return () => {
    for (const slot of taken) cache.give(slot);
  };
}

test('the pool runs dry in the middle: what was made is sent, the rest is nobuf, and all is well when slots are back', async () => {
  for (const [left, size, large] of [
    [4, 1000, 100],
    [0, 1000, 100],
    [100, 4000, 3],
    [100, 4000, 0],
  ] as const) {
    const rig = await rigWith('-tso');
    const recipe = tcp4({ size, payload: noise(40_000) });
    const segments = 40_000 / size;
    const room = size === 1000 ? left : large;
    const feed = starve(rig, left, large);
    const made = build(recipe);
    rig.send('mem0', made.bytes, made.vnet);
    const got = rig.frames('mem1');
    assert.equal(got.length, room);
    got.forEach(({ bytes }, n) => {
      const { payload } = parse(bytes);
      assert.deepEqual(payload, recipe.payload.slice(n * size, (n + 1) * size));
    });
    assert.equal(rig.drops('mem1', Drop.NOBUF), segments - room);
    assert.deepEqual(books(rig), { segmented: segments - 1, transmitted: room, dropped: segments - room });
    feed();
    cut(rig, recipe);
    assert.equal(rig.drops('mem1', Drop.NOBUF), segments - room);
  }
});

test('no slot for the copy of a flooded partial checksum: nobuf for who needs it', async () => {
  const rig = await Rig.bridge(2, 'mem1 -txcsum');
  const { bytes, vnet } = build(tcp4({ size: 0, payload: noise(100) }));
  const feed = starve(rig, 0, 0);
  rig.send('mem0', bytes, vnet);
  assert.deepEqual([rig.drops('mem1', Drop.NOBUF), rig.counts('mem1')[0]], [1, 0]);
  books(rig);
  feed();
  rig.send('mem0', bytes, vnet);
  parse((rig.frames('mem1')[0] as DeviceFrame).bytes);
});

test('a ring that is full drops what does not fit, and nothing is lost to the pool', async () => {
  const rig = await rigWith('-tso');
  const { cache } = rig.router.ctx;
  rig.router.memory.cache.collect();
  cache.collect();
  const free = cache.freeFrames + cache.freeSuperframes;
  const made = build(tcp4({ size: 500, payload: noise(60_000) }));
  for (let n = 0; n < 20; n++) rig.send('mem0', made.bytes, made.vnet);
  const got = rig.frames('mem1');
  assert.equal(got.length, 1024);
  assert.equal(rig.drops('mem1', Drop.QUEUE_FULL), 20 * 120 - 1024);
  assert.deepEqual(books(rig), { segmented: 20 * 119, transmitted: 1024, dropped: 20 * 120 - 1024 });
  cache.collect();
  assert.equal(cache.freeFrames + cache.freeSuperframes, free);
});

test('between two workers: a superframe is handed over whole and cut by the worker that owns the egress', async () => {
  const router = await Router.start({ workers: 2, kernelTaps: false, sizes: smallSizes(3), log: silent });
  try {
    const ifconfig = ifconfigOn(router);
    const ports = ['mem0', 'mem1', 'mem2', 'mem3'];
    await ifconfig('veb0 create up', ...ports.map((port) => `${port} create up`));
    await ifconfig('veb0 add mem0 add mem1 add mem2 add mem3', 'mem1 -tso', 'mem2 -txcsum');
    const owner = (port: string): number => router.memory.views.heap[ifRecord(router.table.get(port).index) + If.OWNER];
    assert.notEqual(owner('mem0'), owner('mem1'));
    const hosts = ports.map((port) => new MemoryHost(router.memory, router.table.get(port)));
    const got: DeviceFrame[][] = ports.map(() => []);
    const wait = (counts: readonly number[]): Promise<void> =>
      waitUntil(() => {
        hosts.forEach(
          (host, n) =>
            void (got[n] as DeviceFrame[]).push(...host.receive().map(({ bytes, vnet }) => ({ bytes, vnet }))),
        );
        return counts.every((count, n) => (got[n] as DeviceFrame[]).length >= count);
      }, `${counts} frames`);
    const take = (n: number): DeviceFrame[] => (got[n] as DeviceFrame[]).splice(0);

    // mem1 is where B is: one frame to it alone, and one to all.
    assert.ok(hosts[1]?.send(frame(BROADCAST, B)));
    await wait([1, 0, 1, 1]);
    for (let n = 0; n < 4; n++) take(n);
    let added = 0;
    for (const [, recipe] of KINDS) {
      const unicast = recipe({ dst: B, src: C });
      const pieces = Math.ceil(unicast.payload.length / (unicast.size as number));
      added += 3 * (pieces - 1);
      const made = build(unicast);
      assert.ok(hosts[0]?.send(made.bytes, made.vnet));
      await wait([0, pieces, 0, 0]);
      assertSegments(unicast, made, take(1));
      const flood = recipe({ src: C });
      const flooded = build(flood);
      assert.ok(hosts[0]?.send(flooded.bytes, flooded.vnet));
      await wait([0, pieces, pieces, 1]);
      assertSegments(flood, flooded, take(1));
      assertSegments(flood, flooded, take(2));
      assert.deepEqual(take(3), [{ bytes: flooded.bytes, vnet: flooded.vnet }]);
    }
    await waitUntil(() => router.books().errors.length === 0, 'the books balance');
    const { segmented, dropped } = router.books().totals;
    assert.deepEqual([segmented, dropped], [added, 0]);
  } finally {
    await router.stop();
  }
});
