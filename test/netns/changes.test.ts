/**
 * Commands and reloads on a running daemon with TAPs: all of it or nothing, and what did not change loses no frame.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../support/daemon.js';
import { Lan, portLines } from '../support/hosts.js';
import { Netns } from '../support/netns.js';
import { uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const isLink = (name: string): boolean => existsSync(`/sys/class/net/${name}`);
const mtuOf = (name: string): number => Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8'));

describe('a command is all or nothing', { skip: skipReason.tun() }, () => {
  let daemon: Daemon;
  let running: string;
  const tap = uniqueTap();
  const foreign = uniqueTap();
  let netns: Netns;

  before(async () => {
    netns = Netns.create('change');
    execFileSync('ip', ['tuntap', 'add', 'dev', foreign, 'mode', 'tap']);
    daemon = await Daemon.start({
      config: [`ifconfig ${tap} create up`, 'ifconfig veb0 create up', `ifconfig veb0 add ${tap}`],
    });
  });
  after(async () => {
    await daemon?.stop();
    if (isLink(foreign)) execFileSync('ip', ['link', 'del', foreign]);
    netns?.destroy();
  });
  beforeEach(async () => {
    running = await daemon.run('show', 'running');
  });
  afterEach(async () => {
    assert.equal(await daemon.run('show', 'running'), running);
    assert.deepEqual(daemon.complaints(), []);
    await daemon.books();
  });

  it('a TAP name that is in use: EBUSY and the remedy, and the rest of the reload is not applied', async () => {
    const alone = await daemon.ctl('ifconfig', foreign, 'create', 'up');
    assert.equal(alone.status, 1);
    assert.match(alone.stderr, new RegExp(`the name is in use; \`ip link del ${foreign}\`.* \\(EBUSY\\)\\n$`));
    const other = uniqueTap();
    daemon.configure([
      'ifconfig veb0 create up maxaddr 7 link2',
      `ifconfig ${other} create up`,
      `ifconfig ${foreign} create up`,
      `ifconfig veb0 add ${other} add ${foreign}`,
    ]);
    const reload = await daemon.ctl('reload');
    assert.equal(reload.status, 1);
    assert.match(reload.stderr, /^smrctl: reload: .*\(EBUSY\)\n$/);
    assert.ok(!isLink(other), `${other} was left behind`);
    assert.ok(isLink(tap), `${tap} went away`);
  });

  it('a namespace that is not there: ENOENT and the remedy, and no other word is applied', async () => {
    const words = ['mtu', '1400', 'description', 'moved', 'netns', 'smr-absent'];
    const { status, stderr } = await daemon.ctl('ifconfig', tap, ...words);
    assert.equal(status, 1);
    assert.match(stderr, /: make it with `ip netns add smr-absent`.* \(ENOENT\)\n$|ENOENT.*ip netns add smr-absent/);
    assert.equal(mtuOf(tap), 1500);
    const fresh = uniqueTap();
    await assert.rejects(daemon.run('ifconfig', fresh, 'create', 'up', 'netns', 'smr-absent'), /\(ENOENT\)$/);
    assert.ok(!isLink(fresh));
  });

  it('a name that is taken in the namespace: EEXIST, and the other words are taken back', async () => {
    netns.exec(['ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap']);
    const words = ['mtu', '1400', 'lladdr', '02:00:00:00:00:77', 'netns', netns.name, 'down'];
    await assert.rejects(daemon.run('ifconfig', tap, ...words), /\(EEXIST\)$/);
    netns.exec(['ip', 'link', 'del', tap]);
    assert.equal(mtuOf(tap), 1500);
    const [shown] = await daemon.json<{ lladdr: string; mtu: number; flags: string[] }[]>('ifconfig', tap);
    assert.notEqual(shown.lladdr, '02:00:00:00:00:77');
    assert.equal(shown.mtu, 1500);
    assert.ok(shown.flags.includes('RUNNING'));
  });

  it('an MTU that the kernel does not take: EINVAL, and the other words are taken back', async () => {
    execFileSync('ip', ['link', 'set', tap, 'up']);
    await assert.rejects(daemon.run('ifconfig', tap, 'down', 'mtu', '65535'), /a TAP takes 68 to 65521 \(EINVAL\)$/);
    assert.equal(mtuOf(tap), 1500);
    assert.equal(readFileSync(`/sys/class/net/${tap}/carrier`, 'utf8').trim(), '1');
  });
});

describe('show running gives the same state again', { skip: skipReason.tun() }, () => {
  it('in a second daemon, after everything was set', async () => {
    const netns = Netns.create('running');
    const [a, b] = [uniqueTap(), uniqueTap()];
    const config = [
      `ifconfig ${a} create description "two words \\"quoted\\" \\\\" mtu 9000 lladdr 02:00:00:00:00:0a up`,
      `ifconfig ${b} create netns ${netns.name}`,
      'ifconfig mem0 create up mtu 65535',
      `ifconfig veb0 create link2 link0 maxaddr 3 timeout 8 add mem0 add ${b} add ${a} -learn mem0 -discover ${b}`,
      `ifconfig veb0 static ${a} 02:00:00:00:01:01 static ${b} 02:00:00:00:01:02 static mem0 02:00:00:00:01:03`,
      'ifconfig veb0 maxaddr 2 up',
      'ifconfig veb1 create description veb1 link1',
    ];
    let daemon = await Daemon.start({ config });
    try {
      const lines = await daemon.json<string[]>('show', 'running');
      assert.equal(await daemon.run('show', 'running'), lines.map((line) => `${line}\n`).join(''));
      assert.equal(await daemon.stop(), 0);
      daemon = await Daemon.start({ config: lines });
      assert.deepEqual(await daemon.json('show', 'running'), lines);
      assert.equal(mtuOf(a), 9000);
      netns.exec(['ip', 'link', 'show', b]);
      assert.equal(await daemon.stop(), 0);
      assert.deepEqual(daemon.complaints(), []);
    } finally {
      await daemon.stop();
      netns.destroy();
    }
  });
});

describe('reload under traffic', { skip: skipReason.tun() }, () => {
  let lan: Lan;

  before(async () => {
    lan = await Lan.start('reload', { hosts: 3 });
  });
  after(() => lan?.stop());

  /** Pings from host 0 to host 1 every 5 ms while `act` runs. Resolves to how many were sent and answered. */
  async function meanwhile(act: () => Promise<void>) {
    const ping = lan.hosts[0].netns.spawn(['ping', '-n', '-i', '0.005', '-w', '15', '-W', '2', lan.hosts[1].v4]);
    let said = '';
    ping.stdout?.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    const ended = new Promise((resolve) => ping.once('close', resolve));
    await sleep(200);
    try {
      await act();
      await sleep(200);
    } finally {
      process.kill(-(ping.pid as number), 'SIGINT');
      await ended;
    }
    // Up to the last answer: a ping that was still on its way when the signal came is not lost.
    const answered = [...said.matchAll(/icmp_seq=(\d+) ttl/g)].map((match) => Number(match[1]));
    return { sent: Math.max(0, ...answered), received: new Set(answered).size };
  }

  it('applies the difference; ports that did not change lose nothing', async () => {
    const { daemon, hosts } = lan;
    const [a, b, c] = hosts;
    const extra = uniqueTap();
    const base = [...portLines(a).slice(0, 1), ...portLines(b).slice(0, 1), `ifconfig veb0 add ${a.tap} add ${b.tap}`];
    const files = [
      ['ifconfig veb0 create up', ...base, `ifconfig ${extra} create up`, `ifconfig veb0 add ${extra} maxaddr 500`],
      ['ifconfig veb0 create up link2 timeout 30', ...base, ...portLines(c), 'ifconfig veb1 create up'],
    ];
    const count = await meanwhile(async () => {
      for (let n = 0; n < 6; n++) {
        const before = daemon.log.filter((line) => line.event === 'reload').length;
        daemon.configure(files[n % 2]);
        if (n % 3 === 0) assert.equal((await daemon.ctl('reload')).status, 0);
        else daemon.signal('SIGHUP');
        const reloads = () => daemon.log.filter((line) => line.event === 'reload').length;
        await until('reload', 5000, () => reloads() > before);
        const running = await daemon.run('show', 'running');
        assert.equal(running.includes(`add ${extra}`), n % 2 === 0);
        assert.equal(running.includes(`add ${c.tap}`), n % 2 === 1);
        assert.equal(isLink(extra), n % 2 === 0);
      }
    });
    assert.ok(count.sent > 50, `only ${count.sent} pings were sent`);
    assert.equal(count.received, count.sent);
    await daemon.books();
    lan.dress(c);
    assert.equal(lan.ping(a, c.v4).received, 3);
    assert.deepEqual(daemon.complaints(), []);
  });

  it('a broken file changes nothing, and says where it is wrong', async () => {
    const { daemon } = lan;
    const running = await daemon.run('show', 'running');
    daemon.configure(['ifconfig veb0 create', 'ifconfig veb0 add nothing7']);
    const count = await meanwhile(async () => {
      const { status, stderr } = await daemon.ctl('reload');
      assert.equal(status, 1);
      assert.equal(stderr, `smrctl: reload: ${daemon.file}:2: nothing7: no such interface (EINVAL)\n`);
      daemon.signal('SIGHUP');
      const failed = await until('reload-failed', 5000, () => daemon.find('reload-failed'));
      assert.equal(failed.msg, `${daemon.file}:2: nothing7: no such interface`);
    });
    assert.equal(count.received, count.sent);
    assert.equal(await daemon.run('show', 'running'), running);
  });
});
