/** Lists of reads and writes: by machine code, and by koffi where there is none; and that the code is what its source says. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CallEntry, type CallList, CODE, callCode, makeCallList } from '../../../../src/shared/sys/call-list.js';
import { ERRNO } from '../../../../src/shared/sys/errno.js';
import { close, fixedBuffer, pipe2 } from '../../../../src/shared/sys/libc.js';

import { skipReason } from '../../../support/require.js';

const SOURCE = fileURLToPath(new URL('../../../../../src/shared/sys/call-list.s', import.meta.url));
const O_NONBLOCK = 0o4000;
const ALL = 2 ** 31 - 1;
/** An address that no program has, as seen from any buffer. */
const NOWHERE = 2 ** 31;

test('the bytes are what the assembler makes of the source', {
  skip: process.arch !== 'x64' ? 'they are for x86-64' : skipReason.program('as') || skipReason.program('objcopy'),
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-test-'));
  try {
    const [object, bytes] = [join(folder, 'o'), join(folder, 'bin')];
    execFileSync('as', ['-o', object, SOURCE]);
    execFileSync('objcopy', ['-O', 'binary', '-j', '.text', object, bytes]);
    assert.equal(readFileSync(bytes).toString('hex'), CODE.toString('hex'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('x86-64 has the code, mapped once', { skip: process.arch !== 'x64' && 'another processor' }, () => {
  assert.notEqual(callCode(), 0);
  assert.equal(callCode(), callCode());
});

for (const code of process.arch === 'x64' ? [callCode(), 0] : [0]) {
  const by = code === 0 ? 'koffi' : 'machine code';

  /** A list of four over a buffer of which the base is `before` bytes in front, and a pipe. */
  function rig(before = 0): { calls: CallList; u8: Uint8Array; from: number; to: number; end(): void } {
    const { u8, address } = fixedBuffer(64);
    const ends = fixedBuffer(8);
    assert.equal(pipe2(ends.address, O_NONBLOCK), 0);
    const [from, to] = [ends.view.getInt32(0, true), ends.view.getInt32(4, true)];
    const end = (): void => [from, to].forEach(close);
    return { calls: makeCallList(code, address - before, 4), u8, from, to, end };
  }

  function set({ entries }: CallList, ...wanted: readonly (readonly [offset: number, length: number])[]): void {
    entries.fill(0);
    for (const [k, [offset, length]] of wanted.entries()) {
      entries[(k << CallEntry.SHIFT) + CallEntry.OFFSET] = offset;
      entries[(k << CallEntry.SHIFT) + CallEntry.RESULT] = length;
    }
  }

  const results = ({ entries }: CallList, n: number): number[] =>
    Array.from({ length: n }, (_, k) => entries[(k << CallEntry.SHIFT) + CallEntry.RESULT] as number);

  test(`${by}: each entry is a call of its own, with its own place and length`, () => {
    const { calls, u8, from, to, end } = rig();
    try {
      u8.set([1, 2, 3, 4, 5, 6]);
      set(calls, [0, 2], [4, 1], [2, 2]);
      calls.write(to, 3);
      assert.deepEqual(results(calls, 3), [2, 1, 2]);
      set(calls, [32, 3], [40, 8]);
      assert.equal(calls.read(from, 2, ALL), 2);
      assert.deepEqual(
        [results(calls, 2), [...u8.subarray(32, 35)], [...u8.subarray(40, 42)]],
        [
          [3, 2],
          [1, 2, 5],
          [3, 4],
        ],
      );
    } finally {
      end();
    }
  });

  test(`${by}: reading ends with the first that fails, and says its errno`, () => {
    const { calls, from, to, end } = rig();
    try {
      set(calls, [0, 5]);
      calls.write(to, 1);
      set(calls, [0, 4], [8, 4], [16, 4], [24, 4]);
      assert.equal(calls.read(from, 4, ALL), 3);
      assert.deepEqual(results(calls, 4), [4, 1, -ERRNO.EAGAIN, 4]);
      assert.equal(calls.read(from, 0, ALL), 0);
    } finally {
      end();
    }
  });

  test(`${by}: reading ends when there is no room for more bytes`, () => {
    const { calls, from, to, end } = rig();
    try {
      set(calls, [0, 12]);
      calls.write(to, 1);
      set(calls, [0, 4], [8, 4], [16, 4]);
      assert.equal(calls.read(from, 3, 7), 2);
      set(calls, [0, 4], [8, 4]);
      assert.equal(calls.read(from, 2, 4), 1);
    } finally {
      end();
    }
  });

  test(`${by}: writing goes on after one that fails`, () => {
    const { calls, from, to, end } = rig();
    try {
      set(calls, [0, 3], [NOWHERE, 3], [0, 2]);
      calls.write(to, 3);
      assert.deepEqual(results(calls, 3), [3, -ERRNO.EFAULT, 2]);
      set(calls, [0, 9]);
      assert.equal(calls.read(from, 1, ALL), 1);
      assert.deepEqual(results(calls, 1), [5]);
      calls.write(9999, 1);
      assert.deepEqual(results(calls, 1), [-ERRNO.EBADF]);
    } finally {
      end();
    }
  });

  test(`${by}: offsets are 32 bits without a sign, and the base need not be aligned with 4 GiB`, () => {
    const before = 0x9000_0001;
    const { calls, u8, from, to, end } = rig(before);
    try {
      u8.set([7, 8, 9]);
      set(calls, [before | 0, 3]);
      calls.write(to, 1);
      set(calls, [(before + 10) | 0, 3]);
      assert.equal(calls.read(from, 1, ALL), 1);
      assert.deepEqual([...u8.subarray(10, 13)], [7, 8, 9]);
    } finally {
      end();
    }
  });
}
