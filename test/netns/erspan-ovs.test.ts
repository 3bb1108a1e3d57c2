/**
 * ERSPAN between us and Open vSwitch's user-space datapath, both ways, over IPv4 and IPv6: a ping through it, and what tshark reads of the
 * outer packets on the link.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { Netns } from '../support/netns.js';
import { Ovs } from '../support/ovs.js';
import { temporaryFolder, uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const skip =
  skipReason.root() || skipReason.tun() || skipReason.program('tshark') || skipReason.program('ovs-vswitchd');

/** Fields of the ERSPAN packets in a capture file, a line each. */
function decoded(file: string, ...fields: string[]): string[][] {
  const wanted = fields.flatMap((field) => ['-e', field]);
  // What is inside has addresses too: the outer ones are the first.
  const args = ['-r', file, '-Y', 'erspan', '-T', 'fields', '-E', 'occurrence=f', ...wanted];
  return execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

for (const [family, us, them] of [
  ['IPv4', '192.0.2.1', '192.0.2.2'],
  ['IPv6', '2001:db8::1', '2001:db8::2'],
] as const) {
  test(`a ping through ERSPAN to Open vSwitch and back over ${family}; tshark reads both ways`, { skip }, async () => {
    const tap = uniqueTap();
    const far = Netns.create('ovs');
    const length = family === 'IPv4' ? 24 : 64;
    const daemon = await Daemon.start({
      config: [
        `ifconfig ${tap} create netns ${far.name} up`,
        `ifconfig ${tap} ${family === 'IPv4' ? 'inet' : 'inet6'} ${us}/${length}`,
        `ifconfig erspan0 create tunnel ${us} ${them} vnetid 5 link0 -monitor inet 10.5.0.1/24 up`,
      ],
      workers: 1,
    });
    const ovs = new Ovs(far);
    try {
      const netdev = ['datapath_type=netdev', 'fail_mode=standalone'];
      ovs.vsctl('add-br', 'phy', '--', 'set', 'bridge', 'phy', ...netdev, '--', 'add-port', 'phy', tap);
      ovs.vsctl('add-br', 'int', '--', 'set', 'bridge', 'int', ...netdev);
      far.exec(['sysctl', '-qw', 'net.ipv6.conf.phy.accept_dad=0']);
      far.exec(['ip', 'address', 'add', `${them}/${length}`, 'dev', 'phy']);
      for (const link of [tap, 'phy', 'int']) far.exec(['ip', 'link', 'set', link, 'up']);
      far.exec(['ip', 'address', 'add', '10.5.0.2/24', 'dev', 'int']);
      const options = [`options:remote_ip=${us}`, 'options:key=5', 'options:erspan_ver=1', 'options:erspan_idx=0x2a'];
      ovs.vsctl('add-port', 'int', 'e0', '--', 'set', 'interface', 'e0', 'type=erspan', ...options);
      // Its switch learns the neighbour by what it sees of the kernel's.
      far.exec(['ping', '-c', '1', '-W', '2', us], { check: false });
      const file = join(temporaryFolder(), 'link.pcap');
      const dump = far.spawn(['tcpdump', '-i', tap, '-U', '-w', file, 'proto', '47']);
      let said = '';
      dump.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      await until('tcpdump listens', 10_000, () => said.includes('listening'));
      await until('an answer through the tunnel', 15_000, () =>
        / [1-9]\d* received/.test(far.exec(['ping', '-c', '1', '-W', '1', '10.5.0.1'], { check: false })),
      );
      assert.match(far.exec(['ping', '-c', '5', '-i', '0.1', '-W', '2', '10.5.0.1']), / 5 received/);
      const source = family === 'IPv4' ? 'ip.src' : 'ipv6.src';
      const read = (): string[][] =>
        decoded(
          file,
          source,
          'erspan.version',
          'erspan.spanid',
          'erspan.truncated',
          'erspan.index',
          'erspan.vlan',
          'gre.sequence_number',
        );
      await until('tcpdump has written', 5000, () => read().filter((line) => line[0] === us).length >= 5);
      const lines = read();
      const ours = lines.filter((line) => line[0] === us);
      const theirs = lines.filter((line) => line[0] === them);
      assert.ok(theirs.length >= 5, `${theirs.length} packets of theirs`);
      for (const [, version, session, truncated, , vlan] of ours) {
        assert.deepEqual([Number(version), Number(session), vlan], [1, 5, '0']);
        assert.match(truncated ?? '', /^(0|False)$/);
      }
      assert.ok(
        ours.every((line, n) => Number(line[6]) === n + Number(ours[0]?.[6])),
        'numbers in a row',
      );
      assert.ok(
        theirs.every((line) => Number(line[4]) === 0x2a),
        'their index',
      );
      const lost = await daemon.metrics();
      const stream = `{interface="erspan0",source="${them}",session="5"}`;
      assert.ok((lost.get(`smrouter_erspan_packets_total${stream}`) ?? 0) >= 5);
      assert.equal(lost.get(`smrouter_erspan_lost_packets${stream}`), 0);
      await daemon.books();
    } finally {
      await ovs.stop();
      await daemon.stop();
      far.destroy();
    }
  });
}
