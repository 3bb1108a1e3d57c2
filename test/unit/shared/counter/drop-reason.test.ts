/**
 * The list of drop reasons and the numbers that name its places agree (shared/counter/drop-reason.ts).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { DROP_REASONS, Drop } from '../../../../src/shared/counter/drop-reason.js';
import { Lane } from '../../../../src/shared/layout/counters.js';

/** The members of `Drop` as they stand in the source: a const enum leaves no trace in the program. */
function membersOf(source: string): string[] {
  const body = /export const enum Drop \{([^}]*)\}/.exec(source)?.[1] ?? '';
  return [...body.matchAll(/^\s*([A-Z_0-9]+),$/gm)].map((m) => m[1] as string);
}

test('the members of Drop stand in the order of the list', () => {
  const path = new URL('../../../../../src/shared/counter/drop-reason.ts', import.meta.url);
  const members = membersOf(readFileSync(path, 'utf8'));
  const expected = DROP_REASONS.map(({ name }) => name.toUpperCase().replaceAll('-', '_'));
  assert.deepEqual(members, expected);
  assert.ok(members.length > 10);
});

test('numbers as compiled are those of the list', () => {
  assert.equal(DROP_REASONS[Drop.RUNT]?.name, 'runt');
  assert.equal(DROP_REASONS[Drop.QUEUE_FULL]?.name, 'queue-full');
  assert.equal(DROP_REASONS[Drop.RING_FULL]?.name, 'ring-full');
  assert.equal(DROP_REASONS[Drop.BRIDGE_PORT]?.name, 'bridge-port');
});

test('names are kebab-case and unique, and every reason has a meaning', () => {
  const names = DROP_REASONS.map((reason) => reason.name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, help, place } of DROP_REASONS) {
    assert.match(name, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
    assert.ok(help.length > 5);
    assert.ok(['rx', 'stack', 'tx'].includes(place));
  }
});

test('a lane has a counter for every reason', () => {
  assert.ok(Lane.DROPS + DROP_REASONS.length <= Lane.WORDS);
});

test('every reason is a row of metrics/README.md, with its place', () => {
  const readme = readFileSync(new URL('../../../../../metrics/README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| `([a-z0-9-]+)` +\| (rx|stack|tx) +\|/gm)].map((m) => [m[1], m[2]]);
  assert.deepEqual(
    rows,
    DROP_REASONS.map(({ name, place }) => [name, place]),
  );
});
