/** Matrix A, link1: the IP header check, and where and with what a packet filter is asked (spec A §1.6). */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../src/shared/layout/counters.js';
import { Meta, SlotOwner } from '../../src/shared/layout/packet.js';
import { RingProducer } from '../../src/shared/ring/ring.js';
import { FilterDirection } from '../../src/workers/ether/packet-filter.js';
import { arpFrame, type Changes, etherFrame, ipv4Packet, ipv6Packet } from '../support/ip-frame.js';
import { A, B, BROADCAST, C, frame, Rig } from '../support/rig.js';

let rig: Rig;

afterEach(() => assert.deepEqual(rig.bookErrors(), []));

const PORTS = ['mem0', 'mem1', 'mem2'];
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

const ip = (dst: string, src: string): Uint8Array => etherFrame(dst, src, IPV4, ipv4Packet());

/** Writes down each question, and answers no to those for which `refuses` is true. */
function ask(refuses: (line: string) => boolean = () => false): string[] {
  const asked: string[] = [];
  rig.router.ctx.packetFilter = (_, direction, index, rdomain) => {
    const line = `${direction === FilterDirection.IN ? 'in' : 'out'} ${rig.router.table.nameOf(index)} ${rdomain}`;
    asked.push(line);
    return !refuses(line);
  };
  return asked;
}

test("A10 the packet filter sees the veb's rdomain, whatever that of the port", async () => {
  rig = await Rig.bridge(3, 'veb0 link1 rdomain 5 static mem1 02:00:00:00:00:0a', 'mem0 rdomain 7');
  const asked = ask();
  rig.send('mem0', ip(A, B));
  assert.deepEqual(asked.splice(0), ['in mem0 5', 'out mem1 5']);
  rig.send('mem0', ip(C, B));
  assert.deepEqual(asked.splice(0), ['in mem0 5', 'out veb0 5'], 'once for a flood, on the veb');
  await rig.ifconfig('veb0 -rdomain');
  rig.send('mem0', etherFrame(BROADCAST, B, IPV6, ipv6Packet()));
  assert.deepEqual(asked, ['in mem0 0', 'out veb0 0']);
});

test('without link1 nobody asks, and no header is checked', async () => {
  rig = await Rig.bridge(2, 'veb0 link2');
  const asked = ask(() => true);
  rig.send('mem0', etherFrame(BROADCAST, A, IPV4, [0xff, 0xff]));
  assert.deepEqual([asked, rig.counts('mem1')], [[], [1]]);
});

test('of other ethertypes nobody asks: ARP, a tag before IP, what is no IP', async () => {
  rig = await Rig.bridge(2, 'veb0 link1 link2');
  const asked = ask(() => true);
  rig.send('mem0', arpFrame(BROADCAST, A, 0x0806, 1, A, '10.0.0.1', B, '10.0.0.2'));
  rig.send('mem0', etherFrame(BROADCAST, A, 0x8100, [0, 10, 8, 0, ...ipv4Packet()]));
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual([asked, rig.counts('mem1')], [[], [3]]);
});

test('refused on the way in: not learned, on the way out: not flooded, of a flood: no copy at all', async () => {
  rig = await Rig.bridge(3, 'veb0 link1 static mem1 02:00:00:00:00:0a');
  ask((line) => line.startsWith('in'));
  rig.send('mem0', ip(BROADCAST, B));
  assert.deepEqual(rig.addresses(), [`${A} mem1`]);
  assert.deepEqual([rig.drops('mem0', Drop.PF), rig.counter('veb0', Lane.OPACKETS)], [1, 0]);
  ask((line) => line === 'out mem1 0');
  rig.send('mem0', ip(A, B));
  assert.deepEqual([rig.drops('mem1', Drop.PF), rig.counter('veb0', Lane.OPACKETS)], [1, 0]);
  ask((line) => line === 'out veb0 0');
  rig.send('mem0', ip(BROADCAST, B));
  assert.deepEqual([rig.drops('veb0', Drop.PF), rig.counter('veb0', Lane.OPACKETS)], [1, 0]);
  assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
  assert.deepEqual(rig.addresses(), [`${A} mem1`, `${B} mem0`]);
});

test('A34 what the packet filter changed before a flood is in every copy', async () => {
  rig = await Rig.bridge(4, 'veb0 link1');
  const { ctx } = rig.router;
  ctx.packetFilter = (i, direction) => {
    assert.equal(ctx.shared[i], 0, 'no other output has the frame yet');
    if (direction === FilterDirection.OUT) ctx.u8[ctx.meta[(ctx.slots[i] << Meta.SHIFT) + Meta.OFFSET] + 50] = 0x99;
    return true;
  };
  const sent = ip(BROADCAST, A);
  rig.send('mem0', sent);
  const rewritten = sent.slice();
  rewritten[50] = 0x99;
  for (const port of ['mem1', 'mem2', 'mem3'])
    assert.deepEqual(
      rig.received(port).map((f) => f.bytes),
      [rewritten],
    );
});

/** RFC 791 §3.1, RFC 1812 §5.2.2, RFC 8200 §3: what is wrong, by offset in the packet; bytes of the packet that are there. */
const BAD: readonly (readonly [string, number, Changes, number?])[] = [
  ['version 5', IPV4, { 0: 0x55 }],
  ['version 0', IPV4, { 0: 0x05 }],
  ['version 6 under IPv4', IPV4, { 0: 0x65 }],
  ['a header of 16 bytes', IPV4, { 0: 0x44 }],
  ['a header of no bytes', IPV4, { 0: 0x40 }],
  ['a header longer than the packet', IPV4, { 0: 0x4f }],
  ['a total length below the header', IPV4, { 3: 19 }],
  ['a total length beyond the frame', IPV4, { 2: 0xff }],
  ['a wrong checksum', IPV4, { 11: 0 }],
  ['a changed byte', IPV4, { 8: 63 }],
  ['19 bytes', IPV4, {}, 19],
  ['one byte less than it says', IPV4, {}, 27],
  ['nothing', IPV4, {}, 0],
  ['version 4 under IPv6', IPV6, { 0: 0x40 }],
  ['version 7', IPV6, { 0: 0x70 }],
  ['a payload length beyond the frame', IPV6, { 4: 1 }],
  ['39 bytes', IPV6, {}, 39],
  ['one byte less than it says', IPV6, {}, 47],
  ['nothing', IPV6, {}, 0],
];

for (const [what, type, changes, length] of BAD) {
  test(`link1 drops an ${type === IPV4 ? 'IPv4' : 'IPv6'} packet with ${what}, before it is learned`, async () => {
    rig = await Rig.bridge(3, 'veb0 link1 static mem1 02:00:00:00:00:0a');
    const asked = ask();
    const packet = type === IPV4 ? ipv4Packet(changes) : ipv6Packet(changes);
    for (const dst of [A, BROADCAST])
      rig.send('mem0', etherFrame(dst, B, type, packet.slice(0, length ?? packet.length), length !== undefined));
    assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
    assert.equal(rig.drops('mem0', Drop.IP_HEADER), 2);
    assert.deepEqual(rig.addresses(), [`${A} mem1`]);
    assert.deepEqual(asked, []);
  });
}

for (const [what, sent] of [
  ['IPv4 with padding', etherFrame(BROADCAST, A, IPV4, ipv4Packet())],
  ['IPv4 without', etherFrame(BROADCAST, A, IPV4, ipv4Packet(), true)],
  ['IPv6', etherFrame(BROADCAST, A, IPV6, ipv6Packet(), true)],
  ['IPv6 without payload', etherFrame(BROADCAST, A, IPV6, ipv6Packet({ 5: 0 }).slice(0, 40), true)],
] as const) {
  test(`link1 passes ${what}, unchanged`, async () => {
    rig = await Rig.bridge(2, 'veb0 link1');
    rig.send('mem0', sent);
    assert.deepEqual(
      rig.received('mem1').map((f) => f.bytes),
      [sent],
    );
  });
}

test("A35 at a vport the bridge's packet filter is not asked: neither out to it, nor in from it", async () => {
  rig = await Rig.bridge(
    2,
    'vport0 create lladdr 02:00:00:00:00:0c inet 10.0.0.1/24 up',
    'veb0 add vport0 link1 static vport0 02:00:00:00:00:0c static mem1 02:00:00:00:00:0b',
  );
  const asked = ask();
  rig.send('mem0', ip(C, A));
  assert.deepEqual(asked.splice(0), ['in mem0 0'], 'to the vport');
  assert.equal(rig.counter('vport0', Lane.IPACKETS), 1);
  // What the stack sends by the vport enters the bridge like the frames of any port.
  const { ctx, memory, table, loop } = rig.router;
  const slot = memory.cache.takeFrame();
  const at = memory.views.slotOffset[slot] as number;
  const out = ip(B, C);
  memory.views.u8.set(out, at + 256);
  const vport = table.get('vport0');
  memory.views.meta.set(
    [at + 256, out.length, 0, vport.index | (vport.generation << 16), 3, 0, 0, 0],
    slot << Meta.SHIFT,
  );
  const { workers, workerRings } = memory;
  const ring = new RingProducer(memory.views.rings, workerRings[workers * workers] as number);
  ctx.owner[slot] = SlotOwner.QUEUED;
  memory.views.counters[laneOf(memory.me, vport.index) + Lane.ORIGINATED] += 1;
  ring.push(slot);
  ring.publish();
  while (loop.pollWorkers() !== 0);
  assert.deepEqual(asked, ['out mem1 0'], 'from the vport');
  assert.deepEqual(rig.counts('mem1'), [1]);
});
