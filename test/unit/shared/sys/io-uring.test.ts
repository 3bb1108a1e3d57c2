/** The ring on eventfds and a TAP: order, results, what a predecessor left, addresses beyond 4 GiB, and every way to have none. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { ERRNO } from '../../../../src/shared/sys/errno.js';
import { eventfdCreate } from '../../../../src/shared/sys/eventfd.js';
import { closeIoRing, openIoRing, type RingMap, setRingFile, useIoRing } from '../../../../src/shared/sys/io-uring.js';
import { addressOf, close, fixedBuffer, viewAt } from '../../../../src/shared/sys/libc.js';
import { linkByName } from '../../../../src/shared/sys/link.js';
import { closeTap, openTap } from '../../../../src/shared/sys/tap.js';
import { forbidding } from '../../../support/forbid.js';
import { uniqueLinkName } from '../../../support/netns.js';
import { skipReason } from '../../../support/require.js';
import { garbageOf } from './garbage.js';

const BATCH = 8;
const MODULE = new URL('../../../../src/shared/sys/io-uring.js', import.meta.url).href;

/** A ring with one eventfd at place 3, and memory; all gone after the test. */
function rig(t: { after(run: () => void): void }): {
  ring: RingMap;
  fd: number;
  memory: ReturnType<typeof fixedBuffer>;
} {
  const ring = openIoRing(BATCH, 16);
  const fd = eventfdCreate();
  setRingFile(ring, 3, fd);
  t.after(() => {
    closeIoRing(ring);
    close(fd);
  });
  return { ring, fd, memory: fixedBuffer(4096) };
}

test('writes and reads are carried out in their order, and each has its own result', (t) => {
  const { ring, memory } = rig(t);
  const io = useIoRing(ring, memory.address);
  for (let round = 0; round < 100; round++) {
    for (let k = 0; k < BATCH; k++) {
      memory.view.setBigUint64(8 * k, BigInt(10 ** k), true);
      io.prepare(io.writes + k, 8 * k, 8);
      io.prepare(k, 1024 + 8 * k, 8);
    }
    // Too short for an eventfd: EINVAL in the middle, and the others do not mind.
    io.prepare(io.writes + 2, 16, 4);
    assert.equal(io.submit(io.writes, BATCH, 3), true);
    assert.deepEqual([...io.results.subarray(io.writes)], [8, 8, -ERRNO.EINVAL, 8, 8, 8, 8, 8]);
    assert.equal(io.submit(0, 3, 3), true);
    assert.deepEqual([...io.results.subarray(0, 3)], [8, -ERRNO.EAGAIN, -ERRNO.EAGAIN]);
    assert.equal(memory.view.getBigUint64(1024, true), 11_111_011n);
  }
});

test('a place without a descriptor is EBADF, and a descriptor that does not exist cannot be placed', (t) => {
  const { ring, memory } = rig(t);
  const io = useIoRing(ring, memory.address);
  io.prepare(0, 0, 8);
  assert.equal(io.submit(0, 1, 4), true);
  assert.equal(io.results[0], -ERRNO.EBADF);
  assert.throws(() => setRingFile(ring, 5, 9999), { code: 'EBADF' });
  assert.throws(() => setRingFile(ring, 16, 0), { code: 'EINVAL' });
});

test('what a predecessor left in the ring is void', (t) => {
  const { ring, memory } = rig(t);
  const first = useIoRing(ring, memory.address);
  memory.view.setBigUint64(0, 5n, true);
  first.prepare(first.writes, 0, 8);
  first.submit(first.writes, 1, 3);
  // It died between publishing its entries and entering the kernel; and before that, between entering and collecting.
  const words = new Int32Array(viewAt(ring.rings, ring.ringBytes));
  Atomics.add(words, ring.sqTail, 3);
  Atomics.sub(words, ring.cqHead, 1);
  const second = useIoRing(ring, memory.address);
  second.prepare(0, 64, 8);
  assert.equal(second.submit(0, 1, 3), true);
  assert.equal(second.results[0], 8);
  assert.equal(memory.view.getBigUint64(64, true), 5n, 'written once');
  assert.equal(second.results[second.writes], 0, 'no result of the other');
});

test('addresses on both sides of a multiple of 4 GiB', (t) => {
  const { ring } = rig(t);
  const io = useIoRing(ring, 5 * 2 ** 32 - 4096);
  const entry = new BigUint64Array(viewAt(ring.entries, 64));
  for (const [at, address] of [
    [0, 0x4_ffff_f000n],
    [4095, 0x4_ffff_ffffn],
    [4096, 0x5_0000_0000n],
    [2 ** 31 - 1, 0x5_7fff_efffn],
  ] as const) {
    io.prepare(0, at, 8);
    assert.equal(entry[2], address);
  }
});

test('a ring that is broken says so, and nothing counts as done', (t) => {
  const { ring, memory } = rig(t);
  const broken = useIoRing({ ...ring, fd: 9999 }, memory.address);
  broken.prepare(0, 0, 8);
  assert.equal(broken.submit(0, 1, 3), false);
  assert.equal(broken.results[0], -ERRNO.EAGAIN);
});

test('a descriptor in the table holds its TAP, and the TAP goes with it', { skip: skipReason.tun() }, (t) => {
  const { ring } = rig(t);
  const name = uniqueLinkName();
  const tap = openTap(name, 1);
  setRingFile(ring, 7, tap.fds[0] as number);
  closeTap(tap);
  assert.notEqual(linkByName(name), undefined);
  setRingFile(ring, 7, -1);
  assert.equal(linkByName(name), undefined);
});

test('an empty TAP is EAGAIN at once', { skip: skipReason.tun() }, (t) => {
  const { ring, memory } = rig(t);
  const tap = openTap(uniqueLinkName(), 1);
  setRingFile(ring, 7, tap.fds[0] as number);
  t.after(() => closeTap(tap));
  const io = useIoRing(ring, memory.address);
  for (let k = 0; k < BATCH; k++) io.prepare(k, 64 * k, 64);
  io.submit(0, BATCH, 7);
  assert.deepEqual([...io.results.subarray(0, BATCH)], new Array(BATCH).fill(-ERRNO.EAGAIN));
});

test('where it is forbidden the error says so and how to allow it', { skip: skipReason.root() }, () => {
  const script = `import { openIoRing } from '${MODULE}'; try { openIoRing(8, 8); } catch (e) { console.log(e.message); }`;
  const command = forbidding(425, [process.execPath, '--input-type=module', '-e', script]);
  const said = execFileSync(command[0] as string, command.slice(1), { encoding: 'utf8' });
  assert.match(said, /^io_uring_setup: EPERM; allow it: sysctl kernel.io_uring_disabled=0/);
});

test('a table larger than the limit of open files is EMFILE, and leaves nothing open', () => {
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  assert.throws(() => openIoRing(8, 2 ** 30), /io_uring_register: (EMFILE|EINVAL)/);
  assert.equal(open(), before);
});

test('nothing is allocated by going round', (t) => {
  const { ring } = rig(t);
  // Large, so that its address is beyond what a small integer holds.
  const memory = new SharedArrayBuffer(64 << 20);
  const base = addressOf(new Uint8Array(memory));
  assert.ok(base > 2 ** 32);
  const io = useIoRing(ring, base);
  const bytes = garbageOf((turns) => {
    for (let n = 0; n < turns; n++) {
      io.prepare(0, (n & 1023) << 12, 8);
      io.submit(0, 2, 3);
    }
  });
  assert.ok(bytes < 100_000, `${bytes} bytes in 100 000 turns`);
});
