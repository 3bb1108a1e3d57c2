/**
 * Frames of the load test: what was written is read, and a change of any byte is noticed.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { crc32 } from '../../load/crc32.js';
import {
  checkFrame,
  type FrameMemory,
  flowOf,
  frameMemory,
  sequenceOf,
  timeOf,
  Verdict,
  writeDestination,
  writeFrame,
  writeSource,
} from '../../load/frame.js';
import { seeded } from '../support/small-views.js';

const RUN = 0x89abcdef;
const AT = 64;

/** A frame at byte AT, and room behind it. */
function frame(length: number, flow = 7, sequence = 2 ** 33 + 5, seed = 1): FrameMemory {
  const memory = frameMemory(new Uint8Array(AT + 1600));
  writeDestination(memory, AT, Uint8Array.of(2, 0, 0, 0, 0, 1));
  writeSource(memory, AT, Uint8Array.of(2, 9, 9, 9, 9, 9, 2, 0, 0, 0, 0, 2), 1);
  writeFrame(memory, AT, length, RUN, flow, sequence, 2 ** 50 + 3, seed);
  return memory;
}

test('CRC-32 is that of zlib, whatever the length', () => {
  const random = seeded(4);
  for (let length = 0; length <= 70; length++) {
    const u8 = Uint8Array.from({ length: 80 }, () => random(256));
    const zipped = gzipSync(u8.subarray(4, 4 + length));
    assert.equal(
      crc32(u8, new Uint32Array(u8.buffer), 4, length),
      zipped.readInt32LE(zipped.length - 8),
      `${length} B`,
    );
  }
});

test('a frame of any length is whole, and its fields are those written', () => {
  for (let length = 60; length <= 1514; length++) {
    const memory = frame(length);
    assert.equal(checkFrame(memory, AT, length, RUN), Verdict.OURS, `${length} B`);
    assert.deepEqual([flowOf(memory, AT), sequenceOf(memory, AT), timeOf(memory, AT)], [7, 2 ** 33 + 5, 2 ** 50 + 3]);
    assert.deepEqual([...memory.u8.subarray(AT, AT + 14)], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5]);
    assert.ok(
      memory.u8.subarray(AT + length).every((byte) => byte === 0),
      `${length} B: written beyond the end`,
    );
  }
});

test('every changed bit is noticed', () => {
  for (const length of [60, 61, 590, 1514]) {
    const memory = frame(length);
    for (let bit = 0; bit < length * 8; bit++) {
      memory.u8[AT + (bit >> 3)] ^= 1 << (bit & 7);
      assert.equal(checkFrame(memory, AT, length, RUN), Verdict.CORRUPTED, `${length} B, bit ${bit}`);
      memory.u8[AT + (bit >> 3)] ^= 1 << (bit & 7);
    }
    assert.equal(checkFrame(memory, AT, length, RUN), Verdict.OURS);
  }
});

test('a frame cut short or made longer is corrupted', () => {
  const memory = frame(100);
  for (let length = 44; length <= 1514; length++)
    if (length !== 100) assert.equal(checkFrame(memory, AT, length, RUN), Verdict.CORRUPTED, `${length} B`);
  // Also with a checksum that fits.
  new DataView(memory.u8.buffer).setInt32(AT + 92, crc32(memory.u8, memory.u32, AT, 92), true);
  assert.equal(checkFrame(memory, AT, 96, RUN), Verdict.CORRUPTED);
});

test('a whole frame of another run, and what is none of ours, is foreign', () => {
  assert.equal(checkFrame(frame(60), AT, 60, RUN + 1), Verdict.FOREIGN);
  assert.equal(checkFrame(frameMemory(new Uint8Array(200)), AT, 60, RUN), Verdict.FOREIGN);
  // The slot still holds a frame of ours, but this one ended before it would say so.
  assert.equal(checkFrame(frame(60), AT, 14, RUN), Verdict.FOREIGN);
});

test('the payload differs with seed, flow and sequence', () => {
  const payload = (memory: FrameMemory): string => Buffer.from(memory.u8.subarray(AT + 44, AT + 96)).toString('hex');
  const all = [frame(100), frame(100, 8), frame(100, 7, 6), frame(100, 7, 2 ** 33 + 5, 2)].map(payload);
  assert.equal(new Set(all).size, 4);
  assert.equal(payload(frame(100)), all[0]);
});
