/**
 * Steps of the time of day, hours ahead and back: a bridge forwards on, ages and heartbeats do not jump, no worker is taken for hung, and only
 * time stamps show it.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Host, Lan } from '../support/hosts.js';
import { temporaryFolder, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const SOURCE = fileURLToPath(new URL('../../../test/support/step-clock.c', import.meta.url));
const HOUR = 3600;
/** Seconds that no address or heartbeat of this test can be old, unless a step made it so. */
const OLD = 600;

describe('a step of the time of day', { skip: skipReason.tun() || skipReason.program('cc') }, () => {
  const folder = temporaryFolder();
  const file = join(folder, 'step');
  const library = join(folder, 'step-clock.so');
  let lan: Lan;

  before(async () => {
    execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', library, SOURCE]);
    const under = ['env', `LD_PRELOAD=${library}`, `STEP_FILE=${file}`];
    lan = await Lan.start('step', { hosts: 2, workers: 1, under });
  });
  after(() => lan?.stop());

  for (const hours of [5, -5]) {
    it(`${hours} hours: forwards, and nothing has aged`, async () => {
      const [from, to] = lan.hosts as [Host, Host];
      const { daemon } = lan;
      assert.equal(lan.ping(from, to.v4).received, 3);
      writeFileSync(file, String(hours * HOUR));
      const lines = daemon.log.length;
      await daemon.run('reload');
      await until('a line with the new time', 5000, () => daemon.log.length > lines);
      const stamp = Number(daemon.log.at(-1)?.time);
      assert.ok(Math.abs(stamp - Date.now() - hours * HOUR * 1000) < HOUR * 1000, 'it has noticed the step');

      const [worker] = await daemon.json<{ announced_ms_ago: number }[]>('show', 'workers');
      assert.ok((worker?.announced_ms_ago ?? OLD * 1000) < OLD * 1000);
      const addresses = (await daemon.run('ifconfig', 'veb0', 'addr')).trim().split('\n');
      assert.ok(addresses.length >= 2, addresses.join('\n'));
      for (const line of addresses) assert.ok(Number(/ (\d+) flags=/.exec(line)?.[1]) < 240, line);
      assert.equal(lan.ping(from, to.v6).received, 3);
      assert.deepEqual(daemon.complaints(), []);
    });
  }

  it('afterwards the books balance', () => lan.daemon.books());
});
