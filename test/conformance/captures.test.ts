/**
 * Matrix A, captures on bridges and their ports (spec A §8), in this thread: exact bytes, exact counters, balanced books.
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Op } from '../../src/shared/bpf/instruction.js';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { recordWords } from '../../src/shared/layout/capture.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { CaptureBench } from '../support/captures.js';
import { A, B, BROADCAST, frame, Rig } from '../support/rig.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
/** Keeps `keep` bytes of a frame whose ethertype is `type`, and nothing of others. */
const typeIs = (type: number, keep = 262_144): Uint32Array =>
  Uint32Array.of(Op.LD_H_ABS, 0, 0, 12, Op.JEQ_K, 0, 1, type, Op.RET_K, 0, 0, keep, Op.RET_K, 0, 0, 0);

let rig: Rig;
let bench: CaptureBench;

/** A bridge of `ports` ports, and `lines` of further words. */
async function bridge(ports: number, ...lines: string[]): Promise<void> {
  rig = await Rig.bridge(ports, ...lines);
  bench = new CaptureBench(rig.router);
}

/** Whatever a row did, every frame is accounted for. */
afterEach(() => assert.deepEqual(rig.bookErrors(), []));

test('A11 a capture of the bridge that excludes a direction still sees what enters it', async () => {
  await bridge(2);
  const captures = (['in', 'out'] as const).map((direction) => bench.attach('veb0', { direction }));
  const sent = frame(B, A, { mark: 7 });
  rig.send('mem0', sent);
  for (const capture of captures) assert.deepEqual(bench.brief(capture), [`veb0  ${hex(sent)}`]);
  assert.deepEqual(rig.counts('mem1'), [1]);
});

for (const [row, fildrop, records] of [
  ['A12 fildrop capture: captured', 'capture', 1],
  ['A13 fildrop drop: not captured', 'drop', 0],
] as const) {
  test(`${row}, counted, not spanned, not learned, not forwarded`, async () => {
    await bridge(2, 'mem2 create up', 'veb0 addspan mem2');
    const capture = bench.attach('veb0', { fildrop, program: typeIs(0x88b5) });
    rig.burst('mem0', [frame(BROADCAST, A), frame(BROADCAST, B, { type: 0x88b6 }), frame(BROADCAST, A)]);
    assert.equal(bench.take(capture).length, 2 * records);
    assert.deepEqual(bench.counts(capture), { received: 3, captured: 2 * records, dropped: 0 });
    assert.equal(rig.counter('veb0', Lane.IPACKETS), 3);
    assert.deepEqual(rig.addresses(), [`${B} mem0`], 'only the frame that did not match');
    assert.deepEqual(rig.counts('mem1', 'mem2'), [1, 1]);
    assert.equal(rig.drops('mem0', Drop.FILDROP), 2);
  });
}

test('A8 what is given back to its port is captured there, and not on the bridge', async () => {
  await bridge(2);
  const [veb, port] = [bench.attach('veb0'), bench.attach('mem0')];
  const [reserved, other] = [frame('01:80:c2:00:00:0e', A), frame(BROADCAST, A, { mark: 2 })];
  rig.burst('mem0', [reserved, other]);
  assert.deepEqual(bench.brief(veb), [`veb0  ${hex(other)}`]);
  assert.deepEqual(bench.brief(port), [`mem0 in ${hex(reserved)}`, `mem0 in ${hex(other)}`]);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 1);
});

test('several captures of one interface: each its own filter, length and counts, and one that drops hides nothing from the next', async () => {
  await bridge(2);
  const all = bench.attach('veb0');
  const drops = bench.attach('veb0', { fildrop: 'drop', program: typeIs(0x88b6) });
  const short = bench.attach('veb0', { snap: 20 });
  const ours = bench.attach('veb0', { program: typeIs(0x88b6, 16), snap: 64 });
  const [one, two] = [frame(B, A, { mark: 1 }), frame(B, A, { mark: 2, type: 0x88b6 })];
  rig.burst('mem0', [one, two]);
  assert.deepEqual(bench.brief(all), [`veb0  ${hex(one)}`, `veb0  ${hex(two)}`]);
  assert.deepEqual(bench.brief(drops), []);
  assert.deepEqual(bench.brief(short), [`veb0  ${hex(one).slice(0, 40)}`, `veb0  ${hex(two).slice(0, 40)}`]);
  assert.deepEqual(bench.brief(ours), [`veb0  ${hex(two).slice(0, 32)}`]);
  assert.deepEqual(rig.frames('mem1').length, 1);
  await rig.router.captures.detach(short);
  rig.send('mem0', one);
  assert.deepEqual([bench.take(all).length, bench.take(short).length], [1, 0]);
});

test('a port shows what it receives, before its bridge, and what it sends; each capture wants the direction it asks for', async () => {
  await bridge(2, 'veb0 rule block in on mem0 src 02:00:00:00:00:0b');
  const [rx, tx, both, in1] = [
    bench.attach('mem0'),
    bench.attach('mem1', { direction: 'out' }),
    bench.attach('mem1'),
    bench.attach('mem1', { direction: 'in' }),
  ];
  const [one, two, back] = [frame(B, A), frame(A, B), frame(A, B, { mark: 3 })];
  rig.burst('mem0', [one, two]);
  assert.deepEqual(bench.brief(rx), [`mem0 in ${hex(one)}`, `mem0 in ${hex(two)}`], 'the blocked one too');
  assert.deepEqual(bench.brief(tx), [`mem1 out ${hex(one)}`]);
  rig.send('mem1', back);
  assert.deepEqual(bench.brief(both), [`mem1 out ${hex(one)}`, `mem1 in ${hex(back)}`]);
  assert.deepEqual(bench.brief(tx), []);
  assert.deepEqual(bench.brief(in1), [`mem1 in ${hex(back)}`]);
  assert.deepEqual(bench.brief(rx), [`mem0 out ${hex(back)}`]);
  assert.deepEqual(bench.counts(tx), { received: 2, captured: 1, dropped: 0 }, 'counted before the direction filter');
});

test('a verdict is honoured on what a device received, and ignored on what it sends', async () => {
  await bridge(2);
  const capture = bench.attach('mem0', { fildrop: 'capture', program: typeIs(0x88b6) });
  const frames = [1, 2, 3, 4].map((mark) => frame(B, A, { mark, type: mark % 2 === 0 ? 0x88b6 : 0x88b5 }));
  rig.burst('mem0', frames);
  assert.deepEqual(
    rig.frames('mem1').map((f) => hex(f.bytes)),
    [frames[0], frames[2]].map((f) => hex(f as Uint8Array)),
  );
  assert.equal(rig.drops('mem0', Drop.FILDROP), 2);
  assert.equal(rig.counter('mem0', Lane.IPACKETS), 4);
  assert.deepEqual([rig.counter('veb0', Lane.IPACKETS), rig.counter('veb0', Lane.IBYTES)], [2, 120]);
  rig.send('mem1', frame(A, B, { type: 0x88b6 }));
  assert.equal(rig.counts('mem0')[0], 1);
  assert.equal(bench.take(capture).length, 3);
});

test('a frame that is flooded to several ports is shown on each, once', async () => {
  await bridge(3, 'mem3 create up', 'veb0 addspan mem3');
  const captures = ['mem0', 'mem1', 'mem2', 'mem3', 'veb0'].map((name) => bench.attach(name));
  const sent = frame(BROADCAST, A);
  rig.send('mem0', sent);
  const seen = captures.flatMap((capture) => bench.brief(capture));
  assert.deepEqual(
    seen,
    ['mem0 in', 'mem1 out', 'mem2 out', 'mem3 out', 'veb0 '].map((where) => `${where} ${hex(sent)}`),
  );
});

test('A110 a port with the monitor flag is counted and captured, and its frames end there', async () => {
  await bridge(2, 'mem0 monitor');
  const capture = bench.attach('mem0');
  rig.send('mem0', frame(BROADCAST, A));
  assert.equal(bench.take(capture).length, 1);
  assert.deepEqual([rig.counter('mem0', Lane.IPACKETS), rig.counter('veb0', Lane.IPACKETS)], [1, 0]);
  assert.deepEqual(rig.counts('mem1'), [0]);
  assert.equal(rig.counter('mem0', Lane.CONSUMED), 1);
  await rig.ifconfig('mem0 -monitor');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem1'), [1]);
});

test('A130 received counts packets that do not match; both counts are 0 after attach, flush, another type, another filter', async () => {
  await bridge(2);
  const capture = bench.attach('mem0', { program: typeIs(0x88b5) });
  const zero = { received: 0, captured: 0, dropped: 0 };
  assert.deepEqual(bench.counts(capture), zero);
  const pair = [frame(B, A), frame(B, A, { type: 0x88b6 })];
  rig.burst('mem0', pair);
  assert.deepEqual(bench.counts(capture), { received: 2, captured: 1, dropped: 0 });
  rig.router.captures.setFilter(capture, typeIs(0x88b6), true);
  assert.deepEqual(bench.counts(capture), zero);
  bench.drain();
  rig.burst('mem0', pair);
  assert.deepEqual(bench.counts(capture), { received: 2, captured: 1, dropped: 0 });
  rig.router.captures.setFilter(capture, undefined, false);
  rig.burst('mem0', pair);
  assert.deepEqual(bench.counts(capture), { received: 4, captured: 3, dropped: 0 });
  rig.router.captures.reset(capture);
  assert.deepEqual(bench.counts(capture), zero);
  await rig.router.captures.detach(capture);
  assert.deepEqual(bench.counts(bench.attach('mem0')), zero, 'another type is another capture');
});

test('A131 a full ring: matching packets are counted as dropped, the pipeline goes on, and after a read the next one is stored', async () => {
  await bridge(2);
  const capture = bench.attach('mem0', { program: typeIs(0x88b5) });
  const big = frame(B, A, { length: 1514 });
  const capacity = rig.router.memory.views.sizes.captureBytes;
  const fits = Math.floor(capacity / (4 * recordWords(1514)));
  let sent = 0;
  for (; sent < fits + 50; sent += 50) {
    rig.burst(
      'mem0',
      Array.from({ length: 50 }, () => big),
    );
    assert.deepEqual(rig.counts('mem1'), [50]);
  }
  const full = bench.counts(capture);
  assert.equal(full.received, sent);
  assert.equal(full.captured + full.dropped, sent);
  assert.ok(full.dropped > 0 && fits - full.captured <= 1, `${full.captured} of ${fits}`);
  rig.send('mem0', frame(B, A, { length: 1514, type: 0x88b6 }));
  assert.equal(bench.counts(capture).dropped, full.dropped, 'what does not match is not lost');
  assert.equal(bench.take(capture).length, full.captured);
  rig.send('mem0', big);
  assert.deepEqual(bench.brief(capture), [`mem0 in ${hex(big)}`]);
});

test('A132 a snap length of 64: 64 bytes captured of 1500', async () => {
  await bridge(2);
  const capture = bench.attach('mem0', { snap: 64 });
  const sent = frame(B, A, { length: 1500 });
  rig.send('mem0', sent);
  const [one] = bench.take(capture);
  assert.deepEqual([one?.bytes, one?.length], [hex(sent).slice(0, 128), 1500]);
});

test('a packet carries the time at which its burst was dealt with, to within a second, in nanoseconds', async () => {
  await bridge(2);
  const capture = bench.attach('mem0');
  const before = Date.now();
  rig.send('mem0', frame(B, A));
  const [one] = bench.take(capture);
  assert.ok(one !== undefined && one.nanoseconds >= 0 && one.nanoseconds < 1e9);
  const ms = one.seconds * 1000 + one.nanoseconds / 1e6;
  assert.ok(ms > before - 100 && ms < Date.now() + 100, `${ms - before} ms off`);
});

test('an interface that leaves takes its captures along, and says so', async () => {
  await bridge(2);
  await rig.router.grace();
  const words = rig.router.memory.heap.usedWords;
  let gone = 0;
  const live = rig.router.table.get('mem0');
  const spec = { snap: 64, fildrop: 'pass', program: typeIs(0x88b5) } as const;
  const capture = rig.router.captures.attach(live, spec, () => gone++);
  rig.send('mem0', frame(B, A));
  await rig.ifconfig('mem0 destroy');
  assert.equal(gone, 1);
  assert.deepEqual(await rig.router.captures.detach(capture), { received: 1, captured: 1, dropped: 0 });
  assert.throws(() => bench.counts(capture), { code: 'ENXIO' });
  await rig.router.grace();
  await rig.ifconfig('mem0 create up', 'veb0 add mem0');
  await rig.router.grace();
  assert.equal(rig.router.memory.heap.usedWords, words, 'nothing of it is left');
});

test('link types: those of the interface, else EINVAL; 64 captures, else EMFILE; a number is free again after a grace period', async () => {
  await bridge(1, 'rport0 create', 'lo5 create');
  for (const [name, link] of [
    ['veb0', 'LOOP'],
    ['mem0', 'RAW'],
    ['rport0', 'EN10MB'],
    ['rport0', 'RAW'],
    ['lo5', 'EN10MB'],
  ] as const) {
    assert.throws(() => bench.attach(name, { link }), { code: 'EINVAL' }, `${name} ${link}`);
  }
  assert.equal(bench.attach('rport0').link, 'LOOP');
  assert.equal(bench.attach('veb0').link, 'EN10MB');
  const many = Array.from({ length: 62 }, () => bench.attach('mem0'));
  assert.throws(() => bench.attach('mem0'), { code: 'EMFILE' });
  const ids = new Set(many.map((c) => c.id & 0xffff));
  assert.equal(ids.size, 62);
  await rig.router.captures.detach(many[0] as (typeof many)[0]);
  const again = bench.attach('mem0');
  assert.equal(again.id & 0xffff, (many[0]?.id ?? 0) & 0xffff);
  assert.notEqual(again.id, many[0]?.id);
});
