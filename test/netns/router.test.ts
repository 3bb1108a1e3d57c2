/** An IP router between two hosts, on TAPs: what ping and iperf3 see of it, and the books of what they sent. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pingCount } from '../support/hosts.js';
import { skipReason } from '../support/require.js';
import { RoutedPair } from '../support/routed-pair.js';

const skip = skipReason.tun();
const pair = skip === false ? await RoutedPair.start('rt', { mtuB: 1280, lines: routes() }) : undefined;
after(async () => {
  await pair?.daemon?.books();
  assert.equal((await pair?.stop()) ?? 0, 0);
});

/** 100 static routes, which lead to host B. */
function routes(): string[] {
  return Array.from({ length: 100 }, (_, n) => `route add -inet 10.100.${n}.0/24 10.0.2.9`);
}

function fromA(...command: string[]): string {
  return (pair as RoutedPair).a.netns.exec(command, { check: false, timeoutMs: 20_000 });
}

const PING = ['ping', '-n', '-c', '2', '-i', '0.1', '-W', '3'];

test('hosts reach each other through the router, IPv4 and IPv6', { skip }, async () => {
  await sleep(1200); // Duplicate address detection.
  for (const to of ['10.0.2.9', '2001:db8:2::9', '10.0.1.1', '2001:db8:1::1', '10.0.2.1'])
    assert.deepEqual(pingCount(fromA(...PING, to)), { sent: 2, received: 2 }, to);
});

test('B76 the router is the first hop of a path', { skip }, () => {
  assert.match(fromA(...PING, '-t', '1', '10.0.2.9'), /From 10\.0\.1\.1 .*Time to live exceeded/);
  assert.match(fromA(...PING, '-t', '1', '2001:db8:2::9'), /From 2001:db8:1::1 .*Time exceeded/);
});

test('B78 hosts learn the MTU of the path, and what may be cut arrives whole', { skip }, () => {
  assert.match(fromA(...PING, '-M', 'do', '-s', '1400', '10.0.2.9'), /mtu = ?1280/);
  assert.match(fromA(...PING, '-M', 'do', '-s', '1400', '2001:db8:2::9'), /mtu[ =]+1280/i);
  fromA('ip', 'route', 'flush', 'cache');
  assert.deepEqual(pingCount(fromA(...PING, '-M', 'dont', '-s', '1400', '10.0.2.9')), { sent: 2, received: 2 });
});

test('a hundred static routes lead where they say', { skip }, () => {
  const { netns } = (pair as RoutedPair).b;
  for (const n of [0, 42, 99]) {
    netns.exec(['ip', 'addr', 'add', `10.100.${n}.1/32`, 'dev', 'lo']);
    assert.equal(pingCount(fromA(...PING, `10.100.${n}.1`)).received, 2);
  }
});

test('TCP of both families goes through, with superframes whole and with superframes cut', { skip }, async () => {
  const { a, b, daemon } = pair as RoutedPair;
  const server = b.netns.spawn(['iperf3', '-s']);
  await sleep(300);
  for (const offload of ['tso', '-tso']) {
    await daemon?.run('ifconfig', b.link, offload);
    for (const to of [b.v4, b.v6]) {
      const report = JSON.parse(a.netns.exec(['iperf3', '-c', to, '-n', '4M', '-J'], { timeoutMs: 20_000 }));
      // It counts in blocks, the last of which may be one too many.
      assert.ok(report.end.sum_sent.bytes >= 4 << 20, `${offload} ${to}`);
    }
  }
  const udp = JSON.parse(
    a.netns.exec(['iperf3', '-c', b.v4, '-u', '-b', '5M', '-t', '1', '-J'], { timeoutMs: 20_000 }),
  );
  assert.equal(udp.end.sum.lost_packets, 0);
  server.kill('SIGKILL');
});

test('a host that takes another link-layer address and says so is reached at once', { skip }, () => {
  const { b } = pair as RoutedPair;
  b.netns.exec(['ip', 'link', 'set', b.link, 'address', '02:00:00:00:0b:77']);
  b.netns.exec(['ping', '-q', '-c', '1', '-W', '3', '10.0.2.1'], { check: false });
  assert.equal(pingCount(fromA(...PING, '10.0.2.9')).received, 2);
});

test('a link that goes down and comes up forwards again', { skip }, async () => {
  const { b, daemon } = pair as RoutedPair;
  await daemon?.run('ifconfig', b.link, 'down');
  assert.equal(pingCount(fromA('ping', '-n', '-c', '1', '-W', '1', '10.0.2.9')).received, 0);
  await daemon?.run('ifconfig', b.link, 'up');
  assert.equal(pingCount(fromA(...PING, '10.0.2.9')).received, 2);
});
