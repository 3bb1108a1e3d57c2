/**
 * Linux as an IP router of three legs (random-packets.ts), each a veth whose other end is in a namespace with nobody in it. It says
 * little of its own accord, knows its neighbours, and its rate limits are as far off as they go.
 */
import assert from 'node:assert/strict';
import { FarEnd } from '../conformance/devices/far-end.js';
import { Netns } from './netns.js';
import { HOST_MACS, LEG_MACS, LEG_MTUS, LEGS, ROUTES, type Stimulus } from './random-packets.js';

/** More frames than one batch makes. */
const ALL = 100_000;
/** Linux answers while a packet is sent; a read that finds nothing waits so long. */
const ENOUGH_MS = 30;

const SETTINGS = [
  ...['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.forwarding=1'],
  ...['net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0', 'net.ipv4.icmp_ratelimit=0'],
  ...['net.ipv4.icmp_msgs_per_sec=1000000', 'net.ipv4.icmp_msgs_burst=1000000', 'net.ipv6.icmp.ratelimit=0'],
  ...['net.ipv6.conf.default.router_solicitations=0', 'net.ipv6.conf.default.accept_ra=0'],
  ...['net.ipv6.conf.default.accept_dad=0', 'net.ipv6.auto_flowlabels=0'],
];

/** The usual text of a link-layer address. */
export function macText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

export class LinuxRouter {
  private constructor(
    private readonly router: Netns,
    private readonly hosts: Netns,
    private readonly far: FarEnd,
  ) {}

  static async start(): Promise<LinuxRouter> {
    const router = Netns.create('linux');
    const hosts = Netns.create('linux');
    router.exec(['sysctl', '-qw', ...SETTINGS]);
    hosts.exec(['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1']);
    const batch: string[] = [];
    const lower: string[] = [];
    for (const n of LEGS) {
      const [mac, host] = [LEG_MACS[n], HOST_MACS[n]].map((bytes) => macText(bytes as Uint8Array));
      const mtu = LEG_MTUS[n];
      batch.push(`link add p${n} address ${mac} mtu ${mtu} type veth peer name e${n} netns ${hosts.name}`);
      batch.push(`addr add 10.0.${n + 1}.1/24 brd + dev p${n}`, `addr add 2001:db8:${n + 1}::1/64 dev p${n} nodad`);
      batch.push(`link set p${n} up`);
      for (const at of [`10.0.${n + 1}.9`, `2001:db8:${n + 1}::9`, `fe80::ff:fe00:${n + 1}09`])
        batch.push(`neigh replace ${at} lladdr ${host} dev p${n}`);
      lower.push(`link set e${n} address ${host} mtu ${mtu} up`);
    }
    for (const { net, via, kind } of ROUTES) {
      const gateway = net.includes(':') ? `2001:db8:${(via ?? 0) + 1}::9` : `10.0.${(via ?? 0) + 1}.9`;
      batch.push(kind === undefined ? `route add ${net} via ${gateway}` : `route add ${LINUX_KIND[kind]} ${net}`);
    }
    router.exec(['ip', '-batch', '-'], { input: `${batch.join('\n')}\n` });
    hosts.exec(['ip', '-batch', '-'], { input: `${lower.join('\n')}\n` });
    // What leaves has its checksums.
    for (const n of LEGS) router.exec(['ethtool', '-K', `p${n}`, 'tx', 'off']);
    const far = await FarEnd.open(
      hosts,
      LEGS.map((n) => `e${n}`),
    );
    return new LinuxRouter(router, hosts, far);
  }

  /** Sends frames into their legs. Returns what came out of each. */
  async send(stimuli: readonly Stimulus[]): Promise<Uint8Array[][]> {
    for (const { leg, frames } of stimuli) for (const bytes of frames) assert.ok(await this.far.send(leg, bytes));
    const out: Uint8Array[][] = [];
    for (const n of LEGS) out.push((await this.far.receive(n, ALL, ENOUGH_MS)).map(({ bytes }) => bytes));
    return out;
  }

  stop(): void {
    this.router.destroy();
    this.hosts.destroy();
  }
}

const LINUX_KIND = { reject: 'unreachable', blackhole: 'blackhole' };
