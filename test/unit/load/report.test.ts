/**
 * The verdict on a run.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { dropsBetween } from '../../load/drops.js';
import type { Offered, Received } from '../../load/link-process.js';
import { type Direction, direction, faultsOf, resultText } from '../../load/report.js';

const SENT: Offered = { kind: 'offered', frames: 1000, bytes: 60_000, refused: 0, dropped: 0, seconds: 1 };
const CAME: Received = {
  kind: 'received',
  frames: 1000,
  first: 1000,
  reordered: 0,
  duplicated: 0,
  stale: 0,
  corrupted: 0,
  foreign: 0,
  dropped: 0,
  latency: { p50: 1, p99: 2, max: 3 },
  perSecond: [1000],
};
const STRICT = { allowLoss: 0, everyDrop: true };

function run(sent: Partial<Offered>, came: Partial<Received>): Direction {
  return direction({ link: 'a' }, { link: 'b', netns: 'n' }, 1000, { ...SENT, ...sent }, { ...CAME, ...came });
}

test('all arrived, and foreign or refused frames are no fault', () => {
  assert.deepEqual(faultsOf([run({ refused: 5 }, { foreign: 3 })], [], STRICT), []);
});

test('each kind of fault is one, and named', () => {
  for (const kind of ['duplicated', 'reordered', 'stale', 'corrupted'] as const)
    assert.deepEqual(faultsOf([run({}, { [kind]: 2 })], [], STRICT), [`a → b@n: ${kind} 2`]);
  assert.match(String(faultsOf([run({}, { first: 999 })], undefined, STRICT)), /lost 1 of 1000 frames \(0\.10 %\)/);
  assert.match(String(faultsOf([run({ frames: 0 }, { first: 0 })], [], STRICT)), /nothing could be sent/);
});

test('loss is allowed up to a share of what was sent', () => {
  const lost10 = [run({}, { first: 990 })];
  assert.deepEqual(faultsOf(lost10, undefined, { allowLoss: 1, everyDrop: false }), []);
  assert.equal(faultsOf(lost10, undefined, { allowLoss: 0.9, everyDrop: false }).length, 1);
});

test('loss in the link, in the sink and between are told apart; each frame lost between must have a reason', () => {
  const way = run({ dropped: 2 }, { first: 990, dropped: 3 });
  assert.deepEqual([way.lost, way.lostBetween], [10, 5]);
  const drops = [{ interface: 'b', reason: 'queue-full', frames: 5 }];
  const allow = { allowLoss: 100, everyDrop: true };
  assert.deepEqual(faultsOf([way], drops, allow), []);
  assert.equal(faultsOf([way], [], allow).length, 1);
  assert.equal(faultsOf([way], [...drops, ...drops], allow).length, 1);
  assert.deepEqual(faultsOf([way], [], { ...allow, everyDrop: false }), [], "a router with others' traffic");
  assert.match(faultsOf([way], drops, STRICT)[0], /the sink's own socket/);
});

test('drops between two readings', () => {
  const row = (reason: string, frames: number) => ({ interface: 'tap0', reason, frames });
  const before = [row('vlan', 5), row('down', 1)];
  const after = [row('vlan', 9), row('down', 1), row('runt', 2), { ...row('vlan', 3), interface: 'tap1' }];
  assert.deepEqual(dropsBetween(before, after), [
    row('vlan', 4),
    row('runt', 2),
    { ...row('vlan', 3), interface: 'tap1' },
  ]);
});

test('the text ends with the verdict', () => {
  const way = run({}, { first: 999 });
  const faults = faultsOf([way], undefined, STRICT);
  const result = { faults, seed: 7, directions: [way], drops: [{ interface: 'b', reason: 'vlan', frames: 1 }] };
  assert.match(resultText({ ...result, verdict: 'fail' }), /b vlan 1\nseed 7\nFAIL: a → b@n: lost 1 .*\n$/);
  assert.match(resultText({ ...result, verdict: 'pass' }), /1000\/s of 1000 asked[\s\S]*\nPASS\n$/);
});
