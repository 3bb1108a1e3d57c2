/**
 * The table in tap-policy.ts, row by row, against the kernel. A row that fails here on another kernel is news: change the
 * table with it.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { ERRNO, errnoName } from '../../../../src/shared/sys/errno.js';
import { fixedBuffer, lastErrno, read, write } from '../../../../src/shared/sys/libc.js';
import { moveLinkToNetns, setLinkMtu, setLinkUp } from '../../../../src/shared/sys/link.js';
import { attachQueue, closeTap, openTap, setCarrier, type TapHandle } from '../../../../src/shared/sys/tap.js';
import { TapPolicy, tapReadPolicy, tapWritePolicy } from '../../../../src/shared/sys/tap-policy.js';
import { Netns, uniqueLinkName } from '../../../support/netns.js';
import { skipReason } from '../../../support/require.js';

const VNET = 12;
const memory = fixedBuffer(80_000);

test('each errno has its policy', () => {
  const reads: Record<string, TapPolicy> = {
    EAGAIN: TapPolicy.AGAIN,
    EINTR: TapPolicy.AGAIN,
    ENOMEM: TapPolicy.AGAIN,
    ENOBUFS: TapPolicy.AGAIN,
    EIO: TapPolicy.DOWN,
    ENETDOWN: TapPolicy.DOWN,
    EINVAL: TapPolicy.REFUSED,
    EBADFD: TapPolicy.GONE,
    ENODEV: TapPolicy.GONE,
    ENXIO: TapPolicy.GONE,
  };
  const writes = { ...reads, EMSGSIZE: TapPolicy.REFUSED, E2BIG: TapPolicy.REFUSED };
  for (const [name, errno] of Object.entries(ERRNO)) {
    assert.equal(tapReadPolicy(errno), reads[name] ?? TapPolicy.FATAL, `read ${name}`);
    assert.equal(tapWritePolicy(errno), (writes as typeof reads)[name] ?? TapPolicy.FATAL, `write ${name}`);
  }
  assert.equal(tapReadPolicy(9999), TapPolicy.FATAL);
});

function makeTap(t: TestContext, queues = 1): TapHandle {
  const tap = openTap(uniqueLinkName(), queues);
  t.after(() => closeTap(tap));
  return tap;
}

/** Writes a broadcast frame of `length` bytes (EtherType of local experiments) behind a zero header that `lie` may change. */
function writeFrame(fd: number, length: number, lie?: (header: DataView) => void): string {
  memory.u8.fill(0, 0, VNET + 64);
  memory.u8.fill(0xff, VNET, VNET + 6);
  memory.u8.set([2, 0, 0, 0, 0, 1, 0x88, 0xb5], VNET + 6);
  lie?.(memory.view);
  return outcome(write(fd, memory.address, VNET + length), VNET + length);
}

function readFrame(fd: number, length = 70_000): string {
  return outcome(read(fd, memory.address, length));
}

function outcome(result: number, whole = result): string {
  if (result < 0) return errnoName(lastErrno());
  return result === whole ? 'taken' : `${result} of ${whole}`;
}

/** Reads until there is nothing. */
function drain(fd: number): void {
  while (read(fd, memory.address, 70_000) >= 0);
}

test('down: a write is EIO, a read EAGAIN', { skip: skipReason.tun() }, (t) => {
  const { fds, name } = makeTap(t);
  assert.equal(readFrame(fds[0]), 'EAGAIN');
  assert.equal(writeFrame(fds[0], 60), 'EIO');
  setLinkUp(name, true);
  assert.equal(writeFrame(fds[0], 60), 'taken');
  setLinkUp(name, false);
  assert.equal(writeFrame(fds[0], 60), 'EIO');
});

test('without carrier, or detached, a write is taken and a read EAGAIN', { skip: skipReason.tun() }, (t) => {
  const { fds, name } = makeTap(t, 2);
  setLinkUp(name, true);
  setCarrier(fds[0], false);
  assert.equal(writeFrame(fds[0], 60), 'taken');
  attachQueue(fds[1], false);
  assert.equal(writeFrame(fds[1], 60), 'taken');
  assert.equal(readFrame(fds[1]), 'EAGAIN');
});

test('a frame is refused under 14 bytes, and at no length above', { skip: skipReason.tun() }, (t) => {
  const { fds, name } = makeTap(t);
  setLinkUp(name, true);
  for (const length of [-12, -1, 0, 13]) assert.equal(writeFrame(fds[0], length), 'EINVAL', `${length}`);
  for (const length of [14, 60, 1514, 9014, 65_549, 69_000])
    assert.equal(writeFrame(fds[0], length), 'taken', `${length}`);
});

test('which lies in a virtio-net header are refused', { skip: skipReason.tun() }, (t) => {
  const { fds, name } = makeTap(t);
  setLinkUp(name, true);
  const gso =
    (type: number, size: number, checksumOffset = 16) =>
    (header: DataView) => {
      header.setUint8(0, 1);
      header.setUint8(1, type);
      header.setUint16(4, size, true);
      header.setUint16(6, 34, true);
      header.setUint16(8, checksumOffset, true);
    };
  const checksumAt = (start: number, offset: number) => (header: DataView) => {
    header.setUint8(0, 1);
    header.setUint16(6, start, true);
    header.setUint16(8, offset, true);
  };
  const rows: [string, (header: DataView) => void, string][] = [
    ['hdr_len outside', (header) => header.setUint16(2, 1000, true), 'EINVAL'],
    ['csum_start outside', checksumAt(500, 16), 'EINVAL'],
    ['checksum across the end', checksumAt(59, 0), 'EINVAL'],
    ['unknown gso_type', gso(9, 1000), 'EINVAL'],
    ['ECN alone', (header) => header.setUint8(1, 0x80), 'EINVAL'],
    ['gso_size 0', gso(1, 0), 'EINVAL'],
    ['TCP GSO in a frame that is not IP', gso(1, 1000), 'taken'],
    ['UDP GSO, the checksum not where UDP has it', gso(5, 20, 16), 'EINVAL'],
    ['UDP GSO in a frame that is not IP', gso(5, 20, 6), 'taken'],
    ['unknown flags', (header) => header.setUint8(0, 0xfe), 'taken'],
    ['num_buffers', (header) => header.setUint16(10, 77, true), 'taken'],
  ];
  for (const [what, lie, expected] of rows) assert.equal(writeFrame(fds[0], 60, lie), expected, what);
});

test('a buffer that is too short cuts the frame, or loses it', { skip: skipReason.tun() }, (t) => {
  const netns = Netns.create('cut');
  t.after(() => netns.destroy());
  const { fds, name } = makeTap(t);
  moveLinkToNetns(name, netns.name);
  netns.exec(['sysctl', '-qw', `net.ipv6.conf.${name}.disable_ipv6=1`]);
  netns.exec(['ip', 'link', 'set', name, 'up']);
  netns.exec(['ip', 'addr', 'add', '192.0.2.1/24', 'dev', name]);
  netns.exec(['ip', 'neigh', 'add', '192.0.2.2', 'lladdr', '02:00:00:00:00:02', 'dev', name, 'nud', 'permanent']);
  drain(fds[0]);
  netns.exec(['bash', '-c', 'for i in 1 2 3 4; do echo one > /dev/udp/192.0.2.2/9; done']);
  assert.equal(readFrame(fds[0], 5), 'EINVAL');
  assert.equal(read(fds[0], memory.address, 20), 20, 'cut');
  assert.equal(read(fds[0], 8, 2048), -1);
  assert.equal(lastErrno(), ERRNO.EFAULT);
  assert.equal(read(fds[0], memory.address, 2048), VNET + 14 + 20 + 8 + 4, 'the fourth: each of those before took one');
  assert.equal(readFrame(fds[0]), 'EAGAIN');
});

test('a bad address or descriptor is a mistake of ours', { skip: skipReason.tun() }, (t) => {
  const { fds, name } = makeTap(t);
  setLinkUp(name, true);
  assert.equal(write(fds[0], 8, 100), -1);
  assert.equal(tapWritePolicy(lastErrno()), TapPolicy.FATAL);
  assert.equal(read(-1, memory.address, 100), -1);
  assert.equal(tapReadPolicy(lastErrno()), TapPolicy.FATAL);
});

test('deleted while it is open: gone, for every queue', { skip: skipReason.tun() }, (t) => {
  const { fds, name } = makeTap(t, 2);
  setLinkUp(name, true);
  execFileSync('ip', ['link', 'del', name]);
  for (const fd of fds) {
    assert.equal(read(fd, memory.address, 2048), -1);
    assert.equal(lastErrno(), ERRNO.EBADFD);
    assert.equal(tapReadPolicy(lastErrno()), TapPolicy.GONE);
    assert.equal(writeFrame(fd, 60), 'EBADFD');
    assert.equal(tapWritePolicy(ERRNO.EBADFD), TapPolicy.GONE);
  }
  assert.throws(() => setCarrier(fds[0], true), { code: 'EBADFD' });
  assert.throws(() => attachQueue(fds[0], true), { code: 'EINVAL' });
  assert.throws(() => setLinkMtu(name, 1400), { code: 'ENODEV' });
});

test('moved, a TAP is down until set up there; its namespace deleted, it is gone', {
  skip: skipReason.tun(),
}, async (t) => {
  const netns = Netns.create('gone');
  t.after(() => netns.destroy());
  const { fds, name } = makeTap(t);
  setLinkUp(name, true);
  moveLinkToNetns(name, netns.name);
  assert.equal(writeFrame(fds[0], 60), 'EIO');
  netns.exec(['ip', 'link', 'set', name, 'up']);
  assert.equal(writeFrame(fds[0], 60), 'taken');
  netns.destroy();
  // The kernel takes a namespace down in its own time.
  const deadline = performance.now() + 10_000;
  while (writeFrame(fds[0], 60) !== 'EBADFD') {
    assert.ok(performance.now() < deadline, 'still there after 10 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  drain(fds[0]);
  assert.equal(readFrame(fds[0]), 'EBADFD');
});
