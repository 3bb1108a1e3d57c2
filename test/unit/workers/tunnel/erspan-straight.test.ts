/**
 * ERSPAN's short way out (workers/tunnel/erspan-straight.ts): what leaves by it is what the long way makes of the same frames, in the same order
 * and with the same numbers. A capture closes the short way of one of two routers that are alike else.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meta } from '../../../../src/shared/layout/packet.js';
import { CaptureBench } from '../../../support/captures.js';
import { ErspanRig, mirrored, PEER, PEER6, US, US6 } from '../../../support/erspan.js';
import { hex, readIpv4 } from '../../../support/naive-ip.js';
import { seeded } from '../../../support/stress.js';

const BURST = 64;
const PORTS = ['ifconfig mem0 lladdr 02:00:00:00:00:77', 'ifconfig mem1 create up', 'ifconfig mem2 create up'];

/** A frame to a port, with a priority, and how much further on than usual it begins. */
interface Sent {
  readonly bytes: Uint8Array;
  readonly priority: number;
  readonly shift: number;
}

class Way {
  readonly rig: ErspanRig;
  private readonly bench: CaptureBench;
  private readonly captured: readonly string[];
  /** Frames put on the worker's list. */
  deferred = 0;

  private constructor(rig: ErspanRig, captured: readonly string[]) {
    this.rig = rig;
    this.captured = captured;
    this.bench = new CaptureBench(rig.router);
    for (const name of captured) this.bench.attach(name);
    const { workList } = rig.router.ctx;
    const defer = workList.defer.bind(workList);
    workList.defer = (...args) => {
      this.deferred++;
      defer(...args);
    };
  }

  /** Its frames enter by mem1 and mem2; with `captured`, captures look at those interfaces. */
  static async start(lines: readonly string[], captured: readonly string[] = []): Promise<Way> {
    const rig = await ErspanRig.start(...PORTS, ...lines);
    return new Way(rig, captured);
  }

  /** All of a burst, and what came of it: frames from mem0 as text, without identifications. */
  send(burst: readonly Sent[]): string[] {
    const { memory, loop } = this.rig.router;
    const { views, cache } = memory;
    const take = cache.takeFrame.bind(cache);
    for (const { bytes, priority, shift } of burst) {
      let slot = -1;
      cache.takeFrame = () => {
        slot = take();
        return slot;
      };
      assert.ok(this.rig.host('mem1').send(bytes, undefined, priority));
      cache.takeFrame = take;
      const m = slot << Meta.SHIFT;
      views.u8.copyWithin(views.meta[m] + shift, views.meta[m], views.meta[m] + bytes.length);
      views.meta[m + Meta.OFFSET] += shift;
    }
    while (loop.pollMemoryPorts() !== 0);
    assert.deepEqual(this.rig.router.books().errors, []);
    if (this.captured.length !== 0) this.bench.drain();
    return this.rig.sent('mem0').map((frame) => {
      if (frame[12] === 0x08) {
        readIpv4(frame.slice(14)); // its checksum is right
        frame.fill(0, 18, 20);
        frame.fill(0, 24, 26);
      }
      return brief(frame);
    });
  }
}

/** A frame's headers, and what tells the rest apart. */
function brief(frame: Uint8Array): string {
  return `${Buffer.from(frame.slice(0, 90)).toString('hex')} ${frame.length} ${frame.at(-1)}`;
}

/** A frame like others, or with a tag, a length, a priority or a place of its own. */
function randomFrame(random: (below: number) => number, odd: boolean): Sent {
  const bytes = mirrored(random(256), 60 + random(odd ? 1500 : 1000));
  const tag = random(6);
  if (tag === 0) bytes.set(hex(`8100 ${(0x2000 | random(4096)).toString(16)} 88b5`), 12);
  if (tag === 1) bytes.set(hex('88a8 0021 8100 0022'), 12);
  return { bytes, priority: random(8), shift: odd && random(12) === 0 ? 2 : 0 };
}

const WAYS: readonly [string, readonly string[]][] = [
  ['IPv4', [`ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 5 up`]],
  ['IPv6', [`ifconfig erspan0 create tunnel ${US6} ${PEER6} vnetid 1023 tunnelttl 3 up`]],
  ['IPv4, DF, a priority, link0', [`ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 5 tunneldf txprio 6 link0 up`]],
  ['IPv6, a priority, link0', [`ifconfig erspan0 create tunnel ${US6} ${PEER6} vnetid 0 txprio 7 link0 up`]],
];

for (const [title, lines] of WAYS) {
  test(`over ${title}: as the long way does it`, async () => {
    const span = ['ifconfig veb0 create add mem1 add mem2 addspan erspan0 link2 up'];
    const short = await Way.start([...lines, ...span]);
    const long = await Way.start([...lines, ...span], ['erspan0']);
    const random = seeded(0xe5a);
    for (let round = 0; round < 40; round++) {
      const burst = Array.from({ length: 1 + random(BURST) }, () => randomFrame(random, round % 2 === 1));
      const before = short.deferred;
      const [ours, theirs] = [short.send(burst), long.send(burst)];
      assert.deepEqual(ours, theirs, `round ${round}`);
      if (round % 2 === 0) assert.equal(short.deferred, before, 'all by the short way');
      const originals = short.rig.sent('mem2').map(brief);
      assert.deepEqual(originals, long.rig.sent('mem2').map(brief));
    }
    const counts = (way: Way): number[][] => ['erspan0', 'veb0', 'mem0', 'mem2'].map((name) => way.rig.counts(name));
    assert.deepEqual(counts(short), counts(long));
    assert.deepEqual(short.rig.drops(), long.rig.drops());
    assert.ok(long.deferred > short.deferred && short.deferred !== 0);
  });
}

test('two span ports send the same frames, each with its own headers, and the bridge sends them without', async () => {
  const lines = [
    `ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 5 up`,
    `ifconfig erspan1 create tunnel ${US6} ${PEER6} vnetid 6 up`,
    'ifconfig veb0 create add mem1 add mem2 addspan erspan0 addspan erspan1 up',
  ];
  const short = await Way.start(lines);
  const long = await Way.start(lines, ['erspan0', 'erspan1']);
  const random = seeded(0xe5b);
  for (let round = 0; round < 10; round++) {
    const burst = Array.from({ length: 1 + random(BURST) }, () => randomFrame(random, false));
    assert.deepEqual(short.send(burst).sort(), long.send(burst).sort());
    const originals = short.rig.sent('mem2').map(brief);
    assert.deepEqual(originals, long.rig.sent('mem2').map(brief));
    assert.deepEqual(
      originals,
      burst.filter(({ bytes }) => bytes[12] === 0x88 && bytes[13] === 0xb5).map(({ bytes }) => brief(bytes)),
    );
  }
  assert.equal(short.deferred, 0);
});

test('the short way is closed to who has no neighbour, no session or no leave, and to type I', async () => {
  const span = ['ifconfig veb0 create add mem1 add mem2 addspan erspan0 up'];
  const one: Sent = { bytes: mirrored(), priority: 3, shift: 0 };
  for (const [words, reason] of [
    ['tunnel 192.0.2.1 192.0.2.99 vnetid 5', {}],
    [`tunnel ${US} ${PEER} link1`, {}],
    [`tunneladdr ${US} vnetid 5`, { 'erspan0 no-remote': 1 }],
    [`tunnel ${US} 198.51.100.1 vnetid 5`, { 'erspan0 no-route': 1 }],
  ] as const) {
    const way = await Way.start([`ifconfig erspan0 create ${words} up`, ...span]);
    way.send([one]);
    assert.equal(way.deferred, 1, words);
    assert.deepEqual(way.rig.drops(), reason);
  }
});
