/**
 * Nothing is allocated per routed packet once the code is warm, and the context keeps its shape: both families, from one memory port to
 * another, neighbours resolved.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heapGrowth } from '../support/heap-growth.js';
import { OfflineRouter } from '../support/offline-router.js';
import { RoutedHosts } from '../support/routed-hosts.js';

/** Frames that are under way at once, both sides together. */
const FRAMES = 1024;
/** Frames of one measurement. */
const ROUND = 100 * FRAMES;
const WARM_ROUNDS = 15;
const MOST_BYTES = 0.1;

// One router in the process: two sets of its closures would make its code polymorphic.
const router = new OfflineRouter();
const shape = Object.keys(router.ctx);
const skip = global.gc === undefined ? 'needs --expose-gc' : false;
const hosts = {
  IPv4: await RoutedHosts.on(router, ['mem0', 'mem1'], 4, 100),
  IPv6: await RoutedHosts.on(router, ['mem2', 'mem3'], 6, 100),
};

/** Routes `frames` frames, a multiple of FRAMES. Returns how many arrived. */
function send(rounds: RoutedHosts, frames: number): number {
  let got = 0;
  for (let left = frames; left > 0; left -= FRAMES) {
    rounds.fill();
    while (router.loop.pollMemoryPorts() !== 0);
    got += rounds.collect();
  }
  return got;
}

for (const [family, rounds] of Object.entries(hosts)) {
  test(`${family}: a million routed packets leave no garbage`, { skip }, () => {
    assert.equal(send(rounds, FRAMES), FRAMES, 'they arrive');
    const bytes = heapGrowth((frames) => void send(rounds, frames), ROUND, WARM_ROUNDS, MOST_BYTES);
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes a frame`);
  });
}

test('after all that the context has the properties it was made with', () => {
  assert.deepEqual(Object.keys(router.ctx), shape);
});
