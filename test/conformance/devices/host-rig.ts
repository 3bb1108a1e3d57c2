/** Attached ends of veth pairs, for the suite of all devices; their far ends are in a namespace. */
import { Router } from '../../../src/main/router.js';
import { total } from '../../../src/shared/counter/books.js';
import { Netns } from '../../support/netns.js';
import { ifconfigOn } from '../../support/router-words.js';
import { smallSizes } from '../../support/stations.js';
import { silent } from '../../support/stress.js';
import { makeVeth } from '../../support/veth.js';
import type { DeviceRig } from './device-suite.js';
import { FarEnd } from './far-end.js';

/** Waiting for one frame that should not come, and for what should. */
const NOTHING_MS = 150;
const SOMETHING_MS = 500;

/** A bridge of two interfaces attached as `kind`. */
export async function hostRig(kind: 'packet' | 'xdp'): Promise<DeviceRig> {
  const netns = Netns.create('attached');
  for (const which of ['all', 'default']) {
    netns.exec(['sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${which}/disable_ipv6 || true`]);
  }
  const veths = [makeVeth(netns), makeVeth(netns)] as const;
  const ports = [veths[0].name, veths[1].name] as const;
  const router = await Router.start({ workers: 1, sizes: smallSizes(2), log: silent });
  const ifconfig = ifconfigOn(router);
  await ifconfig('veb0 create up', ...ports.map((port) => `${port} attach ${kind} up`));
  await ifconfig(`veb0 ${ports.map((port) => `add ${port}`).join(' ')}`);
  const far = await FarEnd.open(netns, ports);
  let expected = 0;
  return {
    ports,
    cuts: kind === 'xdp',
    ifconfig: async (...lines) => {
      await ifconfig(...lines);
      // The far end notices a carrier within a second.
      await new Promise((resolve) => setTimeout(resolve, 1200));
    },
    send: async (port, bytes, vnet) => {
      const taken = await far.send(port, bytes, vnet);
      if (taken) expected++;
      return taken;
    },
    receive: async (port, n) => {
      const frames = await far.receive(port, n, expected === 0 ? NOTHING_MS : SOMETHING_MS);
      expected = 0;
      return frames;
    },
    counter: (port, word) => total(router.memory.views, router.table.get(ports[port]).index, word),
    bookErrors: () => router.books().errors,
    close: async () => {
      await router.stop();
      netns.destroy();
      for (const veth of veths) veth.remove();
    },
  };
}
