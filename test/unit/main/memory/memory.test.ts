/** Sizes of the regions (main/memory/memory.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../../../src/main/config/state.js';
import { sizesFor } from '../../../../src/main/memory/memory.js';
import { MAX_WORKERS } from '../../../../src/shared/layout/heap.js';

test('settings that are right one by one and too much together are refused in words, before anything is made', () => {
  const most = { ...DEFAULT_SETTINGS, 'smrouter.frames': 524_288, 'smrouter.superframes': 12_288 };
  const threads = MAX_WORKERS + 1;
  assert.equal(sizesFor(9, most).frames, 524_288);
  assert.throws(() => sizesFor(threads, most), {
    code: 'EINVAL',
    message: /smrouter\.frames, smrouter\.superframes and 17 rings of smrouter\.capture take 21\d\d MiB/,
  });
  assert.equal(sizesFor(threads, { ...DEFAULT_SETTINGS, 'smrouter.capture': 64 }).captureBytes, 64 << 20);
});
