/** A smrouterd of our own for the load test: a veb with two TAPs, each in a fresh namespace. */
import { Daemon } from '../support/daemon.js';
import { Netns } from '../support/netns.js';
import { uniqueTap, until } from '../support/programs.js';
import type { Place } from './link-process.js';

const UP_MS = 5000;

export interface Lab {
  readonly from: Place;
  readonly to: Place;
  readonly daemon: Daemon;
  stop(): Promise<void>;
}

/** Makes a lab whose bridge learns up to `addresses` addresses; resolves when both links have carrier. */
export async function startLab(workers: number, addresses: number): Promise<Lab> {
  const hosts = ['la', 'lb'].map((prefix) => ({ netns: Netns.create(prefix), link: uniqueTap() }));
  // Not a frame of the kernel's own: what the bridge drops is then ours.
  for (const { netns } of hosts)
    netns.exec(['sh', '-c', 'f=/proc/sys/net/ipv6/conf/default/disable_ipv6; [ ! -e $f ] || echo 1 >$f']);
  const bridge = `ifconfig veb0 create maxaddr ${Math.min(1_048_576, addresses + 100)}`;
  const daemon = await Daemon.start({
    workers,
    config: [
      ...hosts.map(({ netns, link }) => `ifconfig ${link} create netns ${netns.name} up`),
      `${bridge} ${hosts.map(({ link }) => `add ${link}`).join(' ')} up`,
    ],
  });
  for (const { netns, link } of hosts) netns.exec(['ip', 'link', 'set', link, 'up']);
  for (const { netns, link } of hosts)
    await until(`carrier of ${link}`, UP_MS, () => netns.exec(['ip', 'link', 'show', link]).includes('LOWER_UP'));
  const [from, to] = hosts.map(({ netns, link }) => ({ link, netns: netns.name })) as [Place, Place];
  const stop = async (): Promise<void> => {
    await daemon.stop();
    for (const { netns } of hosts) netns.destroy();
  };
  return { from, to, daemon, stop };
}
