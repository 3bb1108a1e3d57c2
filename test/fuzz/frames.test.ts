/** Random frames through a bridge: whatever a host puts into its slots, what comes out is a frame that went in, and the books hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Lane } from '../../src/shared/layout/counters.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot, SlotOwner } from '../../src/shared/layout/packet.js';
import { RingProducer } from '../../src/shared/ring/ring.js';
import { Rig } from '../support/rig.js';
import { BOX_MS, SEED } from '../support/stress.js';

const PORTS = ['mem0', 'mem1', 'mem2'];

/** A frame as a host may put it: the slot's meta says anything. */
const hostile = fc.record({
  port: fc.integer({ min: 0, max: 2 }),
  large: fc.boolean(),
  header: fc.uint8Array({ minLength: 14, maxLength: 14 }),
  /** Stations that meet, rather than a random address each time. */
  stations: fc.option(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }))),
  length: fc.oneof(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 70_000 }), fc.integer()),
  shift: fc.oneof(fc.constant(0), fc.integer({ min: -300, max: 2048 }), fc.integer()),
  vnet: fc.option(
    fc.oneof(
      fc.tuple(fc.integer(), fc.integer(), fc.integer()),
      fc.tuple(
        fc.constantFrom(0, 1, 0x101, 0x401, 0x501, 0x80, 54 << 16),
        fc.integer({ min: 0, max: 1 << 22 }),
        fc.integer({ min: 0, max: 20 }),
      ),
    ),
  ),
});
type Hostile = typeof hostile extends fc.Arbitrary<infer T> ? T : never;

/** Puts one frame into its port's ring as it is. Returns what its bytes are where it may be let through. */
function put(rig: Rig, toPort: RingProducer, f: Hostile, mark: number): string {
  const { views, cache } = rig.router.memory;
  const slot = f.large ? cache.takeSuperframe() : cache.takeFrame();
  const m = slot << Meta.SHIFT;
  const stride = f.large ? Slot.SUPER_STRIDE - Slot.COLOUR_STEP * Slot.COLOURS : Slot.FRAME_STRIDE;
  views.u8.fill(mark, views.slotOffset[slot], views.slotOffset[slot] + stride);
  const offset = (views.slotOffset[slot] + Slot.HEADROOM + f.shift) | 0;
  const end = views.slotOffset[slot] + stride;
  const inside = offset >= views.slotOffset[slot] && f.length >= 14 && offset + f.length <= end;
  if (inside) {
    views.u8.set(f.header, offset);
    if (f.stations !== null) views.u8.set([2, 0, 0, 0, 0, f.stations[0], 2, 0, 0, 0, 0, f.stations[1]], offset);
  }
  views.meta.fill(0, m, m + 8);
  views.meta[m + Meta.OFFSET] = offset;
  views.meta[m + Meta.LENGTH] = f.length;
  if (f.vnet !== null) views.meta.set(f.vnet, m + Meta.VNET0);
  const bytes = inside ? Buffer.from(views.u8.slice(offset, offset + f.length)).toString('latin1') : '';
  views.owner[slot] = SlotOwner.QUEUED;
  toPort.push(slot);
  toPort.publish();
  return bytes;
}

test('random bytes, lengths, places and virtio-net words: copies are what went in, the books balance', async () => {
  const rig = await Rig.bridge(3, 'veb0 link2');
  const { views } = rig.router.memory;
  const toPorts = PORTS.map(
    (port) => new RingProducer(views.rings, views.heap[ifRecord(rig.router.table.get(port).index) + If.RX_RING]),
  );
  let mark = 0;
  const property = fc.property(fc.array(hostile, { minLength: 1, maxLength: 20 }), (frames) => {
    const read = PORTS.reduce((sum, port) => sum + rig.counter(port, Lane.READ), 0);
    const sent = frames.map((f) => put(rig, toPorts[f.port] as RingProducer, f, ++mark & 255));
    while (rig.router.loop.pollMemoryPorts() !== 0);
    for (const port of PORTS) {
      for (const { bytes } of rig.received(port)) {
        assert.ok(
          sent.includes(Buffer.from(bytes).toString('latin1')),
          `${port} got ${bytes.length} bytes nobody sent`,
        );
      }
    }
    const after = PORTS.reduce((sum, port) => sum + rig.counter(port, Lane.READ), 0);
    assert.equal(after - read, frames.length);
    for (const port of PORTS) {
      for (const word of [Lane.IPACKETS, Lane.IBYTES, Lane.IWIRE, Lane.OWIRE]) {
        assert.ok(Number.isSafeInteger(rig.counter(port, word)) && rig.counter(port, word) >= 0);
      }
      assert.ok(rig.counter(port, Lane.IWIRE) >= rig.counter(port, Lane.IPACKETS));
    }
    assert.deepEqual(rig.bookErrors(), []);
  });
  fc.assert(property, { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: BOX_MS });
});
