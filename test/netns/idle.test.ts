/**
 * A router with nothing to do leaves the processors alone.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../support/daemon.js';
import { Netns } from '../support/netns.js';
import { uniqueTap } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { cpuSeconds, threadsOf } from '../support/threads.js';

const SECONDS = 3;
/** The aim is 1 %; a tick of /proc is 10 ms, and this machine does other things. */
const MOST_SECONDS = SECONDS * 0.03;
/** A worker sleeps 50 ms at a time: 60 times in 3 s. */
const MOST_SLEEPS = 200;

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
        // Linux announces itself on a new link, and Node compiles what it has just run.
        await sleep(1000);
        const sleeps = async () =>
          (await daemon.json<{ sleeps: number }[]>('show', 'workers')).map((worker) => worker.sleeps);
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
        assert.ok(used <= MOST_SECONDS, `${used} s of CPU in ${SECONDS} s: ${JSON.stringify(each)}`);
        (await sleeps()).forEach((n, w) => {
          const slept = n - sleptBefore[w];
          assert.ok(slept > 0 && slept < MOST_SLEEPS, `worker ${w} slept ${slept} times`);
        });
        await daemon.books();
      } finally {
        await daemon.stop();
        netns.destroy();
      }
    });
  }
});
