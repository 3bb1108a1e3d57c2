/**
 * What scraping costs: a hundred interfaces are all there, and a thousand scrapers at once cost one collection.
 *
 * Times are printed and never asserted; collections are counted by how often the source was asked for its books.
 */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { createMetrics } from '../../../metrics/registry.js';
import { listenHttp } from '../../../src/main/api/http.js';
import { DROP_REASONS } from '../../../src/shared/counter/drop-reason.js';
import { type CountedSource, countedSource, samples } from '../../support/prometheus.js';

const INTERFACES = 100;
const SCRAPERS = 1000;
const SOCKETS = 50;
const OPEN_METRICS = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';
/** Longer than an answer is kept. */
const LATER_MS = 1000;

/** How often one collection asks for the books. */
async function booksOfOne(): Promise<number> {
  const { source, booked } = countedSource(2);
  await createMetrics(source).scrape('');
  assert.ok(booked() > 0);
  return booked();
}

/** The metrics of `counted` behind HTTP, and a client of `SOCKETS` sockets that stay open; both gone with the test. */
async function serve(t: TestContext, counted: CountedSource): Promise<(accept: string) => Promise<string>> {
  const server = await listenHttp('127.0.0.1', 0, {
    metrics: createMetrics(counted.source),
    readiness: () => ({ ready: true }),
    status: () => assert.fail('nobody asks for it'),
  });
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  t.after(async () => {
    agent.destroy();
    await server.close();
  });
  const { port } = server.server.address() as AddressInfo;
  return (accept) =>
    new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port, path: '/metrics', agent, headers: { accept } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString());
          else reject(new Error(`status ${response.statusCode}`));
        });
      });
      call.on('error', reject).end();
    });
}

/** Stops `performance.now` for the test; the function returned moves it on by some milliseconds. */
function stoppedClock(t: TestContext): (ms: number) => void {
  let now = performance.now();
  t.mock.method(performance, 'now', () => now);
  return (ms) => {
    now += ms;
  };
}

for (const accept of ['text/plain', OPEN_METRICS]) {
  test(`${INTERFACES} interfaces, each with everything, as ${accept.split(';')[0]}`, async (t) => {
    const { source, names } = countedSource(INTERFACES);
    const metrics = createMetrics(source);
    const start = performance.now();
    const { body } = await metrics.scrape(accept);
    const first = performance.now() - start;
    const all = samples(body);
    const of = (name: string): string[] =>
      all.filter((sample) => sample.name === name).map(({ labels }) => labels.get('interface') as string);
    const families = new Set(all.map(({ name }) => name).filter((name) => name.startsWith('smrouter_interface_')));
    assert.equal(families.size, 12);
    for (const name of families) assert.deepEqual(of(name), names, name);
    const drops = all.filter((sample) => sample.name === 'smrouter_drops_total');
    assert.equal(drops.length, INTERFACES * DROP_REASONS.length);
    assert.equal(new Set(drops.map(({ labels }) => [...labels.values()].join())).size, drops.length);
    t.diagnostic(`${INTERFACES} interfaces: ${all.length} samples, ${body.length} bytes, first ${first.toFixed(1)} ms`);
  });
}

test('the time of a collection, printed', async (t) => {
  const forward = stoppedClock(t);
  const metrics = createMetrics(countedSource(INTERFACES).source);
  const times: number[] = [];
  for (let n = 0; n < 20; n++) {
    forward(LATER_MS);
    const start = process.hrtime.bigint();
    assert.ok((await metrics.scrape('')).body.length > 0);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  times.sort((a, b) => a - b);
  t.diagnostic(`${INTERFACES} interfaces: median ${times[10].toFixed(1)} ms, most ${times[19].toFixed(1)} ms`);
});

test(`${SCRAPERS} scrapers within the life of an answer cost one collection`, async (t) => {
  const one = await booksOfOne();
  const counted = countedSource(INTERFACES);
  const scrape = await serve(t, counted);
  const forward = stoppedClock(t);
  const bodies = await Promise.all(Array.from({ length: SCRAPERS }, () => scrape('')));
  assert.equal(counted.booked(), one);
  assert.equal(new Set(bodies).size, 1);
  assert.equal(samples(bodies[0]).filter(({ name }) => name === 'smrouter_interface_up').length, INTERFACES);
  // Later it is collected anew, again once.
  forward(LATER_MS);
  await Promise.all(Array.from({ length: SOCKETS }, () => scrape('')));
  assert.equal(counted.booked(), 2 * one);
});

test('both formats at once cost one collection each', async (t) => {
  const one = await booksOfOne();
  const counted = countedSource(10);
  const scrape = await serve(t, counted);
  stoppedClock(t);
  const asked = Array.from({ length: 200 }, (_, n) => scrape(n % 2 === 0 ? 'text/plain' : OPEN_METRICS));
  const bodies = new Set(await Promise.all(asked));
  assert.equal(bodies.size, 2);
  assert.equal(counted.booked(), 2 * one);
});

test(`${SCRAPERS} scrapers by a running clock cost no more than one for each life of an answer`, async (t) => {
  const one = await booksOfOne();
  const counted = countedSource(10);
  const scrape = await serve(t, counted);
  const start = performance.now();
  await Promise.all(Array.from({ length: SCRAPERS }, () => scrape('')));
  const took = performance.now() - start;
  const collections = counted.booked() / one;
  assert.ok(collections <= 1 + took / 200, `${collections} collections in ${took} ms`);
  t.diagnostic(`${SCRAPERS} scrapes on ${SOCKETS} sockets: ${took.toFixed(0)} ms, ${collections} collections`);
});

test('text keeps its names after OpenMetrics was asked for, and the other way round', async (t) => {
  const forward = stoppedClock(t);
  const metrics = createMetrics(countedSource(2).source);
  const names = async (accept: string): Promise<string[]> => {
    forward(LATER_MS);
    const { body } = await metrics.scrape(accept);
    return [...new Set(samples(body).map(({ name }) => name))].filter((name) => name.startsWith('smrouter_'));
  };
  const text = await names('');
  assert.ok(text.includes('smrouter_drops_total'));
  assert.deepEqual(await names(OPEN_METRICS), text);
  assert.deepEqual(await names(''), text);
  assert.deepEqual(await names(OPEN_METRICS), text);
});
