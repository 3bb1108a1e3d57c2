/** Kernel TAPs pass the suite of all devices, their far ends in a namespace: by lists of calls in machine code, and by koffi alone. */
import { Router } from '../../../src/main/router.js';
import { total } from '../../../src/shared/counter/books.js';
import { Netns } from '../../support/netns.js';
import { skipReason } from '../../support/require.js';
import { ifconfigOn } from '../../support/router-words.js';
import { smallSizes } from '../../support/stations.js';
import { silent } from '../../support/stress.js';
import { type DeviceRig, deviceSuite } from './device-suite.js';
import { FarEnd } from './far-end.js';

/** Waiting for one frame that should not come, and for what should. */
const NOTHING_MS = 150;
const SOMETHING_MS = 5000;

async function tapRig(callLists: boolean): Promise<DeviceRig> {
  const number = (process.pid % 100_000) * 10;
  const ports = [`tap${number}`, `tap${number + 1}`] as const;
  const netns = Netns.create('device');
  // The kernel's own chatter would be counted too.
  for (const which of ['all', 'default']) {
    netns.exec(['sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${which}/disable_ipv6 || true`]);
  }
  // One queue: the kernel keeps order within a queue, and may move a flow from one to another.
  const router = await Router.start({ workers: 1, callLists, sizes: smallSizes(2), log: silent });
  const ifconfig = ifconfigOn(router);
  await ifconfig('veb0 create up', ...ports.map((port) => `${port} create netns ${netns.name} up`));
  await ifconfig(`veb0 ${ports.map((port) => `add ${port}`).join(' ')}`);
  for (const port of ports) netns.exec(['ip', 'link', 'set', port, 'txqueuelen', '2000', 'up']);
  const far = await FarEnd.open(netns, ports);
  let expected = 0;
  return {
    ports,
    ifconfig: async (...lines) => {
      await ifconfig(...lines);
      // The kernel notices a carrier within a second.
      await new Promise((resolve) => setTimeout(resolve, 1200));
    },
    send: async (port, bytes, vnet) => {
      const taken = await far.send(port, bytes, vnet);
      if (taken) expected++;
      return taken;
    },
    receive: async (port, n) => {
      const frames = await far.receive(port, n, expected === 0 ? NOTHING_MS : SOMETHING_MS / 10);
      expected = 0;
      return frames;
    },
    counter: (port, word) => total(router.memory.views, router.table.get(ports[port]).index, word),
    bookErrors: () => router.books().errors,
    close: async () => {
      await router.stop();
      netns.destroy();
    },
  };
}

deviceSuite('tap', () => tapRig(true), skipReason.tun());
deviceSuite('tap, without machine code', () => tapRig(false), skipReason.tun());
