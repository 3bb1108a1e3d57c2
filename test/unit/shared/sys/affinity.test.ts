/** Pinning a thread (shared/sys/affinity.ts), as the kernel then tells it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { affinityOf, setAffinity } from '../../../../src/shared/sys/affinity.js';
import { gettid } from '../../../../src/shared/sys/libc.js';

function allowed(): string {
  const status = readFileSync(`/proc/self/task/${gettid()}/status`, 'utf8');
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
}

test('a thread runs where it is told to, and the kernel agrees', () => {
  const before = affinityOf(0);
  assert.ok(before.length > 0);
  const last = before.at(-1) as number;
  setAffinity(gettid(), [last]);
  assert.deepEqual(affinityOf(gettid()), [last]);
  assert.equal(allowed(), String(last));
  setAffinity(gettid(), before);
  assert.deepEqual(affinityOf(0), before);
});

test('a CPU that is not there is EINVAL, and nothing changes', () => {
  const before = affinityOf(0);
  assert.throws(() => setAffinity(0, [1000]), { code: 'EINVAL' });
  assert.throws(() => setAffinity(0, [1024]), { code: 'EINVAL' });
  assert.deepEqual(affinityOf(0), before);
});

test('a thread that is not there is ESRCH', () => {
  assert.throws(() => affinityOf(0x3fff_ffff), { code: 'ESRCH' });
});
