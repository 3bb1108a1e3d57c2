/**
 * A word that main may clear at any moment is loaded once and then looked at: who tests it and loads it again may find 0, and takes what
 * stands at the begin of the heap for a record. Seen within one line.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const WORKERS = resolve(import.meta.dirname, '../../../src/workers');
/** A shared word that is compared with 0 and then loaded again. */
const TWICE = /heap\[([^\]]+)\] [!=]== 0\b.*heap\[\1\](?! = )/;

test('the rule sees what breaks it', () => {
  assert.match('if (heap[r + If.CAPTURE] !== 0) show(heap[r + If.CAPTURE]);', TWICE);
  assert.match('const n = heap[p] === 0 ? 0 : receive(heap[p]);', TWICE);
  assert.doesNotMatch('if (heap[e + A.X] !== 0 && heap[e + A.Y] === 0) heap[e + A.Y] = 1;', TWICE);
});

test('no worker loads a word again that it has found not to be 0', () => {
  const files = (readdirSync(WORKERS, { recursive: true }) as string[]).filter((name) => name.endsWith('.ts'));
  assert.ok(files.length > 50);
  const found = files.flatMap((name) => {
    const lines = readFileSync(join(WORKERS, name), 'utf8').split('\n');
    return lines.flatMap((line, n) => (TWICE.test(line) ? [`${name}:${n + 1}`] : []));
  });
  assert.deepEqual(found, []);
});
