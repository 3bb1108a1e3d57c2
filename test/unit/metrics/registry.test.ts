/**
 * The exposition over a source made by hand: formats, values, what is absent, one scrape for many (metrics/registry.ts).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { createMetrics } from '../../../metrics/registry.js';
import type { MetricsSource } from '../../../metrics/source.js';
import { readBooks } from '../../../src/shared/counter/books.js';
import { Drop } from '../../../src/shared/counter/drop-reason.js';
import { Lane, laneOf, Work, workLane } from '../../../src/shared/layout/counters.js';
import { If, IfFlag, ifRecord, Thread, threadBlock } from '../../../src/shared/layout/heap.js';
import { Ring } from '../../../src/shared/layout/rings.js';
import { RingProducer, ringInit } from '../../../src/shared/ring/ring.js';
import { smallViews } from '../support/small-views.js';

const OPEN_METRICS = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';

/** A source with tap0 and veb0 on two workers; `asked` counts how often it was read. */
function fakeSource(): { source: MetricsSource; asked: () => number } {
  const views = smallViews(3);
  const interfaces = [
    { index: 1, name: 'tap0', type: 'tap', device: true, rdomain: 0 },
    { index: 2, name: 'veb0', type: 'veb', device: false, rdomain: 0 },
  ];
  views.counters[laneOf(0, 1) + Lane.READ] = 7;
  views.counters[laneOf(1, 1) + Lane.READ] = 5;
  views.counters[laneOf(0, 1) + Lane.IPACKETS] = 9;
  views.counters[laneOf(0, 1) + Lane.DROPS + Drop.RUNT] = 3;
  views.counters[laneOf(1, 0) + Lane.DROPS + Drop.WORKER_LOST] = 2;
  views.counters[laneOf(1, 2) + Lane.LEARNED] = 4;
  views.counters[laneOf(1, 2) + Lane.CONSUMED] = 9;
  views.counters[workLane(3, 1) + Work.FRAMES] = 12;
  views.heap[ifRecord(1) + If.FLAGS] = IfFlag.UP | IfFlag.RUNNING;
  views.heap[threadBlock(0) + Thread.FREE_FRAMES] = 10;
  views.heap[threadBlock(1) + Thread.FREE_FRAMES] = 20;
  views.heap[threadBlock(0) + Thread.HEAP_KIB] = 9;
  views.heap[threadBlock(0) + Thread.HEARTBEAT] = 1500;
  views.heap[threadBlock(1) + Thread.HEARTBEAT] = 3001;
  ringInit(views.rings, 0, 4);
  const ring = new RingProducer(views.rings, 0);
  ring.pushList(Int32Array.of(1, 2, 3, 4, 5, 6), 6);
  ring.publish();
  assert.equal(views.rings[Ring.REFUSED], 2);
  let asked = 0;
  const source: MetricsSource = {
    views,
    workers: 2,
    interfaces: () => interfaces,
    logLost: () => 3,
    listeners: () => [{ listener: 'http', count: 1, most: 1024, refused: 0, ended: 0 }],
    captures: () => [
      {
        ...{ capture: 0, interface: 'veb0', type: 'EN10MB', to: '/var/log/veb0.pcap', files: 1 },
        ...{ received: 7, captured: 5, dropped: 2, written: 4, bytes: 400 },
      },
    ],
    vebs: () => [{ name: 'veb0', index: 2, addresses: 4, limit: 100 }],
    streams: () => ({
      tracked: [
        {
          ...{ interface: 'erspan0', source: '192.0.2.2', session: 5 },
          ...{ received: 9, lost: 2, reordered: 3, duplicate: 4, restarts: 1 },
        },
      ],
      untracked: 6,
    }),
    rings: () => [{ name: 'worker0-worker1', base: 0 }],
    smr: () => {
      asked++;
      return { epoch: 41, deferredObjects: 2, deferredBytes: 640, laggards: [] };
    },
    books: () => readBooks(views, interfaces, []),
    uptimeMs: () => 3000,
    replacements: () => 0,
    held: () => [
      { frames: 3, superframes: 64, unfinished: 1 },
      { frames: 0, superframes: 0, unfinished: 0 },
    ],
    leaks: () => ({ memory: 2, frames: 0 }),
    ready: () => true,
    mainFree: () => ({ frames: 5, superframes: 6 }),
    sids: () => [{ rdomain: 0, prefix: 'fc00:12:100::6004/128', packets: 3, bytes: 444, errors: 1 }],
  };
  return { source, asked: () => asked };
}

/** Values by metric name and labels. */
async function values(accept = ''): Promise<Map<string, number>> {
  const { body } = await createMetrics(fakeSource().source).scrape(accept);
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

test('text by default, OpenMetrics where it is asked for', async () => {
  const metrics = createMetrics(fakeSource().source);
  for (const accept of ['', '*/*', 'text/plain; version=0.0.4']) {
    const { contentType, body } = await metrics.scrape(accept);
    assert.match(contentType, /^text\/plain; *version=0\.0\.4/);
    assert.match(body, /^# TYPE smrouter_interface_read_frames_total counter$/m);
    assert.doesNotMatch(body, /# EOF/);
  }
  const { contentType, body } = await metrics.scrape(OPEN_METRICS);
  assert.match(contentType, /^application\/openmetrics-text; *version=1\.0\.0/);
  assert.match(body, /^# TYPE smrouter_interface_read_frames counter$/m);
  assert.match(body, /^smrouter_interface_read_frames_total\{interface="tap0"\} 12$/m);
  assert.ok(body.endsWith('# EOF\n'));
});

for (const [metric, value] of [
  ['smrouter_interface_read_frames_total{interface="tap0"}', 12],
  ['smrouter_interface_receive_packets_total{interface="tap0"}', 9],
  ['smrouter_interface_read_frames_total{interface="veb0"}', 0],
  ['smrouter_interface_up{interface="tap0"}', 1],
  ['smrouter_interface_up{interface="veb0"}', 0],
  ['smrouter_interface_info{interface="tap0",type="tap",rdomain="0"}', 1],
  ['smrouter_drops_total{interface="tap0",reason="runt"}', 3],
  ['smrouter_drops_total{interface="(gone)",reason="worker-lost"}', 2],
  ['smrouter_veb_addresses{veb="veb0"}', 4],
  ['smrouter_veb_addresses_limit{veb="veb0"}', 100],
  ['smrouter_veb_learned_total{veb="veb0"}', 4],
  ['smrouter_srv6_sid_packets_total{sid="fc00:12:100::6004/128",rdomain="0"}', 3],
  ['smrouter_srv6_sid_bytes_total{sid="fc00:12:100::6004/128",rdomain="0"}', 444],
  ['smrouter_srv6_sid_errors_total{sid="fc00:12:100::6004/128",rdomain="0"}', 1],
  ['smrouter_worker_frames_total{worker="0"}', 0],
  ['smrouter_worker_frames_total{worker="1"}', 12],
  ['smrouter_worker_last_announce_seconds{worker="0"}', 1.5],
  ['smrouter_worker_last_announce_seconds{worker="1"}', 0],
  ['smrouter_worker_heap_bytes{worker="0"}', 9216],
  ['smrouter_worker_held{worker="0",what="superframes"}', 64],
  ['smrouter_worker_held{worker="0",what="unfinished"}', 1],
  ['smrouter_worker_leaks_total{what="memory"}', 2],
  ['smrouter_worker_leaks_total{what="frames"}', 0],
  ['smrouter_frames_free{pool="frames"}', 35],
  ['smrouter_frames_free{pool="superframes"}', 6],
  ['smrouter_ring_occupancy{ring="worker0-worker1"}', 4],
  ['smrouter_ring_refused_total{ring="worker0-worker1"}', 2],
  ['smrouter_books_received_total', 12],
  ['smrouter_books_consumed_total', 9],
  ['smrouter_books_dropped_total', 5],
  ['smrouter_books_held', 0],
  ['smrouter_smr_epoch', 41],
  ['smrouter_smr_deferred_objects', 2],
  ['smrouter_smr_deferred_bytes', 640],
] as const) {
  test(`${metric} is ${value}`, async () => {
    assert.equal((await values()).get(metric), value);
  });
}

test('a scrape does not add to the one before', async () => {
  const { source } = fakeSource();
  const one = createMetrics(source);
  await one.scrape('');
  const [text, open] = await Promise.all([one.scrape(''), one.scrape(OPEN_METRICS)]);
  for (const { body } of [text, open]) assert.match(body, /^smrouter_drops_total\{.*reason="runt".*\} 3$/m);
});

test('reasons that never occurred are absent', async () => {
  const drops = [...(await values()).keys()].filter((key) => key.startsWith('smrouter_drops_total'));
  assert.deepEqual(drops, [
    'smrouter_drops_total{interface="tap0",reason="runt"}',
    'smrouter_drops_total{interface="(gone)",reason="worker-lost"}',
  ]);
});

test('scrapes at once share one collection, each format its own', async () => {
  const { source, asked } = fakeSource();
  const metrics = createMetrics(source);
  const before = asked();
  await metrics.scrape('');
  const each = asked() - before;
  assert.ok(each > 0);
  const many = createMetrics(source);
  const start = asked();
  const scrapes = await Promise.all(Array.from({ length: 100 }, () => many.scrape('')));
  assert.equal(asked() - start, each);
  assert.equal(new Set(scrapes.map(({ body }) => body)).size, 1);
  await many.scrape(OPEN_METRICS);
  assert.equal(asked() - start, 2 * each);
});

test('grace periods are counted in seconds', async () => {
  const metrics = createMetrics(fakeSource().source);
  metrics.onGrace(0.002);
  metrics.onGrace(0.2);
  const { body } = await metrics.scrape('');
  assert.match(body, /^smrouter_smr_grace_seconds_count 2$/m);
  assert.match(body, /^smrouter_smr_grace_seconds_bucket\{le="0\.005"\} 1$/m);
});

test('every metric of ours is in metrics/README.md, and no other', () => {
  const readme = readFileSync(new URL('../../../../metrics/README.md', import.meta.url), 'utf8');
  const names = createMetrics(fakeSource().source)
    .names()
    .filter((name) => name.startsWith('smrouter_'));
  assert.ok(names.length > 30);
  for (const name of names) assert.ok(readme.includes(`\`${name}\``), `${name} is not described`);
  const known = new Set(names);
  for (const [, name] of readme.matchAll(/`(smrouter_[a-z_]+)`/g))
    assert.ok(known.has(name as string), `${name} is gone`);
});
