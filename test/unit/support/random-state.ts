/**
 * Random configurations, made as operators make them: by ifconfig words, of which those that fail change nothing.
 */
import fc from 'fast-check';
import { ifconfig } from '../../../src/main/cli/ifconfig.js';
import type { Draft } from '../../../src/main/cli/words.js';
import { cloneState, emptyState, type State } from '../../../src/main/config/state.js';
import { ControlError } from '../../../src/main/errors.js';

/** Applies one command to `state`; a command that fails gives `state` back. */
export function after(state: State, words: readonly string[]): State {
  const draft: Draft = { state: cloneState(state), actions: [] };
  try {
    ifconfig(draft, words);
    return draft.state;
  } catch (error) {
    if (error instanceof ControlError) return state;
    throw error;
  }
}

/** The state that `lines` lead to from nothing, each a command without the word ifconfig. Throws what they throw. */
export function stateOf(...lines: string[]): State {
  const draft: Draft = { state: emptyState(), actions: [] };
  for (const line of lines) ifconfig(draft, line.split(' '));
  return draft.state;
}

const veb = fc.constantFrom('veb0', 'veb1');
const port = fc.constantFrom('tap0', 'tap1', 'tap2', 'mem0', 'mem1');
const any = fc.oneof(veb, port);
const mac = fc.integer({ min: 1, max: 9 }).map((n) => `02:00:5e:10:00:0${n}`);
const text = fc.string({ unit: fc.constantFrom('a', 'B', ' ', '"', "'", '\\', '#', '\t', 'é'), maxLength: 6 });
const number = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map(String);

const command: fc.Arbitrary<string[]> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(any, fc.constant('create')) },
  { weight: 1, arbitrary: fc.tuple(any, fc.constant('destroy')) },
  { weight: 6, arbitrary: fc.tuple(veb, fc.constant('add'), port) },
  { weight: 2, arbitrary: fc.tuple(veb, fc.constantFrom('del', 'learn', '-learn', 'discover', '-discover'), port) },
  { weight: 4, arbitrary: fc.tuple(veb, fc.constant('static'), port, mac) },
  { weight: 1, arbitrary: fc.tuple(veb, fc.constant('deladdr'), mac) },
  { weight: 1, arbitrary: fc.tuple(veb, fc.constant('maxaddr'), number(10, 1_048_576)) },
  { weight: 1, arbitrary: fc.tuple(veb, fc.constant('timeout'), number(8, 3600)) },
  { weight: 2, arbitrary: fc.tuple(any, fc.constantFrom('up', 'down', 'link0', '-link0', 'link1', 'link2', '-link2')) },
  { weight: 1, arbitrary: fc.tuple(any, fc.constant('description'), text) },
  { weight: 1, arbitrary: fc.tuple(port, fc.constant('mtu'), number(68, 65_535)) },
  { weight: 1, arbitrary: fc.tuple(port, fc.constant('lladdr'), mac) },
  { weight: 1, arbitrary: fc.tuple(port, fc.constant('netns'), fc.constantFrom('a', '/run/netns/b c')) },
);

/** Something for random commands to act on. */
const BEGINNING = stateOf('tap0 create', 'veb0 create', 'mem0 create', 'veb0 add tap0 add mem0', 'tap1 create');

/** Configurations that up to `most` random commands lead to, from `from`, from nothing or from a bridge. */
export function randomState(most: number, from?: State): fc.Arbitrary<State> {
  const start = from === undefined ? fc.constantFrom(BEGINNING, emptyState()) : fc.constant(from);
  const commands = fc.array(command, { maxLength: most, size: 'max' });
  return fc.tuple(start, commands).map(([state, list]) => list.reduce(after, state));
}
