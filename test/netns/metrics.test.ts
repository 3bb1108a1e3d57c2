/**
 * /metrics, /healthz and /readyz of a running daemon.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { Lan } from '../support/hosts.js';
import { until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

/** Names of the outside contract, with their labels. */
const CONTRACT: readonly (readonly [string, string])[] = [
  ['smrouter_interface_receive_packets_total', 'interface'],
  ['smrouter_interface_receive_bytes_total', 'interface'],
  ['smrouter_interface_transmit_packets_total', 'interface'],
  ['smrouter_interface_transmit_bytes_total', 'interface'],
  ['smrouter_interface_up', 'interface'],
  ['smrouter_interface_info', 'interface,type,rdomain'],
  ['smrouter_drops_total', 'interface,reason'],
  ['smrouter_veb_addresses', 'veb'],
  ['smrouter_veb_addresses_limit', 'veb'],
  ['smrouter_veb_moves_total', 'veb'],
  ['smrouter_worker_bursts_total', 'worker'],
  ['smrouter_worker_frames_total', 'worker'],
  ['smrouter_worker_busy_seconds_total', 'worker'],
  ['smrouter_worker_last_announce_seconds', 'worker'],
  ['smrouter_smr_epoch', ''],
  ['smrouter_smr_deferred_objects', ''],
  ['smrouter_smr_deferred_bytes', ''],
  ['smrouter_smr_grace_seconds_bucket', 'le'],
  ['smrouter_ring_occupancy', 'ring'],
  ['smrouter_ring_refused_total', 'ring'],
  ['smrouter_frames_free', 'pool'],
  ['smrouter_books_received_total', ''],
  ['smrouter_books_transmitted_total', ''],
];

interface Counted {
  name: string;
  type: string;
  counters: { ipackets: number; ibytes: number; opackets: number; obytes: number };
}

describe('HTTP of a daemon with a hundred interfaces', () => {
  let daemon: Daemon;
  const get = (path: string, accept = '*/*') => fetch(`${daemon.origin}${path}`, { headers: { accept } });

  before(async () => {
    const ports = Array.from({ length: 99 }, (_, n) => `mem${n}`);
    daemon = await Daemon.start({
      workers: 2,
      config: [
        ...ports.map((name, n) => `ifconfig ${name} create${n === 98 ? '' : ' up'}`),
        `ifconfig veb0 create up ${ports.map((name) => `add ${name}`).join(' ')}`,
      ],
    });
  });
  after(() => daemon?.stop());

  it('/healthz and /readyz answer 200, what is not there 404, what writes is refused', async () => {
    assert.equal((await get('/healthz')).status, 200);
    const ready = await get('/readyz');
    assert.deepEqual([ready.status, await ready.json()], [200, { ready: true }]);
    assert.equal((await get('/nothing')).status, 404);
    const post = await fetch(`${daemon.origin}/command`, { method: 'POST', body: '{"words":["shutdown"]}' });
    assert.equal(post.status, 404);
  });

  it('every name of the contract has its labels', async () => {
    const text = await (await get('/metrics')).text();
    for (const [name, labels] of CONTRACT) {
      const type = new RegExp(`^# TYPE ${name.replace(/_bucket$/, '')} (counter|gauge|histogram)$`, 'm').exec(text);
      assert.ok(type, `${name} is not announced`);
      if (name.endsWith('_total')) assert.equal(type[1], 'counter', name);
      if (name === 'smrouter_drops_total') continue; // nothing has been dropped yet
      const sample = new RegExp(`^${name}(?:\\{([^}]*)\\})? `, 'm').exec(text);
      assert.ok(sample, `${name} has no sample`);
      const has = [...(sample[1] ?? '').matchAll(/(\w+)="/g)].map((m) => m[1]).join();
      assert.equal(has, labels, name);
    }
  });

  it('all interfaces are there, with their state and type', async () => {
    const metrics = await daemon.metrics();
    for (let n = 0; n < 99; n++) {
      assert.equal(metrics.get(`smrouter_interface_up{interface="mem${n}"}`), n === 98 ? 0 : 1);
      assert.equal(metrics.get(`smrouter_interface_info{interface="mem${n}",type="mem",rdomain="0"}`), 1);
    }
    assert.equal(metrics.get('smrouter_interface_info{interface="veb0",type="veb",rdomain="0"}'), 1);
    assert.ok((metrics.get('smrouter_frames_free{pool="frames"}') as number) > 0);
    assert.ok((metrics.get('smrouter_frames_free{pool="superframes"}') as number) > 0);
    await daemon.run('ifconfig', 'mem98', 'destroy');
    const gone = async () => !(await daemon.metrics()).has('smrouter_interface_up{interface="mem98"}');
    await until('an interface that is destroyed leaves the metrics', 2000, gone);
  });

  it('OpenMetrics if the request accepts it, else text; many at once', async () => {
    const text = await get('/metrics', 'text/plain');
    assert.match(text.headers.get('content-type') ?? '', /^text\/plain/);
    assert.doesNotMatch(await text.text(), /^# EOF$/m);
    const open = await get('/metrics', 'application/openmetrics-text; version=1.0.0,text/plain;q=0.5');
    assert.match(open.headers.get('content-type') ?? '', /^application\/openmetrics-text; version=1\.0\.0/);
    const body = await open.text();
    assert.match(body, /\n# EOF\n$/);
    // OpenMetrics names the family of a counter without _total, and its sample with it.
    assert.match(body, /^# TYPE smrouter_interface_receive_packets counter$/m);
    assert.match(body, /^smrouter_interface_receive_packets_total\{interface="mem0"\} 0$/m);
    const answers = await Promise.all(Array.from({ length: 50 }, () => get('/metrics').then((r) => r.text())));
    assert.ok(answers.every((answer) => answer.includes('smrouter_interface_up{interface="mem0"} 1')));
  });
});

describe('metrics of a bridge that has forwarded', { skip: skipReason.tun() }, () => {
  let lan: Lan;

  before(async () => {
    lan = await Lan.start('metrics', { hosts: 2, lines: ['ifconfig mem0 create', 'ifconfig veb0 add mem0'] });
  });
  after(() => lan?.stop());

  it('agree with ifconfig, show drops and the books', async () => {
    const [a, b] = lan.hosts;
    assert.equal(lan.ping(a, b.v4, '-c', '200', '-i', '0.002').received, 200);
    await lan.daemon.books();
    // A frame that Linux sends by itself between the looks is no error; they are then taken again.
    await until('two ways to ask, one answer', 5000, async () => {
      const before = await lan.daemon.json<Counted[]>('ifconfig');
      const metrics = await lan.daemon.metrics();
      const drops = await lan.drops();
      if (JSON.stringify(before) !== JSON.stringify(await lan.daemon.json<Counted[]>('ifconfig'))) return false;
      for (const { name, counters } of before) {
        const value = (what: string): number =>
          metrics.get(`smrouter_interface_${what}_total{interface="${name}"}`) ?? -1;
        const read = ['receive_packets', 'receive_bytes', 'transmit_packets', 'transmit_bytes'].map(value);
        const { ipackets, ibytes, opackets, obytes } = counters;
        if (JSON.stringify(read) !== JSON.stringify([ipackets, ibytes, opackets, obytes])) return false;
      }
      for (const [key, frames] of drops) {
        const [name, reason] = key.split(' ');
        if (metrics.get(`smrouter_drops_total{interface="${name}",reason="${reason}"}`) !== frames) return false;
      }
      return (metrics.get(`smrouter_interface_receive_packets_total{interface="${a.tap}"}`) as number) >= 200;
    });
    // mem0 is down: the flooded ARP was dropped there.
    assert.ok(((await lan.drops()).get('mem0 notrunning') ?? 0) > 0);
    const frames = [...(await lan.daemon.metrics())].filter(([key]) => key.startsWith('smrouter_worker_frames_total{'));
    assert.ok(frames.reduce((sum, [, value]) => sum + value, 0) >= 400);
  });
});
