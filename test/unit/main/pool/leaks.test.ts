import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Live } from '../../../../src/main/control/interface-table.js';
import { Memory } from '../../../../src/main/memory/memory.js';
import { LEAK_LOOKS, type Leak, LeakWatch, WORKER_MIB } from '../../../../src/main/pool/leaks.js';
import { Lane, laneOf } from '../../../../src/shared/layout/counters.js';
import { Thread, threadBlock } from '../../../../src/shared/layout/heap.js';
import { smallSizes } from '../../../support/stations.js';

const LIMITS = { mib: 0, percent: 0 };
const NONE: Live[] = [];
/** Three quarters of 4096. */
const MOST = 3072;

/** Two workers that run, and who watches them. */
function watched(): { memory: Memory; watch: LeakWatch; look: (times: number) => Leak[] } {
  const memory = new Memory(smallSizes(3), 2);
  for (const w of [0, 1]) memory.views.heap[threadBlock(w) + Thread.STATE] = 1;
  const watch = new LeakWatch(memory);
  const look = (times: number): Leak[] => Array.from({ length: times }, () => watch.look(LIMITS, NONE)).flat();
  return { memory, watch, look };
}

describe('LeakWatch', () => {
  it('tells once of a heap beyond its limit, and again of the next thread', () => {
    const { memory, watch, look } = watched();
    const { heap } = memory.views;
    heap[threadBlock(1) + Thread.HEAP_KIB] = WORKER_MIB * 1024;
    assert.deepEqual(look(3), []);
    heap[threadBlock(1) + Thread.HEAP_KIB] = (WORKER_MIB + 1) * 1024;
    const leak = { worker: 1, what: 'memory', held: WORKER_MIB + 1, limit: WORKER_MIB };
    assert.deepEqual(look(3), [leak]);
    watch.forget(1);
    assert.deepEqual(look(1), [leak]);
  });

  it('keeps to the limits of an operator', () => {
    const { memory, watch } = watched();
    memory.views.heap[threadBlock(0) + Thread.HEAP_KIB] = 40 * 1024;
    assert.deepEqual(watch.look({ mib: 40, percent: 0 }, NONE), []);
    assert.equal(watch.look({ mib: 39, percent: 0 }, NONE)[0]?.limit, 39);
  });

  it('counts slots that stay with a worker, at every look of many', () => {
    const { memory, watch, look } = watched();
    const { owner } = memory.views;
    owner.fill(1, 0, MOST + 1);
    assert.equal(watch.held(NONE)[1]?.frames, MOST + 1);
    assert.deepEqual(look(LEAK_LOOKS - 1), []);
    owner[0] = -1;
    assert.deepEqual(look(LEAK_LOOKS), [], 'it has let one go meanwhile');
    owner[0] = 1;
    assert.deepEqual(look(LEAK_LOOKS), [{ worker: 1, what: 'frames', held: MOST + 1, limit: MOST }]);
    const half = watch.look({ mib: 0, percent: 10 }, NONE);
    assert.deepEqual(half, [], 'it was told of');
  });

  it('superframes count by themselves, and buffers for TAPs are no leak', () => {
    const memory = new Memory({ ...smallSizes(2), superframes: 600 }, 1);
    memory.views.heap[threadBlock(0) + Thread.STATE] = 1;
    const watch = new LeakWatch(memory);
    const { owner, sizes } = memory.views;
    owner.fill(0, sizes.frames, sizes.frames + 225);
    for (let n = 0; n < LEAK_LOOKS; n++) assert.deepEqual(watch.look(LIMITS, NONE), []);
    owner[sizes.frames + 225] = 0;
    for (let n = 1; n < LEAK_LOOKS; n++) assert.deepEqual(watch.look(LIMITS, NONE), []);
    assert.deepEqual(watch.look(LIMITS, NONE), [{ worker: 0, what: 'superframes', held: 226, limit: 225 }]);
  });

  it('counts frames that were taken in and never ended', () => {
    const { memory, look } = watched();
    memory.views.counters[laneOf(0, 0) + Lane.ORIGINATED] = MOST + 1;
    assert.deepEqual(look(LEAK_LOOKS), [{ worker: 0, what: 'unfinished', held: MOST + 1, limit: MOST }]);
  });

  it('says nothing of a worker that does not run', () => {
    const { memory, look } = watched();
    memory.views.heap[threadBlock(0) + Thread.STATE] = 2;
    memory.views.heap[threadBlock(0) + Thread.HEAP_KIB] = 1 << 30;
    memory.views.owner.fill(0);
    assert.deepEqual(look(LEAK_LOOKS), []);
  });
});
