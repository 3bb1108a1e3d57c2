/**
 * The MTU of a path through the core (spec B §2.8 item 12): a Linux router on the way has a shorter link, and says so to smrouterd. The
 * tenant's host, also Linux, comes to know what is left for it, and its kernel keeps to it.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { until } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { Mesh } from '../support/srv6-mesh.js';

const skip = skipReason.tun();
let mesh: Mesh;

before(async () => {
  if (skip !== false) return;
  mesh = new Mesh();
  await mesh.router('rt');
  const transit = await mesh.host('transit', 'rt', 'fd00::2/64');
  const host = await mesh.host('host', 'rt', '10.0.0.1/24', 'cafe::1/64');
  transit.exec(['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1']);
  transit.exec(['ip', 'link', 'add', 'short', 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'end']);
  for (const link of ['short', 'end']) transit.exec(['ip', 'link', 'set', link, 'up']);
  transit.exec(['ip', '-6', 'route', 'add', 'fc00::/16', 'dev', 'short']);
  host.exec(['ip', 'route', 'add', 'default', 'via', '10.0.0.254']);
  host.exec(['ip', '-6', 'route', 'add', 'default', 'via', 'cafe::254']);
  await mesh.run(
    'rt',
    'ip -6 addr add fd00::1/64 dev {transit}',
    'ip link add vrf-100 type vrf table 100',
    'ip link set vrf-100 up',
    'ip link set {host} master vrf-100',
    'ip addr add 10.0.0.254/24 dev {host}',
    'ip addr add cafe::254/64 dev {host}',
    'ip -6 route add fc00::/16 via fd00::2 dev {transit}',
    'ip -4 route add 10.1.0.0/16 vrf vrf-100 encap seg6 mode encap segs fc00:2::d46 dev {transit}',
    'ip -6 route add cafe:1::/32 vrf vrf-100 encap seg6 mode encap.red segs fc00:2::d46 dev {transit}',
  );
});

after(async () => {
  assert.deepEqual(await mesh?.stop(), [0]);
});

it('B70 Linux in the core says Packet Too Big, and the tenant’s host has the MTU that is left', { skip }, async () => {
  const host = mesh.hosts.get('host');
  /** The MTU that the host's kernel knows of the way to an address, after a ping there of 1450 bytes that must not be cut. */
  const learnt = async (to: string): Promise<string | undefined> => {
    const size = to.includes(':') ? 1402 : 1400;
    host?.exec(['ping', '-n', '-c', '1', '-W', '0.3', '-M', 'do', '-s', String(size), to], { check: false });
    return / mtu (\d+)/.exec(host?.exec(['ip', 'route', 'get', to]) ?? '')?.[1];
  };
  // The outer packet of 64 bytes more fits our own link but not the transit's; reduced, of 40 more, likewise.
  await until('the host has heard', 30_000, async () => (await learnt('10.1.0.1')) === '1336');
  await until('the host has heard of IPv6', 30_000, async () => (await learnt('cafe:1::1')) === '1360');
  await mesh.get('rt').daemon.books();
});
