/**
 * `tap-tcp`: iperf3 between two namespaces, 1 and 4 streams, through smrouterd on TAPs; in turn with it through the
 * kernel's bridge on veths, through the bare read-and-write loop in C on TAPs, which is the floor, and through Open
 * vSwitch's userspace datapath on TAPs, which takes no superframes there: its hosts cut and sum by themselves.
 */

import { spawn } from 'node:child_process';
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, medianRatio, round, span } from './bench.js';
import {
  type TwoHosts,
  throughBareLoop,
  throughLinuxBridge,
  throughOpenVswitch,
  throughSmrouter,
} from './two-hosts.js';

export const SECONDS = 3;
export const ROUNDS = 5;
const PORT = '5301';

/** Gb/s of one run, as the receiver saw it. */
export async function iperf(hosts: TwoHosts, streams: number): Promise<number> {
  // In this process's session, like the client and the daemon: the kernel groups processes for scheduling by session, and three
  // busy threads on two cores are otherwise not given equal shares (11 against 15 Gb/s).
  const server = spawn('ip', ['netns', 'exec', hosts.b.name, 'iperf3', '-s', '-1', '-p', PORT], { stdio: 'ignore' });
  const done = new Promise((resolve) => server.once('exit', resolve));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const client = ['iperf3', '-J', '-c', hosts.addressB, '-p', PORT, '-t', String(SECONDS), '-P', String(streams)];
  const result = JSON.parse(hosts.a.exec(client, { timeoutMs: (SECONDS + 10) * 1000 })) as {
    end: { sum_received: { bits_per_second: number } };
  };
  await done;
  return result.end.sum_received.bits_per_second / 1e9;
}

type Rates = Record<'ours' | 'bridge' | 'floor' | 'ovs', number[]>;

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun();
  if (skip) return skip;
  const all = {
    ours: await throughSmrouter(false),
    bridge: await throughLinuxBridge(),
    floor: await throughBareLoop(false),
    ovs: await throughOpenVswitch(false),
  };
  const results: Measured[] = [];
  try {
    for (const streams of [1, 4]) {
      const rates: Rates = { ours: [], bridge: [], floor: [], ovs: [] };
      for (let n = 0; n < ROUNDS; n++) {
        for (const name of ['ours', 'bridge', 'floor', 'ovs'] as const) {
          const hosts = all[name];
          if (hosts !== undefined) rates[name].push(await iperf(hosts, streams));
        }
      }
      results.push(...figures(streams, rates));
    }
  } finally {
    for (const hosts of Object.values(all)) await hosts?.stop();
  }
  const [first, ...more] = results as [Measured, ...Measured[]];
  return { ...first, more };
}

/** Medians of one number of streams; the bare loop in C is the floor, where there is a compiler. */
function figures(streams: number, { ours, bridge, floor, ovs }: Rates): Measured[] {
  const value = round(median(ours));
  const unit = 'Gb/s';
  const bare = floor.length === 0 ? '' : `, the bare loop ${span(floor)}`;
  const absent = ovs.length > 0 ? '' : '; Open vSwitch is not installed';
  const rounds = `${streams} streams, ${ROUNDS} rounds of ${SECONDS} s; ours ${span(ours)}`;
  const note = `${rounds}, the bridge ${span(bridge)}${bare}${absent}`;
  const limit = floor.length === 0 ? {} : { limit: round(median(floor)) };
  const result = { value, unit, ratio: medianRatio(ours, bridge), peer: 'Linux bridge, veth', note, ...limit };
  if (ovs.length === 0) return [result];
  const peer = 'Open vSwitch, userspace datapath, TAP';
  return [result, { value, unit, ratio: medianRatio(ours, ovs), peer, note: `${rounds}, Open vSwitch ${span(ovs)}` }];
}

export const tapTcp: Bench = { name: 'tap-tcp', about: 'iperf3 between two namespaces through a veb on TAPs', run };
