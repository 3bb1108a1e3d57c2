/**
 * TAPs that somebody takes away under the daemon: they leave the configuration, and nobody else notices.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../support/daemon.js';
import { type Host, Lan, pingCount } from '../support/hosts.js';
import { uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { cpuSeconds, threadsOf } from '../support/threads.js';

const GONE_MS = 5000;

interface Listed {
  name: string;
  ports?: { name: string }[];
}

/** Waits until `taps` are no interfaces and no ports any more, and each has its line in the log. */
async function leave(daemon: Daemon, taps: readonly string[]): Promise<void> {
  await until(`${taps} have left`, GONE_MS, async () => {
    assert.ok(!daemon.log.some((line) => line.level > 40), daemon.complaints().join());
    const all = await daemon.json<Listed[]>('ifconfig');
    return !all.some((i) => taps.includes(i.name) || i.ports?.some((p) => taps.includes(p.name)));
  });
  const told = daemon.log.filter((line) => line.event === 'device-gone' && line.level === 40).map((l) => l.interface);
  for (const tap of taps) assert.ok(told.includes(tap), `no line in the log for ${tap}`);
}

describe('TAPs that go away', { skip: skipReason.tun() }, () => {
  let lan: Lan;

  before(async () => {
    lan = await Lan.start('vanish', { hosts: 4 });
  });
  after(() => lan?.stop());

  /** Floods from host 0 to `victim` while `act` runs, and pings between hosts 0 and 1 meanwhile: nothing of that is lost. */
  async function underTraffic(victim: Host, act: () => void): Promise<void> {
    const [a, b] = lan.hosts;
    assert.equal(lan.ping(a, victim.v4).received, 3);
    const flood = a.netns.spawn(['ping', '-q', '-n', '-f', '-c', '1000000', '-w', '10', victim.v4]);
    const steady = a.netns.spawn(['ping', '-q', '-n', '-i', '0.01', '-c', '150', '-W', '2', b.v4]);
    let said = '';
    steady.stdout?.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    const ended = new Promise((resolve) => steady.once('close', resolve));
    await sleep(300);
    act();
    await leave(lan.daemon, [victim.tap]);
    await ended;
    process.kill(-(flood.pid as number), 'SIGKILL');
    assert.deepEqual(pingCount(said), { sent: 150, received: 150 });
  }

  it('ip link del under traffic: the port leaves, the others forward on', async () => {
    const victim = lan.hosts[2];
    await underTraffic(victim, () => void victim.netns.exec(['ip', 'link', 'del', victim.tap]));
    await lan.daemon.books();
    const running = await lan.daemon.run('show', 'running');
    assert.doesNotMatch(running, new RegExp(victim.tap));
  });

  it('a namespace that is deleted takes its TAP along', async () => {
    const victim = lan.hosts[3];
    await underTraffic(victim, () => {
      victim.netns.destroy();
    });
    await lan.daemon.books();
  });

  it('workers sleep afterwards: nothing spins on what is gone', async () => {
    const sleeps = async () => (await lan.daemon.json<{ sleeps: number }[]>('show', 'workers')).map((w) => w.sleeps);
    const before = await sleeps();
    const cpu = cpuSeconds(threadsOf(lan.daemon.pid));
    await sleep(1000);
    const used = cpuSeconds(threadsOf(lan.daemon.pid)) - cpu;
    assert.ok(used < 0.5, `${used} s of CPU in a second with nothing to do`);
    (await sleeps()).forEach((now, w) => {
      const more = now - before[w];
      assert.ok(more > 0 && more < 500, `worker ${w} slept ${more} times`);
    });
  });

  it('what is gone can be made again', async () => {
    const host = lan.hosts[2];
    await lan.daemon.run('ifconfig', host.tap, 'create', 'netns', host.netns.name, 'up');
    await lan.daemon.run('ifconfig', 'veb0', 'add', host.tap);
    lan.dress(host);
    // From the new one: its ARP request tells the other its new MAC.
    assert.equal(lan.ping(host, lan.hosts[0].v4).received, 3);
    await lan.daemon.books();
  });
});

describe('many TAPs that go away at once', { skip: skipReason.tun() }, () => {
  it('20 of 22 deleted in one batch', async () => {
    const taps = Array.from({ length: 22 }, uniqueTap);
    const config = taps.flatMap((tap) => [`ifconfig ${tap} create up`]);
    const daemon = await Daemon.start({
      config: [...config, `ifconfig veb0 create up ${taps.map((t) => `add ${t}`).join(' ')}`],
    });
    try {
      const lines = taps.slice(1, 21).map((tap) => `link del ${tap}`);
      execFileSync('ip', ['-batch', '-'], { input: lines.join('\n'), stdio: 'pipe' });
      await leave(daemon, taps.slice(1, 21));
      const all = await daemon.json<Listed[]>('ifconfig');
      assert.deepEqual(all.map((i) => i.name).sort(), [taps[0], taps[21], 'veb0'].sort());
      await daemon.books();
      const [smr] = await daemon.json<{ deferredObjects: number }[]>('show', 'smr');
      assert.equal(smr.deferredObjects, 0);
      assert.equal(await daemon.stop(), 0);
    } finally {
      await daemon.stop();
    }
  });
});
