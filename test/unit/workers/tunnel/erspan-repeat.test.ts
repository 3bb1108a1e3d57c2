/**
 * ERSPAN input's short way (workers/tunnel/erspan-repeat.ts): bursts of packets that are alike but for a byte here and there do what the
 * same packets do one by one, each of which goes the long way.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Control } from '../../../../src/shared/layout/heap.js';
import { readSequences } from '../../../../src/shared/table/sequence.js';
import { finishIpv4 } from '../../../../src/shared/wire/ipv4.js';
import { ErspanRig, mirrored, OTHER, PEER, typeTwo } from '../../../support/erspan.js';
import { seeded } from '../../../support/stress.js';

const IP = 14;
const HEADERS = 50;
const BURST = 64;

function start(): Promise<ErspanRig> {
  return ErspanRig.start(
    'ifconfig mem0 lladdr 02:00:00:00:00:77',
    'ifconfig mem1 create up',
    'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 -monitor up',
    'ifconfig erspan1 create tunneladdr 192.0.2.1 vnetid 6 up',
    'ifconfig veb0 create add erspan0 add mem1 up',
  );
}

/** What can be seen of a router from outside. */
function seen(rig: ErspanRig): unknown {
  const { heap } = rig.router.memory.views;
  return {
    frames: rig.sent('mem1').map((bytes) => Buffer.from(bytes).toString('hex')),
    answers: rig.sent('mem0').length,
    drops: rig.drops(),
    counts: ['mem0', 'erspan0', 'erspan1', 'veb0', 'mem1'].map((name) => rig.counts(name)),
    streams: readSequences(heap, heap[Control.SEQUENCES]),
  };
}

/** Numbers the streams of both alike: where they lie depends on a key. */
function sorted(what: unknown): unknown {
  const { streams, ...rest } = what as { streams: { session: number; source: number[] }[] };
  const key = (one: { session: number; source: number[] }): string => `${one.session} ${one.source}`;
  return { ...rest, streams: [...streams].sort((a, b) => (key(a) < key(b) ? -1 : 1)) };
}

test('a burst of packets that differ a little does what they do one by one', async () => {
  const random = seeded(0xe25);
  const [together, apart] = [await start(), await start()];
  const takeTogether = together.router.takePunts();
  const takeApart = apart.router.takePunts();
  let sequence = 0;
  for (let round = 0; round < 60; round++) {
    const burst: Uint8Array[] = [];
    // Every third has nothing wrong: all of its packets stay in the burst.
    const faulty = round % 3 !== 0;
    for (let k = 0; k < BURST; k++) {
      const gre = typeTwo(mirrored(k, 60 + random(400)), { sequence: sequence++ });
      if (random(30) === 0) sequence += random(3) - 1;
      if (random(100) === 0) sequence += random(2) * 100 - 50;
      const frame = together.outer(faulty && random(40) === 0 ? OTHER : PEER, gre);
      if (faulty && random(6) === 0) frame[random(HEADERS)] ^= 1 << random(8);
      // Half of what is wrong is wrong behind a right checksum.
      if (random(2) === 0) finishIpv4(frame, new Uint16Array(frame.buffer, 0, frame.length >> 1), IP);
      const cut = faulty && random(25) === 0 ? random(40) : 0;
      burst.push(frame.slice(0, frame.length - cut));
    }
    together.push('mem0', burst);
    takeTogether();
    for (const frame of burst) {
      apart.push('mem0', [frame]);
      takeApart();
    }
    assert.deepEqual(sorted(seen(together)), sorted(seen(apart)), `round ${round}`);
  }
  assert.notEqual(together.router.ctx.repeats, 0, 'the short way was open');
  assert.ok(together.counts('erspan0')[0] > 60 * BURST * 0.7);
});

test('the short way is closed where somebody looks, and to what comes by another interface', async () => {
  const rig = await start();
  const two = [0, 1].map((sequence) => rig.outer(PEER, typeTwo(mirrored(), { sequence })));
  await rig.router.ifconfig('erspan0 monitor');
  rig.push('mem0', two);
  assert.equal(rig.router.ctx.repeats, 0);
  assert.equal(rig.sent('mem1').length, 0);
  await rig.router.ifconfig('erspan0 -monitor');
  rig.push('mem0', two);
  assert.equal(rig.sent('mem1').length, 2);
  const { repeats, burst } = rig.router.ctx;
  assert.ok(repeats !== 0 && repeats !== burst, 'open in its own burst alone');
});
