/**
 * `tap-tcp`: iperf3 between two namespaces, 1 and 4 streams, through smrouterd on TAPs; in turn with it through the kernel's
 * bridge on veths, and through the bare read-and-write loop in C on TAPs, which is the floor.
 */

import { spawn } from 'node:child_process';
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, round } from './bench.js';
import { type TwoHosts, throughBareLoop, throughLinuxBridge, throughSmrouter } from './two-hosts.js';

const SECONDS = 3;
const ROUNDS = 5;
const PORT = '5301';

/** Gb/s of one run, as the receiver saw it. */
async function iperf(hosts: TwoHosts, streams: number): Promise<number> {
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

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun();
  if (skip) return skip;
  const ours = await throughSmrouter(false);
  const bridge = await throughLinuxBridge();
  const floor = await throughBareLoop(false);
  const results: Measured[] = [];
  try {
    for (const streams of [1, 4]) {
      const rates = { ours: [] as number[], bridge: [] as number[], floor: [] as number[] };
      for (let n = 0; n < ROUNDS; n++) {
        rates.ours.push(await iperf(ours, streams));
        rates.bridge.push(await iperf(bridge, streams));
        if (floor !== undefined) rates.floor.push(await iperf(floor, streams));
      }
      results.push(result(streams, rates));
    }
  } finally {
    for (const hosts of [ours, bridge, floor]) await hosts?.stop();
  }
  const [first, ...more] = results as [Measured, ...Measured[]];
  return { ...first, more };
}

/** Medians of one number of streams; the bare loop in C is the floor, where there is a compiler. */
function result(streams: number, rates: Record<'ours' | 'bridge' | 'floor', number[]>): Measured {
  const span = (list: number[]): string => `${round(Math.min(...list))}–${round(Math.max(...list))}`;
  const ratio = median(rates.ours.map((value, n) => value / (rates.bridge[n] as number)));
  const bare = rates.floor.length === 0 ? '' : `, the bare loop ${span(rates.floor)}`;
  const measured: Measured = {
    value: round(median(rates.ours)),
    unit: 'Gb/s',
    ratio: round(ratio),
    peer: 'Linux bridge, veth',
    note: `${streams} streams, ${ROUNDS} rounds of ${SECONDS} s; ours ${span(rates.ours)}, the bridge ${span(rates.bridge)}${bare}`,
  };
  return rates.floor.length === 0 ? measured : { ...measured, limit: round(median(rates.floor)) };
}

export const tapTcp: Bench = { name: 'tap-tcp', about: 'iperf3 between two namespaces through a veb on TAPs', run };
