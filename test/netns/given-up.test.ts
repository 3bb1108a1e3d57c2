/** A worker that dies too often is not replaced any more; what TAPs had for it then goes to the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, type RouterLog } from '../../src/main/router.js';
import { Lane, laneOf } from '../../src/shared/layout/counters.js';
import { setLinkUp } from '../../src/shared/sys/link.js';
import { PacketSender } from '../../src/shared/sys/packet-socket.js';
import { quietLink } from '../support/quiet-link.js';
import { skipReason } from '../support/require.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

const FLOWS = 64;
const DEAD = 1;

/** Ethernet, IPv4 and UDP of flow `n`, for a station that nobody is. */
function packet(n: number): number[] {
  const ip = [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
  return [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, ...ip, 16, n, 0, 9, 0, 26, 0, 0];
}

test('flows of a TAP go round a worker that was given up, on TAPs of before and of after', {
  skip: skipReason.tun(),
}, async () => {
  const events: string[] = [];
  const log: RouterLog = { ...silent, error: (fields) => void events.push((fields as { event: string }).event) };
  const router = await Router.start({ workers: 2, sizes: smallSizes(3), log });
  const number = (process.pid % 100_000) * 10;
  const taps = [`tap${number}`, `tap${number + 1}`] as const;
  const senders: PacketSender[] = [];
  /** Frames that each worker read when 64 flows were sent into a TAP. */
  const spread = async (tap: string, sender: PacketSender): Promise<number[]> => {
    const { counters } = router.memory.views;
    const read = (): number[] => [0, 1].map((w) => counters[laneOf(w, router.table.get(tap).index) + Lane.READ]);
    const before = read();
    assert.equal(sender.send(FLOWS), FLOWS);
    const added = (): number[] => read().map((value, w) => value - (before[w] as number));
    await waitUntil(() => added().reduce((a, b) => a + b, 0) === FLOWS, `all frames into ${tap}`);
    return added();
  };
  const create = async (tap: string): Promise<PacketSender> => {
    await ifconfigOn(router)(`${tap} create up`);
    quietLink(tap);
    setLinkUp(tap, true);
    const sender = new PacketSender(tap, FLOWS, 60);
    senders.push(sender);
    for (let n = 0; n < FLOWS; n++) sender.frames.set(packet(n), n * sender.stride);
    return sender;
  };
  try {
    const first = await create(taps[0]);
    assert.ok(
      (await spread(taps[0], first)).every((frames) => frames > 0),
      'both workers have flows',
    );
    while (!events.includes('worker-given-up')) {
      const deaths = router.replacements;
      await router.killWorker(DEAD);
      await waitUntil(() => router.replacements > deaths, 'the death is noticed');
      await waitUntil(
        () => !router.lostWorkers.has(DEAD) || events.includes('worker-given-up'),
        'it is replaced or not',
      );
    }
    assert.ok(!router.memory.views.owner.includes(DEAD), 'the slots that it had in hand have come home');
    assert.deepEqual(await spread(taps[0], first), [FLOWS, 0]);
    assert.deepEqual(await spread(taps[1], await create(taps[1])), [FLOWS, 0]);
    await ifconfigOn(router)(...taps.map((tap) => `${tap} destroy`));
    assert.deepEqual(router.books().errors, []);
  } finally {
    for (const sender of senders) sender.close();
    await router.stop();
  }
});
