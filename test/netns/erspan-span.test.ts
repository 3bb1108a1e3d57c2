/**
 * TCP at full speed through a bridge whose span port is an erspan interface: not a byte of the original is lost, and every copy, cut from
 * superframes, is sent or counted.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { Netns } from '../support/netns.js';
import { uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const skip = skipReason.root() || skipReason.tun() || skipReason.program('iperf3');
const BYTES = 50_000_000;

test('iperf3 through a mirrored bridge', { skip }, async () => {
  const taps = [uniqueTap(), uniqueTap(), uniqueTap()];
  const hosts = taps.map(() => Netns.create('span'));
  const daemon = await Daemon.start({
    config: [
      ...taps.map((tap, n) => `ifconfig ${tap} create netns ${hosts[n]?.name} up`),
      `ifconfig ${taps[2]} inet 192.0.2.1/24`,
      'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 up',
      `ifconfig veb0 create add ${taps[0]} add ${taps[1]} addspan erspan0 up`,
    ],
    workers: 1,
  });
  try {
    const [client, server, collector] = hosts as [Netns, Netns, Netns];
    for (const [n, address] of ['198.18.0.1/24', '198.18.0.2/24', '192.0.2.2/24'].entries()) {
      hosts[n]?.exec(['ip', 'address', 'add', address, 'dev', taps[n] as string]);
      hosts[n]?.exec(['ip', 'link', 'set', taps[n] as string, 'up']);
    }
    collector.exec(['ping', '-c', '1', '-W', '2', '192.0.2.1']);
    /** Drops of the bridge and of its ports. */
    const originals = async (): Promise<[string, number][]> =>
      [...(await daemon.metrics())].filter(([name]) =>
        [taps[0], taps[1], 'veb0'].some((of) => name.startsWith(`smrouter_drops_total{interface="${of}"`)),
      );
    const before = await originals();
    server.spawn(['iperf3', '-s', '-1']);
    await until('the server listens', 5000, () => server.exec(['ss', '-ltn']).includes(':5201'));
    const report = JSON.parse(
      client.exec(['iperf3', '-J', '-c', '198.18.0.2', '-n', String(BYTES)], { timeoutMs: 60_000 }),
    ) as { end: { sum_sent: { bytes: number } } };
    assert.ok(report.end.sum_sent.bytes >= BYTES, 'all of it was taken by TCP');
    await daemon.books();
    const metrics = await daemon.metrics();
    const of = (name: string, more: string): number =>
      metrics.get(`smrouter_interface_${name}{interface="${more}"}`) ?? 0;
    const frames = of('receive_packets_total', 'veb0');
    const sent = of('transmit_packets_total', 'erspan0');
    const dropped = [...metrics]
      .filter(([name]) => name.startsWith('smrouter_drops_total{interface="erspan0"'))
      .reduce((sum, [, count]) => sum + count, 0);
    assert.deepEqual(await originals(), before, 'not a frame of the original is lost');
    // A superframe is one frame on the bridge and many copies.
    assert.ok(sent + dropped >= frames, `${frames} frames, ${sent} copies sent, ${dropped} counted`);
    assert.ok(sent > BYTES / 1500 / 4, `${sent} copies were sent`);
    assert.ok(of('transmit_packets_total', taps[2] as string) >= sent, 'each is at least one packet on its way out');
  } finally {
    await daemon.stop();
    for (const host of hosts) host.destroy();
  }
});
