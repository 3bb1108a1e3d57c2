/**
 * Traces of frames through a bridge (issue 9 point 8), in this thread: each decision asserted, and the books.
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Op } from '../../src/shared/bpf/instruction.js';
import { FRAMES_A_SECOND } from '../../src/workers/capture/tracer.js';
import { CaptureBench } from '../support/captures.js';
import { A, B, BROADCAST, C, frame, Rig } from '../support/rig.js';
import { decisionsOf, traceOf } from '../support/traces.js';

let rig: Rig;
let bench: CaptureBench;

async function bridge(ports: number, ...lines: string[]): Promise<void> {
  rig = await Rig.bridge(ports, ...lines);
  bench = new CaptureBench(rig.router);
}

afterEach(() => {
  assert.deepEqual(rig.bookErrors(), []);
  assert.equal(rig.router.ctx.tracing, false);
});

/** What a trace has written down since last asked: the decisions of each frame. */
function told(capture: ReturnType<CaptureBench['attach']>): string[][] {
  const nameOf = (index: number): string => rig.router.table.nameOf(index);
  return bench.take(capture).map((captured) => decisionsOf(traceOf(captured), nameOf));
}

test('a frame of a source that is new, to a station that is not known, is flooded; each port says what it does with its copy', async () => {
  await bridge(4, 'veb0 protected mem0 1 protected mem2 1', 'veb0 -discover mem3');
  const trace = bench.attach('mem0', { link: 'TRACE' });
  rig.send('mem0', frame(B, A));
  assert.deepEqual(told(trace), [
    [
      'bridge veb0, by port mem0',
      'source: new, learned, behind mem0',
      'destination: not known, flooded',
      'no copy by mem2: protected (ingress and egress are in one protected domain)',
      'no copy by mem3: flood-nodiscover (unknown unicast not flooded to a port without discover)',
      'ends at veb0',
      `leaves by mem1, to ${B}`,
    ],
  ]);
  assert.deepEqual(rig.counts('mem1', 'mem2', 'mem3'), [1, 0, 0]);
});

test('a known destination behind a port is found; a protected one is a drop', async () => {
  await bridge(3, 'veb0 protected mem0 1 protected mem2 1');
  rig.send('mem1', frame(A, B));
  rig.send('mem2', frame(A, C));
  const trace = bench.attach('mem0', { link: 'TRACE' });
  rig.send('mem0', frame(B, A));
  rig.send('mem0', frame(C, A));
  const [found, refused] = told(trace) as [string[], string[]];
  assert.deepEqual(found.slice(1), [
    'source: new, learned, behind mem0',
    'destination: behind mem1',
    `leaves by mem1, to ${B}`,
  ]);
  assert.deepEqual(refused.slice(1), [
    'source: known, behind mem0',
    'destination: behind mem2',
    'dropped at mem2: protected (ingress and egress are in one protected domain)',
  ]);
});

test('only frames that the filter matches are traced; the burst keeps its order, and its other frames their way', async () => {
  await bridge(2);
  const type = (value: number): Uint32Array =>
    Uint32Array.of(Op.LD_H_ABS, 0, 0, 12, Op.JEQ_K, 0, 1, value, Op.RET_K, 0, 0, 262_144, Op.RET_K, 0, 0, 0);
  const trace = bench.attach('veb0', { link: 'TRACE', program: type(0x88b6) });
  const frames = [1, 2, 3, 4, 5, 6].map((mark) => frame(B, A, { mark, type: mark % 3 === 0 ? 0x88b6 : 0x88b5 }));
  rig.burst('mem0', frames);
  assert.equal(told(trace).length, 2);
  assert.deepEqual(bench.counts(trace), { received: 6, captured: 2, dropped: 0 });
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  assert.deepEqual(
    rig.frames('mem1').map((f) => hex(f.bytes)),
    frames.map(hex),
  );
});

test('a trace begins with the bytes of its frame, and says where and when it came in', async () => {
  await bridge(2);
  const capture = bench.attach('mem1', { link: 'TRACE' });
  const sent = frame(BROADCAST, A, { length: 200 });
  rig.send('mem1', sent);
  const trace = traceOf(bench.take(capture)[0] as never);
  assert.deepEqual([...trace.frame], [...sent.subarray(0, 128)]);
  assert.equal(trace.ingress, rig.router.table.get('mem1').index);
  assert.deepEqual([trace.length, trace.worker, trace.more], [200, 0, 0]);
  assert.ok(Math.abs(Number(trace.time / 1_000_000n) - Date.now()) < 60_000);
});

test('more frames than a worker traces in a second pass untraced, and are counted', async () => {
  await bridge(2);
  const capture = bench.attach('mem0', { link: 'TRACE' });
  const frames = FRAMES_A_SECOND + 20;
  for (let sent = 0; sent < frames; sent += 10) {
    rig.burst(
      'mem0',
      Array.from({ length: 10 }, (_, n) => frame(B, A, { mark: n })),
    );
    assert.deepEqual(rig.counts('mem1'), [10]);
    bench.drain();
  }
  assert.deepEqual(bench.counts(capture), { received: frames, captured: FRAMES_A_SECOND, dropped: 20 });
});

test('a trace that has ended leaves no mark: what comes next is written down nowhere', async () => {
  await bridge(2);
  const capture = bench.attach('mem0', { link: 'TRACE' });
  rig.send('mem0', frame(B, A));
  assert.equal(told(capture).length, 1);
  await rig.router.captures.detach(capture);
  for (let n = 0; n < 10; n++) rig.send('mem0', frame(B, A, { mark: n }));
  assert.deepEqual(told(capture), []);
});

for (const [long, others] of [
  ['a short list', []],
  [
    'a list cut into groups',
    Array.from({ length: 12 }, (_, n) => `veb0 rule block in on mem0 src 02:00:00:00:09:${n + 10}`),
  ],
] as const) {
  test(`the rule that decides is named by its place among those of its port and direction: ${long}`, async () => {
    await bridge(
      2,
      ...others,
      `veb0 rule match in on mem0 src ${A} tag seen`,
      'veb0 rule pass out on mem0',
      `veb0 rule block in on mem0 dst ${C}`,
      `veb0 rule block in on mem0 arp request`,
      `veb0 rule pass in on mem0 src ${A}`,
      `veb0 rule block out on mem1 dst ${BROADCAST}`,
    );
    const trace = bench.attach('mem0', { link: 'TRACE' });
    rig.send('mem0', frame(C, A));
    rig.send('mem0', frame(B, A));
    rig.send('mem0', frame('02:00:00:00:00:0e', B));
    rig.send('mem0', frame(BROADCAST, A));
    const rules = told(trace).map((lines) => lines.filter((line) => / rules /.test(line) || line.includes('drop')));
    const n = others.length;
    assert.deepEqual(rules, [
      [`in rules of mem0: rule ${n + 2} blocks`, 'dropped at mem0: rules-in (blocked by a rule on the way in)'],
      [`in rules of mem0: rule ${n + 4} passes, tag 1`, 'out rules of mem1: none matches'],
      ['in rules of mem0: none matches', 'out rules of mem1: none matches'],
      [`in rules of mem0: rule ${n + 4} passes, tag 1`, 'out rules of mem1: rule 1 blocks'],
    ]);
  });
}

test('a port with the monitor flag, a span port, a tagged frame and a reserved group each have their line', async () => {
  await bridge(2, 'mem2 create up', 'veb0 addspan mem2', 'mem3 create up monitor');
  const [trace, monitored] = [bench.attach('veb0', { link: 'TRACE' }), bench.attach('mem3', { link: 'TRACE' })];
  rig.send('mem0', frame(B, A, { type: 0x8100 }));
  rig.send('mem0', frame('01:80:c2:00:00:00', A));
  rig.send('mem3', frame(B, A));
  assert.deepEqual(told(trace), [
    [
      'bridge veb0, by port mem0',
      'a copy for span port mem2',
      'dropped at mem0: vlan (a tagged frame on a veb without link2)',
      `leaves by mem2, to ${B}`,
    ],
    ['bridge veb0, by port mem0', 'reserved group address: to the input of mem0 itself', 'ends at mem0'],
  ]);
  assert.deepEqual(told(monitored), [['mem3 only counts and captures (monitor)', 'ends at mem3']]);
});
