/**
 * Random virtio-net headers on random and mutated TCP and UDP frames, to ports that take everything, no superframes, and no
 * partial checksums: nothing outside a frame is ever read into another, what a port may not take it does not get, true frames
 * come out true, and the books hold.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DeviceFrame, VnetWords } from '../../src/main/memory/memory-host.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { DEFAULT_PRIORITY, Meta, Slot, SlotOwner } from '../../src/shared/layout/packet.js';
import { RingProducer } from '../../src/shared/ring/ring.js';
import { B, BROADCAST, C, frame, Rig } from '../support/rig.js';
import { BOX_MS, SEED } from '../support/stress.js';
import { assertSegments, build, noise, padding, parse, type Recipe, TCP, UDP } from '../support/superframe.js';

/** Words of each port that frames leave by; B is behind the second, C behind the third. */
const PORTS = [
  ['mem1', ''],
  ['mem2', '-tso'],
  ['mem3', '-txcsum'],
  ['mem4', '-tso -txcsum'],
] as const;
/** Free slots that are poisoned before each turn: at least what one turn may take on the way out. */
const POISONED = 600;
const SEGMENTS_MOST = 256;

const recipe: fc.Arbitrary<Recipe> = fc
  .record({
    version: fc.constantFrom(4 as const, 6 as const),
    protocol: fc.constantFrom(TCP as typeof TCP, UDP as typeof UDP),
    length: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 60_000 })),
    seed: fc.nat(),
    size: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 0xffff })),
    dst: fc.constantFrom(B, C, BROADCAST),
    id: fc.nat({ max: 0xffff }),
    sequence: fc.integer().map((n) => n >>> 0),
    flags: fc.nat({ max: 255 }),
    ecn: fc.boolean(),
    tcpOptions: fc.nat({ max: 10 }),
    ipOptions: fc.nat({ max: 10 }),
    extensions: fc.array(fc.tuple(fc.constantFrom(0, 60), fc.integer({ min: 1, max: 4 })), { maxLength: 3 }),
    tags: fc.array(fc.tuple(fc.constantFrom(0x8100, 0x88a8), fc.nat({ max: 0xffff })), { maxLength: 2 }),
  })
  .map(({ length, seed, tcpOptions, ipOptions, extensions, ecn, ...rest }) => ({
    ...rest,
    payload: noise(length, seed),
    tcpOptions: Array(tcpOptions * 4).fill(1),
    ipOptions: Array(ipOptions * 4).fill(1),
    extensions: extensions.map(([number, units]) => [number, padding(units)] as const),
    ecn: ecn && rest.protocol === TCP && rest.size !== 0,
  }));

/** What is done to a true frame: bytes of its headers, its length, its virtio-net words. None = it stays true. */
const lies = fc.record({
  bytes: fc.array(fc.tuple(fc.integer({ min: 12, max: 120 }), fc.nat({ max: 255 })), { maxLength: 3 }),
  shorter: fc.option(fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 60_000 }))),
  word0: fc.option(
    fc.oneof(fc.integer(), fc.constantFrom(0, 1, 2, 0x101, 0x401, 0x501, 0x8101, 0x8501, 0x8001, 0x100)),
  ),
  size: fc.option(fc.oneof(fc.nat({ max: 0xffff }), fc.nat({ max: 600 }))),
  start: fc.option(fc.oneof(fc.nat({ max: 0xffff }), fc.nat({ max: 120 }))),
  offset: fc.option(fc.oneof(fc.nat({ max: 0xffff }), fc.nat({ max: 60 }))),
});

/** A frame of nothing but chance. */
const random = fc.record({
  bytes: fc.uint8Array({ minLength: 14, maxLength: 400 }),
  // The last word is half a word in a header; what a worker keeps in its other half comes from no device.
  vnet: fc.tuple(fc.integer(), fc.integer(), fc.nat(0xffff)),
});

interface Given {
  readonly bytes: Uint8Array;
  readonly vnet: VnetWords;
  /** What the frame truly is; none if something in it may lie. */
  readonly truth?: Recipe;
}

type Lies = typeof lies extends fc.Arbitrary<infer T> ? T : never;

function lying(truth: Recipe, lie: Lies): Given {
  const made = build(truth);
  const bytes = made.bytes.slice(0, Math.max(14, made.bytes.length - (lie.shorter ?? 0)));
  for (const [at, value] of lie.bytes) if (at < bytes.length) bytes[at] = value;
  const size = lie.size ?? made.vnet[1] & 0xffff;
  const start = lie.start ?? made.vnet[1] >>> 16;
  return { bytes, vnet: [lie.word0 ?? made.vnet[0], size | (start << 16), lie.offset ?? made.vnet[2]] };
}

const given: fc.Arbitrary<Given> = fc.oneof(
  recipe.map((truth) => ({ ...build(truth), truth })),
  fc.tuple(recipe, lies).map(([truth, lie]) => lying(truth, lie)),
  fc.tuple(recipe, random).map(([truth, { vnet }]) => ({ bytes: build(truth).bytes, vnet })),
  random,
);

/** Fills the frame's slot around it, and the free slots that the worker takes next, with `poison`. */
function poisonFree(rig: Rig, poison: number): void {
  const { views } = rig.router.memory;
  const { cache } = rig.router.ctx;
  cache.collect();
  const taken: number[] = [];
  for (let n = 0; n < POISONED; n++) {
    const slot = cache.takeFrame();
    views.u8.fill(poison, views.slotOffset[slot], views.slotOffset[slot] + Slot.FRAME_STRIDE);
    taken.push(slot);
  }
  while (taken.length > 0) cache.give(taken.pop() as number);
}

/** Sends all in one burst by `toPort`, mem0's one producer, in slots filled with `poison`. Returns what left by each port. */
function forward(rig: Rig, toPort: RingProducer, frames: readonly Given[], poison: number): DeviceFrame[][] {
  const { views, cache } = rig.router.memory;
  poisonFree(rig, poison);
  for (const { bytes, vnet } of frames) {
    const small = bytes.length <= Slot.FRAME_MAX;
    const slot = small ? cache.takeFrame() : cache.takeSuperframe();
    const m = slot << Meta.SHIFT;
    const begin = views.slotOffset[slot] as number;
    const end = begin + (small ? Slot.FRAME_STRIDE : Slot.SUPER_STRIDE - Slot.COLOUR_STEP * Slot.COLOURS);
    views.u8.fill(poison, begin, end);
    views.u8.set(bytes, begin + Slot.HEADROOM);
    views.meta.set([begin + Slot.HEADROOM, bytes.length, 0, 0, DEFAULT_PRIORITY, ...vnet], m);
    views.owner[slot] = SlotOwner.QUEUED;
    toPort.push(slot);
  }
  toPort.publish();
  while (rig.router.loop.pollMemoryPorts() !== 0);
  rig.counts('mem0');
  return PORTS.map(([port]) => rig.frames(port));
}

/** The port that stations are behind; undefined = all. */
function portOf(dst: string | undefined): string | undefined {
  if (dst === B) return 'mem2';
  return dst === C ? 'mem3' : undefined;
}

/** Asserts what a true frame becomes on the way to a port. */
function assertTrue(truth: Recipe, words: string, got: readonly DeviceFrame[]): void {
  const made = build(truth);
  const as = { bytes: made.bytes, vnet: made.vnet };
  if (truth.size === 0) {
    assert.equal(got.length, 1);
    const [one] = got as [DeviceFrame];
    if (!words.includes('-txcsum')) assert.deepEqual(one, as);
    else {
      assert.deepEqual(one.vnet, [0, 0, 0]);
      assert.ok(Buffer.from(parse(one.bytes).payload).equals(truth.payload));
    }
  } else if (words === '') assert.deepEqual(got, [as]);
  else if (Math.ceil(truth.payload.length / (truth.size as number)) > SEGMENTS_MOST) assert.deepEqual(got, []);
  else assertSegments(truth, made, got);
}

/** Asserts what a port may take at all. */
function assertMayTake(words: string, frames: readonly Given[], got: readonly DeviceFrame[]): void {
  const longest = Math.max(...frames.map(({ bytes }) => bytes.length));
  for (const { bytes, vnet } of got) {
    assert.ok(bytes.length >= 14 && bytes.length <= longest, `${bytes.length} bytes`);
    if (words !== '') assert.equal((vnet[0] >> 8) & 0x7f, 0, 'no superframe');
    if (words.includes('-txcsum')) assert.equal(vnet[0] & 1, 0, 'no partial checksum');
  }
  if (words !== '') return;
  const sent = new Set(frames.map(({ bytes, vnet }) => `${vnet} ${Buffer.from(bytes).toString('latin1')}`));
  for (const { bytes, vnet } of got) assert.ok(sent.has(`${vnet} ${Buffer.from(bytes).toString('latin1')}`));
}

test('random offloads to ports of all features', async () => {
  const rig = await Rig.bridge(5, 'veb0 link2', ...PORTS.map(([port, words]) => `${port} ${words}`.trim()));
  const { views } = rig.router.memory;
  const toPort = new RingProducer(views.rings, views.heap[ifRecord(rig.router.table.get('mem0').index) + If.RX_RING]);
  const station = (port: string, mac: string): void => {
    rig.send(port, frame(BROADCAST, mac));
    rig.counts('mem0', ...PORTS.map(([name]) => name));
  };
  let truths = 0;
  let cuts = 0;
  // One station may move when chance makes a frame from it: it is put back before each turn.
  const turn = (frames: readonly Given[], poison: number): DeviceFrame[][] => {
    station('mem2', B);
    station('mem3', C);
    return forward(rig, toPort, frames, poison);
  };
  const property = fc.property(fc.array(given, { minLength: 1, maxLength: 3 }), (frames) => {
    const got = turn(frames, 0x00);
    assert.deepEqual(turn(frames, 0xff), got, 'bytes from outside the frame');
    PORTS.forEach(([port, words], n) => {
      const here = got[n] as DeviceFrame[];
      assertMayTake(words, frames, here);
      const [only] = frames as [Given];
      if (frames.length > 1 || only.truth === undefined) return;
      const behind = portOf(only.truth.dst);
      if (behind !== undefined && behind !== port) assert.equal(here.length, 0);
      else assertTrue(only.truth, words, here);
      truths++;
      if (here.length > 1) cuts++;
    });
    assert.deepEqual(rig.bookErrors(), []);
  });
  fc.assert(property, { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: BOX_MS, includeErrorInReport: true });
  assert.ok(truths > 0 && cuts > 0, `${truths} true frames judged, ${cuts} cut`);
});
