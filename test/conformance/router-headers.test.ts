/**
 * What an IP router must not take (spec B §5.1, §5.3): each malformed header and each impossible address has its own counter and
 * makes no sound. Frames go through two workers and memory ports.
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { ether, icmp, ipv4, ipv6, mac } from '../support/fake-stack.js';
import { naiveChecksum } from '../support/naive-ip.js';
import { RoutedRig } from '../support/routed-rig.js';

const rig = await RoutedRig.start([
  'sysctl net.inet.icmp.errppslimit=-1',
  'sysctl net.inet6.icmp6.errppslimit=-1',
  'ifconfig mem0 create 10.0.1.1/24 up',
  'ifconfig mem1 create 10.0.2.1/24 up',
  'ifconfig mem0 inet6 2001:db8:1::1/64',
  'ifconfig mem1 inet6 2001:db8:2::1/64',
  'route add -inet default 10.0.2.9',
  'route add -inet6 default 2001:db8:2::9',
]);
rig.neighbour('mem0', '10.0.1.9', mac(9));
rig.neighbour('mem0', '2001:db8:1::9', mac(9));
rig.neighbour('mem1', '10.0.2.9', mac(8));
rig.neighbour('mem1', '2001:db8:2::9', mac(8));
after(() => rig.stop());
beforeEach(() => rig.forget());

const US = rig.lladdr('mem0');
const PAYLOAD = new Uint8Array(16).fill(0x5a);

/** Bytes set in a packet; an IPv4 header checksum is made right again unless `checksum` is false. */
function changed(packet: Uint8Array, bytes: Readonly<Record<number, number>>, checksum = true): Uint8Array {
  const copy = packet.slice();
  for (const [at, byte] of Object.entries(bytes)) copy[Number(at)] = byte;
  if (checksum && copy[0] >> 4 === 4) {
    const header = Math.max(20, (copy[0] & 15) * 4);
    copy.set([0, 0], 10);
    new DataView(copy.buffer).setUint16(10, naiveChecksum(copy.slice(0, header)));
  }
  return copy;
}

const good4 = ipv4('10.0.1.9', '10.0.2.9', 17, PAYLOAD);
const good6 = ipv6('2001:db8:1::9', '2001:db8:2::9', 17, PAYLOAD);
const from4 = (source: string): Uint8Array => ipv4(source, '10.0.2.9', 17, PAYLOAD);
const to4 = (destination: string): Uint8Array => ipv4('10.0.1.9', destination, 17, PAYLOAD);
const from6 = (source: string): Uint8Array => ipv6(source, '2001:db8:2::9', 17, PAYLOAD);
const to6 = (destination: string): Uint8Array => ipv6('2001:db8:1::9', destination, 17, PAYLOAD);
const options = (...bytes: number[]): Uint8Array =>
  ipv4('10.0.1.9', '10.0.2.9', 17, PAYLOAD, { options: Uint8Array.from(bytes) });

/** A fault, the reason it is dropped for, and the packet. */
const FAULTS4: readonly (readonly [string, string, Uint8Array])[] = [
  ['fewer than 20 bytes', 'ip4-short', good4.slice(0, 19)],
  ['version 5', 'ip4-version', changed(good4, { 0: 0x55 })],
  ['version 6 under the ethertype of 4', 'ip4-version', good6],
  ['header length 4', 'ip4-header-length', changed(good4, { 0: 0x44 })],
  ['header length beyond the packet', 'ip4-header-length', changed(good4, { 0: 0x4f }, false)],
  ['a wrong checksum', 'ip4-checksum', changed(good4, { 10: good4[10] ^ 1 }, false)],
  ['a checksum of 0', 'ip4-checksum', changed(good4, { 10: 0, 11: 0 }, false)],
  ['total length 19', 'ip4-length', changed(good4, { 3: 19 })],
  ['total length one more than there is', 'ip4-truncated', changed(good4, { 3: good4.length + 1 })],
  ['a loose source route', 'ip4-source-route', options(131, 7, 4, 10, 0, 2, 1, 0)],
  ['a strict source route', 'ip4-source-route', options(137, 7, 4, 10, 0, 2, 1, 0)],
  ['source 0.0.0.1', 'martian-source', from4('0.0.0.1')],
  ['source 0.0.0.0 to one station', 'martian-source', from4('0.0.0.0')],
  ['source 127.0.0.1', 'martian-source', from4('127.0.0.1')],
  ['a multicast source', 'martian-source', from4('224.0.0.5')],
  ['a class E source', 'martian-source', from4('240.0.0.1')],
  ['source 255.255.255.255', 'martian-source', from4('255.255.255.255')],
  ['an address of ours as source', 'martian-source', from4('10.0.1.1')],
  ['an address of ours on another port as source', 'martian-source', from4('10.0.2.1')],
  ['the directed broadcast as source', 'martian-source', from4('10.0.1.255')],
  ['the directed broadcast of another port as source', 'martian-source', from4('10.0.2.255')],
  ['destination 0.0.0.0', 'martian-destination', to4('0.0.0.0')],
  ['destination 0.1.2.3', 'martian-destination', to4('0.1.2.3')],
  ['destination 127.0.0.1', 'martian-destination', to4('127.0.0.1')],
  ['a class E destination', 'martian-destination', to4('250.1.2.3')],
  ['a group that nobody has joined', 'multicast', to4('239.1.2.3')],
  ['a link-local group', 'multicast', to4('224.0.0.251')],
];

const FAULTS6: readonly (readonly [string, string, Uint8Array])[] = [
  ['fewer than 40 bytes', 'ip6-short', good6.slice(0, 39)],
  ['version 4 under the ethertype of 6', 'ip6-version', changed(good6, { 0: 0x40 }, false)],
  ['a payload length one more than there is', 'ip6-truncated', changed(good6, { 5: PAYLOAD.length + 1 })],
  ['no payload', 'ip6-zero-payload', ipv6('2001:db8:1::9', '2001:db8:2::9', 17, new Uint8Array(0))],
  ['a multicast source', 'ip6-multicast-source', from6('ff02::1')],
  ['source ::1', 'ip6-loopback', from6('::1')],
  ['destination ::1', 'ip6-loopback', to6('::1')],
  ['a group of scope 0', 'ip6-scope', to6('ff00::1')],
  ['a group of scope 1', 'ip6-scope', to6('ff01::1')],
  ['an IPv4-mapped source', 'ip6-mapped', from6('::ffff:10.0.1.9')],
  ['an IPv4-mapped destination', 'ip6-mapped', to6('::ffff:10.0.2.9')],
  ['no source', 'ip6-unspecified', from6('::')],
  ['a group that nobody has joined', 'multicast', to6('ff05::1234')],
  [
    'a hop-by-hop option that says to drop',
    'ip6-option',
    ipv6('2001:db8:1::9', '2001:db8:2::9', 0, Uint8Array.of(17, 0, 0x40, 4, 0, 0, 0, 0, ...PAYLOAD)),
  ],
];

async function isDropped(type: number, reason: string, packet: Uint8Array): Promise<void> {
  const frame = ether(US, mac(9), type, packet);
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', frame)), { [reason]: 1 });
  assert.deepEqual([rig.take('mem0').length, rig.take('mem1').length], [0, 0], 'nothing is said');
}

test('B74 the packets that the faults are made of are forwarded as they are', async () => {
  await rig.send('mem0', ether(US, mac(9), 0x0800, good4), ether(US, mac(9), 0x86dd, good6));
  const out = rig.take('mem1').map((bytes) => bytes.slice(14));
  assert.deepEqual(out, [changed(good4, { 8: 63 }), changed(good6, { 7: 63 })]);
});

for (const [name, reason, packet] of FAULTS4)
  test(`B74 IPv4 with ${name} is drop(${reason}) and nothing else`, () => isDropped(0x0800, reason, packet));
for (const [name, reason, packet] of FAULTS6)
  test(`B74 IPv6 with ${name} is drop(${reason}) and nothing else`, () => isDropped(0x86dd, reason, packet));

test('B74 a malformed IPv4 option is dropped by its own reason and answered with its place', async () => {
  const packet = options(7, 39, 4, 0, 0, 0, 0, 0);
  const dropped = await rig.dropsOf(() => rig.send('mem0', ether(US, mac(9), 0x0800, packet)));
  assert.deepEqual(dropped, { 'ip4-option': 1 });
  const [error, ...more] = rig.take('mem0');
  assert.equal(more.length, 0);
  assert.deepEqual([...error.slice(34, 36), error[38]], [12, 0, 20], 'parameter problem, at the option');
  assert.equal(rig.take('mem1').length, 0);
});

test('B74 padding of the link is trimmed, and source 169.254/16 is forwarded', async () => {
  const autonomous = ipv4('169.254.7.9', '10.0.2.9', 17, PAYLOAD);
  const to = ipv4('10.0.1.9', '169.254.7.9', 17, PAYLOAD);
  const padded = (packet: Uint8Array): Uint8Array =>
    ether(US, mac(9), packet[0] >> 4 === 4 ? 0x0800 : 0x86dd, packet, new Uint8Array(10).fill(0xee));
  await rig.send('mem0', padded(good4), padded(good6), padded(autonomous), padded(to));
  const out = rig.take('mem1').map((bytes) => bytes.slice(14));
  assert.deepEqual(out, [
    changed(good4, { 8: 63 }),
    changed(good6, { 7: 63 }),
    changed(autonomous, { 8: 63 }),
    changed(to, { 8: 63 }),
  ]);
});

test('B74 a frame to another station is dropped as other-host', async () => {
  const frame = ether(mac(77), mac(9), 0x0800, good4);
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', frame)), { 'other-host': 1 });
  assert.deepEqual([rig.take('mem0').length, rig.take('mem1').length], [0, 0]);
});

test('B74 an IPv6 source of this link alone gets beyond-scope, and is not forwarded', async () => {
  const packet = ipv6('fe80::9', '2001:db8:2::9', 17, PAYLOAD);
  rig.neighbour('mem0', 'fe80::9', mac(9));
  const dropped = await rig.dropsOf(() => rig.send('mem0', ether(US, mac(9), 0x86dd, packet)));
  assert.deepEqual(dropped, { 'ip6-link-local': 1 });
  const [error] = rig.take('mem0');
  assert.deepEqual([...error.slice(54, 56)], [1, 2]);
  assert.equal(rig.take('mem1').length, 0);
});

test('B76 an echo reply in the name of the router is no source either', async () => {
  const reply = ipv4('10.0.2.1', '10.0.1.1', 1, icmp(0, 0, 1, PAYLOAD));
  assert.deepEqual(await rig.dropsOf(() => rig.send('mem0', ether(US, mac(9), 0x0800, reply))), {
    'martian-source': 1,
  });
});
