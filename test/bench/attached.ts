/**
 * `xdp-pps`, `xdp-imix`, `xdp-1514`, `packet-pps`: frames from an AF_PACKET sender on core 0, over veths, the forwarder on core 1, a
 * host that drops them at once. Beside ours, in turn: the kernel's bridge on one softirq core, the same with RPS on the second,
 * DPDK's testpmd with its driver for the same kind of socket, and Open vSwitch with DPDK.
 *
 * The sender's core runs the softirq of the veth it sends to, and so the kernel's part of AF_XDP's receiving too: it is what
 * bounds the rate there. How much it can offer is the limit of each figure: the same flood to a port that is in no bridge, where a worker
 * takes each frame and drops it. `xdp-pps` tells the processor time a frame at a fixed rate as well.
 */
import { skipReason } from '../support/require.js';
import {
  alone,
  type DpdkDriver,
  type ProcessHosts,
  throughAttached,
  throughOvsDpdk,
  throughTestpmd,
} from './attached-hosts.js';
import { type Bench, type Measured, median, medianRatio, round, span } from './bench.js';
import { type Costs, measure as measureCost, noCosts } from './cpu.js';
import { Pace } from './pace.js';
import { measure, Rates } from './tap-pps.js';
import { type TwoHosts, throughLinuxBridge } from './two-hosts.js';

const ROUNDS = 3;
/** Frames a second at which processor time is compared, and how many come together. */
const FIXED_RATE = 300_000;
const SPARSE_RATE = 100_000;
const TOGETHER = 32;

/** The kernel's bridge whose second core takes a part: what port `p0` receives goes to core 1. */
async function throughBridgeWithRps(): Promise<TwoHosts> {
  const hosts = await throughLinuxBridge();
  hosts.bridge?.exec(['sh', '-c', 'echo 2 > /sys/class/net/p0/queues/rx-0/rps_cpus']);
  return hosts;
}

/** All that are measured beside each other; a text says why one is not there. */
async function forwarders(kind: 'xdp' | 'packet'): Promise<Record<string, TwoHosts | string>> {
  const driver: DpdkDriver = kind === 'xdp' ? 'net_af_xdp' : 'net_af_packet';
  return {
    ours: await throughAttached([kind, kind], true),
    'Linux bridge, veth, one softirq core': await throughLinuxBridge(),
    'Linux bridge, veth, RPS on the second core': await throughBridgeWithRps(),
    [`DPDK testpmd, ${driver}`]: await throughTestpmd(driver),
    ...(kind === 'xdp' ? { 'Open vSwitch with DPDK, net_af_xdp': await throughOvsDpdk() } : {}),
  };
}

/** A port of ours in no bridge: what it receives is dropped. */
async function throughPortAlone(kind: 'xdp' | 'packet'): Promise<TwoHosts> {
  const hosts = await throughAttached([kind, kind], true);
  hosts.smrctl('ifconfig', 'veb0', 'del', 'p0');
  return hosts;
}

async function stopAll(all: Record<string, TwoHosts | string>): Promise<void> {
  for (const hosts of Object.values(all)) if (typeof hosts !== 'string') await hosts.stop();
}

/** Rates of frames of one size, and what `further` finds on the same hosts. */
async function rates(
  kind: 'xdp' | 'packet',
  size: string,
  further: (all: Record<string, TwoHosts | string>) => Promise<Measured[]> = async () => [],
): Promise<Measured | string> {
  const skip = skipReason.root();
  if (skip) return skip;
  const all = await forwarders(kind);
  const sink = await throughPortAlone(kind);
  const flood = ['0', size];
  try {
    const found = new Map<string, Rates>();
    const most = new Rates();
    for (let n = 0; n < ROUNDS; n++) {
      await alone(Object.values(all), sink, () => measure({ ...sink, flood }, most));
      for (const [name, hosts] of Object.entries(all)) {
        if (typeof hosts === 'string') continue;
        const rate = found.get(name) ?? new Rates();
        found.set(name, rate);
        await alone(Object.values(all), hosts, () => measure({ ...hosts, flood }, rate));
      }
    }
    const ours = found.get('ours') as Rates;
    const value = round(median(ours.got));
    const limit = round(median(most.offered));
    const absent = Object.entries(all).flatMap(([name, hosts]) =>
      typeof hosts === 'string' ? [`${name}: ${hosts}`] : [],
    );
    const peers = [...found].filter(([name]) => name !== 'ours');
    const results = peers.map(([peer, theirs]): Measured => {
      const note = `ours: ${ours.note}; ${peer}: ${theirs.note}; the sender, to a port that drops, ${limit}; ${ROUNDS} rounds${absent.map((why) => `; ${why}`).join('')}`;
      return { value, unit: 'kframes/s', ratio: medianRatio(ours.got, theirs.got), peer, limit, note };
    });
    const [first, ...more] = results as [Measured, ...Measured[]];
    return { ...first, more: [...more, ...(await further(all))] };
  } finally {
    await sink.stop();
    await stopAll(all);
  }
}

/** Processor time a frame at fixed rates, ours asleep when idle, beside the bridge and those that spin. */
async function costs(all: Record<string, TwoHosts | string>): Promise<Measured[]> {
  const pace = Pace.make();
  if (pace === undefined) return [];
  const ours = all.ours as ProcessHosts & { smrctl(...words: string[]): string };
  ours.smrctl('sysctl', 'smrouter.idle=sleep');
  return [...(await costsAt(pace, all, FIXED_RATE)), ...(await costsAt(pace, all, SPARSE_RATE))];
}

async function costsAt(pace: Pace, all: Record<string, TwoHosts | string>, rate: number): Promise<Measured[]> {
  const found = new Map<string, Costs>();
  for (let n = 0; n < ROUNDS; n++) {
    for (const [name, hosts] of Object.entries(all)) {
      if (typeof hosts === 'string') continue;
      const cost = found.get(name) ?? noCosts();
      found.set(name, cost);
      const { pid } = hosts as Partial<ProcessHosts>;
      await alone(Object.values(all), hosts, () => measureCost(pace, hosts, TOGETHER, pid, cost, rate));
    }
  }
  const ours = found.get('ours') as Costs;
  const peers = [...found].filter(([name]) => name !== 'ours');
  return peers.map(([peer, theirs]): Measured => {
    const what = `sender, ksoftirqd and forwarder at ${rate} frames/s in bursts of ${TOGETHER}, bare sending included`;
    const lost = `lost ${span(ours.lost)}, by the peer ${span(theirs.lost)}`;
    const note = `${what}; ours ${span(ours.tasks)}, its threads ${span(ours.daemon)}; ${peer} ${span(theirs.tasks)}; ${lost}`;
    return {
      value: round(median(ours.tasks)),
      unit: 'ns/frame',
      ratio: medianRatio(theirs.tasks, ours.tasks),
      peer,
      note,
    };
  });
}

export const xdpPps: Bench = {
  name: 'xdp-pps',
  about: '60-byte frames through a veb on AF_XDP, and processor time a frame',
  run: () => rates('xdp', '60', costs),
};
export const xdpImix: Bench = { name: 'xdp-imix', about: 'the same of IMIX', run: () => rates('xdp', 'imix') };
export const xdp1514: Bench = { name: 'xdp-1514', about: 'the same of 1514 bytes', run: () => rates('xdp', '1514') };
export const packetPps: Bench = {
  name: 'packet-pps',
  about: '60-byte frames through a veb on AF_PACKET, and processor time a frame',
  run: () => rates('packet', '60', costs),
};
