/**
 * examples/router.conf as README.md has it tried: two hosts reach each other through the router, in both families.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Daemon } from '../support/daemon.js';
import { Netns } from '../support/netns.js';
import { skipReason } from '../support/require.js';

const EXAMPLE = new URL('../../../examples/router.conf', import.meta.url);

test('two hosts reach each other through examples/router.conf', {
  skip: skipReason.root() || skipReason.tun(),
}, async () => {
  const daemon = await Daemon.start({ config: readFileSync(EXAMPLE, 'utf8').split('\n'), workers: 1 });
  const hosts = [1, 2].map((n) => Netns.create(`rx${n}`));
  try {
    // The routes of the file are there, and a reload keeps them.
    for (const how of ['start', 'reload']) {
      const routes = await daemon.ctl('ip', 'route');
      assert.match(routes.stdout, /^198\.18\.3\.0\/24 via 198\.18\.2\.2 dev tap1 $/m, how);
      assert.match(routes.stdout, /^unreachable 198\.18\.0\.0\/15 $/m, how);
      await daemon.ctl('reload');
    }
    for (const [side, host] of hosts.entries()) {
      const n = side + 1;
      await daemon.ctl('ifconfig', `tap${side}`, 'netns', host.name);
      host.exec(['ip', 'address', 'add', `198.18.${n}.2/24`, 'dev', `tap${side}`]);
      host.exec(['ip', 'address', 'add', `fd00:${n}::2/64`, 'dev', `tap${side}`, 'nodad']);
      host.exec(['ip', 'link', 'set', `tap${side}`, 'up']);
      host.exec(['ip', 'route', 'add', 'default', 'via', `198.18.${n}.1`]);
      host.exec(['ip', 'route', 'add', 'default', 'via', `fd00:${n}::1`]);
    }
    const [first] = hosts as [Netns];
    for (const address of ['198.18.2.2', 'fd00:2::2']) {
      assert.match(first.exec(['ping', '-c', '3', '-i', '0.2', '-W', '2', address]), / 3 received/);
    }
  } finally {
    await daemon.stop();
    for (const host of hosts) host.destroy();
  }
});
