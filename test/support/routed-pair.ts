/**
 * Two hosts, each in a namespace of its own, with a router between them: smrouterd on TAPs, or the kernel in a third namespace on veths.
 * Host A is 10.0.1.9 and 2001:db8:1::9 on link `a`, host B 10.0.2.9 and 2001:db8:2::9 on link `b`; the router is .1 and ::1 of both.
 */
import { Daemon } from './daemon.js';
import { Netns, uniqueLinkName } from './netns.js';
import { uniqueTap } from './programs.js';

/** A host and its link. */
export interface RoutedHost {
  readonly netns: Netns;
  readonly link: string;
  readonly v4: string;
  readonly v6: string;
}

/** Link-layer addresses of the hosts and of the router's two links, the same whatever the router is. */
export const MACS = {
  a: '02:00:00:00:0a:09',
  b: '02:00:00:00:0b:09',
  routerA: '02:00:00:00:0a:01',
  routerB: '02:00:00:00:0b:01',
};

export interface RoutedPairOptions {
  readonly kernel?: boolean;
  /** Further configuration lines for smrouterd; `$A` and `$B` stand for its TAPs. */
  readonly lines?: readonly string[];
  /** Further commands for a kernel router; `$A` and `$B` likewise. */
  readonly commands?: readonly (readonly string[])[];
  /** The hosts have no addresses, so they say nothing of their own. */
  readonly silent?: boolean;
  /** MTU of link b. */
  readonly mtuB?: number;
}

export class RoutedPair {
  readonly a: RoutedHost;
  readonly b: RoutedHost;
  /** Of smrouterd only. */
  readonly daemon: Daemon | undefined;
  private readonly router: Netns | undefined;

  private constructor(a: RoutedHost, b: RoutedHost, daemon?: Daemon, router?: Netns) {
    this.a = a;
    this.b = b;
    this.daemon = daemon;
    this.router = router;
  }

  static async start(
    name: string,
    { kernel = false, lines = [], commands = [], mtuB = 1500, silent = false }: RoutedPairOptions,
  ): Promise<RoutedPair> {
    const host = (n: number): RoutedHost => ({
      netns: quiet(Netns.create(name)),
      link: kernel ? uniqueLinkName() : uniqueTap(),
      v4: `10.0.${n}.9`,
      v6: `2001:db8:${n}::9`,
    });
    const [a, b] = [host(1), host(2)];
    const words = (text: string): string => text.replaceAll('$A', a.link).replaceAll('$B', b.link);
    if (kernel) {
      const router = quiet(Netns.create(name));
      const forward = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
      const alike = [
        'net.ipv4.conf.all.rp_filter=0',
        'net.ipv4.conf.default.rp_filter=0',
        'net.ipv4.icmp_ratelimit=0',
        'net.ipv4.icmp_msgs_per_sec=100000',
        'net.ipv4.icmp_msgs_burst=100000',
        'net.ipv6.icmp.ratelimit=0',
      ];
      router.exec(['sysctl', '-qw', ...forward, ...alike]);
      for (const [one, mac, n, mtu] of [
        [a, MACS.routerA, 1, 1500],
        [b, MACS.routerB, 2, mtuB],
      ] as const) {
        const port = `${one.link}r`;
        router.exec([
          'ip',
          'link',
          'add',
          port,
          'address',
          mac,
          'type',
          'veth',
          'peer',
          'name',
          one.link,
          'netns',
          one.netns.name,
        ]);
        router.exec(['ip', 'addr', 'add', `10.0.${n}.1/24`, 'brd', '+', 'dev', port]);
        router.exec(['ip', 'addr', 'add', `2001:db8:${n}::1/64`, 'dev', port, 'nodad']);
        router.exec(['ip', 'link', 'set', port, 'mtu', String(mtu), 'up']);
      }
      for (const command of commands) router.exec(command.map((word) => words(word).replace(/^(smr\S*)$/, '$1r')));
      const pair = new RoutedPair(a, b, undefined, router);
      pair.dress(mtuB, silent);
      return pair;
    }
    const config = [
      `ifconfig ${a.link} create lladdr ${MACS.routerA} netns ${a.netns.name} 10.0.1.1/24 up`,
      `ifconfig ${b.link} create lladdr ${MACS.routerB} mtu ${mtuB} netns ${b.netns.name} 10.0.2.1/24 up`,
      `ifconfig ${a.link} inet6 2001:db8:1::1/64`,
      `ifconfig ${b.link} inet6 2001:db8:2::1/64`,
      ...lines.map(words),
    ];
    const pair = new RoutedPair(a, b, await Daemon.start({ config, workers: 2 }));
    pair.dress(mtuB, silent);
    return pair;
  }

  /** Gives the hosts' links their addresses and routes. */
  dress(mtuB: number, silent = false): void {
    for (const [host, mac, n, mtu] of [
      [this.a, MACS.a, 1, 1500],
      [this.b, MACS.b, 2, mtuB],
    ] as const) {
      const dev = ['dev', host.link];
      host.netns.exec(['ip', 'link', 'set', host.link, 'address', mac, 'mtu', String(mtu)]);
      if (silent) {
        host.netns.exec(['ip', 'link', 'set', host.link, 'up']);
        continue;
      }
      host.netns.exec(['ip', 'addr', 'replace', `${host.v4}/24`, ...dev]);
      host.netns.exec(['ip', 'addr', 'replace', `${host.v6}/64`, ...dev, 'nodad']);
      host.netns.exec(['ip', 'link', 'set', host.link, 'up']);
      host.netns.exec(['ip', 'route', 'replace', 'default', 'via', `10.0.${n}.1`]);
      host.netns.exec(['ip', '-6', 'route', 'replace', 'default', 'via', `2001:db8:${n}::1`]);
    }
  }

  /** Makes the hosts neighbours that the router need not ask. */
  async fixNeighbours(): Promise<void> {
    for (const [host, mac] of [
      [this.a, MACS.a],
      [this.b, MACS.b],
    ] as const) {
      for (const address of [host.v4, host.v6]) {
        this.router?.exec(['ip', 'neigh', 'replace', address, 'lladdr', mac, 'dev', `${host.link}r`]);
        await this.daemon?.run(address === host.v4 ? 'arp' : 'ndp', '-s', address, mac);
      }
    }
  }

  /** Takes everything down. Resolves to the daemon's exit status, 0 for the kernel. */
  async stop(): Promise<number> {
    const status = (await this.daemon?.stop()) ?? 0;
    for (const netns of [this.a.netns, this.b.netns, this.router]) netns?.destroy();
    return status;
  }
}

/** Without what Linux says of its own accord. */
function quiet(netns: Netns): Netns {
  netns.exec([
    'sysctl',
    '-qw',
    'net.ipv6.conf.default.router_solicitations=0',
    'net.ipv6.conf.default.accept_ra=0',
    'net.ipv6.conf.default.accept_dad=0',
  ]);
  return netns;
}
