/**
 * What a dead worker leaves (main/pool/worker-death.ts): what comes home, and what stays where the next one finds it; and that wherever it
 * dies, each slot is in one place afterwards.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../../../src/main/config/state.js';
import { MemoryHost } from '../../../../src/main/memory/memory-host.js';
import { reclaimSlots, returningSlots } from '../../../../src/main/pool/worker-death.js';
import { If, IfType, ifRecord } from '../../../../src/shared/layout/heap.js';
import { SlotOwner } from '../../../../src/shared/layout/packet.js';
import { Ring } from '../../../../src/shared/layout/rings.js';
import { RingConsumer, RingProducer } from '../../../../src/shared/ring/ring.js';
import { returnRing, SlotCache } from '../../../../src/shared/ring/slot-cache.js';
import { ether, ipv4 } from '../../../support/fake-stack.js';
import { OfflineRouter } from '../../../support/offline-router.js';
import { A, B, frame, macBytes } from '../../../support/rig.js';

test('a worker that dies while it takes frames from a ring: the ring still has them, and no slot is two frames', async () => {
  const router = new OfflineRouter();
  await router.ifconfig('mem0 create up');
  const { ctx, memory } = router;
  const { index } = router.table.get('mem0');
  const host = new MemoryHost(memory, router.table.get('mem0'));
  const base = memory.views.heap[ifRecord(index) + If.RX_RING];
  for (let mark = 0; mark < 3; mark++) assert.ok(host.send(frame(A, B, { mark })));
  const before = memory.cache.freeFrames;
  // Ended between its first entry and the store that gives the ring its room back.
  ctx.slots[0] = memory.views.rings[base + Ring.ENTRIES] as number;
  assert.equal(reclaimSlots(memory, ctx.me, returningSlots(memory, ctx.me)), 0);
  assert.equal(memory.cache.freeFrames, before);
  // Ended behind that store: they are in its hands.
  assert.equal(new RingConsumer(memory.views.rings, base).popList(ctx.slots, 2), 2);
  assert.equal(reclaimSlots(memory, ctx.me, returningSlots(memory, ctx.me)), 2);
  assert.equal(memory.cache.freeFrames, before + 2);
});

test('a worker that dies while it takes its slots home: those it had not kept come home, those on their way do too', () => {
  const { ctx, memory } = new OfflineRouter();
  const { views, returnRings, me } = memory;
  const slots = Array.from({ length: 3 }, () => ctx.cache.takeFrame());
  // Main gives two of them back, and a third that it has not published.
  for (const slot of slots.slice(0, 2)) memory.cache.give(slot);
  memory.cache.flush();
  memory.cache.give(slots[2] as number);
  // The worker has taken the first off the ring.
  const ring = new RingConsumer(views.rings, returnRings[returnRing(views.sizes.threads, me, ctx.me)] as number);
  assert.equal(ring.popList(new Int32Array(1), 1), 1);
  const before = returningSlots(memory, ctx.me);
  memory.cache.flush();
  assert.equal(reclaimSlots(memory, ctx.me, before), 1);
  const onRing = new Int32Array(4);
  assert.equal(ring.popList(onRing, 4), 3);
  assert.deepEqual([...onRing.subarray(0, 3)].sort(), [...slots].sort());
});

/** Slots in what is published of a ring. */
function onRing(words: Int32Array, base: number): number[] {
  const slots: number[] = [];
  const mask = (words[base + Ring.CAPACITY] as number) - 1;
  for (let at = words[base + Ring.HEAD] as number; at !== words[base + Ring.TAIL]; at = (at + 1) | 0)
    slots.push(words[base + Ring.ENTRIES + (at & mask)] as number);
  return slots;
}

/** What is wrong with where slots are once worker 0 is gone: each is in one ring, or rests at home. */
function misplaced({ memory, table }: OfflineRouter): string[] {
  const { views, me, cache } = memory;
  const { owner, home, heap, rings, sizes } = views;
  const ports = table.all().flatMap(({ index }) => {
    const record = ifRecord(index);
    const isPort = heap[record + If.TYPE] === IfType.MEMORY;
    return isPort ? [heap[record + If.RX_RING] as number, heap[record + If.TX_RING] as number] : [];
  });
  const queues = [...ports, ...memory.workerRings, ...memory.puntRings].filter((base) => base !== 0);
  const places = new Map<number, string[]>();
  const put = (base: number, what: string): void => {
    for (const slot of onRing(rings, base)) places.set(slot, [...(places.get(slot) ?? []), what]);
  };
  for (const base of queues) put(base, 'queued');
  for (let from = 0; from < sizes.threads; from++)
    for (let to = 0; to < sizes.threads; to++)
      if (from !== to) put(memory.returnRings[returnRing(sizes.threads, from, to)] as number, 'returning');
  const wrong: string[] = [];
  let resting = 0;
  for (let slot = 0; slot < owner.length; slot++) {
    const at = (places.get(slot) ?? []).join();
    const by = owner[slot] as number;
    const should = by === SlotOwner.RESTING ? '' : by === SlotOwner.QUEUED ? 'queued' : 'returning';
    if (at !== should || by >= 0) wrong.push(`slot ${slot} of ${by} is in [${at}]`);
    if (by === SlotOwner.RESTING && home[slot] === me) resting++;
  }
  const kept = cache.freeFrames + cache.freeSuperframes;
  if (resting !== kept) wrong.push(`${resting} rest with main, which has ${kept}`);
  return wrong;
}

/** Where a worker may die: at the begin of these functions, or right behind them. */
const CALLS = [
  [RingProducer.prototype, ['push', 'pushList', 'publish']],
  [RingConsumer.prototype, ['popList']],
  [SlotCache.prototype, ['give', 'takeFrame', 'flush']],
] as const;

/** Makes call number `fatal` of those above throw, before it has done anything or after; returns how many there were, and a way back. */
function mortal(fatal: number, behind: boolean): { calls: () => number; heal: () => void } {
  let calls = 0;
  const heal: (() => void)[] = [];
  for (const [prototype, names] of CALLS) {
    const methods = prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of names) {
      const real = methods[name] as (...args: unknown[]) => unknown;
      methods[name] = function (this: unknown, ...args: unknown[]): unknown {
        const mine = ++calls === fatal;
        if (mine && !behind) throw new Error('dead');
        const result = real.apply(this, args);
        if (mine) throw new Error('dead');
        return result;
      };
      heal.push(() => {
        methods[name] = real;
      });
    }
  }
  return { calls: () => calls, heal: () => heal.forEach((one) => void one()) };
}

/** A packet that its first router answers with an error. */
function ttlOne(to: string, from: string): Uint8Array {
  const packet = ipv4('10.0.0.9', '10.9.9.9', 17, new Uint8Array(30), { ttl: 1 });
  return ether(Uint8Array.from(macBytes(to)), Uint8Array.from(macBytes(from)), 0x0800, packet);
}

/** Frames that are bridged, handed over, routed by a vport and punted, and flooded if told, to be forwarded by worker 0 of two. */
async function busyRouter(floods: boolean): Promise<OfflineRouter> {
  const sizes = { 'smrouter.frames': 1024, 'smrouter.superframes': 160, 'smrouter.heap': 16 };
  const router = new OfflineRouter(2, 0, { ...DEFAULT_SETTINGS, ...sizes });
  const ports = ['mem0', 'mem1', 'mem2', 'mem3'];
  await router.ifconfig(
    ...ports.map((port) => `${port} create up`),
    'veb0 create up',
    ...ports.map((port) => `veb0 add ${port}`),
    'vport0 create lladdr 02:00:00:00:00:77 inet 10.0.0.1/24 up',
    'veb0 add vport0',
  );
  const { heap } = router.memory.views;
  const owners = ports.map((port) => heap[ifRecord(router.table.get(port).index) + If.OWNER]);
  const [here = '', beside = ''] = ports.filter((_, n) => owners[n] === 0);
  const there = ports[owners.indexOf(1)] as string;
  assert.ok(beside !== '' && there !== undefined, `${owners}`);
  const station = (n: number): string => `02:00:00:00:01:0${n}`;
  const known = [`${beside} ${station(1)}`, `${there} ${station(2)}`, 'vport0 02:00:00:00:00:77'];
  await router.ifconfig(...known.map((one) => `veb0 static ${one}`));
  const host = new MemoryHost(router.memory, router.table.get(here));
  const from = station(3);
  const to = [station(1), station(1), station(2), station(2), '02:00:00:00:00:77'];
  if (floods) to.push('ff:ff:ff:ff:ff:ff', station(9));
  for (const mac of to) assert.ok(host.send(ttlOne(mac, from)));
  return router;
}

test('wherever a worker dies, no slot is lost and none is in two places', async () => {
  let deaths = 0;
  for (const [floods, behind] of [
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ] as const) {
    for (let fatal = 1, dead = true; dead; fatal++) {
      const router = await busyRouter(floods);
      const { calls, heal } = mortal(fatal, behind);
      try {
        while (router.loop.pollMemoryPorts() !== 0);
      } catch (err) {
        assert.equal((err as Error).message, 'dead');
      } finally {
        heal();
      }
      dead = calls() >= fatal;
      if (!dead) continue;
      deaths++;
      const { memory } = router;
      const before = returningSlots(memory, 0);
      reclaimSlots(memory, 0, before);
      memory.cache.collect();
      assert.deepEqual(misplaced(router), [], `call ${fatal}, floods ${floods}, behind ${behind}`);
    }
  }
  assert.ok(deaths > 80, `${deaths}`);
});
