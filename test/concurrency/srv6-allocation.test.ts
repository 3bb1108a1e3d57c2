/**
 * Nothing is allocated per packet that crosses a provider edge once the code is warm: End.DT4 with and without an SRH, and encapsulation in
 * both forms.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heapGrowth } from '../support/heap-growth.js';
import { OfflineRouter } from '../support/offline-router.js';
import { endsOf, RemadeFrames, ROUND } from '../support/remade-frames.js';
import { addEdge, coreFrames, tenantFrames } from '../support/srv6-edge.js';

const ROUNDS = 100;
const WARM_ROUNDS = 12;
const MOST_BYTES = 0.1;

const router = new OfflineRouter();
const shape = Object.keys(router.ctx);
const skip = global.gc === undefined ? 'needs --expose-gc' : false;
await addEdge(router, 1, 100);
const inward = endsOf(router, 'mem0', 'mem1');
const outward = endsOf(router, 'mem1', 'mem0');
const ways = {
  'End.DT4 without an SRH': new RemadeFrames(router, inward, coreFrames(1, 100, ROUND, false)),
  'End.DT4 with an SRH': new RemadeFrames(router, inward, coreFrames(1, 100, ROUND, true)),
  'H.Encaps.Red': new RemadeFrames(router, outward, tenantFrames(ROUND, true)),
  'H.Encaps': new RemadeFrames(router, outward, tenantFrames(ROUND, false)),
};

/** Sends that many frames there and takes back what came out. */
function send(frames: RemadeFrames, count: number): void {
  for (let left = count; left > 0; left -= ROUND) {
    const put = frames.fill();
    while (router.loop.pollMemoryPorts() !== 0);
    assert.equal(frames.collect(), put);
  }
}

for (const [name, frames] of Object.entries(ways)) {
  test(`${name}: half a million packets leave no garbage`, { skip }, () => {
    const bytes = heapGrowth((count) => send(frames, count), ROUND * ROUNDS, WARM_ROUNDS, MOST_BYTES);
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes a packet`);
  });
}

test('after all that the context has the properties it was made with', () => {
  assert.deepEqual(Object.keys(router.ctx), shape);
});
