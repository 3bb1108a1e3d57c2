import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ERRNO } from '../../../../src/shared/sys/errno.js';
import {
  addressOf,
  boxAddresses,
  close,
  fixedBuffer,
  lastErrno,
  open,
  read,
  write,
  writev,
} from '../../../../src/shared/sys/libc.js';
import { boxedPlaces, collect, garbageOf } from './garbage.js';

test('addressOf counts the offset of the view in its memory', () => {
  const shared = new SharedArrayBuffer(4096);
  const base = addressOf(new Uint8Array(shared));
  assert.ok(Number.isSafeInteger(base) && base > 0);
  assert.equal(addressOf(new Uint8Array(shared, 100)), base + 100);
});

test('read and write move bytes between descriptors and shared memory, at offsets', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'smr-libc-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'file');
  const memory = fixedBuffer(64);
  memory.u8.set(Buffer.from('..hello'), 0);
  const out = openSync(path, 'w');
  assert.equal(write(out, memory.address + 2, 5), 5);
  closeSync(out);
  assert.equal(readFileSync(path, 'latin1'), 'hello');

  const fd = open(path, 0);
  assert.ok(fd >= 0);
  memory.u8.fill(0x2e);
  assert.equal(read(fd, memory.address + 10, 64 - 10), 5);
  assert.equal(Buffer.from(memory.u8.slice(9, 16)).toString('latin1'), '.hello.');
  assert.equal(read(fd, memory.address, 64), 0, 'end of file');
  assert.equal(close(fd), 0);
  assert.equal(read(fd, memory.address, 64), -1);
  assert.equal(lastErrno(), ERRNO.EBADF);
});

test('writev gathers pieces that an iovec in shared memory names', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'smr-libc-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const memory = fixedBuffer(64);
  memory.u8.set(Buffer.from('header'), 0);
  memory.u8.set(Buffer.from('payload'), 32);
  const iov = fixedBuffer(32);
  iov.view.setBigUint64(0, BigInt(memory.address), true);
  iov.view.setBigUint64(8, 6n, true);
  iov.view.setBigUint64(16, BigInt(memory.address + 32), true);
  iov.view.setBigUint64(24, 7n, true);
  const path = join(folder, 'file');
  const fd = openSync(path, 'w');
  assert.equal(writev(fd, iov.address, 2), 13);
  closeSync(fd);
  assert.equal(readFileSync(path, 'latin1'), 'headerpayload');
  assert.equal(writev(fd, iov.address, 2), -1);
  assert.equal(lastErrno(), ERRNO.EBADF);
});

test('a fixed buffer stays when only its address is kept', async () => {
  // Held by a number alone; the registry tells whether the collector took the memory behind it.
  let collected = 0;
  const registry = new FinalizationRegistry<undefined>(() => collected++);
  const addresses = Array.from({ length: 50 }, () => {
    const { u8, address } = fixedBuffer(8);
    registry.register(u8.buffer, undefined);
    return address;
  });
  registry.register(new SharedArrayBuffer(8), undefined);
  for (let turn = 0; turn < 5; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(collected, 1, 'only the buffer that nobody made fixed');
  assert.equal(addresses.length, 50);
});

test('a call with boxed addresses leaves no garbage', (t) => {
  const zero = open('/dev/zero', 2);
  t.after(() => close(zero));
  const { addresses } = boxedPlaces();
  const run = (turns: number): void => {
    for (let i = 0; i < turns; i++) {
      read(zero, addresses[i & 3], 64);
      write(zero, addresses[i & 3], 64);
    }
  };
  const grown = garbageOf(run);
  // One boxed number a call would be 3.2 MB.
  assert.ok(grown < 200_000, `${grown} bytes for 200 000 calls`);
});

test('a computed address, or one from a plain array, does leave garbage: the test above can tell', (t) => {
  const zero = open('/dev/zero', 2);
  t.after(() => close(zero));
  const { addresses } = boxedPlaces();
  const plain = addresses.map((address) => address + 1);
  const computed = garbageOf((turns) => {
    for (let i = 0; i < turns; i++) read(zero, addresses[0] + (i & 7), 64);
  });
  const unboxed = garbageOf((turns) => {
    for (let i = 0; i < turns; i++) read(zero, plain[i & 3], 64);
  });
  assert.ok(computed > 1_000_000 && unboxed > 1_000_000, `${computed} and ${unboxed} bytes for 100 000 calls each`);
});

test('boxAddresses keeps the numbers, small ones too', () => {
  const numbers = Float64Array.from({ length: 50_000 }, (_, i) => i * 2 ** 20);
  assert.deepEqual(boxAddresses(numbers), Array.from(numbers));
  assert.deepEqual(boxAddresses([]), []);
});
