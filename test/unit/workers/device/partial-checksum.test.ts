/** Telling partial checksums that nothing marks (workers/device/partial-checksum.ts), by frames as Linux leaves them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { partialChecksum } from '../../../../src/workers/device/partial-checksum.js';
import { build, noise, type Recipe, TCP, UDP } from '../../../support/superframe.js';

/** What it says of a frame. */
function judged(frame: Uint8Array): number {
  const bytes = new Uint8Array(4096);
  bytes.set(frame, 256);
  return partialChecksum(bytes, new Uint16Array(bytes.buffer), 256, frame.length);
}

const RECIPES: readonly Recipe[] = [4, 6].flatMap((version) =>
  [TCP, UDP].flatMap((protocol) =>
    [0, 1, 500, 501].flatMap((length) =>
      [[], [[0x8100, 5] as const], [[0x88a8, 7] as const, [0x8100, 5] as const]].map(
        (tags) => ({ version, protocol, payload: noise(length), tags }) as Recipe,
      ),
    ),
  ),
);

describe('a partial checksum', () => {
  for (const recipe of RECIPES) {
    const { version, protocol, payload, tags } = recipe;
    const what = `IPv${version} protocol ${protocol}, ${payload.length} bytes, ${tags?.length} tags`;
    test(`is found: ${what}`, () => {
      const { bytes, transport } = build(recipe);
      const found = judged(bytes);
      assert.deepEqual([found & 0xffff, found >>> 16], [transport, protocol === TCP ? 16 : 6]);
    });
    test(`is not seen where one byte differs, or the frame is longer than the packet: ${what}`, () => {
      const { bytes, transport } = build(recipe);
      const other = Uint8Array.from(bytes);
      const place = transport + (protocol === TCP ? 16 : 6);
      other[place] = (other[place] as number) ^ 1;
      assert.equal(judged(other), 0);
      assert.equal(judged(Uint8Array.from([...bytes, 0])), 0);
    });
  }

  test('is not looked for in fragments, other protocols, and frames that end too soon', () => {
    const { bytes, network } = build({ version: 4, protocol: UDP, payload: noise(100) });
    const changed = (at: number, value: number): Uint8Array => {
      const copy = Uint8Array.from(bytes);
      copy[at] = value;
      return copy;
    };
    assert.equal(judged(changed(network + 6, 0x20)), 0);
    assert.equal(judged(changed(network + 7, 1)), 0);
    assert.equal(judged(changed(network + 9, 1)), 0);
    assert.equal(judged(changed(12, 0x86)), 0);
    for (let length = 14; length < bytes.length; length++) assert.equal(judged(bytes.subarray(0, length)), 0);
  });
});
