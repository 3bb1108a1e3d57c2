import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import {
  EPOLL_DATA_WORD,
  EPOLL_EVENT_WORDS,
  EPOLLERR,
  EPOLLIN,
  epollAdd,
  epollCreate,
  epollWait,
} from '../../../../src/shared/sys/epoll.js';
import { close, fixedBuffer, lastErrno, read, write } from '../../../../src/shared/sys/libc.js';
import { linkByName, moveLinkToNetns, setLinkUp } from '../../../../src/shared/sys/link.js';
import { attachQueue, closeTap, openTap, setCarrier, type TapHandle } from '../../../../src/shared/sys/tap.js';
import { Netns, uniqueLinkName } from '../../../support/netns.js';
import { skipReason } from '../../../support/require.js';
import { boxedPlaces, garbageOf } from './garbage.js';

const VNET = 12;
const memory = fixedBuffer(70_000);
const events = fixedBuffer(4 * 16);
const sys = new URL('../../../../src/shared/sys/tap.js', import.meta.url).href;

function makeTap(t: TestContext, queues = 1): TapHandle {
  const tap = openTap(uniqueLinkName(), queues);
  t.after(() => closeTap(tap));
  return tap;
}

/** A TAP whose kernel end is 192.0.2.1/24 in a namespace, without IPv6 chatter. */
function makeHost(t: TestContext, queues = 1): { netns: Netns; tap: TapHandle } {
  const netns = Netns.create('tap');
  t.after(() => netns.destroy());
  const tap = makeTap(t, queues);
  moveLinkToNetns(tap.name, netns.name);
  netns.exec(['sysctl', '-qw', `net.ipv6.conf.${tap.name}.disable_ipv6=1`]);
  netns.exec(['ip', 'addr', 'add', '192.0.2.1/24', 'dev', tap.name]);
  netns.exec(['ip', 'link', 'set', tap.name, 'up']);
  return { netns, tap };
}

/** The frames waiting in a queue, without their virtio-net headers. */
function drain(fd: number): Buffer[] {
  const frames: Buffer[] = [];
  for (;;) {
    const n = read(fd, memory.address, 70_000);
    if (n < 0) return frames;
    frames.push(Buffer.from(memory.u8.slice(VNET, n)));
  }
}

function send(fd: number, frame: Uint8Array): void {
  memory.u8.fill(0, 0, VNET);
  memory.u8.set(frame, VNET);
  assert.equal(write(fd, memory.address, VNET + frame.length), VNET + frame.length, `errno ${lastErrno()}`);
}

/** Waits until `holds`, a second at most. */
async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 2000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Open descriptors of this process. */
function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** openTap in a process of its own, behind `prefix`: prints the error's code and remedy, or `opened`. */
function openElsewhere(prefix: string[], name: string, queues = 1): string {
  const script = `import { openTap } from '${sys}';
    try { openTap('${name}', ${queues}); console.log('opened'); }
    catch (error) { console.log(error.code + ': ' + error.remedy); }`;
  const command = [...prefix, process.execPath, '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8', timeout: 20_000 });
  return stdout.trim() || stderr;
}

test('a TAP has the queues, header and offloads asked for', { skip: skipReason.tun() }, (t) => {
  const tap = makeTap(t, 2);
  assert.equal(tap.fds.length, 2);
  assert.equal(tap.ifindex, linkByName(tap.name)?.index);
  const [{ linkinfo }] = JSON.parse(
    execFileSync('ip', ['-d', '-j', 'link', 'show', tap.name], { encoding: 'utf8' }),
  ) as [{ linkinfo: { info_data: Record<string, unknown> } }];
  const { type, pi, vnet_hdr, multi_queue, numqueues, persist } = linkinfo.info_data;
  assert.deepEqual(
    { type, pi, vnet_hdr, multi_queue, numqueues, persist },
    { type: 'tap', pi: false, vnet_hdr: true, multi_queue: true, numqueues: 2, persist: false },
  );
});

test('one queue is a multi-queue TAP too', { skip: skipReason.tun() }, (t) => {
  const tap = makeTap(t, 1);
  assert.match(execFileSync('ip', ['-d', 'link', 'show', tap.name], { encoding: 'utf8' }), /multi_queue/);
});

test('closed, a TAP is gone; closing again closes nothing of others', { skip: skipReason.tun() }, (t) => {
  const tap = makeTap(t, 2);
  closeTap(tap);
  assert.equal(linkByName(tap.name), undefined);
  const other = makeTap(t, 2);
  closeTap(tap);
  assert.notEqual(linkByName(other.name), undefined);
});

test('a name in use is EBUSY, whoever has it, and stays untouched', { skip: skipReason.tun() }, (t) => {
  const tap = makeTap(t, 2);
  const before = openDescriptors();
  for (const queues of [1, 2]) {
    assert.throws(() => openTap(tap.name, queues), {
      code: 'EBUSY',
      remedy: `the name is in use; \`ip link del ${tap.name}\` or choose another`,
    });
  }
  assert.throws(() => openTap('lo', 1), { code: 'EBUSY' });
  assert.equal(openDescriptors(), before);
  assert.match(execFileSync('ip', ['-d', 'link', 'show', tap.name], { encoding: 'utf8' }), /numqueues 2/);
});

test('what cannot be a name, or a number of queues, is EINVAL and makes nothing', () => {
  for (const name of ['', 'smr%d', 'x'.repeat(16), 'a/b', 'a b', '.', 'a\0b'])
    assert.throws(() => openTap(name, 1), { code: 'EINVAL', remedy: /1 to 15/ }, JSON.stringify(name));
  for (const queues of [0, -1, 1.5, 257, Number.NaN])
    assert.throws(() => openTap('smr-q', queues), { code: 'EINVAL', remedy: /queues/ }, `${queues}`);
  assert.equal(linkByName('smr-q'), undefined);
});

test('256 queues are possible', { skip: skipReason.tun() }, (t) => {
  assert.equal(makeTap(t, 256).fds.length, 256);
});

test('a failure halfway leaves no descriptor and no TAP', { skip: skipReason.tun() }, () => {
  const name = uniqueLinkName();
  const script = `import { openTap } from '${sys}'; import { readdirSync } from 'node:fs';
    const count = () => readdirSync('/proc/self/fd').length;
    const before = count();
    try { openTap('${name}', 200); } catch (error) { console.log(error.code, count() - before); }
    console.log(readdirSync('/sys/class/net').includes('${name}'));`;
  const args = ['--nofile=128', process.execPath, '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync('prlimit', args, { encoding: 'utf8' });
  assert.equal(stdout, 'EMFILE 0\nfalse\n', stderr);
});

test('without privilege or device, the error says what to do', { skip: skipReason.tun() }, () => {
  const name = uniqueLinkName();
  const bare = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];
  assert.equal(openElsewhere(bare, name), 'EPERM: run as root or with CAP_NET_ADMIN');
  // Each in a mount namespace of its own, with another /dev/net.
  const withDevice = (make: string): string[] => [
    'unshare',
    '-m',
    'sh',
    '-c',
    `mount -t tmpfs none /dev/net && ${make} && exec "$@"`,
    'sh',
  ];
  assert.equal(
    openElsewhere(withDevice('true'), name),
    'ENOENT: load it with `modprobe tun`, or make it with `mknod /dev/net/tun c 10 200`',
  );
  assert.equal(
    openElsewhere([...withDevice('mknod -m 000 /dev/net/tun c 10 200'), ...bare], name),
    'EACCES: run as root or with CAP_NET_ADMIN',
  );
  assert.equal(openElsewhere(withDevice('mknod -m 666 /dev/net/tun c 10 200'), name), 'opened');
  assert.equal(linkByName(name), undefined);
});

test('carrier off and on is seen by Linux', { skip: skipReason.tun() }, async (t) => {
  const tap = makeTap(t);
  setLinkUp(tap.name, true);
  await until(() => linkByName(tap.name)?.running === true, 'made with carrier');
  for (const up of [false, true, false]) {
    setCarrier(tap.fds[0], up);
    await until(() => linkByName(tap.name)?.running === up, `carrier ${up}`);
    assert.equal(linkByName(tap.name)?.up, true, 'administratively up throughout');
  }
});

test('a frame from a namespace is read, and our answer arrives there', { skip: skipReason.tun() }, async (t) => {
  const { netns, tap } = makeHost(t);
  netns.exec(['ping', '-c1', '-W1', '192.0.2.2'], { check: false });
  const request = drain(tap.fds[0]).find((frame) => frame.readUInt16BE(12) === 0x0806);
  assert.ok(request !== undefined, 'an ARP request');
  assert.equal(request.toString('hex', 0, 6), 'ffffffffffff');
  assert.equal(request.toString('hex', 38, 42), 'c0000202', 'it asks for 192.0.2.2');

  const reply = Buffer.from(request.subarray(0, 42));
  const ours = Buffer.from('0200000000aa', 'hex');
  request.copy(reply, 0, 6, 12);
  ours.copy(reply, 6);
  reply.writeUInt16BE(2, 20);
  ours.copy(reply, 22);
  request.copy(reply, 28, 38, 42);
  request.copy(reply, 32, 22, 32);
  const ping = netns.spawn(['ping', '-c1', '-W2', '192.0.2.2']);
  await until(() => drain(tap.fds[0]).length > 0, 'asked again');
  send(tap.fds[0], reply);
  await until(() => netns.exec(['ip', 'neigh']).includes('02:00:00:00:00:aa'), 'the neighbour is known');
  assert.ok(ping.pid !== undefined);
});

test('epoll tells of a waiting frame, and of a TAP that is deleted', { skip: skipReason.tun() }, (t) => {
  const { netns, tap } = makeHost(t);
  const epfd = epollCreate();
  t.after(() => close(epfd));
  drain(tap.fds[0]);
  epollAdd(epfd, tap.fds[0], 11, 22, false);
  assert.equal(epollWait(epfd, events.address, 4, 0), 0);
  netns.exec(['ping', '-c1', '-W1', '192.0.2.2'], { check: false });
  assert.equal(epollWait(epfd, events.address, 4, 0), 1);
  const words = new Int32Array(events.u8.buffer, 0, EPOLL_EVENT_WORDS);
  assert.equal(words[0], EPOLLIN);
  assert.deepEqual([words[EPOLL_DATA_WORD], words[EPOLL_DATA_WORD + 1]], [11, 22]);
  drain(tap.fds[0]);
  assert.equal(epollWait(epfd, events.address, 4, 0), 0);
  netns.exec(['ip', 'link', 'del', tap.name]);
  assert.equal(epollWait(epfd, events.address, 4, 0), 1);
  assert.equal(words[0] & EPOLLERR, EPOLLERR);
});

test('a detached queue gets no frames until it is attached again', { skip: skipReason.tun() }, (t) => {
  const { netns, tap } = makeHost(t, 2);
  netns.exec(['ip', 'neigh', 'add', '192.0.2.2', 'lladdr', '02:00:00:00:00:02', 'dev', tap.name, 'nud', 'permanent']);
  const flows = (): number[] => {
    for (const fd of tap.fds) drain(fd);
    netns.exec(['bash', '-c', 'for p in {1001..1064}; do echo one > /dev/udp/192.0.2.2/$p; done']);
    return tap.fds.map((fd) => drain(fd).length);
  };
  const [first, second] = flows();
  assert.ok(first > 0 && second > 0, `both queues get some of 64 flows: ${first}, ${second}`);
  attachQueue(tap.fds[1], false);
  assert.deepEqual(flows(), [64, 0]);
  assert.throws(() => attachQueue(tap.fds[1], false), { code: 'EINVAL', remedy: /detached already/ });
  attachQueue(tap.fds[1], true);
  const [again, back] = flows();
  assert.ok(again + back === 64 && back > 0, `${again}, ${back}`);
});

test('reads and writes with boxed addresses leave no garbage', { skip: skipReason.tun() }, (t) => {
  const tap = makeTap(t);
  setLinkUp(tap.name, true);
  const { u8, addresses } = boxedPlaces();
  for (const address of addresses) {
    const at = address - addresses[0] + VNET;
    u8.fill(0xff, at, at + 6);
    u8.set([2, 0, 0, 0, 0, 1, 0x88, 0xb5], at + 6);
  }
  const run = (turns: number): void => {
    for (let i = 0; i < turns; i++) {
      const address = addresses[i & 3];
      if (write(tap.fds[0], address, VNET + 60) !== VNET + 60) throw new Error(`errno ${lastErrno()}`);
      if (read(tap.fds[0], address, VNET + 64) < 0) lastErrno();
    }
  };
  const grown = garbageOf(run);
  assert.ok(grown < 200_000, `${grown} bytes for 200 000 calls`);
});
