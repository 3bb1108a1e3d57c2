/**
 * What files are written from: every byte where it belongs, past the page cache and through it, wherever the file began.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { addressOf } from '../../../src/shared/sys/libc.js';
import { FileBuffer } from '../../../src/writer/file-buffer.js';
import { temporaryFolder } from '../../support/programs.js';
import { skipReason } from '../../support/require.js';
import { seeded } from '../support/small-views.js';

const WORDS = 1 << 18;
const shared = new SharedArrayBuffer(WORDS * 4);
const i32 = new Int32Array(shared);
const bytes = new Uint8Array(shared);
for (let n = 0; n < bytes.length; n++) bytes[n] = (n * 197 + (n >> 8)) & 255;
const view = { i32, address: addressOf(bytes) };
const descriptors = (path: string): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;

/** Whether files there can be written past the page cache. */
function hasDirect(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_DIRECT));
    return true;
  } catch {
    return false;
  }
}

/** Adds a random piece; returns its bytes. */
function add(buffer: FileBuffer, random: (below: number) => number): Buffer {
  const length = 1 + random(random(4) === 0 ? 3000 : 200);
  const at = random(WORDS - 1024);
  buffer.add(at, length);
  return Buffer.from(bytes.subarray(at * 4, at * 4 + length));
}

for (const [begin, hurry] of [
  [0, false],
  [24, false],
  [4095, true],
  [8192, false],
  [70_001, true],
] as const) {
  test(`${begin} bytes there before, ${hurry ? 'in a hurry' : 'at leisure'}: the file holds all pieces in order`, () => {
    const random = seeded(begin + 1);
    const path = join(temporaryFolder(), 'file');
    const expected: Buffer[] = [Buffer.alloc(begin, 0xee)];
    writeFileSync(path, expected[0] as Buffer);
    const fd = openSync(path, 'a');
    const buffer = new FileBuffer(view);
    buffer.begin(begin);
    buffer.hurry = hurry;
    let past = 0;
    for (let turn = 0; turn < 9; turn++) {
      for (let left = turn % 3 === 1 ? 5_000_000 : 10_000; left > 0; ) {
        if (!buffer.fits(3000)) assert.ok(buffer.writeTo(fd, false));
        const piece = add(buffer, random);
        left -= piece.length;
        expected.push(piece);
      }
      assert.ok(buffer.writeTo(fd, true));
      past = Math.max(past, descriptors(path) - 1);
      const all = Buffer.concat(expected);
      assert.deepEqual([buffer.written, buffer.end, statSync(path).size], [all.length, all.length, all.length]);
      expected.splice(0, expected.length, all);
    }
    assert.ok(readFileSync(path).equals(expected[0] as Buffer));
    assert.equal(past, hasDirect(path) ? 1 : 0, 'written past the page cache');
    buffer.close();
    closeSync(fd);
    assert.equal(descriptors(path), 0);
  });
}

test('a word of a piece is replaced wherever it stands', () => {
  const path = join(temporaryFolder(), 'file');
  const fd = openSync(path, 'a');
  const buffer = new FileBuffer(view);
  buffer.begin(0);
  for (let n = 0; n < 5; n++) buffer.replace(buffer.add(16, 13) + 4, 0x04030201);
  assert.ok(buffer.writeTo(fd, true));
  closeSync(fd);
  const piece = Buffer.from(bytes.subarray(64, 77));
  piece.set([1, 2, 3, 4], 4);
  assert.ok(readFileSync(path).equals(Buffer.concat([piece, piece, piece, piece, piece])));
});

test('a disk that becomes full: what is said to be written is', { skip: skipReason.root() }, (t) => {
  const folder = temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'none', folder]);
  t.after(() => execFileSync('umount', ['-l', folder]));
  const path = join(folder, 'file');
  const fd = openSync(path, 'a');
  const buffer = new FileBuffer(view);
  buffer.begin(0);
  for (let n = 0; n < 900; n++) buffer.add(0, 1000);
  assert.ok(!buffer.writeTo(fd, true));
  assert.equal(buffer.code, 'ENOSPC');
  assert.ok(buffer.written <= statSync(path).size);
  assert.ok(buffer.written > 400_000);
  buffer.close();
  closeSync(fd);
});
