/**
 * Traces from interfaces that frames come to by a virtual hop: vport, rport, erspan (issue 9 point 8), in this thread: each decision asserted,
 * who else is on the way and in which order all arrive, and the books.
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Capture } from '../../src/main/control/captures.js';
import { Op } from '../../src/shared/bpf/instruction.js';
import { FRAMES_A_SECOND } from '../../src/workers/capture/tracer.js';
import { CaptureBench } from '../support/captures.js';
import { ErspanRig, mirrored, PEER, typeTwo } from '../support/erspan.js';
import { ether, mac } from '../support/fake-stack.js';
import { decisionsOf, traceOf } from '../support/traces.js';
import { udpPacket } from '../support/udp-packet.js';

const MIRRORED_TO = '02:00:00:00:0a:01';
/** Where a packet has its number. */
const LAST = 20 + 8;

let rig: ErspanRig;
let bench: CaptureBench;

async function start(...lines: string[]): Promise<void> {
  rig = await ErspanRig.start(...lines);
  bench = new CaptureBench(rig.router);
}

afterEach(() => {
  assert.deepEqual(rig.router.books().errors, []);
  assert.equal(rig.router.ctx.tracing, false);
  assert.equal(rig.router.ctx.workList.length, 0);
});

const trace = (name: string, program?: Uint32Array): Capture =>
  bench.attach(name, { link: 'TRACE', ...(program === undefined ? {} : { program }) });

/** The decisions of each frame that a trace has followed. */
function told(capture: Capture): string[][] {
  const nameOf = (index: number): string => rig.router.table.nameOf(index);
  return bench.take(capture).map((captured) => decisionsOf(traceOf(captured), nameOf));
}

/** Matches what has an even number at byte `at`. */
const even = (at: number): Uint32Array =>
  Uint32Array.of(Op.LD_B_ABS, 0, 0, at, Op.AND_K, 0, 0, 1, Op.JEQ_K, 0, 1, 0, Op.RET_K, 0, 0, 96, Op.RET_K, 0, 0, 0);

/** A packet with a number in it, from a host behind a port to that interface of ours. */
function numbered(n: number, to: string, from: string, lladdr: readonly number[]): Uint8Array {
  const packet = udpPacket(from, to, { payload: new Uint8Array(32).fill(n) });
  return ether(Uint8Array.from(lladdr), mac(2), 0x0800, packet);
}

/** Numbers of the packets that left by a port. */
const numbers = (port: string): number[] => rig.sent(port).map((bytes) => bytes[14 + LAST] as number);

const ROUTED = [
  'ifconfig mem1 create up',
  'ifconfig vport0 create inet 10.0.1.1/24 up',
  'ifconfig veb0 create add mem1 add vport0 up',
  'ifconfig rport0 create inet 169.254.0.1 169.254.0.2 up',
  'ifconfig rport1 create rdomain 1 inet 169.254.0.2 169.254.0.1 up',
  'ifconfig rport0 parent rport1',
  'ifconfig mem2 create rdomain 1 inet 10.0.2.1/24 up',
  'route add 10.0.2.0/24 169.254.0.2',
];

async function startRouted(): Promise<void> {
  await start(...ROUTED);
  rig.router.bindNeighbour('mem2', '10.0.2.2', mac(7));
}

test('from a vport: the stack, and all behind it', async () => {
  await startRouted();
  const capture = trace('vport0');
  rig.push('mem1', [numbered(1, '10.0.2.2', '10.0.1.2', rig.lladdr('vport0'))]);
  assert.deepEqual(told(capture), [
    [
      'from the bridge by vport0 to the stack',
      'route in domain 0, IPv4 received on vport0: by 169.254.0.2 on rport0',
      'out of rport0, into its peer',
      'route in domain 1, IPv4 received on rport1: on the link of mem2',
      'leaves by mem2, to 02:00:00:00:00:07',
    ],
  ]);
  assert.deepEqual(numbers('mem2'), [1]);
});

test('from an rport: what its peer sends it, as packets', async () => {
  await startRouted();
  const [into, out] = [trace('rport1'), trace('rport0')];
  rig.push('mem1', [numbered(1, '10.0.2.2', '10.0.1.2', rig.lladdr('vport0'))]);
  const [captured] = bench.take(into);
  assert.ok(captured !== undefined);
  const found = traceOf(captured);
  assert.equal(found.packet, true);
  assert.deepEqual(Buffer.from(found.frame).subarray(12, 20).toString('hex'), '0a0001020a000202');
  assert.deepEqual(
    decisionsOf(found, (index) => rig.router.table.nameOf(index)),
    [
      'out of rport0, into its peer',
      'route in domain 1, IPv4 received on rport1: on the link of mem2',
      'leaves by mem2, to 02:00:00:00:00:07',
    ],
  );
  assert.deepEqual(told(out), [], 'what rport0 sends is not what it receives');
});

test('among others: each that matches by itself, all arrive in order', async () => {
  await startRouted();
  const captures = [trace('vport0', even(14 + LAST)), trace('rport1', even(LAST))];
  const all = Array.from({ length: 40 }, (_, n) => n);
  // 1, 3 and 4 in a row that match, at the begin and at the end.
  const sent = all.map((n) => (n % 7 < 3 ? 2 * n : 2 * n + 1));
  rig.push(
    'mem1',
    sent.map((n) => numbered(n, '10.0.2.2', '10.0.1.2', rig.lladdr('vport0'))),
  );
  assert.deepEqual(numbers('mem2'), sent);
  const matching = sent.filter((n) => n % 2 === 0).length;
  const [ofVport, ofRport] = captures.map((capture) => bench.counts(capture));
  assert.deepEqual(ofVport, { received: sent.length, captured: matching, dropped: 0 });
  // Those that the first one follows to the second are missed there.
  assert.deepEqual(ofRport, { received: sent.length, captured: 0, dropped: matching });
  assert.deepEqual(
    told(captures[0] as Capture).map((lines) => lines.length),
    new Array(matching).fill(5),
  );
});

test('beyond so many a second they pass untraced', async () => {
  await startRouted();
  const capture = trace('rport1');
  const count = FRAMES_A_SECOND + 60;
  for (let n = 0; n < count; n++) rig.push('mem1', [numbered(1, '10.0.2.2', '10.0.1.2', rig.lladdr('vport0'))]);
  assert.equal(numbers('mem2').length, count);
  assert.deepEqual(bench.counts(capture), { received: count, captured: FRAMES_A_SECOND, dropped: 60 });
});

test('from an erspan interface: into its bridge', async () => {
  await start(
    'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 -monitor up',
    'ifconfig mem1 create up',
    'ifconfig veb0 create add erspan0 add mem1 up',
  );
  const capture = trace('erspan0');
  rig.push(
    'mem0',
    [1, 2, 3].map((n) => rig.outer(PEER, typeTwo(mirrored(n), { sequence: n }))),
  );
  const lines = (source: string): string[] => [
    'taken out of tunnel erspan0',
    source,
    'destination: not known, flooded',
    'ends at veb0',
    `leaves by mem1, to ${MIRRORED_TO}`,
  ];
  const known = 'source: known, behind erspan0';
  assert.deepEqual(told(capture), [lines('source: new, learned, behind erspan0'), lines(known), lines(known)]);
  assert.equal(rig.sent('mem1').length, 3);
});

test('from an erspan interface that only collects', async () => {
  await start('ifconfig erspan0 create tunneladdr 192.0.2.1 up');
  const capture = trace('erspan0');
  rig.receive(PEER, typeTwo(mirrored()));
  assert.deepEqual(told(capture), [['erspan0 only counts and captures (monitor)']]);
  await rig.router.configure('ifconfig erspan0 -monitor');
  rig.receive(PEER, typeTwo(mirrored()));
  // Of any source: for captures alone.
  assert.deepEqual(told(capture), [['ends at erspan0']]);
});
