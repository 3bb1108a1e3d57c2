/**
 * smrouterd after kill -9: the next one forwards with what the last one had learned and counted, and the kernel holds nothing of the
 * last one.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSnapshot } from '../../src/main/snapshot.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { Daemon } from '../support/daemon.js';
import { Netns } from '../support/netns.js';
import { temporaryFolder, uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

describe('smrouterd --state', { skip: skipReason.tun() }, () => {
  const hosts = [Netns.create('restart'), Netns.create('restart')];
  const taps = [uniqueTap(), uniqueTap()];
  const folder = temporaryFolder();
  const options = {
    config: [
      'ifconfig veb0 create up',
      ...taps.flatMap((tap, n) => [`ifconfig ${tap} create netns ${hosts[n]?.name} up`, `ifconfig veb0 add ${tap}`]),
    ],
    socket: join(folder, 'sock'),
    args: ['--state', join(folder, 'state.json')],
  };
  let daemon: Daemon;
  after(async () => {
    await daemon?.stop();
    for (const host of hosts) host.destroy();
  });

  /** Hosts keep their addresses, also their link-layer ones. */
  const dress = () => {
    hosts.forEach((host, n) => {
      const tap = taps[n] as string;
      host.exec(['ip', 'link', 'set', tap, 'address', `02:00:00:00:00:0${n + 1}`]);
      host.exec(['ip', 'address', 'add', `198.18.0.${n + 1}/24`, 'dev', tap]);
      host.exec(['ip', 'link', 'set', tap, 'up']);
    });
  };
  const ping = () => hosts[0]?.exec(['ping', '-c', '3', '-i', '0.05', '-W', '2', '198.18.0.2']) ?? '';
  const learned = async () => (await daemon.run('ifconfig', 'veb0', 'addr')).match(/02:00:00:00:00:0[12] \S+/g)?.sort();
  const received = async (tap: string) =>
    (await daemon.json<[{ counters: { ipackets: number } }]>('ifconfig', tap))[0].counters.ipackets;

  it('killed and started again: forwards, and knows', async (t) => {
    daemon = await Daemon.start(options);
    dress();
    assert.match(ping(), / 0% packet loss/);
    const before = await learned();
    assert.equal(before?.length, 2);
    // The snapshot is taken as it leaves in order, and by then every ten seconds.
    assert.equal(await daemon.stop(), 0);
    daemon = await Daemon.start(options);
    dress();
    assert.deepEqual(await learned(), before);
    assert.ok((await received(taps[0] as string)) >= 3);
    // What it counts from now on it may lose.
    const { counters } = readSnapshot(join(folder, 'state.json')) ?? {};
    const counted = counters?.find((kept) => kept.interface === taps[0])?.words[Lane.IPACKETS] ?? 0;
    assert.ok(counted >= 3);

    daemon.signal('SIGKILL');
    await daemon.exited();
    for (const [n, tap] of taps.entries()) {
      await until('the TAP is gone', 2000, () => !(hosts[n]?.exec(['ip', '-br', 'link']) ?? '').includes(tap));
    }
    assert.ok(existsSync(options.socket), 'a socket that nobody answers is left');
    const began = performance.now();
    daemon = await Daemon.start(options);
    t.diagnostic(`forwards ${Math.round(performance.now() - began)} ms after it was started again`);
    dress();
    assert.deepEqual(await learned(), before);
    assert.ok((await received(taps[0] as string)) >= counted);
    assert.match(ping(), / 0% packet loss/);
    await daemon.books();
  });

  it('a file that it cannot read or write: said, and it runs', async () => {
    const file = join(folder, 'absent', 'state.json');
    await daemon.stop();
    daemon = await Daemon.start({ ...options, args: ['--state', file] });
    assert.equal(await daemon.stop(), 0);
    await sleep(0);
    assert.match(daemon.complaints().join('\n'), /state: what was learned cannot be kept: ENOENT/);
  });
});
