/**
 * A router with nothing to do leaves the processors alone; one that has little lets it gather.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sysctl } from '../../src/main/cli/sysctl.js';
import { DEFAULT_SETTINGS } from '../../src/main/config/state.js';
import { Router } from '../../src/main/router.js';
import { Work, workLane } from '../../src/shared/layout/counters.js';
import { setLinkUp } from '../../src/shared/sys/link.js';
import { PacketSender } from '../../src/shared/sys/packet-socket.js';
import { Daemon } from '../support/daemon.js';
import { Netns } from '../support/netns.js';
import { uniqueTap } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { ifconfigOn } from '../support/router-words.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';
import { cpuSeconds, threadsOf } from '../support/threads.js';

const SECONDS = 3;
/** The aim is 1 %; a tick of /proc is 10 ms, and this machine does other things. */
const MOST_SECONDS = SECONDS * 0.03;
/** So many times in a row it may have used more: a router that spins does so for ever. */
const WINDOWS = 6;
/** A worker sleeps 50 ms at a time: 60 times in 3 s. */
const MOST_SLEEPS = 200;
const BATCH = 50;

describe('an idle router', { skip: skipReason.tun() }, () => {
  for (const workers of [2]) {
    it(`uses next to no CPU, with ${workers} worker(s), TAPs and memory ports`, async (t) => {
      const netns = Netns.create('idle');
      const taps = Array.from({ length: 4 }, uniqueTap);
      const ports = [...taps, 'mem0', 'mem1'];
      const daemon = await Daemon.start({
        workers,
        config: [
          ...taps.map((tap) => `ifconfig ${tap} create netns ${netns.name} up`),
          'ifconfig mem0 create up',
          'ifconfig mem1 create up',
          `ifconfig veb0 create up ${ports.map((port) => `add ${port}`).join(' ')}`,
        ],
      });
      try {
        for (const tap of taps) netns.exec(['ip', 'link', 'set', tap, 'up']);
        const sleeps = async () =>
          (await daemon.json<{ sleeps: number }[]>('show', 'workers')).map((worker) => worker.sleeps);
        // First Linux announces itself on new links, Node compiles what it has run, and a thread is made that stands by.
        for (let window = 1; ; window++) {
          const sleptBefore = await sleeps();
          const before = threadsOf(daemon.pid);
          await sleep(SECONDS * 1000);
          const now = threadsOf(daemon.pid);
          const used = cpuSeconds(now) - cpuSeconds(before);
          const each = now
            .map(({ tid, name, seconds }) => ({
              name: `${name} ${tid}`,
              ran: seconds - (before.find((b) => b.tid === tid)?.seconds ?? 0),
            }))
            .filter(({ ran }) => ran > 0);
          t.diagnostic(`${((used / SECONDS) * 100).toFixed(2)} % of a CPU`);
          (await sleeps()).forEach((n, w) => {
            const slept = n - sleptBefore[w];
            assert.ok(slept > 0 && slept < MOST_SLEEPS, `worker ${w} slept ${slept} times`);
          });
          if (used <= MOST_SECONDS) break;
          assert.ok(window < WINDOWS, `${used} s of CPU in ${SECONDS} s: ${JSON.stringify(each)}`);
        }
        await daemon.books();
      } finally {
        await daemon.stop();
        netns.destroy();
      }
    });
  }
});

describe('a worker that sleeps', { skip: skipReason.tun() }, () => {
  it('lets frames gather where they come densely, and does not where it was told so', async () => {
    const settings = { ...DEFAULT_SETTINGS, 'smrouter.idle': 'sleep', 'smrouter.coalesce': 10_000 } as const;
    const router = await Router.start({ workers: 1, settings, sizes: smallSizes(2), log: silent });
    const taps = [uniqueTap(), uniqueTap()] as const;
    try {
      const ifconfig = ifconfigOn(router);
      await ifconfig('veb0 create up', ...taps.map((tap) => `${tap} create up`));
      await ifconfig(`veb0 add ${taps[0]} add ${taps[1]}`);
      for (const tap of taps) setLinkUp(tap, true);
      const sender = new PacketSender(taps[0], BATCH, 60);
      for (let n = 0; n < BATCH; n++)
        sender.frames.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], n * sender.stride);
      const { views } = router.memory;
      const worked = (word: Work): number => views.counters[workLane(views.sizes.threads, 0) + word];
      const whileTraffic = (condition: () => boolean, what: string): Promise<void> =>
        waitUntil(() => {
          sender.send(BATCH);
          return condition();
        }, what);
      const passed = (frames: number): Promise<void> => {
        const begun = worked(Work.FRAMES);
        return whileTraffic(() => worked(Work.FRAMES) > begun + frames, 'frames pass');
      };
      await whileTraffic(() => worked(Work.NAPS) >= 5, 'the worker naps');
      await router.change((draft) => sysctl(draft, ['smrouter.coalesce=0']));
      // It may be in a nap, which ends before more frames pass.
      await passed(10 * BATCH);
      const naps = worked(Work.NAPS);
      await passed(20 * BATCH);
      assert.equal(worked(Work.NAPS), naps);
      sender.close();
      await waitUntil(() => router.books().errors.length === 0, 'the books balance');
    } finally {
      await router.stop();
    }
  });
});
