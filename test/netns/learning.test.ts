/**
 * What the bridge learns from real hosts, and how it is listed, removed and moved.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Lan } from '../support/hosts.js';
import { until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

interface Listed {
  mac: string;
  port: string;
  age: number;
  static: boolean;
}

const ABSENT = '02:00:00:00:00:99';

describe('learning', { skip: skipReason.tun() }, () => {
  let lan: Lan;
  const list = (): Promise<Listed[]> => lan.daemon.json('ifconfig', 'veb0', 'addr');
  const portOf = async (mac: string): Promise<string | undefined> => (await list()).find((a) => a.mac === mac)?.port;

  before(async () => {
    lan = await Lan.start('learn', { hosts: 3 });
  });
  after(() => lan?.stop());

  it('lists each host on its port after a ping', async () => {
    const [a, b] = lan.hosts;
    assert.equal(lan.ping(a, b.v4).received, 3);
    const { status, stdout } = await lan.daemon.ctl('ifconfig', 'veb0', 'addr');
    assert.equal(status, 0);
    for (const host of [a, b]) assert.match(stdout, new RegExp(`^${lan.mac(host)} ${host.tap} \\d+ flags=0<>$`, 'm'));
    const whole = (await lan.daemon.ctl('ifconfig', 'veb0')).stdout;
    for (const host of [a, b]) assert.match(whole, new RegExp(`^\\t\\t${lan.mac(host)} ${host.tap} `, 'm'));
  });

  it('forgets all with flush, and learns again', async () => {
    const [a, b] = lan.hosts;
    assert.equal((await lan.daemon.ctl('ifconfig', 'veb0', 'flush')).status, 0);
    // Linux may send a multicast report of its own in between.
    const left = (await list()).map((l) => l.mac);
    assert.ok(!left.includes(lan.mac(a)) || !left.includes(lan.mac(b)), left.join());
    assert.equal(lan.ping(a, b.v4).received, 3);
    assert.equal(await portOf(lan.mac(a)), a.tap);
  });

  it('keeps a static address through flush, and flushall removes it', async () => {
    const [a] = lan.hosts;
    await lan.daemon.run('ifconfig', 'veb0', 'static', a.tap, ABSENT);
    await lan.daemon.run('ifconfig', 'veb0', 'flush');
    assert.deepEqual(
      (await list()).filter((l) => l.static).map(({ mac, port }) => [mac, port]),
      [[ABSENT, a.tap]],
    );
    await lan.daemon.run('ifconfig', 'veb0', 'flushall');
    assert.equal(await portOf(ABSENT), undefined);
  });

  it('removes a known address with deladdr, and refuses an unknown one', async () => {
    const [a, b] = lan.hosts;
    assert.equal(lan.ping(a, b.v4).received, 3);
    await lan.daemon.run('ifconfig', 'veb0', '-learn', b.tap); // what Linux sends by itself must not bring it back
    assert.equal((await lan.daemon.ctl('ifconfig', 'veb0', 'deladdr', lan.mac(b))).status, 0);
    assert.equal(await portOf(lan.mac(b)), undefined);
    await lan.daemon.run('ifconfig', 'veb0', 'learn', b.tap);
    const { status, stderr } = await lan.daemon.ctl('ifconfig', 'veb0', 'deladdr', ABSENT);
    assert.equal(status, 1);
    assert.match(stderr, /^smrctl: ifconfig veb0 deladdr 02:00:00:00:00:99: .+ \(ESRCH\)\n$/);
  });

  it('learns no more than maxaddr, and what it does not know is flooded', async () => {
    const [a, b, c] = lan.hosts;
    await lan.daemon.run('ifconfig', 'veb0', 'flush', 'maxaddr', '1');
    for (const to of [b, c]) assert.equal(lan.ping(a, to.v4).received, 3);
    assert.equal((await list()).length, 1);
    const metrics = await lan.daemon.metrics();
    assert.equal(metrics.get('smrouter_veb_addresses{veb="veb0"}'), 1);
    assert.equal(metrics.get('smrouter_veb_addresses_limit{veb="veb0"}'), 1);
    assert.ok((metrics.get('smrouter_veb_learn_refused_total{veb="veb0"}') as number) > 0);
    await lan.daemon.run('ifconfig', 'veb0', 'maxaddr', '100', 'timeout', '8');
    const [veb] = await lan.daemon.json<{ maxaddr: number; timeout: number }[]>('ifconfig', 'veb0');
    assert.deepEqual([veb.maxaddr, veb.timeout], [100, 8]);
    await lan.daemon.run('ifconfig', 'veb0', 'timeout', '240');
  });

  it('does not learn on a port with -learn', async () => {
    const [a, b] = lan.hosts;
    await lan.daemon.run('ifconfig', 'veb0', '-learn', a.tap, 'flush');
    assert.equal(lan.ping(a, b.v4).received, 3);
    assert.equal(await portOf(lan.mac(a)), undefined);
    assert.equal(await portOf(lan.mac(b)), b.tap);
    await lan.daemon.run('ifconfig', 'veb0', 'learn', a.tap);
  });

  it('follows an address that moves to another namespace', async () => {
    const [a, b, c] = lan.hosts;
    assert.equal(lan.ping(a, b.v4).received, 3);
    const [macB, macC] = [lan.mac(b), lan.mac(c)];
    assert.equal(await portOf(macB), b.tap);
    const moves = async () => (await lan.daemon.metrics()).get('smrouter_veb_moves_total{veb="veb0"}') as number;
    const movedBefore = await moves();
    // b gets another address, c takes b's MAC and IP.
    for (const [host, mac] of [
      [b, macC],
      [c, macB],
    ] as const) {
      host.netns.exec(['ip', 'link', 'set', host.tap, 'down']);
      host.netns.exec(['ip', 'link', 'set', host.tap, 'address', mac]);
    }
    b.netns.exec(['ip', 'address', 'flush', 'dev', b.tap]);
    c.netns.exec(['ip', 'address', 'add', `${b.v4}/24`, 'dev', c.tap]);
    c.netns.exec(['ip', 'link', 'set', c.tap, 'up']);
    assert.ok(lan.ping(c, a.v4, '-I', b.v4, '-c', '3', '-i', '0.1').received > 0);
    assert.equal(await portOf(macB), c.tap);
    assert.equal(lan.ping(a, b.v4).received, 3);
    await until('the move is counted', 2000, async () => (await moves()) > movedBefore);
    await lan.daemon.books();
    assert.deepEqual(lan.daemon.complaints(), []);
  });
});
