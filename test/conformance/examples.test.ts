/** Every configuration in examples/ loads, comes up, and reads back; the filtering bridge filters. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../../src/main/cli/command.js';
import { runningLines } from '../../src/main/config/running.js';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { BROADCAST, frame } from '../support/rig.js';

const FOLDER = fileURLToPath(new URL('../../../examples/', import.meta.url));
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.conf'));
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const routers: Router[] = [];
after(async () => {
  for (const router of routers) await router.stop();
});

/** A router on memory ports that runs an example. */
async function start(file: string): Promise<Router> {
  const state = readConfig(file, readFileSync(`${FOLDER}${file}`, 'utf8'));
  const router = await Router.start({
    workers: 1,
    kernelTaps: false,
    poison: true,
    log: quiet,
    settings: state.settings,
  });
  routers.push(router);
  await router.change((draft) => {
    for (const [name, spec] of state.interfaces) draft.state.interfaces.set(name, spec);
  });
  return router;
}

for (const file of FILES) {
  test(`examples/${file} runs, and show running gives the same again`, async () => {
    const router = await start(file);
    const lines = runningLines(router.state);
    assert.deepEqual(readConfig('running', lines.join('\n')), router.state);
    for (const spec of router.state.interfaces.values()) assert.ok(router.table.find(spec.name), spec.name);
  });
}

test('examples/filtering-bridge.conf keeps clients apart, and the probe sees everything', async () => {
  const router = await start('filtering-bridge.conf');
  const hosts = ['mem0', 'mem1', 'mem2', 'mem3'].map((name) => new MemoryHost(router.memory, router.table.get(name)));
  const [, client, , probe] = hosts as [MemoryHost, MemoryHost, MemoryHost, MemoryHost];
  const ip = frame(BROADCAST, '02:00:00:00:00:02', { type: 0x0800 });
  ip.set([0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 198, 18, 0, 2, 198, 18, 0, 255], 14);
  let sum = 0;
  for (let i = 14; i < 34; i += 2) sum += ((ip[i] as number) << 8) | (ip[i + 1] as number);
  const checksum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  ip.set([checksum >> 8, checksum & 255], 24);
  // IP to everybody; ARP for another client, which is blocked; something that is not IP, which is too.
  client.send(ip);
  const arp = frame(BROADCAST, '02:00:00:00:00:02', { type: 0x0806 });
  arp.set([0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 198, 18, 0, 2, 0, 0, 0, 0, 0, 0, 198, 18, 0, 3], 14);
  client.send(arp);
  client.send(frame(BROADCAST, '02:00:00:00:00:02'));
  const counts = [0, 0, 0, 0];
  for (let n = 0; n < 500 && (counts[3] as number) < 3; n++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    hosts.forEach((host, i) => {
      counts[i] = (counts[i] as number) + host.receive().length;
    });
  }
  assert.deepEqual(counts, [1, 0, 0, 3]);
  assert.equal(probe.receive().length, 0);
  await router.grace();
  assert.deepEqual(router.books().errors, []);
});
