/**
 * `tap-pps`: 60-byte frames from an AF_PACKET sender on core 0, the forwarder on core 1, a host that drops them at once.
 * Beside it, in turn: the bare read-and-write loop (the floor), and the kernel's bridge on veths.
 */
import { fileURLToPath } from 'node:url';
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, round } from './bench.js';
import { type TwoHosts, throughBareLoop, throughLinuxBridge, throughSmrouter } from './two-hosts.js';

const FLOOD = fileURLToPath(new URL('../load/flood.js', import.meta.url));
const SECONDS = 3;
const ROUNDS = 5;

/** Frames the sink's link has received. */
function received(hosts: TwoHosts): number {
  return Number(hosts.b.exec(['cat', `/sys/class/net/${hosts.linkB}/statistics/rx_packets`]));
}

/** Thousand frames a second that arrived at the sink, and that were offered. */
function measure(hosts: TwoHosts): { got: number; offered: number } {
  const before = received(hosts);
  const flood = ['taskset', '-c', '0', process.execPath, FLOOD, hosts.linkA, hosts.macB, hosts.macA, String(SECONDS)];
  const said = JSON.parse(hosts.a.exec(flood, { timeoutMs: (SECONDS + 10) * 1000 })) as {
    sent: number;
    seconds: number;
  };
  const got = received(hosts) - before;
  return { got: got / said.seconds / 1000, offered: said.sent / said.seconds / 1000 };
}

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun();
  if (skip) return skip;
  const all = {
    ours: await throughSmrouter(true),
    floor: await throughBareLoop(true),
    bridge: await throughLinuxBridge(),
  };
  const got = { ours: [] as number[], floor: [] as number[], bridge: [] as number[] };
  const offered: number[] = [];
  try {
    for (let n = 0; n < ROUNDS; n++) {
      for (const [name, hosts] of Object.entries(all)) {
        if (hosts === undefined) continue;
        const rate = measure(hosts);
        got[name as keyof typeof got].push(rate.got);
        if (name === 'ours') offered.push(rate.offered);
      }
    }
  } finally {
    for (const hosts of Object.values(all)) await hosts?.stop();
  }
  const [ours, floor, bridge] = [got.ours, got.floor, got.bridge];
  const span = (list: number[]): string => `${round(Math.min(...list))}–${round(Math.max(...list))}`;
  const ratios = (theirs: number[]): number => median(ours.map((value, n) => value / (theirs[n] as number)));
  const result: Measured = {
    value: round(median(ours)),
    unit: 'kframes/s',
    ratio: round(ratios(bridge)),
    peer: 'Linux bridge, veth, one softirq core',
    note: `offered ${round(median(offered))}, ours ${span(ours)}, the bridge ${span(bridge)}; ${ROUNDS} rounds of ${SECONDS} s`,
  };
  if (floor.length === 0) return result;
  const peer = 'one bare read and write a frame, in C';
  const note = `the bare loop ${span(floor)}`;
  const more = [{ value: result.value, unit: result.unit, ratio: round(ratios(floor)), peer, note }];
  return { ...result, limit: round(median(floor)), more };
}

export const tapPps: Bench = { name: 'tap-pps', about: '60-byte frames through a veb on TAPs', run };
