/**
 * Nothing is allocated per routed packet once the code is warm, and the context keeps its shape: both families, from one memory port to
 * another, neighbours resolved.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OfflineRouter } from '../support/offline-router.js';
import { RoutedHosts } from '../support/routed-hosts.js';

/** A round's frames, both sides together. */
const FRAMES = 1024;
const REPEATS = 100;
const WARM_ROUNDS = 15;
const ROUNDS = 10;
const MOST_BYTES = 0.1;

// One router in the process: two sets of its closures would make its code polymorphic.
const router = new OfflineRouter();
const shape = Object.keys(router.ctx);
const skip = global.gc === undefined ? 'needs --expose-gc' : false;
const hosts = {
  IPv4: await RoutedHosts.on(router, ['mem0', 'mem1'], 4, 100),
  IPv6: await RoutedHosts.on(router, ['mem2', 'mem3'], 6, 100),
};

/** Routes that many rounds of frames. Returns how many arrived. */
function send(rounds: RoutedHosts, repeats: number): number {
  let got = 0;
  for (let n = 0; n < repeats; n++) {
    rounds.fill();
    while (router.loop.pollMemoryPorts() !== 0);
    got += rounds.collect();
  }
  return got;
}

/** Bytes that the heap grew by for each frame: the middle of the rounds, as a collection may fall into one. */
function growth(run: () => void): number {
  for (let n = 0; n < WARM_ROUNDS; n++) run();
  const rounds: number[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    global.gc?.();
    const before = process.memoryUsage().heapUsed;
    run();
    rounds.push((process.memoryUsage().heapUsed - before) / (FRAMES * REPEATS));
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1] as number;
}

for (const [family, rounds] of Object.entries(hosts)) {
  test(`${family}: a million routed packets leave no garbage`, { skip }, () => {
    assert.equal(send(rounds, 1), FRAMES, 'they arrive');
    const bytes = growth(() => void send(rounds, REPEATS));
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes a frame`);
  });
}

test('after all that the context has the properties it was made with', () => {
  assert.deepEqual(Object.keys(router.ctx), shape);
});
