/** `ifconfig IF debug`: drops in the log (main/control/drop-log.ts). */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '../../../../src/main/cli/command.js';
import { splitWords } from '../../../../src/main/config/lines.js';
import { DropLog } from '../../../../src/main/control/drop-log.js';
import { Router } from '../../../../src/main/router.js';
import { smallSizes } from '../../../support/stations.js';
import { silent } from '../../../support/stress.js';

/** Lines of the log, as fields and message. */
type Line = readonly [fields: Record<string, unknown>, message: string];

const heard: Line[] = [];
const log = { ...silent, info: (fields: object, message: string) => heard.push([{ ...fields }, message]) };
const router = await Router.start({ workers: 1, kernelTaps: false, sizes: smallSizes(2), log });
after(() => router.stop());
const daemon = { reload: () => Promise.resolve(), shutdown: () => {} };
const run = (line: string): Promise<string> => runCommand(router, splitWords(line), false, daemon);

/** An IPv4 packet whose header checksum is wrong, behind its address family. */
const BAD = `00000002${'4500001400000000400000000a0000010a000002'}`;
await run('ifconfig rport0 create up');
await run('ifconfig rport1 create parent rport0 up');

/** Resolves when `frames` frames are counted as dropped. */
async function dropped(frames: number): Promise<void> {
  while (router.books().totals.dropped < frames) await sleep(5);
}

test('what was dropped since the look before, of interfaces with the flag alone', async () => {
  const lines: Line[] = [];
  const drops = new DropLog(router.memory, router.table, {
    info: (fields, message) => lines.push([{ ...fields }, message]),
  });
  const look = (): Line[] => {
    lines.length = 0;
    drops.look();
    return [...lines];
  };
  await run(`inject rport0 ${BAD}`);
  await dropped(1);
  assert.deepEqual(look(), []);
  await run('ifconfig rport1 debug');
  assert.deepEqual(look(), []);
  for (let n = 0; n < 2; n++) await run(`inject rport0 ${BAD}`);
  await dropped(3);
  assert.deepEqual(look(), [
    [{ event: 'drops', interface: 'rport1', drops: { 'ip4-checksum': 2 } }, 'rport1: dropped 2 ip4-checksum'],
  ]);
  assert.deepEqual(look(), []);
  await run('ifconfig rport1 -debug');
  await run(`inject rport0 ${BAD}`);
  await dropped(4);
  assert.deepEqual(look(), []);
});

test('the router looks by itself, and the flag is shown and printed', async () => {
  await run('ifconfig rport1 debug');
  assert.match(await run('ifconfig rport1'), /^rport1: flags=8055<UP,DEBUG,POINTOPOINT,RUNNING,MULTICAST>/);
  assert.match(await run('show running'), /^ifconfig rport1 create debug$/m);
  while (!heard.some(([{ event, interface: name }]) => event === 'drops' && name === 'rport1')) {
    await run(`inject rport0 ${BAD}`);
    await sleep(20);
  }
});
