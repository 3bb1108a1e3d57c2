/**
 * Whole bursts between two TAPs, in one thread so that they are long: every frame arrives once, in its order, byte for byte, and what
 * the kernel refuses in the middle of a burst costs that frame alone.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../../src/main/config/state.js';
import { MemoryHost } from '../../../src/main/memory/memory-host.js';
import { drops, total } from '../../../src/shared/counter/books.js';
import { Drop } from '../../../src/shared/counter/drop-reason.js';
import { Lane, Work, workLane } from '../../../src/shared/layout/counters.js';
import { DEFAULT_PRIORITY, Meta } from '../../../src/shared/layout/packet.js';
import { setLinkUp } from '../../../src/shared/sys/link.js';
import { PacketReceiver, PacketSender } from '../../../src/shared/sys/packet-socket.js';
import { OfflineRouter } from '../../support/offline-router.js';
import { quietLink } from '../../support/quiet-link.js';
import { skipReason } from '../../support/require.js';

/** Fewer than the queue of a TAP holds. */
const BATCH = 400;
const ROUNDS = 20;
const LENGTH = 600;
const WORKLOAD = BATCH * ROUNDS;
const ETHERTYPE = 0x88b5;
const OPTIONS = { batch: 64, length: 2048, ethertype: ETHERTYPE, bufferBytes: 32 << 20, waitMs: 200 };

let made = 0;

/** A bridge of two kernel TAPs without a thread, what sends into the first and receives from the second. */
async function rig(code: boolean): Promise<{
  router: OfflineRouter;
  from: string;
  to: string;
  sender: PacketSender;
  receiver: PacketReceiver;
  forward(): void;
  close(): Promise<void>;
}> {
  const router = new OfflineRouter(1, 0, DEFAULT_SETTINGS, true, code);
  const number = (process.pid % 100_000) * 100 + 2 * made++;
  const [from, to] = [`tap${number}`, `tap${number + 1}`];
  await router.ifconfig('veb0 create up', `${from} create up`, `${to} create up`, `veb0 add ${from} add ${to}`);
  for (const name of [from, to]) {
    quietLink(name);
    setLinkUp(name, true);
  }
  const sender = new PacketSender(from, BATCH, LENGTH);
  const receiver = new PacketReceiver(to, OPTIONS);
  return {
    router,
    from,
    to,
    sender,
    receiver,
    forward: () => {
      while (router.loop.pollTaps() !== 0);
    },
    close: async () => {
      sender.close();
      receiver.close();
      await router.ifconfig('veb0 destroy', `${from} destroy`, `${to} destroy`);
    },
  };
}

/** Frame `sequence`: its length and bytes follow from the number. */
function fill(sender: PacketSender, n: number, sequence: number): void {
  const length = 60 + (sequence % (LENGTH - 60));
  const at = n * sender.stride;
  sender.frames.fill(sequence & 255, at, at + length);
  sender.frames.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, ETHERTYPE >> 8, ETHERTYPE & 255], at);
  new DataView(sender.frames.buffer, sender.frames.byteOffset + at).setUint32(14, sequence);
  sender.setLength(n, length);
}

/** Asserts that frame `n` of those received is number `sequence`. */
function check(receiver: PacketReceiver, n: number, sequence: number): void {
  const length = 60 + (sequence % (LENGTH - 60));
  const at = n * receiver.stride;
  assert.equal(receiver.lengthOf(n), length);
  assert.equal(new DataView(receiver.frames.buffer, receiver.frames.byteOffset + at).getUint32(14), sequence);
  for (let i = 18; i < length; i++) assert.equal(receiver.frames[at + i], sequence & 255);
}

for (const code of [true, false]) {
  describe(code ? 'by lists in machine code' : 'by a call of koffi a frame', { skip: skipReason.tun() }, () => {
    test(`${WORKLOAD} frames in long bursts arrive once and in order`, async () => {
      const { router, from, to, sender, receiver, forward, close } = await rig(code);
      try {
        let next = 0;
        for (let round = 0; round < ROUNDS; round++) {
          for (let n = 0; n < BATCH; n++) fill(sender, n, round * BATCH + n);
          assert.equal(sender.send(BATCH), BATCH);
          forward();
          while (next < (round + 1) * BATCH) {
            const got = receiver.receive();
            assert.ok(got > 0, `frame ${next} did not come`);
            for (let n = 0; n < got; n++) check(receiver, n, next++);
          }
        }
        const { views } = router.memory;
        const work = workLane(views.sizes.threads, 0);
        assert.ok(views.counters[work + Work.FRAMES] > 20 * views.counters[work + Work.BURSTS]);
        assert.deepEqual(
          [
            total(views, router.table.get(from).index, Lane.READ),
            total(views, router.table.get(to).index, Lane.OPACKETS),
          ],
          [WORKLOAD, WORKLOAD],
        );
        assert.deepEqual(router.books().errors, []);
      } finally {
        await close();
      }
    });

    test('the kernel end of the egress goes down: all of the burst is link-down, and later ones pass', async () => {
      const { router, to, sender, forward, close } = await rig(code);
      try {
        const { views } = router.memory;
        const { index } = router.table.get(to);
        for (let n = 0; n < BATCH; n++) fill(sender, n, n);
        setLinkUp(to, false);
        sender.send(BATCH);
        forward();
        assert.deepEqual([total(views, index, Lane.OPACKETS), drops(views, index, Drop.LINK_DOWN)], [0, BATCH]);
        setLinkUp(to, true);
        sender.send(BATCH);
        forward();
        assert.deepEqual([total(views, index, Lane.OPACKETS), drops(views, index, Drop.LINK_DOWN)], [BATCH, BATCH]);
        assert.deepEqual(router.books().errors, []);
      } finally {
        await close();
      }
    });

    test('the ingress is down: everything read is drop(down)', async () => {
      const { router, from, sender, forward, close } = await rig(code);
      try {
        for (let n = 0; n < BATCH; n++) fill(sender, n, n);
        sender.send(BATCH);
        await router.ifconfig(`${from} down`);
        forward();
        const { index } = router.table.get(from);
        const { views } = router.memory;
        assert.equal(drops(views, index, Drop.DOWN), total(views, index, Lane.READ));
        assert.deepEqual(router.books().errors, []);
      } finally {
        await close();
      }
    });
  });
}

test('a frame has the priority that nobody gave it, whatever the one before left in its slot', {
  skip: skipReason.tun(),
}, async () => {
  const { router, sender, forward, close } = await rig(true);
  try {
    await router.ifconfig('mem0 create up', 'veb0 add mem0');
    const host = new MemoryHost(router.memory, router.table.get('mem0'));
    const { tapSlots, meta } = router.ctx;
    for (let n = 0; n < BATCH; n++) fill(sender, n, n);
    for (let round = 0; round < 2; round++) {
      sender.send(1);
      forward();
      assert.deepEqual(
        host.receive().map(({ priority }) => priority),
        [DEFAULT_PRIORITY],
      );
      // As ERSPAN that carries a frame of another class.
      for (const slot of tapSlots) if (slot !== -1) meta[(slot << Meta.SHIFT) + Meta.PRIORITY] = 7;
    }
  } finally {
    await close();
  }
});

test('a few frames take one burst, and many long ones', { skip: skipReason.tun() }, async () => {
  const FEW = 20;
  const { router, to, sender, forward, close } = await rig(true);
  try {
    const { views } = router.memory;
    const work = workLane(views.sizes.threads, 0);
    /** Sends `n` frames. Returns the bursts they took. */
    const pass = (n: number): number => {
      const before = views.counters[work + Work.BURSTS];
      assert.equal(sender.send(n), n);
      forward();
      return views.counters[work + Work.BURSTS] - before;
    };
    for (let n = 0; n < BATCH; n++) fill(sender, n, n);
    // 1, 2, and then all the rest.
    assert.equal(pass(FEW), 3);
    assert.equal(pass(FEW), 1);
    assert.equal(pass(BATCH), Math.ceil(BATCH / 64));
    assert.equal(pass(FEW), 1);
    assert.equal(total(views, router.table.get(to).index, Lane.OPACKETS), 3 * FEW + BATCH);
    assert.deepEqual(router.books().errors, []);
  } finally {
    await close();
  }
});
