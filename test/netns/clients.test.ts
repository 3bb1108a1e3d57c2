/**
 * Clients of a running smrouterd that come in crowds, are slow, silent or hostile (docs/limits.md): the others are answered, memory is bounded,
 * and what was refused is told. Times are printed and never asserted.
 */
import assert from 'node:assert/strict';
import { Agent, get } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DESCRIPTOR_SHARE } from '../../src/main/api/connections.js';
import { Daemon } from '../support/daemon.js';
import { Lan } from '../support/hosts.js';
import { uniqueTap, until } from '../support/programs.js';
import { RawClients } from '../support/raw-clients.js';
import { skipReason } from '../support/require.js';
import { residentOf } from '../support/resident.js';

const SCRAPERS = 1000;
const SLOW = 300;
const FEW_DESCRIPTORS = 160;
/** More than all of these may cost together; each that waits unread could hold an answer of 100 KiB and more. */
const MOST_MIB = 150;
/** A bound on being stuck: when the slow ones must have been sent away. */
const STUCK_MS = 20_000;

/** One scrape on a connection of its own: its status, or the code of the error. */
function scrape(port: number, agent: Agent): Promise<number | string> {
  return new Promise((resolve) => {
    const call = get({ host: '127.0.0.1', port, path: '/metrics', agent }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    call.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** How long `work` took, in ms. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

describe('a crowd', () => {
  let daemon: Daemon;
  let port: number;

  before(async () => {
    const ports = Array.from({ length: 20 }, (_, n) => `ifconfig mem${n} create up`);
    daemon = await Daemon.start({ config: [...ports, 'ifconfig veb0 create up add mem0'], workers: 1 });
    port = Number(new URL(daemon.origin).port);
  });
  after(() => daemon?.stop());

  it(`${SCRAPERS} scrapes at once: each is answered, or refused before it began`, async (t) => {
    const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
    const old = residentOf(daemon.pid).all;
    const start = performance.now();
    const results = await Promise.all(Array.from({ length: SCRAPERS }, () => scrape(port, agent)));
    const ms = performance.now() - start;
    agent.destroy();
    const answered = results.filter((result) => result === 200).length;
    const refused = results.filter((result) => result === 'ECONNRESET').length;
    const grown = residentOf(daemon.pid).all - old;
    t.diagnostic(`${answered} answered, ${refused} refused in ${ms.toFixed(0)} ms; ${grown.toFixed(0)} MiB more`);
    assert.equal(answered + refused, SCRAPERS, `others: ${results.filter((r) => r !== 200 && r !== 'ECONNRESET')}`);
    assert.ok(answered > 0);
    assert.ok(grown < MOST_MIB);
    assert.equal(await scrape(port, new Agent()), 200);
  });

  it(`${SLOW} that are slow, silent, talk nonsense or never read, on both sockets: others are answered, and they go`, async (t) => {
    const old = residentOf(daemon.pid).all;
    const clients = new RawClients();
    const http = { host: '127.0.0.1', port };
    const control = { path: daemon.socket };
    for (const address of [http, control]) {
      clients.drip(address, SLOW / 2, 'GET / HTTP/1.1\r\nx: '.padEnd(400, 'y'), 200);
      clients.add(address, SLOW / 4, '');
      clients.add(
        address,
        SLOW / 4,
        'POST /command HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n{',
      );
      clients.add(address, 50, Buffer.from([0x16, 3, 1, 0, 0xff, 0, 0xc0]));
    }
    const many = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(200);
    clients.add(http, 50, many, false);
    await sleep(300);
    try {
      const scrapes: number[] = [];
      const commands: number[] = [];
      for (let n = 0; n < 10; n++) {
        scrapes.push(await timed(async () => assert.equal(await scrape(port, new Agent()), 200)));
        commands.push(await timed(() => daemon.run('show', 'drops')));
      }
      const grown = residentOf(daemon.pid).all - old;
      const most = (list: number[]): string => Math.max(...list).toFixed(0);
      t.diagnostic(
        `a scrape took ${most(scrapes)} ms at most, a command ${most(commands)}; ${grown.toFixed(0)} MiB more`,
      );
      assert.ok(grown < MOST_MIB);
      const open = 'smrouter_listener_connections{listener="control"}';
      await until('the silent ones are gone', STUCK_MS, async () => ((await daemon.metrics()).get(open) ?? 99) < 10);
    } finally {
      clients.leave();
    }
  });
});

describe('few descriptors', { skip: skipReason.tun() }, () => {
  let lan: Lan;

  before(async () => {
    const under = ['prlimit', `--nofile=${FEW_DESCRIPTORS}:${FEW_DESCRIPTORS}`];
    lan = await Lan.start('few', { hosts: 2, workers: 1, under });
  });
  after(() => lan?.stop());

  it('more clients than places: refused and told, and those that wait give way', async () => {
    const { daemon } = lan;
    const clients = new RawClients();
    try {
      clients.add({ path: daemon.socket }, FEW_DESCRIPTORS, '');
      await until('a command is answered', STUCK_MS, () =>
        daemon.run('show', 'drops').then(
          () => true,
          () => false,
        ),
      );
      const line = await until('a line of the log', STUCK_MS, () => daemon.find('connections'));
      assert.equal(line.listener, 'control');
      assert.match(line.msg, /^control: of at most \d+ connections some were refused/);
      const samples = await daemon.metrics();
      const value = (name: string): number => samples.get(`smrouter_listener_${name}{listener="control"}`) ?? -1;
      assert.equal(value('connections_limit'), FEW_DESCRIPTORS / DESCRIPTOR_SHARE);
      assert.ok(value('refused_total') >= FEW_DESCRIPTORS - value('connections_limit') - 10);
      assert.ok(value('ended_total') > 0);
    } finally {
      clients.leave();
    }
  });

  it('none left: a device is refused with EMFILE and nothing changed, it is told, forwarding goes on, and it recovers', async () => {
    const { daemon } = lan;
    const [a, b] = lan.hosts as [Lan['hosts'][0], Lan['hosts'][0]];
    const taps: string[] = [];
    let refusal = '';
    while (refusal === '' && taps.length < FEW_DESCRIPTORS) {
      const tap = uniqueTap();
      refusal = await daemon.run('ifconfig', tap, 'create', 'up').then(
        () => '',
        (error: Error) => error.message,
      );
      if (refusal === '') taps.push(tap);
    }
    assert.match(refusal, /\((EMFILE|ENFILE)\)$/);
    const clients = new RawClients();
    try {
      clients.add({ path: daemon.socket }, 20, '');
      await until('a line of the log', STUCK_MS, () => daemon.find('descriptors'));
      const { sent, received } = lan.ping(a, b.v4, '-c', '10', '-i', '0.05');
      assert.equal(received, sent);
    } finally {
      clients.leave();
    }
    for (const tap of taps.slice(0, 4)) {
      await until(`${tap} can be destroyed`, STUCK_MS, () =>
        daemon.run('ifconfig', tap, 'destroy').then(
          () => true,
          () => false,
        ),
      );
    }
    await daemon.run('ifconfig', taps[0] as string, 'create', 'up');
    assert.ok((await daemon.metrics()).size > 100);
    await daemon.books();
  });
});
