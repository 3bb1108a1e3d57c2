/**
 * What `npm run load` takes, and what it refuses.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { HELP, type Options, parseOptions, UsageError } from '../../load/options.js';

const parsed = (line: string): Options => parseOptions(line.split(' ')) as Options;

test('links with and without a namespace, by name and by path', () => {
  assert.deepEqual(parsed('--from tap0@h1 --to v@x@/proc/7/ns/net').ends, {
    from: { link: 'tap0', netns: 'h1' },
    to: { link: 'v@x', netns: '/proc/7/ns/net' },
  });
  assert.deepEqual(parsed('--from tap0 --to tap1').ends, { from: { link: 'tap0' }, to: { link: 'tap1' } });
});

test('what is not said', () => {
  const { seed, ...rest } = parsed('--lab');
  assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32);
  assert.deepEqual(rest, {
    workers: 1,
    rate: 10_000,
    window: 0,
    seconds: 10,
    count: Number.POSITIVE_INFINITY,
    size: 60,
    macs: 0,
    flows: 1,
    bidirectional: false,
    allowLoss: 0,
    json: false,
  });
  assert.equal(parsed('--lab --macs 9').flows, 9, 'an address needs a flow of its own');
  assert.ok(parsed('--lab --count 5').seconds > 1000, 'a count alone is not cut short');
});

test('wrong usage is refused', () => {
  for (const line of [
    '',
    '--from tap0',
    '--lab --from tap0 --to tap1',
    '--from tap0@ --to tap1',
    '--from a/b --to tap1',
    '--from tap0 --to tap1 --workers 2',
    '--lab --socket /x',
    '--lab --rate -1',
    '--lab --rate=-1',
    '--lab --rate ten',
    '--lab --seconds 1s',
    '--lab --seconds 0',
    '--lab --seconds 0.0001',
    '--lab --count 0',
    '--lab --size 59',
    '--lab --macs 0',
    '--lab --macs 5 --flows 4',
    '--lab --flows 65537',
    '--lab --destination 02:00',
    '--lab --destination 01:80:c2:00:00:0e',
    '--lab --destination 02:00:00:00:00:01 --bidirectional',
    '--lab --allow-loss 101',
    '--lab --seed 4294967296',
    '--nonsense',
    'word',
  ])
    assert.throws(() => parsed(line), UsageError, line);
});

test('help names every option', () => {
  assert.equal(parseOptions(['--lab', '--help']), 'help');
  for (const option of [
    'from',
    'to',
    'rate',
    'seconds',
    'size',
    'macs',
    'flows',
    'destination',
    'bidirectional',
    'count',
  ])
    assert.match(HELP, new RegExp(`^ {2}--${option}[ \\n]`, 'm'));
  for (const option of ['seed', 'json', 'help', 'lab', 'socket', 'allow-loss'])
    assert.match(HELP, new RegExp(`^ {2}--${option} `, 'm'));
});
