/**
 * Ports that come and go a hundred times while two other hosts flood each other: those lose nothing, and nothing is left.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Lan, type PingCount, pingCount } from '../support/hosts.js';
import { uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const ROUNDS = 100;
/** Pings of one flood. */
const FLOOD = 500;
const MOST_MS = 60_000;

interface Smr {
  deferredObjects: number;
  deferredBytes: number;
}

for (const workers of [1, 2]) {
  describe(`churn with ${workers} worker(s)`, { skip: skipReason.tun() }, () => {
    let lan: Lan;

    before(async () => {
      lan = await Lan.start('churn', {
        hosts: 3,
        workers,
        lines: ['ifconfig mem0 create up', 'ifconfig veb0 add mem0'],
      });
    });
    after(async () => assert.equal(await lan?.stop(), 0));

    /** One flood ping to its end; it waits for the last reply. */
    async function flood(): Promise<PingCount> {
      const [a, b] = lan.hosts;
      const ping = a.netns.spawn(['ping', '-q', '-n', '-f', '-c', String(FLOOD), '-w', '20', '-W', '2', b.v4]);
      let said = '';
      ping.stdout?.on('data', (chunk: Buffer) => {
        said += chunk;
      });
      await new Promise((resolve) => ping.once('close', resolve));
      return pingCount(said);
    }

    /** Flood pings between hosts 0 and 1, one after the other, while `change` runs ROUNDS times. */
    async function churn(change: (round: number) => Promise<void>): Promise<void> {
      const [a, b] = lan.hosts;
      assert.equal(lan.ping(a, b.v4).received, 3);
      let over = false;
      const counts: PingCount[] = [];
      const floods = (async () => {
        while (!over) counts.push(await flood());
      })();
      let rounds = 0;
      try {
        await sleep(100);
        for (const end = performance.now() + MOST_MS; rounds < ROUNDS && performance.now() < end; )
          await change(rounds++);
      } finally {
        over = true;
        await floods;
      }
      assert.equal(rounds, ROUNDS);
      const sum = (of: keyof PingCount): number => counts.reduce((all, count) => all + count[of], 0);
      assert.ok(sum('sent') >= FLOOD);
      assert.equal(sum('received'), sum('sent'), JSON.stringify([counts, [...(await lan.drops())]]));
      await lan.daemon.books();
      await until('nothing is deferred', 2000, async () => {
        const [smr] = await lan.daemon.json<Smr[]>('show', 'smr');
        return smr.deferredObjects === 0 && smr.deferredBytes === 0;
      });
      assert.deepEqual(lan.daemon.complaints(), []);
    }

    it('del and add of a port that hears the flood of ARP and has a host', async () => {
      const c = lan.hosts[2];
      await churn((round) => lan.daemon.run('ifconfig', 'veb0', round % 2 === 0 ? 'del' : 'add', c.tap).then(() => {}));
      assert.equal(lan.ping(lan.hosts[0], c.v4).received, 3);
    });

    it('create, add, destroy of a TAP and of a memory port', async () => {
      const { daemon } = lan;
      const before = await daemon.run('show', 'running');
      const tap = uniqueTap();
      await churn(async (round) => {
        const name = round % 2 === 0 ? tap : 'mem1';
        await daemon.run('ifconfig', name, 'create', 'up');
        await daemon.run('ifconfig', 'veb0', 'add', name);
        await daemon.run('ifconfig', name, 'destroy');
      });
      assert.equal(await daemon.run('show', 'running'), before);
    });

    it('a table that grows and shrinks, static addresses that come and go', async () => {
      const { daemon, hosts } = lan;
      const mac = '02:00:00:00:00:55';
      await churn(async (round) => {
        await daemon.run('ifconfig', 'veb0', 'maxaddr', String(100 + (round % 7) * 400), 'static', hosts[2].tap, mac);
        await daemon.run('ifconfig', 'veb0', 'deladdr', mac, 'flush');
      });
    });
  });
}
