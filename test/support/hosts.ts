/**
 * Hosts on a bridge: a namespace behind each TAP, or attached veth, of a running smrouterd, with addresses 198.18.0.N and fd00::N.
 */
import { Daemon } from './daemon.js';
import { Netns } from './netns.js';
import { uniqueTap } from './programs.js';
import { makeVeth } from './veth.js';

/** How a host's link is driven. */
export type PortKind = 'tap' | 'packet' | 'xdp';

/** One host: its namespace, its TAP and its addresses. */
export interface Host {
  readonly netns: Netns;
  /** The name of both ends of its link. */
  readonly tap: string;
  readonly kind: PortKind;
  readonly v4: string;
  readonly v6: string;
}

/** What a ping counted. */
export interface PingCount {
  readonly sent: number;
  readonly received: number;
}

export interface LanOptions {
  readonly hosts: number;
  readonly workers?: number;
  /** The kind of each host's link; TAPs unless told. */
  readonly kinds?: readonly PortKind[];
  /** Further configuration lines. */
  readonly lines?: readonly string[];
  /** Words to start the daemon with, in front of its own. */
  readonly under?: readonly string[];
}

/** Reads the summary of ping. */
export function pingCount(output: string): PingCount {
  const [, sent = '', received = ''] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? [];
  if (sent === '') throw new Error(`ping said: ${output}`);
  return { sent: Number(sent), received: Number(received) };
}

/** Configuration lines of a port whose kernel end is in the host's namespace. */
export function portLines(host: Host): string[] {
  const { tap, kind, netns } = host;
  const made = kind === 'tap' ? `create netns ${netns.name}` : `attach ${kind}`;
  return [`ifconfig ${tap} ${made} up`, `ifconfig veb0 add ${tap}`];
}

export class Lan {
  readonly daemon: Daemon;
  readonly hosts: readonly Host[];

  private constructor(daemon: Daemon, hosts: readonly Host[]) {
    this.daemon = daemon;
    this.hosts = hosts;
  }

  /** veb0 and its hosts, all up. */
  static async start(name: string, options: LanOptions): Promise<Lan> {
    const hosts = Array.from({ length: options.hosts }, (_, n) => {
      const kind = options.kinds?.[n] ?? 'tap';
      const netns = Netns.create(name);
      const tap = kind === 'tap' ? uniqueTap() : makeVeth(netns).name;
      const host = { netns, kind, tap, v4: `198.18.0.${n + 1}`, v6: `fd00::${n + 1}` };
      // Nothing but what a test sends, as far as Linux can be told.
      host.netns.exec(['sysctl', '-qw', 'net.ipv6.conf.default.router_solicitations=0']);
      return host;
    });
    try {
      const config = ['ifconfig veb0 create up', ...hosts.flatMap(portLines), ...(options.lines ?? [])];
      const workers = options.workers === undefined ? {} : { workers: options.workers };
      const lan = new Lan(await Daemon.start({ config, under: options.under ?? [], ...workers }), hosts);
      for (const host of hosts) lan.dress(host);
      return lan;
    } catch (error) {
      for (const host of hosts) host.netns.destroy();
      throw error;
    }
  }

  /** Gives a host's end its addresses and sets it up. */
  dress(host: Host): void {
    const dev = ['dev', host.tap];
    host.netns.exec(['ip', 'address', 'add', `${host.v4}/24`, ...dev]);
    host.netns.exec(['ip', 'address', 'add', `${host.v6}/64`, ...dev, 'nodad']);
    host.netns.exec(['ip', 'link', 'set', host.tap, 'up']);
  }

  /** The MAC of a host's end. */
  mac(host: Host): string {
    return host.netns.exec(['cat', `/sys/class/net/${host.tap}/address`]).trim();
  }

  /** Pings to the end and counts; losses are no error. */
  ping(from: Host, to: string, ...options: string[]): PingCount {
    const given = options.length > 0 ? options : ['-c', '3', '-i', '0.1'];
    const run = (...more: string[]): PingCount =>
      pingCount(
        from.netns.exec(['ping', '-q', '-n', '-W', '2', ...given, ...more, to], { check: false, timeoutMs: 20_000 }),
      );
    const count = run();
    // Once it has had an answer, ping waits for the last one no longer than between two requests: too short on a busy machine.
    return count.received > 0 && count.received < count.sent ? run('-i', '0.5') : count;
  }

  /** Frames dropped, by `interface reason`. */
  async drops(): Promise<Map<string, number>> {
    const rows = await this.daemon.json<{ interface: string; reason: string; frames: number }[]>('show', 'drops');
    return new Map(rows.map((row) => [`${row.interface} ${row.reason}`, row.frames]));
  }

  /** Takes everything down. Resolves to the daemon's exit status. */
  async stop(): Promise<number> {
    const status = await this.daemon.stop();
    for (const host of this.hosts) host.netns.destroy();
    return status;
  }
}
