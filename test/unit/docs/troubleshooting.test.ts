/**
 * The troubleshooting guide says of every drop reason what it means and what to do.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { DROP_REASONS } from '../../../src/shared/counter/drop-reason.js';

test('every drop reason has its row, with its place and its meaning, and something to do', () => {
  const guide = readFileSync(new URL('../../../../docs/troubleshooting.md', import.meta.url), 'utf8');
  const rows = [...guide.matchAll(/^\| `([a-z0-9-]+)` +\| (rx|stack|tx) +\| (.*?) +\| (.*?) +\|$/gm)];
  assert.deepEqual(
    rows.map(([, name, place, help]) => [name, place, help]),
    DROP_REASONS.map(({ name, place, help }) => [name, place, help]),
  );
  for (const [, name = '', , , remedy = ''] of rows) assert.ok(remedy.length > 5, name);
});

test('the guide names no reason that there is not', () => {
  const guide = readFileSync(new URL('../../../../docs/troubleshooting.md', import.meta.url), 'utf8');
  const symptoms = guide.slice(0, guide.indexOf('\n## Reasons'));
  const names = new Set(DROP_REASONS.map(({ name }) => name));
  const lists = symptoms.split('\n').filter((line) => line.startsWith('- '));
  const named = lists.flatMap((line) =>
    [...(line.split('.')[0] ?? '').matchAll(/`([a-z0-9-]+)`/g)].map((m) => m[1] as string),
  );
  const words = new Set(['protected', 'vlan']);
  assert.ok(named.length > 10);
  for (const name of named) assert.ok(names.has(name) || words.has(name), name);
});
