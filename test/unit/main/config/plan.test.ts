/**
 * Plans: nothing for equal states, steps in an order that can be run, inverses (main/config/plan.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { invert, plan, type Step } from '../../../../src/main/config/plan.js';
import { cloneState, type State } from '../../../../src/main/config/state.js';
import { LiveModel } from '../../support/live-model.js';
import { after, randomState, stateOf } from '../../support/random-state.js';

/** What a plan does, in short. */
function brief(steps: readonly Step[]): string[] {
  return steps.map((s) => {
    if (s.op === 'create' || s.op === 'destroy') return `${s.op} ${s.spec.name}`;
    if (s.op === 'settings') return s.op;
    if (s.op === 'attributes') return `attributes ${s.after.name}`;
    if (s.op === 'peers' || s.op === 'routes' || s.op === 'rules' || s.op === 'hmacs') return s.op;
    if (s.op === 'capture') return `${s.before?.path ?? '-'} > ${s.after?.path ?? '-'}`;
    return s.op === 'ports' ? `ports ${s.veb} ${s.after.map((p) => p.name).join(',')}` : `${s.op} ${s.veb}`;
  });
}

const BRIDGE = stateOf('tap0 create up', 'tap1 create', 'veb0 create up', 'veb0 add tap0 add tap1');

test('equal states have an empty plan', () => {
  assert.deepEqual(plan(BRIDGE, cloneState(BRIDGE)), []);
  fc.assert(
    fc.property(randomState(40), (state) => assert.deepEqual(plan(state, cloneState(state)), [])),
    { seed: 1 },
  );
});

test('ports join after they are made, and attributes come last', () => {
  assert.deepEqual(brief(plan(stateOf(), BRIDGE)), [
    'create tap0',
    'create tap1',
    'create veb0',
    'ports veb0 tap0,tap1',
    'attributes tap0',
    'attributes veb0',
  ]);
});

test('ports leave before anything is destroyed', () => {
  const steps = brief(plan(BRIDGE, stateOf()));
  assert.equal(steps[0], 'ports veb0 ');
  assert.deepEqual(steps.filter((step) => step.startsWith('destroy')).sort(), [
    'destroy tap0',
    'destroy tap1',
    'destroy veb0',
  ]);
  assert.deepEqual(brief(plan(BRIDGE, after(BRIDGE, ['tap1', 'destroy']))), ['ports veb0 tap0', 'destroy tap1']);
});

test('what is destroyed is first as it was made, so that making it again and the inverse steps restore all of it', () => {
  const steps = brief(plan(BRIDGE, after(BRIDGE, ['tap0', 'destroy'])));
  assert.deepEqual(steps, ['ports veb0 tap1', 'attributes tap0', 'destroy tap0']);
});

test('what did not change has no step', () => {
  const next = after(after(BRIDGE, ['tap1', 'description', 'x']), ['tap2', 'create']);
  assert.deepEqual(brief(plan(BRIDGE, next)), ['create tap2', 'attributes tap1']);
});

test('a port that moves leaves one veb before it joins the other', () => {
  const two = after(BRIDGE, ['veb1', 'create']);
  const next = after(after(two, ['veb0', 'del', 'tap0']), ['veb1', 'add', 'tap0']);
  assert.deepEqual(brief(plan(two, next)), ['ports veb0 tap1', 'ports veb1 tap0']);
});

test('a TAP that changes its namespace once more is made anew, out of its veb meanwhile', () => {
  const moved = after(BRIDGE, ['tap0', 'netns', 'a']);
  assert.deepEqual(brief(plan(BRIDGE, moved)), ['attributes tap0']);
  const again = after(moved, ['tap0', 'netns', 'b']);
  assert.deepEqual(brief(plan(moved, again)), [
    'ports veb0 tap1',
    'attributes tap0',
    'destroy tap0',
    'create tap0',
    'ports veb0 tap0,tap1',
    'attributes tap0',
  ]);
});

test('a table is widened before its ports and static addresses come, and narrowed after', () => {
  const wide = after(BRIDGE, 'veb0 maxaddr 900 -learn tap0 static tap0 02:00:00:00:00:01'.split(' '));
  assert.deepEqual(
    plan(BRIDGE, wide).map((s) => s.op),
    ['table', 'ports', 'statics'],
  );
  const next = after(BRIDGE, 'veb0 maxaddr 9 timeout 8 -learn tap0 static tap0 02:00:00:00:00:01'.split(' '));
  assert.deepEqual(
    plan(BRIDGE, next).map((s) => s.op),
    ['table', 'ports', 'statics', 'table'],
  );
});

test('a changed order of ports is a change', () => {
  const next = after(BRIDGE, ['veb0', 'del', 'tap0', 'add', 'tap0']);
  assert.deepEqual(brief(plan(BRIDGE, next)), ['ports veb0 tap1,tap0']);
});

test('each step has an inverse, whose inverse is the step', () => {
  const full = 'veb0 maxaddr 9 static tap1 02:00:00:00:00:01 link0'.split(' ');
  const steps = [...plan(stateOf(), after(BRIDGE, full)), ...plan(after(BRIDGE, full), stateOf())];
  assert.deepEqual(new Set(steps.map((s) => s.op)).size, 6);
  for (const step of steps) {
    const back = invert(step);
    if (step.op === 'create') assert.deepEqual(back, { op: 'destroy', spec: step.spec });
    else if (step.op === 'destroy') assert.deepEqual(back, { op: 'create', spec: step.spec });
    else {
      assert.equal(back.op, step.op);
      assert.deepEqual((back as typeof step).before, step.after);
      assert.deepEqual((back as typeof step).after, step.before);
    }
    assert.deepEqual(invert(back), step);
  }
});

const pair = randomState(40).chain((old) =>
  fc.tuple(fc.constant(old), fc.oneof(randomState(12, old), randomState(40))),
);

test('the steps of any plan can be run, and lead to the state asked for', () => {
  fc.assert(
    fc.property(pair, ([old, next]: [State, State]) => {
      const live = new LiveModel(old);
      for (const step of plan(old, next)) live.run(step);
      live.assertIs(next);
    }),
    { seed: 20261121, numRuns: 1000 },
  );
});

test('steps taken back in reverse lead to the state before, wherever the plan stopped', () => {
  fc.assert(
    fc.property(pair, fc.nat(20), ([old, next]: [State, State], stop) => {
      const live = new LiveModel(old);
      const done = plan(old, next).slice(0, stop);
      for (const step of done) live.run(step);
      for (const step of done.reverse()) live.run(invert(step));
      live.assertIs(old);
    }),
    { seed: 20261121, numRuns: 1000 },
  );
});
