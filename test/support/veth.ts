/** veth pairs: one end in this namespace, to be attached, the other in a namespace of a test. */
import { execFileSync } from 'node:child_process';
import { type Netns, uniqueLinkName } from './netns.js';

/** A pair: both ends have the same name. */
export interface Veth {
  readonly name: string;
  remove(): void;
}

/** Makes a pair, both ends up, quiet, with `queues` queues each. Throws when `ip` fails. */
export function makeVeth(netns: Netns, queues = 1): Veth {
  const name = uniqueLinkName();
  const counts = ['numrxqueues', String(queues), 'numtxqueues', String(queues)];
  const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' });
  // The host's own chatter would be counted too.
  const quiet = `echo 1 > /proc/sys/net/ipv6/conf/${name}/disable_ipv6 || true`;
  ip('link', 'add', name, ...counts, 'type', 'veth', 'peer', 'name', name, 'netns', netns.name, ...counts);
  execFileSync('sh', ['-c', quiet]);
  ip('link', 'set', name, 'up');
  netns.exec(['ip', 'link', 'set', name, 'txqueuelen', '2000', 'up']);
  return {
    name,
    remove: () => {
      try {
        ip('link', 'del', name);
      } catch {
        // It went with its namespace.
      }
    },
  };
}
