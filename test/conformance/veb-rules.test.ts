/** Matrix A, rules on a bridge: what becomes of frames, and of each copy. How rules read and match alone is in test/unit. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { arpFrame, etherFrame, ipv4Packet } from '../support/ip-frame.js';
import { A, B, BROADCAST, C, frame, MULTICAST, Rig } from '../support/rig.js';

let rig: Rig;

afterEach(() => assert.deepEqual(rig.bookErrors(), []));

const PORTS = ['mem0', 'mem1', 'mem2'];
const ARP = 0x0806;
const RARP = 0x8035;

/** Lets the bridge learn that `mac` is on `port`, and forgets the copies. */
function learn(port: string, mac: string): void {
  rig.send(port, frame(BROADCAST, mac));
  rig.counts(...PORTS);
}

/** Tags of the frames that a port's host has received since last asked. */
function tags(port: string): number[] {
  return rig.received(port).map((f) => f.tag);
}

test('A14 a source that an IN rule blocks is not learned, and the frame was spanned', async () => {
  rig = await Rig.bridge(3, 'mem9 create up', 'veb0 addspan mem9', `veb0 rule block in on mem0 src ${A}`);
  const sent = frame(BROADCAST, A);
  rig.send('mem0', sent);
  assert.deepEqual(rig.addresses(), []);
  assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
  assert.deepEqual(
    rig.received('mem9').map((f) => f.bytes),
    [sent],
  );
  assert.equal(rig.drops('mem0', Drop.RULES_IN), 1);
  assert.equal(rig.counter('veb0', Lane.IPACKETS), 1);
  rig.send('mem0', frame(BROADCAST, B));
  assert.deepEqual(rig.addresses(), [`${B} mem0`]);
});

test('A27 a unicast that an OUT rule refuses does not count as output and is not flooded', async () => {
  rig = await Rig.bridge(3);
  learn('mem1', A);
  await rig.ifconfig(`veb0 rule block out on mem1 dst ${A}`);
  const before = rig.counter('veb0', Lane.OPACKETS);
  rig.send('mem0', frame(A, B));
  assert.deepEqual(rig.counts(...PORTS), [0, 0, 0]);
  assert.equal(rig.drops('mem1', Drop.RULES_OUT), 1);
  assert.equal(rig.counter('veb0', Lane.OPACKETS), before);
});

test('A62 first match wins, for frames in and out', async () => {
  rig = await Rig.bridge(2, `veb0 rule block in on mem0 src ${A}`, `veb0 rule pass in on mem0 src ${A}`);
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(rig.counts('mem1'), [0]);
  await rig.ifconfig('veb0 flushrule mem0', `veb0 rule pass in on mem0 src ${A}`, 'veb0 rule block in on mem0');
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem0', frame(BROADCAST, B));
  assert.deepEqual(rig.counts('mem1'), [1]);
  await rig.ifconfig('veb0 flushrule mem0', `veb0 rule pass out on mem1 src ${B}`, 'veb0 rule block out on mem1');
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem0', frame(BROADCAST, B));
  assert.deepEqual(rig.counts('mem1'), [1]);
  assert.equal(rig.drops('mem0', Drop.RULES_IN), 2);
  assert.equal(rig.drops('mem1', Drop.RULES_OUT), 1);
});

test('A63 no rule, or none that matches, passes', async () => {
  rig = await Rig.bridge(2, `veb0 rule block on mem0 src ${C}`, `veb0 rule block on mem1 dst ${C}`);
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(tags('mem1'), [0]);
});

test('A64 a rule without direction is for both', async () => {
  rig = await Rig.bridge(2, 'veb0 rule block on mem0');
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem1', frame(BROADCAST, B));
  assert.deepEqual(rig.counts('mem0', 'mem1'), [0, 0]);
  assert.equal(rig.drops('mem0', Drop.RULES_IN), 1);
  assert.equal(rig.drops('mem0', Drop.RULES_OUT), 1);
  await rig.ifconfig('veb0 flushrule mem0', 'veb0 rule block in on mem0');
  rig.send('mem1', frame(BROADCAST, B));
  assert.deepEqual(rig.counts('mem0'), [1]);
});

test('A65 a rule without qualifiers is for every frame: known, unknown, group, ARP', async () => {
  rig = await Rig.bridge(3);
  learn('mem1', A);
  await rig.ifconfig('veb0 rule block out on mem1');
  const frames = [frame(A, B), frame(C, B), frame(MULTICAST, B), frame(BROADCAST, B)];
  frames.push(arpFrame(BROADCAST, B, ARP, 1, B, '10.0.0.1', A, '10.0.0.2'));
  rig.burst('mem0', frames);
  assert.deepEqual(rig.counts(...PORTS), [0, 0, 4]);
  assert.equal(rig.drops('mem1', Drop.RULES_OUT), 5);
});

test('A66 pass tags, block does not, pass without a tag keeps the earlier one', async () => {
  rig = await Rig.bridge(
    2,
    `veb0 rule pass in on mem0 src ${A} tag blue`,
    'veb0 rule pass out on mem1',
    `veb0 rule block in on mem0 src ${C} tag blue`,
  );
  rig.burst('mem0', [frame(BROADCAST, A), frame(BROADCAST, B), frame(BROADCAST, C), frame(BROADCAST, A)]);
  const [first, none, again] = tags('mem1');
  assert.notEqual(first, 0);
  assert.deepEqual([none, again], [0, first]);
  assert.equal(rig.counter('mem0', Lane.TAGGED), 2);
});

test('A66 a later tag takes the place of an earlier one', async () => {
  rig = await Rig.bridge(3, 'veb0 rule pass in on mem0 tag blue', 'veb0 rule pass out on mem1 tag red');
  rig.send('mem0', frame(BROADCAST, A));
  const [red] = tags('mem1');
  const [blue] = tags('mem2');
  assert.ok(red !== 0 && blue !== 0 && red !== blue);
});

for (const at of [0, 1, 2]) {
  test(`A67 an OUT rule's tag is on the copy of its port alone, were it the ${['first', 'second', 'last'][at]}`, async () => {
    const egress = ['mem1', 'mem2', 'mem3'];
    rig = await Rig.bridge(4, `veb0 rule pass out on ${egress[at]} tag red`);
    rig.burst('mem0', [frame(BROADCAST, A), frame(C, A), frame(MULTICAST, A)]);
    egress.forEach((port, n) => {
      const got = tags(port);
      assert.equal(got.length, 3);
      for (const tag of got) assert.equal(tag !== 0, n === at, port);
    });
    assert.equal(rig.counter(egress[at] as string, Lane.TAGGED), 3);
  });
}

test('A67 a tag of one burst is on no frame of the next', async () => {
  rig = await Rig.bridge(
    3,
    `veb0 rule pass in on mem0 src ${A} tag blue`,
    `veb0 rule pass out on mem2 src ${A} tag red`,
  );
  rig.burst('mem0', [frame(BROADCAST, A), frame(BROADCAST, B)]);
  rig.burst('mem0', [frame(BROADCAST, B), frame(BROADCAST, B)]);
  await rig.ifconfig('veb0 flushrule mem0 flushrule mem2');
  rig.burst('mem0', [frame(BROADCAST, A), frame(BROADCAST, A)]);
  for (const port of ['mem1', 'mem2']) assert.deepEqual(tags(port).slice(1), [0, 0, 0, 0, 0], port);
});

test('each copy has the priority of the frame, tagged or not', async () => {
  rig = await Rig.bridge(3, 'mem9 create up', 'veb0 addspan mem9', 'veb0 rule pass out on mem2 tag red');
  for (const priority of [0, 1, 5, 7]) {
    rig.host('mem0').send(frame(BROADCAST, A), undefined, priority);
    rig.run();
    for (const port of ['mem1', 'mem2', 'mem9'])
      assert.deepEqual(
        rig.received(port).map((f) => [f.priority, f.tag !== 0]),
        [[priority, port === 'mem2']],
      );
  }
});

test('A68 arp request spa is for requests of that sender, of 42 bytes or more', async () => {
  rig = await Rig.bridge(2, 'veb0 rule block in on mem0 arp request spa 10.0.0.1');
  const arp = (op: number, spa: string): Uint8Array => arpFrame(BROADCAST, A, ARP, op, A, spa, B, '10.0.0.9');
  const blocked = arp(1, '10.0.0.1');
  const passed = [arp(2, '10.0.0.1'), arp(1, '10.0.0.2'), blocked.slice(0, 30), blocked.slice(0, 41)];
  rig.burst('mem0', [blocked, blocked.slice(0, 42), ...passed]);
  assert.deepEqual(
    rig.received('mem1').map((f) => f.bytes),
    passed,
  );
  assert.equal(rig.drops('mem0', Drop.RULES_IN), 2);
});

test('A69 another hardware or protocol type matches no arp rule', async () => {
  rig = await Rig.bridge(2, 'veb0 rule block in on mem0 arp');
  for (const head of ['000608000604', '000186dd0604', '000108000804', '000108000610']) {
    rig.send('mem0', arpFrame(BROADCAST, A, ARP, 1, A, '10.0.0.1', B, '10.0.0.2', head));
    assert.deepEqual(rig.counts('mem1'), [1], head);
  }
  rig.send('mem0', arpFrame(BROADCAST, A, ARP, 1, A, '10.0.0.1', B, '10.0.0.2'));
  assert.deepEqual(rig.counts('mem1'), [0]);
});

test('A71 rarp is for ethertype 0x8035, operations 3 and 4', async () => {
  rig = await Rig.bridge(2, 'veb0 rule block in on mem0 rarp reply');
  const send = (type: number, op: number): number[] => {
    rig.send('mem0', arpFrame(BROADCAST, A, type, op, A, '10.0.0.1', B, '10.0.0.2'));
    return rig.counts('mem1');
  };
  assert.deepEqual(send(RARP, 4), [0]);
  for (const [type, op] of [
    [RARP, 3],
    [RARP, 2],
    [ARP, 4],
    [ARP, 2],
  ] as const)
    assert.deepEqual(send(type, op), [1], `${type.toString(16)} ${op}`);
});

test('A72 a tagged ARP frame matches no arp rule, and others', async () => {
  rig = await Rig.bridge(2, 'veb0 link2', 'veb0 rule block in on mem0 arp');
  const arp = arpFrame(BROADCAST, A, ARP, 1, A, '10.0.0.1', B, '10.0.0.2');
  const tagged = Uint8Array.from([...arp.slice(0, 12), 0x81, 0, 0, 10, ...arp.slice(12)]);
  rig.send('mem0', tagged);
  assert.deepEqual(rig.counts('mem1'), [1]);
  await rig.ifconfig(`veb0 rule block in on mem0 src ${A}`);
  rig.send('mem0', tagged);
  assert.deepEqual(rig.counts('mem1'), [0]);
});

test('A73 of two sha the last is meant', async () => {
  rig = await Rig.bridge(2, `veb0 rule block in on mem0 arp sha ${A} sha ${B}`);
  for (const [sha, copies] of [
    [A, 1],
    [B, 0],
  ] as const) {
    rig.send('mem0', arpFrame(BROADCAST, A, ARP, 1, sha, '10.0.0.1', B, '10.0.0.2'));
    assert.deepEqual(rig.counts('mem1'), [copies], sha);
  }
});

test('A74 spa 255.255.255.255 is an address like others', async () => {
  rig = await Rig.bridge(2, 'veb0 rule block in on mem0 arp spa 255.255.255.255');
  for (const [spa, copies] of [
    ['255.255.255.254', 1],
    ['255.255.255.255', 0],
  ] as const) {
    rig.send('mem0', arpFrame(BROADCAST, A, ARP, 1, A, spa, B, '10.0.0.2'));
    assert.deepEqual(rig.counts('mem1'), [copies], spa);
  }
});

test('A77 flushrule takes both directions of that port, and of no other', async () => {
  rig = await Rig.bridge(3, 'veb0 rule block in on mem0', 'veb0 rule block out on mem0', 'veb0 rule block in on mem1');
  await rig.ifconfig('veb0 flushrule mem0');
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem2', frame(BROADCAST, B));
  rig.send('mem1', frame(BROADCAST, C));
  assert.deepEqual(rig.counts(...PORTS), [1, 2, 1]);
});

test('A79 what tags a port’s rules used is free once they are gone, by flush, del or destroy', async () => {
  rig = await Rig.bridge(2);
  const used = (name: string): number => rig.router.tagUses(name);
  const add = 'veb0 rule pass on mem1 tag red';
  for (const take of ['veb0 flushrule mem1', 'veb0 del mem1', 'mem1 destroy']) {
    await rig.ifconfig(add, 'veb0 rule match out on mem1 tag red');
    assert.equal(used('red'), 2, take);
    await rig.ifconfig(take);
    await rig.router.grace();
    assert.equal(used('red'), 0, take);
    if (take === 'veb0 del mem1') await rig.ifconfig('veb0 add mem1');
  }
});

test('A80 match tags and goes on; the last default is pass', async () => {
  rig = await Rig.bridge(
    2,
    'veb0 rule match in on mem0 tag one',
    `veb0 rule match in on mem0 src ${A} tag two`,
    `veb0 rule block in on mem0 src ${C}`,
  );
  rig.burst('mem0', [frame(BROADCAST, A), frame(BROADCAST, B), frame(BROADCAST, C)]);
  const [two, one, ...more] = tags('mem1');
  assert.ok(one !== 0 && two !== 0 && one !== two);
  assert.deepEqual(more, []);
});

test('rules of a port go with it: it comes back without', async () => {
  rig = await Rig.bridge(2, 'veb0 rule block on mem1');
  await rig.ifconfig('veb0 del mem1');
  await rig.ifconfig('veb0 add mem1');
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem1', frame(BROADCAST, B));
  assert.deepEqual(rig.counts('mem0', 'mem1'), [1, 1]);
});

test('a port that moves to another veb in one change has its new rules there', async () => {
  rig = await Rig.bridge(2, 'veb0 rule block on mem1', 'mem2 create up', 'veb1 create up add mem2');
  await rig.ifconfig('veb0 del mem1', `veb1 add mem1 rule block out on mem1 src ${A}`);
  rig.burst('mem2', [frame(BROADCAST, A), frame(BROADCAST, B)]);
  assert.equal(rig.received('mem1').length, 1);
});

test('rules look at superframes as at any frame', async () => {
  rig = await Rig.bridge(2, `veb0 rule pass in on mem0 src ${A} tag big`, 'veb0 rule block in on mem0');
  const big = etherFrame(BROADCAST, A, 0x0800, [...ipv4Packet(), ...new Uint8Array(40_000)]);
  rig.send('mem0', big);
  rig.send('mem0', etherFrame(BROADCAST, B, 0x0800, [...ipv4Packet(), ...new Uint8Array(40_000)]));
  const got = rig.received('mem1');
  assert.deepEqual(
    got.map((f) => f.bytes),
    [big],
  );
  assert.notEqual(got[0]?.tag, 0);
});
