import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  EPOLL_DATA_WORD,
  EPOLL_EVENT_WORDS,
  EPOLLIN,
  epollAdd,
  epollCreate,
  epollDel,
  epollWait,
} from '../../../../src/shared/sys/epoll.js';
import { eventfdCreate, eventfdRing } from '../../../../src/shared/sys/eventfd.js';
import { addressOf, close, fixedBuffer, open, read } from '../../../../src/shared/sys/libc.js';
import { boxedPlaces, garbageOf } from './garbage.js';

const MOST = 8;
const events = new Int32Array(new SharedArrayBuffer(MOST * EPOLL_EVENT_WORDS * 4));
const eventsAddress = addressOf(new Uint8Array(events.buffer));

function pair(t: TestContext): { epfd: number; bell: number } {
  const epfd = epollCreate();
  const bell = eventfdCreate();
  t.after(() => {
    close(epfd);
    close(bell);
  });
  return { epfd, bell };
}

test('an event carries both words of its descriptor, negative ones too', (t) => {
  const { epfd, bell } = pair(t);
  const second = eventfdCreate();
  t.after(() => close(second));
  epollAdd(epfd, bell, 7, -2, false);
  epollAdd(epfd, second, 0x7fffffff, 3, false);
  assert.equal(epollWait(epfd, eventsAddress, MOST, 0), 0);
  eventfdRing(bell);
  eventfdRing(second);
  assert.equal(epollWait(epfd, eventsAddress, MOST, 0), 2);
  const seen = [0, 1].map((e) => {
    const word = e * EPOLL_EVENT_WORDS;
    assert.equal(events[word], EPOLLIN);
    return [events[word + EPOLL_DATA_WORD], events[word + EPOLL_DATA_WORD + 1]];
  });
  assert.deepEqual(
    seen.sort((a, b) => a[0] - b[0]),
    [
      [7, -2],
      [0x7fffffff, 3],
    ],
  );
});

test('an edge-triggered doorbell wakes once for each ring, and nobody reads it', (t) => {
  const { epfd, bell } = pair(t);
  epollAdd(epfd, bell, 1, 0, true);
  for (let ring = 0; ring < 1000; ring++) {
    eventfdRing(bell);
    assert.equal(epollWait(epfd, eventsAddress, MOST, 0), 1, `ring ${ring}`);
    assert.equal(epollWait(epfd, eventsAddress, MOST, 0), 0, 'the same ring wakes once');
  }
  const count = fixedBuffer(8);
  assert.equal(read(bell, count.address, 8), 8);
  assert.equal(count.view.getBigUint64(0, true), 1000n);
});

test('a ring before the wait is not lost', (t) => {
  const { epfd, bell } = pair(t);
  eventfdRing(bell);
  epollAdd(epfd, bell, 1, 0, true);
  assert.equal(epollWait(epfd, eventsAddress, MOST, 0), 1);
});

test('level-triggered, an event stays until it is read; after epollDel there is none', (t) => {
  const { epfd, bell } = pair(t);
  epollAdd(epfd, bell, 1, 0, false);
  eventfdRing(bell);
  assert.equal(epollWait(epfd, eventsAddress, MOST, 0), 1);
  assert.equal(epollWait(epfd, eventsAddress, MOST, 0), 1);
  epollDel(epfd, bell);
  assert.equal(epollWait(epfd, eventsAddress, MOST, 0), 0);
  epollDel(epfd, bell);
});

test('a wait is bounded by its timeout', (t) => {
  const { epfd, bell } = pair(t);
  epollAdd(epfd, bell, 1, 0, true);
  const started = performance.now();
  assert.equal(epollWait(epfd, eventsAddress, MOST, 30), 0);
  const took = performance.now() - started;
  assert.ok(took >= 29 && took < 1000, `${took} ms`);
});

test('what cannot be watched is a SysError', (t) => {
  const { epfd, bell } = pair(t);
  epollAdd(epfd, bell, 1, 0, false);
  assert.throws(() => epollAdd(epfd, bell, 1, 0, false), { name: 'Error', code: 'EEXIST' });
  assert.throws(() => epollAdd(epfd, -1, 1, 0, false), { code: 'EBADF' });
  const file = open('/proc/self/status', 0);
  t.after(() => close(file));
  assert.throws(() => epollAdd(epfd, file, 1, 0, false), { code: 'EPERM' });
  assert.equal(epollWait(-1, eventsAddress, MOST, 0), -1);
});

test('ringing and looking leave no garbage', (t) => {
  const { epfd, bell } = pair(t);
  epollAdd(epfd, bell, 1, 0, true);
  const { addresses } = boxedPlaces();
  const run = (turns: number): void => {
    for (let i = 0; i < turns; i++) {
      eventfdRing(bell);
      epollWait(epfd, addresses[i & 3], MOST, 0);
    }
  };
  const grown = garbageOf(run);
  assert.ok(grown < 200_000, `${grown} bytes`);
});
