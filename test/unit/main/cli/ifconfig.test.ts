/**
 * ifconfig's words on a draft: what they set (main/cli/ifconfig.ts).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { ifconfig, ifconfigWords, isIfconfigQuery } from '../../../../src/main/cli/ifconfig.js';
import type { Draft } from '../../../../src/main/cli/words.js';
import { cloneState, newInterface, newPort, type State, type VebSpec } from '../../../../src/main/config/state.js';
import { randomMac } from '../../../../src/main/control/lladdr.js';
import { stateOf } from '../../support/random-state.js';

/** tap0 and tap1 are ports of veb0, mem0 of veb1; tap2 is free; veb0 has one static address, on tap0. */
const STATE = stateOf(
  'tap0 create',
  'tap1 create',
  'tap2 create',
  'mem0 create',
  'veb0 create',
  'veb1 create',
  'veb0 add tap0 add tap1 static tap0 02:00:00:00:00:01',
  'veb1 add mem0',
);

function draftOf(state: State): Draft {
  return { state: cloneState(state), actions: [] };
}

/** STATE after one command. */
function run(...lines: string[]): Draft {
  const draft = draftOf(STATE);
  for (const line of lines) ifconfig(draft, line.split(' '));
  return draft;
}

function veb(draft: Draft, name = 'veb0'): VebSpec {
  return draft.state.interfaces.get(name)?.veb as VebSpec;
}

test('A84 the defaults are 100 addresses and 240 s, and the limits themselves are taken', () => {
  assert.deepEqual(veb(run('veb2 create'), 'veb2'), {
    maxaddr: 100,
    timeout: 240,
    ports: [],
    spans: [],
    statics: [],
  });
  assert.equal(veb(run('veb0 maxaddr 1')).maxaddr, 1);
  assert.equal(veb(run('veb0 maxaddr 1048576')).maxaddr, 1_048_576);
  assert.equal(veb(run('veb0 timeout 8')).timeout, 8);
  assert.equal(veb(run('veb0 timeout 3600')).timeout, 3600);
});

test('a created interface is down and has nothing set', () => {
  const spec = run('tap123456789 create').state.interfaces.get('tap123456789');
  assert.deepEqual(spec, {
    name: 'tap123456789',
    type: 'tap',
    up: false,
    description: '',
    mtu: 1500,
    lladdr: '',
    netns: '',
    tso: true,
    txcsum: true,
    rdomain: 0,
    addresses: [],
    proxyarp: false,
    proxynd: false,
    peer: '',
    master: '',
    seg6RequireHmac: 0,
    seg6Enabled: false,
    seg6Edge: false,
    monitor: false,
    debug: false,
    link: [false, false, false],
  });
  assert.equal(run('mem7 create').state.interfaces.get('mem7')?.type, 'mem');
});

test('create can be followed by settings, in the order given', () => {
  const spec = run('tap5 create mtu 9000 lladdr 2:0:0:0:0:a description x netns a link0 link2 -link0 up down up').state;
  assert.deepEqual(spec.interfaces.get('tap5'), {
    ...newInterface('tap5', 'tap'),
    up: true,
    description: 'x',
    mtu: 9000,
    lladdr: '02:00:00:00:00:0a',
    netns: 'a',
    link: [false, false, true],
  });
  assert.equal(run('tap0 description x', 'tap0 -description').state.interfaces.get('tap0')?.description, '');
});

test('ports are added at the end with learn and discover, and keep their order', () => {
  const draft = run('veb0 add tap2 -learn tap1 -discover tap0');
  assert.deepEqual(veb(draft).ports, [
    { ...newPort('tap0'), discover: false },
    { ...newPort('tap1'), learn: false },
    newPort('tap2'),
  ]);
  ifconfig(draft, 'veb0 learn tap1 discover tap0 del tap0 add tap0'.split(' '));
  assert.deepEqual(
    veb(draft).ports.map((p) => [p.name, p.learn, p.discover]),
    [
      ['tap1', true, true],
      ['tap2', true, true],
      ['tap0', true, true],
    ],
  );
});

test('A89 a port that leaves takes its static addresses, flushall takes all, flush none', () => {
  const add = 'veb0 static tap1 02:00:00:00:00:02';
  assert.deepEqual(veb(run(add, 'veb0 del tap0')).statics, [{ mac: '02:00:00:00:00:02', port: 'tap1' }]);
  assert.deepEqual(veb(run(add, 'tap1 destroy')).statics, [{ mac: '02:00:00:00:00:01', port: 'tap0' }]);
  const flush = run(add, 'veb0 flush');
  assert.equal(veb(flush).statics.length, 2);
  assert.deepEqual(flush.actions, [{ kind: 'flush', veb: 'veb0', all: false }]);
  const flushall = run(add, 'veb0 flushall');
  assert.deepEqual(veb(flushall).statics, []);
  assert.deepEqual(flushall.actions, [{ kind: 'flush', veb: 'veb0', all: true }]);
});

test('a destroyed port leaves its veb, a destroyed veb leaves its ports free', () => {
  const port = run('tap0 destroy');
  assert.equal(port.state.interfaces.has('tap0'), false);
  assert.deepEqual(
    veb(port).ports.map((p) => p.name),
    ['tap1'],
  );
  const free = run('veb0 destroy', 'veb1 add tap0');
  assert.deepEqual(
    veb(free, 'veb1').ports.map((p) => p.name),
    ['mem0', 'tap0'],
  );
});

test('A90 the same static address on the same port again is success', () => {
  assert.deepEqual(veb(run('veb0 static tap0 2:0:0:0:0:1')), veb(run()));
});

test('A91 a veb of size 3 takes three static addresses', () => {
  const draft = run('veb0 maxaddr 3 static tap0 2:0:0:0:0:2 static tap1 2:0:0:0:0:3');
  assert.equal(veb(draft).statics.length, 3);
});

test('deladdr removes a static address, and asks for the removal of any other', () => {
  const gone = run('veb0 deladdr 2:0:0:0:0:1');
  assert.deepEqual(veb(gone).statics, []);
  assert.deepEqual(gone.actions, []);
  const asked = run('veb0 deladdr 2:0:0:0:0:F');
  assert.deepEqual(asked.actions, [{ kind: 'deladdr', veb: 'veb0', mac: '02:00:00:00:00:0f' }]);
  assert.equal(veb(asked).statics.length, 1);
});

test('lladdr random is a local unicast address, as OpenBSD makes them', () => {
  assert.match(
    run('tap0 lladdr random').state.interfaces.get('tap0')?.lladdr ?? '',
    /^fe:e1:ba:d[0-9a-f](:[0-9a-f]{2}){2}$/,
  );
  assert.notEqual(new Set(Array.from({ length: 8 }, randomMac)).size, 1);
});

test('questions are told from changes', () => {
  for (const line of ['', '-a', 'tap0', 'veb0 addr']) assert.ok(isIfconfigQuery(line.split(' ').filter(Boolean)), line);
  for (const line of ['tap0 up', 'tap0 create', 'veb0 addr x']) assert.ok(!isIfconfigQuery(line.split(' ')), line);
});

test('every word is listed once', () => {
  const words = ifconfigWords();
  assert.equal(new Set(words).size, words.length);
  for (const word of ['create', 'destroy', 'addr', 'up', '-learn', 'static', 'flushall']) {
    assert.ok(words.includes(word), word);
  }
});

test('every word is in README.md', () => {
  const readme = readFileSync(new URL('../../../../../README.md', import.meta.url), 'utf8');
  for (const word of ifconfigWords()) {
    const plain = word.replace(/^-/, '');
    const found = [`\`${word}\``, `\`${word} `, `\`[-]${plain}\``, `\`[-]${plain} `].some((text) =>
      readme.includes(text),
    );
    assert.ok(found, `${word} is not described`);
  }
});
