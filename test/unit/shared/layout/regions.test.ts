/**
 * Regions: page-aligned views, slots that lie apart and inside, homes that share all of them (shared/layout/regions.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { MAX_CAPTURES } from '../../../../src/shared/layout/capture.js';
import {
  CaptureLane,
  captureLane,
  counterWords,
  Lane,
  laneOf,
  MAX_COUNTED_SIDS,
  SidCount,
  sidLane,
  Work,
  workLane,
} from '../../../../src/shared/layout/counters.js';
import { MAX_INTERFACES } from '../../../../src/shared/layout/heap.js';
import { offsetOfSlot, packetBytes, Slot, SlotOwner } from '../../../../src/shared/layout/packet.js';
import { createRegions, openRegions, regionBytes } from '../../../../src/shared/layout/regions.js';
import { addressOf } from '../../../../src/shared/sys/libc.js';

const SIZES = { frames: 100, superframes: 65, heapBytes: 300 << 10, ringBytes: 64 << 10, captureBytes: 0, threads: 3 };

test('every view begins on a page', () => {
  const views = openRegions(createRegions(SIZES, addressOf));
  const first = (view: Uint8Array | Int32Array | Float64Array): number =>
    addressOf(new Uint8Array(view.buffer, view.byteOffset, 1));
  for (const [name, view] of Object.entries({
    packet: views.u8,
    meta: views.meta,
    heap: views.heap,
    counters: views.counters,
    rings: views.rings,
  })) {
    assert.equal(first(view) % 4096, 0, name);
  }
  assert.equal(views.u16.byteOffset, views.u8.byteOffset);
  assert.equal(views.i32.byteOffset, views.u8.byteOffset);
});

test('the pad is what the address lacks to a page, and none when it lacks nothing', () => {
  for (const [address, pad] of [
    [4096 * 7, 0],
    [4096 * 7 + 16, 4080],
    [4096 * 7 + 4080, 16],
  ] as const) {
    const regions = createRegions({ ...SIZES, frames: 3, superframes: 0 }, () => address);
    for (const region of [regions.packet, regions.meta, regions.heap, regions.counters, regions.rings]) {
      assert.equal(region.pad, pad);
    }
  }
});

test('views are as long as their regions and do not share words', () => {
  const regions = createRegions(SIZES, addressOf);
  const views = openRegions(regions);
  const slots = SIZES.frames + SIZES.superframes;
  assert.equal(views.u8.length, packetBytes(SIZES));
  assert.equal(views.heap.byteLength, SIZES.heapBytes);
  assert.equal(views.rings.byteLength, SIZES.ringBytes);
  assert.equal(views.meta.length, slots * 8);
  views.meta.fill(1);
  views.slotOffset.fill(2);
  views.owner.fill(3);
  views.home.fill(4);
  assert.ok(views.meta.every((word) => word === 1));
  assert.ok(views.slotOffset.every((word) => word === 2) && views.slotOffset.length === slots);
  assert.ok(views.owner.every((word) => word === 3) && views.owner.length === slots);
  assert.ok(views.home.every((word) => word === 4) && views.home.length === slots);
});

test('two threads that open the same regions see the same words', () => {
  const regions = createRegions(SIZES, addressOf);
  const one = openRegions(regions);
  const two = openRegions(structuredClone(regions));
  for (const key of ['u8', 'meta', 'owner', 'home', 'heap', 'counters', 'rings', 'slotOffset'] as const) {
    one[key][5] = 77;
    assert.equal(two[key][5], 77, key);
  }
  one.u16[100] = 0x1234;
  assert.equal(two.u8[200], 0x34);
});

test('slots lie inside the packet region, apart from each other, at even offsets', () => {
  const views = openRegions(createRegions(SIZES, addressOf));
  let end = 0;
  for (let slot = 0; slot < SIZES.frames + SIZES.superframes; slot++) {
    const small = slot < SIZES.frames;
    const at = views.slotOffset[slot];
    assert.equal(at, offsetOfSlot(SIZES, slot));
    assert.equal(at % 128, 0);
    assert.ok(at >= end, `slot ${slot} begins inside the one before`);
    end = at + (small ? Slot.FRAME_STRIDE : Slot.HEADROOM + Slot.SUPER_MAX);
    assert.ok(end <= packetBytes(SIZES), `slot ${slot} ends outside`);
  }
  assert.ok(Slot.HEADROOM + Slot.FRAME_MAX <= Slot.FRAME_STRIDE);
});

test('superframes do not all begin in one cache set', () => {
  const sets = new Set<number>();
  for (let slot = SIZES.frames; slot < SIZES.frames + SIZES.superframes; slot++) {
    sets.add((offsetOfSlot(SIZES, slot) % 4096) >> 6);
  }
  assert.ok(sets.size >= Slot.COLOURS, `${sets.size} sets`);
});

for (const [frames, superframes, threads] of [
  [100, 65, 3],
  [96, 12, 4],
  [2, 1, 3],
  [7, 0, 7],
  [64, 20, 20],
] as const) {
  test(`homes share ${frames} frames and ${superframes} superframes among ${threads} threads`, () => {
    const sizes = { ...SIZES, frames, superframes, threads };
    const views = openRegions(createRegions(sizes, addressOf));
    const small = Array<number>(threads).fill(0);
    const large = Array<number>(threads).fill(0);
    for (let slot = 0; slot < frames + superframes; slot++) {
      const home = views.home[slot];
      assert.ok(home >= 0 && home < threads);
      const list = slot < frames ? small : large;
      list[home] = (list[home] as number) + 1;
      assert.equal(views.owner[slot], SlotOwner.RESTING);
    }
    const share = (counts: number[], of: number): void => {
      assert.equal(
        counts.reduce((sum, n) => sum + n, 0),
        of,
      );
      if (of >= threads) assert.ok(Math.min(...counts) >= Math.floor(of / threads), `${counts}`);
    };
    share(small, frames);
    share(large, superframes);
  });
}

test('lanes of the counters lie apart and inside, and the burst counters behind them', () => {
  const views = openRegions(createRegions(SIZES, addressOf));
  assert.equal(views.counters.byteLength, regionBytes(SIZES).counters);
  assert.equal(laneOf(0, 1) - laneOf(0, 0), Lane.WORDS);
  assert.equal(laneOf(1, 0), laneOf(0, MAX_INTERFACES - 1) + Lane.WORDS);
  assert.equal(laneOf(2, MAX_INTERFACES - 1) + Lane.WORDS, counterWords(3));
  assert.equal(workLane(3, 0), counterWords(3));
  assert.equal(workLane(3, 2) + Work.WORDS, captureLane(3, 0, 0));
  assert.equal(captureLane(3, 1, 0), captureLane(3, 0, MAX_CAPTURES - 1) + CaptureLane.WORDS);
  assert.equal(captureLane(3, 2, MAX_CAPTURES - 1) + CaptureLane.WORDS, sidLane(3, 0, 0));
  assert.equal(sidLane(3, 2, MAX_COUNTED_SIDS - 1) + SidCount.WORDS, views.counters.length);
});
