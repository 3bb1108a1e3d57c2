/**
 * A worker that drives queues of attached interfaces is killed under traffic: whoever takes its number goes on where it stopped, no slot
 * is lost for good, and the books balance. A worker that is not replaced leaves its queues to the others.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Router } from '../../src/main/router.js';
import { SlotOwner } from '../../src/shared/layout/packet.js';
import { FarEnd } from '../conformance/devices/far-end.js';
import { Netns } from '../support/netns.js';
import { skipReason } from '../support/require.js';
import { frame } from '../support/rig.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';
import { makeVeth, type Veth } from '../support/veth.js';

const KILLS = 4;
const STATIONS = ['02:00:00:00:00:01', '02:00:00:00:00:02'];

for (const kind of ['packet', 'xdp'] as const) {
  describe(`a worker with ${kind} queues dies`, { skip: skipReason.root() }, () => {
    let netns: Netns;
    let veths: Veth[];
    let router: Router;
    let far: FarEnd;

    before(async () => {
      netns = Netns.create('death');
      netns.exec(['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 || true']);
      veths = [makeVeth(netns), makeVeth(netns)];
      router = await Router.start({ workers: 2, kernelTaps: false, sizes: smallSizes(3), log: silent });
      const ifconfig = ifconfigOn(router);
      await ifconfig('veb0 create up', ...veths.map(({ name }) => `${name} attach ${kind} up`));
      await ifconfig(`veb0 ${veths.map(({ name }) => `add ${name}`).join(' ')}`);
      far = await FarEnd.open(
        netns,
        veths.map(({ name }) => name),
      );
    });
    after(async () => {
      await router?.stop();
      netns?.destroy();
      for (const veth of veths ?? []) veth.remove();
    });

    /** Sends `count` frames each way. Returns how many arrived. */
    async function exchange(count: number): Promise<number> {
      for (let n = 0; n < count; n++) {
        for (const side of [0, 1]) {
          const bytes = frame(STATIONS[1 - side] as string, STATIONS[side] as string, { length: 60 + n });
          // Flows that fanout deals to both workers.
          bytes[20] = n;
          assert.ok(await far.send(side, bytes));
        }
      }
      return (await far.receive(0, count, 300)).length + (await far.receive(1, count, 300)).length;
    }

    /** Slots that the devices' rings hold. */
    const inRings = (): number => router.memory.views.owner.filter((owner) => owner <= SlotOwner.DEVICE).length;

    test('its replacement goes on', async () => {
      assert.equal(await exchange(20), 40);
      for (let kill = 1; kill <= KILLS; kill++) {
        const traffic = exchange(30);
        await router.killWorker(kill % 2);
        await traffic;
        await waitUntil(() => router.replacements === kill && router.lostWorkers.size === 0, 'the worker is replaced');
        assert.equal(await exchange(20), 40, `after death ${kill}`);
      }
      await waitUntil(() => router.books().errors.length === 0, 'the books balance');
    });

    test('detached, every slot comes home', async () => {
      await ifconfigOn(router)(...veths.map(({ name }) => `${name} detach`));
      assert.equal(inRings(), 0);
      assert.deepEqual(router.books().errors, []);
      const { owner } = router.memory.views;
      const held = owner.filter((o) => o === SlotOwner.QUEUED || (o >= 0 && o < 2)).length;
      // A worker keeps a burst's buffers; nothing else is in anybody's hands.
      assert.ok(held <= 2 * 64, `${held} slots are in somebody's hands`);
    });

    test('a worker that is given up leaves its queues to the others', async () => {
      const names = veths.map(({ name }) => name);
      await ifconfigOn(router)(...names.map((name) => `${name} attach ${kind} up`));
      await ifconfigOn(router)(`veb0 ${names.map((name) => `add ${name}`).join(' ')}`);
      const given = (worker: number): string[] => router.queuesOf(worker);
      assert.ok(given(0).length > 0);
      router.withoutWorker(0);
      await waitUntil(() => given(0).length === 0 && given(1).length >= 2, 'its queues are worker 1’s');
      assert.equal(await exchange(20), 40);
    });
  });
}
