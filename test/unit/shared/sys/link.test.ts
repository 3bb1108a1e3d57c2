import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import {
  checkNetns,
  isLinkName,
  linkByName,
  moveLinkToNetns,
  setLinkMtu,
  setLinkUp,
} from '../../../../src/shared/sys/link.js';
import { closeTap, openTap, type TapHandle } from '../../../../src/shared/sys/tap.js';
import { Netns, uniqueLinkName } from '../../../support/netns.js';
import { skipReason } from '../../../support/require.js';

function makeTap(t: TestContext): TapHandle {
  const tap = openTap(uniqueLinkName(), 1);
  t.after(() => closeTap(tap));
  return tap;
}

test('isLinkName takes what Linux takes, and no pattern', () => {
  for (const name of ['a', 'tap0', 'eth0.100', 'x'.repeat(15), 'ünï']) assert.ok(isLinkName(name), name);
  for (const name of ['', '.', '..', 'a b', 'a\tb', 'a\nb', 'a/b', 'a:b', 'a%d', 'a\0b', 'x'.repeat(16), 'ü'.repeat(8)])
    assert.ok(!isLinkName(name), JSON.stringify(name));
});

test('lo is up and has index 1', () => {
  const lo = linkByName('lo');
  assert.equal(lo?.index, 1);
  assert.equal(lo.mac, '00:00:00:00:00:00');
  assert.equal(lo.flags & 0x8, 0x8, 'IFF_LOOPBACK');
});

test('there is no link of a name that is absent, an alias or cut short', () => {
  for (const name of ['smr-absent', '', 'lo:1', 'lo\0', 'lo%d']) assert.equal(linkByName(name), undefined, name);
});

test('a name over 15 characters never means the link it begins with', { skip: skipReason.tun() }, (t) => {
  const name = uniqueLinkName().padEnd(15, 'z');
  const tap = openTap(name, 1);
  t.after(() => closeTap(tap));
  assert.equal(linkByName(`${name}x`), undefined);
  assert.throws(() => setLinkUp(`${name}x`, true), { code: 'ENODEV' });
  assert.equal(linkByName(name)?.up, false);
});

test('up and MTU are set and seen', { skip: skipReason.tun() }, (t) => {
  const { name } = makeTap(t);
  setLinkUp(name, true);
  assert.equal(linkByName(name)?.up, true);
  setLinkUp(name, false);
  assert.equal(linkByName(name)?.up, false);
  setLinkMtu(name, 9000);
  assert.equal(linkByName(name)?.mtu, 9000);
});

test('values the kernel does not take change nothing', { skip: skipReason.tun() }, (t) => {
  const { name } = makeTap(t);
  const before = linkByName(name);
  for (const mtu of [0, 67, 65_522]) assert.throws(() => setLinkMtu(name, mtu), { code: 'EINVAL' }, `${mtu}`);
  assert.deepEqual(linkByName(name), before);
});

test('setting an absent link is ENODEV with a remedy', { skip: skipReason.root() }, () => {
  const calls = [
    () => setLinkUp('smr-absent', true),
    () => setLinkMtu('smr-absent', 1400),
    () => moveLinkToNetns('smr-absent', '/proc/self/ns/net'),
  ];
  for (const call of calls)
    assert.throws(call, (error: { code: string; remedy?: string }) => {
      return error.code === 'ENODEV' && error.remedy !== undefined;
    });
});

test('a link moves to a namespace by name, down, with its index and MAC', { skip: skipReason.tun() }, (t) => {
  const netns = Netns.create('move');
  t.after(() => netns.destroy());
  const { name } = makeTap(t);
  setLinkUp(name, true);
  const before = linkByName(name);
  moveLinkToNetns(name, netns.name);
  assert.equal(linkByName(name), undefined);
  const [there] = JSON.parse(netns.exec(['ip', '-j', 'link', 'show', name])) as [
    { ifindex: number; address: string; flags: string[] },
  ];
  assert.equal(there.ifindex, before?.index);
  assert.equal(there.address, before?.mac);
  assert.ok(!there.flags.includes('UP'));
});

test('a link moves to the namespace of a process by path', { skip: skipReason.tun() }, async (t) => {
  const netns = Netns.create('path');
  t.after(() => netns.destroy());
  const { name } = makeTap(t);
  const { pid } = netns.spawn(['sleep', '60']);
  const path = `/proc/${pid}/ns/net`;
  const deadline = performance.now() + 5000;
  while (readlinkSync(path) === readlinkSync('/proc/self/ns/net')) {
    assert.ok(performance.now() < deadline);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  moveLinkToNetns(name, path);
  assert.match(netns.exec(['ip', '-br', 'link']), new RegExp(`^${name} `, 'm'));
});

test('a move that fails says why and leaves the link here', { skip: skipReason.tun() }, (t) => {
  const netns = Netns.create('fail');
  t.after(() => netns.destroy());
  const { name } = makeTap(t);
  netns.exec(['ip', 'tuntap', 'add', 'mode', 'tap', 'name', name]);
  assert.throws(() => moveLinkToNetns(name, netns.name), { code: 'EEXIST', remedy: 'the name is taken there' });
  assert.throws(() => moveLinkToNetns(name, 'smr-absent'), {
    code: 'ENOENT',
    remedy: 'make it with `ip netns add smr-absent`',
  });
  assert.throws(() => moveLinkToNetns(name, '/proc/0/ns/net'), { code: 'ENOENT', remedy: /process/ });
  assert.throws(() => moveLinkToNetns(name, '/etc/passwd'), { code: 'EINVAL' });
  assert.throws(() => moveLinkToNetns(name, '/run/netns/'), { code: 'EINVAL' });
  assert.notEqual(linkByName(name), undefined);
});

test('checkNetns takes a namespace by name or path, and says how to make one', { skip: skipReason.root() }, (t) => {
  const netns = Netns.create('check');
  t.after(() => netns.destroy());
  checkNetns(netns.name);
  checkNetns('/proc/self/ns/net');
  assert.throws(() => checkNetns('smr-absent'), { code: 'ENOENT', remedy: 'make it with `ip netns add smr-absent`' });
});

test('no call leaves a descriptor open', { skip: skipReason.tun() }, (t) => {
  const { name } = makeTap(t);
  const lowest = (): number => {
    const probe = openTap(uniqueLinkName(), 1);
    const fd = probe.fds[0];
    closeTap(probe);
    return fd;
  };
  const before = lowest();
  linkByName(name);
  checkNetns('/proc/self/ns/net');
  setLinkMtu(name, 1400);
  assert.throws(() => setLinkMtu(name, 1));
  assert.throws(() => moveLinkToNetns(name, 'smr-absent'));
  assert.throws(() => moveLinkToNetns(name, '/etc/passwd'));
  moveLinkToNetns(name, '/proc/self/ns/net');
  assert.equal(lowest(), before);
});
