/** Matrix A, span ports: a copy of all that comes in, before anything is decided; nothing comes in by one. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { makeMemoryDevice } from '../../src/workers/device/memory.js';
import { consume } from '../../src/workers/drop.js';
import { makeFrameRules } from '../../src/workers/ether/rules.js';
import { makeVebInput } from '../../src/workers/ether/veb-input.js';
import { makeVebOutput } from '../../src/workers/ether/veb-output.js';
import { etherFrame, ipv4Packet } from '../support/ip-frame.js';
import { A, B, BROADCAST, C, frame, MULTICAST, Rig } from '../support/rig.js';

let rig: Rig;

afterEach(() => assert.deepEqual(rig.bookErrors(), []));

const PORTS = ['mem0', 'mem1', 'mem2'];
const SPAN = ['mem9 create up', 'veb0 addspan mem9'];

/** The frames that a port's host has received since last asked. */
function bytes(port: string): Uint8Array[] {
  return rig.received(port).map((f) => f.bytes);
}

test('A48 A53 del does not take a span port, nor delspan a port; delspan leaves the ports as they were', async () => {
  rig = await Rig.bridge(3, ...SPAN);
  await assert.rejects(rig.ifconfig('veb0 del mem9'), { code: 'EINVAL' });
  await assert.rejects(rig.ifconfig('veb0 delspan mem0'), { code: 'EINVAL' });
  await assert.rejects(rig.ifconfig('veb0 delspan mem7'), { code: 'EINVAL' });
  await rig.ifconfig('veb0 delspan mem9');
  await assert.rejects(rig.ifconfig('veb0 delspan mem9'), { code: 'EINVAL' });
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts(...PORTS, 'mem9'), [0, 1, 1, 0]);
  await rig.ifconfig('veb0 add mem9');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts(...PORTS, 'mem9'), [0, 1, 1, 1]);
});

test('A54 what can be set on an interface can be set while it is a span port', async () => {
  rig = await Rig.bridge(2, ...SPAN);
  await rig.ifconfig('mem9 mtu 9000 lladdr 02:00:00:00:00:99 description tapped link0 rdomain 3 -tso down up');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem1', 'mem9'), [1, 1]);
});

test('A59 each frame that comes in gives one copy to each span port, whatever becomes of it', async () => {
  rig = await Rig.bridge(
    3,
    ...SPAN,
    'mem8 create up',
    'veb0 addspan mem8 static mem1 02:00:00:00:00:0a blocknonip mem2',
    `veb0 rule block in on mem0 src ${C}`,
    'veb0 rule block out on mem1 src 02:00:00:00:00:0d',
  );
  const sent = [
    frame(A, B),
    frame(BROADCAST, B),
    frame(C, B),
    frame(B, B),
    frame(A, C),
    frame(A, B, { type: 0x8100 }),
    frame(A, '02:00:00:00:00:0d'),
  ];
  rig.burst('mem0', sent);
  assert.deepEqual(bytes('mem9'), sent);
  assert.deepEqual(bytes('mem8'), sent);
  const drops = [rig.drops('mem0', Drop.RULES_IN), rig.drops('mem0', Drop.VLAN), rig.drops('mem1', Drop.RULES_OUT)];
  assert.deepEqual([...drops, rig.drops('mem0', Drop.HAIRPIN)], [1, 1, 1, 1]);
  assert.equal(rig.counter('veb0', Lane.FLOODED), 2);
  assert.equal(rig.counter('veb0', Lane.UNICAST), 1);
  assert.equal(rig.counter('veb0', Lane.OPACKETS), 3, 'copies for spans are no output of the veb');
});

for (const [what, lines, bad, reason] of [
  ['vlan', [], frame(BROADCAST, A, { type: 0x88a8 }), Drop.VLAN],
  ['blocknonip', ['veb0 blocknonip mem0'], frame(BROADCAST, A), Drop.BLOCKNONIP_IN],
  ['a rule', ['veb0 rule block in on mem0'], frame(BROADCAST, A), Drop.RULES_IN],
  ['the IP header', ['veb0 link1'], etherFrame(BROADCAST, A, 0x0800, ipv4Packet({ 0: 0x55 })), Drop.IP_HEADER],
  ['the packet filter', ['veb0 link1'], etherFrame(BROADCAST, A, 0x0800, ipv4Packet()), Drop.PF],
] as const) {
  test(`A59 a frame that ends by ${what} was spanned`, async () => {
    rig = await Rig.bridge(2, ...SPAN, ...lines);
    rig.router.ctx.packetFilter = () => false;
    rig.send('mem0', bad);
    assert.deepEqual(bytes('mem9'), [bad]);
    assert.deepEqual(rig.counts('mem1'), [0]);
    assert.equal(rig.drops('mem0', reason), 1);
  });
}

test('A59 what a span port receives vanishes: not bridged, not learned, not counted on the veb', async () => {
  rig = await Rig.bridge(2, ...SPAN, 'mem8 create up', 'veb0 addspan mem8');
  rig.burst('mem9', [frame(BROADCAST, A), frame(MULTICAST, A), frame('01:80:c2:00:00:00', A), frame(B, A)]);
  assert.deepEqual(rig.counts('mem0', 'mem1', 'mem8', 'mem9'), [0, 0, 0, 0]);
  assert.deepEqual(rig.addresses(), []);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 0);
  assert.equal(rig.counter('veb0', Lane.RETURNED), 0);
  assert.equal(rig.drops('mem9', Drop.SPAN), 4);
  await rig.ifconfig('veb0 down');
  rig.send('mem9', frame(BROADCAST, A));
  assert.equal(rig.drops('mem9', Drop.SPAN), 5, 'also while the veb is down');
  assert.equal(rig.counter('mem9', Lane.CONSUMED), 0);
});

test('A59 a span copy is made before rules: it has no tag, the frame has', async () => {
  rig = await Rig.bridge(2, ...SPAN, 'veb0 rule pass in on mem0 tag blue', 'veb0 rule pass out on mem1 tag red');
  rig.burst('mem0', [frame(BROADCAST, A), frame(BROADCAST, B)]);
  assert.deepEqual(
    rig.received('mem9').map((f) => f.tag),
    [0, 0],
  );
  assert.ok(rig.received('mem1').every((f) => f.tag !== 0));
});

test('A8 A59 what is given back to the port is not spanned', async () => {
  rig = await Rig.bridge(2, ...SPAN);
  rig.burst('mem0', [frame('01:80:c2:00:00:0e', A), frame(BROADCAST, B)]);
  assert.deepEqual(bytes('mem9'), [frame(BROADCAST, B)]);
  await rig.ifconfig('veb0 down');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem9'), [0]);
});

test('A59 a span port that is down gets nothing, and no drop is counted', async () => {
  rig = await Rig.bridge(2, ...SPAN, 'mem9 down');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem1', 'mem9'), [1, 0]);
  assert.equal(rig.counter('veb0', Lane.COPIED), 1);
  assert.equal(rig.drops('mem9', Drop.NOTRUNNING), 0);
  await rig.ifconfig('mem9 up');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem1', 'mem9'), [1, 1]);
});

test('A59 a span port gets a superframe whole, its offload state with it', async () => {
  rig = await Rig.bridge(2, ...SPAN);
  const sent = frame(BROADCAST, A, { type: 0x0800, length: 40_014 });
  const vnet: [number, number, number] = [0x01 | (1 << 8) | (54 << 16), 1448 | (34 << 16), 16];
  rig.send('mem0', sent, vnet);
  const [copy] = rig.received('mem9');
  assert.deepEqual([copy?.bytes, copy?.vnet], [sent, vnet]);
});

test('A59 a full span port harms no other port', async () => {
  rig = await Rig.bridge(2, ...SPAN);
  for (let n = 0; n < 1100; n++) {
    rig.send('mem0', frame(BROADCAST, A));
    assert.deepEqual(rig.counts('mem1'), [1]);
  }
  const kept = rig.received('mem9').length;
  assert.ok(kept > 0 && kept < 1100);
  assert.equal(rig.drops('mem9', Drop.QUEUE_FULL), 1100 - kept);
});

test('A59 a frame that a worker took from a span port just as that was deleted is still not bridged', async () => {
  rig = await Rig.bridge(2, ...SPAN);
  const { ctx, table } = rig.router;
  const [span, veb] = [table.get('mem9').index, table.get('veb0').index];
  const rules = makeFrameRules(ctx);
  const input = makeVebInput(ctx, rules, makeVebOutput(ctx, rules), (i, index) => consume(ctx, i, index));
  rig.host('mem9').send(frame(BROADCAST, A));
  // The worker has read which bridge the port belongs to, and now main takes the port out.
  makeMemoryDevice(ctx).receive(span);
  const deleted = rig.ifconfig('veb0 delspan mem9');
  input(span, veb);
  rig.endBurst();
  await deleted;
  assert.deepEqual(rig.counts('mem0', 'mem1'), [0, 0]);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 0);
  assert.equal(rig.drops('mem9', Drop.SPAN), 1);
});

test('an interface is port or span port of one bridge', async () => {
  rig = await Rig.bridge(1, ...SPAN, 'veb1 create up');
  for (const line of ['veb0 add mem9', 'veb0 addspan mem9', 'veb0 addspan mem0', 'veb1 addspan mem9', 'veb1 add mem9'])
    await assert.rejects(rig.ifconfig(line), { code: 'EBUSY' }, line);
  await assert.rejects(rig.ifconfig('veb0 addspan mem7'), { code: 'EINVAL' });
  await assert.rejects(rig.ifconfig('veb0 addspan veb1'), { code: 'EPROTONOSUPPORT' });
  await assert.rejects(rig.ifconfig('veb0 addspan veb0'), { code: 'EPROTONOSUPPORT' });
});

test('a port that becomes a span port, and back, in one change', async () => {
  rig = await Rig.bridge(3);
  rig.send('mem2', frame(BROADCAST, C));
  rig.counts(...PORTS);
  await rig.ifconfig('veb0 del mem2 addspan mem2');
  assert.deepEqual(rig.addresses(), []);
  rig.send('mem2', frame(BROADCAST, C));
  rig.send('mem0', frame(A, B));
  assert.deepEqual(rig.counts(...PORTS), [0, 1, 1]);
  await rig.ifconfig('veb0 delspan mem2 add mem2');
  rig.send('mem2', frame(BROADCAST, C));
  assert.deepEqual(rig.counts(...PORTS), [1, 1, 0]);
  assert.deepEqual(rig.addresses(), [`${B} mem0`, `${C} mem2`]);
});

test('a destroyed span port leaves its veb', async () => {
  rig = await Rig.bridge(2, ...SPAN);
  await rig.ifconfig('mem9 destroy');
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem1'), [1]);
  assert.equal(rig.counter('veb0', Lane.COPIED), 1);
});
