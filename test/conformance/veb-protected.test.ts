/** Matrix A, protected domains and blocknonip: who may not hear whom, and ports that want IP alone. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { A, B, BROADCAST, C, frame, MULTICAST, Rig } from '../support/rig.js';

let rig: Rig;

afterEach(() => assert.deepEqual(rig.bookErrors(), []));

const PORTS = ['mem0', 'mem1', 'mem2'];
/** The station on each port. */
const STATIONS = [A, B, C];
const UNKNOWN = '02:00:00:00:00:77';

/** Who hears port `n` send to each other port's station, to an unknown one, to a group and to all: pairs of ports that heard. */
function heard(n: number): Record<string, string[]> {
  const to = { unknown: UNKNOWN, group: MULTICAST, all: BROADCAST };
  const known = STATIONS.flatMap((mac, s) => (s === n ? [] : [[`mem${s}`, mac] as const]));
  return Object.fromEntries(
    [...known, ...Object.entries(to)].map(([name, dst]) => {
      rig.send(`mem${n}`, frame(dst, STATIONS[n] as string));
      const counts = rig.counts(...PORTS);
      assert.ok(counts.every((count) => count <= 1));
      return [name, PORTS.filter((_, p) => counts[p] === 1)];
    }),
  );
}

/** A bridge that knows one station behind each port. */
async function bridge(...lines: string[]): Promise<void> {
  rig = await Rig.bridge(3, ...STATIONS.map((mac, n) => `veb0 static mem${n} ${mac}`), ...lines);
}

test('A23 ports with a domain in common do not hear each other, be it unicast or a flood; others do', async () => {
  await bridge('veb0 protected mem0 1 protected mem1 1 protected mem2 2');
  const [zero, one, two] = ['mem0', 'mem1', 'mem2'] as const;
  assert.deepEqual(heard(0), { mem1: [], mem2: [two], unknown: [two], group: [two], all: [two] });
  assert.deepEqual(heard(1), { mem0: [], mem2: [two], unknown: [two], group: [two], all: [two] });
  const both = [zero, one];
  assert.deepEqual(heard(2), { mem0: [zero], mem1: [one], unknown: both, group: both, all: both });
  assert.deepEqual([rig.drops(zero, Drop.PROTECTED), rig.drops(one, Drop.PROTECTED)], [4, 4]);
  assert.equal(rig.drops(two, Drop.PROTECTED), 0);
});

for (const [zero, one, apart] of [
  ['1,2', '2', true],
  ['2', '1,2', true],
  ['31', '31', true],
  ['1,31', '30,31', true],
  ['1,3,5', '2,4,31', false],
  ['30', '31', false],
] as const) {
  test(`A24 domains ${zero} and ${one} ${apart ? 'have one in common' : 'have none in common'}`, async () => {
    await bridge(`veb0 protected mem0 ${zero} protected mem1 ${one}`);
    const to = apart ? ['mem2'] : ['mem1', 'mem2'];
    assert.deepEqual(heard(0), { mem1: apart ? [] : ['mem1'], mem2: ['mem2'], unknown: to, group: to, all: to });
  });
}

test('A24 a port in no domain hears all, and -protected makes it one', async () => {
  await bridge('veb0 protected mem0 1 protected mem1 1');
  assert.deepEqual(heard(2).all, ['mem0', 'mem1']);
  await rig.ifconfig('veb0 -protected mem1');
  assert.deepEqual(heard(0).all, ['mem1', 'mem2']);
});

test('A24 protected replaces the domains it had', async () => {
  await bridge('veb0 protected mem0 1 protected mem1 1,2', 'veb0 protected mem1 3');
  assert.deepEqual(heard(0).mem1, ['mem1']);
});

test('A27 a unicast that a protected domain refuses is no output and is not flooded', async () => {
  await bridge('veb0 protected mem0 4 protected mem1 4');
  rig.send('mem0', frame(B, A));
  assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
  assert.equal(rig.counter('veb0', Lane.OPACKETS), 0);
  assert.equal(rig.drops('mem1', Drop.PROTECTED), 1);
  rig.send('mem0', frame(BROADCAST, A));
  assert.equal(rig.counter('veb0', Lane.OPACKETS), 1, 'a flood counts, whoever heard it');
});

test('A23 a protected port still learns and is learned', async () => {
  rig = await Rig.bridge(3, 'veb0 protected mem0 1 protected mem1 1');
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem1', frame(A, B));
  assert.deepEqual(rig.addresses(), [`${A} mem0`, `${B} mem1`]);
  assert.equal(rig.drops('mem0', Drop.PROTECTED), 1);
});

for (const line of [
  'protected mem9 1',
  'protected mem7 1',
  'protected veb0 1',
  '-protected mem9',
  '-protected mem7',
  'blocknonip mem9',
  '-blocknonip mem7',
]) {
  test(`A58 "${line}" is ESRCH: mem9 is a span port, mem7 no port`, async () => {
    rig = await Rig.bridge(2, 'mem9 create up', 'mem7 create up', 'veb0 addspan mem9');
    await assert.rejects(rig.ifconfig(`veb0 ${line}`), { code: 'ESRCH' });
  });
}

const IP_TYPES = [0x0800, 0x0806, 0x8035, 0x86dd];
/** Beside IP's, below 1536 (a length, 802.3), and tags. */
const OTHER_TYPES = [0, 1, 46, 1500, 0x0600, 0x0801, 0x0805, 0x0807, 0x8034, 0x86dc, 0x86de, 0x88b5, 0x88cc, 0xffff];
const TAGS = [0x8100, 0x88a8];

for (const type of [...IP_TYPES, ...OTHER_TYPES, ...TAGS]) {
  const passes = IP_TYPES.includes(type);
  test(`blocknonip ${passes ? 'passes' : 'stops'} ethertype 0x${type.toString(16).padStart(4, '0')} in and out`, async () => {
    await bridge('veb0 link2 blocknonip mem1');
    const copies = passes ? 1 : 0;
    rig.send('mem1', frame(A, B, { type }));
    assert.deepEqual(rig.counts(...PORTS), [copies, 0, 0]);
    assert.equal(rig.drops('mem1', Drop.BLOCKNONIP_IN), 1 - copies);
    rig.send('mem0', frame(B, A, { type }));
    assert.deepEqual(rig.counts(...PORTS), [0, copies, 0]);
    assert.equal(rig.drops('mem1', Drop.BLOCKNONIP_OUT), 1 - copies);
    rig.send('mem0', frame(BROADCAST, A, { type }));
    assert.deepEqual(rig.counts(...PORTS), [0, copies, 1]);
    assert.equal(rig.drops('mem1', Drop.BLOCKNONIP_OUT), 2 * (1 - copies));
    assert.equal(rig.counter('veb0', Lane.UNICAST), 2 * copies);
    assert.equal(rig.counter('veb0', Lane.IPACKETS), 3);
  });
}

test('what blocknonip stops on the way in is not learned', async () => {
  rig = await Rig.bridge(2, 'veb0 blocknonip mem0');
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem0', frame(BROADCAST, B, { type: 0x0800 }));
  assert.deepEqual(rig.addresses(), [`${B} mem0`]);
  await rig.ifconfig('veb0 -blocknonip mem0');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.addresses(), [`${A} mem0`, `${B} mem0`]);
});
