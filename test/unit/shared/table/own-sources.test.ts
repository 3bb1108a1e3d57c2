/** The bits that spare most packets a look-up of their source. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayBeOwn, OwnSourceSet, OwnSources } from '../../../../src/shared/table/own-sources.js';

const ROOT = 64;

test('what was added may be ours until the last who added it has gone; nearly nothing else may', () => {
  const heap = new Int32Array(new SharedArrayBuffer((ROOT + OwnSources.WORDS) * 4)).fill(-1);
  const set = new OwnSourceSet(heap, ROOT);
  const may = (address: number): boolean => mayBeOwn(heap, ROOT, address);
  const others = Array.from({ length: 4096 }, (_, n) => (0x0b000000 + n * 0x10001) | 0);
  assert.ok(!others.some(may), 'none at first, whatever was in the memory');
  const ours = Array.from({ length: 20 }, (_, n) => (0x0a000001 + (n << 8)) | 0);
  for (const address of ours) set.add(address, `0 ${address}`);
  assert.ok(ours.every(may));
  assert.ok(others.filter(may).length < 40);
  set.add(ours[0] as number, `5 ${ours[0]}`);
  set.delete(ours[0] as number, `0 ${ours[0]}`);
  assert.ok(may(ours[0] as number), 'still of another domain');
  set.delete(ours[0] as number, `5 ${ours[0]}`);
  set.delete(ours[0] as number, `5 ${ours[0]}`);
  assert.ok(!may(ours[0] as number));
  for (const address of ours) set.delete(address, `0 ${address}`);
  assert.deepEqual(
    [...heap.subarray(ROOT + OwnSources.BITS, ROOT + OwnSources.WORDS)].filter((w) => w !== 0),
    [],
  );
});
