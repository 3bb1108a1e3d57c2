/**
 * `tap-tcp`: iperf3 between two namespaces, 1 and 4 streams, through smrouterd on TAPs and through the kernel's bridge on
 * veths beside it.
 */

import { spawn } from 'node:child_process';
import { skipReason } from '../support/require.js';
import { type Bench, interleaved, type Measured, round } from './bench.js';
import { type TwoHosts, throughLinuxBridge, throughSmrouter } from './two-hosts.js';

const SECONDS = 3;
const PAIRS = 5;
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
  const peer = await throughLinuxBridge();
  const results: Measured[] = [];
  try {
    for (const streams of [1, 4]) {
      const { a, b, ratio, spread } = await interleaved(
        PAIRS,
        () => iperf(ours, streams),
        () => iperf(peer, streams),
      );
      const note = `${streams} stream${streams > 1 ? 's' : ''}, ${SECONDS} s each; the peer ${round(b)} Gb/s; ${spread}`;
      results.push({
        value: round(a),
        unit: 'Gb/s',
        ratio: round(ratio),
        peer: 'Linux bridge, veth',
        note,
      });
    }
  } finally {
    await ours.stop();
    await peer.stop();
  }
  const [first, ...more] = results as [Measured, ...Measured[]];
  return { ...first, more };
}

export const tapTcp: Bench = { name: 'tap-tcp', about: 'iperf3 between two namespaces through a veb on TAPs', run };
