/**
 * Routers and hosts of the SRv6 topologies (spec B §4): smrouterd processes whose TAPs meet in a namespace of Linux bridges, one for
 * each link, and hosts behind others.
 */
import { spawn } from 'node:child_process';
import { splitWords } from '../../src/main/config/lines.js';
import { Daemon } from './daemon.js';
import { Netns } from './netns.js';
import { uniqueTap } from './programs.js';

/** One router. */
export interface MeshRouter {
  readonly daemon: Daemon;
  /** Its TAP on the link of each name, and to each host. */
  readonly taps: Map<string, string>;
}

export class Mesh {
  /** Where the links are. */
  readonly core = Netns.create('core');
  readonly routers = new Map<string, MeshRouter>();
  readonly hosts = new Map<string, Netns>();

  /** A router with nothing set. */
  async router(name: string): Promise<MeshRouter> {
    const daemon = await Daemon.start({ config: [], workers: 1 });
    const router = { daemon, taps: new Map<string, string>() };
    this.routers.set(name, router);
    return router;
  }

  /** Joins routers by a link of that name; each gets a TAP there. */
  async link(name: string, ...ends: readonly string[]): Promise<void> {
    this.core.exec(['ip', 'link', 'add', name, 'type', 'bridge', 'mcast_snooping', '0']);
    this.core.exec(['sysctl', '-qw', `net.ipv6.conf.${name}.disable_ipv6=1`]);
    this.core.exec(['ip', 'link', 'set', name, 'up']);
    for (const end of ends) {
      const tap = await this.tap(end, name, this.core);
      this.core.exec(['ip', 'link', 'set', tap, 'master', name, 'up']);
    }
  }

  /** A host behind a TAP of `router`, with addresses, which answers to IPv6 at once. */
  async host(name: string, router: string, ...addresses: readonly string[]): Promise<Netns> {
    const netns = Netns.create('hs');
    this.hosts.set(name, netns);
    netns.exec(['sysctl', '-qw', 'net.ipv6.conf.default.router_solicitations=0']);
    const tap = await this.tap(router, name, netns);
    netns.exec(['ip', 'link', 'set', tap, 'up']);
    for (const address of addresses) {
      netns.exec(['ip', 'addr', 'add', address, 'dev', tap, ...(address.includes(':') ? ['nodad'] : [])]);
    }
    return netns;
  }

  /** Runs commands on a router; `{NAME}` stands for its TAP of that name. */
  async run(name: string, ...lines: readonly string[]): Promise<void> {
    const { daemon, taps } = this.get(name);
    for (const line of lines) {
      const words = splitWords(line.replace(/\{(\w+)\}/g, (_, tap: string) => taps.get(tap) ?? tap));
      await daemon.run(...words).catch((error: Error) => {
        throw new Error(`${name}: ${words.join(' ')}: ${error.message}`);
      });
    }
  }

  get(name: string): MeshRouter {
    const router = this.routers.get(name);
    if (router === undefined) throw new Error(`no router ${name}`);
    return router;
  }

  /** The exit status of each ping, all at once: 0 = answered, 1 = no reply, 2 = an error. */
  pings(list: readonly (readonly [from: string, to: string])[], wait: number): Promise<(number | null)[]> {
    return Promise.all(
      list.map(([from, to]) => {
        const { name } = this.hosts.get(from) as Netns;
        const words = ['netns', 'exec', name, 'ping', '-n', '-c', '1', '-W', String(wait), to];
        const child = spawn('ip', words, { stdio: 'ignore' });
        return new Promise<number | null>((resolve) => child.once('exit', resolve));
      }),
    );
  }

  /** Ends everything; the routers' exit statuses. */
  async stop(): Promise<number[]> {
    const statuses = await Promise.all([...this.routers.values()].map(({ daemon }) => daemon.stop()));
    for (const netns of [this.core, ...this.hosts.values()]) netns.destroy();
    return statuses;
  }

  private async tap(router: string, name: string, netns: Netns): Promise<string> {
    const { daemon, taps } = this.get(router);
    const tap = uniqueTap();
    taps.set(name, tap);
    await daemon.run('ifconfig', tap, 'create', 'netns', netns.name, 'up');
    return tap;
  }
}
